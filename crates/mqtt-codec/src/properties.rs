//! Properties of MQTT 5 [2.2.2]: one table of what there is, where it may stand and what it holds.
//!
//! A property section is checked once, when its packet is decoded, and then read lazily from its raw
//! bytes. The same raw form is written back, so that a broker forwards properties without taking them
//! apart.

use crate::error::DecodeError;
use crate::reader::Reader;
use crate::writer;

/// Where properties can stand, one bit each.
pub(crate) mod place {
    pub(crate) const CONNECT: u16 = 1;
    pub(crate) const CONNACK: u16 = 1 << 1;
    pub(crate) const PUBLISH: u16 = 1 << 2;
    pub(crate) const WILL: u16 = 1 << 3;
    /// PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK.
    pub(crate) const ACK: u16 = 1 << 4;
    pub(crate) const SUBSCRIBE: u16 = 1 << 5;
    pub(crate) const UNSUBSCRIBE: u16 = 1 << 6;
    pub(crate) const DISCONNECT: u16 = 1 << 7;
    pub(crate) const AUTH: u16 = 1 << 8;
    /// Properties that a broker passes on as they are.
    pub(crate) const FORWARD: u16 = 1 << 9;
}
use place::{ACK, AUTH, CONNACK, CONNECT, DISCONNECT, FORWARD, PUBLISH, SUBSCRIBE, WILL};

macro_rules! read_value {
    (bool, $r:ident, $id:expr) => {
        match $r.u8()? { 0 => false, 1 => true, _ => return Err(DecodeError::InvalidPropertyValue($id)) }
    };
    (u8, $r:ident, $id:expr) => {
        match $r.u8()? { v @ (0 | 1) => v, _ => return Err(DecodeError::InvalidPropertyValue($id)) }
    };
    (u16, $r:ident, $id:expr) => { $r.u16()? };
    (nonzero16, $r:ident, $id:expr) => {
        match $r.u16()? { 0 => return Err(DecodeError::InvalidPropertyValue($id)), v => v }
    };
    (u32, $r:ident, $id:expr) => { $r.u32()? };
    (nonzero32, $r:ident, $id:expr) => {
        match $r.u32()? { 0 => return Err(DecodeError::InvalidPropertyValue($id)), v => v }
    };
    (varint, $r:ident, $id:expr) => {
        match $r.varint()? { 0 => return Err(DecodeError::InvalidPropertyValue($id)), v => v }
    };
    (string, $r:ident, $id:expr) => { $r.string()? };
    (binary, $r:ident, $id:expr) => { $r.binary()? };
}

macro_rules! value_type {
    (bool, $a:lifetime) => { bool };
    (u8, $a:lifetime) => { u8 };
    (u16, $a:lifetime) => { u16 };
    (nonzero16, $a:lifetime) => { u16 };
    (u32, $a:lifetime) => { u32 };
    (nonzero32, $a:lifetime) => { u32 };
    (varint, $a:lifetime) => { u32 };
    (string, $a:lifetime) => { &$a str };
    (binary, $a:lifetime) => { &$a [u8] };
}

macro_rules! write_value {
    (bool, $out:ident, $v:expr) => { $out.push(u8::from($v)) };
    (u8, $out:ident, $v:expr) => { $out.push($v) };
    (u16, $out:ident, $v:expr) => { $out.extend_from_slice(&$v.to_be_bytes()) };
    (nonzero16, $out:ident, $v:expr) => { $out.extend_from_slice(&$v.to_be_bytes()) };
    (u32, $out:ident, $v:expr) => { $out.extend_from_slice(&$v.to_be_bytes()) };
    (nonzero32, $out:ident, $v:expr) => { $out.extend_from_slice(&$v.to_be_bytes()) };
    (varint, $out:ident, $v:expr) => { writer::varint($out, $v) };
    (string, $out:ident, $v:expr) => { writer::binary($out, $v.as_bytes()) };
    (binary, $out:ident, $v:expr) => { writer::binary($out, $v) };
}

macro_rules! properties {
    ($($name:ident $getter:ident = $id:literal $kind:ident $places:expr;)*) => {
        /// One property. User properties are the only ones that may come more than once, but for
        /// the subscription identifiers of a PUBLISH to a client.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Property<'a> {
            $($name(value_type!($kind, 'a)),)*
            UserProperty(&'a str, &'a str),
        }

        /// Reads one property and the places where it may stand.
        fn read<'a>(r: &mut Reader<'a>) -> Result<(u8, u16, Property<'a>), DecodeError> {
            // All identifiers are below 128, so the variable byte integer is one byte [2.2.2.2].
            let id = r.u8()?;
            Ok(match id {
                $($id => (id, $places, Property::$name(read_value!($kind, r, id))),)*
                USER_PROPERTY => (id, EVERYWHERE, Property::UserProperty(r.string()?, r.string()?)),
                _ => return Err(DecodeError::UnknownProperty(id)),
            })
        }

        impl Property<'_> {
            fn write(&self, out: &mut Vec<u8>) {
                match self {
                    $(Property::$name(v) => { out.push($id); write_value!($kind, out, *v); })*
                    Property::UserProperty(k, v) => {
                        out.push(USER_PROPERTY);
                        writer::binary(out, k.as_bytes());
                        writer::binary(out, v.as_bytes());
                    }
                }
            }
        }

        impl<'a> Properties<'a> {
            $(
                /// The (first) property of this name.
                pub fn $getter(&self) -> Option<value_type!($kind, 'a)> {
                    self.find($id).and_then(|p| match p { Property::$name(v) => Some(v), _ => None })
                }
            )*
        }
    };
}

const USER_PROPERTY: u8 = 0x26;
const SUBSCRIPTION_IDENTIFIER: u8 = 0x0B;
const EVERYWHERE: u16 = u16::MAX;

properties! {
    PayloadFormatIndicator payload_format_indicator = 0x01 bool PUBLISH | WILL | FORWARD;
    MessageExpiryInterval message_expiry_interval = 0x02 u32 PUBLISH | WILL;
    ContentType content_type = 0x03 string PUBLISH | WILL | FORWARD;
    ResponseTopic response_topic = 0x08 string PUBLISH | WILL | FORWARD;
    CorrelationData correlation_data = 0x09 binary PUBLISH | WILL | FORWARD;
    SubscriptionIdentifier subscription_identifier = 0x0B varint PUBLISH | SUBSCRIBE;
    SessionExpiryInterval session_expiry_interval = 0x11 u32 CONNECT | CONNACK | DISCONNECT;
    AssignedClientIdentifier assigned_client_identifier = 0x12 string CONNACK;
    ServerKeepAlive server_keep_alive = 0x13 u16 CONNACK;
    AuthenticationMethod authentication_method = 0x15 string CONNECT | CONNACK | AUTH;
    AuthenticationData authentication_data = 0x16 binary CONNECT | CONNACK | AUTH;
    RequestProblemInformation request_problem_information = 0x17 bool CONNECT;
    WillDelayInterval will_delay_interval = 0x18 u32 WILL;
    RequestResponseInformation request_response_information = 0x19 bool CONNECT;
    ResponseInformation response_information = 0x1A string CONNACK;
    ServerReference server_reference = 0x1C string CONNACK | DISCONNECT;
    ReasonString reason_string = 0x1F string CONNACK | ACK | DISCONNECT | AUTH;
    ReceiveMaximum receive_maximum = 0x21 nonzero16 CONNECT | CONNACK;
    TopicAliasMaximum topic_alias_maximum = 0x22 u16 CONNECT | CONNACK;
    TopicAlias topic_alias = 0x23 u16 PUBLISH;
    MaximumQos maximum_qos = 0x24 u8 CONNACK;
    RetainAvailable retain_available = 0x25 bool CONNACK;
    MaximumPacketSize maximum_packet_size = 0x27 nonzero32 CONNECT | CONNACK;
    WildcardSubscriptionAvailable wildcard_subscription_available = 0x28 bool CONNACK;
    SubscriptionIdentifierAvailable subscription_identifier_available = 0x29 bool CONNACK;
    SharedSubscriptionAvailable shared_subscription_available = 0x2A bool CONNACK;
}

/// A checked property section: its raw bytes, without their length. Empty for MQTT 3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Properties<'a> {
    raw: &'a [u8],
}

impl<'a> Properties<'a> {
    /// None at all.
    pub const EMPTY: Properties<'static> = Properties { raw: &[] };

    /// Bytes that come from [`Properties::raw`] or [`forwardable`]. Of others, what can't be read is
    /// passed over.
    pub fn from_validated(raw: &'a [u8]) -> Self {
        Properties { raw }
    }

    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// All of them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = Property<'a>> + Clone + use<'a> {
        let mut r = Reader::new(self.raw);
        std::iter::from_fn(move || read(&mut r).ok().map(|(_, _, property)| property))
    }

    /// Name and value of each user property, in their order.
    pub fn user_properties(&self) -> impl Iterator<Item = (&'a str, &'a str)> + Clone + use<'a> {
        self.iter().filter_map(|p| match p {
            Property::UserProperty(k, v) => Some((k, v)),
            _ => None,
        })
    }

    /// Each subscription identifier, in their order.
    pub fn subscription_identifiers(&self) -> impl Iterator<Item = u32> + Clone + use<'a> {
        self.iter().filter_map(|p| match p {
            Property::SubscriptionIdentifier(id) => Some(id),
            _ => None,
        })
    }

    fn find(&self, id: u8) -> Option<Property<'a>> {
        let mut r = Reader::new(self.raw);
        while !r.is_empty() {
            let (found, _, property) = read(&mut r).ok()?;
            if found == id {
                return Some(property);
            }
        }
        None
    }

    /// Reads a section with its length, and checks that each property may stand in `place`, comes
    /// once and has a value that it may have [MQTT-2.2.2].
    pub(crate) fn read(r: &mut Reader<'a>, place: u16) -> Result<Self, DecodeError> {
        let length = r.varint()?;
        let raw = r.bytes(length as usize)?;
        if raw.is_empty() {
            return Ok(Properties { raw });
        }
        let mut section = Reader::new(raw);
        let mut seen = 0u64;
        while !section.is_empty() {
            let (id, places, _) = read(&mut section)?;
            if places & place == 0 {
                return Err(DecodeError::PropertyNotAllowed(id));
            }
            let repeats = id == USER_PROPERTY || (id == SUBSCRIPTION_IDENTIFIER && place == PUBLISH);
            if !repeats && seen & (1 << id) != 0 {
                return Err(DecodeError::DuplicateProperty(id));
            }
            seen |= 1 << id;
        }
        Ok(Properties { raw })
    }
}

/// Of the properties of a PUBLISH or a will, those that are passed on as they came, in their order.
/// Borrowed where all of them are, else written to `scratch`.
pub fn forwardable<'a>(props: Properties<'a>, scratch: &'a mut Vec<u8>) -> &'a [u8] {
    let mut r = Reader::new(props.raw);
    let mut all = true;
    while let Ok((_, places, _)) = read(&mut r) {
        all &= places & FORWARD != 0;
    }
    if all {
        return props.raw;
    }
    scratch.clear();
    let mut r = Reader::new(props.raw);
    while let Ok((_, places, property)) = read(&mut r) {
        if places & FORWARD != 0 {
            property.write(scratch);
        }
    }
    scratch
}

/// Properties to be sent, in the order in which they are pushed.
#[derive(Clone, Debug, Default)]
pub struct PropertiesBuf {
    raw: Vec<u8>,
}

impl PropertiesBuf {
    pub fn new() -> Self {
        PropertiesBuf::default()
    }

    /// Appends one. A text or binary longer than 65,535 bytes can't be sent and is cut to nothing.
    pub fn push(&mut self, property: Property<'_>) -> &mut Self {
        property.write(&mut self.raw);
        self
    }

    pub fn clear(&mut self) {
        self.raw.clear();
    }

    pub fn as_props(&self) -> Properties<'_> {
        Properties { raw: &self.raw }
    }
}
