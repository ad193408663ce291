//! What can go wrong: one variant per offence, and the one place where an offence becomes its MQTT 5 reason code.
//! Never carries bytes of the peer, so that an error can be logged as it is.

use crate::{PacketType, PropertyId, PropertyPlace, ReasonCode, Version};

/// Why bytes are not a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeError {
    #[error("the remaining length has more than four bytes")]
    MalformedRemainingLength,
    #[error("a packet of {size} bytes is larger than the {max} allowed")]
    PacketTooLarge { size: u32, max: u32 },
    #[error("packet type {0} does not exist in this version")]
    UnknownPacketType(u8),
    #[error("{} does not allow the flags {flags:#06b}", .packet.name())]
    BadFlags { packet: PacketType, flags: u8 },
    #[error("the packet ends before its fixed fields do")]
    ShortBody,
    #[error("a length runs past the end of what holds it")]
    Truncated,
    #[error("bytes are left behind the last field")]
    TrailingBytes,
    #[error("a variable byte integer is longer than it has to be or than four bytes")]
    MalformedVarint,
    #[error("a string is not UTF-8")]
    InvalidUtf8,
    #[error("a string holds U+0000")]
    NulInString,
    #[error("QoS 3 is reserved")]
    InvalidQos,
    #[error("DUP is set at QoS 0")]
    DupWithoutQos,
    #[error("a packet identifier is 0")]
    ZeroPacketId,
    #[error("the topic is empty and no alias stands for it")]
    EmptyTopic,
    #[error("the protocol name is not MQTT")]
    BadProtocolName,
    #[error("protocol level {0} is not supported")]
    UnsupportedVersion(u8),
    #[error("the reserved bit of the connect flags is set")]
    ReservedConnectFlag,
    #[error("will QoS or will retain is set without a will")]
    WillFlags,
    #[error("a password comes without a user name")]
    PasswordWithoutUser,
    #[error("a reserved bit of the connect acknowledge flags is set")]
    ReservedConnackFlags,
    #[error("session present is set although the connection is refused")]
    SessionPresentOnRefusal,
    #[error("SUBSCRIBE holds no topic filter")]
    EmptySubscribe,
    #[error("UNSUBSCRIBE holds no topic filter")]
    EmptyUnsubscribe,
    #[error("{} holds no reason code", .0.name())]
    EmptySuback(PacketType),
    #[error("a reserved bit of the subscription options is set")]
    ReservedSubscriptionBits,
    #[error("a subscription asks for QoS 3")]
    InvalidSubscriptionQos,
    #[error("retain handling 3 is reserved")]
    InvalidRetainHandling,
    #[error("{} does not allow the code {code:#04x}", .packet.name())]
    InvalidReasonCode { packet: PacketType, code: u8 },
    #[error("property {0:#04x} does not exist")]
    UnknownProperty(u8),
    #[error("property {0:?} occurs twice")]
    DuplicateProperty(PropertyId),
    #[error("property {property:?} is not allowed in {packet:?}")]
    PropertyNotAllowed {
        property: PropertyId,
        packet: PropertyPlace,
    },
    #[error("property {0:?} has a value that is not allowed")]
    InvalidPropertyValue(PropertyId),
    #[error("authentication data comes without an authentication method")]
    AuthenticationDataWithoutMethod,
    #[error("AUTH names no authentication method")]
    MissingAuthenticationMethod,
}

impl DecodeError {
    /// What a CONNACK or DISCONNECT of MQTT 5 says about it. [MQTT-4.13.1-1]
    pub fn reason(&self) -> ReasonCode {
        match self {
            Self::MalformedRemainingLength
            | Self::UnknownPacketType(_)
            | Self::BadFlags { .. }
            | Self::ShortBody
            | Self::Truncated
            | Self::TrailingBytes
            | Self::MalformedVarint
            | Self::InvalidUtf8
            | Self::NulInString
            | Self::InvalidQos
            | Self::DupWithoutQos
            | Self::ReservedConnectFlag
            | Self::WillFlags
            | Self::ReservedConnackFlags
            | Self::ReservedSubscriptionBits
            | Self::UnknownProperty(_)
            | Self::PropertyNotAllowed { .. } => ReasonCode::MalformedPacket,
            Self::ZeroPacketId
            | Self::EmptyTopic
            | Self::PasswordWithoutUser
            | Self::SessionPresentOnRefusal
            | Self::EmptySubscribe
            | Self::EmptyUnsubscribe
            | Self::EmptySuback(_)
            | Self::InvalidSubscriptionQos
            | Self::InvalidRetainHandling
            | Self::InvalidReasonCode { .. }
            | Self::DuplicateProperty(_)
            | Self::AuthenticationDataWithoutMethod
            | Self::MissingAuthenticationMethod => ReasonCode::ProtocolError,
            Self::InvalidPropertyValue(PropertyId::TopicAlias) => ReasonCode::TopicAliasInvalid,
            Self::InvalidPropertyValue(_) => ReasonCode::ProtocolError,
            Self::BadProtocolName | Self::UnsupportedVersion(_) => {
                ReasonCode::UnsupportedProtocolVersion
            }
            Self::PacketTooLarge { .. } => ReasonCode::PacketTooLarge,
        }
    }
}

/// Why a packet cannot be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EncodeError {
    #[error("a packet of {size} bytes is larger than the {max} allowed")]
    TooLarge { size: usize, max: u32 },
    #[error("a field of {len} bytes does not fit its two-byte length")]
    FieldTooLong { len: usize },
    #[error("a variable byte integer cannot hold {value}")]
    VarintTooLarge { value: usize },
    #[error("{} does not exist in {version}", .packet.name())]
    NotInVersion {
        packet: PacketType,
        version: Version,
    },
    #[error("{version} has no password without a user name")]
    PasswordWithoutUser { version: Version },
}
