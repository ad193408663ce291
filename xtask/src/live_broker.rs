//! A broker in a process of its own, with a fresh data folder and free ports; gone when dropped.

use crate::process::{Outcome, failed, shown};
use crate::workspace::Workspace;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

/// How long a broker may take to serve, and later to stop.
const PATIENCE: Duration = Duration::from_secs(20);

/// Bounds that a load from one address would meet.
const LIFTED: [&str; 4] = [
    "limits.max_connections_per_ip=\"unlimited\"",
    "limits.max_queued_messages=\"unlimited\"",
    "limits.max_queued_bytes=\"unlimited\"",
    "limits.max_subscriptions_per_session=\"unlimited\"",
];

/// A running `waypost serve`.
pub(crate) struct LiveBroker {
    child: Child,
    /// Closed when the broker's standard output is, that is, when it has ended.
    lines: Receiver<String>,
    data: PathBuf,
    /// `HOST:PORT` of the MQTT listener.
    pub(crate) mqtt: String,
    /// The URL of the WebSocket listener.
    pub(crate) ws: String,
}

impl LiveBroker {
    /// Starts `binary` and waits until it says that it serves. `name` keeps its folder and log apart
    /// from others.
    pub(crate) fn start(
        ws: &Workspace,
        binary: &Path,
        name: &str,
        extra: &[String],
    ) -> Outcome<Self> {
        let folder = ws.target.join("brokers").join(name);
        let data = folder.join("data");
        let _ = fs::remove_dir_all(&data);
        let log = fs::create_dir_all(&data).and_then(|()| fs::File::create(folder.join("log")));
        let log = match log {
            Ok(log) => log,
            Err(e) => return failed(format!("cannot write in {}: {e}", folder.display())),
        };
        let mut command = Command::new(binary);
        command.arg("serve").arg("--data-dir").arg(&data);
        command.args(["--listen", "mqtt://127.0.0.1:0"]);
        command.args(["--listen", "ws://127.0.0.1:0/mqtt"]);
        for limit in LIFTED {
            command.args(["--set", limit]);
        }
        command.args(extra).stdin(Stdio::null());
        println!("$ {}", shown(&command));
        let mut child = match command.stdout(Stdio::piped()).stderr(log).spawn() {
            Ok(child) => child,
            Err(e) => return failed(format!("cannot start {}: {e}", binary.display())),
        };
        let lines = lines_of(&mut child);
        let mut broker = LiveBroker {
            child,
            lines,
            data,
            mqtt: String::new(),
            ws: String::new(),
        };
        match broker.await_ready() {
            Ok(()) => Ok(broker),
            Err(e) => failed(format!("{e}; its log is {}", folder.join("log").display())),
        }
    }

    fn await_ready(&mut self) -> Outcome {
        let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
            return failed("the broker did not print `ready URL...`");
        };
        for url in line.split_whitespace().skip(1) {
            if let Some(place) = url.strip_prefix("mqtt://") {
                self.mqtt = place.trim_end_matches('/').to_string();
            } else if url.starts_with("ws://") {
                self.ws = url.to_string();
            }
        }
        if line.starts_with("ready ") && !self.mqtt.is_empty() && !self.ws.is_empty() {
            Ok(())
        } else {
            failed(format!("the broker printed {line:?}, not its two URLs"))
        }
    }

    /// Host and port of the MQTT listener.
    pub(crate) fn mqtt_place(&self) -> (&str, &str) {
        self.mqtt.rsplit_once(':').unwrap_or((&self.mqtt, "1883"))
    }

    /// Host and port of the WebSocket listener.
    pub(crate) fn ws_place(&self) -> (&str, &str) {
        let place = self.ws.trim_start_matches("ws://");
        let place = place.split('/').next().unwrap_or(place);
        place.rsplit_once(':').unwrap_or((place, "80"))
    }
}

impl Drop for LiveBroker {
    fn drop(&mut self) {
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        // Ends with an error either way: closed when the broker has ended, else the time is up.
        while self.lines.recv_timeout(PATIENCE).is_ok() {}
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.data);
    }
}

fn lines_of(child: &mut Child) -> Receiver<String> {
    let (sender, receiver) = sync_channel(64);
    if let Some(out) = child.stdout.take() {
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
    }
    receiver
}
