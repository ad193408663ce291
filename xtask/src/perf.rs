//! `cargo xtask perf`: what a delivered message costs the broker, beside Debian's mosquitto.
//!
//! Both brokers run side by side for the whole of it and take turns under the same generator (the
//! `load` example of `server`), so that a noisy machine is noisy for both. Ratios count, not times.

use crate::install;
use crate::live_broker::LiveBroker;
use crate::process::{Outcome, failed, run};
use crate::workspace::Workspace;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// One workload: its name, and the generator's subscribers, QoS, payload, window and messages.
struct Workload {
    name: &'static str,
    arguments: [&'static str; 5],
}

const WORKLOADS: [Workload; 6] = [
    Workload {
        name: "1 -> 1, QoS 0",
        arguments: ["1", "0", "64", "1000", "400000"],
    },
    Workload {
        name: "1 -> 1, QoS 1, window 100",
        arguments: ["1", "1", "64", "100", "150000"],
    },
    Workload {
        name: "1 -> 1, QoS 2, window 20",
        arguments: ["1", "2", "64", "20", "60000"],
    },
    Workload {
        name: "1 -> 100, QoS 0",
        arguments: ["100", "0", "64", "1000", "15000"],
    },
    Workload {
        name: "1 -> 100, QoS 1, window 20",
        arguments: ["100", "1", "64", "20", "4000"],
    },
    Workload {
        name: "1 -> 100, QoS 2, window 20",
        arguments: ["100", "2", "64", "20", "2000"],
    },
];
const ROUNDS: usize = 3;

/// mosquitto with its limits lifted as far as it keeps order; see `docs/performance.md`.
struct Mosquitto {
    child: Child,
    address: String,
}

impl Mosquitto {
    fn start(ws: &Workspace) -> Outcome<Self> {
        install::debian(&[("mosquitto", "/usr/sbin/mosquitto")])?;
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
        let port = port.map_or(0, |a| a.port());
        let folder = ws.target.join("brokers").join("mosquitto");
        let config = folder.join("mosquitto.conf");
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\npersistence false\nlog_dest none\n"
        );
        if let Err(e) = fs::create_dir_all(&folder).and_then(|()| fs::write(&config, text)) {
            return failed(format!("cannot write {}: {e}", config.display()));
        }
        let mut command = Command::new("/usr/sbin/mosquitto");
        command
            .arg("-c")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let Ok(child) = command.spawn() else {
            return failed("cannot start /usr/sbin/mosquitto");
        };
        let address = format!("127.0.0.1:{port}");
        let mosquitto = Mosquitto { child, address };
        let start = Instant::now();
        while std::net::TcpStream::connect(&mosquitto.address).is_err() {
            if start.elapsed() > Duration::from_secs(10) {
                return failed("mosquitto does not answer");
            }
            std::thread::yield_now();
        }
        Ok(mosquitto)
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Broker CPU in microseconds per delivered message, from one run of the generator.
fn measure(load: &Path, address: &str, pid: u32, workload: &Workload) -> Outcome<f64> {
    let out = Command::new(load)
        .arg(address)
        .arg(pid.to_string())
        .args(workload.arguments)
        .output();
    let out = match out {
        Ok(out) if out.status.success() => String::from_utf8_lossy(&out.stdout).into_owned(),
        Ok(out) => {
            return failed(format!(
                "{}: {}",
                workload.name,
                String::from_utf8_lossy(&out.stderr).trim()
            ));
        }
        Err(e) => return failed(format!("cannot start {}: {e}", load.display())),
    };
    let cpu = out
        .split_whitespace()
        .find_map(|w| w.strip_prefix("broker_cpu_us=")?.parse().ok());
    match cpu {
        Some(cpu) => Ok(cpu),
        None => failed(format!("the generator printed {out:?}")),
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

pub(crate) fn command(args: &[String]) -> Outcome {
    if !args.is_empty() {
        return Err(crate::process::Failure::Usage(
            "usage: cargo xtask perf".into(),
        ));
    }
    let ws = Workspace::find()?;
    run(&mut ws.cargo(&["build", "--release", "-p", "waypost"]))?;
    run(&mut ws.cargo(&["build", "--release", "-p", "server", "--example", "load"]))?;
    let release = ws.target.join("release");
    let load = release.join("examples").join("load");
    let lifted = [
        "--set",
        "limits.receive_maximum=\"unlimited\"",
        "--set",
        "limits.max_inflight=20",
    ];
    let waypost = LiveBroker::start(
        &ws,
        &release.join("waypost"),
        "perf",
        &lifted.map(String::from),
    )?;
    let mosquitto = Mosquitto::start(&ws)?;
    println!(
        "\nbroker CPU, microseconds per delivered message of 64 bytes: medians of {ROUNDS} rounds\n"
    );
    println!("| workload | Waypost | mosquitto | Waypost / mosquitto |\n|---|---|---|---|");
    let mut behind = Vec::new();
    for workload in &WORKLOADS {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(measure(&load, &waypost.mqtt, waypost.pid(), workload)?);
            theirs.push(measure(
                &load,
                &mosquitto.address,
                mosquitto.child.id(),
                workload,
            )?);
        }
        let (ours, theirs) = (median(ours), median(theirs));
        println!(
            "| {} | {ours:.2} | {theirs:.2} | {:.3} |",
            workload.name,
            ours / theirs
        );
        if ours >= theirs {
            behind.push(workload.name);
        }
    }
    if behind.is_empty() {
        Ok(())
    } else {
        failed(format!("not below mosquitto: {}", behind.join(", ")))
    }
}
