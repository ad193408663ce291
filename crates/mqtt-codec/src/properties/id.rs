//! Property identifiers, where each may stand and how often (table 2-4). Never reads a value.

/// A property by its identifier.
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum PropertyId {
    PayloadFormatIndicator = 0x01,
    MessageExpiryInterval = 0x02,
    ContentType = 0x03,
    ResponseTopic = 0x08,
    CorrelationData = 0x09,
    SubscriptionIdentifier = 0x0b,
    SessionExpiryInterval = 0x11,
    AssignedClientIdentifier = 0x12,
    ServerKeepAlive = 0x13,
    AuthenticationMethod = 0x15,
    AuthenticationData = 0x16,
    RequestProblemInformation = 0x17,
    WillDelayInterval = 0x18,
    RequestResponseInformation = 0x19,
    ResponseInformation = 0x1a,
    ServerReference = 0x1c,
    ReasonString = 0x1f,
    ReceiveMaximum = 0x21,
    TopicAliasMaximum = 0x22,
    TopicAlias = 0x23,
    MaximumQos = 0x24,
    RetainAvailable = 0x25,
    UserProperty = 0x26,
    MaximumPacketSize = 0x27,
    WildcardSubscriptionAvailable = 0x28,
    SubscriptionIdentifiersAvailable = 0x29,
    SharedSubscriptionAvailable = 0x2a,
}

/// Where a property section stands: the packets that have one, and the will within CONNECT.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum PropertyPlace {
    Connect,
    Will,
    Connack,
    Publish,
    Puback,
    Pubrec,
    Pubrel,
    Pubcomp,
    Subscribe,
    Suback,
    Unsubscribe,
    Unsuback,
    Disconnect,
    Auth,
}

impl PropertyId {
    /// In the order of their values.
    pub const ALL: [Self; 27] = [
        Self::PayloadFormatIndicator,
        Self::MessageExpiryInterval,
        Self::ContentType,
        Self::ResponseTopic,
        Self::CorrelationData,
        Self::SubscriptionIdentifier,
        Self::SessionExpiryInterval,
        Self::AssignedClientIdentifier,
        Self::ServerKeepAlive,
        Self::AuthenticationMethod,
        Self::AuthenticationData,
        Self::RequestProblemInformation,
        Self::WillDelayInterval,
        Self::RequestResponseInformation,
        Self::ResponseInformation,
        Self::ServerReference,
        Self::ReasonString,
        Self::ReceiveMaximum,
        Self::TopicAliasMaximum,
        Self::TopicAlias,
        Self::MaximumQos,
        Self::RetainAvailable,
        Self::UserProperty,
        Self::MaximumPacketSize,
        Self::WildcardSubscriptionAvailable,
        Self::SubscriptionIdentifiersAvailable,
        Self::SharedSubscriptionAvailable,
    ];

    pub const fn as_u8(self) -> u8 {
        self as u8
    }

    pub const fn allowed_in(self, place: PropertyPlace) -> bool {
        use PropertyPlace as Place;
        match self {
            Self::PayloadFormatIndicator
            | Self::MessageExpiryInterval
            | Self::ContentType
            | Self::ResponseTopic
            | Self::CorrelationData => matches!(place, Place::Publish | Place::Will),
            Self::SubscriptionIdentifier => matches!(place, Place::Publish | Place::Subscribe),
            Self::SessionExpiryInterval => {
                matches!(place, Place::Connect | Place::Connack | Place::Disconnect)
            }
            Self::AuthenticationMethod | Self::AuthenticationData => {
                matches!(place, Place::Connect | Place::Connack | Place::Auth)
            }
            Self::RequestProblemInformation | Self::RequestResponseInformation => {
                matches!(place, Place::Connect)
            }
            Self::WillDelayInterval => matches!(place, Place::Will),
            Self::ServerReference => matches!(place, Place::Connack | Place::Disconnect),
            Self::ReasonString => !matches!(
                place,
                Place::Connect
                    | Place::Will
                    | Place::Publish
                    | Place::Subscribe
                    | Place::Unsubscribe
            ),
            Self::ReceiveMaximum | Self::TopicAliasMaximum | Self::MaximumPacketSize => {
                matches!(place, Place::Connect | Place::Connack)
            }
            Self::TopicAlias => matches!(place, Place::Publish),
            Self::UserProperty => true,
            Self::AssignedClientIdentifier
            | Self::ServerKeepAlive
            | Self::ResponseInformation
            | Self::MaximumQos
            | Self::RetainAvailable
            | Self::WildcardSubscriptionAvailable
            | Self::SubscriptionIdentifiersAvailable
            | Self::SharedSubscriptionAvailable => matches!(place, Place::Connack),
        }
    }

    /// User properties may always occur more than once; subscription identifiers in a PUBLISH that matches several
    /// subscriptions.
    pub const fn may_repeat_in(self, place: PropertyPlace) -> bool {
        match self {
            Self::UserProperty => true,
            Self::SubscriptionIdentifier => matches!(place, PropertyPlace::Publish),
            _ => false,
        }
    }
}

/// A set of properties: one bit for each identifier.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct IdSet(u64);

impl IdSet {
    pub(super) const EMPTY: Self = Self(0);

    const fn bit(id: PropertyId) -> u64 {
        1u64.wrapping_shl(id as u32)
    }

    pub(super) const fn contains(self, id: PropertyId) -> bool {
        self.0 & Self::bit(id) != 0
    }

    pub(super) const fn insert(&mut self, id: PropertyId) {
        self.0 |= Self::bit(id);
    }

    pub(super) const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) const fn with(self, id: PropertyId) -> Self {
        Self(self.0 | Self::bit(id))
    }
}
