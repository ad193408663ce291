//! Settings by the names that scripts use: `limits.receive_maximum=2`, `mqtt.maximum_qos=1`.

use super::words;
use broker::{Redirect, Settings};
use message::QoS;

/// Sets one; `unlimited` and `none` stand for what there is no number for.
pub(super) fn set(settings: &mut Settings, key: &str, value: &str) -> Result<(), String> {
    match key.split_once('.') {
        Some(("limits", name)) => limit(settings, name, value),
        Some(("mqtt", name)) => mqtt(settings, name, value),
        _ => Err(format!("there is no setting {key}")),
    }
}

fn limit(settings: &mut Settings, name: &str, value: &str) -> Result<(), String> {
    let n = match value {
        "unlimited" => u64::MAX,
        value => u64::from(words::number(value)?),
    };
    let (n16, n32) = (
        n.min(u64::from(u16::MAX)) as u16,
        n.min(u64::from(u32::MAX)) as u32,
    );
    let limits = &mut settings.limits;
    match name {
        "max_packet_size" => limits.max_packet_size = n32,
        "max_packet_size_before_auth" => limits.max_packet_size_before_auth = n32,
        "max_topic_bytes" => limits.max_topic_bytes = n as usize,
        "max_client_id_bytes" => limits.max_client_id_bytes = n as usize,
        "receive_maximum" => limits.receive_maximum = n16,
        "max_inflight" => limits.max_inflight = n16,
        "topic_alias_maximum" => limits.topic_alias_maximum = n16,
        "topic_alias_maximum_outgoing" => limits.topic_alias_maximum_outgoing = n16,
        "max_filters_per_subscribe" => limits.max_filters_per_subscribe = n as usize,
        "max_subscriptions_per_session" => limits.max_subscriptions_per_session = n as usize,
        "max_queued_messages" => limits.max_queued_messages = n as usize,
        "max_queued_bytes" => limits.max_queued_bytes = n,
        "queue_window_bytes" => limits.queue_window_bytes = n,
        "max_outbox_bytes" => limits.max_outbox_bytes = n as usize,
        "max_session_expiry_s" => limits.max_session_expiry_s = n32,
        "max_sessions" => limits.max_sessions = n as usize,
        "max_retained_messages" => limits.max_retained_messages = n as usize,
        "max_retained_bytes" => limits.max_retained_bytes = n,
        "in_flight_bytes" => limits.in_flight_bytes = n,
        "in_flight_messages" => limits.in_flight_messages = n,
        "memory_bytes" => limits.memory_bytes = n,
        "connect_timeout_ms" => limits.connect_timeout_ms = n,
        "max_cached_routes" => limits.max_cached_routes = n as usize,
        _ => return Err(format!("there is no setting limits.{name}")),
    }
    Ok(())
}

fn mqtt(settings: &mut Settings, name: &str, value: &str) -> Result<(), String> {
    let mqtt = &mut settings.mqtt;
    let on = matches!(value, "1" | "on" | "true");
    match name {
        "max_keep_alive_s" if value == "none" => mqtt.max_keep_alive_s = None,
        "max_keep_alive_s" => mqtt.max_keep_alive_s = Some(words::number(value)? as u16),
        "maximum_qos" => {
            mqtt.maximum_qos = match value {
                "0" => QoS::AtMostOnce,
                "1" => QoS::AtLeastOnce,
                _ => QoS::ExactlyOnce,
            };
        }
        "retain_available" => mqtt.retain_available = on,
        "wildcard_subscriptions" => mqtt.wildcard_subscriptions = on,
        "shared_subscriptions" => mqtt.shared_subscriptions = on,
        "subscription_identifiers" => mqtt.subscription_identifiers = on,
        "response_information" => {
            mqtt.response_information = (value != "none").then(|| value.into())
        }
        "redirect" | "redirect_permanent" => {
            let permanent = name == "redirect_permanent";
            let redirect = Redirect {
                server_reference: value.into(),
                permanent,
            };
            mqtt.redirect = (value != "none").then_some(redirect);
        }
        _ => return Err(format!("there is no setting mqtt.{name}")),
    }
    Ok(())
}
