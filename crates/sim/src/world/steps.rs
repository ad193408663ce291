//! The steps of a world: which are possible now, and which of them chance takes.

use super::{Inner, Letter, World};
use broker::{Now, Read};
use std::rc::Rc;

/// Steps after which a world that has not come to rest never will.
const MAX_STEPS: usize = 2_000_000;

#[derive(Clone, Copy, Debug)]
enum Step {
    Turn(usize),
    Append,
    Sync,
    Read,
    Auth,
    Deliver(usize),
}

impl World {
    /// Takes one possible step; false where there is none.
    pub fn step(&self) -> bool {
        super::RUNNING.with(|running| running.replace(Rc::downgrade(&self.0)));
        let stepped = self.0.step();
        // Not in the middle of a turn: what that says would come from a node that is dead.
        if self.0.log.borrow().has_failed() {
            self.0.fall();
        }
        stepped
    }

    /// Steps until nothing is left to do without time passing.
    pub fn settle(&self) {
        for _ in 0..MAX_STEPS {
            if !self.step() {
                return;
            }
        }
        panic!("the world of seed {} does not come to rest", self.0.seed);
    }

    /// Lets time pass: at each moment at which something falls due, the world settles.
    pub fn advance(&self, ms: u64) {
        self.settle();
        let target = self.0.now.get().ms + ms;
        while let Some(at) = self.0.next_due().filter(|at| *at <= target) {
            self.0.set_time(at);
            self.settle();
        }
        self.0.set_time(target);
        self.settle();
    }

    /// Lets time pass without anything happening in it.
    pub fn tick(&self, ms: u64) {
        self.0.set_time(self.0.now.get().ms + ms);
    }
}

impl Inner {
    fn set_time(&self, ms: u64) {
        let now = self.now.get();
        let passed = ms.saturating_sub(now.ms);
        self.now.set(Now {
            ms: now.ms + passed,
            unix_ms: now.unix_ms + passed,
        });
        self.event(("time", now.ms + passed));
    }

    /// The node's own time: its monotonic clock begins anew with each of its lives.
    pub(super) fn node_now(&self) -> Now {
        let now = self.now.get();
        Now {
            ms: now.ms - self.born_ms,
            unix_ms: now.unix_ms,
        }
    }

    /// The next moment at which a timer of a shard, or of a closing socket, falls due.
    fn next_due(&self) -> Option<u64> {
        let up = self.shards.iter().filter(|_| !self.down.get());
        let shards = up.filter_map(|s| s.borrow().next_timeout());
        let shards = shards.map(|at| at + self.born_ms);
        let links = self.links.borrow();
        let active = self.active.borrow();
        let closing = active.iter().filter_map(|at| links[*at].closing);
        shards.chain(closing).min()
    }

    fn step(&self) -> bool {
        self.active
            .borrow_mut()
            .retain(|at| !self.links.borrow()[*at].over());
        let steps = self.possible();
        if steps.is_empty() {
            return false;
        }
        let step = self.rng.borrow_mut().pick(&steps);
        self.take(step);
        true
    }

    /// Another thread may get on while a shard is in the middle of its turn.
    pub(super) fn interrupted(&self) {
        if self.depth.get() >= self.shards.len() {
            return;
        }
        loop {
            if !self.rng.borrow_mut().chance(self.yield_percent) {
                return;
            }
            let steps = self.possible();
            if steps.is_empty() {
                return;
            }
            let step = self.rng.borrow_mut().pick(&steps);
            self.event("in between");
            self.take(step);
        }
    }

    fn possible(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let now_ms = self.now.get().ms;
        let links = self.links.borrow();
        let active = self.active.borrow();
        let mut wanted: Vec<bool> = {
            let desks = self.desks.borrow();
            desks
                .iter()
                .map(|desk| desk.told || !desk.inbox.is_empty())
                .collect()
        };
        for at in active.iter() {
            let link = &links[*at];
            if link.deliverable() {
                steps.push(Step::Deliver(*at));
            }
            let due = link.closing.is_some_and(|at| at <= now_ms);
            if let super::Place::At(shard, _) = link.place
                && (due || link.readable() || link.writable())
            {
                wanted[usize::from(shard)] = true;
            }
        }
        if self.down.get() {
            return steps;
        }
        let node_ms = self.node_now().ms;
        for (at, wanted) in wanted.into_iter().enumerate() {
            // A shard in the middle of a turn cannot begin another one.
            let Ok(shard) = self.shards[at].try_borrow() else {
                continue;
            };
            if wanted || shard.next_timeout().is_some_and(|due| due <= node_ms) {
                steps.push(Step::Turn(at));
            }
        }
        let log = self.log.borrow();
        if log.can_append() {
            steps.push(Step::Append);
        }
        if log.can_sync() {
            steps.push(Step::Sync);
        }
        if log.can_read() {
            steps.push(Step::Read);
        }
        if self.auth.borrow().can_answer() {
            steps.push(Step::Auth);
        }
        steps
    }

    fn take(&self, step: Step) {
        match step {
            Step::Turn(shard) => {
                self.depth.set(self.depth.get() + 1);
                self.turn(shard);
                self.depth.set(self.depth.get() - 1);
            }
            Step::Append => {
                self.event("append");
                self.log.borrow_mut().append();
            }
            Step::Sync => {
                self.event("sync");
                let synced = self.log.borrow_mut().sync();
                match synced {
                    Ok(marks) => {
                        for mark in marks {
                            self.post(mark.shard, Letter::Durable(mark));
                        }
                    }
                    Err(error) => self.event(("the log has failed", error.to_string())),
                }
            }
            Step::Read => {
                let mut rng = self.rng.borrow_mut();
                if let Some((ticket, body)) = self.log.borrow_mut().read(&mut rng) {
                    self.event(("read from the log", ticket));
                    self.post(Read::shard_of(ticket), Letter::Body(ticket, body));
                }
            }
            Step::Auth => {
                let answer = self.auth.borrow_mut().answer(&mut self.rng.borrow_mut());
                if let Some((shard, reply)) = answer {
                    self.event(("auth", shard, reply.conn));
                    self.post(shard, Letter::Auth(reply));
                }
            }
            Step::Deliver(at) => {
                let n = self.links.borrow_mut()[at].deliver(&mut self.rng.borrow_mut());
                self.event(("deliver", at, n));
            }
        }
    }
}
