//! A node with an admin listener, and HTTP requests by hand: one connection each.

use super::address;
use super::in_memory;
use super::site::{Folder, users};
use serde_json::Value;
use server::Node;
use server::config::{Sources, load};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The number of the admin listener.
pub(crate) const ADMIN: usize = 1;
/// Users of every [`Api`]: name, which is the role too, and password.
pub(crate) const PASSWORD: &str = "pw";

/// A node of two shards with MQTT and HTTP on loopback, and users of each role.
pub(crate) struct Api {
    pub(crate) folder: Folder,
    pub(crate) node: Node,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Status line and headers, in lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// Reads one answer to the end of the connection.
    pub(crate) fn read(stream: &mut impl Read) -> Answer {
        let mut bytes = Vec::new();
        // A peer of TLS may leave without saying so.
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok());
        Answer {
            status: status.unwrap_or_else(|| panic!("no answer: {text:?}")),
            head: head.to_lowercase(),
            body: body.to_owned(),
        }
    }
}

/// Lines of `admin-users`: each role is a user of its own.
pub(crate) fn admin_users(roles: &[&str]) -> String {
    let line = |role: &&str| {
        let plain = users(&[(role, PASSWORD)]);
        plain.replacen(':', &format!(":{role}:"), 1)
    };
    roles.iter().map(line).collect()
}

impl Api {
    pub(crate) fn start(config: &str) -> Api {
        let folder = Folder::new();
        let lines = admin_users(&["viewer", "operator", "admin"]);
        folder.write("admin-users", &lines);
        let listeners = "shards = 2\n[[listener]]\nurl = 'mqtt://127.0.0.1:0'\n\
                         [[listener]]\nurl = 'http://127.0.0.1:0'\n[log]\nlevel = 'error'\n";
        let file = folder.write("waypost.toml", &format!("{listeners}{config}"));
        let sources = Sources {
            file: Some(file),
            data_dir: Some(folder.path("")),
            ..in_memory()
        };
        let node = Node::start(load(sources).unwrap()).unwrap();
        Api { folder, node }
    }

    pub(crate) fn dial(&self) -> TcpStream {
        let socket = TcpStream::connect(address(&self.node, ADMIN)).unwrap();
        let time = Some(Duration::from_secs(20));
        socket.set_read_timeout(time).unwrap();
        socket
    }

    /// One request with these header lines and this body.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
        let mut socket = self.dial();
        let request = request(method, path, headers, body);
        socket.write_all(request.as_bytes()).unwrap();
        Answer::read(&mut socket)
    }

    /// One request with the right of this user.
    pub(crate) fn as_user(&self, user: &str, method: &str, path: &str, body: &str) -> Answer {
        let basic = data_encoding::BASE64.encode(format!("{user}:{PASSWORD}").as_bytes());
        let authorization = format!("Authorization: Basic {basic}");
        let kind = "Content-Type: application/json";
        self.ask(method, path, &[&authorization, kind], body)
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let answer = self.as_user("viewer", "GET", path, "");
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    /// A token for this user.
    pub(crate) fn login(&self, user: &str, password: &str) -> Answer {
        let body = format!("{{\"user\": \"{user}\", \"password\": \"{password}\"}}");
        let kind = "Content-Type: application/json";
        self.ask("POST", "/api/v1/login", &[kind], &body)
    }

    pub(crate) fn stop(self) {
        self.node.stop().unwrap();
    }
}

/// A request on a connection of its own; a Host is added where the headers have none.
pub(crate) fn request(method: &str, path: &str, headers: &[&str], body: &str) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|h| h.starts_with("Host:")) {
        text += "Host: localhost\r\n";
    }
    for header in headers {
        text += &format!("{header}\r\n");
    }
    if !body.is_empty() {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    text + "\r\n" + body
}
