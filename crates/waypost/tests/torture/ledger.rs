//! Who sent what, what was acknowledged, who was subscribed when, and who received what in which order. Each
//! client writes its own pages; only the judge reads them all. Never decides anything.

use mqtt_codec::QoS;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A message's name: its publisher, and its place among that one's messages, from 0 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Tag {
    pub(crate) publisher: u16,
    pub(crate) seq: u32,
}

impl Tag {
    /// A payload of about `size` bytes that says what it is: name, topic and its own length.
    pub(crate) fn payload(self, topic: &str, size: usize) -> Vec<u8> {
        let Tag { publisher, seq } = self;
        // The length has five digits, whatever it is.
        let head = format!("{publisher} {seq} {topic} ");
        let len = size.max(head.len() + 6);
        let mut payload = format!("{head}{len:05} ").into_bytes();
        payload.resize(len, b'.');
        payload
    }

    /// The name in a payload that came whole and on its own topic.
    pub(crate) fn of(topic: &str, payload: &[u8]) -> Option<Tag> {
        let head = &payload[..payload.len().min(64)];
        let head = String::from_utf8_lossy(head);
        let mut words = head.split(' ');
        let tag = Tag {
            publisher: words.next()?.parse().ok()?,
            seq: words.next()?.parse().ok()?,
        };
        (tag.payload(topic, payload.len()) == payload).then_some(tag)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) topic: Arc<str>,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    /// Its payload is empty: a retained message is taken away.
    pub(crate) clears: bool,
    /// Before the first byte of it was written.
    pub(crate) sent_at: u64,
    /// After PUBACK or PUBREC; of a will, after CONNACK.
    pub(crate) acked_at: Option<u64>,
    pub(crate) cycle: u64,
}

/// What one publisher has sent; the index is the `seq`.
#[derive(Default)]
pub(crate) struct Outgoing {
    pub(crate) name: String,
    pub(crate) sent: Vec<Sent>,
}

#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub(crate) filter: String,
    pub(crate) qos: QoS,
    /// Before SUBSCRIBE was written.
    pub(crate) asked_at: u64,
    /// After SUBACK.
    pub(crate) since: Option<u64>,
    /// Before UNSUBSCRIBE was written.
    pub(crate) leaving_at: Option<u64>,
    /// After UNSUBACK.
    pub(crate) until: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Receipt {
    pub(crate) tag: Tag,
    pub(crate) qos: QoS,
    pub(crate) at: u64,
    pub(crate) cycle: u64,
}

#[derive(Default)]
pub(crate) struct Incoming {
    pub(crate) name: String,
    /// Of competing consumers: what one has, the others need not have.
    pub(crate) group: Option<&'static str>,
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) received: Vec<Receipt>,
}

/// All pages. The client holds its own as an `Arc` as well.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) outgoing: Mutex<BTreeMap<u16, Arc<Mutex<Outgoing>>>>,
    pub(crate) incoming: Mutex<Vec<Arc<Mutex<Incoming>>>>,
}

impl Ledger {
    pub(crate) fn publisher(&self, number: u16, name: &str) -> Arc<Mutex<Outgoing>> {
        let page = Arc::new(Mutex::new(Outgoing {
            name: name.to_owned(),
            sent: Vec::new(),
        }));
        self.outgoing.lock().unwrap().insert(number, page.clone());
        page
    }

    pub(crate) fn subscriber(
        &self,
        name: &str,
        group: Option<&'static str>,
    ) -> Arc<Mutex<Incoming>> {
        let page = Arc::new(Mutex::new(Incoming {
            name: name.to_owned(),
            group,
            ..Incoming::default()
        }));
        self.incoming.lock().unwrap().push(page.clone());
        page
    }
}
