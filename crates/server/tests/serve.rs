//! The whole of `serve` in a process of its own: the ready line, systemd, signals, and the keys that
//! are about a whole process.
//!
//! The process is this test binary once more, told by its environment to serve.

mod wire;

use rustix::process::{Pid, Signal, kill_process};
use server::config::{Sources, load};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use wire::mqtt5::{Client, Connect, NOT_AUTHORIZED};
use wire::*;

const FILE: &str = "WAYPOST_TEST_SERVES";

/// Does nothing in a usual run.
#[test]
#[expect(clippy::print_stderr, reason = "it is a program here")]
fn serves_where_it_is_told_to() {
    if let Some(file) = std::env::var_os(FILE) {
        let sources = Sources {
            file: Some(PathBuf::from(file)),
            ..Sources::default()
        };
        let ended = server::serve(load(sources).unwrap());
        if let Err(error) = &ended {
            eprintln!("{error}");
        }
        // What the test harness would print now is of no interest.
        std::process::exit(i32::from(ended.is_err()));
    }
}

struct Served {
    process: Child,
    directory: PathBuf,
    manager: UnixDatagram,
    address: String,
}

fn serve(name: &str, config: &str) -> Served {
    serve_under(name, config, &[])
}

/// With these variables of the environment.
fn serve_under(name: &str, config: &str, environment: &[(&str, &str)]) -> Served {
    let directory = std::env::temp_dir().join(format!("waypost-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("waypost.toml");
    std::fs::write(&file, config).unwrap();
    let socket = directory.join("notify");
    // One that was killed leaves its own behind.
    let _ = std::fs::remove_file(&socket);
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut process = command(&file)
        .env("NOTIFY_SOCKET", &socket)
        .envs(environment.iter().copied())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let ready = lines.map(Result::unwrap).find_map(|line| {
        // The harness writes the name of the test before it, on the same line.
        line.find("ready mqtt://").map(|at| line[at..].to_owned())
    });
    let ready = ready.unwrap();
    let address = ready.strip_prefix("ready mqtt://").unwrap().to_owned();
    assert!(
        !address.ends_with(":0") && !address.contains(' '),
        "{ready}"
    );
    Served {
        process,
        directory,
        manager,
        address,
    }
}

fn command(file: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "serves_where_it_is_told_to", "--nocapture"])
        .env(FILE, file)
        .env_remove("WATCHDOG_USEC")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

impl Served {
    /// What the service manager is told next: the state, and the line about it.
    fn told(&self) -> (String, String) {
        let mut text = [0; 500];
        let n = self.manager.recv(&mut text).unwrap();
        let text = String::from_utf8(text[..n].to_vec()).unwrap();
        let (state, status) = text.split_once("\nSTATUS=").unwrap_or((&text, ""));
        (state.to_owned(), status.to_owned())
    }

    fn state(&self) -> String {
        self.told().0
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.process.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Signals a reload and waits until it is done.
    fn reload(&self) {
        self.signal(Signal::HUP);
        assert!(self.state().starts_with("RELOADING=1\n"));
        assert_eq!(self.state(), "READY=1");
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.directory.join(name), text).unwrap();
    }

    fn client(&self, id: &str) -> Client {
        let connect = Connect {
            id,
            user: Some(id),
            ..Connect::default()
        };
        Client::connect(&self.address, connect)
    }

    fn dial(&self) -> TcpStream {
        let socket = TcpStream::connect(&self.address).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        socket
    }

    /// Ends it, checks the exit code and returns the log.
    fn end(mut self) -> String {
        self.signal(Signal::TERM);
        let mut told = self.told();
        while told.0 == "WATCHDOG=1" {
            told = self.told();
        }
        assert_eq!(told, ("STOPPING=1".into(), "Stopping".into()));
        let mut log = String::new();
        let mut stderr = self.process.stderr.take().unwrap();
        stderr.read_to_string(&mut log).unwrap();
        assert_eq!(self.process.wait().unwrap().code(), Some(0), "{log}");
        std::fs::remove_dir_all(&self.directory).unwrap();
        log
    }
}

const LISTENER: &str = "data_dir = 'data'\n[[listener]]\nurl = 'mqtt://127.0.0.1:0'\n";

#[test]
fn ready_served_and_stopped_by_a_signal() {
    let served = serve("stop", LISTENER);
    assert_eq!(served.state(), "READY=1");
    let mut client = served.dial();
    client.write_all(&connect("c\x1b[31m")).unwrap();
    expect(&mut client, CONNACK);
    let log = served.end();
    assert!(rest(&mut client).is_empty());
    assert!(log.contains("stopping"), "{log}");
    assert!(
        !log.contains("\x1b[31m"),
        "a client's bytes reach the terminal: {log:?}"
    );
}

/// MQTT 5 clients are told why, older ones are only closed [MQTT-3.14.0-1].
#[test]
fn a_signal_to_stop_tells_each_client_in_its_protocol() {
    let served = serve("goodbye", LISTENER);
    assert_eq!(served.state(), "READY=1");
    let mut old = served.dial();
    old.write_all(&connect("old")).unwrap();
    expect(&mut old, CONNACK);
    let mut new = served.client("new");
    let log = served.end();
    assert!(rest(&mut old).is_empty());
    let (first, body) = new.read();
    assert_eq!((first, body[0]), (0xe0, 0x8b), "server shutting down");
    for client in ["old", "new"] {
        let line = format!("client disconnected client=\"{client}\"");
        assert!(log.contains(&line), "{log}");
    }
    assert!(
        log.contains("reason=\"the server is shutting down\""),
        "{log}"
    );
}

#[test]
fn systemd_is_told_how_it_is() {
    let served = serve("status", LISTENER);
    let serving = format!("Serving mqtt://{}", served.address);
    assert_eq!(served.told(), ("READY=1".into(), serving.clone()));
    served.signal(Signal::HUP);
    let (state, status) = served.told();
    let us = state.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
    assert!(us.parse::<u64>().is_ok_and(|us| us > 0), "{state}");
    assert_eq!(status, "Reading the configuration again");
    assert_eq!(served.told(), ("READY=1".into(), serving.clone()));
    served.write("waypost.toml", "nonsense = 1");
    served.signal(Signal::HUP);
    assert!(served.state().starts_with("RELOADING=1\n"));
    let (state, status) = served.told();
    assert_eq!(state, "READY=1");
    assert!(
        status.starts_with(&serving) && status.contains("configuration is wrong"),
        "{status}"
    );
    served.end();
}

#[test]
fn the_watchdog_is_fed_while_all_shards_answer() {
    let watched = [("WATCHDOG_USEC", "20000")];
    let served = serve_under("watched", &format!("shards = 3\n{LISTENER}"), &watched);
    assert_eq!(served.state(), "READY=1");
    // The first needs no answer, each further one is a round that every shard has answered.
    for _ in 0..10 {
        assert_eq!(served.told(), ("WATCHDOG=1".into(), String::new()));
    }
    served.end();

    let pid = [("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")];
    let served = serve_under("unwatched", LISTENER, &pid);
    assert_eq!(served.state(), "READY=1");
    served.reload();
    served.end();
}

#[test]
fn a_reload_takes_effect_and_a_bad_one_does_not() {
    let limited = |n: u32| format!("limits.max_connections = {n}\n{LISTENER}");
    let served = serve("reload", &limited(1));
    assert_eq!(served.state(), "READY=1");
    let file = served.directory.join("waypost.toml");
    let mut first = served.dial();
    first.write_all(&connect("first")).unwrap();
    expect(&mut first, CONNACK);
    let refused = || rest(&mut served.dial()).is_empty();
    assert!(refused());

    std::fs::write(&file, "limits.max_conections = 5").unwrap();
    served.reload();
    assert!(refused());

    std::fs::write(&file, limited(2)).unwrap();
    served.reload();
    let mut second = served.dial();
    second.write_all(&connect("second")).unwrap();
    expect(&mut second, CONNACK);
    assert!(refused());
    drop(second);
    // Its place is free once the broker has seen that it is gone.
    wait_until("a free place", 5, || {
        let mut third = served.dial();
        let _ = third.write_all(&connect("third"));
        let mut connack = [0; 4];
        third.read_exact(&mut connack).is_ok()
    });
    let log = served.end();
    assert!(
        log.contains("nothing was reloaded") && log.contains("max_connections"),
        "{log}"
    );
    assert!(log.contains("configuration reloaded"), "{log}");
}

#[test]
fn a_data_directory_belongs_to_one_broker() {
    let served = serve("data", LISTENER);
    let data = served.directory.join("data");
    assert!(data.join("waypost.lock").is_file());
    // The file that the first one serves, in a second process.
    let mut second = command(&served.directory.join("waypost.toml"))
        .spawn()
        .unwrap();
    let lines = BufReader::new(second.stdout.take().unwrap()).lines();
    let ready = lines.map(Result::unwrap).find(|l| l.contains("ready mqtt"));
    if ready.is_some() {
        second.kill().unwrap();
    }
    assert_eq!(ready, None);
    let mut error = String::new();
    let mut stderr = second.stderr.take().unwrap();
    stderr.read_to_string(&mut error).unwrap();
    assert_eq!(second.wait().unwrap().code(), Some(1), "{error}");
    let named = data.display().to_string();
    assert!(
        error.contains(&named) && error.contains("another broker") && error.contains("--data-dir"),
        "{error}"
    );
    served.client("still served");

    // It is free again however its owner ends.
    served.signal(Signal::KILL);
    let Served { mut process, .. } = served;
    process.wait().unwrap();
    let next = serve("data", LISTENER);
    assert_eq!(next.state(), "READY=1");
    next.client("served");
    let log = next.end();
    assert!(!data.exists(), "{log}");
}

#[test]
fn shards_are_threads() {
    let served = serve("shards", &format!("shards = 3\n{LISTENER}"));
    let threads = format!("/proc/{}/task", served.process.id());
    // A thread gives itself its name, when it comes to run.
    wait_until("three of them", 5, || {
        let names = std::fs::read_dir(&threads).unwrap().map(|thread| {
            let name = std::fs::read_to_string(thread.unwrap().path().join("comm"));
            name.unwrap_or_default().trim().to_owned()
        });
        let mut shards: Vec<_> = names.filter(|name| name.starts_with("shard-")).collect();
        shards.sort();
        shards == ["shard-0", "shard-1", "shard-2"]
    });
    assert_eq!(served.state(), "READY=1");
    served.write("waypost.toml", &format!("shards = 2\n{LISTENER}"));
    served.reload();
    served.client("served");
    let log = served.end();
    assert!(log.contains("shards has changed"), "{log}");
}

#[test]
fn the_log_level_says_what_is_logged() {
    let level = |level: &str| format!("durability = 'memory'\nlog.level = '{level}'\n{LISTENER}");
    let served = serve("level", &level("warn"));
    assert_eq!(served.state(), "READY=1");
    // What a client has caused before is logged by the time that its ping is answered.
    let connect = |id| {
        let mut client = served.client(id);
        client.send(PINGREQ);
        assert_eq!(client.read().0, PINGRESP[0]);
        client
    };
    let before = connect("unheard of");
    served.write("waypost.toml", &level("info"));
    served.reload();
    let between = connect("heard of");
    served.write("waypost.toml", &level("error"));
    served.reload();
    let after = connect("unheard of again");
    let log = served.end();
    drop((before, between, after));
    assert!(!log.contains("unheard of"), "{log}");
    assert!(
        log.contains("INFO client connected client=\"heard of\""),
        "{log}"
    );
    assert!(
        log.contains("WARN durability is \"memory\""),
        "said loudly: {log}"
    );
}

/// A client cannot forge a line; the format changes with the next one.
#[test]
fn the_log_is_text_or_json() {
    let format = |format: &str| format!("log.format = '{format}'\n{LISTENER}");
    let served = serve("format", &format("json"));
    assert_eq!(served.state(), "READY=1");
    let connect = |id| {
        let mut client = served.client(id);
        client.send(PINGREQ);
        assert_eq!(client.read().0, PINGRESP[0]);
        client
    };
    let hostile = "x\",\"user\":\"root";
    let first = connect(hostile);
    served.write("waypost.toml", &format("text"));
    served.reload();
    let second = connect(hostile);
    let address = served.address.clone();
    let log = served.end();
    drop((first, second));
    let (json, text): (Vec<_>, Vec<_>) = log.lines().partition(|line| line.starts_with('{'));
    let objects: Vec<serde_json::Value> = json
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let connected = objects.iter().find(|o| o["message"] == "client connected");
    let connected = connected.unwrap();
    assert_eq!(connected["client"], hostile);
    assert_eq!(connected["user"], hostile);
    assert_eq!(connected["listener"], format!("mqtt://{address}"));
    assert_eq!(connected["protocol"], "mqtt5");
    assert_eq!(connected["level"], "info");
    assert!(connected["address"].as_str().unwrap().contains(':'));
    assert!(connected["time"].as_str().unwrap().ends_with('Z'));
    let line = text.iter().find(|line| line.contains("client connected"));
    let quoted = "client=\"x\\\",\\\"user\\\":\\\"root\" user=\"x\\\"";
    assert!(line.unwrap().contains(quoted), "{line:?}");
}

/// Users' rights by SIGHUP: gone within a second, and a bad file takes nothing away and gives nothing.
#[test]
fn a_revocation_takes_effect_within_a_second() {
    let list = |acl: &str| format!("user ann\n{acl}\nuser bob\ntopic read #\n");
    let served = {
        let config = format!("auth.acl_file = 'acl.txt'\n{LISTENER}");
        let folder = std::env::temp_dir().join(format!("waypost-acl-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("acl.txt"), list("topic write a/#")).unwrap();
        serve("acl", &config)
    };
    assert_eq!(served.state(), "READY=1");
    let (mut ann, mut bob) = (served.client("ann"), served.client("bob"));
    assert_eq!(bob.subscribe("a/#"), 1);
    assert_eq!(ann.say("a/1", "may"), 0);
    assert_eq!(bob.heard().1, "may");

    served.write("acl.txt", &list("topic write b/#"));
    let begun = Instant::now();
    served.reload();
    while ann.say("a/1", "late") != NOT_AUTHORIZED {
        assert!(begun.elapsed() < Duration::from_secs(1));
    }
    served.write("acl.txt", "user ann\ntopic writ a/#\n");
    served.reload();
    assert_eq!(ann.say("a/1", "denied"), NOT_AUTHORIZED);
    assert_eq!(ann.say("b/1", "still may"), 0);
    let log = served.end();
    assert!(
        log.contains("acl.txt:2") && log.contains("writ"),
        "with its line: {log}"
    );
}
