//! Who may ask the HTTP side what: users, roles, tokens, logins, other sites, and requests that are
//! none.

mod wire;

use ring::digest::{SHA256, digest};
use std::io::{Read, Write};
use std::sync::Arc;
use wire::http::{ADMIN, Answer, Api, PASSWORD, admin_users, request};
use wire::{address, tls};

const TOKEN: &str = "a token of a program";

fn token_block(token: &str, role: &str) -> String {
    let hash = data_encoding::HEXLOWER.encode(digest(&SHA256, token.as_bytes()).as_ref());
    format!("[[api_token]]\nname = 'program'\nrole = '{role}'\nsha256 = '{hash}'\n")
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

/// What each path needs, and what is answered to whom has that.
const PATHS: &[(&str, &str, &str, u16)] = &[
    ("GET", "/healthz", "", 200),
    ("GET", "/readyz", "", 200),
    ("GET", "/metrics", "", 200),
    ("GET", "/api/v1/openapi.json", "", 200),
    ("GET", "/api/v1/overview", "viewer", 200),
    ("GET", "/api/v1/listeners", "viewer", 200),
    ("GET", "/api/v1/connections", "viewer", 200),
    ("GET", "/api/v1/connections/x", "viewer", 404),
    ("GET", "/api/v1/sessions", "viewer", 200),
    ("GET", "/api/v1/sessions/x", "viewer", 404),
    ("GET", "/api/v1/subscriptions", "viewer", 200),
    ("GET", "/api/v1/retained", "viewer", 200),
    ("GET", "/api/v1/retained/x", "viewer", 404),
    ("GET", "/api/v1/limits", "viewer", 200),
    ("HEAD", "/api/v1/overview", "viewer", 200),
    ("GET", "/nothing", "viewer", 404),
    ("GET", "/api/v1/publish", "viewer", 405),
    ("POST", "/api/v1/logout", "viewer", 400),
    ("POST", "/api/v1/overview", "operator", 405),
    ("POST", "/nothing", "operator", 404),
    ("DELETE", "/api/v1/connections/x", "operator", 404),
    ("DELETE", "/api/v1/sessions/x", "operator", 404),
    ("DELETE", "/api/v1/retained/x", "operator", 404),
    ("POST", "/api/v1/publish", "operator", 400),
    ("POST", "/api/v1/backup", "admin", 400),
];

#[test]
fn each_path_needs_its_role() {
    let api = Api::start("");
    let roles = ["viewer", "operator", "admin"];
    for (method, path, needs, answered) in PATHS {
        let anonymous = api.ask(method, path, &[], "");
        let wrong = api.ask(method, path, &[&bearer("nonsense")], "");
        if needs.is_empty() {
            assert_eq!(
                anonymous.status, *answered,
                "{method} {path}: {anonymous:?}"
            );
            continue;
        }
        for refused in [anonymous, wrong] {
            assert_eq!(refused.status, 401, "{method} {path}: {refused:?}");
            assert!(
                refused.head.contains("www-authenticate: bearer"),
                "{refused:?}"
            );
        }
        let least = roles.iter().position(|role| role == needs).unwrap();
        for (level, role) in roles.into_iter().enumerate() {
            let answer = api.as_user(role, method, path, "");
            let expected = if level < least { 403 } else { *answered };
            assert_eq!(
                answer.status, expected,
                "{role}: {method} {path}: {answer:?}"
            );
            if expected >= 400 {
                assert!(
                    answer.head.contains("application/problem+json"),
                    "{answer:?}"
                );
                assert_eq!(answer.json()["status"], expected);
            }
            assert!(answer.head.contains("cache-control: no-store") || expected == 403);
        }
    }
    api.stop();
}

#[test]
fn a_login_ends_by_logout_and_when_its_user_changes() {
    let mut api = Api::start(&token_block(TOKEN, "viewer"));
    for (user, password) in [("viewer", "wrong"), ("nobody", PASSWORD), ("", "")] {
        let refused = api.login(user, password);
        assert_eq!(refused.status, 401, "{refused:?}");
    }
    let login = |api: &Api, user: &str| {
        let login = api.login(user, PASSWORD).json();
        assert_eq!(login["role"], user);
        assert!(login["expires_at"].as_str().unwrap().ends_with('Z'));
        bearer(login["token"].as_str().unwrap())
    };
    let (viewer, admin) = (login(&api, "viewer"), login(&api, "admin"));
    let program = bearer(TOKEN);
    let status = |api: &Api, who: &str| api.ask("GET", "/api/v1/overview", &[who], "").status;
    for who in [&viewer, &admin, &program] {
        assert_eq!(status(&api, who), 200);
    }
    let logout = |who: &str| api.ask("POST", "/api/v1/logout", &[who], "").status;
    assert_eq!(logout(&program), 400, "a token of the configuration stays");
    assert_eq!(logout(&viewer), 204);
    assert_eq!(status(&api, &viewer), 401);

    let again = login(&api, "viewer");
    api.folder
        .write("admin-users", &admin_users(&["viewer", "operator"]));
    let config = std::fs::read_to_string(api.folder.path("waypost.toml")).unwrap();
    let without = config.replace(
        &token_block(TOKEN, "viewer"),
        &token_block("other", "viewer"),
    );
    api.folder.write("waypost.toml", &without);
    assert!(api.node.reload());
    assert_eq!(status(&api, &admin), 401, "the user is gone");
    assert_eq!(status(&api, &again), 401, "the password is another hash");
    assert_eq!(status(&api, &program), 401, "the token is gone");
    assert_eq!(status(&api, &bearer("other")), 200);
    assert_eq!(api.login("viewer", PASSWORD).status, 200);

    // A broken file changes nothing.
    api.folder.write("admin-users", "viewer\n");
    assert!(api.node.reload());
    assert_eq!(api.login("viewer", PASSWORD).status, 200);
    api.stop();
}

#[test]
fn other_sites_are_refused() {
    let api = Api::start("");
    let at = |host: &str| format!("Host: {host}");
    let here = address(&api.node, ADMIN);
    let local = ["localhost", "localhost:1", "127.0.0.1", "[::1]:80", &here];
    for host in local {
        assert_eq!(
            api.ask("GET", "/metrics", &[&at(host)], "").status,
            200,
            "{host}"
        );
    }
    for host in [
        "evil.example",
        "127.0.0.1.evil.example:18083",
        "",
        "localhost.evil.example",
    ] {
        let answer = api.ask("GET", "/metrics", &[&at(host)], "");
        assert_eq!(answer.status, 421, "{host}: {answer:?}");
        let login = api.ask("POST", "/api/v1/login", &[&at(host)], "{}");
        assert_eq!(login.status, 421, "{host}: {login:?}");
        // A probe in a container may call us by any name.
        assert_eq!(api.ask("GET", "/healthz", &[&at(host)], "").status, 200);
    }
    for (origin, status) in [
        ("http://localhost", 200),
        ("http://evil.example", 403),
        ("http://localhost:81", 403),
        ("null", 403),
    ] {
        let origin = format!("Origin: {origin}");
        let answer = api.ask("GET", "/metrics", &[&origin], "");
        assert_eq!(answer.status, status, "{origin}: {answer:?}");
    }
    for forwarded in ["X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1"] {
        let answer = api.ask("GET", "/metrics", &[forwarded], "");
        assert_eq!(answer.status, 401, "a proxy is not who asks");
    }
    api.stop();
    let api = Api::start("[metrics]\npublic = true\n");
    let answer = api.ask("GET", "/metrics", &["X-Forwarded-For: 192.0.2.1"], "");
    assert_eq!(answer.status, 200);
    api.stop();
}

#[test]
fn bodies_are_bounded_and_must_be_what_they_say() {
    let api = Api::start("[limits]\nmax_admin_body = '1 KiB'\nadmin_header_timeout_ms = 500\n");
    let publish = |body: &str| api.as_user("operator", "POST", "/api/v1/publish", body);
    let padded = |n: usize| {
        let rest = "{\"topic\": \"t\", \"payload\": \"\"}".len();
        format!(
            "{{\"topic\": \"t\", \"payload\": \"{}\"}}",
            "x".repeat(n - rest)
        )
    };
    assert_eq!(publish(&padded(1024)).status, 200);
    assert_eq!(publish(&padded(1025)).status, 413);
    for (body, what) in [
        ("{", "in the body: eof"),
        (
            "{\"topic\": \"t\", \"payloud\": \"x\"}",
            "unknown field `payloud`",
        ),
        ("{\"payload\": \"x\"}", "missing field `topic`"),
        ("{\"topic\": \"t\", \"qos\": 3}", "qos is 0, 1 or 2"),
        (
            "{\"topic\": \"t\", \"payload\": \"\", \"payload_base64\": \"\"}",
            "not both",
        ),
        (
            "{\"topic\": \"t\", \"payload_base64\": \"#\"}",
            "payload_base64",
        ),
    ] {
        let answer = publish(body);
        assert_eq!(answer.status, 400, "{body}");
        assert!(
            answer.body.to_lowercase().contains(what),
            "{body}: {answer:?}"
        );
    }
    for (topic, what) in [("a/#", "wildcard"), ("$SYS/broker/version", "broker's own")] {
        let answer = publish(&format!("{{\"topic\": \"{topic}\"}}"));
        assert_eq!(answer.status, 422, "{answer:?}");
        assert!(answer.body.contains(what), "{answer:?}");
    }
    let login = api.ask("POST", "/api/v1/login", &["Content-Type: text/plain"], "{}");
    assert_eq!(login.status, 415, "what a form of another site can send");

    // Whoever says nothing, or never ends, is not waited for.
    for beginning in ["", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"] {
        let mut socket = api.dial();
        socket.write_all(beginning.as_bytes()).unwrap();
        let mut rest = Vec::new();
        socket.read_to_end(&mut rest).unwrap();
        assert!(!rest.starts_with(b"HTTP/1.1 200"), "{rest:?}");
    }
    api.stop();
}

#[test]
fn over_tls() {
    let site = tls::TlsSite::new();
    let node = site.listen("https", "");
    let mut config = tls::client(&site.authority, None, tls::BOTH)
        .as_ref()
        .clone();
    // As curl and browsers offer it.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut stream = tls::dial(&node, 0, &Arc::new(config));
    let request = request("GET", "/healthz", &[], "");
    stream.write_all(request.as_bytes()).unwrap();
    let answer = Answer::read(&mut stream);
    assert_eq!((answer.status, &*answer.body), (200, "ok\n"));
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    node.stop().unwrap();
}
