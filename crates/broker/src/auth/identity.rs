//! Identities, and the questions and answers that establish them.

use crate::conn::ConnId;
use mqtt_codec::ReasonCode;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// How a connection reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Tcp,
    WebSocket,
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    pub address: IpAddr,
    pub port: u16,
    /// The listener that accepted it, as numbered by the configuration.
    pub listener: u16,
    pub transport: Transport,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            IpAddr::V4(a) => write!(f, "{a}:{}", self.port),
            IpAddr::V6(a) => write!(f, "[{a}]:{}", self.port),
        }
    }
}

/// Who a client is: what access is granted to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The authenticated user; `None` for an anonymous client.
    pub user: Option<Arc<str>>,
    pub client_id: Arc<str>,
}

/// A question to the authenticator, asked at CONNECT and at each AUTH packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthRequest {
    pub conn: ConnId,
    pub peer: Peer,
    pub client_id: Box<str>,
    pub user: Option<Box<str>>,
    pub password: Option<Box<[u8]>>,
    /// Enhanced authentication (MQTT 5, 4.12): the method, with data in `data`.
    pub method: Option<Box<str>>,
    pub data: Option<Box<[u8]>>,
    /// How many AUTH packets of this exchange came before; 0 for CONNECT or a re-authentication.
    pub step: u32,
    /// The client is connected and authenticates again.
    pub again: bool,
}

/// The answer to an [`AuthRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthReply {
    pub conn: ConnId,
    pub outcome: AuthOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthOutcome {
    /// `user` is the name that access is granted to; `data` goes into CONNACK or AUTH.
    Accept {
        user: Option<Arc<str>>,
        data: Option<Box<[u8]>>,
    },
    /// Enhanced authentication goes on: send this in an AUTH packet.
    Continue { data: Option<Box<[u8]>> },
    /// `why` is for the log; the client learns only the reason code.
    Reject { reason: ReasonCode, why: Box<str> },
}
