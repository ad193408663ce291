//! The whole of `serve` in a process of its own: the ready line, systemd, signals.
//!
//! The process is this test binary once more, told by its environment to serve.

mod wire;

use rustix::process::{Pid, Signal, kill_process};
use server::config::{Sources, load};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use wire::*;

const FILE: &str = "WAYPOST_TEST_SERVES";

/// Does nothing in a usual run.
#[test]
fn serves_where_it_is_told_to() {
    if let Some(file) = std::env::var_os(FILE) {
        let sources = Sources {
            file: Some(PathBuf::from(file)),
            ..Sources::default()
        };
        server::serve(load(sources).unwrap()).unwrap();
        // What the test harness would print now is of no interest.
        std::process::exit(0);
    }
}

struct Served {
    process: Child,
    directory: PathBuf,
    manager: UnixDatagram,
    address: String,
}

fn serve(name: &str, config: &str) -> Served {
    let directory = std::env::temp_dir().join(format!("waypost-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("waypost.toml");
    std::fs::write(&file, config).unwrap();
    let socket = directory.join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "serves_where_it_is_told_to", "--nocapture"])
        .env(FILE, &file)
        .env("NOTIFY_SOCKET", &socket)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
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

impl Served {
    fn state(&self) -> String {
        let mut text = [0; 200];
        let n = self.manager.recv(&mut text).unwrap();
        String::from_utf8(text[..n].to_vec()).unwrap()
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.process.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
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
        assert_eq!(self.state(), "STOPPING=1");
        let mut log = String::new();
        self.process
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut log)
            .unwrap();
        assert_eq!(self.process.wait().unwrap().code(), Some(0), "{log}");
        std::fs::remove_dir_all(&self.directory).unwrap();
        log
    }
}

const LISTENER: &str = "[[listener]]\nurl = 'mqtt://127.0.0.1:0'\n";

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
    served.signal(Signal::HUP);
    assert!(served.state().starts_with("RELOADING=1\n"));
    assert_eq!(served.state(), "READY=1");
    assert!(refused());

    std::fs::write(&file, limited(2)).unwrap();
    served.signal(Signal::HUP);
    assert!(served.state().starts_with("RELOADING=1\n"));
    assert_eq!(served.state(), "READY=1");
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
