//! What CONNACK tells an MQTT 5 client about this broker. [MQTT-3.2.2]

use super::connect::Connecting;
use super::session::NEVER;
use crate::settings::Settings;
use message::QoS;
use mqtt_codec::{PropertiesBuf, Property};

/// Writes the properties of a successful CONNACK. `expiry_s` and `keep_alive_s` are what was granted.
pub(super) fn announce(
    props: &mut PropertiesBuf,
    settings: &Settings,
    connecting: &Connecting,
    expiry_s: u32,
    keep_alive_s: u16,
) {
    let (limits, mqtt) = (&settings.limits, &settings.mqtt);
    if expiry_s != connecting.expiry_s {
        props.push(Property::SessionExpiryInterval(expiry_s));
    }
    if limits.receive_maximum != u16::MAX {
        props.push(Property::ReceiveMaximum(limits.receive_maximum));
    }
    if mqtt.maximum_qos != QoS::ExactlyOnce {
        props.push(Property::MaximumQos(super::qos::wire(mqtt.maximum_qos)));
    }
    if !mqtt.retain_available {
        props.push(Property::RetainAvailable(false));
    }
    props.push(Property::MaximumPacketSize(limits.max_packet_size));
    if connecting.assigned {
        props.push(Property::AssignedClientIdentifier(&connecting.client_id));
    }
    if limits.topic_alias_maximum > 0 {
        props.push(Property::TopicAliasMaximum(limits.topic_alias_maximum));
    }
    if !mqtt.wildcard_subscriptions {
        props.push(Property::WildcardSubscriptionAvailable(false));
    }
    if !mqtt.subscription_identifiers {
        props.push(Property::SubscriptionIdentifiersAvailable(false));
    }
    if !mqtt.shared_subscriptions {
        props.push(Property::SharedSubscriptionAvailable(false));
    }
    if keep_alive_s != connecting.keep_alive_s {
        props.push(Property::ServerKeepAlive(keep_alive_s));
    }
    if connecting.wants_response_information
        && let Some(template) = &mqtt.response_information
    {
        props.push(Property::ResponseInformation(
            &template.replace("%c", &connecting.client_id),
        ));
    }
    if let Some(method) = &connecting.method {
        props.push(Property::AuthenticationMethod(method));
    }
    if let Some(data) = &connecting.auth_data {
        props.push(Property::AuthenticationData(data));
    }
}

/// The session expiry that is granted: never above the limit [MQTT-3.2.2.3.2].
pub(super) fn granted_expiry(asked_s: u32, max_s: u32) -> u32 {
    if max_s == NEVER {
        asked_s
    } else {
        asked_s.min(max_s)
    }
}

/// The keep alive that is used. Only an MQTT 5 client can be told another one than it asked for.
pub(super) fn granted_keep_alive(asked_s: u16, v5: bool, max_s: Option<u16>) -> u16 {
    match max_s {
        Some(max) if v5 && (asked_s == 0 || asked_s > max) => max,
        _ => asked_s,
    }
}
