//! Upgrade requests by table: what is agreed to, and each refusal with its status and advice.

use ws_codec::{Handshake, HandshakeError, HandshakePolicy, handshake};

const SAMPLE_KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

fn judge(request: &[u8]) -> Handshake {
    let origins = [
        "https://app.example".to_owned(),
        "moz-extension://1".to_owned(),
    ];
    let policy = HandshakePolicy {
        path: "/mqtt",
        subprotocols: &["mqtt", "mqttv3.1"],
        origins: &origins,
        max_head: 1024,
        max_headers: 16,
    };
    handshake(request, &policy)
}

/// A right request, with lines left out by prefix and lines added.
fn request(without: &[&str], with: &[&str]) -> Vec<u8> {
    let lines = [
        "GET /mqtt HTTP/1.1",
        "Host: broker.example:8083",
        "Upgrade: websocket",
        "Connection: Upgrade",
        SAMPLE_KEY,
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: mqtt",
    ];
    let kept = lines
        .iter()
        .filter(|line| !without.iter().any(|prefix| line.starts_with(prefix)));
    // A request line comes first even when it is an added one.
    let (first, rest): (Vec<&str>, Vec<&str>) =
        kept.chain(with).partition(|line| line.contains(" HTTP/"));
    ([first, rest].concat().join("\r\n") + "\r\n\r\n").into_bytes()
}

#[track_caller]
fn accepted(request: &[u8]) -> (usize, String, Option<usize>) {
    match judge(request) {
        Handshake::Accept {
            consumed,
            response,
            subprotocol,
        } => (consumed, String::from_utf8(response).unwrap(), subprotocol),
        other => panic!("{} gave {other:?}", String::from_utf8_lossy(request)),
    }
}

#[test]
fn the_answer_to_the_rfc_example() {
    let right = request(&[], &[]);
    let (consumed, response, subprotocol) = accepted(&right);
    assert_eq!((consumed, subprotocol), (right.len(), Some(0)));
    let want = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
    assert_eq!(response, want);
}

#[test]
fn requests_that_are_right() {
    let cases: &[(&str, &[&str], &[&str], usize)] = &[
        (
            "query string",
            &["GET"],
            &["GET /mqtt?token=a/b?c HTTP/1.1"],
            0,
        ),
        (
            "absolute target",
            &["GET"],
            &["GET HTTP://broker.example/mqtt?x HTTP/1.1"],
            0,
        ),
        (
            "any case",
            &["Host", "Upgr", "Conn"],
            &["HOST: x", "upGrade: WebSocket", "cONNection: uPGRADE"],
            0,
        ),
        (
            "lists",
            &["Upgr", "Conn"],
            &[
                "Upgrade: h2c, websocket",
                "Connection: keep-alive ,\tUpgrade",
            ],
            0,
        ),
        (
            "repeated lines",
            &["Conn"],
            &["Connection: keep-alive", "Connection: Upgrade"],
            0,
        ),
        (
            "subprotocol from a list",
            &["Sec-WebSocket-P"],
            &["Sec-WebSocket-Protocol: foo, mqtt,bar"],
            0,
        ),
        (
            "subprotocol from lines",
            &[],
            &["Sec-WebSocket-Protocol: mqttv3.1"],
            0,
        ),
        (
            "the other subprotocol",
            &["Sec-WebSocket-P"],
            &["sec-websocket-protocol: a,,mqttv3.1"],
            1,
        ),
        (
            "our preference",
            &["Sec-WebSocket-P"],
            &["Sec-WebSocket-Protocol: mqttv3.1, mqtt"],
            0,
        ),
        (
            "extensions ignored",
            &[],
            &["Sec-WebSocket-Extensions: permessage-deflate"],
            0,
        ),
        (
            "key with stray bits",
            &["Sec-WebSocket-K"],
            &["Sec-WebSocket-Key: abcdefghijklmnopqrstuv=="],
            0,
        ),
        ("same host", &[], &["Origin: https://Broker.Example"], 0),
        (
            "same host, other port",
            &[],
            &["Origin: http://broker.example:3000"],
            0,
        ),
        (
            "IPv6 host",
            &["Host"],
            &["Host: [0::1]:8083", "Origin: http://[::1]:3000"],
            0,
        ),
        ("listed origin", &[], &["Origin: https://app.example"], 0),
        (
            "listed origin of another scheme",
            &[],
            &["Origin: moz-extension://1"],
            0,
        ),
    ];
    for (name, without, with, subprotocol) in cases {
        let (_, response, chosen) = accepted(&request(without, with));
        assert_eq!(chosen, Some(*subprotocol), "{name}");
        assert!(
            !response.to_ascii_lowercase().contains("extensions"),
            "{name}"
        );
    }
}

#[test]
fn requests_that_are_wrong() {
    use HandshakeError as E;
    let long = format!("Cookie: {}", "x".repeat(1024));
    let cases: &[(HandshakeError, u16, &[&str], &[&str])] = &[
        (E::Method, 405, &["GET"], &["POST /mqtt HTTP/1.1"]),
        (E::HttpVersion, 505, &["GET"], &["GET /mqtt HTTP/1.0"]),
        (E::HttpVersion, 505, &["GET"], &["GET /mqtt HTTP/2.0"]),
        (E::Path, 404, &["GET"], &["GET / HTTP/1.1"]),
        (E::Path, 404, &["GET"], &["GET /mqtt/ HTTP/1.1"]),
        (E::Path, 404, &["GET"], &["GET /mqtts HTTP/1.1"]),
        (
            E::Path,
            404,
            &["GET"],
            &["GET http://broker.example HTTP/1.1"],
        ),
        (E::Path, 404, &["GET"], &["GET ftp://x/mqtt HTTP/1.1"]),
        (E::Host, 400, &["Host"], &[]),
        (E::Host, 400, &[], &["Host: other"]),
        (E::Host, 400, &["Host"], &["Host: a/b"]),
        (E::Host, 400, &["Host"], &["Host:"]),
        (E::NoUpgrade, 426, &["Upgrade"], &[]),
        (E::NoUpgrade, 426, &["Upgrade"], &["Upgrade: websockets"]),
        (E::NoConnectionUpgrade, 400, &["Connection"], &[]),
        (
            E::NoConnectionUpgrade,
            400,
            &["Connection"],
            &["Connection: keep-alive, upgraded"],
        ),
        (
            E::Version,
            426,
            &["Sec-WebSocket-V"],
            &["Sec-WebSocket-Version: 7"],
        ),
        (
            E::Version,
            426,
            &["Sec-WebSocket-V"],
            &["Sec-WebSocket-Version: 013"],
        ),
        (E::Version, 426, &["Sec-WebSocket-V"], &[]),
        (E::Version, 426, &[], &["Sec-WebSocket-Version: 13"]),
        (E::Key, 400, &["Sec-WebSocket-K"], &[]),
        (
            E::Key,
            400,
            &["Sec-WebSocket-K"],
            &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ"],
        ),
        (
            E::Key,
            400,
            &["Sec-WebSocket-K"],
            &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTE="],
        ),
        (
            E::Key,
            400,
            &["Sec-WebSocket-K"],
            &["Sec-WebSocket-Key: !!hlIHNhbXBsZSBub25jZQ=="],
        ),
        (
            E::Key,
            400,
            &["Sec-WebSocket-K"],
            &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ=="],
        ),
        (E::Key, 400, &[], &[SAMPLE_KEY]),
        (E::Subprotocol, 400, &["Sec-WebSocket-P"], &[]),
        (
            E::Subprotocol,
            400,
            &["Sec-WebSocket-P"],
            &["Sec-WebSocket-Protocol: nonsense, MQTT"],
        ),
        (E::Origin, 403, &[], &["Origin: null"]),
        (E::Origin, 403, &[], &["Origin:"]),
        (E::Origin, 403, &[], &["Origin: https://evil.example"]),
        (E::Origin, 403, &[], &["Origin: https://app.example:444"]),
        (
            E::Origin,
            403,
            &[],
            &["Origin: chrome-extension://broker.example"],
        ),
        (
            E::Origin,
            403,
            &[],
            &[
                "Origin: https://app.example",
                "Origin: https://evil.example",
            ],
        ),
        (
            E::Origin,
            403,
            &[],
            &["Origin: https://broker.example https://evil.example"],
        ),
        (E::HeadTooLarge, 431, &[], &[&long]),
        (E::TooManyHeaders, 431, &[], &["A: b"; 11]),
        (E::NotHttp, 400, &[], &["no colon"]),
    ];
    for (want, status, without, with) in cases {
        refused(&request(without, with), *want, *status);
    }
    refused(
        b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x3c\x00\x01w",
        E::NotHttp,
        400,
    );
    refused(b"\x16\x03\x01\x02\x00\x01\x00", E::NotHttp, 400);
}

#[track_caller]
fn refused(request: &[u8], want: HandshakeError, status: u16) {
    let Handshake::Refuse { response, reason } = judge(request) else {
        panic!("{} was not refused", String::from_utf8_lossy(request))
    };
    assert_eq!(reason, want, "{}", String::from_utf8_lossy(request));
    assert_eq!(reason.status(), status);
    let response = String::from_utf8(response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    assert!(head.contains("\r\nConnection: close"), "{head}");
    assert!(
        head.contains(&format!("\r\nContent-Length: {}", body.len())),
        "{head}"
    );
    assert!(
        body.starts_with(&want.to_string()) && body.lines().count() == 2,
        "{body}"
    );
    assert_eq!(
        head.contains("\r\nSec-WebSocket-Version: 13"),
        status == 426,
        "{head}"
    );
    assert!(
        !response.contains("evil"),
        "the request is not repeated: {response}"
    );
}

#[test]
fn a_request_may_come_in_any_pieces() {
    let right = request(&[], &[]);
    for n in 0..right.len() {
        assert_eq!(judge(&right[..n]), Handshake::Incomplete, "{n} bytes");
    }
    let with_frames = [&right[..], b"\x82\x80\0\0\0\0"].concat();
    assert_eq!(
        accepted(&with_frames).0,
        right.len(),
        "what follows is the first frames"
    );
}

#[test]
fn the_limit_is_on_the_head_not_on_what_follows_it() {
    let bare = request(&[], &[]).len();
    let fill = |n: usize| request(&[], &[&format!("A: {}", "x".repeat(n - bare - 5))]);
    assert_eq!(accepted(&[fill(1024), vec![0; 5000]].concat()).0, 1024);
    refused(&fill(1025), HandshakeError::HeadTooLarge, 431);
    assert_eq!(judge(&fill(1025)[..1023]), Handshake::Incomplete);
    refused(&fill(1025)[..1024], HandshakeError::HeadTooLarge, 431);
}

#[test]
fn without_subprotocols_none_is_negotiated() {
    let policy = HandshakePolicy {
        path: "/mqtt",
        subprotocols: &[],
        origins: &[],
        max_head: 1024,
        max_headers: 999,
    };
    let Handshake::Accept {
        response,
        subprotocol: None,
        ..
    } = handshake(&request(&[], &[]), &policy)
    else {
        panic!("refused")
    };
    assert!(!String::from_utf8(response).unwrap().contains("Protocol:"));
    let many = ["A: b"; 123];
    let reason = match handshake(&request(&[], &many), &policy) {
        Handshake::Refuse { reason, .. } => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        reason,
        HandshakeError::TooManyHeaders,
        "128 whatever the policy says"
    );
}
