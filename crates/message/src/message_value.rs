//! One message, owned.

use crate::{MessageId, Props, QoS, QueueId};

/// A message that outlives the read it came with: queued, retained, ruled or mailed.
///
/// It is immutable once made and shared by `Arc`. What differs per receiver (granted QoS, the retain
/// flag, subscription identifiers) is kept with the delivery, not here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Its name in the log; 0 where no durable destination wanted it.
    pub id: MessageId,
    /// Topic name in the broker's own form: levels separated by `/`, no wildcards.
    pub topic: Box<str>,
    pub payload: Box<[u8]>,
    pub props: Option<Box<Props>>,
    /// The QoS it was published with.
    pub qos: QoS,
    /// The publisher asked for it to be retained.
    pub retain: bool,
    /// The version that the retained tree gave it; 0 where it did not go there.
    pub retained_version: u64,
    /// When it expires, in milliseconds of the node's monotonic time; in a log, of Unix time, since
    /// the other one begins anew with each start. Forwarded as what remains.
    pub expires_at: Option<u64>,
    /// The session that published it, for No Local; 0 where the broker itself did.
    pub origin: QueueId,
}

impl Message {
    /// Bytes that this message is charged with against limits: what it holds, and its own frame.
    pub fn charge(&self) -> u64 {
        let props = self.props.as_ref().map_or(0, |p| {
            let user: usize = p.user.iter().map(|(k, v)| k.len() + v.len() + 32).sum();
            let optional = [p.content_type.as_deref(), p.reply_to.as_deref()];
            let text: usize = optional.iter().flatten().map(|s| s.len()).sum();
            user + text + p.correlation.as_ref().map_or(0, |c| c.len()) + 80
        });
        (self.topic.len() + self.payload.len() + props + size_of::<Message>()) as u64
    }

    /// True from its expiry on. A delivery that has begun is not touched by this.
    pub fn expired(&self, now_ms: u64) -> bool {
        self.expires_at.is_some_and(|at| at <= now_ms)
    }
}
