//! The client's side of an MQTT session, without a socket: bytes in, bytes and events out.
//!
//! ```text
//!  Connecting -- CONNACK 0 --> Online -- disconnect() --> Closing
//!      |                         |                           |
//!      +-- CONNACK > 0 --> Over <-- server's DISCONNECT -----+-- end of the stream --> Over
//! ```
//!
//! Owns packet ids, the window and the ids of received QoS 2 messages. Time is an argument.

use super::message::{Message, Publication, Subscription, Will};
use super::wire::{self, AckKind, Incoming};
use super::{ClientError, Property, Version};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// How long a server may take to answer CONNECT and PINGREQ.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// What CONNECT says.
#[derive(Clone, Debug)]
pub(crate) struct ConnectOptions {
    pub(crate) version: Version,
    pub(crate) client_id: String,
    pub(crate) clean: bool,
    pub(crate) keep_alive: u16,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Vec<u8>>,
    pub(crate) will: Option<Will>,
    pub(crate) props: Vec<Property>,
    /// QoS 1 and 2 messages under way at once, if the server does not ask for fewer.
    pub(crate) max_inflight: u16,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Connected {
        session_present: bool,
        client_id: Option<String>,
    },
    /// CONNACK with a return or reason code.
    Refused {
        code: u8,
        text: Option<String>,
        reference: Option<String>,
    },
    Message(Message),
    /// The publish of this number is done; `code` of 0x80 or above: it was refused.
    Published {
        number: u64,
        code: u8,
        text: Option<String>,
    },
    Subscribed {
        codes: Vec<u8>,
        text: Option<String>,
    },
    Unsubscribed {
        codes: Vec<u8>,
    },
    /// The server's DISCONNECT.
    Disconnected {
        code: u8,
        text: Option<String>,
        reference: Option<String>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Connecting,
    Online,
    Closing,
    Over,
}

/// Where the sending of a QoS 1 or 2 message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Puback,
    Pubrec,
    Pubcomp,
}

pub(crate) struct Session {
    version: Version,
    state: State,
    next_id: u16,
    next_number: u64,
    inflight: BTreeMap<u16, (u64, Stage)>,
    waiting: VecDeque<(u64, Publication)>,
    window: usize,
    /// QoS 2 ids between PUBLISH and PUBREL.
    received: BTreeSet<u16>,
    /// Topics by alias, as the server sets them.
    aliases: BTreeMap<u16, String>,
    alias_maximum: u16,
    max_packet: u32,
    out: Vec<u8>,
    events: VecDeque<Event>,
    keep_alive: Duration,
    last_sent: Instant,
    /// Since when an answer to CONNECT or PINGREQ is awaited.
    asked: Option<Instant>,
}

impl Session {
    /// Begins with CONNECT.
    pub(crate) fn new(options: &ConnectOptions, now: Instant) -> Result<Session, ClientError> {
        let mut out = Vec::new();
        wire::connect(options, &mut out)?;
        let alias_maximum = options.props.iter().find_map(|p| match p {
            Property::Number(super::property::Name::TopicAliasMaximum, n) => u16::try_from(*n).ok(),
            _ => None,
        });
        Ok(Session {
            version: options.version,
            state: State::Connecting,
            next_id: 1,
            next_number: 0,
            inflight: BTreeMap::new(),
            waiting: VecDeque::new(),
            // Below the number of ids, so that one is always free.
            window: usize::from(options.max_inflight.clamp(1, 65_000)),
            received: BTreeSet::new(),
            aliases: BTreeMap::new(),
            alias_maximum: alias_maximum.unwrap_or(0),
            max_packet: u32::MAX,
            out,
            events: VecDeque::new(),
            keep_alive: Duration::from_secs(options.keep_alive.into()),
            last_sent: now,
            asked: Some(now),
        })
    }

    /// Bytes to be written, taken.
    pub(crate) fn output(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    pub(crate) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(crate) fn has_event(&self) -> bool {
        !self.events.is_empty()
    }

    /// Messages that are not done: waiting for the window or for an answer.
    pub(crate) fn unfinished(&self) -> usize {
        self.inflight.len() + self.waiting.len()
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Closing | State::Over)
    }

    /// Sends a message, now or when the window allows; the number comes back in its `Published`.
    pub(crate) fn publish(&mut self, publication: Publication) -> Result<u64, ClientError> {
        let number = self.next_number;
        self.next_number += 1;
        self.waiting.push_back((number, publication));
        self.send_waiting()?;
        Ok(number)
    }

    pub(crate) fn subscribe(&mut self, subscription: &Subscription) -> Result<(), ClientError> {
        let id = self.take_id();
        wire::subscribe(self.version, id, subscription, &mut self.out)
    }

    pub(crate) fn unsubscribe(
        &mut self,
        filters: &[String],
        props: &[Property],
    ) -> Result<(), ClientError> {
        let id = self.take_id();
        wire::unsubscribe(self.version, id, filters, props, &mut self.out)
    }

    /// Ends the session's connection in good order: no will is sent.
    pub(crate) fn disconnect(&mut self, props: &[Property]) -> Result<(), ClientError> {
        if self.is_over() {
            return Ok(());
        }
        self.state = State::Closing;
        wire::disconnect(self.version, props, &mut self.out)
    }

    /// Takes the packets at the front of `bytes`, until one of them is an event; how many bytes they
    /// were. What comes behind an event stays unanswered until the caller has dealt with the event.
    pub(crate) fn on_bytes(&mut self, bytes: &[u8]) -> Result<usize, ClientError> {
        let mut at = 0;
        while self.state != State::Over && self.events.is_empty() {
            let rest = bytes.get(at..).unwrap_or_default();
            let Some((incoming, len)) = wire::next(self.version, rest)? else {
                break;
            };
            at += len;
            self.on_packet(incoming)?;
        }
        Ok(at)
    }

    /// When to call [`Session::on_time`].
    pub(crate) fn next_time(&self) -> Option<Instant> {
        if let Some(at) = self.asked {
            return Some(at + ANSWER_TIMEOUT);
        }
        let pings = self.state == State::Online && !self.keep_alive.is_zero();
        pings.then(|| self.last_sent + self.keep_alive)
    }

    /// Keeps the connection alive, or finds out that it is dead.
    pub(crate) fn on_time(&mut self, now: Instant) -> Result<(), ClientError> {
        if self.asked.is_some_and(|at| now >= at + ANSWER_TIMEOUT) {
            return Err(ClientError::Silent);
        }
        let due = !self.keep_alive.is_zero() && now >= self.last_sent + self.keep_alive;
        if due && self.state == State::Online && self.asked.is_none() {
            wire::ping(self.version, &mut self.out)?;
            self.asked = Some(now);
        }
        Ok(())
    }

    /// Something was written.
    pub(crate) fn on_written(&mut self, now: Instant) {
        self.last_sent = now;
    }

    fn on_packet(&mut self, incoming: Incoming) -> Result<(), ClientError> {
        if self.state == State::Connecting
            && !matches!(incoming, Incoming::Connack(_) | Incoming::Auth)
        {
            return Err(ClientError::Protocol(
                "another packet before CONNACK".into(),
            ));
        }
        match incoming {
            Incoming::Connack(connack) => self.on_connack(connack),
            Incoming::Publish(message) => self.on_publish(message),
            Incoming::Ack {
                kind,
                id,
                code,
                text,
            } => self.on_ack(kind, id, code, text),
            Incoming::Suback { codes, text } => {
                self.events.push_back(Event::Subscribed { codes, text });
                Ok(())
            }
            Incoming::Unsuback { codes } => {
                self.events.push_back(Event::Unsubscribed { codes });
                Ok(())
            }
            Incoming::Pingresp => {
                self.asked = None;
                Ok(())
            }
            Incoming::Disconnect {
                code,
                text,
                reference,
            } => {
                self.state = State::Over;
                self.events.push_back(Event::Disconnected {
                    code,
                    text,
                    reference,
                });
                Ok(())
            }
            Incoming::Auth => Err(ClientError::Send(
                "the server wants to go on authenticating (AUTH), which this client cannot".into(),
            )),
        }
    }

    fn on_connack(&mut self, connack: wire::Connack) -> Result<(), ClientError> {
        if self.state != State::Connecting {
            return Err(ClientError::Protocol("a second CONNACK".into()));
        }
        self.asked = None;
        if connack.code != 0 {
            self.state = State::Over;
            let (code, text, reference) = (connack.code, connack.text, connack.reference);
            self.events.push_back(Event::Refused {
                code,
                text,
                reference,
            });
            return Ok(());
        }
        self.state = State::Online;
        self.window = self.window.min(usize::from(connack.receive_maximum).max(1));
        self.max_packet = connack.max_packet;
        if let Some(seconds) = connack.server_keep_alive {
            self.keep_alive = Duration::from_secs(seconds.into());
        }
        self.events.push_back(Event::Connected {
            session_present: connack.session_present,
            client_id: connack.client_id,
        });
        self.send_waiting()
    }

    fn on_publish(&mut self, mut message: Message) -> Result<(), ClientError> {
        if let Some(alias) = message.props.topic_alias {
            if alias == 0 || alias > self.alias_maximum {
                return Err(ClientError::Protocol(format!("a topic alias of {alias}")));
            }
            if message.topic.is_empty() {
                message.topic = self.aliases.get(&alias).cloned().unwrap_or_default();
            } else {
                self.aliases.insert(alias, message.topic.clone());
            }
        }
        if message.topic.is_empty() {
            return Err(ClientError::Protocol("a message without a topic".into()));
        }
        match message.qos {
            0 => self.events.push_back(Event::Message(message)),
            1 => {
                wire::ack(
                    self.version,
                    AckKind::Puback,
                    message.packet_id,
                    &mut self.out,
                )?;
                self.events.push_back(Event::Message(message));
            }
            _ => {
                let id = message.packet_id;
                wire::ack(self.version, AckKind::Pubrec, id, &mut self.out)?;
                // [MQTT-4.3.3-10]: the same id again before PUBREL is the same message.
                if self.received.insert(id) {
                    self.events.push_back(Event::Message(message));
                }
            }
        }
        Ok(())
    }

    fn on_ack(
        &mut self,
        kind: AckKind,
        id: u16,
        code: u8,
        text: Option<String>,
    ) -> Result<(), ClientError> {
        if kind == AckKind::Pubrel {
            self.received.remove(&id);
            return wire::ack(self.version, AckKind::Pubcomp, id, &mut self.out);
        }
        let stage = self.inflight.get(&id).copied();
        match (kind, stage) {
            (AckKind::Pubrec, Some((number, Stage::Pubrec))) if code < 0x80 => {
                self.inflight.insert(id, (number, Stage::Pubcomp));
                wire::ack(self.version, AckKind::Pubrel, id, &mut self.out)
            }
            (AckKind::Puback, Some((number, Stage::Puback)))
            | (AckKind::Pubrec, Some((number, Stage::Pubrec)))
            | (AckKind::Pubcomp, Some((number, Stage::Pubcomp))) => {
                self.inflight.remove(&id);
                self.events
                    .push_back(Event::Published { number, code, text });
                self.send_waiting()
            }
            // A session that was resumed may hold what an earlier run of this client sent.
            (AckKind::Pubrec, None) => wire::ack(self.version, AckKind::Pubrel, id, &mut self.out),
            _ => Ok(()),
        }
    }

    /// Sends as many of the waiting messages as the window allows.
    fn send_waiting(&mut self) -> Result<(), ClientError> {
        while self.state == State::Online {
            let Some((number, next)) = self.waiting.front() else {
                break;
            };
            let (number, qos) = (*number, next.qos);
            if qos > 0 && self.inflight.len() >= self.window {
                break;
            }
            let id = if qos > 0 { self.take_id() } else { 0 };
            let Some((_, next)) = self.waiting.pop_front() else {
                break;
            };
            wire::publish(self.version, id, &next, self.max_packet, &mut self.out)?;
            match qos {
                0 => self.events.push_back(Event::Published {
                    number,
                    code: 0,
                    text: None,
                }),
                1 => drop(self.inflight.insert(id, (number, Stage::Puback))),
                _ => drop(self.inflight.insert(id, (number, Stage::Pubrec))),
            }
        }
        Ok(())
    }

    /// The next packet id that is not in use; the window leaves some free.
    fn take_id(&mut self) -> u16 {
        loop {
            let id = self.next_id;
            self.next_id = id.checked_add(1).unwrap_or(1);
            if !self.inflight.contains_key(&id) {
                return id;
            }
        }
    }
}
