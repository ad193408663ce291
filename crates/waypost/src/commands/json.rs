//! A received message as JSON: `%j` and `%J` of `sub`, and its `--json`.
//!
//! The layout is mosquitto_sub's. A payload that is no UTF-8 goes into `payload_base64` instead of
//! `payload`; a user property that comes several times has a list of its values.

use crate::client::Message;
use data_encoding::BASE64;
use jiff::Zoned;
use serde_json::{Map, Value, json};

/// How the payload is put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    /// As a text.
    Quoted,
    /// As the JSON that it is.
    Embedded,
}

/// None where the payload is to be embedded and is no JSON.
pub(crate) fn message(message: &Message, now: &Zoned, how: Payload) -> Option<Value> {
    let mut object = Map::new();
    object.insert(
        "tst".into(),
        now.strftime("%Y-%m-%dT%H:%M:%S.%6f%z").to_string().into(),
    );
    object.insert("topic".into(), message.topic.as_str().into());
    object.insert("qos".into(), message.qos.into());
    object.insert("retain".into(), u8::from(message.retain).into());
    object.insert("payloadlen".into(), message.payload.len().into());
    if message.qos > 0 {
        object.insert("mid".into(), message.packet_id.into());
    }
    let props = properties(message);
    if !props.is_empty() {
        object.insert("properties".into(), props.into());
    }
    let text = std::str::from_utf8(&message.payload);
    match (how, text) {
        (_, Ok("")) => object.insert("payload".into(), Value::Null),
        (Payload::Embedded, Ok(text)) => {
            object.insert("payload".into(), serde_json::from_str(text).ok()?)
        }
        (Payload::Embedded, Err(_)) => return None,
        (Payload::Quoted, Ok(text)) => object.insert("payload".into(), text.into()),
        (Payload::Quoted, Err(_)) => object.insert(
            "payload_base64".into(),
            BASE64.encode(&message.payload).into(),
        ),
    };
    Some(object.into())
}

fn properties(message: &Message) -> Map<String, Value> {
    let props = &message.props;
    let mut object = Map::new();
    let mut user: Map<String, Value> = Map::new();
    for (key, value) in &props.user {
        match user.get_mut(key) {
            None => drop(user.insert(key.clone(), json!(value))),
            Some(Value::Array(values)) => values.push(json!(value)),
            Some(first) => *first = json!([first.take(), value]),
        }
    }
    if !user.is_empty() {
        object.insert("user-properties".into(), user.into());
    }
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            object.insert(name.into(), value);
        }
    };
    put("topic-alias", props.topic_alias.map(Value::from));
    put("content-type", props.content_type.clone().map(Value::from));
    let correlation = props.correlation_data.as_ref();
    match correlation.map(|data| (std::str::from_utf8(data), data)) {
        Some((Ok(text), _)) => put("correlation-data", Some(text.into())),
        Some((Err(_), data)) => put("correlation-data-base64", Some(BASE64.encode(data).into())),
        None => {}
    }
    put(
        "payload-format-indicator",
        props.payload_is_text.map(|is| u8::from(is).into()),
    );
    put(
        "response-topic",
        props.response_topic.clone().map(Value::from),
    );
    put(
        "message-expiry-interval",
        props.message_expiry_interval.map(Value::from),
    );
    match props.subscription_identifiers.as_slice() {
        [] => {}
        [one] => put("subscription-identifier", Some((*one).into())),
        more => put("subscription-identifier", Some(json!(more))),
    }
    object
}
