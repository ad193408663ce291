//! Connections of one shard: what is known of a socket, from accept to close.
//!
//! Owned by the shard's slab. An idle connection owns no buffer: `partial` and `outbox` hold memory
//! only while they hold bytes.
//!
//! ```text
//!  Fresh -- CONNECT --> Authenticating -- accepted --> Online (opening) -- records durable --> Online
//!    |                       |         \-- moves to its client's home shard, as a Handoff
//!    +------- any offence, end or refusal, from any state --------> Closing -- flushed --> gone
//! ```

use crate::auth::{Identity, Peer};
use crate::mqtt::{Aliases, Connecting, Opening};
use crate::outbox::Outbox;
use message::ShardId;
use mqtt_codec::Version;

/// A connection of one shard. The generation makes a late event for a closed one harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId {
    /// Slot in the shard's slab; the driver may use it as an index of its own.
    pub index: u32,
    pub generation: u32,
}

/// What goes along with a socket to its client's home shard: the CONNECT, who the client is, and the
/// bytes behind the CONNECT that were already read.
#[derive(Debug)]
pub struct Handoff {
    pub(crate) peer: Peer,
    pub(crate) identity: Identity,
    pub(crate) connecting: Box<Connecting>,
    pub(crate) partial: Vec<u8>,
    pub(crate) last_heard: u64,
    pub(crate) traffic: Traffic,
}

/// What has passed over one connection, since it was accepted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub received_bytes: u64,
    pub sent_bytes: u64,
    /// PUBLISH packets from the client.
    pub received_messages: u64,
    /// PUBLISH packets to the client.
    pub sent_messages: u64,
}

pub(crate) struct Conn {
    pub id: ConnId,
    pub peer: Peer,
    pub state: State,
    /// Bytes that are not a whole packet yet, or that may not be looked at yet.
    pub partial: Vec<u8>,
    pub outbox: Outbox,
    pub traffic: Traffic,
    /// Known from CONNECT on, until the end.
    pub version: Option<Version>,
    /// It is in this turn's list of connections to be written.
    pub dirty: bool,
    /// Its next PUBLISH may not be admitted yet; see `admission`.
    pub held_back: bool,
    /// The driver reads from its socket.
    pub reading: bool,
    /// Monotonic ms of the last bytes, for the keep alive.
    pub last_heard: u64,
    /// When its timer fires; 0 for none.
    pub timer_at: u64,
    /// The last ticket that one of its packets waits for.
    pub last_ticket: u64,
}

pub(crate) enum State {
    /// No complete CONNECT yet.
    Fresh,
    /// The authenticator has been asked.
    Authenticating(Box<Connecting>),
    /// Attached to a session.
    Online(Online),
    /// Leaves for its client's home shard at the end of the turn; what is still read goes along.
    Moving(ShardId, Box<Handoff>),
    /// Nothing more is read; closes once the outbox is written.
    Closing,
}

/// What an attached connection has agreed on.
pub(crate) struct Online {
    /// Slot of its session.
    pub session: u32,
    pub version: Version,
    /// One and a half times the keep alive; 0 for none [MQTT-3.1.2-22].
    pub silence_ms: u32,
    /// The client's Maximum Packet Size.
    pub max_packet: u32,
    /// Topic aliases that may be set towards the client.
    pub alias_maximum: u16,
    /// QoS 1 and 2 publishes of the client that are not fully acknowledged.
    pub unacknowledged: u16,
    /// The client wants reason strings [MQTT-3.1.2-29].
    pub problem_information: bool,
    /// The client asked for a new session.
    pub clean_start: bool,
    /// Set until CONNACK is written.
    pub opening: Option<Box<Opening>>,
    pub extra: Option<Box<Extra>>,
}

/// What few connections have.
#[derive(Default)]
pub(crate) struct Extra {
    pub aliases: Option<Aliases>,
    /// The method of enhanced authentication, fixed at CONNECT [MQTT-4.12.1-1].
    pub method: Option<Box<str>>,
    /// AUTH packets in the exchange that is under way; `None` where none is.
    pub exchange: Option<u32>,
}

impl Conn {
    pub(crate) fn new(id: ConnId, peer: Peer, now_ms: u64) -> Self {
        Conn {
            id,
            peer,
            state: State::Fresh,
            partial: Vec::new(),
            outbox: Outbox::default(),
            traffic: Traffic::default(),
            version: None,
            dirty: false,
            held_back: false,
            reading: true,
            last_heard: now_ms,
            timer_at: 0,
            last_ticket: 0,
        }
    }

    /// Attached, whether CONNACK is written or not.
    pub(crate) fn online(&self) -> Option<&Online> {
        match &self.state {
            State::Online(online) => Some(online),
            _ => None,
        }
    }

    pub(crate) fn online_mut(&mut self) -> Option<&mut Online> {
        match &mut self.state {
            State::Online(online) => Some(online),
            _ => None,
        }
    }

    /// The largest packet that the client takes, as far as it has said.
    pub(crate) fn max_packet(&self) -> u32 {
        match &self.state {
            State::Online(online) => online.max_packet,
            State::Authenticating(connecting) => connecting.max_packet,
            _ => u32::MAX,
        }
    }
}

impl Online {
    pub(crate) fn extra(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }
}
