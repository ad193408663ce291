//! A closed-loop MQTT load from one thread, and what it costs the broker: `cargo xtask perf` runs it.
//!
//! ```text
//! load HOST:PORT BROKER-PID SUBSCRIBERS QOS PAYLOAD WINDOW MESSAGES
//! ```
//! Prints `delivered=N seconds=S broker_cpu_us=C own_cpu_us=C rss_kib=R`, costs per delivered message.
//! The publisher never has more than a window of messages that its slowest subscriber has not got;
//! each message is checked by number, so a broker that loses or reorders one ends the run with an
//! error. A tenth of the messages go first, unmeasured, to warm up.

#![allow(clippy::print_stdout, reason = "a command-line program")]

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use mqtt_codec::{
    Ack, AckKind, Framed, Outgoing, Packet, Properties, QoS, ReasonCode, SubOptions, Subscribe,
    Version,
};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What is to be sent, and to how many.
#[derive(Clone, Copy)]
struct Load {
    pub subscribers: usize,
    pub qos: QoS,
    pub payload: usize,
    pub window: u64,
    pub messages: u64,
}

/// What came of it.
struct Outcome {
    pub delivered: u64,
    pub took: Duration,
}

const TOPIC: &str = "perf/topic";
/// A run in which nothing moves for this long has failed.
const STALL: Duration = Duration::from_secs(20);

struct Client {
    stream: TcpStream,
    input: Vec<u8>,
    output: Vec<u8>,
    /// Messages that it has got.
    received: u64,
    /// QoS 1 and 2 publishes of its own that are over.
    completed: u64,
}

fn other(what: impl Into<String>) -> io::Error {
    io::Error::other(what.into())
}

/// Connects, and subscribes if asked to, before the clock starts.
fn client(address: SocketAddr, name: &str, subscribe: Option<QoS>) -> io::Result<Client> {
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut out = Vec::new();
    let connect = Packet::Connect(mqtt_codec::Connect {
        version: Version::V311,
        bridge: false,
        clean: true,
        keep_alive: 0,
        props: Properties::EMPTY,
        client_id: name,
        will: None,
        user: None,
        password: None,
    });
    mqtt_codec::encode(&connect, Version::V311, &mut out).map_err(|e| other(e.to_string()))?;
    stream.write_all(&out)?;
    let mut connack = [0; 4];
    stream.read_exact(&mut connack)?;
    if connack != [0x20, 2, 0, 0] {
        return Err(other(format!("CONNACK {connack:?}")));
    }
    if let Some(qos) = subscribe {
        let mut scratch = Vec::new();
        let options = SubOptions {
            qos,
            ..SubOptions::default()
        };
        let subscribe = Subscribe::build(1, Properties::EMPTY, &[(TOPIC, options)], &mut scratch)
            .map_err(|e| other(e.to_string()))?;
        out.clear();
        mqtt_codec::encode(&Packet::Subscribe(subscribe), Version::V311, &mut out)
            .map_err(|e| other(e.to_string()))?;
        stream.write_all(&out)?;
        let mut suback = [0; 5];
        stream.read_exact(&mut suback)?;
        if suback[4] != qos as u8 {
            return Err(other(format!("SUBACK {suback:?}")));
        }
    }
    stream.set_nonblocking(true)?;
    let stream = TcpStream::from_std(stream);
    Ok(Client {
        stream,
        input: Vec::new(),
        output: Vec::new(),
        received: 0,
        completed: 0,
    })
}

fn ack(out: &mut Vec<u8>, kind: AckKind, packet_id: u16) {
    let ack = Ack {
        packet_id,
        reason: ReasonCode::Success,
        props: Properties::EMPTY,
    };
    let packet = match kind {
        AckKind::Puback => Packet::Puback(ack),
        AckKind::Pubrec => Packet::Pubrec(ack),
        AckKind::Pubrel => Packet::Pubrel(ack),
        AckKind::Pubcomp => Packet::Pubcomp(ack),
    };
    // An acknowledgement without properties always fits.
    let _ = mqtt_codec::encode(&packet, Version::V311, out);
}

impl Client {
    fn read(&mut self, scratch: &mut [u8]) -> io::Result<bool> {
        let mut moved = false;
        loop {
            match self.stream.read(scratch) {
                Ok(0) => return Err(other("the broker closed a connection")),
                Ok(n) => {
                    moved = true;
                    self.input.extend_from_slice(&scratch[..n]);
                    self.take_packets()?;
                    if n < scratch.len() {
                        return Ok(moved);
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(moved),
                Err(e) => return Err(e),
            }
        }
    }

    fn take_packets(&mut self) -> io::Result<()> {
        let mut at = 0;
        while let Framed::Packet { first, body, len } =
            mqtt_codec::frame(&self.input[at..], u32::MAX).map_err(|e| other(e.to_string()))?
        {
            at += len;
            match mqtt_codec::decode(Version::V311, first, body)
                .map_err(|e| other(e.to_string()))?
            {
                Packet::Publish(p) => {
                    let number = p.payload.first_chunk::<8>().map(|b| u64::from_be_bytes(*b));
                    if number != Some(self.received) {
                        return Err(other(format!(
                            "message {number:?} came where {} was due",
                            self.received
                        )));
                    }
                    self.received += 1;
                    match p.qos {
                        QoS::AtMostOnce => {}
                        QoS::AtLeastOnce => ack(&mut self.output, AckKind::Puback, p.packet_id),
                        QoS::ExactlyOnce => ack(&mut self.output, AckKind::Pubrec, p.packet_id),
                    }
                }
                Packet::Puback(_) | Packet::Pubcomp(_) => self.completed += 1,
                Packet::Pubrec(a) => ack(&mut self.output, AckKind::Pubrel, a.packet_id),
                Packet::Pubrel(a) => ack(&mut self.output, AckKind::Pubcomp, a.packet_id),
                _ => return Err(other("a packet that was not expected")),
            }
        }
        self.input.drain(..at);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut written = 0;
        while written < self.output.len() {
            match self.stream.write(&self.output[written..]) {
                Ok(n) => written += n,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) => return Err(e),
            }
        }
        self.output.drain(..written);
        Ok(())
    }
}

/// Appends publishes up to the window; `sent` is the number of the next one.
fn fill(publisher: &mut Client, load: &Load, sent: &mut u64, got: u64) {
    let done = if load.qos == QoS::AtMostOnce {
        got
    } else {
        got.min(publisher.completed)
    };
    let mut payload = vec![b'x'; load.payload.max(8)];
    while *sent < load.messages && *sent - done < load.window && publisher.output.len() < 64 << 10 {
        payload[..8].copy_from_slice(&sent.to_be_bytes());
        let packet = Outgoing {
            dup: false,
            qos: load.qos,
            retain: false,
            topic: TOPIC,
            packet_id: (*sent % 65_535 + 1) as u16,
            payload: &payload,
            forward: &[],
            expiry: None,
            alias: None,
            subscription_ids: &[],
        };
        let _ = mqtt_codec::encode_publish(&mut publisher.output, Version::V311, &packet, u32::MAX);
        *sent += 1;
    }
}

/// Runs the load against the broker at `address`.
fn run(address: SocketAddr, load: &Load) -> io::Result<Outcome> {
    let mut clients = vec![client(address, "perf-publisher", None)?];
    for i in 0..load.subscribers {
        clients.push(client(
            address,
            &format!("perf-subscriber-{i}"),
            Some(load.qos),
        )?);
    }
    let mut poll = Poll::new()?;
    for (i, client) in clients.iter_mut().enumerate() {
        poll.registry().register(
            &mut client.stream,
            Token(i),
            Interest::READABLE | Interest::WRITABLE,
        )?;
    }
    let (mut events, mut scratch) = (Events::with_capacity(256), vec![0; 256 << 10]);
    let start = Instant::now();
    let (mut sent, mut moved_at) = (0, start);
    loop {
        let got = clients[1..].iter().map(|c| c.received).min().unwrap_or(0);
        let over = load.qos == QoS::AtMostOnce || clients[0].completed == load.messages;
        if got == load.messages && over && clients.iter().all(|c| c.output.is_empty()) {
            break;
        }
        fill(&mut clients[0], load, &mut sent, got);
        for client in &mut clients {
            client.flush()?;
        }
        poll.poll(&mut events, Some(Duration::from_secs(1)))?;
        for event in events.iter().filter(|e| e.is_readable()) {
            if clients[event.token().0].read(&mut scratch)? {
                moved_at = Instant::now();
            }
        }
        if moved_at.elapsed() > STALL {
            return Err(other(format!(
                "nothing moved for {STALL:?}: {sent} sent, {got} got by the slowest"
            )));
        }
    }
    Ok(Outcome {
        delivered: clients[1..].iter().map(|c| c.received).sum(),
        took: start.elapsed(),
    })
}

/// CPU time of a process so far, in microseconds (user and system, proc(5)).
fn cpu_us(pid: &str) -> io::Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|t| t.parse::<u64>().ok())
        .sum();
    // The kernel counts in hundredths of a second whatever its own tick is.
    Ok(ticks * 10_000)
}

fn rss_kib(pid: &str) -> io::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    Ok(line
        .and_then(|l| l.split_whitespace().next()?.parse().ok())
        .unwrap_or(0))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [address, pid, subscribers, qos, payload, window, messages] = args.as_slice() else {
        return Err(
            "usage: load HOST:PORT BROKER-PID SUBSCRIBERS QOS PAYLOAD WINDOW MESSAGES".into(),
        );
    };
    let address: SocketAddr = address.parse()?;
    let qos = QoS::from_bits(qos.parse()?).ok_or("QoS is 0, 1 or 2")?;
    let messages: u64 = messages.parse()?;
    let load = Load {
        subscribers: subscribers.parse()?,
        qos,
        payload: payload.parse()?,
        window: window.parse()?,
        messages,
    };
    run(
        address,
        &Load {
            messages: messages / 10,
            ..load
        },
    )?;
    let (broker, own) = (cpu_us(pid)?, cpu_us("self")?);
    let outcome = run(address, &load)?;
    let per = |used: u64| used as f64 / outcome.delivered as f64;
    println!(
        "delivered={} seconds={:.2} broker_cpu_us={:.3} own_cpu_us={:.3} rss_kib={}",
        outcome.delivered,
        outcome.took.as_secs_f64(),
        per(cpu_us(pid)? - broker),
        per(cpu_us("self")? - own),
        rss_kib(pid)?
    );
    Ok(())
}
