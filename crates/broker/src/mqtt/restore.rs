//! Sessions, as the log has them when a node starts: each row into its place, on the client's home.
//!
//! Nothing is sent, published or ended here. What is due by then (a will, the end of a session) gets a
//! timer that has passed: it fires in the shard's first turn, when everything else is in its place.

use super::inflight::{Entry, Inflight, Phase};
use super::session::NEVER;
use super::will::Will;
use crate::auth::Identity;
use crate::queue::{Queued, Window};
use crate::shard::Shard;
use crate::time::Now;
use crate::timers::Timer;
use message::record::Row;
use message::{QueueId, SharedFilter};
use mqtt_codec::{QoS, SubOptions};
use std::collections::BTreeMap;

/// What a session had in flight, by packet id.
pub(crate) type InFlight = BTreeMap<u16, Waiting>;

/// An outgoing QoS 2 message that has a packet id.
pub(crate) struct Waiting {
    /// PUBREC has come.
    pub released: bool,
    /// `None` where the log does not have it any more.
    pub item: Option<Queued>,
}

impl Shard {
    /// The row of a session.
    pub(crate) fn restore_session(&mut self, row: &Row, now: Now) {
        let Row::Session {
            queue,
            client_id,
            user,
            expires_after_s,
            disconnected_at_ms,
        } = row
        else {
            return;
        };
        let identity = Identity {
            user: user.as_deref().map(Into::into),
            client_id: (**client_id).into(),
        };
        let older = self.sessions.of_client(client_id);
        let slot = self.add_session(*queue, identity, true, now);
        if let Some(older) = older {
            // Its end had not been written yet.
            self.end_overdue(older, now);
        }
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let expiry_s = expires_after_s.unwrap_or(NEVER);
        session.expiry_s = expiry_s;
        let left_ms = match disconnected_at_ms {
            // It was connected, and would not have outlived that.
            _ if expiry_s == 0 => 0,
            // It was connected, until the node stopped.
            None => return self.set_session_end(slot, now),
            Some(_) if expiry_s == NEVER => return,
            Some(at) => {
                let away_ms = now.unix_ms.saturating_sub(*at);
                (u64::from(expiry_s) * 1000).saturating_sub(away_ms)
            }
        };
        session.ends_at = (now.ms + left_ms).max(1);
        self.timers.set(session.ends_at, Timer::Session(*queue));
    }

    /// A session that ended, as its client's next one shows: what is left of it goes in the first turn.
    fn end_overdue(&mut self, slot: u32, now: Now) {
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let (queue, at) = (
            session.queue,
            std::mem::replace(&mut session.ends_at, now.ms.max(1)),
        );
        session.expiry_s = 0;
        if at != 0 {
            self.timers.cancel(at, Timer::Session(queue));
        }
        self.timers.set(now.ms.max(1), Timer::Session(queue));
    }

    /// The row of a subscription. Retained messages are not sent again.
    pub(crate) fn restore_subscription(&mut self, row: &Row) {
        let Row::Subscription {
            queue,
            filter,
            options,
            id,
            group,
        } = row
        else {
            return;
        };
        let Some(slot) = self.sessions.of_queue(*queue) else {
            return;
        };
        let (Some(session), Ok(options)) =
            (self.sessions.get_mut(slot), SubOptions::from_byte(*options))
        else {
            return;
        };
        let put = session.subscriptions.put(filter, options, *id);
        self.gauges.subscribed(group.is_some());
        match (SharedFilter::parse(filter), group) {
            (Ok(Some(shared)), Some(group)) => {
                self.join_group(slot, shared, options, *id, *group);
            }
            _ => self.enter_interest(slot, filter, options, *id, put),
        }
    }

    /// A QoS 2 packet id that the client has used and not released.
    pub(crate) fn restore_received(&mut self, queue: QueueId, packet_id: u16) {
        let slot = self.sessions.of_queue(queue);
        if let Some(session) = slot.and_then(|slot| self.sessions.get_mut(slot)) {
            session.received.insert(packet_id, 0);
        }
    }

    /// The row of a will: it goes on waiting, or is due because its client's connection is gone.
    pub(crate) fn restore_will(&mut self, row: &Row, now: Now) {
        let Row::Will {
            queue,
            message,
            delay_s,
            expiry_s,
            due_at_ms,
        } = row
        else {
            return;
        };
        let Some(slot) = self.sessions.of_queue(*queue) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        session.will = Some(Box::new(Will {
            topic: message.topic.clone(),
            payload: message.payload.clone(),
            props: message.props.clone(),
            qos: message.qos,
            retain: message.retain,
            delay_s: *delay_s,
            expiry_s: *expiry_s,
        }));
        let left_ms = match due_at_ms {
            Some(at) => at
                .saturating_sub(now.unix_ms)
                .min(u64::from(*delay_s) * 1000),
            None if *delay_s > 0 && session.expiry_s > 0 => return self.start_will(slot, now),
            None => 0,
        };
        session.will_at = (now.ms + left_ms).max(1);
        self.timers.set(session.will_at, Timer::Will(*queue));
    }

    /// A message waits for a session, paged out. No limit is asked: it was taken in.
    pub(crate) fn restore_queued(&mut self, queue: QueueId, item: Queued) {
        let slot = self.sessions.of_queue(queue);
        let Some(session) = slot.and_then(|slot| self.sessions.get_mut(slot)) else {
            return;
        };
        let window = Window::of(self.settings.limits.queue_window_bytes).away();
        let before = session.backlog.weight();
        // Limits that are not there are not met.
        let _ = session.backlog.push(item, usize::MAX, u64::MAX, window);
        self.gauges.requeued(before, session.backlog.weight());
    }

    /// What the session was in the middle of. Packet ids stay what they were: the client may know them.
    /// A message that is not there any more can't be sent again, only released: PUBREL is for a client
    /// that has it, and harmless for one that has not.
    pub(crate) fn restore_inflight(&mut self, queue: QueueId, inflight: InFlight) {
        let slot = self.sessions.of_queue(queue);
        let Some(session) = slot.and_then(|slot| self.sessions.get_mut(slot)) else {
            return;
        };
        let entry = |waiting: Waiting| Entry {
            phase: if waiting.released || waiting.item.is_none() {
                Phase::Released
            } else {
                Phase::Sent
            },
            qos: QoS::ExactlyOnce,
            dup: true,
            holds_quota: false,
            item: waiting.item,
        };
        self.gauges.in_flight += inflight.len() as u64;
        let entries = inflight.into_iter().map(|(id, w)| (id, entry(w)));
        session.inflight = Inflight::restored(entries.collect());
    }

    /// True where this session ends with the connection that the node's stop has ended.
    pub(crate) fn ends_at_once(&self, queue: QueueId) -> bool {
        let slot = self.sessions.of_queue(queue);
        slot.and_then(|slot| self.sessions.get(slot))
            .is_none_or(|s| s.expiry_s == 0)
    }
}
