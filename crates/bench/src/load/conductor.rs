//! Takes the threads of a load through connecting, warming up, measuring, draining and closing.
//!
//! Runs on the caller's thread; looks at the boards, samples once a second, and touches no connection.

use super::shared::{Phase, Shared};
use super::summary::{Account, Mark};
use super::worker::{self, Measured};
use super::{LoadPlan, Loop, Span};
use crate::histogram::Latencies;
use crate::net::clock::SECOND;
use crate::net::limits::make_room;
use crate::observe::Watched;
use crate::report::Report;
use crate::report::sampler::{Reading, Sampler};
use crate::sessions;
use crate::target::Target;
use crate::{BenchError, Stage};
use std::sync::atomic::Ordering;
use std::thread::ScopedJoinHandle;
use std::time::Duration;

/// How often the boards are looked at.
const LOOK: Duration = Duration::from_millis(5);
/// How long all connections may take while none of them gets any further.
const CONNECT_PATIENCE: u64 = 30 * SECOND;
/// What an open loop that has fallen behind gets after its end.
const DRAIN_AT_MOST: u64 = 30 * SECOND;

type Handle<'scope> = ScopedJoinHandle<'scope, Result<Measured, BenchError>>;

pub(crate) fn run(
    plan: &LoadPlan,
    target: &Target,
    watched: &Watched,
    stage: &mut Stage<'_>,
) -> Result<Report, BenchError> {
    plan.check()?;
    run_on(plan, target, watched, stage, false)
}

/// `bare`: no MQTT is spoken but PUBLISH.
pub(crate) fn run_on(
    plan: &LoadPlan,
    target: &Target,
    watched: &Watched,
    stage: &mut Stage<'_>,
    bare: bool,
) -> Result<Report, BenchError> {
    plan.quality()?;
    let t = &plan.topology;
    make_room(u64::from(t.publishers) + u64::from(t.subscribers))?;
    let shared = Shared::new(plan, target, bare);
    let shared = &shared;
    let account = std::thread::scope(|scope| {
        let spawn = |me| {
            std::thread::Builder::new()
                .name(format!("bench-{me}"))
                .spawn_scoped(scope, move || worker::run(shared, me))
                .map_err(BenchError::io("cannot start a thread"))
        };
        let mut handles = Vec::new();
        let mut failure = None;
        for me in 0..plan.threads {
            match spawn(me) {
                Ok(handle) => handles.push(handle),
                Err(e) => failure = Some(e),
            }
        }
        let mut conductor = Conductor {
            shared,
            watched,
            stage,
            sampler: Sampler::new(),
            handles: &handles,
        };
        let conducted = match failure {
            None => conductor.conduct(),
            Some(e) => Err(e),
        };
        let sampler = conductor.sampler;
        shared.set_phase(Phase::Close);
        let measured = join(handles)?;
        conducted.map(|(from, to, ends)| Account {
            shared,
            from,
            to,
            ends,
            samples: sampler.into_samples(),
            latencies: measured.latencies,
            lag: measured.lag,
        })
    })?;
    if plan.persistent && !bare {
        let subscribers = (0..t.subscribers).map(|n| shared.run.client_id(target, 's', n as usize));
        let publishers = (0..t.publishers).map(|n| shared.run.client_id(target, 'p', n as usize));
        sessions::forget(target, &shared.run, subscribers.chain(publishers))?;
    }
    Ok(account.report())
}

/// What all threads measured. The first that failed says why the run did.
fn join(handles: Vec<Handle<'_>>) -> Result<Measured, BenchError> {
    let mut sum = Measured {
        latencies: Latencies::new(),
        lag: Latencies::new(),
    };
    for handle in handles {
        let Ok(measured) = handle.join() else {
            return Err(BenchError::failed("a thread of the load failed"));
        };
        let measured = measured?;
        sum.latencies.add(&measured.latencies);
        sum.lag.add(&measured.lag);
    }
    Ok(sum)
}

/// How the measured part came to its end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ends {
    /// The user stopped it.
    pub(super) stopped: bool,
    /// Messages that were due and never sent.
    pub(super) unsent: u64,
    /// What was on its way did not arrive within the plan's patience.
    pub(super) out_of_patience: bool,
}

struct Conductor<'a, 'b, 'scope> {
    shared: &'a Shared<'a>,
    watched: &'a Watched,
    stage: &'a mut Stage<'b>,
    sampler: Sampler,
    handles: &'a [Handle<'scope>],
}

impl Conductor<'_, '_, '_> {
    /// The account at both ends of what was measured.
    fn conduct(&mut self) -> Result<(Mark, Mark, Ends), BenchError> {
        let mut ends = Ends::default();
        self.connect()?;
        let plan = self.shared.plan;
        let now = self.shared.run.clock.now();
        self.shared.load_from.store(now, Ordering::Release);
        if !plan.warmup.is_zero() {
            self.shared.set_phase(Phase::Warm);
            let until = now.saturating_add(nanos(plan.warmup));
            while self.shared.run.clock.now() < until && !self.is_over() {
                self.look("warming up");
            }
        }
        let from = Mark::now(self.shared, self.watched);
        let measure_from = if plan.warmup.is_zero() { now } else { from.at };
        self.shared
            .measure_from
            .store(measure_from, Ordering::Release);
        self.shared.set_phase(Phase::Measure);
        self.measure(from.at);
        ends.stopped = self.stage.stopped();
        self.shared.set_phase(Phase::Drain);
        ends.out_of_patience = !self.drain();
        ends.unsent = self.shared.sum(|board| &board.unsent);
        // Threads show their own CPU a hundred times a second.
        let mut to = Mark::now(self.shared, self.watched);
        let moved = self.moved_at();
        if moved > from.at {
            to.at = moved;
        }
        Ok((from, to, ends))
    }

    fn connect(&mut self) -> Result<(), BenchError> {
        let t = &self.shared.plan.topology;
        let all = u64::from(t.publishers) + u64::from(t.subscribers);
        let clock = self.shared.run.clock;
        let (mut ready, mut moved) = (0, clock.now());
        while ready < all {
            let now_ready = self.shared.sum(|board| &board.ready);
            if now_ready > ready {
                (ready, moved) = (now_ready, clock.now());
            }
            if self.handles.iter().any(|handle| handle.is_finished()) {
                // Joining it says why.
                return Err(BenchError::failed("a thread of the load ended early"));
            }
            if self.stage.stopped() {
                return Err(BenchError::failed("stopped before all were connected"));
            }
            if clock.now() - moved > CONNECT_PATIENCE {
                return Err(BenchError::Failed(format!(
                    "{} does not answer: {ready} of {all} connections stand, and no other came for {} seconds",
                    self.shared.target.name,
                    CONNECT_PATIENCE / SECOND
                )));
            }
            self.look(&format!("connecting, {ready} of {all}"));
        }
        Ok(())
    }

    fn measure(&mut self, from: u64) {
        let until = match self.shared.plan.span {
            Span::For(span) => from.saturating_add(nanos(span)),
            Span::Messages(_) => u64::MAX,
        };
        let patience = nanos(self.shared.plan.patience);
        loop {
            let now = self.shared.run.clock.now();
            let finished = self
                .shared
                .boards
                .iter()
                .all(|board| board.finished.load(Ordering::Relaxed));
            // A closed loop in which nothing moves will not go on: what it waits for is lost.
            let stuck = self.shared.plan.pacing == Loop::Closed
                && now.saturating_sub(self.moved_at().max(from)) > patience;
            if now >= until || finished || stuck || self.is_over() {
                return;
            }
            self.look("");
        }
    }

    /// Waits for what is on its way; false where it does not come.
    fn drain(&mut self) -> bool {
        let patience = nanos(self.shared.plan.patience);
        let begun = self.shared.run.clock.now();
        loop {
            let tally = self.shared.tally();
            let quiet = self
                .shared
                .boards
                .iter()
                .all(|board| board.quiet.load(Ordering::Relaxed));
            if quiet && tally.lost() == 0 {
                return true;
            }
            let now = self.shared.run.clock.now();
            let still = now.saturating_sub(self.moved_at().max(begun));
            if still > patience || now - begun > DRAIN_AT_MOST.max(2 * patience) {
                return false;
            }
            if self.handles.iter().any(|handle| handle.is_finished()) {
                return false;
            }
            self.look("waiting for what is on its way");
        }
    }

    fn is_over(&self) -> bool {
        self.stage.stopped() || self.handles.iter().any(|handle| handle.is_finished())
    }

    fn moved_at(&self) -> u64 {
        let boards = self.shared.boards.iter();
        boards
            .map(|board| board.moved_at.load(Ordering::Relaxed))
            .max()
            .unwrap_or(0)
    }

    /// Lets a moment pass, and tells once a second how it goes.
    fn look(&mut self, doing: &str) {
        std::thread::sleep(LOOK);
        let now = self.shared.run.clock.now();
        if !self.sampler.is_due(now) {
            return;
        }
        let tally = self.shared.tally();
        let recent = match self.shared.plan.pacing {
            Loop::Closed => None,
            Loop::Open { .. } => Some(self.take_recent()),
        };
        let reading = Reading {
            now,
            sent: tally.sent,
            delivered: tally.delivered,
            usage: self.watched.usage(),
            own_cpu_ns: self.shared.sum(|board| &board.cpu_ns),
            latencies: recent.as_ref(),
        };
        let line = self.sampler.take(&reading, doing.is_empty());
        if doing.is_empty() {
            self.stage.tell(&line);
        } else {
            self.stage.tell(&format!("{doing}; {line}"));
        }
    }

    fn take_recent(&self) -> Latencies {
        let mut sum = Latencies::new();
        for board in &self.shared.boards {
            if let Ok(mut recent) = board.recent.lock() {
                sum.add(&recent);
                recent.clear();
            }
        }
        sum
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
