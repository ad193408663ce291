//! A client of MQTT 5 by hand: it writes one packet and reads one packet, nothing by itself.
//!
//! Names and topics are written as they are, however wrong.

use super::{packet, text};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Publishes that the broker has not acknowledged; it allows 64.
const UNDER_WAY: usize = 60;

pub(crate) const NOT_AUTHORIZED: u8 = 0x87;

/// What a CONNECT says; a clean start that leaves no session, if nothing else is asked for.
#[derive(Clone, Copy, Default)]
pub(crate) struct Connect<'a> {
    pub(crate) id: &'a str,
    pub(crate) user: Option<&'a str>,
    pub(crate) password: Option<&'a str>,
    /// Seconds that the session is kept; a session that is there goes on.
    pub(crate) keep: Option<u32>,
    /// Topic and payload, QoS 0.
    pub(crate) will: Option<(&'a str, &'a str)>,
    pub(crate) will_retain: bool,
}

impl Connect<'_> {
    pub(crate) fn packet(&self) -> Vec<u8> {
        let mut flags = 0;
        flags |= if self.keep.is_none() { 0x02 } else { 0 };
        flags |= if self.will.is_some() { 0x04 } else { 0 };
        flags |= if self.will_retain { 0x20 } else { 0 };
        flags |= if self.password.is_some() { 0x40 } else { 0 };
        flags |= if self.user.is_some() { 0x80 } else { 0 };
        let mut body = text("MQTT");
        body.extend([5, flags, 0, 0]);
        match self.keep {
            Some(seconds) => {
                body.extend([5, 0x11]);
                body.extend(seconds.to_be_bytes());
            }
            None => body.push(0),
        }
        body.extend(text(self.id));
        if let Some((topic, payload)) = self.will {
            body.push(0);
            body.extend(text(topic));
            body.extend(text(payload));
        }
        body.extend(self.user.map(text).unwrap_or_default());
        body.extend(self.password.map(text).unwrap_or_default());
        packet(0x10, &body)
    }
}

/// A PUBLISH on its way out.
#[derive(Clone, Copy, Default)]
pub(crate) struct Publish<'a> {
    pub(crate) topic: &'a str,
    pub(crate) payload: &'a [u8],
    pub(crate) retain: bool,
    pub(crate) alias: Option<u16>,
}

impl Publish<'_> {
    /// With QoS 1, where there is a packet id.
    pub(crate) fn packet(&self, id: Option<u16>) -> Vec<u8> {
        let mut body = text(self.topic);
        body.extend(id.map(u16::to_be_bytes).into_iter().flatten());
        match self.alias {
            Some(alias) => {
                body.extend([3, 0x23]);
                body.extend(alias.to_be_bytes());
            }
            None => body.push(0),
        }
        body.extend_from_slice(self.payload);
        let qos = if id.is_some() { 0x02 } else { 0 };
        packet(0x30 | qos | u8::from(self.retain), &body)
    }
}

/// SUBSCRIBE at QoS 1.
pub(crate) fn subscribe(id: u16, filter: &str) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    body.push(0);
    body.extend(text(filter));
    body.push(1);
    packet(0x82, &body)
}

/// A PUBLISH that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) retain: bool,
    pub(crate) id: Option<u16>,
}

pub(crate) struct Client<S = TcpStream> {
    pub(crate) socket: S,
    next_id: u16,
}

impl Client {
    pub(crate) fn dial(address: &str) -> Client {
        let socket = TcpStream::connect(address).unwrap();
        let wait = Some(Duration::from_secs(10));
        socket.set_read_timeout(wait).unwrap();
        socket.set_nodelay(true).unwrap();
        Client::over(socket)
    }

    /// The reason code of the CONNACK, or `None` where the broker closed without one.
    pub(crate) fn try_connect(address: &str, connect: Connect<'_>) -> (Client, Option<u8>) {
        let mut client = Client::dial(address);
        // A connection that is refused at the door is gone by now.
        let _ = client.socket.write_all(&connect.packet());
        let reason = client.try_read().map(|(first, body)| {
            assert_eq!(first, 0x20, "{body:x?}");
            body[1]
        });
        (client, reason)
    }

    pub(crate) fn connect(address: &str, connect: Connect<'_>) -> Client {
        let (client, reason) = Client::try_connect(address, connect);
        assert_eq!(reason, Some(0), "CONNACK of {:?}", connect.id);
        client
    }
}

impl<S: Read + Write> Client<S> {
    /// On a stream that somebody else has opened.
    pub(crate) fn over(socket: S) -> Self {
        Client { socket, next_id: 1 }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    /// First byte and body of the next packet; `None` at the end.
    pub(crate) fn try_read(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut byte = || {
            let mut byte = [0];
            match self.socket.read(&mut byte) {
                Ok(1) => Some(byte[0]),
                Ok(_) => None,
                Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => None,
                Err(e) => panic!("no packet: {e}"),
            }
        };
        let first = byte()?;
        let (mut len, mut shift) = (0, 0);
        loop {
            let next = byte()?;
            len |= usize::from(next & 0x7f) << shift;
            shift += 7;
            if next & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; len];
        self.socket.read_exact(&mut body).unwrap();
        Some((first, body))
    }

    pub(crate) fn read(&mut self) -> (u8, Vec<u8>) {
        self.try_read().unwrap()
    }

    fn id(&mut self) -> u16 {
        self.next_id = self.next_id.checked_add(1).unwrap_or(1);
        self.next_id
    }

    /// Subscribes at QoS 1 and returns the reason code.
    pub(crate) fn subscribe(&mut self, filter: &str) -> u8 {
        let id = self.id();
        self.send(&subscribe(id, filter));
        let (first, body) = self.read();
        assert_eq!(first, 0x90, "{body:x?}");
        *body.last().unwrap()
    }

    /// Publishes at QoS 1 and returns the reason code. "No matching subscribers" is success.
    pub(crate) fn publish(&mut self, publish: Publish<'_>) -> u8 {
        let id = self.id();
        self.send(&publish.packet(Some(id)));
        let (first, body) = self.read();
        assert_eq!(first, 0x40, "{body:x?}");
        assert_eq!(body[..2], id.to_be_bytes());
        match body.get(2) {
            None | Some(0x10) => 0,
            Some(reason) => *reason,
        }
    }

    /// At QoS 1, with many under way at once; when this is back all are acknowledged.
    pub(crate) fn publish_all<'a>(&mut self, all: impl Iterator<Item = Publish<'a>>) {
        let mut under_way = 0;
        for publish in all {
            if under_way == UNDER_WAY {
                self.acknowledged(under_way / 2);
                under_way -= under_way / 2;
            }
            let id = self.id();
            self.send(&publish.packet(Some(id)));
            under_way += 1;
        }
        self.acknowledged(under_way);
    }

    fn acknowledged(&mut self, count: usize) {
        for _ in 0..count {
            let (first, body) = self.read();
            assert_eq!(first, 0x40, "{body:x?}");
            assert!(matches!(body.get(2), None | Some(0x10)), "{body:x?}");
        }
    }

    pub(crate) fn say(&mut self, topic: &str, payload: &str) -> u8 {
        let payload = payload.as_bytes();
        self.publish(Publish {
            topic,
            payload,
            ..Publish::default()
        })
    }

    /// The next packet is a PUBLISH; one of QoS 1 is acknowledged.
    pub(crate) fn message(&mut self) -> Message {
        let packet = self.read();
        self.take(packet)
    }

    /// What a PUBLISH says; one of QoS 1 is acknowledged.
    pub(crate) fn take(&mut self, (first, body): (u8, Vec<u8>)) -> Message {
        assert_eq!(first & 0xf0, 0x30, "{first:x} {body:x?}");
        let (topic, mut rest) =
            body[2..].split_at(usize::from(body[0]) << 8 | usize::from(body[1]));
        let mut id = None;
        if first & 0x06 == 0x02 {
            id = Some(u16::from_be_bytes([rest[0], rest[1]]));
            self.send(&packet(0x40, &rest[..2]));
            rest = &rest[2..];
        }
        let properties = usize::from(rest[0]);
        assert!(properties < 128, "more properties than this client reads");
        Message {
            topic: String::from_utf8(topic.to_vec()).unwrap(),
            payload: rest[1 + properties..].to_vec(),
            retain: first & 1 == 1,
            id,
        }
    }

    /// Topic and payload of the next message.
    pub(crate) fn heard(&mut self) -> (String, String) {
        let message = self.message();
        let payload = String::from_utf8(message.payload).unwrap();
        (message.topic, payload)
    }
}
