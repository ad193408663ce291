//! A node: all threads of one broker, started, reloaded and stopped together.
//!
//! Owns the threads and the configuration that they run on. A thread that fails is reported as an
//! event; what follows from it is the owner's to decide.

use crate::acceptor::{Acceptor, AcceptorStop, Door, DoorSocket};
use crate::admission::{Admission, ConnectionLimits};
use crate::clock::Clock;
use crate::config::{Config, Listener, Scheme};
use crate::entrance::Entrances;
use crate::inbox::{Inbox, Letter};
use crate::log_thread::{self, LogInbox};
use crate::login::{Login, LoginDesk};
use crate::shard_thread::{ShardThread, WAKER};
use crate::watchdog::Pulse;
use crate::wiring::{Event, Wiring};
use crate::{data_dir, listen, logging, unix_socket};
use broker::auth::Transport;
use broker::{Settings, Shard, Shared};
use message::{LogId, ShardId};
use mio::Poll;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};
use store::MemoryLog;
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
    shards: Vec<JoinHandle<()>>,
    others: Vec<JoinHandle<()>>,
    log: JoinHandle<()>,
    events: Receiver<Event>,
}

impl Node {
    /// Binds all listeners and starts all threads.
    pub fn start(config: Config) -> Result<Node, ServeError> {
        let descriptors = listen::raise_descriptor_limit();
        let (doors, urls) = bind_all(&config.listeners)?;
        let (sender, events) = sync_channel(MAX_EVENTS);
        let (polls, wiring) =
            wire(&config, sender, descriptors, urls).map_err(ServeError::Start)?;
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        let settings = Arc::new(config.settings());
        let log = spawn_log(&wiring).map_err(ServeError::Start)?;
        let shards = spawn_shards(polls, &wiring, &settings, &login(&config));
        let shards = shards.map_err(ServeError::Start)?;
        let (acceptor, others) = spawn_others(doors, &wiring).map_err(ServeError::Start)?;
        Ok(Node {
            config,
            wiring,
            acceptor,
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
        tracing::info!("configuration reloaded");
        true
    }

    /// Stops cleanly: clients are told, the log is synced, all threads end.
    pub fn stop(self) -> Result<(), ServeError> {
        let wiring = &self.wiring;
        self.acceptor.stop();
        for shard in &wiring.shards {
            shard.push(Letter::Shutdown);
        }
        let failure = self.wait_for_shards();
        for shard in &wiring.shards {
            shard.push(Letter::Stop);
        }
        wiring.desk.stop();
        let threads = self.shards.into_iter().chain(self.others);
        let mut panicked = threads.map(JoinHandle::join).filter(Result::is_err).count();
        wiring.log.stop();
        panicked += usize::from(self.log.join().is_err());
        let failed_late = self.events.try_iter().find_map(failure_of);
        match failure.or(failed_late) {
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

fn bind_all(listeners: &[Listener]) -> Result<(Vec<Door>, Vec<String>), ServeError> {
    let mut bound = Vec::new();
    for listener in listeners {
        let failed = |source| ServeError::Bind {
            url: listener.url.clone(),
            source,
        };
        bound.push(bind(listener).map_err(failed)?);
    }
    Ok(bound.into_iter().unzip())
}

fn bind(listener: &Listener) -> io::Result<(Door, String)> {
    let transport = match listener.scheme {
        Scheme::Mqtt => Transport::Tcp,
        Scheme::Mqtts => Transport::Tls,
        Scheme::Ws => Transport::WebSocket,
        Scheme::Wss => Transport::SecureWebSocket,
        Scheme::Unix => Transport::Unix,
    };
    let (socket, url) = if listener.scheme == Scheme::Unix {
        let path = Path::new(&listener.path);
        let (socket, _file) = unix_socket::bind(path, listener.mode.0, listen::BACKLOG)?;
        let socket = DoorSocket::Unix { socket, _file };
        (socket, listener.url.clone())
    } else {
        let socket = listen::bind(listener.address)?;
        let url = listener.bound_url(socket.local_addr()?);
        (DoorSocket::Tcp(socket), url)
    };
    Ok((Door { socket, transport }, url))
}

fn wire(
    config: &Config,
    events: SyncSender<Event>,
    descriptors: u64,
    urls: Vec<String>,
) -> io::Result<(Vec<Poll>, Arc<Wiring>)> {
    let clock = Clock::start();
    let (mut polls, mut shards) = (Vec::new(), Vec::new());
    for _ in 0..config.values.shards.max(1) {
        let poll = Poll::new()?;
        shards.push(Arc::new(Inbox::new(poll.registry(), WAKER)?));
        polls.push(poll);
    }
    let failures = config.values.server_limits.failed_logins_per_minute;
    let wiring = Wiring {
        clock,
        pulse: shards.iter().map(|_| Pulse::default()).collect(),
        shards,
        log: LogInbox::default(),
        desk: LoginDesk::new(clock, failures),
        admission: Admission::new(connection_limits(config, descriptors)),
        entrances: Entrances::new(config),
        events,
        urls,
    };
    Ok((polls, Arc::new(wiring)))
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

fn spawn_log(wiring: &Arc<Wiring>) -> io::Result<JoinHandle<()>> {
    let mut log = MemoryLog::new(LogId::LOCAL, random()?);
    spawn("log".into(), wiring, move |wiring| {
        log_thread::run(&mut log, 0, &wiring.log, &wiring.shards).map_err(|e| e.to_string())
    })
}

fn spawn_shards(
    polls: Vec<Poll>,
    wiring: &Arc<Wiring>,
    settings: &Arc<Settings>,
    login: &Login,
) -> io::Result<Vec<JoinHandle<()>>> {
    let count = ShardId::try_from(polls.len()).unwrap_or(ShardId::MAX);
    let shared = Arc::new(Shared::new(count, random()?));
    let numbered = (0..count).zip(polls);
    let threads = numbered.map(|(id, poll)| {
        let (shared, settings, seed) = (shared.clone(), settings.clone(), random()?);
        let login = login.clone();
        spawn(format!("shard-{id}"), wiring, move |wiring| {
            let shard = Shard::new(id, shared, settings, seed);
            let thread = ShardThread::new(id, shard, poll, wiring.clone(), login);
            thread.run().map_err(|e| e.to_string())
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
fn random() -> io::Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(u64::from_ne_bytes(bytes))
}
