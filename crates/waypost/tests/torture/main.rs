//! The real binary under SIGKILL, with a ledger of every acknowledgement.
//!
//! Clients of every kind work on a broker that is killed again and again, at moments of chance: while it serves, and
//! while it starts. At the end the judge holds what was acknowledged against what came. `TORTURE_SEED` repeats a
//! run's decisions (not the machine's timing), `TORTURE_CYCLES` says how often the broker is killed, `TORTURE_BIN`
//! names another binary.

#![allow(clippy::print_stdout, reason = "a run tells how far it is")]

mod broker;
mod cast;
mod client;
mod dice;
mod judge;
mod judge_tests;
mod ledger;
mod stage;
mod wire;

use broker::Broker;
use cast::{Presence, Publishing, Subscribing};
use client::Client;
use dice::Dice;
use ledger::Ledger;
use mqtt_codec::{QoS, Version};
use stage::{Phase, Stage};
use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;
use std::thread::Scope;
use std::time::{Duration, Instant};

/// The cycles of a run that nobody asked more of.
const CYCLES: u64 = 50;
/// Without any progress for this long a run has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Nothing has come for this long: it is worth asking the judge.
const QUIET: Duration = Duration::from_millis(400);
/// Publishers; each has its own version, window and QoS.
const PUBLISHERS: [(Version, usize, Option<QoS>); 5] = [
    (Version::V311, 1, Some(QoS::AtLeastOnce)),
    (Version::V5, 50, None),
    (Version::V311, 10, Some(QoS::ExactlyOnce)),
    (Version::V5, 1, Some(QoS::ExactlyOnce)),
    (Version::V311, 20, None),
];
/// Numbers of those whose messages are wills.
const TESTATORS: [(u16, Version); 2] = [(100, Version::V5), (101, Version::V311)];

/// What the end of a run tells.
#[derive(Default)]
struct Report {
    killed_serving: u64,
    killed_with_work_in_flight: u64,
    killed_acknowledging: u64,
    killed_starting: u64,
    slowest_recovery: Duration,
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")),
    )
}

#[test]
fn nothing_acknowledged_is_lost_when_the_broker_is_killed() {
    let by_time = || {
        std::time::UNIX_EPOCH
            .elapsed()
            .map_or(1, |d| d.as_micros() as u64 % 1_000_000)
    };
    let seed = number("TORTURE_SEED").unwrap_or_else(by_time);
    let cycles = number("TORTURE_CYCLES").unwrap_or(CYCLES);
    println!("seed {seed}, {cycles} cycles");
    let dir = broker::fresh_dir(seed);
    let begun = Instant::now();
    match run(&dir, seed, cycles) {
        Ok(report) => {
            println!("{report}");
            println!("{:.1} s in all", begun.elapsed().as_secs_f64());
            let _ = std::fs::remove_dir_all(&dir);
        }
        Err(findings) => panic!(
            "seed {seed} (TORTURE_SEED={seed}), {cycles} cycles; data and log in {}\n{}",
            dir.display(),
            findings.join("\n")
        ),
    }
}

fn run(dir: &Path, seed: u64, cycles: u64) -> Result<String, Vec<String>> {
    let first = (std::process::id() % 18_000) as u16;
    let stage = Stage::new(broker::free_port(first), seed);
    let ledger = Ledger::default();
    let mut report = Report::default();
    let shown = std::thread::scope(|scope| {
        let clients = enter_all(scope, &stage, &ledger);
        let outcome = direct(dir, cycles, &stage, &ledger, clients, &mut report);
        if let Err(why) = &outcome {
            stage.violation("the run", why);
        }
        stage.enter(Phase::Over);
        outcome
    });
    let mut findings = stage.violations();
    judge::with(&ledger, |judge| {
        if findings.is_empty() || stage.phase() == Phase::Over && shown.is_ok() {
            findings.extend(judge.wrong());
        }
    });
    match shown {
        Ok(summary) if findings.is_empty() => Ok(summary),
        _ => Err(findings),
    }
}

/// Starts every client's thread; how many there are.
fn enter_all<'s>(scope: &'s Scope<'s, '_>, stage: &'s Stage, ledger: &Ledger) -> u64 {
    let mut clients = 0;
    let mut dice = || {
        clients += 1;
        Dice::new(stage.seed, clients)
    };
    for (number, (version, window, qos)) in (0u16..).zip(PUBLISHERS) {
        let name = format!("publisher-{number}");
        let page = ledger.publisher(number, &name);
        let client = Client::new(stage, &name, version).publishes_as(number, page);
        let what = Publishing {
            number,
            window,
            qos,
        };
        let dice = dice();
        scope.spawn(move || cast::publisher(client, &what, dice));
    }
    for (name, version, group, what) in subscribers() {
        let page = ledger.subscriber(name, group);
        let client = Client::new(stage, name, version).receives_into(page);
        let dice = dice();
        scope.spawn(move || cast::subscriber(client, &what, dice));
    }
    for (name, version) in [("churner-5", Version::V5), ("churner-3", Version::V311)] {
        let page = ledger.subscriber(name, None);
        let client = Client::new(stage, name, version).receives_into(page);
        let dice = dice();
        scope.spawn(move || cast::churner(client, PUBLISHERS.len() as u64, dice));
    }
    for (number, version) in TESTATORS {
        let name = format!("testator-{number}");
        let page = ledger.publisher(number, &name);
        let client = Client::new(stage, &name, version);
        let _ = dice();
        scope.spawn(move || cast::testator(client, number, &page));
    }
    let client = Client::new(stage, "ender", Version::V5);
    let dice = dice();
    scope.spawn(move || cast::ender(client, dice));
    clients
}

type Named = (&'static str, Version, Option<&'static str>, Subscribing);

fn subscribers() -> Vec<Named> {
    let one = |name, version, presence, filters: &[(&str, QoS)]| {
        let what = Subscribing {
            filters: filters
                .iter()
                .map(|(filter, qos)| ((*filter).to_owned(), *qos))
                .collect(),
            presence,
            slow: false,
            receive_maximum: None,
        };
        (name, version, None, what)
    };
    use Presence::{Always, AtTheEnd, Often};
    use QoS::{AtLeastOnce as Q1, ExactlyOnce as Q2};
    use Version::{V5, V311};
    let wills = ("w/#", Q2);
    let mut all = vec![
        one("always-5-q2", V5, Always, &[("t/#", Q2), wills]),
        one("always-3-q1", V311, Always, &[("t/#", Q1), wills]),
        one("often-3-q2", V311, Often, &[("t/#", Q2)]),
        one("often-5-q1", V5, Often, &[("t/#", Q1)]),
        one("at-the-end-5-q2", V5, AtTheEnd, &[("t/#", Q2), wills]),
        one("at-the-end-3-q1", V311, AtTheEnd, &[("t/#", Q1)]),
        one(
            "overlapping-5",
            V5,
            Always,
            &[("t/#", Q1), ("t/+/0", Q2), ("t/1/#", Q2)],
        ),
    ];
    let mut slow = one("slow-5-q2", V5, Always, &[("t/#", Q2)]);
    slow.3.slow = true;
    slow.3.receive_maximum = Some(10);
    all.push(slow);
    for (name, version) in [("shared-5", V5), ("shared-3", V311)] {
        let mut member = one(name, version, Always, &[("$share/g/t/#", Q2)]);
        member.2 = Some("g");
        all.push(member);
    }
    all
}

/// The run itself: its cycles, its end, and what there is to tell of it.
fn direct(
    dir: &Path,
    cycles: u64,
    stage: &Stage,
    ledger: &Ledger,
    clients: u64,
    report: &mut Report,
) -> Result<String, String> {
    let mut broker = Broker::spawn(dir, stage.port);
    let mut course = || {
        broker.ready()?;
        wait_until(stage, &mut broker, "everybody is there", || {
            (stage.ready() == clients, stage.ready())
        })?;
        stage.enter(Phase::Running);
        kill_again_and_again(dir, cycles, stage, &mut broker, report)?;
        finish(stage, ledger, &mut broker)
    };
    let outcome = course();
    // Where it fell by itself, that is the cause of all else.
    let fell = outcome.is_err().then(|| broker.fell()).flatten();
    stage.enter(Phase::Over);
    stage.kill(|| broker.kill());
    match outcome {
        Ok(()) => summary(dir, cycles, stage, report),
        Err(why) => Err(fell.map_or(why.clone(), |fell| format!("{fell}; {why}"))),
    }
}

fn kill_again_and_again(
    dir: &Path,
    cycles: u64,
    stage: &Stage,
    broker: &mut Broker,
    report: &mut Report,
) -> Result<(), String> {
    let mut dice = Dice::new(stage.seed, 0);
    for cycle in 1..=cycles {
        stage.next_cycle();
        // In the middle of a burst of acknowledgements, or at any time.
        let time = Duration::from_millis(dice.within(5, 400));
        if dice.one_in(2) {
            let come = stage.await_acknowledged(dice.within(1, 300), time);
            report.killed_acknowledging += u64::from(come);
        } else {
            stage.let_pass(time);
        }
        if stage.failed() {
            return Err("stopped".into());
        }
        if let Some(ended) = broker.ended() {
            return Err(ended);
        }
        report.killed_serving += 1;
        if stage.in_flight.load(SeqCst) > 0 {
            report.killed_with_work_in_flight += 1;
        }
        stage.kill(|| broker.kill());
        *broker = Broker::spawn(dir, stage.port);
        if cycle % 10 == 0 {
            let start = report.slowest_recovery.as_micros().max(1000) as u64;
            stage.let_pass(Duration::from_micros(dice.within(0, start)));
            report.killed_starting += 1;
            stage.kill(|| broker.kill());
            *broker = Broker::spawn(dir, stage.port);
        }
        report.slowest_recovery = report.slowest_recovery.max(broker.ready()?);
        if cycle % 50 == 0 {
            let acknowledged = stage.acknowledged();
            println!("cycle {cycle} of {cycles}: {acknowledged} messages acknowledged");
        }
    }
    Ok(())
}

/// Publishers finish, everything owed comes, and nothing more than that.
fn finish(stage: &Stage, ledger: &Ledger, broker: &mut Broker) -> Result<(), String> {
    stage.enter(Phase::Finishing);
    wait_until(stage, broker, "publishers are done", || {
        let left = stage.in_flight.load(SeqCst);
        (left == 0, left)
    })?;
    let mut missing = Vec::new();
    let come = wait_until(stage, broker, "everything owed has come", || {
        let before = stage.received.load(SeqCst);
        stage.let_pass(QUIET);
        let now = stage.received.load(SeqCst);
        if before == now {
            missing = judge::with(ledger, |judge| judge.missing());
        }
        (before == now && missing.is_empty(), now)
    });
    if let Err(why) = come {
        return Err(format!("{why}\n{}", missing.join("\n")));
    }
    let retained = |shown: &[_]| judge::with(ledger, |judge| judge.retained(shown));
    let shown = cast::look_at_retained(stage, |shown| retained(shown).is_empty());
    for finding in retained(&shown) {
        stage.violation("looker", &finding);
    }
    Ok(())
}

/// Waits for something for as long as there is progress.
fn wait_until(
    stage: &Stage,
    broker: &mut Broker,
    what: &str,
    mut done: impl FnMut() -> (bool, u64),
) -> Result<(), String> {
    let (mut seen, mut since) = (u64::MAX, Instant::now());
    loop {
        let (all, progress) = done();
        if all {
            return Ok(());
        }
        if progress != seen {
            (seen, since) = (progress, Instant::now());
        }
        if let Some(ended) = broker.ended() {
            return Err(ended);
        }
        if stage.failed() {
            return Err(format!("stopped before {what}"));
        }
        if since.elapsed() > PATIENCE {
            return Err(format!("waited in vain until {what}"));
        }
        stage.pause(Duration::from_millis(20));
    }
}

fn summary(dir: &Path, cycles: u64, stage: &Stage, report: &Report) -> Result<String, String> {
    let (verified, whole) = broker::store(dir, "verify");
    if !whole {
        return Err(format!("the log is not whole: {verified}"));
    }
    let (inspected, _) = broker::store(dir, "inspect");
    let found: serde_json::Value =
        serde_json::from_str(&inspected).map_err(|e| format!("{inspected}: {e}"))?;
    let (messages, bytes) = broker::fullest(dir);
    Ok(format!(
        "{cycles} cycles, {} messages acknowledged, {} received\n\
         killed {} times while serving ({} of them right after an acknowledgement, {} with messages in flight), \
         {} times while starting\n\
         slowest start {:.3} s; the fullest log that a start read: {messages} messages, {bytes} bytes; \
         in the log at the end: {} messages, {} sessions, {} bytes",
        stage.acknowledged(),
        stage.received.load(SeqCst),
        report.killed_serving,
        report.killed_acknowledging,
        report.killed_with_work_in_flight,
        report.killed_starting,
        report.slowest_recovery.as_secs_f64(),
        found["messages"],
        found["sessions"],
        found["bytes"],
    ))
}
