//! A world: one node of several shards in one thread, with simulated sockets, log and clock.
//!
//! It does what the threads of a server do, one small step at a time, and the seed decides which step
//! comes next: a turn of a shard, the log appending or syncing, an authenticator's answer, bytes
//! reaching a client. At each access to a table that shards share, whole turns of other shards may
//! come in between. Nothing here reads a clock or a source of randomness: the same seed and the same
//! calls give the same run, which [`World::hash`] tells.

mod auth_desk;
mod crash;
mod keeper;
mod link;
mod log_desk;
mod operator;
mod steps;
mod trace;
mod turn;

use crate::rng::Rng;
use auth_desk::AuthDesk;
use broker::auth::AuthReply;
use broker::conn::Handoff;
use broker::mail::Mail;
use broker::operator::{Command, Done};
use broker::{ConnId, Now, Settings, Shard, Shared, Stats};
pub use crash::Keep;
use link::{End, Link, Place};
use log_desk::LogDesk;
use message::ShardId;
use message::record::Body;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use store::{Durable, Log};
use trace::Trace;

/// The client's end of a simulated socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sock(usize);

/// What a world is made of.
#[derive(Clone, Debug)]
pub struct Config {
    pub shards: ShardId,
    pub seed: u64,
    pub settings: Settings,
    /// How often another shard comes in between at an access to a shared table, in percent.
    pub yield_percent: u32,
    /// Bytes that a socket takes from the broker before the client has read them.
    pub window: usize,
    /// The log that is shipped, on a simulated disk.
    pub on_disk: bool,
    /// Keep the text of what happens.
    pub verbose: bool,
}

impl Config {
    pub fn new(shards: ShardId, seed: u64) -> Self {
        Config {
            shards,
            seed,
            settings: default_settings(),
            yield_percent: 25,
            window: 64 << 10,
            on_disk: false,
            verbose: false,
        }
    }
}

/// Settings as a broker has them where nothing is configured.
pub fn default_settings() -> Settings {
    Settings {
        limits: broker::Limits::default(),
        mqtt: broker::MqttSettings::default(),
        policy: broker::auth::Policy::AllowAll,
    }
}

/// What lies in a shard's inbox.
enum Letter {
    Mails(Vec<Mail>),
    Accepted(Sock),
    Arrive(Sock, Box<Handoff>),
    Durable(Durable),
    Body(u64, Option<Body>),
    Auth(AuthReply),
    Settings(Arc<Settings>),
    Shutdown,
    Command(Command),
}

/// What the world knows of a shard, beside the shard itself.
#[derive(Default)]
struct Desk {
    inbox: VecDeque<Letter>,
    conns: BTreeMap<ConnId, Sock>,
    /// It was told something since its turn ended last.
    told: bool,
    stopping: bool,
}

struct Inner {
    seed: u64,
    yield_percent: u32,
    window: usize,
    now: Cell<Now>,
    /// When the node's monotonic clock stood at 0.
    born_ms: u64,
    /// The node has died.
    down: Cell<bool>,
    /// It has, since its log failed, and nobody has been told yet.
    fallen: Cell<bool>,
    settings: RefCell<Arc<Settings>>,
    /// How many lives of the node are over.
    lives: u32,
    rng: RefCell<Rng>,
    shards: Vec<RefCell<Shard>>,
    shared: Arc<Shared>,
    /// What came of commands.
    done: RefCell<VecDeque<Done>>,
    desks: RefCell<Vec<Desk>>,
    links: RefCell<Vec<Link>>,
    /// Sockets that something can still happen to.
    active: RefCell<Vec<usize>>,
    log: RefCell<LogDesk>,
    auth: RefCell<AuthDesk>,
    trace: RefCell<Trace>,
    /// Turns that run inside one another.
    depth: Cell<usize>,
}

thread_local! {
    /// The world whose shards are running: the yield hook of a `Shared` finds it here.
    static RUNNING: RefCell<Weak<Inner>> = const { RefCell::new(Weak::new()) };
}

/// See the module.
pub struct World(Rc<Inner>);

impl World {
    pub fn new(config: &Config) -> Self {
        let mut rng = Rng::new(config.seed);
        let settings = Arc::new(config.settings.clone());
        let (shards, shared) = new_shards(config.shards, &settings, &mut rng);
        let now = Now {
            ms: 1000,
            unix_ms: 1_700_000_000_000,
        };
        let log = LogDesk::new(rng.draw(), config.on_disk, now);
        World(Rc::new(Inner {
            seed: config.seed,
            yield_percent: config.yield_percent,
            window: config.window,
            now: Cell::new(now),
            born_ms: 0,
            down: Cell::new(false),
            fallen: Cell::new(false),
            settings: RefCell::new(settings),
            lives: 0,
            rng: RefCell::new(rng),
            desks: RefCell::new(shards.iter().map(|_| Desk::default()).collect()),
            shards: shards.into_iter().map(RefCell::new).collect(),
            shared,
            done: RefCell::default(),
            links: RefCell::default(),
            active: RefCell::default(),
            log: RefCell::new(log),
            auth: RefCell::default(),
            trace: RefCell::new(Trace {
                verbose: config.verbose,
                ..Trace::default()
            }),
            depth: Cell::new(0),
        }))
    }

    /// Opens a socket; some shard will accept it.
    pub fn connect(&self) -> Sock {
        let mut links = self.0.links.borrow_mut();
        let sock = Sock(links.len());
        links.push(Link::new(self.0.window));
        self.0.active.borrow_mut().push(sock.0);
        if self.0.down.get() {
            links[sock.0].break_off(&mut self.0.rng.borrow_mut());
            return sock;
        }
        let shard = self.0.rng.borrow_mut().below(self.0.shards.len());
        self.0.post(shard as ShardId, Letter::Accepted(sock));
        self.0.event(("connect", sock.0, shard));
        sock
    }

    /// The client writes.
    pub fn send(&self, sock: Sock, bytes: &[u8]) {
        let link = &mut self.0.links.borrow_mut()[sock.0];
        if link.up_end.is_none() && !link.silent {
            link.up.extend(bytes);
            self.0.event(("send", sock.0, bytes));
        }
    }

    /// Takes what has reached the client.
    pub fn received(&self, sock: Sock) -> Vec<u8> {
        std::mem::take(&mut self.0.links.borrow_mut()[sock.0].arrived)
    }

    /// True once the client has seen the broker's end of the connection.
    pub fn ended(&self, sock: Sock) -> bool {
        self.0.links.borrow()[sock.0].arrived_end
    }

    /// The connection breaks: what was under way may be lost.
    pub fn cut(&self, sock: Sock) {
        let inner = &self.0;
        inner.links.borrow_mut()[sock.0].cut(&mut inner.rng.borrow_mut());
        inner.event(("cut", sock.0));
    }

    /// The client closes its socket; what it sent still arrives.
    pub fn close(&self, sock: Sock) {
        self.0.links.borrow_mut()[sock.0]
            .up_end
            .get_or_insert(End::Closed);
        self.0.event(("close", sock.0));
    }

    /// The client vanishes without a word; the broker is not told.
    pub fn vanish(&self, sock: Sock) {
        self.0.links.borrow_mut()[sock.0].silent = true;
        self.0.event(("vanish", sock.0));
    }

    /// The client reads nothing until it is told otherwise.
    pub fn stall(&self, sock: Sock, stalled: bool) {
        self.0.links.borrow_mut()[sock.0].stalled = stalled;
        self.0.event(("stall", sock.0, stalled));
    }

    /// The client reads at most so many bytes at once, and the socket holds `window` for it.
    pub fn slow(&self, sock: Sock, rate: usize, window: usize) {
        let link = &mut self.0.links.borrow_mut()[sock.0];
        link.rate = rate.max(1);
        link.window = window.max(1).max(link.down.len());
    }

    /// The log does not sync until it is told to.
    pub fn hold_log(&self, held: bool) {
        self.0.log.borrow_mut().held = held;
        self.0.event(("hold log", held));
    }

    /// The log reads nothing until it is told to.
    pub fn hold_reads(&self, held: bool) {
        self.0.log.borrow_mut().reads_held = held;
        self.0.event(("hold reads", held));
    }

    /// A step of the disk fails, so many steps from now; then the node dies.
    pub fn fail_disk(&self, steps: u64) {
        self.0.log.borrow_mut().fail_after(steps);
        self.0.event(("the disk fails in", steps));
    }

    /// The disk has no room, or has it again.
    pub fn fill_disk(&self, full: bool) {
        self.0.log.borrow_mut().fill(full);
        self.0.event(("disk full", full));
    }

    /// True, once, where the node has died since its log has failed.
    pub fn has_fallen(&self) -> bool {
        self.0.fallen.take()
    }

    pub fn is_down(&self) -> bool {
        self.0.down.get()
    }

    /// The authenticator does not answer until it is told to.
    pub fn hold_auth(&self, held: bool) {
        self.0.auth.borrow_mut().held = held;
        self.0.event(("hold auth", held));
    }

    /// Who is let in: `None`, everybody.
    pub fn set_users(&self, users: Option<BTreeMap<String, String>>, anonymous: bool) {
        let mut auth = self.0.auth.borrow_mut();
        auth.users = users;
        auth.anonymous = anonymous;
    }

    /// Rounds that the authentication method `TEST` takes.
    pub fn set_auth_rounds(&self, rounds: u32) {
        self.0.auth.borrow_mut().rounds = rounds;
    }

    /// All shards are told new settings.
    pub fn reload(&self, settings: &Settings) {
        let settings = Arc::new(settings.clone());
        *self.0.settings.borrow_mut() = settings.clone();
        for shard in 0..self.0.shards.len() {
            self.0
                .post(shard as ShardId, Letter::Settings(settings.clone()));
        }
        self.0.event("reload");
    }

    /// The node stops.
    pub fn shutdown(&self) {
        for shard in 0..self.0.shards.len() {
            self.0.post(shard as ShardId, Letter::Shutdown);
        }
        self.0.event("shutdown");
    }

    pub fn now(&self) -> Now {
        self.0.now.get()
    }

    /// Somebody sets the wall clock; no time passes.
    pub fn jump_clock(&self, by_ms: i64) {
        let now = self.0.now.get();
        self.0.now.set(Now {
            unix_ms: now.unix_ms.saturating_add_signed(by_ms),
            ..now
        });
        self.0.event(("clock jumps", by_ms));
    }

    /// Equal for two runs in which the same happened.
    pub fn hash(&self) -> u64 {
        self.0.trace.borrow().hash
    }

    /// The text of what happened last; empty unless the world is verbose.
    pub fn trace(&self, lines: usize) -> Vec<String> {
        let trace = self.0.trace.borrow();
        let skip = trace.lines.len().saturating_sub(lines);
        trace.lines.iter().skip(skip).cloned().collect()
    }

    /// Adds a line to the trace.
    pub fn note(&self, text: impl FnOnce() -> String) {
        self.0.trace.borrow_mut().note(self.0.now.get().ms, text);
    }

    /// Looks into the log.
    pub fn log<R>(&self, look: impl FnOnce(&dyn Log) -> R) -> R {
        look(self.0.log.borrow().log())
    }

    /// True where a message is durable whose payload begins with this word; or a subscription, named
    /// `CLIENT FILTER`.
    pub fn is_synced(&self, name: &[u8]) -> bool {
        self.0.log.borrow().is_synced(name)
    }

    /// The counters of each shard.
    pub fn stats(&self) -> Vec<Stats> {
        self.0
            .shards
            .iter()
            .map(|s| s.borrow().stats().clone())
            .collect()
    }

    /// A number that the seed determines, for whoever plays clients in this world.
    pub fn rng(&self) -> Rng {
        Rng::new(self.0.rng.borrow_mut().draw())
    }
}

/// The shards of a node that starts, and what they share.
fn new_shards(
    count: ShardId,
    settings: &Arc<Settings>,
    rng: &mut Rng,
) -> (Vec<Shard>, Arc<Shared>) {
    let shared = Arc::new(Shared::new(count, rng.draw()).with_yield_hook(on_yield));
    let new = |id| Shard::new(id, shared.clone(), settings.clone(), rng.draw());
    ((0..count).map(new).collect(), shared)
}

impl Inner {
    fn post(&self, shard: ShardId, letter: Letter) {
        if let Some(desk) = self.desks.borrow_mut().get_mut(usize::from(shard)) {
            desk.inbox.push_back(letter);
        }
    }

    fn event<T: std::hash::Hash + std::fmt::Debug>(&self, what: T) {
        self.trace.borrow_mut().event(self.now.get().ms, what);
    }
}

/// A shard has touched a table that others share: they may run here.
fn on_yield() {
    let running = RUNNING.with(|running| running.borrow().upgrade());
    if let Some(inner) = running {
        inner.interrupted();
    }
}
