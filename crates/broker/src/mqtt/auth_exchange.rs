//! Enhanced authentication: AUTH packets, before and after CONNACK. [MQTT-4.12]
//!
//! What the methods mean is the authenticator's business; here is only who may speak when.

use crate::auth::{AuthOutcome, AuthReply, AuthRequest};
use crate::conn::{ConnId, State};
use crate::shard::Shard;
use crate::stats::Refusal;
use crate::time::Now;
use mqtt_codec::{Auth, Packet, PropertiesBuf, Property, ReasonCode, Version};

impl Shard {
    /// The only packets that may come while the authenticator is at work.
    pub(super) fn on_packet_while_authenticating(
        &mut self,
        id: ConnId,
        packet: &Packet<'_>,
        now: Now,
    ) {
        match packet {
            Packet::Auth(auth) => self.on_auth_step(id, auth, now),
            Packet::Disconnect(_) => {
                self.refuse_silently(id, Refusal::GaveUp, "gave up while authenticating");
            }
            _ => {
                // [MQTT-3.1.2-30]
                let why = "only AUTH and DISCONNECT may come before CONNACK";
                self.offend(id, ReasonCode::ProtocolError, why, now);
            }
        }
    }

    /// The client's next word in the exchange that its CONNECT began.
    fn on_auth_step(&mut self, id: ConnId, auth: &Auth<'_>, now: Now) {
        let Some(conn) = self.conns.get(id) else {
            return;
        };
        let State::Authenticating(connecting) = &conn.state else {
            return;
        };
        let method = auth.props.authentication_method();
        if auth.reason != ReasonCode::ContinueAuthentication
            || method != connecting.method.as_deref()
        {
            // [MQTT-4.12.0-5]
            let why = "AUTH of another method or reason than the exchange's";
            return self.offend(id, ReasonCode::ProtocolError, why, now);
        }
        let request = AuthRequest {
            conn: id,
            peer: conn.peer.clone(),
            client_id: connecting.client_id.clone(),
            user: connecting.user.clone(),
            password: None,
            method: connecting.method.clone(),
            data: auth.props.authentication_data().map(Into::into),
            step: connecting.step,
            again: false,
        };
        self.out.auth.push(request);
    }

    /// AUTH of a connected client: it authenticates again, or goes on with that.
    pub(super) fn on_auth_packet(&mut self, id: ConnId, auth: &Auth<'_>, now: Now) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        let peer = conn.peer.clone();
        let Some(online) = conn.online_mut() else {
            return;
        };
        let slot = online.session;
        let extra = online.extra();
        let method = auth.props.authentication_method();
        let step = match (auth.reason, extra.exchange) {
            (ReasonCode::ReAuthenticate, None) => Some(0),
            (ReasonCode::ContinueAuthentication, Some(step)) => Some(step),
            _ => None,
        };
        // [MQTT-4.12.1-1]: the method is that of CONNECT, for good.
        let Some(step) = step.filter(|_| method.is_some() && method == extra.method.as_deref())
        else {
            let why = "AUTH that no exchange of this connection's method allows";
            return self.offend(id, ReasonCode::ProtocolError, why, now);
        };
        extra.exchange = Some(step);
        let Some(session) = self.sessions.get(slot) else {
            return;
        };
        let request = AuthRequest {
            conn: id,
            peer,
            client_id: (*session.identity.client_id).into(),
            user: session.identity.user.as_deref().map(Into::into),
            password: None,
            method: method.map(Into::into),
            data: auth.props.authentication_data().map(Into::into),
            step,
            again: true,
        };
        self.out.auth.push(request);
    }

    pub(crate) fn on_auth_reply(&mut self, reply: AuthReply, now: Now) {
        let Some(conn) = self.conns.get_mut(reply.conn) else {
            return;
        };
        match &mut conn.state {
            State::Authenticating(_) => self.on_connect_auth(reply, now),
            State::Online(_) => self.on_reauthentication(reply, now),
            State::Fresh | State::Moving(..) | State::Closing => {}
        }
    }

    fn on_reauthentication(&mut self, reply: AuthReply, now: Now) {
        let id = reply.conn;
        let Some(online) = self.conns.get_mut(id).and_then(|c| c.online_mut()) else {
            return;
        };
        let slot = online.session;
        let Some(step) = online.extra().exchange.take() else {
            return;
        };
        match reply.outcome {
            AuthOutcome::Continue { data } => {
                online.extra().exchange = Some(step + 1);
                self.send_auth(id, ReasonCode::ContinueAuthentication, data.as_deref());
            }
            AuthOutcome::Accept { user, data } => {
                let same = self
                    .sessions
                    .get(slot)
                    .is_some_and(|s| s.identity.user == user);
                if same {
                    self.send_auth(id, ReasonCode::Success, data.as_deref());
                } else {
                    let why = "authenticated again as another user";
                    self.stats.auth_failures += 1;
                    self.dismiss(id, ReasonCode::NotAuthorized, why, now);
                }
            }
            AuthOutcome::Reject { reason, why } => {
                self.stats.auth_failures += 1;
                self.dismiss(id, reason, &why, now);
            }
        }
    }

    /// An AUTH packet with the connection's method.
    pub(super) fn send_auth(&mut self, id: ConnId, reason: ReasonCode, data: Option<&[u8]>) {
        let Some(conn) = self.conns.get(id) else {
            return;
        };
        let method = match &conn.state {
            State::Authenticating(connecting) => connecting.method.clone(),
            State::Online(online) => online.extra.as_ref().and_then(|e| e.method.clone()),
            State::Fresh | State::Moving(..) | State::Closing => None,
        };
        let mut props = PropertiesBuf::new();
        if let Some(method) = &method {
            props.push(Property::AuthenticationMethod(method));
        }
        if let Some(data) = data {
            props.push(Property::AuthenticationData(data));
        }
        self.send(
            id,
            Version::V5,
            &Packet::Auth(Auth {
                reason,
                props: props.as_props(),
            }),
        );
    }
}
