//! How a connection lets go of its session, and how a session ends.

use super::inflight::{Entry, Phase};
use super::session::NEVER;
use super::welcome::{session_key, session_row};
use crate::conn::ConnId;
use crate::event::What;
use crate::queue::{Queued, Weight, Window};
use crate::shard::Shard;
use crate::stats::Drop;
use crate::time::Now;
use crate::timers::Timer;
use message::QoS;
use message::record::Record;

impl Shard {
    /// The connection no longer speaks for its session. The caller sees to the will and the end.
    /// Returns the session's slot.
    pub(super) fn detach(&mut self, id: ConnId, why: &str, now: Now) -> Option<u32> {
        let online = self.conns.get(id)?.online()?;
        let (slot, version) = (online.session, online.version);
        let window = Window::of(self.settings.limits.queue_window_bytes);
        let session = self.sessions.get_mut(slot)?;
        if session.conn != Some(id) {
            return None;
        }
        let was_ready = session.ready;
        session.conn = None;
        session.ready = false;
        session.since_unix_ms = now.unix_ms;
        let (durable, expiry_s) = (session.durable, session.expiry_s);
        let before = session.backlog.weight();
        let held = session.backlog.take_held();
        session.backlog.page_out(window);
        self.gauges.requeued(before, session.backlog.weight());
        self.gauges.connections[version as usize] -= 1;
        self.shared.loads[usize::from(self.id)].fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        self.note(id, What::Disconnected { why: why.into() });
        if was_ready {
            self.announce_presence(slot, false);
        }
        for item in held {
            self.put_back(slot, item);
        }
        if durable && expiry_s > 0 {
            self.set_session_end(slot, now);
        }
        Some(slot)
    }

    /// The session is without a connection from now on: its expiry counts [MQTT-3.1.2.11.2].
    pub(super) fn set_session_end(&mut self, slot: u32, now: Now) {
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        if session.expiry_s != NEVER {
            session.ends_at = now.after_s(session.expiry_s);
            self.timers
                .set(session.ends_at, Timer::Session(session.queue));
        }
        let row = session_row(session, Some(now.unix_ms));
        self.store(Record::Put(row));
    }

    /// The connection has gone. `say_will`: without a goodbye, so that its will is due.
    pub(crate) fn lose(&mut self, id: ConnId, why: &str, say_will: bool, now: Now) {
        let Some(slot) = self.detach(id, why, now) else {
            return;
        };
        if say_will {
            self.start_will(slot, now);
        } else {
            self.drop_will(slot);
        }
        if self.sessions.get(slot).is_some_and(|s| s.expiry_s == 0) {
            self.end_session(slot, now);
        }
    }

    /// Ends a session that has no connection: will, subscriptions, queue and records go.
    pub(crate) fn end_session(&mut self, slot: u32, now: Now) {
        self.send_will(slot, now);
        self.unsubscribe_all(slot);
        let Some(mut session) = self.sessions.remove(slot) else {
            return;
        };
        if session.ends_at != 0 {
            self.timers
                .cancel(session.ends_at, Timer::Session(session.queue));
        }
        self.shared
            .sessions
            .fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        self.classes.leave(session.class);
        self.gauges.in_flight -= session.inflight.len() as u64;
        for (_, entry) in session.inflight.drain() {
            self.abandon(session.queue, entry);
        }
        self.gauges
            .requeued(session.backlog.weight(), Weight::default());
        let (waiting, paged) = session.backlog.end();
        for item in waiting {
            self.drop_queued(session.queue, item, Drop::SessionEnded);
        }
        self.drop_paged(paged, Drop::SessionEnded);
        if session.recorded {
            self.store(Record::Delete(session_key(session.queue)));
        }
        if session.durable {
            self.last_session_end = self.tickets.latest();
        }
    }

    /// What a session that ends was in the middle of: QoS 1 of a group goes to another member, QoS 2
    /// never does (MQTT 5, 4.8.2; [MQTT-4.8.2-5]).
    fn abandon(&mut self, queue: message::QueueId, entry: Entry) {
        let Some(item) = entry.item else { return };
        let begun = matches!(
            entry.phase,
            Phase::Sent | Phase::Releasing | Phase::Released
        ) || entry.dup;
        if item.qos == QoS::ExactlyOnce && begun {
            self.settle(item.id, item.ordinal);
            self.served(queue, item.held);
            self.stats.drop(Drop::SessionEnded);
            return;
        }
        if let (QoS::ExactlyOnce, Some(held)) = (item.qos, item.held) {
            self.assign(&item, held.group);
        }
        self.drop_queued(queue, item, Drop::SessionEnded);
    }

    /// A message will not be delivered to this session: back to its group, or lost for `reason`.
    pub(super) fn drop_queued(&mut self, queue: message::QueueId, item: Queued, reason: Drop) {
        if item.held.is_some() {
            self.put_back_from(queue, item);
        } else {
            self.settle(item.id, item.ordinal);
            self.stats.drop(reason);
        }
    }

    /// Timers of sessions.
    pub(crate) fn on_session_timer(&mut self, timer: Timer, now: Now) {
        let (Timer::Session(queue) | Timer::Will(queue)) = timer else {
            return;
        };
        let Some(slot) = self.sessions.of_queue(queue) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        match timer {
            Timer::Session(_) if session.conn.is_none() => {
                session.ends_at = 0;
                self.stats.sessions_expired += 1;
                self.end_session(slot, now);
            }
            Timer::Will(_) => {
                session.will_at = 0;
                self.send_will(slot, now);
            }
            _ => {}
        }
    }
}
