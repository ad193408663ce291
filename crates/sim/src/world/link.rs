//! One simulated socket: bytes on their way in both directions, and how each side may lose it.
//!
//! Owned by the world. The broker's end is moved from shard to shard with the connection; the
//! client's end is reached through the world. Bytes arrive in pieces that chance decides.

use crate::rng::Rng;
use broker::ConnId;
use message::ShardId;
use std::collections::VecDeque;

/// Where the broker's end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a letter to a shard, accepted or on the move.
    OnTheWay,
    At(ShardId, ConnId),
    /// The broker has closed it.
    Gone,
}

/// How the client let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// What it sent before still arrives.
    Closed,
    /// Some of what it sent is lost.
    Reset,
}

pub(super) struct Link {
    pub place: Place,
    pub up: VecDeque<u8>,
    pub up_end: Option<End>,
    /// Written by the broker, not taken by the client yet: at most `window` bytes.
    pub down: VecDeque<u8>,
    pub down_end: bool,
    pub arrived: Vec<u8>,
    pub arrived_end: bool,
    pub window: usize,
    /// Bytes that the client takes at once.
    pub rate: usize,
    /// The broker has more to write than the window takes.
    pub blocked: bool,
    /// The shard does not want to read.
    pub paused: bool,
    /// The broker is closing: when it stops waiting for the client to take the rest.
    pub closing: Option<u64>,
    /// The client takes nothing until it is told to.
    pub stalled: bool,
    /// Half-open: the client is gone and the broker is not told.
    pub silent: bool,
    /// The node died, or was dead when it was opened.
    pub crashed: bool,
}

/// What the broker reads from a socket.
pub(super) enum Got {
    Bytes(Vec<u8>),
    End(&'static str),
}

impl Link {
    pub(super) fn new(window: usize) -> Self {
        Link {
            place: Place::OnTheWay,
            up: VecDeque::new(),
            up_end: None,
            down: VecDeque::new(),
            down_end: false,
            arrived: Vec::new(),
            arrived_end: false,
            window,
            rate: usize::MAX,
            blocked: false,
            paused: false,
            closing: None,
            stalled: false,
            silent: false,
            crashed: false,
        }
    }

    /// Nothing can happen to it any more.
    pub(super) fn over(&self) -> bool {
        self.place == Place::Gone && (self.arrived_end || self.up_end.is_some())
    }

    pub(super) fn readable(&self) -> bool {
        let something = !self.up.is_empty() || self.up_end.is_some();
        something && !self.silent && (!self.paused || self.closing.is_some())
    }

    pub(super) fn writable(&self) -> bool {
        self.blocked && self.room() > 0
    }

    fn room(&self) -> usize {
        if self.up_end == Some(End::Reset) {
            usize::MAX
        } else {
            self.window - self.down.len()
        }
    }

    /// The client would be given something.
    pub(super) fn deliverable(&self) -> bool {
        let something = !self.down.is_empty() || (self.down_end && !self.arrived_end);
        something && !self.stalled && !self.silent && self.up_end.is_none()
    }

    /// The broker reads what has come, or some of it.
    pub(super) fn read(&mut self, rng: &mut Rng) -> Got {
        if self.up.is_empty() {
            return Got::End(match self.up_end {
                Some(End::Reset) => "connection reset",
                _ => "the client closed the connection",
            });
        }
        let n = some_of(self.up.len(), rng);
        Got::Bytes(self.up.drain(..n).collect())
    }

    /// The broker writes; how many bytes were taken. To a client that has gone it may write for ever.
    pub(super) fn write(&mut self, bytes: &[u8]) -> usize {
        let n = bytes.len().min(self.room());
        if self.up_end.is_none() {
            self.down.extend(&bytes[..n]);
        }
        self.blocked = n < bytes.len();
        n
    }

    /// Some of what the broker wrote reaches the client.
    pub(super) fn deliver(&mut self, rng: &mut Rng) -> usize {
        if self.down.is_empty() {
            self.arrived_end = self.down_end;
            return 0;
        }
        let n = some_of(self.down.len(), rng).min(self.rate);
        self.arrived.extend(self.down.drain(..n));
        n
    }

    /// The node has died: of what it had written some still arrives.
    pub(super) fn break_off(&mut self, rng: &mut Rng) {
        self.place = Place::Gone;
        self.crashed = true;
        self.down.truncate(rng.below(self.down.len() + 1));
        self.down_end = true;
        self.closing = None;
        self.blocked = false;
        self.stalled = false;
        self.up.clear();
    }

    /// The client's side is cut: a part of what was under way is lost, both ways.
    pub(super) fn cut(&mut self, rng: &mut Rng) {
        let keep = rng.below(self.up.len() + 1);
        self.up.truncate(keep);
        self.up_end = Some(End::Reset);
        self.down.clear();
        self.arrived.clear();
        self.silent = false;
    }
}

/// All of it in half of the cases, else a part, which is small as often as not.
fn some_of(len: usize, rng: &mut Rng) -> usize {
    match rng.below(4) {
        0 | 1 => len,
        2 => rng.range(1, len),
        _ => rng.range(1, len.min(16)),
    }
}
