//! The control packet types and the flags each allows in the first byte. Never looks further than that byte.

use crate::{DecodeError, Version};

/// The high four bits of a packet's first byte.
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum PacketType {
    Connect = 1,
    Connack = 2,
    Publish = 3,
    Puback = 4,
    Pubrec = 5,
    Pubrel = 6,
    Pubcomp = 7,
    Subscribe = 8,
    Suback = 9,
    Unsubscribe = 10,
    Unsuback = 11,
    Pingreq = 12,
    Pingresp = 13,
    Disconnect = 14,
    Auth = 15,
}

impl PacketType {
    /// The type a packet's first byte names; type 0 is reserved.
    pub const fn from_first_byte(first: u8) -> Result<Self, DecodeError> {
        Ok(match first >> 4 {
            1 => Self::Connect,
            2 => Self::Connack,
            3 => Self::Publish,
            4 => Self::Puback,
            5 => Self::Pubrec,
            6 => Self::Pubrel,
            7 => Self::Pubcomp,
            8 => Self::Subscribe,
            9 => Self::Suback,
            10 => Self::Unsubscribe,
            11 => Self::Unsuback,
            12 => Self::Pingreq,
            13 => Self::Pingresp,
            14 => Self::Disconnect,
            15 => Self::Auth,
            other => return Err(DecodeError::UnknownPacketType(other)),
        })
    }

    /// The first byte with the flags its type demands (PUBLISH: none set).
    pub const fn first_byte(self) -> u8 {
        ((self as u8) << 4) | self.reserved_flags()
    }

    const fn reserved_flags(self) -> u8 {
        match self {
            // [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1]
            Self::Pubrel | Self::Subscribe | Self::Unsubscribe => 0b0010,
            _ => 0,
        }
    }

    /// Whether `first` carries flags that `version` allows. PUBLISH uses all four and checks them itself.
    pub(crate) const fn allows_flags(self, version: Version, first: u8) -> bool {
        let flags = first & 0x0f;
        match (self, version) {
            (Self::Publish, _) => true,
            // MQTT 3.1 sends these at QoS 1 and repeats them with the DUP flag.
            (Self::Pubrel | Self::Subscribe | Self::Unsubscribe, Version::V31) => {
                flags & 0b0111 == self.reserved_flags()
            }
            _ => flags == self.reserved_flags(), // [MQTT-2.1.3-1] [MQTT-3.14.1-1] [MQTT-3.15.1-1]
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::Connack => "CONNACK",
            Self::Publish => "PUBLISH",
            Self::Puback => "PUBACK",
            Self::Pubrec => "PUBREC",
            Self::Pubrel => "PUBREL",
            Self::Pubcomp => "PUBCOMP",
            Self::Subscribe => "SUBSCRIBE",
            Self::Suback => "SUBACK",
            Self::Unsubscribe => "UNSUBSCRIBE",
            Self::Unsuback => "UNSUBACK",
            Self::Pingreq => "PINGREQ",
            Self::Pingresp => "PINGRESP",
            Self::Disconnect => "DISCONNECT",
            Self::Auth => "AUTH",
        }
    }
}
