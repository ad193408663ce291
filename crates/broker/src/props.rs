//! Properties between their neutral form and MQTT 5's bytes.

use message::{Message, Props};
use mqtt_codec::{Properties, PropertiesBuf, Property, PropertyPlace};

/// The neutral form of forwarded property bytes; `None` where there are none.
pub(crate) fn neutral(forward: &[u8]) -> Option<Box<Props>> {
    if forward.is_empty() {
        return None;
    }
    let mut props = Props::default();
    // What is forwarded was checked when it came, so there is nothing to refuse here.
    let checked = Properties::parse(forward, PropertyPlace::Publish).unwrap_or(Properties::EMPTY);
    for property in checked.iter() {
        match property {
            Property::PayloadFormatIndicator(text) => props.payload_is_utf8 = Some(text),
            Property::ContentType(s) => props.content_type = Some(s.into()),
            Property::ResponseTopic(s) => props.reply_to = Some(s.into()),
            Property::CorrelationData(b) => props.correlation = Some(b.into()),
            Property::UserProperty(k, v) => props.user.push((k.into(), v.into())),
            _ => {}
        }
    }
    (!props.is_empty()).then(|| Box::new(props))
}

/// Writes a message's properties as they are forwarded into `buf`, which is emptied first.
pub(crate) fn forward(message: &Message, buf: &mut PropertiesBuf) {
    buf.clear();
    if let Some(props) = &message.props {
        write(props, buf);
    }
}

/// Appends properties to `buf`.
pub(crate) fn write(props: &Props, buf: &mut PropertiesBuf) {
    if let Some(text) = props.payload_is_utf8 {
        buf.push(Property::PayloadFormatIndicator(text));
    }
    if let Some(s) = &props.content_type {
        buf.push(Property::ContentType(s));
    }
    if let Some(s) = &props.reply_to {
        buf.push(Property::ResponseTopic(s));
    }
    if let Some(b) = &props.correlation {
        buf.push(Property::CorrelationData(b));
    }
    for (k, v) in &props.user {
        buf.push(Property::UserProperty(k, v));
    }
}
