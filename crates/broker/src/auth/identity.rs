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
    /// MQTT over TLS.
    Tls,
    /// WebSocket over TLS.
    SecureWebSocket,
    /// A socket in the file system of this machine.
    Unix,
}

/// The other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Where it is; what a trusted proxy says it is. Loopback where the transport has no addresses.
    pub address: IpAddr,
    pub port: u16,
    /// The listener that accepted it, as numbered by the configuration.
    pub listener: u16,
    pub transport: Transport,
    /// What the transport itself has made sure of; most connections have none.
    pub credential: Option<Arc<Credential>>,
}

/// What a transport knows of its other end before a word of MQTT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A client certificate that was verified in the TLS handshake.
    Certificate(Certificate),
    /// A trusted proxy ended the client's TLS, and says whom the certificate named that it verified.
    Proxied { common_name: Option<Box<str>> },
    /// The process at the other end of a Unix socket.
    Process { pid: Option<u32>, uid: u32 },
}

/// What a verified client certificate says of its holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Of the subject; `None` where it has none, or more than one.
    pub common_name: Option<Box<str>>,
    /// Subject alternative names, each with its kind before it: `DNS:device.example`, `IP:192.0.2.7`,
    /// `email:a@b.example`, `URI:urn:device:7`.
    pub alternative_names: Vec<Box<str>>,
    /// SHA-256 of the certificate.
    pub fingerprint: [u8; 32],
}

impl Credential {
    /// The name that a certificate gives to the client.
    pub fn common_name(&self) -> Option<&str> {
        match self {
            Credential::Certificate(certificate) => certificate.common_name.as_deref(),
            Credential::Proxied { common_name } => common_name.as_deref(),
            Credential::Process { .. } => None,
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.transport == Transport::Unix {
            f.write_str("unix")?;
            return match self.credential.as_deref() {
                Some(Credential::Process {
                    pid: Some(pid),
                    uid,
                }) => write!(f, " (pid {pid}, uid {uid})"),
                Some(Credential::Process { pid: None, uid }) => write!(f, " (uid {uid})"),
                _ => Ok(()),
            };
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_shown_by_their_transport() {
        let mut peer = Peer {
            address: [192, 0, 2, 7].into(),
            port: 5,
            listener: 0,
            transport: Transport::Tls,
            credential: None,
        };
        assert_eq!(peer.to_string(), "192.0.2.7:5");
        peer.address = "2001:db8::7".parse().unwrap();
        assert_eq!(peer.to_string(), "[2001:db8::7]:5");
        peer.transport = Transport::Unix;
        assert_eq!(peer.to_string(), "unix");
        let process = |pid| Some(Arc::new(Credential::Process { pid, uid: 7 }));
        peer.credential = process(Some(9));
        assert_eq!(peer.to_string(), "unix (pid 9, uid 7)");
        peer.credential = process(None);
        assert_eq!(peer.to_string(), "unix (uid 7)");
    }
}
