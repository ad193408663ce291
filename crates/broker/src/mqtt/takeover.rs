//! Takeover: a client id connects while a session of that id exists.
//!
//! Both connections and the session are on this shard, so the old one is fenced simply by being
//! closed first [MQTT-3.1.4-3]: its late packets find no session.

use super::connect::Connecting;
use crate::auth::Identity;
use crate::shard::Shard;
use crate::time::Now;
use crate::timers::Timer;
use mqtt_codec::ReasonCode;

impl Shard {
    /// What becomes of the session that this client id has already: `Some` where it is resumed.
    /// An id that belongs to another user is refused, its session untouched.
    pub(super) fn settle_predecessor(
        &mut self,
        connecting: &Connecting,
        identity: &Identity,
        now: Now,
    ) -> Result<Option<u32>, &'static str> {
        let Some(slot) = self.sessions.of_client(&connecting.client_id) else {
            return Ok(None);
        };
        let Some(session) = self.sessions.get(slot) else {
            return Ok(None);
        };
        if session.identity.user != identity.user {
            return Err("the client id belongs to a session of another user");
        }
        // A session that ends with its connection ends with the takeover as well [MQTT-3.1.2.11.2].
        let resume = !connecting.clean && session.durable && session.expiry_s > 0;
        if let Some(old) = session.conn {
            self.send_disconnect(
                old,
                ReasonCode::SessionTakenOver,
                "another connection uses this client id",
            );
            self.stats.taken_over += 1;
            self.detach(old, "taken over by another connection", now);
            self.start_closing(old);
            self.will_at_takeover(slot, resume, now);
        } else if resume {
            // Back before the delay has passed: the will is not sent [MQTT-3.1.3-9].
            self.drop_will(slot);
        }
        if !resume {
            self.end_session(slot, now);
            return Ok(None);
        }
        let Some(session) = self.sessions.get_mut(slot) else {
            return Ok(None);
        };
        let ends_at = std::mem::take(&mut session.ends_at);
        let queue = session.queue;
        if ends_at != 0 {
            self.timers.cancel(ends_at, Timer::Session(queue));
        }
        Ok(Some(slot))
    }

    /// The old connection's will: sent, unless it has a delay and the session goes on.
    fn will_at_takeover(&mut self, slot: u32, resume: bool, now: Now) {
        let delay_s = self
            .sessions
            .get(slot)
            .and_then(|s| s.will.as_ref())
            .map_or(0, |w| w.delay_s);
        if resume && delay_s > 0 {
            self.drop_will(slot);
        } else {
            self.send_will(slot, now);
        }
    }
}
