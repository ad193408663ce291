//! A node: all threads of one broker, started, reloaded and stopped together.
//!
//! Owns the threads and the configuration that they run on. A thread that fails is reported as an
//! event; what follows from it is the owner's to decide.

use crate::acceptor::{Acceptor, AcceptorStop, Door};
use crate::admin::{self, Access, Admin, AdminDoor, AdminUsersError, Context, Stage};
use crate::admission::{Admission, ConnectionLimits};
use crate::clock::Clock;
use crate::config::Config;
use crate::doors;
use crate::entrance::Entrances;
use crate::inbox::{Inbox, Letter};
use crate::login::{Login, LoginDesk};
use crate::node_log::{self, LogEnd};
use crate::shard_thread::{Seats, ShardThread, Thresholds, WAKER};
use crate::watchdog::Pulse;
use crate::wiring::{Event, Wiring};
use crate::{data_dir, listen, logging};
use broker::{Settings, Shard, Shared};
use message::ShardId;
use mio::Poll;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};
use store::StoreError;
use thiserror::Error;

/// What clients are given to take their last packets when the node stops.
const STOP_WITHIN: Duration = Duration::from_secs(2);
/// Events that wait for the node's owner: a few per thread, and signals.
const MAX_EVENTS: usize = 1024;
/// Descriptors that connections never get: listeners, polls, files, standard streams.
const RESERVED_DESCRIPTORS: u64 = 64;

/// Why a node does not start, or did not end well.
#[derive(Debug, Error)]
pub enum ServeError {
    #[error("cannot listen on {url}: {source}{}", hint(source))]
    Bind { url: String, source: io::Error },
    #[error("cannot use the data directory {}: {source}{}", path.display(), data_dir::hint(source))]
    DataDir { path: PathBuf, source: io::Error },
    #[error("{}: {source}", path.display())]
    Log { path: PathBuf, source: StoreError },
    #[error("{} holds no log: {source}; name the data directory with --data-dir", path.display())]
    NoLog { path: PathBuf, source: io::Error },
    #[error(transparent)]
    AdminUsers(#[from] AdminUsersError),
    #[error("cannot start: {0}")]
    Start(io::Error),
    #[error("{0}")]
    Failed(String),
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; is another broker running? Stop it, or choose another port with --listen"
        }
        io::ErrorKind::PermissionDenied => {
            "; ports below 1024 need a privilege (CAP_NET_BIND_SERVICE), others do not; a socket \
             needs a directory that the broker may write to"
        }
        io::ErrorKind::NotFound => "; its directory does not exist: make it first",
        io::ErrorKind::AddrNotAvailable => {
            "; this machine has no such address: 0.0.0.0 is every address it has"
        }
        _ => "",
    }
}

/// A running broker.
pub struct Node {
    config: Config,
    wiring: Arc<Wiring>,
    acceptor: AcceptorStop,
    admin: Admin,
    shards: Vec<JoinHandle<()>>,
    others: Vec<JoinHandle<()>>,
    log: LogEnd,
    events: Receiver<Event>,
}

impl Node {
    /// Binds all listeners and starts all threads.
    pub fn start(config: Config) -> Result<Node, ServeError> {
        Node::start_with(config, Thresholds::STANDARD)
    }

    pub(crate) fn start_with(config: Config, thresholds: Thresholds) -> Result<Node, ServeError> {
        let descriptors = listen::raise_descriptor_limit();
        let doors = doors::bind_all(&config.listeners)?;
        let (sender, events) = sync_channel(MAX_EVENTS);
        let clock = Clock::start();
        let settings = Arc::new(config.settings());
        let count = ShardId::try_from(config.values.shards.max(1)).unwrap_or(ShardId::MAX);
        let (mut shards, shared) = new_shards(count, &settings).map_err(ServeError::Start)?;
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        let open = node_log::open(&config.values, clock)?;
        if let Some(open) = &open {
            open.recover(&mut shards, clock)?;
        }
        let (polls, inboxes) = inboxes(shards.len()).map_err(ServeError::Start)?;
        let started = node_log::start(open, &inboxes, &sender);
        let (to_log, log) = started.map_err(ServeError::Start)?;
        let wiring = Arc::new(Wiring {
            clock,
            pulse: inboxes.iter().map(|_| Pulse::default()).collect(),
            shards: inboxes,
            log: to_log,
            desk: LoginDesk::new(clock, config.values.server_limits.failed_logins_per_minute),
            admission: Admission::new(connection_limits(&config, descriptors)),
            entrances: Entrances::new(&config),
            events: sender,
            urls: doors.urls.clone(),
        });
        let (clients, operators) = doors.open(&wiring.urls)?;
        let admin = start_admin(operators, &config, &wiring, shared)?;
        let seats = Seats::new(&wiring.shards, polls, clock, thresholds);
        let shards = spawn_shards(shards, &seats, &wiring, &login(&config));
        let shards = shards.map_err(ServeError::Start)?;
        let (acceptor, others) = spawn_others(clients, &wiring).map_err(ServeError::Start)?;
        admin.context.enter(Stage::Serving);
        Ok(Node {
            config,
            wiring,
            acceptor,
            admin,
            shards,
            others,
            log,
            events,
        })
    }

    /// The URLs that are listened on, in the order of the configuration.
    pub fn urls(&self) -> &[String] {
        &self.wiring.urls
    }

    /// Reads the configuration again. Where that fails, the old one stays in force, the log says why,
    /// and false is returned.
    pub fn reload(&mut self) -> bool {
        let reloaded = match self.config.reload() {
            Ok(reloaded) => reloaded,
            Err(error) => {
                for line in format!("nothing was reloaded:\n{error}").lines() {
                    tracing::error!("{line}");
                }
                return false;
            }
        };
        for key in &reloaded.needs_restart {
            tracing::warn!("{key} has changed; that takes effect at the next start");
        }
        for warning in &reloaded.config.warnings {
            if !self.config.warnings.contains(warning) {
                tracing::warn!("{warning}");
            }
        }
        self.config = reloaded.config;
        let config = &self.config;
        self.wiring.entrances.reload(config);
        if let Err(error) = logging::set(config.values.log_level, config.values.log_format) {
            tracing::warn!("[log] stays as it was: {error}");
        }
        let limits = connection_limits(config, listen::raise_descriptor_limit());
        self.wiring.admission.set_limits(limits);
        let failures = config.values.server_limits.failed_logins_per_minute;
        self.wiring.desk.set_max_failures(failures);
        let settings = Arc::new(config.settings());
        for shard in &self.wiring.shards {
            shard.push(Letter::Settings(settings.clone(), login(config)));
        }
        self.admin.context.reload(config);
        tracing::info!("configuration reloaded");
        true
    }

    /// Stops cleanly: clients are told, the log is synced, all threads end.
    pub fn stop(self) -> Result<(), ServeError> {
        let wiring = &self.wiring;
        self.admin.context.enter(Stage::Stopping);
        self.acceptor.stop();
        for shard in &wiring.shards {
            shard.push(Letter::Shutdown);
        }
        let failure = self.wait_for_shards();
        let admin_panicked = self.admin.stop().is_err();
        for shard in &wiring.shards {
            shard.push(Letter::Stop);
        }
        wiring.desk.stop();
        let threads = self.shards.into_iter().chain(self.others);
        let panicked = threads.map(JoinHandle::join).filter(Result::is_err).count();
        let panicked = panicked + usize::from(admin_panicked);
        let log_failed = self.log.stop().err();
        let failed_late = self.events.try_iter().find_map(failure_of);
        match failure.or(failed_late).or(log_failed) {
            Some(why) => Err(ServeError::Failed(why)),
            None if panicked > 0 => Err(ServeError::Failed("a thread panicked".into())),
            None => Ok(()),
        }
    }

    /// Until all connections have gone, or their time is over.
    fn wait_for_shards(&self) -> Option<String> {
        let deadline = Instant::now() + STOP_WITHIN;
        let mut left = self.wiring.shards.len();
        while left > 0 {
            let wait = deadline.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(wait) {
                Ok(Event::Drained) => left -= 1,
                Ok(Event::Signal(_)) => {}
                Ok(Event::Failed(why)) => return Some(why),
                Err(_) => break,
            }
        }
        None
    }

    /// Waits for the next thing that the owner must know, for so long at most.
    pub(crate) fn next_event(&self, at_most: Option<Duration>) -> Option<Event> {
        let event = match at_most {
            Some(time) => self.events.recv_timeout(time),
            None => self.events.recv().map_err(RecvTimeoutError::from),
        };
        match event {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                Some(Event::Failed("every thread has ended".into()))
            }
        }
    }

    /// Asks every shard for a sign of life, which [`Node::pulse`] shows.
    pub(crate) fn ping(&self, round: u64) {
        for shard in &self.wiring.shards {
            shard.push(Letter::Ping(round));
        }
    }

    /// The last round that each shard has answered.
    pub(crate) fn pulse(&self) -> impl Iterator<Item = u64> {
        self.wiring.pulse.iter().map(Pulse::round)
    }

    pub(crate) fn events(&self) -> SyncSender<Event> {
        self.wiring.events.clone()
    }
}

fn failure_of(event: Event) -> Option<String> {
    match event {
        Event::Failed(why) => Some(why),
        Event::Signal(_) | Event::Drained => None,
    }
}

fn login(config: &Config) -> Login {
    let authenticator = config.authenticator();
    if config.values.auth.password_file.is_some() {
        Login::Desk(authenticator)
    } else {
        Login::Here(authenticator)
    }
}

fn connection_limits(config: &Config, descriptors: u64) -> ConnectionLimits {
    let limits = &config.values.server_limits;
    let room = usize::try_from(descriptors.saturating_sub(RESERVED_DESCRIPTORS));
    ConnectionLimits {
        max_connections: limits.max_connections.min(room.unwrap_or(usize::MAX)),
        max_connections_per_ip: limits.max_connections_per_ip,
        max_unauthenticated_per_ip: limits.max_unauthenticated_per_ip,
        listeners: config.listeners.iter().map(|l| l.max_connections).collect(),
    }
}

/// What each shard's thread waits with, and where its letters wait.
fn inboxes(count: usize) -> io::Result<(Vec<Poll>, Vec<Arc<Inbox>>)> {
    let (mut polls, mut inboxes) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let poll = Poll::new()?;
        inboxes.push(Arc::new(Inbox::new(poll.registry(), WAKER)?));
        polls.push(poll);
    }
    Ok((polls, inboxes))
}

/// Shards, and what they share.
fn new_shards(count: ShardId, settings: &Arc<Settings>) -> io::Result<(Vec<Shard>, Arc<Shared>)> {
    let shared = Arc::new(Shared::new(count, random()?));
    let new = |id| Ok(Shard::new(id, shared.clone(), settings.clone(), random()?));
    let shards: io::Result<_> = (0..count).map(new).collect();
    Ok((shards?, shared))
}

/// The control thread: it runs without listeners too, for `$SYS`.
fn start_admin(
    doors: Vec<AdminDoor>,
    config: &Config,
    wiring: &Arc<Wiring>,
    shared: Arc<Shared>,
) -> Result<Admin, ServeError> {
    let access = if doors.is_empty() {
        Access::nobody()
    } else {
        admin::access(config)?
    };
    let context = Arc::new(Context::new(config, wiring.clone(), shared, access));
    let told = wiring.clone();
    let ended = move |why| told.tell(Event::Failed(why));
    Admin::start(doors, context, ended).map_err(ServeError::Start)
}

/// Starts a thread; how it ends is told where it is not by being stopped.
fn spawn(
    name: String,
    wiring: &Arc<Wiring>,
    run: impl FnOnce(&Arc<Wiring>) -> Result<(), String> + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    struct Panicked(Arc<Wiring>, String);
    impl Drop for Panicked {
        fn drop(&mut self) {
            if std::thread::panicking() {
                self.0.tell(Event::Failed(format!("{} panicked", self.1)));
            }
        }
    }
    let wiring = wiring.clone();
    Builder::new().name(name.clone()).spawn(move || {
        let guard = Panicked(wiring, name);
        if let Err(why) = run(&guard.0) {
            guard.0.tell(Event::Failed(format!("{}: {why}", guard.1)));
        }
    })
}

fn spawn_shards(
    shards: Vec<Shard>,
    seats: &Seats,
    wiring: &Arc<Wiring>,
    login: &Login,
) -> io::Result<Vec<JoinHandle<()>>> {
    let threads = (0..).zip(shards).map(|(id, shard)| {
        let (login, seats) = (login.clone(), seats.clone());
        let registry = seats.registry(id)?;
        spawn(format!("shard-{id}"), wiring, move |wiring| {
            let driver = ShardThread::new(id, shard, registry, wiring.clone(), login);
            seats.run(driver).map_err(|e| e.to_string())
        })
    });
    threads.collect()
}

/// The acceptor and the login desk's threads.
fn spawn_others(
    doors: Vec<Door>,
    wiring: &Arc<Wiring>,
) -> io::Result<(AcceptorStop, Vec<JoinHandle<()>>)> {
    let mut threads = Vec::new();
    for n in 0..wiring.shards.len() {
        threads.push(spawn(format!("login-{n}"), wiring, |wiring| {
            wiring.desk.work(&wiring.shards);
            Ok(())
        })?);
    }
    let (acceptor, stop) = Acceptor::new(doors, wiring.clone())?;
    let accept = |_: &Arc<Wiring>| acceptor.run().map_err(|e| e.to_string());
    threads.push(spawn("acceptor".into(), wiring, accept)?);
    Ok((stop, threads))
}

/// Randomness of the operating system, for seeds.
pub(crate) fn random() -> io::Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(u64::from_ne_bytes(bytes))
}
