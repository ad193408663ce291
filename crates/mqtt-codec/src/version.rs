//! The protocol versions this crate speaks. Owns no state; never decides whether a version is welcome.

use std::fmt;

/// A version of MQTT.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum Version {
    V31,
    V311,
    V5,
}

impl Version {
    pub const ALL: [Self; 3] = [Self::V31, Self::V311, Self::V5];

    /// The protocol level in CONNECT.
    pub const fn level(self) -> u8 {
        match self {
            Self::V31 => 3,
            Self::V311 => 4,
            Self::V5 => 5,
        }
    }

    /// The protocol name in CONNECT.
    pub const fn protocol_name(self) -> &'static str {
        match self {
            Self::V31 => "MQIsdp",
            Self::V311 | Self::V5 => "MQTT", // [MQTT-3.1.2-1]
        }
    }

    /// A short name for logs, metrics and interfaces.
    pub const fn label(self) -> &'static str {
        match self {
            Self::V31 => "mqtt31",
            Self::V311 => "mqtt311",
            Self::V5 => "mqtt5",
        }
    }

    /// Whether packets carry properties and reason codes.
    pub const fn is_v5(self) -> bool {
        matches!(self, Self::V5)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
