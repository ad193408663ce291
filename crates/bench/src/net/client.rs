//! One MQTT connection: its carrier, what waits to be written, and the packet that has come in part.
//!
//! Owned by the hub that polls it. Knows the greeting and pings of MQTT, and nothing of what is measured.

use super::carrier::Carrier;
use mqtt_codec::{AckKind, Connack, Properties, ReasonCode, Version, encode_ack};
use std::io::{self, ErrorKind};

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The carrier is being opened.
    Opening,
    /// CONNECT is on its way.
    Greeting,
    Ready,
    Closed,
}

pub(crate) struct Client {
    /// Gone when the connection is.
    pub(super) carrier: Option<Box<dyn Carrier>>,
    pub(super) state: State,
    pub(super) version: Version,
    /// What is said first: CONNECT. Empty once it is said.
    pub(super) hello: Vec<u8>,
    out: Vec<u8>,
    written: usize,
    /// The beginning of a packet whose end has not come.
    pub(super) rest: Vec<u8>,
    /// A PINGREQ has no answer yet.
    pub(super) pinged: bool,
    /// When the connection was begun.
    pub(crate) begun: u64,
    /// How many QoS 1 and 2 messages the server takes at a time.
    pub(crate) receive_max: u16,
    pub(crate) session_present: bool,
}

impl Client {
    pub(super) fn new(
        carrier: Box<dyn Carrier>,
        version: Version,
        hello: Vec<u8>,
        begun: u64,
    ) -> Client {
        Client {
            carrier: Some(carrier),
            state: State::Opening,
            version,
            hello,
            out: Vec::new(),
            written: 0,
            rest: Vec::new(),
            pinged: false,
            begun,
            receive_max: u16::MAX,
            session_present: false,
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// What will be written at the next flush; append to it.
    pub(crate) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Bytes that the socket has not taken.
    pub(crate) fn unwritten(&self) -> usize {
        self.out.len() - self.written
    }

    pub(crate) fn ack(&mut self, kind: AckKind, id: u16) {
        // Success without properties is always four bytes.
        let _ = encode_ack(
            &mut self.out,
            self.version,
            kind,
            id,
            ReasonCode::Success,
            Properties::EMPTY,
        );
    }

    pub(super) fn welcome(&mut self, connack: &Connack<'_>) {
        self.state = State::Ready;
        self.session_present = connack.session_present;
        self.receive_max = connack.props.receive_maximum().unwrap_or(u16::MAX);
    }

    /// Writes what the socket takes; true when nothing is left.
    pub(super) fn flush(&mut self) -> io::Result<bool> {
        let Some(carrier) = &mut self.carrier else {
            self.out.clear();
            self.written = 0;
            return Ok(true);
        };
        if !carrier.flush()? {
            return Ok(false);
        }
        while self.written < self.out.len() {
            match carrier.write(&self.out[self.written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => self.written += n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(e) => return Err(e),
            }
        }
        self.out.clear();
        self.written = 0;
        carrier.flush()
    }

    /// Gives back the memory of buffers that an idle connection does not need.
    pub(super) fn shrink(&mut self) {
        self.out = Vec::new();
        self.written = 0;
        self.hello = Vec::new();
    }
}
