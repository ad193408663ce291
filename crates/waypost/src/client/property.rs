//! MQTT 5 properties by their names: `content-type`, `user-property`, ...
//!
//! One table says which exist, what they hold, and where they are allowed.

/// A property with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Property {
    Flag(Name, bool),
    Number(Name, u32),
    Text(Name, String),
    Pair(String, String),
}

/// A packet that properties can be given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PropertyPlace {
    Connect,
    Publish,
    Subscribe,
    Unsubscribe,
    Disconnect,
    Will,
}

/// What a property is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    PayloadFormatIndicator,
    MessageExpiryInterval,
    ContentType,
    ResponseTopic,
    CorrelationData,
    SubscriptionIdentifier,
    SessionExpiryInterval,
    AuthenticationMethod,
    AuthenticationData,
    RequestProblemInformation,
    WillDelayInterval,
    RequestResponseInformation,
    ReasonString,
    ReceiveMaximum,
    TopicAliasMaximum,
    TopicAlias,
    MaximumPacketSize,
    UserProperty,
}

#[derive(Clone, Copy)]
enum Holds {
    Flag,
    /// A number up to this one.
    Number(u32),
    Text,
    Pair,
}

use Name as N;
use PropertyPlace::{Connect, Disconnect, Publish, Subscribe, Unsubscribe, Will};

const U16: Holds = Holds::Number(u16::MAX as u32);
const U32: Holds = Holds::Number(u32::MAX);
/// The largest variable byte integer. [MQTT 5, 1.5.5]
const VARIABLE: Holds = Holds::Number(268_435_455);

/// Name, what it holds, where it may be. [MQTT 5, table 2-4]
const TABLE: &[(&str, Name, Holds, &[PropertyPlace])] = &[
    (
        "payload-format-indicator",
        N::PayloadFormatIndicator,
        Holds::Flag,
        &[Publish, Will],
    ),
    (
        "message-expiry-interval",
        N::MessageExpiryInterval,
        U32,
        &[Publish, Will],
    ),
    (
        "content-type",
        N::ContentType,
        Holds::Text,
        &[Publish, Will],
    ),
    (
        "response-topic",
        N::ResponseTopic,
        Holds::Text,
        &[Publish, Will],
    ),
    (
        "correlation-data",
        N::CorrelationData,
        Holds::Text,
        &[Publish, Will],
    ),
    (
        "subscription-identifier",
        N::SubscriptionIdentifier,
        VARIABLE,
        &[Subscribe],
    ),
    (
        "session-expiry-interval",
        N::SessionExpiryInterval,
        U32,
        &[Connect, Disconnect],
    ),
    (
        "authentication-method",
        N::AuthenticationMethod,
        Holds::Text,
        &[Connect],
    ),
    (
        "authentication-data",
        N::AuthenticationData,
        Holds::Text,
        &[Connect],
    ),
    (
        "request-problem-information",
        N::RequestProblemInformation,
        Holds::Flag,
        &[Connect],
    ),
    ("will-delay-interval", N::WillDelayInterval, U32, &[Will]),
    (
        "request-response-information",
        N::RequestResponseInformation,
        Holds::Flag,
        &[Connect],
    ),
    ("reason-string", N::ReasonString, Holds::Text, &[Disconnect]),
    ("receive-maximum", N::ReceiveMaximum, U16, &[Connect]),
    ("topic-alias-maximum", N::TopicAliasMaximum, U16, &[Connect]),
    ("topic-alias", N::TopicAlias, U16, &[Publish]),
    ("maximum-packet-size", N::MaximumPacketSize, U32, &[Connect]),
    (
        "user-property",
        N::UserProperty,
        Holds::Pair,
        &[Connect, Publish, Subscribe, Unsubscribe, Disconnect, Will],
    ),
];

impl PropertyPlace {
    /// The packet of this name, in any case.
    pub(crate) fn parse(name: &str) -> Result<PropertyPlace, String> {
        match name.to_ascii_lowercase().as_str() {
            "connect" => Ok(Connect),
            "publish" => Ok(Publish),
            "subscribe" => Ok(Subscribe),
            "unsubscribe" => Ok(Unsubscribe),
            "disconnect" => Ok(Disconnect),
            "will" => Ok(Will),
            _ => Err(format!(
                "{name:?} is no packet with properties: connect, publish, subscribe, unsubscribe, \
                 disconnect or will"
            )),
        }
    }
}

impl Property {
    /// True where `name` takes a name and a value.
    pub(crate) fn is_pair(name: &str) -> bool {
        name.eq_ignore_ascii_case("user-property")
    }

    /// How long the server keeps the session, in seconds.
    pub(crate) fn session_expiry(seconds: u32) -> Property {
        Property::Number(Name::SessionExpiryInterval, seconds)
    }

    pub(crate) fn is_session_expiry(&self) -> bool {
        matches!(self, Property::Number(Name::SessionExpiryInterval, _))
    }

    /// Makes the property `name` of a packet.
    pub(crate) fn parse(
        place: PropertyPlace,
        name: &str,
        values: &[&str],
    ) -> Result<Property, String> {
        let row = TABLE.iter().find(|row| row.0.eq_ignore_ascii_case(name));
        let Some((own, id, holds, places)) = row else {
            return Err(format!("there is no property {name:?}"));
        };
        if !places.contains(&place) {
            return Err(format!(
                "{own} cannot be given for {}",
                format!("{place:?}").to_uppercase()
            ));
        }
        match (holds, values) {
            (Holds::Pair, [key, value]) => Ok(Property::Pair((*key).into(), (*value).into())),
            (Holds::Pair, _) => Err(format!("{own} takes a name and a value")),
            (Holds::Text, [text]) => Ok(Property::Text(*id, (*text).into())),
            (Holds::Flag, ["0"]) => Ok(Property::Flag(*id, false)),
            (Holds::Flag, ["1"]) => Ok(Property::Flag(*id, true)),
            (Holds::Flag, _) => Err(format!("{own} is 0 or 1")),
            (Holds::Number(max), [text]) => match text.parse() {
                Ok(n) if n <= *max => Ok(Property::Number(*id, n)),
                _ => Err(format!("{own} is a number from 0 to {max}, not {text:?}")),
            },
            _ => Err(format!("{own} takes one value")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_by_name() {
        let parse = Property::parse;
        assert_eq!(
            parse(Publish, "user-property", &["k", "v"]),
            Ok(Property::Pair("k".into(), "v".into()))
        );
        assert_eq!(
            parse(Will, "will-delay-interval", &["5"]),
            Ok(Property::Number(Name::WillDelayInterval, 5))
        );
        assert!(
            parse(Publish, "will-delay-interval", &["5"])
                .unwrap_err()
                .contains("PUBLISH")
        );
        assert!(
            parse(Publish, "topic-alias", &["70000"])
                .unwrap_err()
                .contains("65535")
        );
        assert!(parse(Publish, "payload-format-indicator", &["2"]).is_err());
        assert!(
            parse(Publish, "colour", &["red"])
                .unwrap_err()
                .contains("colour")
        );
        assert!(PropertyPlace::parse("PUBLISH").is_ok());
        assert!(PropertyPlace::parse("puback").is_err());
    }
}
