//! A folder with configuration, users and access list, and a node that was started from it.

use super::address;
use super::mqtt5::{Client, Connect};
use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use server::Node;
use server::config::{Sources, load};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of one test, removed at its end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("waypost-site-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Lines of a password file. The hashes are the cheapest there are, so that tests wait for nothing.
pub(crate) fn users(users: &[(&str, &str)]) -> String {
    let params = Params::new(8, 1, 1, None).unwrap();
    let cheap = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let line = |(name, password): &(&str, &str)| {
        let hash = cheap.hash_password(password.as_bytes()).unwrap();
        format!("{name}:{hash}\n")
    };
    users.iter().map(line).collect()
}

/// A node that serves MQTT and WebSocket on loopback.
pub(crate) struct Site {
    pub(crate) folder: Folder,
    pub(crate) node: Node,
}

const LISTENERS: &str = "shards = 2\n[[listener]]\nurl = 'mqtt://127.0.0.1:0'\n\
                         [[listener]]\nurl = 'ws://127.0.0.1:0/mqtt'\n[log]\nlevel = 'error'\n[auth]\n";

impl Site {
    /// With an access list, and with users where there are some. Without, names are believed.
    pub(crate) fn start(acl: &str, names: &[(&str, &str)]) -> Site {
        let folder = Folder::new();
        folder.write("acl.txt", acl);
        folder.write("users.txt", &users(names));
        let mut toml = format!("{LISTENERS}acl_file = 'acl.txt'\n");
        if !names.is_empty() {
            toml += "password_file = 'users.txt'\n";
        }
        let sources = Sources {
            file: Some(folder.write("waypost.toml", &toml)),
            ..super::in_memory()
        };
        let node = Node::start(load(sources).unwrap()).unwrap();
        Site { folder, node }
    }

    pub(crate) fn set_acl(&mut self, acl: &str) {
        self.folder.write("acl.txt", acl);
        self.node.reload();
    }

    pub(crate) fn address(&self) -> String {
        address(&self.node, 0)
    }

    pub(crate) fn connect(&self, connect: Connect<'_>) -> Client {
        Client::connect(&self.address(), connect)
    }

    /// A client that is called as its user.
    pub(crate) fn client(&self, user: &str) -> Client {
        self.connect(Connect {
            id: user,
            user: Some(user),
            password: Some("pw"),
            ..Connect::default()
        })
    }

    pub(crate) fn stop(self) {
        self.node.stop().unwrap();
    }
}
