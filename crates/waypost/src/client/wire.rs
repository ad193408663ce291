//! Between this client's own values and the packets of `mqtt-codec`.
//!
//! The only file of the client that knows the codec. Owns nothing.

use super::message::{Message, MessageProps, Publication, Subscription};
use super::property::Name;
use super::session::ConnectOptions;
use super::{ClientError, Property, Version};
use mqtt_codec as codec;

pub(crate) use codec::AckKind;

/// A packet from the server.
#[derive(Debug)]
pub(crate) enum Incoming {
    Connack(Connack),
    Publish(Message),
    Ack {
        kind: AckKind,
        id: u16,
        code: u8,
        text: Option<String>,
    },
    Suback {
        codes: Vec<u8>,
        text: Option<String>,
    },
    Unsuback {
        codes: Vec<u8>,
    },
    Pingresp,
    Disconnect {
        code: u8,
        text: Option<String>,
        reference: Option<String>,
    },
    Auth,
}

#[derive(Debug)]
pub(crate) struct Connack {
    pub(crate) session_present: bool,
    pub(crate) code: u8,
    pub(crate) text: Option<String>,
    pub(crate) reference: Option<String>,
    /// Assigned by the server.
    pub(crate) client_id: Option<String>,
    pub(crate) server_keep_alive: Option<u16>,
    pub(crate) receive_maximum: u16,
    pub(crate) max_packet: u32,
}

fn version_of(version: Version) -> codec::Version {
    match version {
        Version::V31 => codec::Version::V31,
        Version::V311 => codec::Version::V311,
        Version::V5 => codec::Version::V5,
    }
}

fn qos_of(qos: u8) -> codec::QoS {
    match qos {
        0 => codec::QoS::AtMostOnce,
        1 => codec::QoS::AtLeastOnce,
        _ => codec::QoS::ExactlyOnce,
    }
}

/// The words for a CONNACK, SUBACK, PUBACK or DISCONNECT code.
pub(crate) fn reason_name(version: Version, code: u8) -> String {
    let v3 = match code {
        1 => "unacceptable protocol version",
        2 => "client identifier rejected",
        3 => "server unavailable",
        4 => "bad user name or password",
        5 => "not authorized",
        0x80 => "failure",
        _ => "unknown",
    };
    if version != Version::V5 {
        return format!("{v3} ({code})");
    }
    let reason = codec::ReasonCode::ALL
        .iter()
        .find(|reason| reason.as_u8() == code);
    let text = reason.map_or_else(
        || "unknown".to_owned(),
        |reason| in_words(&format!("{reason:?}")),
    );
    format!("{text} (0x{code:02X})")
}

/// `BadUserNameOrPassword` as "bad user name or password".
fn in_words(name: &str) -> String {
    let mut words = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    words
}

fn encode(
    packet: &codec::Packet<'_>,
    version: Version,
    out: &mut Vec<u8>,
) -> Result<(), ClientError> {
    let start = out.len();
    match codec::encode(packet, version_of(version), out) {
        Ok(_) => Ok(()),
        Err(e) => {
            out.truncate(start);
            Err(ClientError::Send(e.to_string()))
        }
    }
}

fn properties(props: &[Property]) -> codec::PropertiesBuf {
    let mut buf = codec::PropertiesBuf::new();
    for property in props {
        if let Some(property) = property_of(property) {
            buf.push(property);
        }
    }
    buf
}

/// The table of `property.rs` pairs names with what they hold, so the rest cannot be.
fn property_of(property: &Property) -> Option<codec::Property<'_>> {
    use codec::Property as P;
    let short = |n: u32| u16::try_from(n).unwrap_or(u16::MAX);
    Some(match property {
        Property::Pair(key, value) => P::UserProperty(key, value),
        Property::Flag(name, on) => match name {
            Name::PayloadFormatIndicator => P::PayloadFormatIndicator(*on),
            Name::RequestProblemInformation => P::RequestProblemInformation(*on),
            Name::RequestResponseInformation => P::RequestResponseInformation(*on),
            _ => return None,
        },
        Property::Number(name, n) => match name {
            Name::MessageExpiryInterval => P::MessageExpiryInterval(*n),
            Name::SubscriptionIdentifier => P::SubscriptionIdentifier(*n),
            Name::SessionExpiryInterval => P::SessionExpiryInterval(*n),
            Name::WillDelayInterval => P::WillDelayInterval(*n),
            Name::MaximumPacketSize => P::MaximumPacketSize(*n),
            Name::ReceiveMaximum => P::ReceiveMaximum(short(*n)),
            Name::TopicAliasMaximum => P::TopicAliasMaximum(short(*n)),
            Name::TopicAlias => P::TopicAlias(short(*n)),
            _ => return None,
        },
        Property::Text(name, text) => match name {
            Name::ContentType => P::ContentType(text),
            Name::ResponseTopic => P::ResponseTopic(text),
            Name::CorrelationData => P::CorrelationData(text.as_bytes()),
            Name::AuthenticationMethod => P::AuthenticationMethod(text),
            Name::AuthenticationData => P::AuthenticationData(text.as_bytes()),
            Name::ReasonString => P::ReasonString(text),
            _ => return None,
        },
    })
}

pub(crate) fn connect(options: &ConnectOptions, out: &mut Vec<u8>) -> Result<(), ClientError> {
    let props = properties(&options.props);
    let will_props = properties(options.will.as_ref().map_or(&[], |will| &will.props));
    let will = options.will.as_ref().map(|will| codec::Will {
        topic: &will.topic,
        payload: &will.payload,
        qos: qos_of(will.qos),
        retain: will.retain,
        props: will_props.as_props(),
    });
    let packet = codec::Packet::Connect(codec::Connect {
        version: version_of(options.version),
        bridge: false,
        clean: options.clean,
        keep_alive: options.keep_alive,
        client_id: &options.client_id,
        user: options.user.as_deref(),
        password: options.password.as_deref(),
        will,
        props: props.as_props(),
    });
    encode(&packet, options.version, out)
}

pub(crate) fn publish(
    version: Version,
    id: u16,
    message: &Publication,
    max_packet: u32,
    out: &mut Vec<u8>,
) -> Result<(), ClientError> {
    let props = properties(&message.props);
    let packet = codec::Packet::Publish(codec::Publish {
        dup: false,
        qos: qos_of(message.qos),
        retain: message.retain,
        topic: &message.topic,
        packet_id: id,
        props: props.as_props(),
        payload: &message.payload,
    });
    let start = out.len();
    encode(&packet, version, out)?;
    let size = out.len() - start;
    if size > max_packet as usize {
        out.truncate(start);
        let what = format!("a packet of {size} bytes is more than the server takes ({max_packet})");
        return Err(ClientError::Send(what));
    }
    Ok(())
}

pub(crate) fn ack(
    version: Version,
    kind: AckKind,
    id: u16,
    out: &mut Vec<u8>,
) -> Result<(), ClientError> {
    let ack = codec::Ack {
        packet_id: id,
        reason: codec::ReasonCode::Success,
        props: codec::Properties::EMPTY,
    };
    let packet = match kind {
        AckKind::Puback => codec::Packet::Puback(ack),
        AckKind::Pubrec => codec::Packet::Pubrec(ack),
        AckKind::Pubrel => codec::Packet::Pubrel(ack),
        AckKind::Pubcomp => codec::Packet::Pubcomp(ack),
    };
    encode(&packet, version, out)
}

pub(crate) fn subscribe(
    version: Version,
    id: u16,
    subscription: &Subscription,
    out: &mut Vec<u8>,
) -> Result<(), ClientError> {
    let v5 = version == Version::V5;
    let options = codec::SubOptions {
        qos: qos_of(subscription.qos),
        no_local: v5 && subscription.no_local,
        retain_as_published: v5 && subscription.retain_as_published,
        retain_handling: match subscription.retain_handling {
            1 if v5 => codec::RetainHandling::SendIfNew,
            2 if v5 => codec::RetainHandling::DontSend,
            _ => codec::RetainHandling::Send,
        },
    };
    let props = properties(&subscription.props);
    let filters: Vec<_> = subscription
        .filters
        .iter()
        .map(|f| (f.as_str(), options))
        .collect();
    let mut scratch = Vec::new();
    let packet = codec::Subscribe::build(id, props.as_props(), &filters, &mut scratch)
        .map_err(|e| ClientError::Send(e.to_string()))?;
    encode(&codec::Packet::Subscribe(packet), version, out)
}

pub(crate) fn unsubscribe(
    version: Version,
    id: u16,
    filters: &[String],
    props: &[Property],
    out: &mut Vec<u8>,
) -> Result<(), ClientError> {
    let props = properties(props);
    let filters: Vec<_> = filters.iter().map(String::as_str).collect();
    let mut scratch = Vec::new();
    let packet = codec::Unsubscribe::build(id, props.as_props(), &filters, &mut scratch)
        .map_err(|e| ClientError::Send(e.to_string()))?;
    encode(&codec::Packet::Unsubscribe(packet), version, out)
}

pub(crate) fn ping(version: Version, out: &mut Vec<u8>) -> Result<(), ClientError> {
    encode(&codec::Packet::Pingreq, version, out)
}

pub(crate) fn disconnect(
    version: Version,
    props: &[Property],
    out: &mut Vec<u8>,
) -> Result<(), ClientError> {
    let props = properties(props);
    let reason = codec::ReasonCode::Success;
    let packet = codec::Packet::Disconnect(codec::Disconnect {
        reason,
        props: props.as_props(),
    });
    encode(&packet, version, out)
}

/// The first whole packet of `bytes`, and its length.
pub(crate) fn next(
    version: Version,
    bytes: &[u8],
) -> Result<Option<(Incoming, usize)>, ClientError> {
    let wrong = |e: codec::DecodeError| ClientError::Protocol(e.to_string());
    let (first, body, len) = match codec::frame(bytes, u32::MAX).map_err(wrong)? {
        codec::Framed::Packet { first, body, len } => (first, body, len),
        codec::Framed::Incomplete { .. } => return Ok(None),
    };
    let packet = codec::decode(version_of(version), first, body).map_err(wrong)?;
    Ok(Some((incoming(&packet)?, len)))
}

fn incoming(packet: &codec::Packet<'_>) -> Result<Incoming, ClientError> {
    use codec::Packet as P;
    Ok(match packet {
        P::Connack(connack) => Incoming::Connack(connack_of(connack)),
        P::Publish(publish) => Incoming::Publish(message_of(publish)),
        P::Puback(ack) => ack_of(AckKind::Puback, ack),
        P::Pubrec(ack) => ack_of(AckKind::Pubrec, ack),
        P::Pubrel(ack) => ack_of(AckKind::Pubrel, ack),
        P::Pubcomp(ack) => ack_of(AckKind::Pubcomp, ack),
        P::Suback(suback) => Incoming::Suback {
            codes: suback.codes.to_vec(),
            text: suback.props.reason_string().map(Into::into),
        },
        P::Unsuback(unsuback) => Incoming::Unsuback {
            codes: unsuback.codes.to_vec(),
        },
        P::Pingresp => Incoming::Pingresp,
        P::Disconnect(disconnect) => Incoming::Disconnect {
            code: disconnect.reason as u8,
            text: disconnect.props.reason_string().map(Into::into),
            reference: disconnect.props.server_reference().map(Into::into),
        },
        P::Auth(_) => Incoming::Auth,
        P::Connect(_) | P::Subscribe(_) | P::Unsubscribe(_) | P::Pingreq => {
            return Err(ClientError::Protocol(
                "a packet that only clients send".into(),
            ));
        }
    })
}

fn ack_of(kind: AckKind, ack: &codec::Ack<'_>) -> Incoming {
    Incoming::Ack {
        kind,
        id: ack.packet_id,
        code: ack.reason as u8,
        text: ack.props.reason_string().map(Into::into),
    }
}

fn connack_of(connack: &codec::Connack<'_>) -> Connack {
    let props = connack.props;
    Connack {
        session_present: connack.session_present,
        code: connack.code,
        text: props.reason_string().map(Into::into),
        reference: props.server_reference().map(Into::into),
        client_id: props.assigned_client_identifier().map(Into::into),
        server_keep_alive: props.server_keep_alive(),
        receive_maximum: props.receive_maximum().unwrap_or(u16::MAX),
        max_packet: props.maximum_packet_size().unwrap_or(u32::MAX),
    }
}

fn message_of(publish: &codec::Publish<'_>) -> Message {
    let props = publish.props;
    Message {
        topic: publish.topic.into(),
        payload: publish.payload.into(),
        qos: publish.qos as u8,
        retain: publish.retain,
        dup: publish.dup,
        packet_id: publish.packet_id,
        props: MessageProps {
            topic_alias: props.topic_alias(),
            content_type: props.content_type().map(Into::into),
            correlation_data: props.correlation_data().map(Into::into),
            message_expiry_interval: props.message_expiry_interval(),
            payload_is_text: props.payload_format_indicator(),
            response_topic: props.response_topic().map(Into::into),
            subscription_identifiers: props.subscription_identifiers().collect(),
            user: props
                .user_properties()
                .map(|(k, v)| (k.into(), v.into()))
                .collect(),
        },
    }
}
