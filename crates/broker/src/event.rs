//! What a shard wants written to the operator's log.
//!
//! Plain values, made in a turn and given to the driver. Strings from clients are kept as they came;
//! whoever prints them must escape them.

use crate::auth::Peer;
use crate::conn::{ConnId, State};
use crate::shard::Shard;
use mqtt_codec::Version;

/// One noteworthy moment in a client's life.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEvent {
    pub what: What,
    /// `None` where the connection ended before it said who it is.
    pub client: Option<Box<str>>,
    /// The authenticated user; of a refused client the one that it claims to be.
    pub user: Option<Box<str>>,
    pub peer: Peer,
    /// `None` where no CONNECT was understood.
    pub version: Option<Version>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Connected {
        resumed: bool,
    },
    /// A CONNECT was refused, or a connection never got that far.
    Refused {
        why: Box<str>,
    },
    Disconnected {
        why: Box<str>,
    },
}

impl Shard {
    /// Notes what happens to a connection, with all that is known of it by now.
    pub(crate) fn note(&mut self, id: ConnId, what: What) {
        let Some(conn) = self.conns.get(id) else {
            return;
        };
        let named = |name: &str| (!name.is_empty()).then(|| Box::from(name));
        let (client, user, version) = match &conn.state {
            State::Authenticating(connecting) => (
                named(&connecting.client_id),
                connecting.user.clone(),
                Some(connecting.version),
            ),
            State::Moving(_, handoff) => (
                named(&handoff.identity.client_id),
                handoff.identity.user.as_deref().map(Into::into),
                Some(handoff.connecting.version),
            ),
            State::Online(online) => {
                let session = self.sessions.get(online.session);
                let identity = session.map(|session| &session.identity);
                (
                    identity.and_then(|identity| named(&identity.client_id)),
                    identity.and_then(|identity| identity.user.as_deref().map(Into::into)),
                    Some(online.version),
                )
            }
            State::Fresh | State::Closing => (None, None, None),
        };
        self.out.events.push(LogEvent {
            what,
            client,
            user,
            peer: conn.peer.clone(),
            version,
        });
    }
}
