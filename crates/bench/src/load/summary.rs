//! From counters at both ends of the measured part to the report of a load.

use super::conductor::Ends;
use super::shared::Shared;
use super::{LoadPlan, Loop};
use crate::histogram::{Latencies, PERCENTILES};
use crate::ledger::Tally;
use crate::observe::{Usage, Watched};
use crate::report::{Latency, Measure, Report, Sample, Unit, generator_bound};
use std::sync::atomic::Ordering;

/// All counters at one moment.
pub(super) struct Mark {
    pub(super) at: u64,
    tally: Tally,
    usage: Option<Usage>,
    own: Vec<u64>,
}

impl Mark {
    pub(super) fn now(shared: &Shared<'_>, watched: &Watched) -> Mark {
        let own = |board: &super::shared::Board| board.cpu_ns.load(Ordering::Relaxed);
        Mark {
            at: shared.run.clock.now(),
            tally: shared.tally(),
            usage: watched.usage(),
            own: shared.boards.iter().map(own).collect(),
        }
    }
}

pub(super) struct Account<'a> {
    pub(super) shared: &'a Shared<'a>,
    pub(super) from: Mark,
    pub(super) to: Mark,
    pub(super) ends: Ends,
    pub(super) samples: Vec<Sample>,
    pub(super) latencies: Latencies,
    pub(super) lag: Latencies,
}

impl Account<'_> {
    pub(super) fn report(self) -> Report {
        let plan = self.shared.plan;
        let seconds = (self.to.at.saturating_sub(self.from.at)) as f64 / 1e9;
        let mode = match (self.shared.bare, plan.pacing) {
            (true, _) => "relay",
            (false, Loop::Closed) => "throughput",
            (false, Loop::Open { .. }) => "latency",
        };
        let mut report = Report::new(mode, self.shared.target);
        settings(plan, &mut report);
        self.counts(&mut report, seconds);
        self.costs(&mut report, seconds);
        if let Loop::Open { .. } = plan.pacing {
            self.latency(&mut report);
        }
        let total = &self.to.tally;
        report.faults = total.faults(plan.qos);
        if self.ends.unsent > 0 {
            report.faults.push(format!(
                "{} messages were due and never sent: the rate is more than the broker takes",
                self.ends.unsent
            ));
        }
        let refused = self.shared.sum(|board| &board.refused);
        if refused > 0 {
            let what = format!("{refused} messages that the broker refused to take");
            report.faults.push(what);
        }
        if self.ends.out_of_patience && report.faults.is_empty() {
            let what = "acknowledgements that did not come within the patience of the run";
            report.faults.push(what.into());
        }
        if self.ends.stopped {
            report.notes.push("stopped early".into());
        }
        report.samples = self.samples;
        report
    }

    fn counts(&self, report: &mut Report, seconds: f64) {
        let (from, to) = (&self.from.tally, &self.to.tally);
        let sent = to.sent - from.sent;
        let delivered = to.delivered - from.delivered;
        let counts = [
            ("sent", "sent", sent),
            ("delivered", "delivered", delivered),
            ("sent_in_all", "sent, warm-up included", to.sent),
            (
                "delivered_in_all",
                "delivered, warm-up included",
                to.delivered,
            ),
            ("lost", "lost", to.lost()),
            ("repeated", "delivered more than once", to.repeated),
            ("disordered", "out of order", to.disordered),
        ];
        for (key, label, count) in counts {
            report.measure(Measure::new(key, label, count as f64, Unit::Count));
        }
        report.measure(Measure::new("seconds", "took", seconds, Unit::Seconds));
        for (key, label, count) in [
            ("sent_rate", "sent a second", sent),
            ("delivered_rate", "delivered a second", delivered),
        ] {
            let rate = count as f64 / seconds.max(1e-9);
            report.measure(Measure::new(key, label, rate, Unit::PerSecond));
        }
    }

    fn costs(&self, report: &mut Report, seconds: f64) {
        let delivered = (self.to.tally.delivered - self.from.tally.delivered).max(1) as f64;
        if let (Some(from), Some(to)) = (self.from.usage, self.to.usage) {
            let cpu = to.cpu_ns.saturating_sub(from.cpu_ns) as f64;
            report.broker_cost(cpu / 1000.0 / delivered, cpu / 1e9 / seconds.max(1e-9));
            if let Some(resident) = to.resident {
                report.measure(Measure::new(
                    "broker_resident",
                    "broker resident memory",
                    resident as f64,
                    Unit::Bytes,
                ));
            }
        }
        let used: Vec<f64> = self
            .from
            .own
            .iter()
            .zip(&self.to.own)
            .map(|(from, to)| to.saturating_sub(*from) as f64)
            .collect();
        let all: f64 = used.iter().sum();
        let busiest = used.iter().copied().fold(0.0, f64::max) / 1e9 / seconds.max(1e-9);
        report.own_cost(all / 1000.0 / delivered, busiest);
        report.notes.extend(generator_bound(busiest));
    }

    fn latency(&self, report: &mut Report) {
        let us = |ns: u64| ns as f64 / 1000.0;
        for (name, quantile) in PERCENTILES {
            let value = us(self.latencies.at(quantile));
            let (key, label) = (format!("latency_{name}"), format!("latency {name}"));
            report.measure(Measure::new(&key, &label, value, Unit::Microseconds));
        }
        let (max, mean) = (us(self.latencies.max()), self.latencies.mean() / 1000.0);
        for (key, label, value) in [
            ("latency_max", "latency max", max),
            ("latency_mean", "latency mean", mean),
            (
                "lag_p99",
                "sent late by (p99, part of the latency)",
                us(self.lag.at(0.99)),
            ),
        ] {
            report.measure(Measure::new(key, label, value, Unit::Microseconds));
        }
        report.latency = Some(Latency {
            count: self.latencies.count(),
            curve: self
                .latencies
                .curve()
                .into_iter()
                .map(|(quantile, ns)| (quantile, us(ns)))
                .collect(),
        });
    }
}

fn settings(plan: &LoadPlan, report: &mut Report) {
    let t = &plan.topology;
    let shared = if t.shared { ", shared" } else { "" };
    report.setting(
        "topology",
        &format!(
            "{} → {}, topics: {}{shared}",
            t.publishers, t.subscribers, t.topics
        ),
    );
    report.setting("qos", &plan.qos);
    report.setting("payload", &format!("{} bytes", plan.payload));
    match plan.pacing {
        Loop::Closed => report.setting("window", &plan.window),
        Loop::Open { rate } => report.setting("rate", &format!("{rate} a second")),
    }
    report.setting("warm-up", &format!("{} s", plan.warmup.as_secs_f64()));
    if plan.persistent {
        report.setting("sessions", &"persistent");
    }
    report.setting("threads", &plan.threads);
}
