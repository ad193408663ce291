//! Why TLS failed, in words that say what to do.
//!
//! Owns nothing. The options that it names are those of the command line.

use rustls::AlertDescription as Alert;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{CertificateError, Error, PeerIncompatible};
use std::io::{self, ErrorKind};

/// The TLS failure inside an I/O error, if there is one.
pub(super) fn find(error: &io::Error) -> Option<String> {
    let inner = error.get_ref()?.downcast_ref::<Error>()?;
    Some(explain(inner))
}

/// As [`find`], for an error of the handshake, where the end of the stream has a meaning too.
pub(super) fn find_in_handshake(error: &io::Error) -> Option<String> {
    let ended = matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    );
    find(error).or_else(|| {
        ended.then(|| {
            "the server closed the connection during the handshake; does it speak TLS on this port?"
                .to_owned()
        })
    })
}

fn explain(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(e) => explain_certificate(e),
        Error::AlertReceived(alert) => explain_alert(*alert),
        Error::InvalidMessage(_) | Error::PeerSentOversizedRecord => {
            "the server does not answer in TLS; for a port without TLS say mqtt:// or ws://".into()
        }
        Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => wrong_version(),
        Error::NoApplicationProtocol => wrong_alpn(),
        other => other.to_string(),
    }
}

fn wrong_version() -> String {
    "the server speaks another version of TLS; TLS 1.2 and 1.3 are known here, --tls-version allows \
     one of them alone"
        .into()
}

fn wrong_alpn() -> String {
    "the server does not know the protocol of --tls-alpn".into()
}

fn explain_certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "no authority that is trusted has signed the server's certificate; give the \
             certificate of its authority with --cafile FILE"
                .into()
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => wrong_name(expected, presented),
        CertificateError::ExpiredContext { not_after, .. } => format!(
            "the server's certificate expired on {}; it must be renewed there, unless the clock of \
             this machine is wrong",
            date(*not_after)
        ),
        CertificateError::NotValidYetContext { not_before, .. } => format!(
            "the server's certificate is not valid before {}; is the clock of this machine right?",
            date(*not_before)
        ),
        CertificateError::InvalidPurposeContext { .. } | CertificateError::InvalidPurpose => {
            format!("the server's certificate is not one for servers: {error}")
        }
        // What the library below found has no type here, only a name.
        CertificateError::Other(e) => match e.to_string().as_str() {
            "CaUsedAsEndEntity" => {
                "the server shows the certificate of an authority (CA:TRUE) as its own; it needs \
                 one of its own, signed by that"
                    .into()
            }
            "UnsupportedCertVersion" => {
                "the server's certificate is one of X.509 version 1; it must be made anew as \
                 version 3, with the server's name in its subjectAltName"
                    .into()
            }
            other => format!("the server's certificate cannot be accepted: {other}"),
        },
        other => format!("the server's certificate cannot be accepted: {other}"),
    }
}

fn wrong_name(expected: &ServerName<'_>, presented: &[String]) -> String {
    let expected = expected.to_str();
    let names: Vec<_> = presented.iter().map(|name| bare(name)).collect();
    let names = if names.is_empty() {
        "no name at all".to_owned()
    } else {
        names.join(", ")
    };
    format!(
        "the server's certificate is for {names}, not for {expected}; connect to a name that it is \
         for, or take any name with --insecure"
    )
}

/// `localhost` of `DnsName("localhost")`.
fn bare(presented: &str) -> &str {
    let inner = presented
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(presented).trim_matches('"')
}

fn date(time: UnixTime) -> String {
    i64::try_from(time.as_secs())
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map_or_else(|| "an unknown date".into(), |time| time.to_string())
}

fn explain_alert(alert: Alert) -> String {
    match alert {
        Alert::CertificateRequired => {
            "the server wants a client certificate: --cert FILE --key FILE".into()
        }
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::UnknownCA
        | Alert::AccessDenied => format!(
            "the server does not accept the client certificate (--cert, --key): it says {alert:?}"
        ),
        Alert::HandshakeFailure => "the server refuses the handshake; it may want a client \
             certificate (--cert, --key), or have no cipher in common with this client"
            .into(),
        Alert::ProtocolVersion => wrong_version(),
        Alert::NoApplicationProtocol => wrong_alpn(),
        Alert::UnrecognisedName => "the server does not know the name that it was called by".into(),
        other => format!("the server ended TLS: {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::OtherError;
    use std::sync::Arc;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Named(&'static str);

    fn other(name: &'static str) -> String {
        let inner = CertificateError::Other(OtherError(Arc::new(Named(name))));
        let error = io::Error::new(ErrorKind::InvalidData, Error::InvalidCertificate(inner));
        find(&error).unwrap()
    }

    #[test]
    fn what_has_only_a_name_is_told_apart() {
        assert!(other("UnsupportedCertVersion").contains("X.509 version 1"));
        assert!(other("CaUsedAsEndEntity").contains("CA:TRUE"));
        assert!(other("Strange").ends_with("cannot be accepted: Strange"));
    }

    #[test]
    fn names_of_every_sort_are_shown_bare() {
        let expected = ServerName::try_from("a.example").unwrap();
        let presented = [
            "DnsName(\"*.b.example\")",
            "IpAddress(::1)",
            "DirectoryName",
        ];
        let said = wrong_name(&expected, &presented.map(String::from));
        assert!(
            said.contains("is for *.b.example, ::1, DirectoryName, not for a.example"),
            "{said}"
        );
        assert!(wrong_name(&expected, &[]).contains("for no name at all"));
    }

    #[test]
    fn other_failures_are_none_of_tls() {
        assert_eq!(find(&ErrorKind::UnexpectedEof.into()), None);
        assert_eq!(find_in_handshake(&ErrorKind::TimedOut.into()), None);
        assert!(find_in_handshake(&ErrorKind::UnexpectedEof.into()).is_some());
    }
}
