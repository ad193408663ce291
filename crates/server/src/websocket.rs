//! The WebSocket layer of a connection: frames around MQTT's bytes, without a copy of them.
//!
//! Bytes that were read are unmasked in the shard's read buffer and handed on in pieces. Bytes to be
//! written stay in the shard's outbox: a frame is announced around what is there, and only how much of
//! it is still owed is kept. Holds a buffer during the handshake and while a pong or close frame
//! waits, else none.

use crate::config::Listener;
use crate::link::{Link, Wrote};
use std::io::{self, IoSlice};
use std::sync::Arc;
use ws_codec::{
    Decoder, Event, Handshake, HandshakePolicy, Limits, Opcode, TextPolicy, close, close_frame,
    control_frame, frame_header, handshake,
};

/// In our order of preference. [MQTT-6.0.0-3], [MQTT-6.0.0-4]
const SUBPROTOCOLS: &[&str] = &["mqtt", "mqttv3.1"];
/// Bytes of a request's line and headers.
const MAX_HEAD: usize = 7 << 10;
const MAX_HEADERS: usize = 64;
/// Nothing is gathered here, so a frame may be as large as the largest MQTT packet; what a packet may
/// take is the shard's to say.
const LIMITS: Limits = Limits {
    max_frame: 268_435_460,
    max_message: 268_435_460,
    max_fragments: 65_536,
};
/// Pongs for a client that does not read them; further pings get none.
const MAX_PENDING: usize = 1024;

/// What a listener's handshake agrees to.
#[derive(Debug)]
pub(crate) struct Upgrade {
    path: String,
    origins: Vec<String>,
}

impl Upgrade {
    /// `None` where the listener speaks plain MQTT.
    pub(crate) fn of(listener: &Listener) -> Option<Arc<Self>> {
        listener.scheme.is_websocket().then(|| {
            Arc::new(Upgrade {
                path: listener.path.clone(),
                origins: listener.origins.clone(),
            })
        })
    }
}

/// Why the layer has ended by itself. What is to be said to the peer waits to be written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) why: String,
    /// It has never begun: the peer is none that is served here.
    pub(crate) unfit: bool,
}

fn ended(why: impl Into<String>) -> Ended {
    Ended {
        why: why.into(),
        unfit: false,
    }
}

#[derive(Debug)]
enum Incoming {
    /// The request's head so far, shorter than [`MAX_HEAD`].
    Handshake(Arc<Upgrade>, Vec<u8>),
    Open(Decoder),
    Ended,
}

/// The frame that is being written.
#[derive(Debug, Default)]
struct Frame {
    header: [u8; 10],
    len: u8,
    /// Bytes of the header that are written.
    sent: u8,
    /// Payload that is still owed, all of it in the outbox.
    left: usize,
}

/// One connection's state.
#[derive(Debug)]
pub(crate) struct WebSocket {
    incoming: Incoming,
    frame: Frame,
    /// Goes out before the next frame: the handshake's answer, pongs, a close frame.
    pending: Vec<u8>,
    /// No frame begins any more.
    ended: bool,
}

impl WebSocket {
    pub(crate) fn new(upgrade: Arc<Upgrade>) -> Self {
        WebSocket {
            incoming: Incoming::Handshake(upgrade, Vec::new()),
            frame: Frame::default(),
            pending: Vec::new(),
            ended: false,
        }
    }

    /// Takes bytes as they were read and hands on those of the MQTT stream.
    pub(crate) fn feed(
        &mut self,
        bytes: &mut [u8],
        deliver: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Ended> {
        match &mut self.incoming {
            Incoming::Open(_) => self.decode(bytes, deliver),
            Incoming::Ended => Ok(()),
            Incoming::Handshake(upgrade, head) => {
                let upgrade = upgrade.clone();
                let mut head = std::mem::take(head);
                // A request usually comes in one piece, and is then read where it is.
                if head.is_empty() {
                    return self.shake(&upgrade, bytes, deliver);
                }
                head.reserve_exact(bytes.len());
                head.extend_from_slice(bytes);
                if bytes.contains(&b'\n') || head.len() >= MAX_HEAD {
                    return self.shake(&upgrade, &mut head, deliver);
                }
                self.incoming = Incoming::Handshake(upgrade, head);
                Ok(())
            }
        }
    }

    fn shake(
        &mut self,
        upgrade: &Arc<Upgrade>,
        bytes: &mut [u8],
        deliver: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Ended> {
        let policy = HandshakePolicy {
            path: &upgrade.path,
            subprotocols: SUBPROTOCOLS,
            origins: &upgrade.origins,
            max_head: MAX_HEAD,
            max_headers: MAX_HEADERS,
        };
        match handshake(bytes, &policy) {
            Handshake::Incomplete => {
                self.incoming = Incoming::Handshake(upgrade.clone(), bytes.to_vec());
                Ok(())
            }
            Handshake::Refuse { response, reason } => {
                self.pending = response;
                self.incoming = Incoming::Ended;
                self.ended = true;
                let why = if let [0x16, 3, ..] = bytes {
                    "it speaks TLS, and this listener does not: the client needs a wss:// \
                     listener, or ws://"
                        .into()
                } else {
                    format!("WebSocket handshake refused: {reason}")
                };
                Err(Ended { why, unfit: true })
            }
            Handshake::Accept {
                consumed, response, ..
            } => {
                self.pending = response;
                self.incoming = Incoming::Open(Decoder::new(LIMITS, TextPolicy::Refuse));
                self.decode(&mut bytes[consumed..], deliver)
            }
        }
    }

    fn decode(&mut self, bytes: &mut [u8], deliver: &mut dyn FnMut(&[u8])) -> Result<(), Ended> {
        let Incoming::Open(decoder) = &mut self.incoming else {
            return Ok(());
        };
        let mut at = 0;
        let (code, end) = loop {
            match decoder.next(&mut bytes[at..]) {
                Ok(None) => return Ok(()),
                Ok(Some((used, event))) => {
                    at += used;
                    match event {
                        Event::Data(piece) => deliver(piece),
                        Event::MessageEnd | Event::Pong(_) => {}
                        Event::Ping(payload) if self.pending.len() < MAX_PENDING => {
                            let pong = control_frame(Opcode::Pong, payload);
                            self.pending.extend_from_slice(pong.as_bytes());
                        }
                        Event::Ping(_) => {}
                        Event::Close(code, _) => {
                            break (code, ended("the client closed the WebSocket"));
                        }
                    }
                }
                Err(error) => {
                    let why = format!("WebSocket protocol error: {error}");
                    break (Some(error.close_code()), ended(why));
                }
            }
        };
        self.incoming = Incoming::Ended;
        self.close(code);
        Err(end)
    }

    /// Something waits that is not in the outbox.
    pub(crate) fn wants_write(&self) -> bool {
        !self.pending.is_empty()
    }

    /// All of the outbox is written: says goodbye.
    pub(crate) fn end(&mut self, code: u16) {
        if let Incoming::Open(_) = self.incoming
            && !self.ended
        {
            self.close(Some(code));
        }
    }

    /// [RFC 6455 5.5.1]: no frame after a close frame.
    fn close(&mut self, code: Option<u16>) {
        self.ended = true;
        self.pending
            .extend_from_slice(close_frame(code, "").as_bytes());
    }

    /// Writes what waits, and a frame around the outbox, until both are written or the socket is
    /// full. `bytes` of the answer counts those of the outbox.
    pub(crate) fn write(&mut self, link: &mut Link, outbox: &[u8]) -> io::Result<Wrote> {
        let mut wrote = Wrote::default();
        loop {
            let payload = &outbox[wrote.bytes..];
            self.begin_frame(payload.len());
            let Frame {
                header, len, sent, ..
            } = &self.frame;
            // Between frames only: a frame that has begun to be written comes first.
            let pending = if *sent == 0 { &self.pending[..] } else { &[] };
            let header = &header[usize::from(*sent)..usize::from(*len)];
            let payload = &payload[..self.frame.left.min(payload.len())];
            if pending.is_empty() && header.is_empty() && payload.is_empty() {
                wrote.blocked = !link.flush()?;
                return Ok(wrote);
            }
            let parts = [pending, header, payload].map(IoSlice::new);
            let Some(n) = link.write_once(&parts)? else {
                wrote.blocked = true;
                return Ok(wrote);
            };
            let (pending, header) = (n.min(pending.len()), header.len());
            let after_pending = n - pending;
            let of_header = after_pending.min(header);
            self.take_pending(pending);
            self.frame.sent += of_header as u8;
            self.frame.left -= after_pending - of_header;
            wrote.bytes += after_pending - of_header;
            if self.frame.left == 0 {
                self.frame = Frame::default();
            }
        }
    }

    fn begin_frame(&mut self, payload: usize) {
        let frame = &mut self.frame;
        if self.ended && frame.sent == 0 {
            // Announced to nobody yet: it gives way to the close frame.
            *frame = Frame::default();
        } else if frame.len == 0 && payload > 0 {
            let opcode = Opcode::Binary; // [MQTT-6.0.0-1]
            frame.len = frame_header(opcode, true, payload as u64, &mut frame.header) as u8;
            frame.left = payload;
        }
    }

    fn take_pending(&mut self, n: usize) {
        if n == self.pending.len() {
            self.pending = Vec::new();
        } else {
            self.pending.drain(..n);
        }
    }
}

/// The code for a connection that has done what it was for.
pub(crate) const NORMAL_CLOSURE: u16 = close::NORMAL;
/// The code where the broker stops.
pub(crate) const GOING_AWAY: u16 = close::GOING_AWAY;

#[cfg(test)]
#[path = "websocket_tests.rs"]
mod tests;
