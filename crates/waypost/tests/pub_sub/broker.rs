//! A broker and its subscribers, each a process of the real binary that ends with the test.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

pub(super) fn waypost(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
    command
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A broker on free ports, and a directory of its own; both end with it.
pub(super) struct Broker {
    child: Child,
    pub(super) mqtt: String,
    pub(super) ws: String,
    pub(super) dir: std::path::PathBuf,
}

impl Broker {
    pub(super) fn start(more: &[&str]) -> Broker {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("waypost-pub-sub-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let mut child = waypost(&[
            "serve",
            "--listen",
            "mqtt://127.0.0.1:0",
            "--listen",
            "ws://127.0.0.1:0/mqtt",
        ])
        .args(more)
        .arg("--data-dir")
        .arg(&dir)
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let urls: Vec<_> = line.split_whitespace().collect();
        let ["ready", mqtt, ws] = urls[..] else {
            panic!("not ready: {line:?}")
        };
        Broker {
            mqtt: mqtt.into(),
            ws: ws.into(),
            child,
            dir,
        }
    }

    pub(super) fn publish(&self, words: &[&str]) -> Output {
        waypost(&["pub", "-L", &self.mqtt])
            .args(words)
            .output()
            .unwrap()
    }

    /// A subscriber that is known to have subscribed.
    pub(super) fn subscribe(&self, url: &str, words: &[&str]) -> Subscriber {
        let mut child = waypost(&["sub", "-L", url, "-d", "-W", "20"])
            .args(words)
            .spawn()
            .unwrap();
        let mut notes = BufReader::new(child.stderr.take().unwrap());
        let mut note = String::new();
        while !note.starts_with("subscribed") {
            note.clear();
            assert_ne!(
                notes.read_line(&mut note).unwrap(),
                0,
                "the subscriber ended"
            );
        }
        // Read on, so that it never waits for us.
        std::thread::spawn(move || std::io::copy(&mut notes, &mut std::io::sink()));
        Subscriber {
            lines: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

pub(super) struct Subscriber {
    pub(super) child: Child,
    lines: BufReader<ChildStdout>,
}

impl Subscriber {
    pub(super) fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end_matches('\n').to_owned()
    }

    pub(super) fn code(mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap()
    }
}
