//! Why a connection never became a client's.

use mqtt_codec::ReasonCode;

/// The reasons of the counter of refused connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A version of the protocol that is not spoken here.
    UnsupportedVersion,
    /// The client id is too long, or missing where it must not be.
    ClientId,
    /// Unknown user or wrong password.
    BadCredentials,
    /// Known, but not allowed in: banned, the id of another user's session, a will it may not publish.
    NotAuthorized,
    /// A method of enhanced authentication that is not offered.
    AuthenticationMethod,
    /// What came was no CONNECT, or a broken one.
    Malformed,
    /// The CONNECT asks for what is not offered: a will that is invalid, or above a limit.
    NotOffered,
    /// A limit is reached.
    Quota,
    /// Clients are sent to another server.
    Redirected,
    /// Not a whole CONNECT, or no answer of the authenticator, in time.
    TimedOut,
    /// The client gave up while it was being authenticated.
    GaveUp,
    /// The broker stops.
    Stopping,
    Other,
}

impl Refusal {
    /// All reasons, in the order of their counters.
    pub const ALL: [Refusal; 13] = [
        Refusal::UnsupportedVersion,
        Refusal::ClientId,
        Refusal::BadCredentials,
        Refusal::NotAuthorized,
        Refusal::AuthenticationMethod,
        Refusal::Malformed,
        Refusal::NotOffered,
        Refusal::Quota,
        Refusal::Redirected,
        Refusal::TimedOut,
        Refusal::GaveUp,
        Refusal::Stopping,
        Refusal::Other,
    ];

    /// The label of the counter.
    pub fn label(self) -> &'static str {
        match self {
            Refusal::UnsupportedVersion => "unsupported_version",
            Refusal::ClientId => "client_id",
            Refusal::BadCredentials => "bad_credentials",
            Refusal::NotAuthorized => "not_authorized",
            Refusal::AuthenticationMethod => "authentication_method",
            Refusal::Malformed => "malformed",
            Refusal::NotOffered => "not_offered",
            Refusal::Quota => "quota",
            Refusal::Redirected => "redirected",
            Refusal::TimedOut => "timed_out",
            Refusal::GaveUp => "gave_up",
            Refusal::Stopping => "stopping",
            Refusal::Other => "other",
        }
    }

    /// What a CONNACK with this code, or a close in place of it, counts as.
    pub(crate) fn of(reason: ReasonCode) -> Self {
        match reason {
            ReasonCode::UnsupportedProtocolVersion => Refusal::UnsupportedVersion,
            ReasonCode::ClientIdentifierNotValid => Refusal::ClientId,
            ReasonCode::BadUserNameOrPassword => Refusal::BadCredentials,
            ReasonCode::NotAuthorized | ReasonCode::Banned => Refusal::NotAuthorized,
            ReasonCode::BadAuthenticationMethod => Refusal::AuthenticationMethod,
            ReasonCode::MalformedPacket | ReasonCode::ProtocolError => Refusal::Malformed,
            ReasonCode::TopicNameInvalid
            | ReasonCode::QosNotSupported
            | ReasonCode::RetainNotSupported
            | ReasonCode::PayloadFormatInvalid
            | ReasonCode::PacketTooLarge => Refusal::NotOffered,
            ReasonCode::QuotaExceeded | ReasonCode::ConnectionRateExceeded => Refusal::Quota,
            ReasonCode::UseAnotherServer | ReasonCode::ServerMoved => Refusal::Redirected,
            ReasonCode::ServerBusy => Refusal::TimedOut,
            ReasonCode::ServerUnavailable | ReasonCode::ServerShuttingDown => Refusal::Stopping,
            _ => Refusal::Other,
        }
    }
}
