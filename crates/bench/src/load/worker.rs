//! One thread of a load: its connections, its publishers and subscribers.
//!
//! Owns all of them; shares only what `shared` holds. Follows the phases that the conductor sets.

mod arrivals;

use super::publisher::{Publisher, Supply};
use super::schedule::Schedule;
use super::shared::{Phase, Shared};
use super::subscriber::{Groups, Subscriber};
use super::{Loop, Span};
use crate::BenchError;
use crate::histogram::Latencies;
use crate::ledger::Tally;
use crate::net::clock::SECOND;
use crate::net::hub::Hub;
use crate::observe::own_thread_cpu;
use crate::packets::{Keeping, filling};
use crate::relay;
use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Connections of one thread that are begun at a time.
const OPENING_AT_MOST: usize = 100;
/// How often a thread looks at the phase, whatever happens.
const LOOK: Duration = Duration::from_millis(100);
/// The same where others wait to hear that all is done.
const LOOK_AT_END: Duration = Duration::from_millis(10);
/// How often a thread's own CPU is read.
const CPU_EVERY: u64 = SECOND / 100;
/// How often recent latencies are handed over.
const HAND_OVER_EVERY: u64 = SECOND / 5;

#[derive(Clone, Copy)]
enum Role {
    Publisher(usize),
    Subscriber(usize),
}

/// What a thread measured.
pub(super) struct Measured {
    pub(super) latencies: Latencies,
    /// How long after its time a message was sent.
    pub(super) lag: Latencies,
}

struct Worker<'a> {
    shared: &'a Shared<'a>,
    me: usize,
    roles: Vec<Role>,
    publishers: Vec<Publisher>,
    subscribers: Vec<Subscriber>,
    /// Publishers that may have something to send.
    listed: Vec<usize>,
    /// Where each publisher of the run lies among ours; by number.
    ours: Vec<Option<u32>>,
    groups: Groups,
    tally: Tally,
    ready: u64,
    refused: u64,
    /// Threads whose publishers' windows have moved, a bit each.
    touched: u64,
    phase: Phase,
    schedule: Option<Schedule>,
    /// Messages of the schedule that were marked as due, and the last that may be.
    marked: u64,
    marks_end: u64,
    filling: Vec<u8>,
    measured: Measured,
    recent: Latencies,
    cpu_at: u64,
    handed_at: u64,
    moved: bool,
}

/// A thread's whole life.
pub(super) fn run(shared: &Shared<'_>, me: usize) -> Result<Measured, BenchError> {
    let keep_alive = if shared.bare {
        0
    } else {
        shared.target.keep_alive
    };
    let clock = shared.run.clock;
    let mut hub = Hub::new(clock, shared.plan.payload + PACKET_EXTRA, keep_alive)?;
    let board = &shared.boards[me];
    // Nobody else sets it.
    let _ = board.waker.set(hub.waker()?);
    let mut worker = Worker::new(shared, me);
    let mut to_open = worker.list_clients().into_iter();
    loop {
        let phase = shared.phase();
        if phase != worker.phase {
            worker.enter(phase);
        }
        if phase == Phase::Close {
            break;
        }
        while hub.opening() < OPENING_AT_MOST {
            let Some((role, number)) = to_open.next() else {
                break;
            };
            worker.open(&mut hub, role, number)?;
        }
        let wait = worker.wait(&mut hub)?;
        hub.turn(wait, &mut worker)?;
        board.asleep.store(false, Ordering::SeqCst);
        if hub.take_woken() {
            worker.list_all();
        }
        worker.work(&mut hub)?;
    }
    worker.hand_over();
    hub.close_all();
    Ok(worker.measured)
}

/// What a packet has besides its payload, at most: header, topic, properties.
const PACKET_EXTRA: usize = 128 << 10;

impl<'a> Worker<'a> {
    fn new(shared: &'a Shared<'a>, me: usize) -> Worker<'a> {
        Worker {
            shared,
            me,
            roles: Vec::new(),
            publishers: Vec::new(),
            subscribers: Vec::new(),
            listed: Vec::new(),
            ours: vec![None; shared.plan.topology.publishers as usize],
            groups: Groups::new(),
            tally: Tally::default(),
            ready: 0,
            refused: 0,
            touched: 0,
            phase: Phase::Connect,
            schedule: None,
            marked: 0,
            marks_end: u64::MAX,
            filling: filling(shared.plan.payload),
            measured: Measured {
                latencies: Latencies::new(),
                lag: Latencies::new(),
            },
            recent: Latencies::new(),
            cpu_at: 0,
            handed_at: 0,
            moved: false,
        }
    }

    /// Subscribers first, so that they are not the last to be there.
    fn list_clients(&self) -> Vec<(char, u32)> {
        let t = &self.shared.plan.topology;
        let subscribers = (0..t.subscribers)
            .filter(|s| self.shared.home_of_subscriber(*s) == self.me)
            .map(|s| ('s', s));
        let publishers = (0..t.publishers)
            .filter(|p| self.shared.home_of_publisher(*p) == self.me)
            .map(|p| ('p', p));
        subscribers.chain(publishers).collect()
    }

    fn open(&mut self, hub: &mut Hub, kind: char, number: u32) -> Result<(), BenchError> {
        let shared = self.shared;
        let target = shared.target;
        let keeping = if shared.plan.persistent {
            Keeping::Persistent
        } else {
            Keeping::Clean
        };
        let t = &shared.plan.topology;
        let id = shared.run.client_id(target, kind, number as usize);
        let hello = match (shared.bare, kind) {
            (false, _) => target.hello(&id, keeping)?,
            (true, 's') => relay::hello_subscriber(t.topic_of_subscriber(number, 0)),
            (true, _) => relay::hello_publisher(t.topic_of_publisher(number, 0)),
        };
        let carrier = target.dial(hub.len())?;
        let who = hub.open(carrier, target.version, hello)?;
        if kind == 's' {
            self.roles.push(Role::Subscriber(self.subscribers.len()));
            self.subscribers.push(Subscriber::new(shared, number));
        } else {
            self.roles.push(Role::Publisher(self.publishers.len()));
            if let Some(place) = self.ours.get_mut(number as usize) {
                *place = u32::try_from(self.publishers.len()).ok();
            }
            self.publishers.push(Publisher::new(shared, number, who)?);
        }
        Ok(())
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        let (mine, all) = (
            self.publishers.len() as u64,
            u64::from(self.shared.plan.topology.publishers),
        );
        let quota = match self.shared.plan.span {
            Span::Messages(n) if phase == Phase::Measure => Some(n),
            _ => None,
        };
        match (phase, self.shared.plan.pacing) {
            (Phase::Warm | Phase::Measure, Loop::Open { rate }) => {
                if self.schedule.is_none() && mine > 0 {
                    let from = self.shared.load_from.load(Ordering::Acquire);
                    self.schedule = Some(Schedule::new(from, rate * mine as f64 / all as f64));
                }
                if let Some(n) = quota {
                    let share = self.publishers.iter().map(|p| p.share(n, all)).sum::<u64>();
                    self.marks_end = self.marked + share;
                }
            }
            (Phase::Warm | Phase::Measure, Loop::Closed) => {
                for publisher in &mut self.publishers {
                    publisher.limit = match quota {
                        Some(n) => publisher.sent() + publisher.share(n, all),
                        None => u64::MAX,
                    };
                }
                self.list_all();
            }
            (Phase::Drain, Loop::Closed) => self.publishers.iter_mut().for_each(Publisher::stop),
            (Phase::Drain, Loop::Open { .. }) => self.marks_end = self.marked,
            _ => {}
        }
    }

    /// How long the next turn may wait; sets the alarm where a message will be due.
    fn wait(&mut self, hub: &mut Hub) -> Result<Duration, BenchError> {
        // Said before the last look, so that whoever moves a window or the phase now wakes us.
        self.shared.boards[self.me]
            .asleep
            .store(true, Ordering::SeqCst);
        if self.shared.phase() != self.phase {
            return Ok(Duration::ZERO);
        }
        if self.shared.boards.len() > 1 && self.shared.plan.pacing == Loop::Closed {
            self.list_all();
            if self.fill(hub)? {
                return Ok(Duration::ZERO);
            }
        }
        if let Some(schedule) = self.schedule
            && self.marked < self.marks_end
        {
            let at = schedule.intended(self.marked);
            if at <= self.shared.run.clock.now() {
                return Ok(Duration::ZERO);
            }
            hub.set_alarm(at)?;
        }
        let near_the_end = match self.phase {
            Phase::Measure => matches!(self.shared.plan.span, Span::Messages(_)),
            phase => phase >= Phase::Drain,
        };
        Ok(if near_the_end { LOOK_AT_END } else { LOOK })
    }

    /// What follows from a turn: marks what is due, sends, tells the others.
    fn work(&mut self, hub: &mut Hub) -> Result<(), BenchError> {
        let now = self.shared.run.clock.now();
        if let Some(schedule) = self.schedule {
            let due = schedule.due(now).min(self.marks_end);
            let n = self.publishers.len() as u64;
            while self.marked < due {
                let index = (self.marked % n) as usize;
                self.publishers[index].limit += 1;
                list(&mut self.publishers[index], index, &mut self.listed);
                self.marked += 1;
            }
        }
        self.fill(hub)?;
        for (thread, board) in self.shared.boards.iter().enumerate() {
            if self.touched & (1 << thread) != 0 {
                board.wake();
            }
        }
        self.touched = 0;
        self.show(hub, now);
        Ok(())
    }

    /// Lets each listed publisher send; true where anything was sent.
    fn fill(&mut self, hub: &mut Hub) -> Result<bool, BenchError> {
        let before = self.tally.sent;
        let mut listed = std::mem::take(&mut self.listed);
        let mut still = 0;
        for at in 0..listed.len() {
            let index = listed[at];
            if self.fill_one(hub, index)? {
                // Its socket is full: it is looked at again when that has moved.
                listed[still] = index;
                still += 1;
            } else {
                self.publishers[index].listed = false;
            }
        }
        listed.truncate(still);
        listed.append(&mut self.listed);
        self.listed = listed;
        self.moved |= self.tally.sent > before;
        Ok(self.tally.sent > before)
    }

    fn fill_one(&mut self, hub: &mut Hub, index: usize) -> Result<bool, BenchError> {
        let n = self.publishers.len() as u64;
        loop {
            let publisher = &mut self.publishers[index];
            let who = publisher.who;
            let schedule = self.schedule;
            let intended = move |sent: u64| {
                schedule.map_or(0, |schedule| schedule.intended(sent * n + index as u64))
            };
            let client = hub.client(who);
            if !client.is_ready() {
                return Ok(false);
            }
            let mut supply = Supply {
                shared: self.shared,
                filling: &self.filling,
                tally: &mut self.tally,
                lag: &mut self.measured.lag,
                now: self.shared.run.clock.now(),
                intended: &intended,
            };
            let full = publisher.fill(client, &mut supply);
            if client.unwritten() == 0 {
                return Ok(false);
            }
            if !hub.flush(who, self)? {
                return Ok(true);
            }
            if !full {
                return Ok(false);
            }
        }
    }

    fn list_all(&mut self) {
        for (index, publisher) in self.publishers.iter_mut().enumerate() {
            list(publisher, index, &mut self.listed);
        }
    }

    /// Brings the board up to date.
    fn show(&mut self, hub: &mut Hub, now: u64) {
        let board = &self.shared.boards[self.me];
        if std::mem::take(&mut self.moved) {
            board.moved_at.store(now, Ordering::Relaxed);
        }
        board.refused.store(self.refused, Ordering::Relaxed);
        board.ready.store(self.ready, Ordering::Relaxed);
        board.show(&self.tally);
        if now >= self.cpu_at {
            self.cpu_at = now + CPU_EVERY;
            board.cpu_ns.store(own_thread_cpu(), Ordering::Relaxed);
            self.show_ends(hub);
        }
        if now >= self.handed_at {
            self.handed_at = now + HAND_OVER_EVERY;
            self.hand_over();
        }
    }

    /// Whether there is anything left to send, or to wait for.
    fn show_ends(&self, hub: &mut Hub) {
        if self.phase < Phase::Measure {
            return;
        }
        let board = &self.shared.boards[self.me];
        let unsent = self.publishers.iter().map(Publisher::unsent);
        let unsent = unsent.fold(0, u64::saturating_add);
        let scheduled = self.schedule.is_none() || self.marked == self.marks_end;
        let finished = scheduled && unsent == 0;
        board.finished.store(finished, Ordering::Relaxed);
        let due = self.schedule.map_or(0, |_| unsent);
        board.unsent.store(due, Ordering::Relaxed);
        let quiet = finished
            && self.publishers.iter().all(Publisher::is_quiet)
            && (0..hub.len()).all(|who| hub.client(who).unwritten() == 0);
        board.quiet.store(quiet, Ordering::Relaxed);
    }

    fn hand_over(&mut self) {
        if self.recent.count() == 0 {
            return;
        }
        if let Ok(mut recent) = self.shared.boards[self.me].recent.lock() {
            recent.add(&self.recent);
        }
        self.measured.latencies.add(&self.recent);
        self.recent.clear();
    }

    fn wrong(&self, who: usize, what: &str) -> BenchError {
        let why = io::Error::new(io::ErrorKind::InvalidData, what);
        self.shared.target.lost(&self.name(who), &why)
    }

    fn name(&self, who: usize) -> String {
        match self.roles.get(who) {
            Some(Role::Publisher(_)) => format!("of a publisher (number {who} of its thread)"),
            _ => format!("of a subscriber (number {who} of its thread)"),
        }
    }
}

/// Puts a publisher on the list, once.
fn list(publisher: &mut Publisher, index: usize, listed: &mut Vec<usize>) {
    if !std::mem::replace(&mut publisher.listed, true) {
        listed.push(index);
    }
}
