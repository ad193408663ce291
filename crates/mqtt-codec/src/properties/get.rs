//! One getter for each property. Never fills in the default that stands for an absent one.

use super::{Properties, Property, PropertyId};
use crate::QoS;

macro_rules! getters {
    ($($name:ident: $id:ident -> $value:ty;)+) => {
        impl<'a> Properties<'a> {
            $(pub fn $name(&self) -> Option<$value> {
                match self.find(PropertyId::$id)? {
                    Property::$id(value) => Some(value),
                    _ => None,
                }
            })+
        }
    };
}

getters! {
    payload_format_indicator: PayloadFormatIndicator -> bool;
    message_expiry_interval: MessageExpiryInterval -> u32;
    content_type: ContentType -> &'a str;
    response_topic: ResponseTopic -> &'a str;
    correlation_data: CorrelationData -> &'a [u8];
    subscription_identifier: SubscriptionIdentifier -> u32;
    session_expiry_interval: SessionExpiryInterval -> u32;
    assigned_client_identifier: AssignedClientIdentifier -> &'a str;
    server_keep_alive: ServerKeepAlive -> u16;
    authentication_method: AuthenticationMethod -> &'a str;
    authentication_data: AuthenticationData -> &'a [u8];
    request_problem_information: RequestProblemInformation -> bool;
    will_delay_interval: WillDelayInterval -> u32;
    request_response_information: RequestResponseInformation -> bool;
    response_information: ResponseInformation -> &'a str;
    server_reference: ServerReference -> &'a str;
    reason_string: ReasonString -> &'a str;
    receive_maximum: ReceiveMaximum -> u16;
    topic_alias_maximum: TopicAliasMaximum -> u16;
    topic_alias: TopicAlias -> u16;
    maximum_qos: MaximumQos -> QoS;
    retain_available: RetainAvailable -> bool;
    maximum_packet_size: MaximumPacketSize -> u32;
    wildcard_subscription_available: WildcardSubscriptionAvailable -> bool;
    subscription_identifiers_available: SubscriptionIdentifiersAvailable -> bool;
    shared_subscription_available: SharedSubscriptionAvailable -> bool;
}

impl<'a> Properties<'a> {
    /// All of them: a PUBLISH to a client carries one for each subscription it matched.
    pub fn subscription_identifiers(&self) -> impl Iterator<Item = u32> + Clone + use<'a> {
        let any = self.has(PropertyId::SubscriptionIdentifier);
        let all = if any { *self } else { Properties::EMPTY };
        all.iter().filter_map(|property| match property {
            Property::SubscriptionIdentifier(id) => Some(id),
            _ => None,
        })
    }

    /// All of them, in their order. [MQTT-3.3.2-18]
    pub fn user_properties(&self) -> impl Iterator<Item = (&'a str, &'a str)> + Clone + use<'a> {
        let any = self.has(PropertyId::UserProperty);
        let all = if any { *self } else { Properties::EMPTY };
        all.iter().filter_map(|property| match property {
            Property::UserProperty(name, value) => Some((name, value)),
            _ => None,
        })
    }
}
