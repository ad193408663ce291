//! How connections end: the client's DISCONNECT, its offences, its silence, our shutdown.

use crate::conn::{ConnId, State};
use crate::shard::Shard;
use crate::stats::Refusal;
use crate::time::Now;
use crate::timers::Timer;
use mqtt_codec::{Disconnect, ReasonCode, Version};

/// Reasons of a DISCONNECT that a client may have. [MQTT 5, table 3-10]
fn a_client_may_say(reason: ReasonCode) -> bool {
    matches!(
        reason,
        ReasonCode::Success
            | ReasonCode::DisconnectWithWill
            | ReasonCode::UnspecifiedError
            | ReasonCode::MalformedPacket
            | ReasonCode::ProtocolError
            | ReasonCode::ImplementationSpecificError
            | ReasonCode::TopicNameInvalid
            | ReasonCode::ReceiveMaximumExceeded
            | ReasonCode::TopicAliasInvalid
            | ReasonCode::PacketTooLarge
            | ReasonCode::MessageRateTooHigh
            | ReasonCode::QuotaExceeded
            | ReasonCode::AdministrativeAction
            | ReasonCode::PayloadFormatInvalid
    )
}

impl Shard {
    /// DISCONNECT from the client. [MQTT-3.14]
    pub(super) fn on_disconnect(&mut self, id: ConnId, packet: &Disconnect<'_>, now: Now) {
        let Some(slot) = self
            .conns
            .get(id)
            .and_then(|c| c.online())
            .map(|o| o.session)
        else {
            return;
        };
        if !a_client_may_say(packet.reason) {
            let why = "a DISCONNECT with a reason that only servers have";
            return self.offend(id, ReasonCode::ProtocolError, why, now);
        }
        if let Some(expiry_s) = packet.props.session_expiry_interval() {
            let max_s = self.settings.limits.max_session_expiry_s;
            let Some(session) = self.sessions.get_mut(slot) else {
                return;
            };
            if session.expiry_s == 0 && expiry_s > 0 {
                // MQTT 5, 3.14.2.2.2
                let why = "a session expiry of 0 can't be raised by DISCONNECT";
                return self.offend(id, ReasonCode::ProtocolError, why, now);
            }
            session.expiry_s = super::capabilities::granted_expiry(expiry_s, max_s);
        }
        // Anything but "normal" leaves the will to be sent [MQTT-3.14.4-3].
        let say_will = packet.reason != ReasonCode::Success;
        let why = match packet.reason {
            ReasonCode::Success => "by the client".to_string(),
            reason => format!("by the client, saying {reason:?}"),
        };
        self.lose(id, &why, say_will, now);
        self.start_closing(id);
    }

    /// A client broke the protocol, or a limit: it is told (MQTT 5) and closed [MQTT-4.13.1-1].
    pub(crate) fn offend(&mut self, id: ConnId, reason: ReasonCode, why: &str, now: Now) {
        let online = self.conns.get(id).is_some_and(|c| c.online().is_some());
        self.stats.protocol_errors += u64::from(online);
        self.dismiss(id, reason, why, now);
    }

    /// Closes a connection for a reason that it is told where it can be (MQTT 5). Its will is due.
    pub(crate) fn dismiss(&mut self, id: ConnId, reason: ReasonCode, why: &str, now: Now) {
        let Some(conn) = self.conns.get(id) else {
            return;
        };
        match &conn.state {
            State::Fresh | State::Moving(..) => {
                self.refuse_silently(id, Refusal::of(reason), why);
            }
            State::Authenticating(connecting) => {
                let version = connecting.version;
                if version == Version::V5 {
                    // CONNACK has no word for a server that stops [MQTT 5, table 3-1].
                    let stopping = reason == ReasonCode::ServerShuttingDown;
                    let reason = if stopping {
                        ReasonCode::ServerUnavailable
                    } else {
                        reason
                    };
                    self.refuse(id, version, reason, why);
                } else {
                    self.refuse_silently(id, Refusal::of(reason), why);
                }
            }
            State::Online(_) => {
                self.send_disconnect(id, reason, why);
                self.lose(id, why, true, now);
                self.start_closing(id);
            }
            State::Closing => {}
        }
    }

    /// Nothing more is read from this connection; it closes once its outbox is written.
    pub(crate) fn start_closing(&mut self, id: ConnId) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        conn.state = State::Closing;
        conn.partial = Vec::new();
        let at = std::mem::take(&mut conn.timer_at);
        if at != 0 {
            self.timers.cancel(at, Timer::Conn(id));
        }
        self.out.closing.push(id);
    }

    /// The CONNECT deadline or the keep alive of a connection.
    pub(crate) fn on_conn_timer(&mut self, id: ConnId, now: Now) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        conn.timer_at = 0;
        match &conn.state {
            State::Fresh => {
                let why = "no CONNECT within the limit connect_timeout";
                self.refuse_silently(id, Refusal::TimedOut, why);
            }
            State::Authenticating(_) => {
                self.dismiss(id, ReasonCode::ServerBusy, "not authenticated in time", now);
            }
            State::Online(online) if online.silence_ms > 0 => {
                let due = conn.last_heard + u64::from(online.silence_ms);
                // A client that is not read because of others is not silent; one that does not take
                // what it is sent may be gone: see `Shard::wrote`.
                let full = conn.outbox.len() > self.settings.limits.max_outbox_bytes;
                if due > now.ms || (conn.held_back && !full) {
                    self.set_conn_timer(id, due.max(now.ms + 1000));
                } else {
                    self.stats.keep_alive_timeouts += 1;
                    let why = "silent for one and a half keep alives";
                    self.dismiss(id, ReasonCode::KeepAliveTimeout, why, now);
                }
            }
            _ => {}
        }
    }

    /// Sets the one timer of a connection; 0 for none.
    pub(crate) fn set_conn_timer(&mut self, id: ConnId, at: u64) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        let before = std::mem::replace(&mut conn.timer_at, at);
        if before != 0 {
            self.timers.cancel(before, Timer::Conn(id));
        }
        if at != 0 {
            self.timers.set(at, Timer::Conn(id));
        }
    }

    /// The node stops. MQTT 5 clients are told; wills are sent as for any connection that ends
    /// without a DISCONNECT of the client [MQTT-3.1.2-8].
    pub(crate) fn shut_down(&mut self, now: Now) {
        for id in self.conns.ids() {
            let redirect = self.settings.mqtt.redirect.as_ref().map(|r| r.permanent);
            let reason = match redirect {
                Some(true) => ReasonCode::ServerMoved,
                Some(false) => ReasonCode::UseAnotherServer,
                None => ReasonCode::ServerShuttingDown,
            };
            self.dismiss(id, reason, "the server is shutting down", now);
        }
    }
}
