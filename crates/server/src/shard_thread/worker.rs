//! A thread at work for its shard, and the first one for all while one is enough.
//!
//! Waking a thread costs more than a short turn, so threads are worth their wake-ups only under load.
//! Below that the first thread works for all shards: its poll waits for their polls, mail between them is
//! dealt with next and wakes nobody, and their threads are parked. When it has much to do they take
//! their shards back. Sockets stay where they are registered, whoever reads them.
//!
//! At every moment somebody waits for each shard's poll, or has been told to look: a thread that parks
//! rouses its inbox for the one that works for all, and that one rouses all when it gives them back.

use super::load::{Change, Load};
use super::seats::Room;
use broker::Now;
use message::ShardId;
use mio::unix::SourceFd;
use mio::{Events, Interest, Token};
use std::io;
use std::time::Duration;

/// Readiness events taken by one poll.
const MAX_EVENTS: usize = 1024;
/// Calls between two polls, those among them that calls have led to.
const MAX_CALLS: usize = 64;
/// Tokens with all of these bits are of other shards' polls.
const SHARD_BITS: usize = 0b111 << (usize::BITS - 3);

/// A shard that this thread works for.
struct Desk {
    shard: usize,
    /// When there is something to do there without any event; none where that is at once.
    until: Option<u64>,
    /// Its poll has events.
    told: bool,
}

impl Desk {
    fn new(shard: usize) -> Self {
        Desk {
            shard,
            until: None,
            told: true,
        }
    }
}

struct Worker<'a> {
    room: &'a Room,
    own: usize,
    /// The own shard first.
    desks: Vec<Desk>,
    /// Shards that sleep and have mail.
    calls: Vec<ShardId>,
    events: Events,
    /// Of another shard's poll.
    others: Events,
    nothing: Events,
    load: Load,
    stopped: bool,
}

/// Works until the own shard is told to stop.
pub(super) fn run(room: &Room, own: usize) -> io::Result<()> {
    let mut worker = Worker {
        room,
        own,
        desks: vec![Desk::new(own)],
        calls: Vec::new(),
        events: Events::with_capacity(MAX_EVENTS),
        others: Events::with_capacity(MAX_EVENTS),
        nothing: Events::with_capacity(0),
        load: Load::new(room.thresholds, room.clock.us()),
        stopped: false,
    };
    let result = worker.run();
    let parted = worker.part();
    result.and(parted)
}

impl Worker<'_> {
    fn run(&mut self) -> io::Result<()> {
        while !self.stopped {
            if self.own != 0 && self.room.is_together() {
                self.park();
            }
            let wait = self.rest()?;
            let seat = &self.room.seats[self.own];
            uninterrupted(seat.poll().poll(&mut self.events, wait))?;
            let us = self.room.clock.us();
            self.load.wakes(us);
            self.serve(self.room.clock.at(us))?;
        }
        Ok(())
    }

    /// Leaves the own shard to the thread that works for all.
    fn park(&mut self) {
        let seat = &self.room.seats[self.own];
        // That thread is to look what this shard waits for.
        seat.inbox.rouse();
        while self.room.is_together() && !seat.has_stopped() {
            std::thread::park();
        }
        self.desks[0] = Desk::new(self.own);
    }

    /// How long to wait; before that, what the load asks for.
    fn rest(&mut self) -> io::Result<Option<Duration>> {
        let now = self.room.clock.us();
        let shared = self.room.seats.len() > 1;
        if shared && let Some(share) = self.load.rests(now) {
            self.room.seats[self.own].publish(share.cpu, now);
            if self.own == 0 {
                let others = self.room.cpu_of_others(now);
                match self.load.judge(share, others, self.room.is_together()) {
                    Some(Change::Join) => self.join()?,
                    Some(Change::Part) => self.part()?,
                    None => {}
                }
            }
        }
        let mut until = u64::MAX;
        for desk in &self.desks {
            match desk.until {
                Some(at) if !desk.told => until = until.min(at),
                _ => return Ok(Some(Duration::ZERO)),
            }
        }
        let left = Duration::from_millis(until.saturating_sub(now / 1000));
        if shared && self.own == 0 && !self.room.is_together() {
            // The others may have calmed down.
            let period = Duration::from_micros(self.room.thresholds.period_us);
            return Ok(Some(left.min(period)));
        }
        Ok((until != u64::MAX).then_some(left))
    }

    /// The turns of all shards of this thread that have something to do, and the calls that follow.
    fn serve(&mut self, now: Now) -> io::Result<()> {
        for event in &self.events {
            let shard = shard_of(event.token()).unwrap_or(self.own);
            if let Some(at) = self.desk_of(shard) {
                self.desks[at].told = true;
            }
        }
        for at in 0..self.desks.len() {
            let desk = &mut self.desks[at];
            let shard = desk.shard;
            let told = std::mem::take(&mut desk.told);
            let due = desk.until.is_none_or(|until| until <= now.ms);
            if shard == self.own && (told || due) {
                let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
                self.work(at, &events, now);
                self.events = events;
            } else if told {
                self.look(at, now)?;
            } else if due {
                self.work_unasked(at, now);
            }
        }
        for _ in 0..MAX_CALLS {
            let Some(shard) = self.calls.pop() else { break };
            self.call(usize::from(shard), now);
        }
        for shard in self.calls.drain(..) {
            self.room.seats[usize::from(shard)].inbox.wake();
        }
        Ok(())
    }

    /// Looks for events of a shard that is not the own.
    fn look(&mut self, at: usize, now: Now) -> io::Result<()> {
        let seat = &self.room.seats[self.desks[at].shard];
        let Some(mut poll) = seat.try_poll() else {
            // Its own thread has not parked yet, and has them.
            self.work_unasked(at, now);
            return Ok(());
        };
        let mut events = std::mem::replace(&mut self.others, Events::with_capacity(0));
        let looked = uninterrupted(poll.poll(&mut events, Some(Duration::ZERO)));
        drop(poll);
        // What there was no room for is not told again.
        self.desks[at].told = events.iter().count() >= MAX_EVENTS;
        self.work(at, &events, now);
        self.others = events;
        looked
    }

    /// A turn without events.
    fn work_unasked(&mut self, at: usize, now: Now) {
        let nothing = std::mem::replace(&mut self.nothing, Events::with_capacity(0));
        self.work(at, &nothing, now);
        self.nothing = nothing;
    }

    /// A turn of a shard of this thread.
    fn work(&mut self, at: usize, events: &Events, now: Now) {
        let desk = &mut self.desks[at];
        let seat = &self.room.seats[desk.shard];
        let mut place = seat.sit();
        let Some(driver) = place.as_mut() else {
            desk.until = Some(u64::MAX);
            return;
        };
        driver.turn(events, now, self.room.is_together());
        driver.take_calls(&mut self.calls);
        desk.until = driver.rest();
        if driver.has_stopped() {
            desk.until = Some(u64::MAX);
            drop(place);
            if desk.shard == self.own {
                self.stopped = true;
            } else {
                seat.unpark();
            }
        }
    }

    /// Makes the turn of a shard that has mail, if it sleeps: who is awake looks before it sleeps.
    fn call(&mut self, shard: usize, now: Now) {
        let inbox = &self.room.seats[shard].inbox;
        match self.desk_of(shard) {
            Some(at) if inbox.claim() => self.work_unasked(at, now),
            Some(_) => {}
            None => inbox.wake(),
        }
    }

    fn desk_of(&self, shard: usize) -> Option<usize> {
        if shard == self.own {
            return Some(0);
        }
        // The first thread has one desk or those of all shards, in order.
        (self.own == 0 && shard < self.desks.len()).then_some(shard)
    }

    /// Works for all shards from here on.
    fn join(&mut self) -> io::Result<()> {
        let others = || self.room.seats.iter().enumerate().skip(1);
        let poll = self.room.seats[self.own].poll();
        for (shard, seat) in others() {
            let token = Token(SHARD_BITS | shard);
            let mut source = SourceFd(&seat.poll_fd);
            poll.registry()
                .register(&mut source, token, Interest::READABLE)?;
            self.desks.push(Desk::new(shard));
        }
        drop(poll);
        tracing::trace!("one thread works for all shards");
        self.room.set_together(true);
        // Their threads come out of their polls, and park.
        others().for_each(|(_, seat)| seat.inbox.rouse());
        Ok(())
    }

    /// The other threads take their shards back.
    fn part(&mut self) -> io::Result<()> {
        if self.own != 0 || !self.room.is_together() {
            return Ok(());
        }
        tracing::trace!("each thread works for its shard");
        self.desks.truncate(1);
        self.room.set_together(false);
        let others = || self.room.seats.iter().skip(1);
        for seat in others() {
            seat.unpark();
            // One that has not parked is to look what its shard waits for by then.
            seat.inbox.rouse();
        }
        let poll = self.room.seats[self.own].poll();
        others().try_for_each(|seat| poll.registry().deregister(&mut SourceFd(&seat.poll_fd)))
    }
}

/// The shard whose poll an event is of, where it is of one.
pub(super) fn shard_of(token: Token) -> Option<usize> {
    let is_shard = token != super::WAKER && token.0 & SHARD_BITS == SHARD_BITS;
    is_shard.then_some(token.0 & !SHARD_BITS)
}

fn uninterrupted(polled: io::Result<()>) -> io::Result<()> {
    match polled {
        Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(()),
        polled => polled,
    }
}
