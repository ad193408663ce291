//! One connection: packets to bytes and back over a blocking socket. Owns the socket and its buffers; knows nothing
//! of sessions, and never judges what it reads.

use mqtt_codec::{AckKind, Framed, MAX_PACKET_SIZE, Packet, QoS, Version};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What the broker said, owned.
pub(crate) enum Told {
    Connack { present: bool, code: u8 },
    Publish(Arrival),
    Ack(AckKind, u16, u8),
    Suback { id: u16, codes: Vec<u8> },
    Unsuback { id: u16 },
    Disconnect(u8),
    Other(String),
}

pub(crate) struct Arrival {
    pub(crate) topic: String,
    pub(crate) id: u16,
    pub(crate) qos: QoS,
    pub(crate) dup: bool,
    pub(crate) retain: bool,
    pub(crate) payload: Vec<u8>,
}

/// Why nothing more can be read.
pub(crate) enum Cut {
    /// The connection has ended.
    Closed,
    /// What came is no packet.
    Nonsense(String),
}

pub(crate) struct Line {
    stream: TcpStream,
    version: Version,
    inbox: Vec<u8>,
    read: usize,
    outbox: Vec<u8>,
}

impl Line {
    /// None where nobody listens.
    pub(crate) fn open(port: u16, version: Version) -> Option<Line> {
        let place = SocketAddr::from(([127, 0, 0, 1], port));
        let stream = TcpStream::connect_timeout(&place, Duration::from_secs(5)).ok()?;
        stream.set_nodelay(true).ok()?;
        stream
            .set_write_timeout(Some(Duration::from_secs(60)))
            .ok()?;
        Some(Line {
            stream,
            version,
            inbox: Vec::new(),
            read: 0,
            outbox: Vec::new(),
        })
    }

    /// Keeps a packet until the next `flush`.
    pub(crate) fn put(&mut self, packet: &Packet<'_>) {
        mqtt_codec::encode(packet, self.version, &mut self.outbox).expect("a packet that fits");
    }

    pub(crate) fn flush(&mut self) -> Result<(), Cut> {
        let sent = self.stream.write_all(&self.outbox);
        self.outbox.clear();
        sent.map_err(|_| Cut::Closed)
    }

    /// The next packet, or None if none has come within `wait`. What is kept to be sent leaves before it waits.
    pub(crate) fn next(&mut self, wait: Duration) -> Result<Option<Told>, Cut> {
        loop {
            if let Some(told) = self.parse()? {
                return Ok(Some(told));
            }
            self.flush()?;
            let wait = wait.max(Duration::from_millis(1));
            let _ = self.stream.set_read_timeout(Some(wait));
            let mut bytes = [0; 16 * 1024];
            match self.stream.read(&mut bytes) {
                Ok(0) => return Err(Cut::Closed),
                Ok(n) => {
                    self.inbox.drain(..self.read);
                    self.read = 0;
                    self.inbox.extend_from_slice(&bytes[..n]);
                }
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Ok(None);
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Cut::Closed),
            }
        }
    }

    fn parse(&mut self) -> Result<Option<Told>, Cut> {
        let nonsense = |e| Cut::Nonsense(format!("bytes that are no packet: {e}"));
        let framed = mqtt_codec::frame(&self.inbox[self.read..], MAX_PACKET_SIZE);
        let Framed::Packet { first, body, len } = framed.map_err(nonsense)? else {
            return Ok(None);
        };
        let told = told(mqtt_codec::decode(self.version, first, body).map_err(nonsense)?);
        self.read += len;
        Ok(Some(told))
    }
}

fn told(packet: Packet<'_>) -> Told {
    let ack = |kind, ack: mqtt_codec::Ack<'_>| Told::Ack(kind, ack.packet_id, ack.reason.as_u8());
    match packet {
        Packet::Connack(connack) => Told::Connack {
            present: connack.session_present,
            code: connack.code,
        },
        Packet::Publish(publish) => Told::Publish(Arrival {
            topic: publish.topic.to_owned(),
            id: publish.packet_id,
            qos: publish.qos,
            dup: publish.dup,
            retain: publish.retain,
            payload: publish.payload.to_vec(),
        }),
        Packet::Puback(it) => ack(AckKind::Puback, it),
        Packet::Pubrec(it) => ack(AckKind::Pubrec, it),
        Packet::Pubrel(it) => ack(AckKind::Pubrel, it),
        Packet::Pubcomp(it) => ack(AckKind::Pubcomp, it),
        Packet::Suback(suback) => Told::Suback {
            id: suback.packet_id,
            codes: suback.codes.to_vec(),
        },
        Packet::Unsuback(unsuback) => Told::Unsuback {
            id: unsuback.packet_id,
        },
        Packet::Disconnect(disconnect) => Told::Disconnect(disconnect.reason.as_u8()),
        other => Told::Other(format!("{:?}", other.packet_type())),
    }
}
