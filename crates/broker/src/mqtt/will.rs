//! Wills: what a client wants said when it is gone.
//!
//! Owned by the session. Published at its delay or at the session's end, whichever is first
//! [MQTT-3.1.2-8], [MQTT-3.1.3-9]; never before authentication has succeeded. Authorised at CONNECT
//! and again when it is sent.

use crate::content::Source;
use crate::fan_out::Publisher;
use crate::shard::Shard;
use crate::time::Now;
use crate::timers::Timer;
use message::record::{Record, Row, RowKey};
use message::{Message, Props, QoS, QueueId};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(crate) struct Will {
    pub topic: Box<str>,
    pub payload: Box<[u8]>,
    pub props: Option<Box<Props>>,
    pub qos: QoS,
    pub retain: bool,
    pub delay_s: u32,
    /// Message Expiry Interval, counted from when it is sent.
    pub expiry_s: Option<u32>,
}

impl Will {
    fn message(&self, origin: QueueId) -> Message {
        Message {
            topic: self.topic.clone(),
            payload: self.payload.clone(),
            props: self.props.clone(),
            qos: self.qos,
            retain: self.retain,
            origin,
            ..Message::default()
        }
    }
}

impl Shard {
    /// The session has a new connection with this will, or none.
    pub(super) fn set_will(&mut self, slot: u32, will: Option<Box<Will>>) {
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let queue = session.queue;
        let had = session.will.is_some();
        let record = will.as_ref().map(|will| {
            let (message, delay_s) = (Arc::new(will.message(queue)), will.delay_s);
            Record::Put(Row::Will {
                queue,
                message,
                delay_s,
                due_at_ms: None,
            })
        });
        session.will = will;
        if let Some(record) = record {
            self.store(record);
        } else if had {
            self.store(Record::Delete(RowKey::Will(queue)));
        }
    }

    /// No will is to be sent: the client said goodbye, or is back in time.
    pub(super) fn drop_will(&mut self, slot: u32) {
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let at = std::mem::take(&mut session.will_at);
        let queue = session.queue;
        if session.will.take().is_some() {
            self.store(Record::Delete(RowKey::Will(queue)));
        }
        if at != 0 {
            self.timers.cancel(at, Timer::Will(queue));
        }
    }

    /// The connection is gone: the will is due now, or after its delay.
    pub(super) fn start_will(&mut self, slot: u32, now: Now) {
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let Some(will) = &session.will else { return };
        let (asked_s, queue) = (will.delay_s, session.queue);
        let delay_s = asked_s.min(session.expiry_s);
        if delay_s == 0 {
            return self.send_will(slot, now);
        }
        let message = Arc::new(will.message(queue));
        session.will_at = now.after_s(delay_s);
        self.timers.set(session.will_at, Timer::Will(queue));
        let due_at_ms = Some(now.unix_ms + u64::from(delay_s) * 1000);
        self.store(Record::Put(Row::Will {
            queue,
            message,
            delay_s: asked_s,
            due_at_ms,
        }));
    }

    /// Publishes the will, if there is one, and forgets it.
    pub(super) fn send_will(&mut self, slot: u32, now: Now) {
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let Some(will) = session.will.take() else {
            return;
        };
        let (queue, at) = (session.queue, std::mem::take(&mut session.will_at));
        if at != 0 {
            self.timers.cancel(at, Timer::Will(queue));
        }
        let publisher = Publisher {
            session: slot,
            class: session.class,
        };
        let mut props = std::mem::take(&mut self.props_scratch);
        crate::props::forward(&will.message(queue), &mut props);
        let source = Source {
            topic: &will.topic,
            payload: &will.payload,
            forward: props.as_props().raw(),
            qos: will.qos,
            retain: will.retain,
            expires_at: will.expiry_s.map(|s| now.after_s(s)),
            origin: queue,
            transient: false,
        };
        self.publish(&publisher, &source, None, now);
        self.props_scratch = props;
        self.store(Record::Delete(RowKey::Will(queue)));
    }
}
