//! What is being published, borrowed where it can be: a read buffer or a queued message.
//!
//! It becomes an owned [`Message`] once, and only if a queue, a mail, a record or the retained tree
//! wants it; a QoS 0 message that is merely passed on never does.

use crate::mqtt::Layouts;
use crate::shard::Shard;
use message::{Message, MessageId, QoS, QueueId};
use std::sync::Arc;

pub(crate) struct Content<'a> {
    pub topic: &'a str,
    pub payload: &'a [u8],
    /// Properties as they are forwarded, in MQTT 5 form; empty for none.
    pub forward: &'a [u8],
    /// The QoS it was published with.
    pub qos: QoS,
    /// The publisher asked for it to be retained.
    pub retain: bool,
    /// Monotonic ms.
    pub expires_at: Option<u64>,
    pub origin: QueueId,
    pub id: MessageId,
    pub retained_version: u64,
    /// Leaves no retained record in the log.
    pub transient: bool,
    owned: Option<Arc<Message>>,
    /// Encoded forms made so far, shared by all receivers of this turn.
    pub layouts: Layouts,
}

/// The parts of a [`Content`] that are not shared with the message itself.
pub(crate) struct Source<'a> {
    pub topic: &'a str,
    pub payload: &'a [u8],
    pub forward: &'a [u8],
    pub qos: QoS,
    pub retain: bool,
    pub expires_at: Option<u64>,
    pub origin: QueueId,
    /// Leaves no retained record in the log.
    pub transient: bool,
}

impl<'a> Content<'a> {
    /// Content that still lies in a read buffer.
    pub(crate) fn borrowed(source: &Source<'a>, layouts: Layouts) -> Self {
        Content {
            topic: source.topic,
            payload: source.payload,
            forward: source.forward,
            qos: source.qos,
            retain: source.retain,
            expires_at: source.expires_at,
            origin: source.origin,
            id: MessageId(0),
            retained_version: 0,
            transient: source.transient,
            owned: None,
            layouts,
        }
    }

    /// A message that is owned already; `forward` are its properties, see `props::forward`.
    fn of(message: &'a Arc<Message>, forward: &'a [u8], layouts: Layouts) -> Self {
        Content {
            topic: &message.topic,
            payload: &message.payload,
            forward,
            qos: message.qos,
            retain: message.retain,
            expires_at: message.expires_at,
            origin: message.origin,
            id: message.id,
            retained_version: message.retained_version,
            transient: false,
            owned: Some(message.clone()),
            layouts,
        }
    }

    /// The message, owned; made at the first call. `id` and `retained_version` must be final.
    pub(crate) fn owned(&mut self) -> Arc<Message> {
        if let Some(message) = &self.owned {
            return message.clone();
        }
        let message = Arc::new(Message {
            id: self.id,
            topic: self.topic.into(),
            payload: self.payload.into(),
            props: crate::props::neutral(self.forward),
            qos: self.qos,
            retain: self.retain,
            retained_version: self.retained_version,
            expires_at: self.expires_at,
            origin: self.origin,
        });
        self.owned = Some(message.clone());
        message
    }

    /// The message has been made already.
    pub(crate) fn is_owned(&self) -> bool {
        self.owned.is_some()
    }

    /// Seconds that remain, rounded up; `None` where it does not expire [MQTT-3.3.2-6].
    pub(crate) fn remaining_s(&self, now_ms: u64) -> Option<u32> {
        let left = self.expires_at?.saturating_sub(now_ms).div_ceil(1000);
        Some(u32::try_from(left).unwrap_or(u32::MAX))
    }
}

impl Shard {
    /// Passes on a message that is owned already, with the shard's scratch memory for its forms.
    pub(crate) fn with_content<R>(
        &mut self,
        message: &Arc<Message>,
        pass: impl FnOnce(&mut Shard, &mut Content<'_>) -> R,
    ) -> R {
        let mut props = std::mem::take(&mut self.props_scratch);
        crate::props::forward(message, &mut props);
        let layouts = self.take_layouts();
        let mut content = Content::of(message, props.as_props().raw(), layouts);
        let passed = pass(self, &mut content);
        self.give_back_layouts(content);
        self.props_scratch = props;
        passed
    }

    pub(crate) fn take_layouts(&mut self) -> Layouts {
        self.layouts.pop().unwrap_or_default()
    }

    pub(crate) fn give_back_layouts(&mut self, content: Content<'_>) {
        let mut layouts = content.layouts;
        layouts.reset();
        self.layouts.push(layouts);
    }
}
