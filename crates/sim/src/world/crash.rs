//! The node dies, and lives again: what was not synced is gone, and every connection with it.

use super::link::Place;
use super::{Desk, Inner, RUNNING, Sock, World, new_shards};
use message::ShardId;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

/// The node's monotonic clock when a life begins.
const FIRST_MS: u64 = 1000;

/// What a crash leaves of the records that were appended and not synced: always the first so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    Records(usize),
    All,
    /// As many as chance decides.
    Some,
}

impl Inner {
    /// The log has failed: nothing more may be acknowledged, so the process ends.
    pub(super) fn fall(&self) {
        self.log.borrow_mut().fallen(&mut self.rng.borrow_mut());
        self.die();
        self.fallen.set(true);
    }

    fn die(&self) {
        self.auth.borrow_mut().forget();
        let mut desks = self.desks.borrow_mut();
        desks.iter_mut().for_each(|desk| *desk = Desk::default());
        for at in self.active.borrow().iter() {
            let link = &mut self.links.borrow_mut()[*at];
            if link.place != Place::Gone {
                link.break_off(&mut self.rng.borrow_mut());
            }
        }
        self.down.set(true);
    }
}

impl World {
    /// The node dies. Nothing happens on it until [`World::restart`]; time passes, and clients find
    /// their connections broken.
    pub fn crash(&self, keep: Keep) {
        let inner = &self.0;
        let unsynced = inner.log.borrow().unsynced();
        let keep = match keep {
            Keep::Records(n) => n.min(unsynced),
            Keep::All => unsynced,
            Keep::Some => inner.rng.borrow_mut().below(unsynced + 1),
        };
        inner.log.borrow_mut().crash(keep);
        inner.die();
        inner.event(("crash", keep, unsynced));
    }
    /// The node starts again on its log, with so many shards.
    pub fn restart(&mut self, shards: ShardId) {
        assert!(self.0.down.get(), "a node that runs cannot be started");
        // Nobody else runs while it reads its log.
        RUNNING.with(|running| running.replace(Weak::new()));
        let old = &self.0;
        let settings = old.settings.borrow().clone();
        let (new, shared) = new_shards(shards, &settings, &mut old.rng.borrow_mut());
        let now = old.now.get();
        let desk = || Desk {
            told: true,
            ..Desk::default()
        };
        let inner = Inner {
            seed: old.seed,
            yield_percent: old.yield_percent,
            window: old.window,
            now: Cell::new(now),
            born_ms: now.ms - FIRST_MS,
            down: Cell::new(false),
            fallen: Cell::new(false),
            settings: RefCell::new(settings),
            lives: old.lives + 1,
            rng: old.rng.clone(),
            desks: RefCell::new(new.iter().map(|_| desk()).collect()),
            shards: Vec::new(),
            shared,
            done: RefCell::default(),
            links: RefCell::new(old.links.take()),
            active: RefCell::new(old.active.take()),
            log: RefCell::new(old.log.replace(super::LogDesk::new(0, false, now))),
            auth: RefCell::new(old.auth.take()),
            trace: RefCell::new(old.trace.take()),
            depth: Cell::new(0),
        };
        let mut new = new;
        inner.log.borrow_mut().recover(&mut new, inner.node_now());
        let shards = new.into_iter().map(RefCell::new).collect();
        self.0 = Rc::new(Inner { shards, ..inner });
        self.0.event(("restart", self.0.lives));
    }

    /// True where the connection broke because the node died.
    pub fn crashed(&self, sock: Sock) -> bool {
        self.0.links.borrow()[sock.0].crashed
    }

    /// How many times the node has started again.
    pub fn lives(&self) -> u32 {
        self.0.lives
    }
}
