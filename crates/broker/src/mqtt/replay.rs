//! Retained messages for new subscriptions, in steps: a bounded look into the tree, only while the
//! client takes what it gets.
//!
//! Owned by the session. A replay remembers the version of the tree at SUBSCRIBE: what is newer comes
//! live, because the subscription was entered before [MQTT-3.3.1-6], [MQTT-3.3.1-8].

use super::qos;
use crate::fan_out::Copy;
use crate::retained::Scan;
use crate::shard::Shard;
use crate::time::Now;
use message::{Message, QoS};
use mqtt_codec::SubOptions;
use std::sync::Arc;

/// Entries of the tree that one step looks at.
const STEP: usize = 256;

pub(crate) struct Replay {
    pub filter: Box<str>,
    /// The topic to go on with; `None` before the first step.
    pub from: Option<Box<str>>,
    /// Values above this version come live.
    pub version: u64,
    pub options: SubOptions,
    pub id: Option<u32>,
}

impl Shard {
    /// The session may have replays to get on with.
    pub(super) fn start_replays(&mut self, slot: u32) {
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let wanted = !session.replays.is_empty() && session.live().is_some();
        if wanted && !std::mem::replace(&mut session.replaying, true) {
            self.replaying.push_back(session.queue);
        }
    }

    /// One step for each session that is waiting for one. Called once a turn.
    pub(crate) fn step_replays(&mut self, now: Now) {
        for _ in 0..self.replaying.len() {
            let Some(queue) = self.replaying.pop_front() else {
                return;
            };
            let Some(slot) = self.sessions.of_queue(queue) else {
                continue;
            };
            if let Some(session) = self.sessions.get_mut(slot) {
                session.replaying = false;
            }
            // A client that is slow is come back to when it has taken what it has.
            if self.takes_replay(slot) {
                self.step_replay(slot, now);
                self.resume_replay(slot);
            }
        }
    }

    /// Sends the next few of the session's oldest replay.
    fn step_replay(&mut self, slot: u32, now: Now) {
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        if session.replays.is_empty() {
            return;
        }
        let mut replay = session.replays.remove(0);
        let mut found = Vec::new();
        let scan = self.shared.read_retained(|tree| {
            let from = replay.from.as_deref();
            tree.scan(&replay.filter, from, replay.version, STEP, &mut found)
        });
        replay.from = match scan {
            Scan::Done => None,
            Scan::More(cursor) => Some(cursor),
        };
        for message in found {
            if !self.takes_replay(slot) {
                // It goes on with this one.
                replay.from = Some(message.topic.clone());
                break;
            }
            self.replay_one(slot, &replay, &message, now);
        }
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        if replay.from.is_some() {
            session.replays.insert(0, replay);
        } else if session.replays.is_empty() {
            session.replays = Vec::new();
        }
    }

    /// True while the client can take more: SUBACK is out, its window open, its outbox short.
    fn takes_replay(&self, slot: u32) -> bool {
        let Some(session) = self.sessions.get(slot) else {
            return false;
        };
        let Some((id, conn)) = session
            .live()
            .and_then(|id| Some((id, self.conns.get(id)?)))
        else {
            return false;
        };
        !self.tickets.is_waiting(id, conn.last_ticket)
            && session.backlog.is_empty()
            && conn.outbox.len() <= self.settings.limits.max_outbox_bytes / 2
    }

    /// The client has taken something: its replays may go on.
    pub(crate) fn resume_replay(&mut self, slot: u32) {
        let session = self.sessions.get(slot);
        if session.is_some_and(|s| !s.replays.is_empty()) && self.takes_replay(slot) {
            self.start_replays(slot);
        }
    }

    fn replay_one(&mut self, slot: u32, replay: &Replay, message: &Arc<Message>, now: Now) {
        let Some(session) = self.sessions.get(slot) else {
            return;
        };
        let own = replay.options.no_local && message.origin == session.queue;
        if message.expired(now.ms) || own || !self.may_read(slot, &message.topic) {
            return;
        }
        let qos = QoS::min(message.qos, qos::neutral(replay.options.qos));
        let copy = Copy::unrecorded(qos, true, replay.id.as_slice(), 0);
        self.with_content(message, |shard, content| {
            shard.deliver(slot, content, &copy, now);
        });
    }
}
