//! Keys of the configuration by what they change: how they are given, and what listeners do.
//!
//! Those of a whole process (`data_dir`, `shards`, `[log]`) are in `serve.rs`, users and access
//! lists in `access.rs`, limits per address in `addresses.rs`; what the shards do with theirs is in
//! the protocol scripts.

mod wire;

use server::Node;
use server::config::{Config, Sources, Value, load};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use wire::mqtt5::{Client, Connect};
use wire::site::{Folder, users};
use wire::{address, wait_until};

fn shown(config: &Config, key: &str) -> (Value, String) {
    let all = config.show();
    let row = all.into_iter().find(|row| row.key == key).unwrap();
    (row.value, row.origin.to_string())
}

/// What a key is set to here: anything that it takes and that is not its default.
fn other_value(key: &str, folder: &Folder) -> String {
    let file = folder.path("empty.txt").display().to_string();
    let words = [
        "17", "1700", "48 KiB", "48 MiB", "false", "true", "1", "debug", "json", "memory",
    ];
    let text = format!("\"{file}\"");
    let default = shown(&load(Sources::default()).unwrap(), key).0;
    let candidates = words.iter().map(|word| match word.parse::<u32>() {
        Ok(_) => (*word).to_owned(),
        Err(_) if ["true", "false"].contains(word) => (*word).to_owned(),
        Err(_) => format!("\"{word}\""),
    });
    candidates
        .chain([text])
        .find(|value| {
            let file = Some(folder.write("try.toml", &format!("{key} = {value}\n")));
            let config = load(Sources {
                file,
                ..Sources::default()
            });
            config.is_ok_and(|config| shown(&config, key).0 != default)
        })
        .unwrap_or_else(|| panic!("no value found for {key}"))
}

/// Every key means the same in a file, in the environment and behind `--set`, and says where it is
/// from.
#[test]
fn every_key_arrives_from_each_source() {
    let folder = Folder::new();
    folder.write("empty.txt", "");
    let keys: Vec<String> = load(Sources::default())
        .unwrap()
        .show()
        .into_iter()
        .map(|row| row.key)
        .filter(|key| !key.starts_with("listener["))
        .collect();
    assert!(keys.len() > 40, "{keys:?}");
    for key in keys {
        // It needs another.
        if key == "mqtt.server_moved" {
            continue;
        }
        let value = other_value(&key, &folder);
        let variable = format!("WAYPOST__{}", key.to_uppercase().replace('.', "__"));
        let flag = load(Sources {
            set: vec![format!("{key}={value}")],
            ..Sources::default()
        });
        let environment = load(Sources {
            environment: vec![(variable.clone(), value.clone())],
            ..Sources::default()
        });
        let path = folder.write("one.toml", &format!("# {key}\n{key} = {value}\n"));
        let file = load(Sources {
            file: Some(path.clone()),
            ..Sources::default()
        });
        let (flag, from) = shown(&flag.unwrap(), &key);
        assert_eq!(from, format!("--set {key}"));
        let (environment, from) = shown(&environment.unwrap(), &key);
        assert_eq!(from, format!("environment {variable}"));
        let (file, from) = shown(&file.unwrap(), &key);
        assert_eq!(from, format!("{}:2", path.display()));
        // A path of a file is relative to that file, and these are absolute or mere words.
        let tail = |value: &Value| match value {
            Value::Text(text) => Path::new(text).file_name().map(ToOwned::to_owned),
            _ => None,
        };
        assert!(flag == environment, "{key}: {flag} and {environment}");
        let same = flag == file || tail(&flag).is_some() && tail(&flag) == tail(&file);
        assert!(same, "{key}: {flag} and {file}");
    }
}

fn start(toml: &str) -> (Node, Folder) {
    let folder = Folder::new();
    folder.write("users.txt", &users(&[("ann", "pw")]));
    let sources = Sources {
        file: Some(folder.write("waypost.toml", toml)),
        set: vec!["shards=1".into()],
        ..wire::in_memory()
    };
    (Node::start(load(sources).unwrap()).unwrap(), folder)
}

/// The status of a WebSocket handshake.
fn upgrade(address: &str, path: &str, origin: &str) -> String {
    let mut socket = TcpStream::connect(address).unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: mqtt\r\nOrigin: {origin}\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).unwrap();
    let mut status = [0; 12];
    socket.read_exact(&mut status).unwrap();
    String::from_utf8(status.to_vec()).unwrap()
}

const SWITCHING: &str = "HTTP/1.1 101";
const FORBIDDEN: &str = "HTTP/1.1 403";

#[test]
fn listener_url_and_origins() {
    let (node, _folder) = start(
        "[[listener]]\nurl = 'ws://127.0.0.1:0/here'\norigins = ['https://app.example.org']\n\
         [[listener]]\nurl = 'ws://127.0.0.1:0/there'\n\
         [[listener]]\nurl = 'mqtt://127.0.0.1:0'\n",
    );
    let addresses: Vec<_> = (0..3).map(|n| address(&node, n)).collect();
    let app = "https://app.example.org";
    let own = format!("http://{}", addresses[0]);
    for (listener, path, origin, status) in [
        (0, "/here", app, SWITCHING),
        (0, "/here", own.as_str(), SWITCHING),
        (0, "/here", "https://evil.example.org", FORBIDDEN),
        (0, "/here", "http://app.example.org", FORBIDDEN),
        (0, "/there", app, "HTTP/1.1 404"),
        (1, "/there", app, FORBIDDEN),
        (1, "/there", "null", FORBIDDEN),
    ] {
        let got = upgrade(&addresses[listener], path, origin);
        assert_eq!(got, status, "{listener} {path} {origin}");
    }
    Client::connect(&addresses[2], anybody("a"));
    assert_eq!(node.urls()[0], format!("ws://{}/here", addresses[0]));
    node.stop().unwrap();
}

fn anybody(id: &str) -> Connect<'_> {
    Connect {
        id,
        ..Connect::default()
    }
}

#[test]
fn listener_max_connections() {
    let (node, _folder) = start(
        "[[listener]]\nurl = 'mqtt://127.0.0.1:0'\nmax_connections = 2\n\
         [[listener]]\nurl = 'mqtt://127.0.0.1:0'\n",
    );
    let (narrow, wide) = (address(&node, 0), address(&node, 1));
    let first = Client::connect(&narrow, anybody("a"));
    let second = Client::connect(&narrow, anybody("b"));
    let reason = || Client::try_connect(&narrow, anybody("c")).1;
    assert_eq!(reason(), None);
    let _others = ["d", "e", "f"].map(|id| Client::connect(&wide, anybody(id)));
    drop(first);
    wait_until("a place is free", 5, || reason() == Some(0));
    drop(second);
    node.stop().unwrap();
}

#[test]
fn listener_insecure_anonymous() {
    let (node, _folder) = start(
        "auth.password_file = 'users.txt'\n[[listener]]\nurl = 'mqtt://127.0.0.1:0'\n\
         [[listener]]\nurl = 'mqtt://127.0.0.1:0'\ninsecure_anonymous = true\n",
    );
    let with = |user, password| Connect {
        id: "x",
        user,
        password,
        ..Connect::default()
    };
    for (listener, user, password, reason) in [
        (0, None, None, 0x87),
        (1, None, None, 0),
        (0, Some("ann"), Some("pw"), 0),
        (1, Some("ann"), Some("pw"), 0),
        (1, Some("ann"), Some("no"), 0x86),
        (1, Some("ann"), None, 0x86),
    ] {
        let got = Client::try_connect(&address(&node, listener), with(user, password)).1;
        assert_eq!(got, Some(reason), "{listener} {user:?} {password:?}");
    }
    node.stop().unwrap();
    // Without users, an address that others reach needs the word.
    let open = |query: &str| {
        load(Sources {
            listen: vec![format!("mqtt://0.0.0.0:0{query}")],
            ..wire::in_memory()
        })
    };
    assert!(
        open("")
            .unwrap_err()
            .to_string()
            .contains("insecure_anonymous")
    );
    let node = Node::start(open("?insecure_anonymous=true").unwrap()).unwrap();
    let port = address(&node, 0).rsplit(':').next().unwrap().to_owned();
    Client::connect(&format!("127.0.0.1:{port}"), with(Some("ann"), None));
    node.stop().unwrap();
}
