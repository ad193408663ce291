//! A server that answers as a broker's API does, and writes down what it was asked.
//!
//! A thread for each connection, HTTP/1.1 with connections that are kept, plain or with TLS.

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// A request, as it was sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query, as they were escaped.
    pub(crate) target: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: Value,
}

impl Request {
    pub(crate) fn is(&self, method: &str, path: &str) -> bool {
        let asked = self.target.split('?').next();
        self.method == method && asked == Some(path)
    }
}

/// Status, content type, other header lines, body.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: &'static str,
    pub(crate) body: String,
}

pub(crate) fn ok(body: &Value) -> Answer {
    Answer {
        status: 200,
        content_type: "application/json",
        headers: "",
        body: body.to_string(),
    }
}

pub(crate) fn problem(status: u16, title: &str, detail: &str) -> Answer {
    let body = json!({"type": "about:blank", "title": title, "status": status, "detail": detail});
    Answer {
        status,
        content_type: "application/problem+json",
        headers: "",
        body: body.to_string(),
    }
}

pub(crate) struct Fake {
    pub(crate) url: String,
    /// The certificate of an `https` one, in PEM.
    pub(crate) certificate: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

type Answers = dyn Fn(&Request) -> Answer + Send + Sync;

impl Fake {
    /// The broker of [`broker`].
    pub(crate) fn broker() -> Fake {
        Fake::answering(broker)
    }

    pub(crate) fn answering(answers: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Fake {
        Fake::start(None, Arc::new(answers))
    }

    pub(crate) fn broker_with_tls() -> Fake {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let mut fake = Fake::start(Some(Arc::new(config)), Arc::new(broker));
        fake.certificate = cert.pem();
        fake
    }

    fn start(tls: Option<Arc<ServerConfig>>, answers: Arc<Answers>) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        // It ends with the process.
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let socket = socket.unwrap();
                let (tls, seen, answers) = (tls.clone(), seen.clone(), answers.clone());
                std::thread::spawn(move || match tls {
                    None => serve(socket, &seen, &*answers),
                    Some(tls) => {
                        let connection = ServerConnection::new(tls).unwrap();
                        serve(StreamOwned::new(connection, socket), &seen, &*answers);
                    }
                });
            }
        });
        Fake {
            url,
            certificate: String::new(),
            requests,
        }
    }

    /// What it was asked so far, the logins aside.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn last(&self) -> Request {
        self.requests().last().cloned().unwrap_or_default()
    }
}

/// Until the client closes, or the handshake fails.
fn serve(stream: impl Read + Write, seen: &Mutex<Vec<Request>>, answers: &Answers) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream) {
        let answer = answers(&request);
        seen.lock().unwrap().push(request);
        let text = format!(
            "HTTP/1.1 {} X\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}\r\n{}",
            answer.status,
            answer.content_type,
            answer.body.len(),
            answer.headers,
            answer.body
        );
        if stream.get_mut().write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}

fn read(stream: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    let mut next = |stream: &mut dyn BufRead| {
        line.clear();
        let n = stream.read_line(&mut line).unwrap_or(0);
        (n > 0).then(|| line.trim_end().to_owned())
    };
    let first = next(stream)?;
    let mut words = first.split(' ').map(str::to_owned);
    let mut request = Request {
        method: words.next()?,
        target: words.next()?,
        ..Request::default()
    };
    let mut length = 0;
    loop {
        let line = next(stream)?;
        let Some((name, value)) = line.split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => request.authorization = Some(value.to_owned()),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    if !body.is_empty() {
        request.body = serde_json::from_slice(&body).unwrap();
    }
    Some(request)
}

/// A client id that tries to move the terminal.
pub(crate) const HOSTILE: &str = "x\u{1b}[31m\u{9b}2J\u{202e}\n../a?b";
/// The same in a path.
pub(crate) const HOSTILE_ESCAPED: &str = "x%1B%5B31m%C2%9B2J%E2%80%AE%0A..%2Fa%3Fb";

/// A broker with two clients. Users: `ann` with `secret`, an operator; tokens: `operator`, `viewer`.
pub(crate) fn broker(request: &Request) -> Answer {
    if request.is("POST", "/api/v1/login") {
        let ann = json!({"user": "ann", "password": "secret"});
        if request.body != ann {
            return problem(401, "Unauthorized", "wrong user or password");
        }
        return ok(&json!({
            "token": "operator", "role": "operator", "expires_at": "2999-01-01T00:00:00Z",
        }));
    }
    let viewer = match request.authorization.as_deref() {
        Some("Bearer operator" | "Basic YW5uOnNlY3JldA==") => false,
        Some("Bearer viewer") => true,
        _ => return problem(401, "Unauthorized", "no valid token"),
    };
    if viewer && request.method != "GET" {
        return problem(403, "Forbidden", "viewers only read");
    }
    answer(request)
}

fn answer(request: &Request) -> Answer {
    let path = request.target.split('?').next().unwrap_or_default();
    let hostile = format!("/api/v1/connections/{HOSTILE_ESCAPED}");
    match (request.method.as_str(), path) {
        ("POST", "/api/v1/logout") => ok(&json!({})),
        ("GET", "/api/v1/overview") => ok(&overview()),
        ("GET", "/api/v1/listeners") => ok(&json!([{
            "url": "mqtt://127.0.0.1:1883", "scheme": "mqtt", "transport": "tcp",
            "address": "127.0.0.1:1883", "tls": false, "connections": 2,
            "max_connections": 1_000_000, "anonymous": true,
        }])),
        ("GET", "/api/v1/connections") => {
            let items = [connection("sensor-7", 1234), connection(HOSTILE, 5)];
            ok(&json!({"items": items, "total": 2, "offset": 0, "limit": 100}))
        }
        ("GET", path) if path == hostile => ok(&connection(HOSTILE, 5)),
        ("DELETE", "/api/v1/connections/sensor-7") => Answer {
            status: 204,
            body: String::new(),
            ..ok(&Value::Null)
        },
        ("GET", "/api/v1/sessions") => ok(&json!({
            "items": [{
                "client_id": "sensor-7", "user": null, "connected": false, "expiry_s": 3600,
                "subscriptions": 2, "queued_messages": 17, "queued_bytes": 2048, "in_flight": 1,
            }],
            "total": 250, "offset": 0, "limit": 1,
        })),
        ("GET" | "DELETE", "/api/v1/sessions/sensor-7") => ok(&json!({
            "client_id": "sensor-7", "expiry_s": 3600, "created_at": "2026-05-06T22:00:00Z",
        })),
        ("GET", "/api/v1/subscriptions") => ok(&json!({
            "items": [{
                "client_id": "sensor-7", "filter": "$share/g/a/#", "share": "g", "qos": 1,
                "no_local": false, "retain_as_published": true, "retain_handling": 0,
                "subscription_id": null,
            }],
            "total": 1, "offset": 0, "limit": 100,
        })),
        ("GET", "/api/v1/retained") => ok(&json!({
            "items": [{"topic": "a/b", "qos": 1, "payload_bytes": 2048, "expiry_s": null}],
            "total": 1, "offset": 0, "limit": 100,
        })),
        ("GET" | "DELETE", "/api/v1/retained/a%2Fb") => {
            ok(&json!({"topic": "a/b", "qos": 1, "payload": "21.5\u{1b}"}))
        }
        _ => problem(404, "Not Found", "there is no such \u{1b}[31mthing"),
    }
}

fn overview() -> Value {
    json!({
        "version": "0.1.0", "started_at": "2026-05-06T22:00:00Z", "uptime_s": 3723, "shards": 2,
        "durability": "memory", "connections": 2,
        "connections_by_protocol": {"mqtt31": 0, "mqtt311": 0, "mqtt5": 2},
        "sessions": 250, "sessions_connected": 2, "subscriptions": 4321, "retained_messages": 1,
        "retained_bytes": 2048, "queued_messages": 17, "queued_bytes": 2048, "in_flight": 1,
        "published": 100_000, "delivered": 200_000, "dropped": {"queue_full": 3, "expired": 0},
        "received_bytes": 1_048_576, "sent_bytes": 2_097_152, "memory_rss_bytes": 35_651_584,
        "cpu_seconds": 12.5, "open_files": 40, "max_open_files": 1024,
    })
}

fn connection(client_id: &str, received: u64) -> Value {
    json!({
        "client_id": client_id, "user": "ann", "address": "192.0.2.7:40112",
        "listener": "mqtt://127.0.0.1:1883", "protocol": "mqtt5",
        "connected_at": "2026-05-06T22:00:00.000Z", "keep_alive_s": 60, "clean_start": true,
        "durable": false, "received_bytes": 100, "sent_bytes": 200, "received_messages": received,
        "sent_messages": 7, "outbox_bytes": 2048, "in_flight": 1, "held_back": false,
    })
}
