//! Admission: when a client's next PUBLISH has to wait, and how it goes on.
//!
//! A connection is held back while a target shard's credit is spent, too much is on its way into the
//! log (whose disk may be slow, or full), the node's queues are above the memory watermark, its own outbox is over its limit, or (MQTT 3, which has no receive maximum) too
//! many of its publishes await the disk. The bytes stay where they are and the socket is not read.
//! Where the load of others is the cause, one packet at a time is still let through now and then, so
//! that acknowledgements which stand behind a PUBLISH arrive; but not where that would fill the memory
//! with what a full disk does not take.

use crate::conn::ConnId;
use crate::shard::Shard;
use crate::time::Now;
use crate::timers::Timer;
use mqtt_codec::Version;

/// How often a held-back connection is let through by one PUBLISH.
const TRICKLE_MS: u64 = 100;
/// Share of the memory limit above which publishers pause, in percent.
const WATERMARK_PERCENT: u64 = 60;

impl Shard {
    /// May this connection's next PUBLISH (its first byte is `first`) be dealt with now? If not, the
    /// connection is held back.
    pub(crate) fn admits(&mut self, id: ConnId, first: u8, grace: &mut u32, now: Now) -> bool {
        let Some(conn) = self.conns.get(id) else {
            return true;
        };
        let Some(online) = conn.online() else {
            return true;
        };
        let awaiting = online.version != Version::V5
            && first & 0x06 != 0
            && online.unacknowledged >= self.settings.limits.receive_maximum;
        let unread = conn.outbox.len() > self.settings.limits.max_outbox_bytes;
        if !awaiting && !unread {
            if !self.overloaded() {
                return true;
            }
            if *grace > 0 && !self.log_is_choked() {
                *grace -= 1;
                return true;
            }
            self.arm_trickle(now);
        }
        self.hold_back(id);
        false
    }

    /// Others can't keep up: a target shard, the log, or the memory of the node.
    pub(crate) fn overloaded(&self) -> bool {
        let log = self.tickets.undurable_bytes() >= self.settings.limits.in_flight_bytes;
        self.credit.exhausted() || self.above_watermark || log
    }

    /// So much is on its way into the log that not even single messages may follow.
    fn log_is_choked(&self) -> bool {
        let limit = self.settings.limits.in_flight_bytes.saturating_mul(2);
        self.tickets.undurable_bytes() > limit
    }

    pub(crate) fn check_watermark(&mut self) {
        let limit = self.settings.limits.memory_bytes;
        self.above_watermark = self.shared.queued_memory() > limit / 100 * WATERMARK_PERCENT;
    }

    fn hold_back(&mut self, id: ConnId) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        if !std::mem::replace(&mut conn.held_back, true) {
            self.held_back.push(id);
        }
        self.stop_reading(id);
    }

    fn arm_trickle(&mut self, now: Now) {
        if self.trickle_at == 0 {
            self.trickle_at = now.ms + TRICKLE_MS;
            self.timers.set(self.trickle_at, Timer::Trickle);
        }
    }

    /// Tries all that were held back again, each with `grace` publishes whatever the load.
    pub(crate) fn retry_held_back(&mut self, grace: u32, now: Now) {
        if self.held_back.is_empty() {
            return;
        }
        self.check_watermark();
        for id in std::mem::take(&mut self.held_back) {
            let Some(conn) = self.conns.get_mut(id) else {
                continue;
            };
            conn.held_back = false;
            self.consume_partial(id, grace, now);
            if let Some(conn) = self.conns.get_mut(id).filter(|c| !c.held_back) {
                // While it was not read it could not be heard.
                conn.last_heard = now.ms;
            }
            self.allow_reading(id);
        }
    }

    pub(crate) fn on_trickle(&mut self, now: Now) {
        self.trickle_at = 0;
        self.retry_held_back(1, now);
    }

    pub(crate) fn stop_reading(&mut self, id: ConnId) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        if std::mem::replace(&mut conn.reading, false) {
            self.out.reading.push((id, false));
        }
    }

    /// Reads again, unless there is a reason not to.
    pub(crate) fn allow_reading(&mut self, id: ConnId) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        if !conn.held_back && !std::mem::replace(&mut conn.reading, true) {
            self.out.reading.push((id, true));
        }
    }
}

#[cfg(test)]
#[path = "admission_tests.rs"]
mod tests;
