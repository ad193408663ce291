//! What operators can do to a shard: close a client, end its session, clear a retained message, publish.
//!
//! Whoever calls has checked that the operator may; the access rules of clients do not hold here. What
//! a command changes takes the same path as where a client is the cause: same records, same order.
//! What it has recorded is durable once [`Shard::is_durable`] says so of what was emitted meanwhile.

use crate::content::Source;
use crate::fan_out::{Published, Publisher};
use crate::shard::Shard;
use crate::sys_topics::is_sys;
use crate::time::Now;
use message::record::{Record, RowKey};
use message::{Props, QoS, QueueId};
use mqtt_codec::{PropertiesBuf, ReasonCode};

/// Bytes that a PUBLISH packet has beyond its topic, properties and payload, at most.
const PACKET_OVERHEAD: usize = 16;

/// A command. The first two go to the home of their client, see [`crate::Shared::home_of`]; the others
/// to any shard.
#[derive(Clone, Debug)]
pub enum Command {
    /// Closes the client's connection; its will is sent as for any that the broker closes.
    Kick {
        client_id: Box<str>,
    },
    /// Ends the session, with its queue, will, subscriptions and records; a connected client is kicked.
    DeleteSession {
        client_id: Box<str>,
    },
    /// Clears the retained message of a topic. Subscribers are not told.
    DeleteRetained {
        topic: Box<str>,
    },
    Publish(Box<OperatorMessage>),
}

/// A message that an operator publishes, or the broker itself.
#[derive(Clone, Debug, Default)]
pub struct OperatorMessage {
    pub topic: Box<str>,
    pub payload: Box<[u8]>,
    pub qos: QoS,
    pub retain: bool,
    pub expiry_s: Option<u32>,
    pub props: Option<Box<Props>>,
    /// What the broker says about itself: leaves no retained record in the log, since after a restart
    /// it would no longer be true. Only such messages may be published to `$SYS`.
    pub transient: bool,
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    Yes,
    /// There is no such client, connection or message.
    NotFound,
    /// Nothing was done, and why.
    Refused(Box<str>),
    /// `receivers`: somebody is subscribed to the topic.
    Published {
        receivers: bool,
    },
}

impl Shard {
    /// Does what an operator asks for. Ends in a turn's output, as any event.
    pub fn command(&mut self, command: Command, now: Now) -> Done {
        self.raise_message_counter();
        match command {
            Command::Kick { client_id } => self.kick(&client_id, now),
            Command::DeleteSession { client_id } => self.delete_session(&client_id, now),
            Command::DeleteRetained { topic } => self.delete_retained(&topic),
            Command::Publish(message) => match self.publish_for_operator(&message, now) {
                Ok(done) => done,
                Err(why) => Done::Refused(why.into()),
            },
        }
    }

    fn kick(&mut self, client_id: &str, now: Now) -> Done {
        let session = self.sessions.of_client(client_id);
        let conn = session.and_then(|slot| self.sessions.get(slot)?.conn);
        let Some(id) = conn else {
            return Done::NotFound;
        };
        self.stats.kicked += 1;
        let why = "closed by an operator";
        self.dismiss(id, ReasonCode::AdministrativeAction, why, now);
        Done::Yes
    }

    fn delete_session(&mut self, client_id: &str, now: Now) -> Done {
        let Some(slot) = self.sessions.of_client(client_id) else {
            return Done::NotFound;
        };
        self.kick(client_id, now);
        // A session that ends with its connection is gone by now.
        if self.sessions.of_client(client_id) == Some(slot) {
            self.end_session(slot, now);
        }
        Done::Yes
    }

    fn delete_retained(&mut self, topic: &str) -> Done {
        let shared = self.shared.clone();
        let ended = shared.write_retained(|tree| {
            tree.remove(topic)?;
            Some(tree.next_version())
        });
        let Some(version) = ended else {
            return Done::NotFound;
        };
        if !is_sys(topic) {
            self.store(Record::Delete(RowKey::Retained(topic.into(), version)));
        }
        Done::Yes
    }

    fn publish_for_operator(
        &mut self,
        message: &OperatorMessage,
        now: Now,
    ) -> Result<Done, String> {
        let mut props = PropertiesBuf::new();
        if let Some(said) = &message.props {
            self.check_props(said, &message.payload)?;
            crate::props::write(said, &mut props);
        }
        let forward = props.as_props();
        let size = message.topic.len() + message.payload.len() + forward.raw().len();
        self.check_message(message, size + PACKET_OVERHEAD)?;
        let source = Source {
            topic: &message.topic,
            payload: &message.payload,
            forward: forward.raw(),
            qos: message.qos,
            retain: message.retain && self.settings.mqtt.retain_available,
            expires_at: message.expiry_s.map(|s| now.after_s(s)),
            origin: QueueId(0),
            transient: message.transient,
        };
        match self.publish(&Publisher::OPERATOR, &source, None, now) {
            Published::Done { receivers, .. } => Ok(Done::Published { receivers }),
            Published::NotAuthorized => Err("not allowed to publish to this topic".into()),
            Published::RetainedFull => {
                Err("no room for another retained message: raise limits.max_retained_messages or limits.max_retained_bytes, or delete some".into())
            }
            Published::BadTopic(error) => Err(error.to_string()),
        }
    }

    fn check_message(&self, message: &OperatorMessage, size: usize) -> Result<(), String> {
        let (limits, mqtt) = (&self.settings.limits, &self.settings.mqtt);
        if message.transient {
            return Ok(());
        }
        if is_sys(&message.topic) {
            return Err("topics below $SYS are the broker's own".into());
        }
        if message.qos > mqtt.maximum_qos {
            return Err("QoS above mqtt.maximum_qos".into());
        }
        if message.retain && !mqtt.retain_available {
            return Err("retained messages are switched off by mqtt.retain_available".into());
        }
        if size > limits.max_packet_size as usize {
            let max = limits.max_packet_size;
            return Err(format!(
                "a message of {size} bytes is above limits.max_packet_size of {max}"
            ));
        }
        if self.overloaded() {
            return Err("publishers are paused, since too much is queued: try again later".into());
        }
        Ok(())
    }

    /// What the decoder checks where a client says it.
    fn check_props(&self, props: &Props, payload: &[u8]) -> Result<(), String> {
        if props.payload_is_utf8 == Some(true) && std::str::from_utf8(payload).is_err() {
            return Err("the payload is not the UTF-8 text that it is said to be".into());
        }
        if let Some(topic) = &props.reply_to {
            message::topic::check(topic, self.settings.limits.max_topic_bytes)
                .map_err(|e| format!("response topic: {e}"))?;
        }
        let user = props.user.iter().flat_map(|(name, value)| [name, value]);
        for text in user.chain(&props.content_type) {
            // [MQTT-1.5.4-2]
            if text.contains('\0') || text.len() > usize::from(u16::MAX) {
                return Err("a text property holds NUL or more than 65,535 bytes".into());
            }
        }
        let correlation = props.correlation.as_ref().map_or(0, |c| c.len());
        if correlation > usize::from(u16::MAX) {
            return Err("correlation data of more than 65,535 bytes".into());
        }
        Ok(())
    }
}
