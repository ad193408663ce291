//! What a shard wants written to the operator's log.

use crate::auth::Peer;
use mqtt_codec::Version;
use std::fmt;

/// One noteworthy moment in a client's life. Strings from clients are kept as they came; whoever
/// prints them must escape them (`Display` here does, by `{:?}`).
#[derive(Clone, Debug, PartialEq)]
pub enum LogEvent {
    Connected {
        client: Box<str>,
        peer: Peer,
        version: Version,
        user: Option<Box<str>>,
        resumed: bool,
    },
    /// A CONNECT was refused, or a connection never got that far.
    Refused {
        client: Option<Box<str>>,
        peer: Peer,
        why: Box<str>,
    },
    Disconnected {
        client: Box<str>,
        why: Box<str>,
    },
    /// Something that an operator should look at.
    Warning {
        client: Option<Box<str>>,
        what: Box<str>,
    },
}

impl fmt::Display for LogEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogEvent::Connected {
                client,
                peer,
                version,
                user,
                resumed,
            } => {
                let how = if *resumed { "resumed" } else { "connected" };
                write!(
                    f,
                    "client {client:?} {how} from {peer} by {}",
                    version.label()
                )?;
                user.as_ref().map_or(Ok(()), |u| write!(f, " as {u:?}"))
            }
            LogEvent::Refused {
                client: Some(client),
                peer,
                why,
            } => {
                write!(
                    f,
                    "client {client:?} from {peer} refused: {}",
                    why.escape_debug()
                )
            }
            LogEvent::Refused {
                client: None,
                peer,
                why,
            } => {
                write!(f, "connection from {peer} refused: {}", why.escape_debug())
            }
            LogEvent::Disconnected { client, why } => {
                write!(f, "client {client:?} disconnected: {}", why.escape_debug())
            }
            LogEvent::Warning {
                client: Some(client),
                what,
            } => {
                write!(f, "client {client:?}: {}", what.escape_debug())
            }
            LogEvent::Warning { client: None, what } => write!(f, "{}", what.escape_debug()),
        }
    }
}
