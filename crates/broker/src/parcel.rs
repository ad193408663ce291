//! Small messages on their way to the volatile sessions of another shard, packed one behind the other.
//!
//! All that one turn has for a target, as far as nothing else is mailed between, is one parcel: nothing
//! is allocated for a message, and the target reads it in the order in which it lies in memory. What is
//! large, or owned already, travels as a message of its own (see `mail`), which all shards share.

use crate::content::{Content, Source};
use crate::mail::{Letter, Mail};
use crate::shard::Shard;
use crate::time::Now;
use message::{Message, MessageId, QoS, QueueId, ShardId};

/// A longer payload costs more to copy than to own.
const MAX_PAYLOAD: usize = 4096;
/// Empty parcels that a shard keeps: what came with mail is what its own is sent in.
const SPARE_PARCELS: usize = 8;
/// A larger parcel is not kept.
const SPARE_BYTES: usize = 256 << 10;

#[derive(Debug, Default)]
pub(crate) struct Parcel {
    heads: Vec<Head>,
    topics: String,
    /// Of each message its forwarded properties, then its payload.
    bytes: Vec<u8>,
    /// What all of it was charged with.
    charge: u64,
}

/// One message; how long its parts are.
#[derive(Clone, Copy, Debug)]
struct Head {
    topic: usize,
    forward: usize,
    payload: usize,
    qos: QoS,
    retain: bool,
    expires_at: Option<u64>,
    origin: QueueId,
    id: MessageId,
    retained_version: u64,
}

impl Parcel {
    /// True where `content` is to go into a parcel.
    pub(crate) fn takes(content: &Content<'_>) -> bool {
        content.payload.len() <= MAX_PAYLOAD && !content.is_owned()
    }

    fn push(&mut self, content: &Content<'_>, charge: u64) {
        self.heads.push(Head {
            topic: content.topic.len(),
            forward: content.forward.len(),
            payload: content.payload.len(),
            qos: content.qos,
            retain: content.retain,
            expires_at: content.expires_at,
            origin: content.origin,
            id: content.id,
            retained_version: content.retained_version,
        });
        self.topics.push_str(content.topic);
        self.bytes.extend_from_slice(content.forward);
        self.bytes.extend_from_slice(content.payload);
        self.charge += charge;
    }

    fn clear(&mut self) {
        self.heads.clear();
        self.topics.clear();
        self.bytes.clear();
        self.charge = 0;
    }

    fn room(&self) -> usize {
        self.heads.capacity() * size_of::<Head>() + self.topics.capacity() + self.bytes.capacity()
    }
}

/// What a message takes on its way, and where it has to be queued.
fn charge(content: &Content<'_>) -> u64 {
    let parts = content.topic.len() + content.forward.len() + content.payload.len();
    (parts + size_of::<Message>()) as u64
}

impl Shard {
    /// Adds a message to what this turn has for the volatile sessions of `to`.
    pub(crate) fn post(&mut self, to: ShardId, content: &Content<'_>) {
        let charge = charge(content);
        self.credit.spend(to, charge);
        let Some(mails) = self.mails.get_mut(usize::from(to)) else {
            return;
        };
        if let Some(Mail(Letter::Parcel { parcel, .. })) = mails.last_mut() {
            return parcel.push(content, charge);
        }
        let mut parcel = self.parcels.pop().unwrap_or_default();
        parcel.push(content, charge);
        let from = self.id;
        self.mail(to, Letter::Parcel { from, parcel });
    }

    /// Messages from another shard's publishers.
    pub(crate) fn on_parcel(&mut self, from: ShardId, mut parcel: Parcel, now: Now) {
        let messages = parcel.heads.len() as u64;
        self.credit.owe(from, parcel.charge, messages);
        let (mut topics, mut bytes) = (parcel.topics.as_str(), parcel.bytes.as_slice());
        for head in &parcel.heads {
            let (topic, later) = topics.split_at(head.topic);
            let (forward, rest) = bytes.split_at(head.forward);
            let (payload, rest) = rest.split_at(head.payload);
            (topics, bytes) = (later, rest);
            let source = Source {
                topic,
                payload,
                forward,
                qos: head.qos,
                retain: head.retain,
                expires_at: head.expires_at,
                origin: head.origin,
                transient: false,
            };
            let mut content = Content::borrowed(&source, self.take_layouts());
            (content.id, content.retained_version) = (head.id, head.retained_version);
            let at = self.local_route(topic);
            if let Some(route) = self.cache.take(at) {
                self.deliver_here(&route, &mut content, now);
                self.cache.restore(at, route);
            }
            self.give_back_layouts(content);
        }
        if self.parcels.len() < SPARE_PARCELS && parcel.room() <= SPARE_BYTES {
            parcel.clear();
            self.parcels.push(parcel);
        }
    }
}
