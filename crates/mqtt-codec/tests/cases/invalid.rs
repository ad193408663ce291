//! Bytes that are no packet: at least one case for each offence.

use mqtt_codec::DecodeError as E;
use mqtt_codec::{PacketType, PropertyId, PropertyPlace, Version};

pub struct Invalid {
    pub name: &'static str,
    pub version: Version,
    /// In the form of [`super::bytes`].
    pub wire: &'static str,
    pub error: E,
}

const fn bad(name: &'static str, version: Version, wire: &'static str, error: E) -> Invalid {
    Invalid {
        name,
        version,
        wire,
        error,
    }
}

use Version::{V5, V31, V311};

/// The largest packet that the cases are framed with.
pub const MAX_PACKET: u32 = 1_000;

const fn flags(packet: PacketType, flags: u8) -> E {
    E::BadFlags { packet, flags }
}

const fn misplaced(property: PropertyId, packet: PropertyPlace) -> E {
    E::PropertyNotAllowed { property, packet }
}

const fn code(packet: PacketType, code: u8) -> E {
    E::InvalidReasonCode { packet, code }
}

#[rustfmt::skip]
pub const ALL: &[Invalid] = &[
    // The fixed header.
    bad("type 0", V311, "00 00", E::UnknownPacketType(0)),
    bad("auth before 5", V311, "f0 00", E::UnknownPacketType(15)),
    bad("auth before 5, 3.1", V31, "f0 00", E::UnknownPacketType(15)),
    bad("five bytes of length", V311, "30 ff ff ff ff 01", E::MalformedRemainingLength),
    bad("four bytes that promise a fifth", V311, "30 80 80 80 80", E::MalformedRemainingLength),
    bad("too large", V311, "30 e6 07", E::PacketTooLarge { size: 1_001, max: MAX_PACKET }),
    bad("connect flags", V311, "11 00", flags(PacketType::Connect, 1)),
    bad("an HTTP request", V311, "'GET / HTTP/1.1'", flags(PacketType::Puback, 7)),
    bad("a TLS hello", V311, "16 03 01 02 00 01", flags(PacketType::Connect, 6)),
    bad("connack flags", V5, "21 03 00 00 00", flags(PacketType::Connack, 1)),
    bad("puback flags", V311, "42 02 0001", flags(PacketType::Puback, 2)),
    bad("pubrel flags", V311, "60 02 0001", flags(PacketType::Pubrel, 0)),
    bad("pubrel, dup after 3.1", V311, "6a 02 0001", flags(PacketType::Pubrel, 10)),
    bad("subscribe, dup after 3.1", V5, "8a 07 0001 00 0001'a' 00", flags(PacketType::Subscribe, 10)),
    bad("subscribe flags in 3.1", V31, "80 06 0001 0001'a' 00", flags(PacketType::Subscribe, 0)),
    bad("subscribe retain in 3.1", V31, "83 06 0001 0001'a' 00", flags(PacketType::Subscribe, 3)),
    bad("unsubscribe flags", V311, "a0 05 0001 0001'a'", flags(PacketType::Unsubscribe, 0)),
    bad("pingreq flags", V311, "c1 00", flags(PacketType::Pingreq, 1)),
    bad("disconnect flags", V5, "e8 00", flags(PacketType::Disconnect, 8)),
    bad("auth flags", V5, "f2 00", flags(PacketType::Auth, 2)),
    // Lengths.
    bad("pingreq with a body", V311, "c0 01 00", E::TrailingBytes),
    bad("pingresp with a body", V5, "d0 01 00", E::TrailingBytes),
    bad("disconnect with a body before 5", V311, "e0 01 00", E::TrailingBytes),
    bad("puback with a reason before 5", V311, "40 03 0001 00", E::TrailingBytes),
    bad("puback, bytes behind the properties", V5, "40 05 0001 00 00 00", E::TrailingBytes),
    bad("connack, long", V311, "20 03 00 00 00", E::TrailingBytes),
    bad("unsuback with codes before 5", V311, "b0 03 0001 00", E::TrailingBytes),
    bad("disconnect, bytes behind the properties", V5, "e0 03 00 00 00", E::TrailingBytes),
    bad("connect, bytes behind the client id", V311, "10 0d 0004'MQTT' 04 02 003c 0000 00", E::TrailingBytes),
    bad("empty puback", V311, "40 00", E::ShortBody),
    bad("half a packet id", V311, "40 01 00", E::ShortBody),
    bad("empty connect", V311, "10 00", E::ShortBody),
    bad("connect without a keep alive", V311, "10 08 0004'MQTT' 04 02", E::ShortBody),
    bad("empty publish", V311, "30 00", E::ShortBody),
    bad("auth without a property length", V5, "f0 01 18", E::ShortBody),
    bad("publish 5 without a property length", V5, "30 05 0003'a/b'", E::ShortBody),
    bad("half an expiry", V5, "30 09 0003'a/b' 03 02 0000", E::ShortBody),
    bad("topic longer than the packet", V311, "30 05 0004'a/b'", E::Truncated),
    bad("filter longer than the packet", V311, "82 06 0001 ffff'a' 00", E::Truncated),
    bad("properties longer than the packet", V5, "30 07 0003'a/b' 02 00", E::Truncated),
    bad("property longer than its section", V5, "30 0b 0003'a/b' 04 030002't' 'x'", E::Truncated),
    bad("property length with a spare byte", V5, "30 08 0003'a/b' 8000 'x'", E::MalformedVarint),
    bad("property length of five bytes", V5, "30 0a 0003'a/b' 8080808001", E::MalformedVarint),
    bad("subscription identifier with a spare byte", V5, "82 0a 0001 03 0b8100 0001'a' 00", E::MalformedVarint),
    // Strings.
    bad("topic is not UTF-8", V311, "30 04 0002 c328", E::InvalidUtf8),
    bad("topic with a surrogate", V311, "30 05 0003 eda080", E::InvalidUtf8),
    bad("topic with an overlong form", V31, "30 04 0002 c080", E::InvalidUtf8),
    bad("client id is not UTF-8", V311, "10 0d 0004'MQTT' 04 02 003c 0001 ff", E::InvalidUtf8),
    bad("user property is not UTF-8", V5, "30 0d 0003'a/b' 07 260001'k'0001 ff", E::InvalidUtf8),
    bad("topic with U+0000", V5, "30 06 0003 612f00 00", E::NulInString),
    bad("filter with U+0000", V311, "82 06 0001 0001 00 00", E::NulInString),
    bad("reason string with U+0000", V5, "40 08 0001 00 04 1f0001 00", E::NulInString),
    // CONNECT and CONNACK.
    bad("a foreign protocol", V311, "10 0f 0004'AMQP' 04 02 003c 0003'dev'", E::BadProtocolName),
    bad("a protocol name in lower case", V311, "10 0f 0004'mqtt' 04 02 003c 0003'dev'", E::BadProtocolName),
    bad("level 6", V5, "10 10 0004'MQTT' 06 02 003c 00 0003'dev'", E::UnsupportedVersion(6)),
    bad("level 3 with the later name", V31, "10 0f 0004'MQTT' 03 02 003c 0003'dev'", E::UnsupportedVersion(3)),
    bad("level 4 with the first name", V311, "10 11 0006'MQIsdp' 04 02 003c 0003'dev'", E::UnsupportedVersion(4)),
    bad("bridge bit in 5", V5, "10 10 0004'MQTT' 85 02 003c 00 0003'dev'", E::UnsupportedVersion(0x85)),
    bad("reserved connect flag", V311, "10 0f 0004'MQTT' 04 03 003c 0003'dev'", E::ReservedConnectFlag),
    bad("reserved connect flag in 5", V5, "10 10 0004'MQTT' 05 01 003c 00 0003'dev'", E::ReservedConnectFlag),
    bad("will QoS without a will", V311, "10 0f 0004'MQTT' 04 0a 003c 0003'dev'", E::WillFlags),
    bad("will retain without a will", V5, "10 10 0004'MQTT' 05 22 003c 00 0003'dev'", E::WillFlags),
    bad("will QoS 3", V311, "10 14 0004'MQTT' 04 1e 003c 0003'dev' 0001'w' 0000", E::InvalidQos),
    bad("password without a user", V311, "10 12 0004'MQTT' 04 42 003c 0003'dev' 0001'p'", E::PasswordWithoutUser),
    bad("password without a user in 3.1", V31, "10 14 0006'MQIsdp' 03 42 003c 0003'dev' 0001'p'", E::PasswordWithoutUser),
    bad("user name missing after 3.1", V311, "10 0f 0004'MQTT' 04 82 003c 0003'dev'", E::ShortBody),
    bad("reserved connack flags", V311, "20 02 02 00", E::ReservedConnackFlags),
    bad("session present on a refusal", V311, "20 02 01 05", E::SessionPresentOnRefusal),
    bad("session present on a refusal in 5", V5, "20 03 01 87 00", E::SessionPresentOnRefusal),
    bad("return code 6", V311, "20 02 00 06", code(PacketType::Connack, 6)),
    bad("return code 1 in 5", V5, "20 03 00 01 00", code(PacketType::Connack, 1)),
    // PUBLISH.
    bad("publish with QoS 3", V311, "36 07 0003'a/b' 0001", E::InvalidQos),
    bad("dup at QoS 0", V311, "38 05 0003'a/b'", E::DupWithoutQos),
    bad("publish with id 0", V311, "32 07 0003'a/b' 0000", E::ZeroPacketId),
    bad("publish without a topic", V311, "30 02 0000", E::EmptyTopic),
    bad("publish 5 without topic or alias", V5, "30 03 0000 00", E::EmptyTopic),
    // Acknowledgements.
    bad("puback with id 0", V5, "40 02 0000", E::ZeroPacketId),
    bad("suback with id 0", V311, "90 03 0000 00", E::ZeroPacketId),
    bad("puback with a pubrel's reason", V5, "40 03 0001 92", code(PacketType::Puback, 0x92)),
    bad("pubcomp with a puback's reason", V5, "70 03 0001 10", code(PacketType::Pubcomp, 0x10)),
    bad("a reason that does not exist", V5, "40 03 0001 ff", code(PacketType::Puback, 0xff)),
    // Subscriptions.
    bad("subscribe with id 0", V311, "82 06 0000 0001'a' 00", E::ZeroPacketId),
    bad("unsubscribe with id 0", V5, "a2 06 0000 00 0001'a'", E::ZeroPacketId),
    bad("no filter", V311, "82 02 0001", E::EmptySubscribe),
    bad("no filter in 3.1", V31, "82 02 0001", E::EmptySubscribe),
    bad("no filter in 5", V5, "82 03 0001 00", E::EmptySubscribe),
    bad("no filter to leave", V311, "a2 02 0001", E::EmptyUnsubscribe),
    bad("no filter to leave in 5", V5, "a2 03 0001 00", E::EmptyUnsubscribe),
    bad("suback without codes", V311, "90 02 0001", E::EmptySuback(PacketType::Suback)),
    bad("unsuback 5 without codes", V5, "b0 03 0001 00", E::EmptySuback(PacketType::Unsuback)),
    bad("filter without options", V311, "82 05 0001 0001'a'", E::ShortBody),
    bad("reserved options", V5, "82 07 0001 00 0001'a' 40", E::ReservedSubscriptionBits),
    bad("options of 5 before 5", V311, "82 06 0001 0001'a' 04", E::ReservedSubscriptionBits),
    bad("subscription with QoS 3", V5, "82 07 0001 00 0001'a' 03", E::InvalidSubscriptionQos),
    bad("subscription with QoS 3 before 5", V311, "82 06 0001 0001'a' 03", E::InvalidSubscriptionQos),
    bad("retain handling 3", V5, "82 07 0001 00 0001'a' 30", E::InvalidRetainHandling),
    bad("suback code 3", V311, "90 03 0001 03", code(PacketType::Suback, 3)),
    bad("unsuback with a suback's code", V5, "b0 04 0001 00 01", code(PacketType::Unsuback, 1)),
    // DISCONNECT and AUTH.
    bad("disconnect with a connack's reason", V5, "e0 01 88", code(PacketType::Disconnect, 0x88)),
    bad("auth with an error", V5, "f0 02 80 00", code(PacketType::Auth, 0x80)),
    bad("auth without a method", V5, "f0 02 18 00", E::MissingAuthenticationMethod),
    bad("auth data without a method", V5, "f0 06 18 04 160001'd'", E::AuthenticationDataWithoutMethod),
    // Properties.
    bad("property 0", V5, "30 07 0003'a/b' 01 00", E::UnknownProperty(0)),
    bad("property of two bytes", V5, "30 08 0003'a/b' 02 8001", E::UnknownProperty(0x80)),
    bad("expiry twice", V5, "30 10 0003'a/b' 0a 0200000001 0200000001", E::DuplicateProperty(PropertyId::MessageExpiryInterval)),
    bad("identifier twice in subscribe", V5, "82 0b 0001 04 0b01 0b02 0001'a' 00", E::DuplicateProperty(PropertyId::SubscriptionIdentifier)),
    bad("will delay in publish", V5, "30 0b 0003'a/b' 05 1800000001", misplaced(PropertyId::WillDelayInterval, PropertyPlace::Publish)),
    bad("alias in a will", V5, "10 19 0004'MQTT' 05 06 003c 00 0003'dev' 03 230001 0001'w' 0000", misplaced(PropertyId::TopicAlias, PropertyPlace::Will)),
    bad("reason string in publish", V5, "30 0a 0003'a/b' 04 1f0001'r'", misplaced(PropertyId::ReasonString, PropertyPlace::Publish)),
    bad("server keep alive in connect", V5, "10 13 0004'MQTT' 05 02 003c 03 13001e 0003'dev'", misplaced(PropertyId::ServerKeepAlive, PropertyPlace::Connect)),
    bad("receive maximum 0", V5, "10 13 0004'MQTT' 05 02 003c 03 210000 0003'dev'", E::InvalidPropertyValue(PropertyId::ReceiveMaximum)),
    bad("maximum packet size 0", V5, "10 15 0004'MQTT' 05 02 003c 05 2700000000 0003'dev'", E::InvalidPropertyValue(PropertyId::MaximumPacketSize)),
    bad("request problem information 2", V5, "10 12 0004'MQTT' 05 02 003c 02 1702 0003'dev'", E::InvalidPropertyValue(PropertyId::RequestProblemInformation)),
    bad("maximum QoS 2", V5, "20 05 00 00 02 2402", E::InvalidPropertyValue(PropertyId::MaximumQos)),
    bad("topic alias 0", V5, "30 09 0003'a/b' 03 230000", E::InvalidPropertyValue(PropertyId::TopicAlias)),
    bad("subscription identifier 0", V5, "82 09 0001 02 0b00 0001'a' 00", E::InvalidPropertyValue(PropertyId::SubscriptionIdentifier)),
    bad("payload format 2", V5, "30 08 0003'a/b' 02 0102", E::InvalidPropertyValue(PropertyId::PayloadFormatIndicator)),
];
