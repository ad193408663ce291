//! The authenticators by their answers; each test owns what it makes.

use super::*;
use broker::ConnId;
use broker::auth::{Certificate, Credential, Peer, Transport};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

fn request(listener: u16, user: Option<&str>, password: Option<&str>) -> AuthRequest {
    AuthRequest {
        conn: ConnId {
            index: 0,
            generation: 0,
        },
        peer: Peer {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 1,
            listener,
            transport: Transport::Tcp,
            credential: None,
        },
        client_id: "c".into(),
        user: user.map(Into::into),
        password: password.map(|p| p.as_bytes().into()),
        method: None,
        data: None,
        step: 0,
        again: false,
    }
}

fn file() -> PasswordFile {
    let hash = hash_password(b"secret").unwrap();
    PasswordFile::parse(&format!("# users\n\nalice:{hash}\n")).unwrap()
}

fn accepted(outcome: &AuthOutcome) -> Option<Option<&str>> {
    match outcome {
        AuthOutcome::Accept { user, .. } => Some(user.as_deref()),
        _ => None,
    }
}

fn reason(outcome: &AuthOutcome) -> Option<ReasonCode> {
    match outcome {
        AuthOutcome::Reject { reason, .. } => Some(*reason),
        _ => None,
    }
}

#[test]
fn users_and_passwords() {
    let users = file();
    let ok = users.authenticate(&request(0, Some("alice"), Some("secret")));
    assert_eq!(accepted(&ok), Some(Some("alice")));
    for (user, password) in [
        (Some("alice"), Some("Secret")),
        (Some("alice"), Some("")),
        (Some("alice"), None),
        (Some("bob"), Some("secret")),
        (Some(""), Some("")),
    ] {
        let outcome = users.authenticate(&request(0, user, password));
        assert_eq!(
            reason(&outcome),
            Some(ReasonCode::BadUserNameOrPassword),
            "{user:?}"
        );
    }
    let outcome = users.authenticate(&request(0, None, Some("secret")));
    assert_eq!(reason(&outcome), Some(ReasonCode::NotAuthorized));
}

#[test]
fn an_insecure_listener_lets_the_nameless_in_and_checks_the_others() {
    let users = file().with_anonymous(vec![false, true]);
    assert_eq!(accepted(&users.authenticate(&request(0, None, None))), None);
    assert_eq!(
        accepted(&users.authenticate(&request(1, None, None))),
        Some(None)
    );
    assert_eq!(
        accepted(&users.authenticate(&request(1, Some("alice"), Some("x")))),
        None
    );
    assert_eq!(accepted(&users.authenticate(&request(9, None, None))), None);
}

#[test]
fn an_empty_file_denies_everyone() {
    let users = PasswordFile::parse("# nobody\n").unwrap();
    assert!(users.is_empty());
    assert_eq!(
        accepted(&users.authenticate(&request(0, Some("a"), Some("a")))),
        None
    );
    assert_eq!(
        accepted(&users.authenticate(&request(0, Some("a"), None))),
        None
    );
}

#[test]
fn an_unknown_user_takes_as_long_as_a_wrong_password() {
    let users = file();
    let time = |user| {
        // Of this thread alone: what else the machine does is of no account.
        let cpu = || {
            let t = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
            Duration::new(t.tv_sec.unsigned_abs(), t.tv_nsec as u32)
        };
        let of_one = || {
            let start = cpu();
            users.authenticate(&request(0, Some(user), Some("wrong")));
            cpu() - start
        };
        (0..5).map(|_| of_one()).min().unwrap()
    };
    let (known, unknown) = (time("alice"), time("nobody"));
    assert!(
        // Without a hash it would be a thousandth; a machine that others use too is often at a half.
        unknown * 10 > known && known * 10 > unknown,
        "{known:?} {unknown:?}"
    );
}

#[test]
fn broken_files_name_their_line() {
    let hash = hash_password(b"x").unwrap();
    for (text, line) in [
        ("alice\n".to_owned(), 1),
        (format!("a:{hash}\n:{hash}\n"), 2),
        (format!("a:{hash}\n\na:{hash}\n"), 3),
        ("a:plain\n".to_owned(), 1),
        ("a:$6$salt$hash\n".to_owned(), 1),
        (format!("a:{}\n", hash.replace("argon2id", "argon2i")), 1),
        (
            format!("a:{}\n", hash.replace("m=19456", "m=4000000000")),
            1,
        ),
        (format!("a:{}\n", hash.rsplit_once('$').unwrap().0), 1),
        (" a:x\n".to_owned(), 1),
    ] {
        let error = PasswordFile::parse(&text).unwrap_err();
        assert_eq!(error.line, line, "{text:?}: {error}");
        assert!(
            !error.to_string().contains("m=19456"),
            "a message never holds a hash: {error}"
        );
    }
}

#[test]
fn enhanced_authentication_is_answered_with_bad_authentication_method() {
    let mut request = request(0, Some("alice"), Some("secret"));
    request.method = Some("SCRAM-SHA-256".into());
    for authenticator in [
        &file() as &dyn Authenticator,
        &Anonymous::new(vec![true], vec![true]),
    ] {
        let outcome = authenticator.authenticate(&request);
        assert_eq!(reason(&outcome), Some(ReasonCode::BadAuthenticationMethod));
    }
}

#[test]
fn anonymous_keeps_the_name_on_loopback_alone() {
    let anonymous = Anonymous::new(vec![true, false, false], vec![false, true, false]);
    let outcome = anonymous.authenticate(&request(0, Some("guest"), Some("guest")));
    assert_eq!(accepted(&outcome), Some(Some("guest")));
    assert_eq!(
        accepted(&anonymous.authenticate(&request(0, None, None))),
        Some(None)
    );
    assert_eq!(
        accepted(&anonymous.authenticate(&request(1, Some("root"), None))),
        Some(None)
    );
    assert_eq!(
        accepted(&anonymous.authenticate(&request(2, Some("root"), None))),
        None
    );
    assert_eq!(
        accepted(&anonymous.authenticate(&request(7, None, None))),
        None
    );
}

#[test]
fn a_certificate_names_its_client_where_that_is_asked_for() {
    let named = |name: Option<&str>| {
        let certificate = Certificate {
            common_name: name.map(Into::into),
            alternative_names: Vec::new(),
            fingerprint: [0; 32],
        };
        Some(Arc::new(Credential::Certificate(certificate)))
    };
    let proxied = |name: Option<&str>| {
        let common_name = name.map(Into::into);
        Some(Arc::new(Credential::Proxied { common_name }))
    };
    // Names are asked for on 0 and 1, and on 1 nobody gets in without.
    let by = ByCertificate::new(
        vec![true, true, false],
        vec![false, true, false],
        Arc::new(file()),
    );
    let asked = |listener, credential, user, password| {
        let mut request = request(listener, user, password);
        request.peer.credential = credential;
        by.authenticate(&request)
    };
    let (alice, secret) = (Some("alice"), Some("secret"));
    for listener in [0, 1] {
        for credential in [named(Some("dev")), proxied(Some("dev"))] {
            let outcome = asked(listener, credential, alice, Some("wrong"));
            assert_eq!(accepted(&outcome), Some(Some("dev")));
        }
        let nameless = asked(listener, named(None), alice, secret);
        assert_eq!(reason(&nameless), Some(ReasonCode::NotAuthorized));
    }
    for credential in [None, proxied(None)] {
        let by_password = asked(0, credential.clone(), alice, secret);
        assert_eq!(accepted(&by_password), Some(alice));
        let none = asked(1, credential, alice, secret);
        assert_eq!(reason(&none), Some(ReasonCode::NotAuthorized));
    }
    let elsewhere = asked(2, named(Some("dev")), alice, Some("wrong"));
    assert_eq!(accepted(&elsewhere), None);
    let mut request = request(0, None, None);
    request.peer.credential = named(Some("dev"));
    request.method = Some("SCRAM".into());
    let method = by.authenticate(&request);
    assert_eq!(reason(&method), Some(ReasonCode::BadAuthenticationMethod));
}
