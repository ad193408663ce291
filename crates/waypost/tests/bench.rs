//! `waypost bench` as a program: what it prints, its exit codes, and what it starts and stops.

#[allow(dead_code, reason = "the rest is for the tests of pub and sub")]
#[path = "pub_sub/certificates.rs"]
mod certificates;

use certificates::{Authority, Identity};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

fn waypost(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
    command
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A folder of one test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("waypost-bench-test-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Broker {
    child: Child,
    url: String,
    folder: Folder,
}

impl Broker {
    fn start() -> Broker {
        Broker::listening(Folder::new(), "mqtt://127.0.0.1:0")
    }

    fn listening(folder: Folder, url: &str) -> Broker {
        let mut child = waypost(&["serve", "--listen", url, "--data-dir"])
            .arg(folder.path("data"))
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let url = line.split_whitespace().nth(1).unwrap().to_owned();
        Broker { child, url, folder }
    }

    fn bench(&self, words: &str) -> Output {
        let words: Vec<&str> = ["bench"].into_iter().chain(words.split(' ')).collect();
        waypost(&words).args(["-L", &self.url]).output().unwrap()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn every_run_says_what_it_measured() {
    let broker = Broker::start();
    for (words, expected) in [
        (
            "throughput --messages 500 --warmup 0 --qos 1",
            "delivered a second",
        ),
        (
            "latency --rate 2000 --messages 200 --warmup 0",
            "latency p99.9",
        ),
        ("connections --count 50 --hold 0", "TCP to CONNACK p50"),
        (
            "subscriptions --steps 10,100 --sessions 3 --publishes 50",
            "broker CPU per publish",
        ),
        ("retained --count 50 --readers 2", "read back: a second"),
        ("offline --sessions 3 --messages 20", "out: a second"),
    ] {
        let out = broker.bench(&format!("{words} --pid auto"));
        let (said, errors) = (text(&out.stdout), text(&out.stderr));
        assert_eq!(out.status.code(), Some(0), "{words}: {said}{errors}");
        assert!(said.contains(expected), "{words}: {said}");
        assert!(said.to_lowercase().contains("broker"), "{words}: {said}");
    }
    let out = waypost(&["bench", "relay", "--messages", "500", "--warmup", "0"]);
    let out = { out }.output().unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
}

#[test]
fn every_transport_is_measured() {
    let secured = |scheme: &str| {
        let folder = Folder::new();
        let authority = Authority::new(&folder.0, "authority");
        let Identity { certificate, key } = authority.sign(&folder.0, "localhost");
        let (certificate, key) = (certificate.display(), key.display());
        let url = format!("{scheme}://localhost:0?cert={certificate}&key={key}");
        let words = format!(" --insecure --cafile {}", authority.file.display());
        (Broker::listening(folder, &url), words)
    };
    let unix = || {
        let folder = Folder::new();
        let url = format!("unix:{}", folder.path("socket"));
        (Broker::listening(folder, &url), String::new())
    };
    for (broker, more) in [secured("mqtts"), secured("wss"), unix()] {
        for run in [
            "throughput --messages 500 --warmup 0 --qos 1",
            "throughput --messages 20 --warmup 0 --payload 300000",
            "connections --count 20 --hold 0",
        ] {
            let pid = broker.child.id();
            let out = broker.bench(&format!("{run} --pid {pid}{more}"));
            let (url, errors) = (&broker.url, text(&out.stderr));
            assert_eq!(out.status.code(), Some(0), "{url} {run}: {errors}");
        }
    }
    let (unix, _) = unix();
    let out = unix.bench("throughput --messages 5 --pid auto");
    assert_eq!(out.status.code(), Some(64), "{}", text(&out.stderr));
}

#[test]
fn json_and_the_page() {
    let broker = Broker::start();
    let page = broker.folder.path("page.html");
    let words =
        format!("latency --rate 1000 --messages 300 --warmup 0 --json --pid auto --html {page}");
    let out = broker.bench(&words);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let json: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(json["measures"]["delivered"], 300);
    assert_eq!(json["faults"], Value::Array(Vec::new()));
    assert!(json["measures"]["latency_p99_us"].as_f64().unwrap() > 0.0);
    assert!(json["measures"]["broker_resident_bytes"].as_u64().unwrap() > 100_000);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(
        page.contains("<svg") && page.contains("latency p99"),
        "{page}"
    );
}

#[test]
fn brokers_are_started_compared_and_stopped() {
    let folder = Folder::new();
    let serve = format!(
        "exec {} serve --listen mqtt://127.0.0.1:{{port}} --data-dir {{dir}}/data",
        env!("CARGO_BIN_EXE_waypost")
    );
    let pids = folder.path("pids");
    let one = format!("one=echo $$ >> {pids}; {serve}");
    let two = format!("two=echo $$ >> {pids}; {serve}");
    let words = "bench throughput --messages 500 --warmup 0 --rounds 2 --json --quiet";
    let words: Vec<&str> = words.split(' ').collect();
    let out = waypost(&words)
        .args(["--compare", &one, "--compare", &two])
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let json: Value = serde_json::from_slice(&out.stdout).unwrap();
    let contenders = json["contenders"].as_array().unwrap();
    assert_eq!(contenders.len(), 2);
    for contender in contenders {
        assert_eq!(contender["medians"]["delivered"], 500);
        assert_eq!(contender["ratios_to_first"]["delivered"], 1);
        assert_eq!(contender["runs"].as_array().unwrap().len(), 2);
    }
    let pids = std::fs::read_to_string(pids).unwrap();
    assert_eq!(pids.lines().count(), 4);
    for pid in pids.lines() {
        let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline"));
        assert!(
            !command.is_ok_and(|c| c.contains("serve")),
            "{pid} still runs"
        );
    }
}

#[test]
fn a_broker_that_does_not_start_is_shown_with_its_words() {
    let words = [
        "bench",
        "throughput",
        "--compare",
        "bad=echo no such luck; exit 3",
    ];
    let out = waypost(&words).output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    let said = text(&out.stderr);
    assert!(
        said.contains("no such luck") && said.contains("bad"),
        "{said}"
    );
}

#[test]
fn an_interrupted_run_still_reports() {
    let broker = Broker::start();
    let words = [
        "bench",
        "throughput",
        "--seconds",
        "600",
        "--warmup",
        "0",
        "-L",
    ];
    let mut child = waypost(&words).arg(&broker.url).spawn().unwrap();
    let mut progress = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    // It is well under way once it says how it goes.
    while !line.starts_with("sent") {
        line.clear();
        assert_ne!(progress.read_line(&mut line).unwrap(), 0, "it ended early");
    }
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let mut said = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(said.contains("stopped early"), "{said}");
    assert!(said.contains("delivered a second"), "{said}");
}

#[test]
fn failures_and_wrong_usage() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = gone.local_addr().unwrap().to_string();
    drop(gone);
    let url = format!("mqtt://{address}");
    for (words, code, expected) in [
        ("throughput", 1, "is the broker running"),
        ("throughput --pid auto", 1, "listens on port"),
        ("throughput --pid 4294967295", 1, "no process 4294967295"),
        ("throughput --payload 5", 64, "--payload"),
        ("throughput --threads 0", 64, "--threads"),
        ("latency --rate 0", 64, "--rate"),
        ("retained --qos 0", 64, "--qos"),
        ("throughput --compare a=b", 64, "{port}"),
        ("connections --count 0", 64, "--count"),
        ("dance", 64, "dance"),
    ] {
        let all: Vec<&str> = ["bench"].into_iter().chain(words.split(' ')).collect();
        let out = waypost(&all).args(["-L", &url]).output().unwrap();
        let said = text(&out.stderr);
        assert_eq!(out.status.code(), Some(code), "{words}: {said}");
        assert!(said.contains(expected), "{words}: {said}");
    }
}
