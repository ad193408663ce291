//! CONNECT: checked, made into an owned [`Connecting`], authenticated, and sent to its home shard.
//!
//! Nothing of a client's session is touched here; that begins in `welcome`, on the home shard.

use super::qos;
use super::session::NEVER;
use super::will::Will;
use crate::auth::{Action, AuthOutcome, AuthReply, AuthRequest, Identity, authorize};
use crate::conn::{ConnId, Handoff, State};
use crate::event::What;
use crate::shard::Shard;
use crate::stats::Refusal;
use crate::time::Now;
use mqtt_codec::{Connect, DecodeError, Properties, PropertiesBuf, Property, ReasonCode, Version};

/// A CONNECT, owned, with what was made of it.
#[derive(Debug)]
pub(crate) struct Connecting {
    pub version: Version,
    pub clean: bool,
    pub keep_alive_s: u16,
    /// As asked; [`NEVER`] for a v3 client without clean session.
    pub expiry_s: u32,
    pub receive_maximum: u16,
    pub max_packet: u32,
    pub alias_maximum: u16,
    pub wants_response_information: bool,
    pub problem_information: bool,
    pub method: Option<Box<str>>,
    /// For CONNACK, from the authenticator.
    pub auth_data: Option<Box<[u8]>>,
    pub client_id: Box<str>,
    /// The broker made the client id up.
    pub assigned: bool,
    pub user: Option<Box<str>>,
    pub will: Option<Box<Will>>,
    /// AUTH packets so far.
    pub step: u32,
}

/// What CONNACK needs, kept until the session's records are durable.
pub(crate) struct Opening {
    pub connecting: Box<Connecting>,
    pub session_present: bool,
    pub keep_alive_s: u16,
    pub expiry_s: u32,
}

fn will_of(connect: &Connect<'_>, scratch: &mut Vec<u8>) -> Option<Box<Will>> {
    let will = connect.will.as_ref()?;
    let forward = mqtt_codec::forwardable(will.props, scratch);
    Some(Box::new(Will {
        topic: will.topic.into(),
        payload: will.payload.into(),
        props: crate::props::neutral(forward),
        qos: qos::neutral(will.qos),
        retain: will.retain,
        delay_s: will.props.will_delay_interval().unwrap_or(0),
        expiry_s: will.props.message_expiry_interval(),
    }))
}

fn connecting(connect: &Connect<'_>) -> Connecting {
    let props = connect.props;
    let v5 = connect.version == Version::V5;
    let v3_expiry = if connect.clean { 0 } else { NEVER };
    Connecting {
        version: connect.version,
        clean: connect.clean,
        keep_alive_s: connect.keep_alive,
        expiry_s: if v5 {
            props.session_expiry_interval().unwrap_or(0)
        } else {
            v3_expiry
        },
        receive_maximum: props.receive_maximum().unwrap_or(u16::MAX),
        max_packet: props.maximum_packet_size().unwrap_or(u32::MAX),
        alias_maximum: props.topic_alias_maximum().unwrap_or(0),
        wants_response_information: props.request_response_information().unwrap_or(false),
        problem_information: props.request_problem_information().unwrap_or(true),
        method: props.authentication_method().map(Into::into),
        auth_data: None,
        client_id: connect.client_id.into(),
        assigned: false,
        user: connect.user.map(Into::into),
        will: will_of(connect, &mut Vec::new()),
        step: 0,
    }
}

impl Shard {
    /// The first packet of a connection.
    pub(super) fn on_connect(&mut self, id: ConnId, connect: &Connect<'_>, now: Now) {
        let version = connect.version;
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        let peer = conn.peer.clone();
        // First of all: a refusal as well must not be larger than the client takes.
        conn.state = State::Authenticating(Box::new(connecting(connect)));
        conn.version = Some(version);
        if let Some(redirect) = self.settings.mqtt.redirect.clone() {
            let permanent = redirect.permanent;
            let reason = if permanent {
                ReasonCode::ServerMoved
            } else {
                ReasonCode::UseAnotherServer
            };
            let mut props = PropertiesBuf::new();
            props.push(Property::ServerReference(&redirect.server_reference));
            return self.refuse_with(
                id,
                version,
                reason,
                "clients are sent to another server",
                props.as_props(),
            );
        }
        if let Err((reason, why)) = self.check_connect(connect) {
            return self.refuse(id, version, reason, &why);
        }
        let assigned = connect
            .client_id
            .is_empty()
            .then(|| self.assign_client_id());
        let Some(State::Authenticating(connecting)) = self.conns.get_mut(id).map(|c| &mut c.state)
        else {
            return;
        };
        if let Some(client_id) = assigned {
            connecting.client_id = client_id;
            connecting.assigned = true;
        }
        let request = AuthRequest {
            conn: id,
            peer,
            client_id: connecting.client_id.clone(),
            user: connecting.user.clone(),
            password: connect.password.map(Into::into),
            method: connecting.method.clone(),
            data: connect.props.authentication_data().map(Into::into),
            step: 0,
            again: false,
        };
        self.set_conn_timer(id, now.ms + self.settings.limits.connect_timeout_ms);
        self.out.auth.push(request);
    }

    /// What can be said without knowing who it is.
    fn check_connect(&self, connect: &Connect<'_>) -> Result<(), (ReasonCode, String)> {
        let (limits, mqtt) = (&self.settings.limits, &self.settings.mqtt);
        let v5 = connect.version == Version::V5;
        if connect.client_id.len() > limits.max_client_id_bytes {
            let why = format!(
                "client id of {} bytes is longer than the limit",
                connect.client_id.len()
            );
            return Err((ReasonCode::ClientIdentifierNotValid, why));
        }
        // [MQTT-3.1.3-8]: without clean session a v3 client must name itself; 3.1 clients always.
        let nameless = connect.client_id.is_empty();
        if nameless && (connect.version == Version::V31 || (!v5 && !connect.clean)) {
            let why = "an empty client id needs MQTT 3.1.1 or 5, and in 3.1.1 a clean session";
            return Err((ReasonCode::ClientIdentifierNotValid, why.into()));
        }
        let Some(will) = &connect.will else {
            return Ok(());
        };
        message::topic::check(will.topic, limits.max_topic_bytes)
            .map_err(|e| (ReasonCode::TopicNameInvalid, format!("will topic: {e}")))?;
        if qos::neutral(will.qos) > mqtt.maximum_qos {
            return Err((
                ReasonCode::QosNotSupported,
                "will QoS above the maximum".into(),
            ));
        }
        if will.retain && !mqtt.retain_available {
            return Err((
                ReasonCode::RetainNotSupported,
                "retained wills are switched off".into(),
            ));
        }
        let response_topic = will.props.response_topic();
        if response_topic.is_some_and(|t| message::topic::check(t, limits.max_topic_bytes).is_err())
        {
            // [MQTT-3.3.2-14]: it could not be published.
            return Err((
                ReasonCode::ProtocolError,
                "the will's response topic is not a topic name".into(),
            ));
        }
        let text = will.props.payload_format_indicator() == Some(true);
        if text && std::str::from_utf8(will.payload).is_err() {
            return Err((
                ReasonCode::PayloadFormatInvalid,
                "will payload is not UTF-8".into(),
            ));
        }
        Ok(())
    }

    /// A client id whose home is the shard with the fewest connections.
    fn assign_client_id(&mut self) -> Box<str> {
        let target = self.shared.least_loaded();
        loop {
            let id = format!("auto-{:016X}{:08X}", self.random(), self.random() as u32);
            if self.shared.home_of(&id) == target {
                return id.into();
            }
        }
    }

    /// The authenticator has answered about a client that is not online yet.
    pub(super) fn on_connect_auth(&mut self, reply: AuthReply, now: Now) {
        let id = reply.conn;
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        let peer = conn.peer.clone();
        let State::Authenticating(connecting) = &mut conn.state else {
            return;
        };
        match reply.outcome {
            AuthOutcome::Continue { data } => {
                connecting.step += 1;
                self.send_auth(id, ReasonCode::ContinueAuthentication, data.as_deref());
                self.consume_partial(id, 0, now);
            }
            AuthOutcome::Reject { reason, why } => {
                // Why is for the operator: a client that guesses must not learn from it.
                let version = connecting.version;
                self.stats.auth_failures += 1;
                self.refuse_with(id, version, reason, &why, Properties::EMPTY);
            }
            AuthOutcome::Accept { user, data } => {
                connecting.auth_data = data;
                let identity = Identity {
                    user,
                    client_id: (*connecting.client_id).into(),
                };
                let (version, will) = (connecting.version, connecting.will.as_ref());
                let allowed = will.is_none_or(|w| {
                    authorize(&self.settings.policy, &identity, Action::Publish, &w.topic)
                });
                if !allowed {
                    return self.refuse(
                        id,
                        version,
                        ReasonCode::NotAuthorized,
                        "may not publish its will",
                    );
                }
                let State::Authenticating(connecting) =
                    std::mem::replace(&mut conn.state, State::Closing)
                else {
                    return;
                };
                let home = self.shared.home_of(&connecting.client_id);
                if home == self.id {
                    self.begin_session(id, connecting, identity, now);
                    return;
                }
                let handoff = Box::new(Handoff {
                    peer,
                    identity,
                    connecting,
                    partial: std::mem::take(&mut conn.partial),
                    last_heard: conn.last_heard,
                    traffic: conn.traffic,
                });
                conn.state = State::Moving(home, handoff);
                self.moving.push(id);
            }
        }
    }

    /// A CONNECT that could not be decoded.
    pub(super) fn on_bad_connect(&mut self, id: ConnId, body: &[u8], error: &DecodeError) {
        // The level byte follows the protocol name; without it nothing can be answered.
        let name_len = body
            .first_chunk::<2>()
            .map(|b| usize::from(u16::from_be_bytes(*b)));
        let level = name_len.and_then(|n| body.get(n + 2)).map(|l| l & 0x7F);
        let why = error.to_string();
        match (error, level) {
            (DecodeError::UnsupportedVersion(l), _) => {
                // [MQTT-3.1.2-2]: a newer client is told in its own form, an older one in v3's.
                let version = if *l > 5 { Version::V5 } else { Version::V311 };
                self.refuse(id, version, ReasonCode::UnsupportedProtocolVersion, &why);
            }
            (DecodeError::BadProtocolName, _) | (_, None) => {
                self.refuse_silently(id, Refusal::Malformed, &why);
            }
            (_, Some(5)) => self.refuse(id, Version::V5, error.reason(), &why),
            _ => self.refuse_silently(id, Refusal::of(error.reason()), &why),
        }
    }

    /// CONNACK with a reason, then close.
    pub(super) fn refuse(&mut self, id: ConnId, version: Version, reason: ReasonCode, why: &str) {
        let mut props = PropertiesBuf::new();
        props.push(Property::ReasonString(why));
        self.refuse_with(id, version, reason, why, props.as_props());
    }

    fn refuse_with(
        &mut self,
        id: ConnId,
        version: Version,
        reason: ReasonCode,
        why: &str,
        props: Properties<'_>,
    ) {
        self.send_refusal(id, version, reason, props);
        self.refuse_silently(id, Refusal::of(reason), why);
    }

    /// A layer below could not come to terms with the peer (`why` is for the log). Frees the id.
    pub fn on_unfit(&mut self, id: ConnId, why: &str, now: Now) {
        let fresh = self
            .conns
            .get(id)
            .filter(|c| matches!(c.state, State::Fresh));
        if fresh.is_some() {
            self.stats.refuse(Refusal::Malformed);
            self.note(id, What::Refused { why: why.into() });
        }
        self.on_closed(id, why, now);
    }

    /// Close without a word: what came was not MQTT, or its version has no word for it.
    pub(super) fn refuse_silently(&mut self, id: ConnId, refusal: Refusal, why: &str) {
        if self.conns.get(id).is_none() {
            return;
        }
        self.stats.refuse(refusal);
        self.note(id, What::Refused { why: why.into() });
        self.start_closing(id);
    }
}
