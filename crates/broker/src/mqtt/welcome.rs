//! The home shard takes a client in: takeover, resumption or a new session, then CONNACK.
//!
//! CONNACK waits until what it says is durable; until then the session counts as away, and what the
//! client sends is kept unread.

use super::capabilities::{announce, granted_expiry, granted_keep_alive};
use super::connect::{Connecting, Opening};
use super::inflight::{Inflight, Phase};
use super::received::Received;
use super::session::Session;
use super::subscriptions::Subscriptions;
use super::waiter::Waiter;
use crate::auth::Identity;
use crate::conn::{ConnId, Extra, Online, State};
use crate::event::What;
use crate::queue::Backlog;
use crate::shard::Shard;
use crate::time::Now;
use message::QueueId;
use message::record::{Record, Row, RowKey};
use mqtt_codec::{AckKind, Connack, Packet, PropertiesBuf, ReasonCode, Version};
use std::sync::atomic::Ordering;

impl Shard {
    /// An authenticated client has reached its home.
    pub(crate) fn begin_session(
        &mut self,
        id: ConnId,
        connecting: Box<Connecting>,
        identity: Identity,
        now: Now,
    ) {
        let emitted = self.tickets.latest();
        let known = match self.settle_predecessor(&connecting, &identity, now) {
            Ok(known) => known,
            Err(why) => return self.turn_away(id, connecting, ReasonCode::NotAuthorized, why),
        };
        let sessions = self.shared.sessions.load(Ordering::Relaxed);
        if known.is_none() && sessions >= self.settings.limits.max_sessions {
            let why = "the limit max_sessions is reached";
            return self.turn_away(id, connecting, ReasonCode::QuotaExceeded, why);
        }
        let session_present = known.is_some();
        let expiry_s = granted_expiry(
            connecting.expiry_s,
            self.settings.limits.max_session_expiry_s,
        );
        let slot = known.unwrap_or_else(|| {
            self.stats.sessions_created += 1;
            let queue = self.shared.new_queue();
            self.add_session(queue, identity, expiry_s > 0, now)
        });
        let mut connecting = connecting;
        let will = connecting.will.take();
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        session.expiry_s = expiry_s;
        session.durable |= expiry_s > 0;
        session.recorded |= session.durable || will.is_some();
        session.conn = Some(id);
        session.ready = false;
        session.since_unix_ms = now.unix_ms;
        let recorded = session.recorded;
        if recorded {
            let row = session_row(session, None);
            self.store(Record::Put(row));
        }
        self.set_will(slot, will);
        let wait = recorded || self.ended_durable_since(emitted);
        self.attach(id, slot, connecting, session_present, expiry_s, now);
        if wait {
            self.wait_for(id, emitted, Waiter::Welcome { conn: id });
        } else {
            self.welcome(id, now);
        }
    }

    /// Refuses a client that was authenticated, as if it had not got beyond that.
    fn turn_away(
        &mut self,
        id: ConnId,
        connecting: Box<Connecting>,
        reason: ReasonCode,
        why: &str,
    ) {
        let version = connecting.version;
        if let Some(conn) = self.conns.get_mut(id) {
            conn.state = State::Authenticating(connecting);
        }
        self.refuse(id, version, reason, why);
    }

    /// True where a durable session was ended by this CONNECT: its end must be durable before the
    /// client hears that there is none, or it would rise again after a crash.
    fn ended_durable_since(&mut self, emitted: u64) -> bool {
        self.last_session_end > emitted
    }

    /// A session without anything: a new one, or one that rows of the log are about to fill.
    pub(super) fn add_session(
        &mut self,
        queue: QueueId,
        identity: Identity,
        durable: bool,
        now: Now,
    ) -> u32 {
        self.shared.sessions.fetch_add(1, Ordering::Relaxed);
        let class = self.classes.enter(&self.settings.policy, &identity);
        self.sessions.insert(Session {
            queue,
            identity,
            class,
            conn: None,
            ready: false,
            durable,
            recorded: durable,
            expiry_s: 0,
            subscriptions: Subscriptions::default(),
            inflight: Inflight::default(),
            backlog: Backlog::default(),
            received: Received::default(),
            will: None,
            ends_at: 0,
            will_at: 0,
            replays: Vec::new(),
            replaying: false,
            created_unix_ms: now.unix_ms,
            since_unix_ms: now.unix_ms,
        })
    }

    /// Makes the connection an online one; CONNACK is still owed.
    fn attach(
        &mut self,
        id: ConnId,
        session: u32,
        connecting: Box<Connecting>,
        session_present: bool,
        expiry_s: u32,
        now: Now,
    ) {
        let settings = &self.settings;
        let v5 = connecting.version == Version::V5;
        let keep_alive_s =
            granted_keep_alive(connecting.keep_alive_s, v5, settings.mqtt.max_keep_alive_s);
        let alias_maximum = connecting
            .alias_maximum
            .min(settings.limits.topic_alias_maximum_outgoing);
        let extra = connecting.method.clone().map(|method| {
            Box::new(Extra {
                method: Some(method),
                ..Extra::default()
            })
        });
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        self.gauges.connections[connecting.version as usize] += 1;
        conn.version = Some(connecting.version);
        conn.state = State::Online(Online {
            session,
            version: connecting.version,
            silence_ms: u32::from(keep_alive_s) * 1500,
            max_packet: connecting.max_packet,
            alias_maximum,
            unacknowledged: 0,
            problem_information: connecting.problem_information,
            clean_start: connecting.clean,
            opening: Some(Box::new(Opening {
                connecting,
                session_present,
                keep_alive_s,
                expiry_s,
            })),
            extra,
        });
        let silence_ms = u64::from(keep_alive_s) * 1500;
        self.shared.loads[usize::from(self.id)].fetch_add(1, Ordering::Relaxed);
        self.set_conn_timer(
            id,
            if silence_ms == 0 {
                0
            } else {
                now.ms + silence_ms
            },
        );
    }

    /// The session is durable: CONNACK, then all that was waiting for the client.
    pub(crate) fn welcome(&mut self, id: ConnId, now: Now) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        let Some(online) = conn.online_mut() else {
            return;
        };
        let (slot, version) = (online.session, online.version);
        let Some(opening) = online.opening.take() else {
            return;
        };
        let connecting = &opening.connecting;
        let mut props = PropertiesBuf::new();
        if version == Version::V5 {
            announce(
                &mut props,
                &self.settings,
                connecting,
                opening.expiry_s,
                opening.keep_alive_s,
            );
        }
        // MQTT 3.1 has no session present flag.
        let session_present = opening.session_present && version != Version::V31;
        let packet = Packet::Connack(Connack {
            session_present,
            code: 0,
            props: props.as_props(),
        });
        if !self.send_if_it_fits(id, version, &packet) {
            // Nothing may come before a CONNACK [MQTT-3.2.0-1], and none may be sent.
            let why = "CONNACK is larger than the client's Maximum Packet Size";
            self.lose(id, why, true, now);
            return self.start_closing(id);
        }
        let window = connecting
            .receive_maximum
            .min(self.settings.limits.max_inflight);
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        session.ready = true;
        session.inflight.reconnected(window);
        let releases = session.inflight.in_phase(Phase::Released);
        let resumed = opening.session_present;
        self.note(id, What::Connected { resumed });
        self.stats.speakers(version).connected += 1;
        self.stats.sessions_resumed += u64::from(resumed);
        self.announce_presence(slot, true);
        for packet_id in releases {
            self.send_ack(id, AckKind::Pubrel, packet_id, ReasonCode::Success, "");
        }
        self.pump(slot, now);
        self.start_replays(slot);
        self.consume_partial(id, 0, now);
        self.allow_reading(id);
    }
}

/// The row of a session; `disconnected_at_ms` (Unix time) where it has no connection.
pub(super) fn session_row(session: &Session, disconnected_at_ms: Option<u64>) -> Row {
    Row::Session {
        queue: session.queue,
        client_id: (*session.identity.client_id).into(),
        user: session.identity.user.as_deref().map(Into::into),
        expires_after_s: (session.expiry_s != super::session::NEVER).then_some(session.expiry_s),
        disconnected_at_ms,
    }
}

/// The key of all that belongs to a session.
pub(super) fn session_key(queue: QueueId) -> RowKey {
    RowKey::Session(queue)
}
