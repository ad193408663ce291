//! A run on one thread, step by step: turns of its hub, a line of progress a second, and an end to patience.
//!
//! Owns the hub and the samples of the run; what the steps are is its mode's.

use crate::crowd::{Crowd, Taker};
use crate::histogram::PERCENTILES;
use crate::net::clock::SECOND;
use crate::net::hub::{Handler, Hub};
use crate::observe::{Usage, Watched, own_thread_cpu};
use crate::packets::Keeping;
use crate::report::sampler::{Reading, Sampler};
use crate::report::{Measure, Report, Unit, generator_bound};
use crate::target::{Run, Target};
use crate::{BenchError, Stage};
use std::time::Duration;

/// Connections that are begun at a time, where a plan does not say.
const OPENING_AT_MOST: usize = 100;
/// How long a turn waits at most.
const LOOK: Duration = Duration::from_millis(20);

/// Cost and time at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) at: u64,
    pub(crate) usage: Option<Usage>,
    own: u64,
}

pub(crate) struct Script<'a, 's> {
    pub(crate) target: &'a Target,
    pub(crate) run: Run,
    pub(crate) hub: Hub,
    watched: &'a Watched,
    stage: &'a mut Stage<'s>,
    sampler: Sampler,
    /// What was last seen to move, and when.
    seen: (u64, u64),
    patience: u64,
    packet: usize,
}

impl<'a, 's> Script<'a, 's> {
    pub(crate) fn new(
        target: &'a Target,
        watched: &'a Watched,
        stage: &'a mut Stage<'s>,
        packet: usize,
        patience: Duration,
    ) -> Result<Self, BenchError> {
        let run = Run::begin();
        Ok(Script {
            target,
            run,
            hub: Hub::new(run.clock, packet, target.keep_alive)?,
            watched,
            stage,
            sampler: Sampler::new(),
            seen: (0, run.clock.now()),
            patience: u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX),
            packet,
        })
    }

    /// Begins anew with no connection; those that stand are closed.
    pub(crate) fn new_hub(&mut self) -> Result<(), BenchError> {
        self.hub.close_all();
        self.hub = Hub::new(self.run.clock, self.packet, self.target.keep_alive)?;
        Ok(())
    }

    pub(crate) fn now(&self) -> u64 {
        self.run.clock.now()
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark {
            at: self.now(),
            usage: self.watched.usage(),
            own: own_thread_cpu(),
        }
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stage.stopped()
    }

    /// One turn. `moves` grows whenever anything happens, `counts` are what is sent and what has come.
    pub(crate) fn turn<H: Handler>(
        &mut self,
        handler: &mut H,
        counts: (u64, u64),
        doing: &str,
    ) -> Result<(), BenchError> {
        self.hub.turn(LOOK, handler)?;
        let now = self.now();
        if self.sampler.is_due(now) {
            let reading = Reading {
                now,
                sent: counts.0,
                delivered: counts.1,
                usage: self.watched.usage(),
                own_cpu_ns: own_thread_cpu(),
                latencies: None,
            };
            let line = self.sampler.take(&reading, true);
            self.stage.tell(&format!("{doing}; {line}"));
        }
        Ok(())
    }

    /// True where nothing has moved for as long as the run's patience goes.
    pub(crate) fn is_stuck(&mut self, moves: u64) -> bool {
        let now = self.now();
        if moves != self.seen.0 {
            self.seen = (moves, now);
        }
        now - self.seen.1 > self.patience
    }

    /// Gives the next wait its full patience.
    pub(crate) fn be_patient(&mut self) {
        self.seen.1 = self.now();
    }

    /// Connects clients of these ids; fails where one is refused.
    pub(crate) fn connect<T: Taker>(
        &mut self,
        crowd: &mut Crowd<'_, T>,
        ids: impl ExactSizeIterator<Item = String>,
        keeping: Keeping,
        what: &str,
    ) -> Result<(), BenchError> {
        let goal = crowd.ready + ids.len() as u64;
        let mut ids = ids;
        self.be_patient();
        while crowd.ready < goal {
            while self.hub.opening() < OPENING_AT_MOST {
                let Some(id) = ids.next() else { break };
                let hello = self.target.hello(&id, keeping)?;
                let carrier = self.target.dial(self.hub.len())?;
                self.hub.open(carrier, self.target.version, hello)?;
            }
            let doing = format!("connecting {what}, {} of {goal}", crowd.ready);
            self.turn(crowd, (goal, crowd.ready), &doing)?;
            self.check(crowd.moves, &doing)?;
        }
        Ok(())
    }

    /// An error where the user has stopped the run, or nothing moves any more.
    pub(crate) fn check(&mut self, moves: u64, doing: &str) -> Result<(), BenchError> {
        if self.stopped() {
            return Err(BenchError::Failed(format!("stopped while {doing}")));
        }
        if self.is_stuck(moves) {
            return Err(BenchError::Failed(format!(
                "{} does not answer any more: {doing}, and nothing has moved for {} seconds",
                self.target.name,
                self.patience / SECOND
            )));
        }
        Ok(())
    }

    /// Closes everything; the samples go into the report.
    pub(crate) fn finish(mut self, report: &mut Report) {
        self.hub.close_all();
        report.samples = self.sampler.into_samples();
    }
}

/// Time, rate and cost between two moments in which `count` of `what` happened.
pub(crate) struct Stretch {
    pub(crate) seconds: f64,
    pub(crate) rate: f64,
    /// Broker CPU for each, in microseconds.
    pub(crate) broker_cpu: Option<f64>,
    /// Memory that the broker has more, for each, in bytes.
    pub(crate) broker_bytes: Option<f64>,
    pub(crate) own_cpu: f64,
    pub(crate) own_load: f64,
}

impl Stretch {
    pub(crate) fn between(from: &Mark, to: &Mark, count: u64) -> Stretch {
        let seconds = (to.at.saturating_sub(from.at)) as f64 / 1e9;
        let each = count.max(1) as f64;
        let usage = from.usage.zip(to.usage);
        let own = to.own.saturating_sub(from.own) as f64;
        Stretch {
            seconds,
            rate: count as f64 / seconds.max(1e-9),
            broker_cpu: usage
                .map(|(from, to)| to.cpu_ns.saturating_sub(from.cpu_ns) as f64 / 1000.0 / each),
            broker_bytes: usage
                .and_then(|(from, to)| Some((from.resident?, to.resident?)))
                .map(|(from, to)| (to as f64 - from as f64) / each),
            own_cpu: own / 1000.0 / each,
            own_load: own / 1e9 / seconds.max(1e-9),
        }
    }

    /// Rate, costs and time as measures; `key` and `what` name what is counted, in the singular.
    pub(crate) fn measures(&self, report: &mut Report, key: &str, what: &str) {
        let name = |rest: &str| format!("{key}_{rest}");
        let mut add = |rest: &str, label: String, value: Option<f64>, unit: Unit| {
            if let Some(value) = value {
                report.measure(Measure::new(&name(rest), &label, value, unit));
            }
        };
        add(
            "seconds",
            format!("{what}: took"),
            Some(self.seconds),
            Unit::Seconds,
        );
        add(
            "rate",
            format!("{what}: a second"),
            Some(self.rate),
            Unit::PerSecond,
        );
        add(
            "broker_cpu",
            format!("{what}: broker CPU for each"),
            self.broker_cpu,
            Unit::Microseconds,
        );
        add(
            "own_cpu",
            format!("{what}: generator CPU for each"),
            Some(self.own_cpu),
            Unit::Microseconds,
        );
        report
            .notes
            .extend(generator_bound(self.own_load).map(|note| format!("{what}: {note}")));
    }

    /// The broker's memory for each, where it is known.
    pub(crate) fn memory(&self, report: &mut Report, key: &str, label: &str) {
        if let Some(bytes) = self.broker_bytes {
            report.measure(Measure::new(key, label, bytes, Unit::Bytes));
        }
    }
}

/// The percentiles of a histogram as measures.
pub(crate) fn percentiles(
    report: &mut Report,
    latencies: &crate::histogram::Latencies,
    key: &str,
    label: &str,
) {
    let us = |ns: u64| ns as f64 / 1000.0;
    let mut add = |name: &str, value: f64| {
        let (key, label) = (format!("{key}_{name}"), format!("{label} {name}"));
        report.measure(Measure::new(&key, &label, value, Unit::Microseconds));
    };
    for (name, quantile) in PERCENTILES {
        add(name, us(latencies.at(quantile)));
    }
    add("max", us(latencies.max()));
    add("mean", latencies.mean() / 1000.0);
}
