//! `cargo xtask perf [FILTER]`: what a delivered message costs the broker, beside Debian's mosquitto. `--guard` counts
//! instructions instead: see [`crate::instructions`].
//!
//! Runs `waypost bench` on both, in turn and over several rounds, so that a noisy machine is noisy for both.
//! Ratios count, not times.

use crate::process::{Failure, Outcome, failed, shown};
use crate::workspace::Workspace;
use crate::{install, instructions};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};

/// One workload: its name, and what `waypost bench` is told.
struct Workload {
    name: &'static str,
    arguments: &'static str,
    web_socket: bool,
    /// What both brokers send to a subscriber before it must acknowledge.
    inflight: u16,
    /// The ratio to mosquitto above which the run fails.
    at_most: f64,
}

const fn tcp(name: &'static str, arguments: &'static str) -> Workload {
    Workload {
        name,
        arguments,
        web_socket: false,
        inflight: 20,
        at_most: 1.0,
    }
}

/// Where each message is a read and a write by itself, nearly all of it is the kernel's, and what crosses from
/// one shard to another costs a wake-up besides, which a broker of one thread does not have.
const ONE_BY_ONE: f64 = 1.5;

const WORKLOADS: [Workload; 11] = [
    tcp("1 → 1, QoS 0", "throughput"),
    Workload {
        inflight: 100,
        ..tcp("1 → 1, QoS 1, window 100", "throughput --qos 1")
    },
    Workload {
        inflight: 50,
        ..tcp("1 → 1, QoS 2, window 50", "throughput --qos 2 --window 50")
    },
    tcp("1 → 100, QoS 0", "throughput --topology fan-out"),
    tcp(
        "1 → 100, QoS 1, window 20",
        "throughput --topology fan-out --qos 1 --window 20",
    ),
    tcp(
        "1 → 100, QoS 2, window 20",
        "throughput --topology fan-out --qos 2 --window 20",
    ),
    tcp("16 → 16, QoS 0", "throughput --topology 16:16"),
    // A thousand messages on their way to the one subscriber, as in the first line.
    tcp("50 → 1, QoS 0", "throughput --topology fan-in --window 20"),
    tcp(
        "1 → 1, 16 KiB, QoS 0",
        "throughput --payload 16KiB --window 32",
    ),
    Workload {
        at_most: ONE_BY_ONE,
        ..tcp(
            "1,000 → 1,000, 5,000/s in all, QoS 1",
            "latency --topology N:N --pubs 1000 --rate 5000 --qos 1",
        )
    },
    Workload {
        web_socket: true,
        ..tcp("1 → 1, QoS 0, WebSocket", "throughput")
    },
];
const ROUNDS: &str = "3";
const SECONDS: [&str; 4] = ["--seconds", "2", "--warmup", "0.5"];

/// Bounds that a load meets, lifted as far as both keep order; see `docs/performance.md`.
const WAYPOST_LIMITS: [&str; 4] = [
    "limits.max_connections_per_ip=\"unlimited\"",
    "limits.max_queued_messages=\"unlimited\"",
    "limits.max_queued_bytes=\"unlimited\"",
    "limits.receive_maximum=\"unlimited\"",
];

fn waypost(binary: &Path, workload: &Workload) -> String {
    let listen = if workload.web_socket {
        "ws://127.0.0.1:{port}/mqtt"
    } else {
        "mqtt://127.0.0.1:{port}"
    };
    let limits = WAYPOST_LIMITS.map(|limit| format!(" --set '{limit}'"));
    format!(
        "exec {} serve --listen {listen} --data-dir {{dir}}/data --set limits.max_inflight={}{}",
        binary.display(),
        workload.inflight,
        limits.concat()
    )
}

fn mosquitto(workload: &Workload) -> String {
    let listener: &[&str] = if workload.web_socket {
        // 2.0.11 ends where WebSocket is all it is to listen on, so it has a socket in a folder besides.
        &[
            "listener 0 {dir}/run/socket",
            "listener {port} 127.0.0.1",
            "protocol websockets",
        ]
    } else {
        &["listener {port} 127.0.0.1"]
    };
    let inflight = format!("max_inflight_messages {}", workload.inflight);
    let others = [
        inflight.as_str(),
        "allow_anonymous true",
        "max_queued_messages 0",
        "persistence false",
        "log_dest none",
    ];
    let lines = listener.iter().chain(&others);
    let config: String = lines.map(|line| format!(" '{line}'")).collect();
    format!(
        // Started by root it becomes another user, who needs a folder to write in.
        "mkdir -m 777 {{dir}}/run; printf '%s\\n'{config} > {{dir}}/mosquitto.conf; \
         exec /usr/sbin/mosquitto -c {{dir}}/mosquitto.conf"
    )
}

/// Medians of both brokers, ours first.
fn measure(binary: &Path, workload: &Workload) -> Outcome<[Value; 2]> {
    let mut command = Command::new(binary);
    command
        .arg("bench")
        .args(workload.arguments.split(' '))
        .args(SECONDS)
        .args(["--rounds", ROUNDS, "--json"])
        .arg("--compare")
        .arg(format!("waypost={}", waypost(binary, workload)))
        .arg("--compare")
        .arg(format!("mosquitto={}", mosquitto(workload)));
    if workload.web_socket {
        command.args(["--url", "ws://127.0.0.1:{port}/mqtt"]);
    }
    command.stdin(Stdio::null()).stderr(Stdio::inherit());
    let out = match command.output() {
        Ok(out) => out,
        Err(e) => return failed(format!("cannot start {}: {e}", shown(&command))),
    };
    if !out.status.success() {
        return failed(format!("{}: {}", workload.name, out.status));
    }
    let report: Value = match serde_json::from_slice(&out.stdout) {
        Ok(report) => report,
        Err(e) => return failed(format!("{}: no report: {e}", workload.name)),
    };
    let medians = |at: usize| report["contenders"][at]["medians"].clone();
    Ok([medians(0), medians(1)])
}

fn number(medians: &Value, key: &str) -> f64 {
    medians[key].as_f64().unwrap_or(f64::NAN)
}

pub(crate) fn command(args: &[String]) -> Outcome {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["--guard", "--record"] => instructions::record(&Workspace::find()?, ""),
        ["--guard", "--record", filter] => instructions::record(&Workspace::find()?, filter),
        ["--guard"] => instructions::compare(&Workspace::find()?, ""),
        ["--guard", filter] => instructions::compare(&Workspace::find()?, filter),
        [] => beside_mosquitto(""),
        [filter] if !filter.starts_with("--") => beside_mosquitto(filter),
        _ => Err(Failure::Usage(
            "usage: cargo xtask perf [--guard [--record]] [FILTER]".into(),
        )),
    }
}

fn beside_mosquitto(filter: &str) -> Outcome {
    let ws = Workspace::find()?;
    install::debian(&[("mosquitto", "/usr/sbin/mosquitto")])?;
    crate::process::run(&mut ws.cargo(&["build", "--release", "-p", "waypost"]))?;
    let binary = ws.target.join("release").join("waypost");
    let mut rows = Vec::new();
    let mut behind = Vec::new();
    for workload in WORKLOADS.iter().filter(|w| w.name.contains(filter)) {
        println!("{}", workload.name);
        let [ours, theirs] = measure(&binary, workload)?;
        let [cpu, other] = [&ours, &theirs].map(|medians| number(medians, "broker_cpu_us"));
        rows.push(format!(
            "| {} | {cpu:.2} | {other:.2} | {:.3} |",
            workload.name,
            cpu / other
        ));
        if ours["latency_p99_us"].is_number() {
            let [ours, theirs] = [&ours, &theirs].map(|medians| {
                let [p50, p99] =
                    ["latency_p50_us", "latency_p99_us"].map(|key| number(medians, key));
                format!("p50 {p50:.0}, p99 {p99:.0}")
            });
            rows.push(format!("| latency of these, µs | {ours} | {theirs} | |"));
        }
        if cpu.is_nan() || cpu > other * workload.at_most {
            behind.push(workload.name);
        }
    }
    println!(
        "\nbroker CPU, microseconds per delivered message (64 bytes where nothing is said): medians of {ROUNDS} \
         rounds\n\n| workload | Waypost | mosquitto | Waypost / mosquitto |\n|---|---|---|---|\n{}",
        rows.join("\n")
    );
    if behind.is_empty() {
        Ok(())
    } else {
        failed(format!("behind mosquitto: {}", behind.join(", ")))
    }
}
