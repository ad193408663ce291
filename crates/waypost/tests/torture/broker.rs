//! The real binary, started and killed. Owns the process and its data directory; never asks it to stop but at the
//! very end.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Bounds that would drop messages or refuse them.
const LIFTED: [&str; 8] = [
    "limits.max_queued_messages=\"unlimited\"",
    "limits.max_queued_bytes=\"unlimited\"",
    "limits.receive_maximum=\"unlimited\"",
    "limits.max_subscriptions_per_session=\"unlimited\"",
    "limits.max_connections_per_ip=\"unlimited\"",
    "limits.in_flight_bytes=\"unlimited\"",
    "limits.memory_bytes=\"unlimited\"",
    "limits.max_session_expiry_s=\"unlimited\"",
];

/// `TORTURE_BIN`, else the one that cargo has built for the tests.
fn binary() -> PathBuf {
    std::env::var_os("TORTURE_BIN")
        .map_or_else(|| env!("CARGO_BIN_EXE_waypost").into(), PathBuf::from)
}

/// A port that nobody listens on and that the system gives to no outgoing connection: a client that dials such a
/// one while the broker is away could meet itself.
pub(crate) fn free_port(first: u16) -> u16 {
    (0..10_000)
        .map(|more| 12_000 + (first.wrapping_add(more) % 18_000))
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port below 30000")
}

pub(crate) struct Broker {
    child: Child,
    started: Instant,
}

impl Broker {
    /// Starts it and does not wait.
    pub(crate) fn spawn(dir: &Path, port: u16) -> Broker {
        let log: File = OpenOptions::new()
            .create(true)
            .append(true)
            .open(dir.join("broker.log"))
            .expect("the broker's log can be written");
        let mut command = Command::new(binary());
        command.arg("serve").arg("--data-dir").arg(dir.join("data"));
        command.args(["--listen", &format!("mqtt://127.0.0.1:{port}")]);
        for limit in LIFTED {
            command.args(["--set", limit]);
        }
        let started = Instant::now();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the broker starts");
        Broker { child, started }
    }

    /// Waits until it serves; how long that took, or what it did instead.
    pub(crate) fn ready(&mut self) -> Result<Duration, String> {
        let out = self.child.stdout.take().expect("asked once");
        let mut line = String::new();
        let read = BufReader::new(out).read_line(&mut line);
        if read.is_ok() && line.starts_with("ready ") {
            return Ok(self.started.elapsed());
        }
        let ended = self.child.wait();
        Err(format!("the broker does not serve: {line:?}, {ended:?}"))
    }

    /// Says how it has ended if it has.
    pub(crate) fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok()??;
        Some(format!("the broker ended by itself: {status}"))
    }

    /// As `ended`, for one that may be about to fall: its sockets close before it is gone.
    pub(crate) fn fell(&mut self) -> Option<String> {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(2) {
            if let Some(ended) = self.ended() {
                return Some(ended);
            }
            std::thread::yield_now();
        }
        None
    }

    /// SIGKILL, and gone.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What `waypost store` says of a log whose broker is gone: the line it prints as JSON, and whether all is well.
pub(crate) fn store(dir: &Path, action: &str) -> (String, bool) {
    let mut command = Command::new(binary());
    command.args(["store", action, "--json", "--data-dir"]);
    let out = command.arg(dir.join("data")).output();
    let out = out.expect("waypost store starts");
    let text = [out.stdout, out.stderr].concat();
    (
        String::from_utf8_lossy(&text).into_owned(),
        out.status.success(),
    )
}

/// The most messages, and bytes, that a start has read from the log, as the broker's own log tells.
pub(crate) fn fullest(dir: &Path) -> (u64, u64) {
    let lines = fs::read_to_string(dir.join("broker.log")).unwrap_or_default();
    let starts = lines
        .lines()
        .filter(|line| line.contains("the log was read"));
    let most = |name: &str| {
        let values = starts.clone().filter_map(|line| {
            let value = line.split_once(name)?.1;
            value.split(' ').next()?.parse().ok()
        });
        values.max().unwrap_or(0)
    };
    (most(" messages="), most(" bytes="))
}

/// A directory of its own on the disk that the build lies on, not on one in memory.
pub(crate) fn fresh_dir(seed: u64) -> PathBuf {
    let name = format!("torture-{}-{seed}", std::process::id());
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).expect("a directory for the run");
    dir
}
