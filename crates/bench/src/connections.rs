//! Many idle connections: how quickly they come, what each takes of the broker, whether they stay.
//!
//! Owns its connections on one thread; sends nothing but CONNECT, PINGREQ and DISCONNECT.

use crate::histogram::Latencies;
use crate::net::client::Client;
use crate::net::clock::SECOND;
use crate::net::hub::Handler;
use crate::net::limits::make_room;
use crate::observe::Watched;
use crate::packets::Keeping;
use crate::report::{Latency, Measure, Report, Unit};
use crate::script::{Mark, Script, Stretch, percentiles};
use crate::target::Target;
use crate::{BenchError, Stage};
use mqtt_codec::Packet;
use std::io;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct ConnectionsPlan {
    pub count: u32,
    /// How many are begun at a time.
    pub at_once: usize,
    /// How long all of them are held.
    pub hold: Duration,
    pub patience: Duration,
}

const MAX_COUNT: u32 = 4_000_000;
/// Failures among a hundred connections above which the rest is not tried.
const FAILURES_PERCENT: u64 = 1;
const FAILURES_AT_LEAST: u64 = 10;

struct Idle<'a> {
    target: &'a Target,
    ready: u64,
    lost: u64,
    /// Why the first went, in the broker's words or the kernel's.
    reason: Option<String>,
    latencies: Latencies,
}

impl Handler for Idle<'_> {
    fn ready(&mut self, _who: usize, client: &mut Client, now: u64) -> Result<(), BenchError> {
        self.ready += 1;
        self.latencies.record(now.saturating_sub(client.begun));
        Ok(())
    }

    fn packet(
        &mut self,
        who: usize,
        _client: &mut Client,
        packet: &Packet<'_>,
        _now: u64,
    ) -> Result<(), BenchError> {
        let what = format!(
            "{:?} came to a connection that is idle",
            packet.packet_type()
        );
        let why = io::Error::new(io::ErrorKind::InvalidData, what);
        Err(self.target.lost(&format!("number {who}"), &why))
    }

    fn lost(&mut self, who: usize, why: &io::Error) -> Result<(), BenchError> {
        self.lost += 1;
        if self.reason.is_none() {
            let error = self.target.lost(&format!("number {who}"), why);
            self.reason = Some(error.to_string());
        }
        Ok(())
    }
}

impl Idle<'_> {
    fn too_many_failed(&self, count: u32) -> bool {
        self.lost > FAILURES_AT_LEAST.max(u64::from(count) * FAILURES_PERCENT / 100)
    }

    fn reason(&self) -> String {
        self.reason.clone().unwrap_or_default()
    }
}

pub(crate) fn run(
    plan: &ConnectionsPlan,
    target: &Target,
    watched: &Watched,
    stage: &mut Stage<'_>,
) -> Result<Report, BenchError> {
    if plan.count == 0 || plan.count > MAX_COUNT || plan.at_once == 0 {
        return Err(BenchError::Usage(format!(
            "--count is 1 to {MAX_COUNT}, --at-once at least 1"
        )));
    }
    make_room(u64::from(plan.count))?;
    let mut script = Script::new(target, watched, stage, 0, plan.patience)?;
    let mut idle = Idle {
        target,
        ready: 0,
        lost: 0,
        reason: None,
        latencies: Latencies::new(),
    };
    let before = script.mark();
    connect(plan, target, &mut script, &mut idle)?;
    let connected = script.mark();
    let (ready, failed) = (idle.ready, idle.lost);
    hold(plan, &mut script, &mut idle)?;
    let held = script.mark();

    let mut report = Report::new("connections", target);
    report.setting("count", &plan.count);
    report.setting("at once", &plan.at_once);
    report.setting("keep-alive", &format!("{} s", target.keep_alive));
    report.setting("held for", &format!("{} s", plan.hold.as_secs_f64()));
    report.count("connected", "connected", ready);
    report.count("failed", "failed to connect", failed);
    report.count("lost", "lost while held", idle.lost - failed);
    let connecting = Stretch::between(&before, &connected, ready);
    connecting.measures(&mut report, "connect", "connection");
    percentiles(&mut report, &idle.latencies, "connect", "TCP to CONNACK");
    memory(&mut report, &before, &held, ready);
    holding(&mut report, &connected, &held);
    report.latency = Some(Latency {
        count: idle.latencies.count(),
        curve: curve(&idle.latencies),
    });
    if idle.lost > failed {
        report.faults.push(format!(
            "{} connections ended while they were held; the first: {}",
            idle.lost - failed,
            idle.reason()
        ));
    } else if failed > 0 {
        let what = format!("{failed} connections failed; the first: {}", idle.reason());
        report.faults.push(what);
    }
    if script.stopped() {
        report.notes.push("stopped early".into());
    }
    script.finish(&mut report);
    Ok(report)
}

fn curve(latencies: &Latencies) -> Vec<(f64, f64)> {
    let points = latencies.curve().into_iter();
    points.map(|(q, ns)| (q, ns as f64 / 1000.0)).collect()
}

fn connect(
    plan: &ConnectionsPlan,
    target: &Target,
    script: &mut Script<'_, '_>,
    idle: &mut Idle<'_>,
) -> Result<(), BenchError> {
    let mut begun = 0;
    while idle.ready + idle.lost < u64::from(plan.count) {
        while begun < plan.count && script.hub.opening() < plan.at_once {
            let id = script.run.client_id(target, 'c', begun as usize);
            let hello = target.hello(&id, Keeping::Clean)?;
            let carrier = target.dial(begun as usize)?;
            script.hub.open(carrier, target.version, hello)?;
            begun += 1;
        }
        let doing = format!("connecting, {} of {}", idle.ready, plan.count);
        script.turn(idle, (u64::from(begun), idle.ready), &doing)?;
        if script.stopped() {
            return Ok(());
        }
        if idle.too_many_failed(plan.count) {
            return Err(BenchError::Failed(format!(
                "{} of {begun} connections failed; the first: {}",
                idle.lost,
                idle.reason()
            )));
        }
        script.check(idle.ready + idle.lost, &doing)?;
    }
    Ok(())
}

fn hold(
    plan: &ConnectionsPlan,
    script: &mut Script<'_, '_>,
    idle: &mut Idle<'_>,
) -> Result<(), BenchError> {
    let hold = u64::try_from(plan.hold.as_nanos()).unwrap_or(u64::MAX);
    let until = script.now().saturating_add(hold);
    while script.now() < until && !script.stopped() {
        let left = (until - script.now().min(until)) / SECOND;
        let doing = format!(
            "holding {}, {left} s to go",
            idle.ready - idle.lost.min(idle.ready)
        );
        script.turn(idle, (u64::from(plan.count), idle.ready), &doing)?;
    }
    Ok(())
}

fn memory(report: &mut Report, before: &Mark, held: &Mark, ready: u64) {
    let all = Stretch::between(before, held, ready);
    all.memory(
        report,
        "broker_connection",
        "broker memory for each connection",
    );
    if let Some(resident) = held.usage.and_then(|usage| usage.resident) {
        let (key, label) = ("broker_resident", "broker resident memory");
        report.measure(Measure::new(key, label, resident as f64, Unit::Bytes));
    }
}

/// What it costs the broker to have them.
fn holding(report: &mut Report, connected: &Mark, held: &Mark) {
    let stretch = Stretch::between(connected, held, 1);
    if let Some(us) = stretch.broker_cpu.filter(|_| stretch.seconds > 0.0) {
        let percent = us / 1e6 / stretch.seconds * 100.0;
        let (key, label) = ("hold_broker_load", "broker CPU while held");
        report.measure(Measure::new(key, label, percent, Unit::Percent));
    }
}
