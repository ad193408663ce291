//! A broker of a hundred lines that can be told to do wrong: loses, repeats, swaps, maims, refuses, stalls.
//! MQTT 3.1.1 and 5, every quality, one topic for everybody.

use mqtt_codec::{
    Ack, Connack, Framed, Packet, Properties, PropertiesBuf, Property, Publish, QoS, ReasonCode,
    Suback, Version,
};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What is done to the nth message, counted from 0 over all publishers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    Nothing,
    Lose(u64),
    Repeat(u64),
    /// It comes again with its packet id, as QoS 1 and 2 have it where an answer was late. No fault at QoS 2.
    Resend(u64),
    /// It comes after the one behind it.
    Swap(u64),
    /// A byte is cut off its payload.
    Maim(u64),
    Refuse(u64),
    HangUp(u64),
    Stall(u64, Duration),
}

/// Messages that it takes of an MQTT 5 publisher before it has answered.
const RECEIVE_MAXIMUM: u16 = 10;

pub(crate) struct FakeBroker {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    wrong: Wrong,
    count: u64,
    delivered: u64,
    /// Subscribers, with their quality and the packet id of their last message.
    subscribers: Vec<(TcpStream, QoS, u16)>,
    held: Option<(String, Vec<u8>)>,
    never: Receiver<()>,
}

impl FakeBroker {
    pub(crate) fn start(wrong: Wrong) -> FakeBroker {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (keep, never) = sync_channel(1);
        let state = Arc::new(Mutex::new(State {
            wrong,
            count: 0,
            delivered: 0,
            subscribers: Vec::new(),
            held: None,
            never,
        }));
        let shared = state.clone();
        std::thread::spawn(move || {
            let _keep = keep;
            for stream in listener.incoming().map_while(Result::ok) {
                let state = state.clone();
                std::thread::spawn(move || serve(stream, &state));
            }
        });
        FakeBroker {
            address,
            state: shared,
        }
    }

    /// What it has been sent, and what it has sent: its own account.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let state = self.state.lock().unwrap();
        (state.count, state.delivered)
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
    let mut version = Version::V311;
    loop {
        let n = stream.read(&mut buffer).ok().filter(|n| *n > 0)?;
        bytes.extend_from_slice(&buffer[..n]);
        let mut at = 0;
        while let Framed::Packet { first, body, len } =
            mqtt_codec::frame(&bytes[at..], u32::MAX).ok()?
        {
            at += len;
            let packet = mqtt_codec::decode(version, first, body).ok()?;
            if let Packet::Connect(connect) = &packet {
                version = connect.version;
            }
            answer(&mut stream, version, &packet, &mut state.lock().unwrap())?;
        }
        bytes.drain(..at);
    }
}

fn send(stream: &mut TcpStream, version: Version, packet: &Packet<'_>) -> Option<()> {
    let mut out = Vec::new();
    mqtt_codec::encode(packet, version, &mut out).ok()?;
    stream.write_all(&out).ok()
}

fn answer(
    stream: &mut TcpStream,
    version: Version,
    packet: &Packet<'_>,
    state: &mut State,
) -> Option<()> {
    let props = Properties::EMPTY;
    match packet {
        Packet::Connect(_) => {
            let mut props = PropertiesBuf::new();
            props.push(Property::ReceiveMaximum(RECEIVE_MAXIMUM));
            let connack = Connack {
                session_present: false,
                code: 0,
                props: props.as_props(),
            };
            send(stream, version, &Packet::Connack(connack))
        }
        Packet::Subscribe(subscribe) => {
            let codes: Vec<u8> = subscribe.filters().map(|(_, o)| o.qos.bits()).collect();
            let qos = QoS::from_bits(codes[0])?;
            let copy = stream.try_clone().ok()?;
            state.subscribers.push((copy, qos, 0));
            let suback = Suback {
                packet_id: subscribe.packet_id,
                props,
                codes: &codes,
            };
            send(stream, version, &Packet::Suback(suback))
        }
        Packet::Publish(publish) => {
            let mut ack = Ack::success(publish.packet_id);
            if state.wrong == Wrong::Refuse(state.count) {
                ack.reason = ReasonCode::QuotaExceeded;
            }
            match publish.qos {
                QoS::AtMostOnce => {}
                QoS::AtLeastOnce => send(stream, version, &Packet::Puback(ack))?,
                QoS::ExactlyOnce => send(stream, version, &Packet::Pubrec(ack))?,
            }
            state.pass_on(version, publish)
        }
        Packet::Pubrel(ack) => send(
            stream,
            version,
            &Packet::Pubcomp(Ack::success(ack.packet_id)),
        ),
        Packet::Pubrec(ack) => send(
            stream,
            version,
            &Packet::Pubrel(Ack::success(ack.packet_id)),
        ),
        Packet::Pingreq => send(stream, version, &Packet::Pingresp),
        _ => Some(()),
    }
}

impl State {
    fn pass_on(&mut self, version: Version, publish: &Publish<'_>) -> Option<()> {
        let n = self.count;
        self.count += 1;
        let whole = publish.payload;
        let topic = publish.topic;
        match self.wrong {
            Wrong::Lose(at) | Wrong::Refuse(at) if at == n => return Some(()),
            Wrong::Swap(at) if at == n => {
                self.held = Some((topic.into(), whole.into()));
                return Some(());
            }
            Wrong::HangUp(at) if at == n => {
                for (stream, ..) in &self.subscribers {
                    stream.shutdown(Shutdown::Both).ok()?;
                }
                return None;
            }
            Wrong::Stall(at, length) if at == n => {
                // Nothing is ever sent there.
                let _ = self.never.recv_timeout(length);
            }
            Wrong::Repeat(at) if at == n => self.deliver(version, topic, whole)?,
            Wrong::Resend(at) if at == n => {
                self.deliver(version, topic, whole)?;
                for (_, _, last) in &mut self.subscribers {
                    *last -= 1;
                }
            }
            _ => {}
        }
        let payload = if self.wrong == Wrong::Maim(n) {
            &whole[1..]
        } else {
            whole
        };
        self.deliver(version, topic, payload)?;
        if let Some((topic, payload)) = self.held.take() {
            self.deliver(version, &topic, &payload)?;
        }
        Some(())
    }

    fn deliver(&mut self, version: Version, topic: &str, payload: &[u8]) -> Option<()> {
        for (stream, qos, last) in &mut self.subscribers {
            self.delivered += 1;
            *last = *last % 60_000 + 1;
            let publish = Publish {
                dup: false,
                qos: *qos,
                retain: false,
                topic,
                packet_id: if *qos == QoS::AtMostOnce { 0 } else { *last },
                props: Properties::EMPTY,
                payload,
            };
            send(stream, version, &Packet::Publish(publish))?;
        }
        Some(())
    }
}
