//! A bare relay in a thread of this process: frames of publishers go to the subscribers of their topic, with
//! nothing looked at but where a frame ends. What it costs is the floor for any broker on this machine.
//!
//! Owns its listener and its connections; serves nobody but the run that started it. A connection begins with
//! five bytes, its side and its topic's number, and is answered with a CONNACK.

use crate::load::{self, LoadPlan};
use crate::net::dial::TcpDial;
use crate::observe::{Watched, own_thread_cpu};
use crate::report::Report;
use crate::target::Target;
use crate::{BenchError, Stage};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use mqtt_codec::{Framed, Version};
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const LISTENER: Token = Token(usize::MAX);
const HELLO: usize = 5;
const WELCOME: [u8; 4] = [0x20, 2, 0, 0];
const SCRATCH: usize = 256 << 10;
/// Bytes that a subscriber has not taken before its publishers are no longer read.
const HELD_AT_MOST: usize = 4 << 20;
const READS_IN_A_ROW: usize = 16;
/// How often the thread looks whether it shall end, and counts its CPU.
const LOOK: Duration = Duration::from_millis(50);
const CPU_EVERY: Duration = Duration::from_millis(10);

pub(crate) fn hello_publisher(topic: u32) -> Vec<u8> {
    hello(b'P', topic)
}

pub(crate) fn hello_subscriber(topic: u32) -> Vec<u8> {
    hello(b'S', topic)
}

fn hello(side: u8, topic: u32) -> Vec<u8> {
    let mut bytes = vec![side];
    bytes.extend_from_slice(&topic.to_be_bytes());
    bytes
}

/// Runs the load through a relay instead of `target`.
pub(crate) fn run(
    plan: &LoadPlan,
    target: &Target,
    stage: &mut Stage<'_>,
) -> Result<Report, BenchError> {
    plan.check()?;
    let t = &plan.topology;
    if plan.qos != 0 || t.shared || plan.persistent {
        return Err(BenchError::Usage(
            "a relay knows no protocol: --qos 0, no shared topics, no persistent sessions".into(),
        ));
    }
    if t.topics > t.publishers || t.topics > t.subscribers {
        return Err(BenchError::Usage(
            "a relay's clients have one topic each: no more --topics than --pubs and --subs".into(),
        ));
    }
    let relay = Relay::start(plan.payload)?;
    let target = Target {
        dial: Arc::new(TcpDial {
            address: relay.address,
        }),
        name: relay.address.to_string(),
        version: Version::V311,
        binds: Vec::new(),
        ..target.clone()
    };
    load::run_on(
        plan,
        &target,
        &Watched::Thread(relay.cpu.clone()),
        stage,
        true,
    )
}

/// A running relay; its thread ends with it.
struct Relay {
    address: SocketAddr,
    cpu: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Relay {
    fn start(payload: usize) -> Result<Relay, BenchError> {
        let failed = "cannot start the relay";
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .map_err(BenchError::io(failed))?;
        let address = listener.local_addr().map_err(BenchError::io(failed))?;
        let (cpu, stop) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let (own_cpu, own_stop) = (cpu.clone(), stop.clone());
        let thread = std::thread::Builder::new()
            .name("relay".into())
            .spawn(move || Switch::new(listener, payload)?.serve(&own_cpu, &own_stop))
            .map_err(BenchError::io(failed))?;
        Ok(Relay {
            address,
            cpu,
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Where it failed its clients were told so by a closed connection.
            let _ = thread.join();
        }
    }
}

struct Port {
    socket: TcpStream,
    /// None until it has said hello.
    publishes: Option<u32>,
    greeted: bool,
    /// Bytes of a frame that has not come whole.
    rest: Vec<u8>,
    out: Vec<u8>,
    written: usize,
    listed: bool,
    closed: bool,
}

/// The relay's thread.
struct Switch {
    poll: Poll,
    listener: TcpListener,
    ports: Vec<Port>,
    subscribers: HashMap<u32, Vec<usize>>,
    /// Ports with something to write.
    listed: Vec<usize>,
    /// Publishers whose socket may hold more.
    unread: Vec<usize>,
    scratch: Vec<u8>,
}

impl Switch {
    fn new(mut listener: TcpListener, payload: usize) -> io::Result<Switch> {
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Switch {
            poll,
            listener,
            ports: Vec::new(),
            subscribers: HashMap::new(),
            listed: Vec::new(),
            unread: Vec::new(),
            scratch: vec![0; SCRATCH.max(payload * 2)],
        })
    }

    fn serve(&mut self, cpu: &AtomicU64, stop: &AtomicBool) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut counted = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            let wait = if self.unread.is_empty() {
                LOOK
            } else {
                Duration::ZERO
            };
            match self.poll.poll(&mut events, Some(wait)) {
                Err(e) if e.kind() != ErrorKind::Interrupted => return Err(e),
                _ => {}
            }
            for at in std::mem::take(&mut self.unread) {
                self.read(at);
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    Token(at) => {
                        if event.is_writable() {
                            self.list(at);
                        }
                        if event.is_readable() || event.is_read_closed() {
                            self.read(at);
                        }
                    }
                }
            }
            self.flush();
            if counted.elapsed() >= CPU_EVERY {
                counted = Instant::now();
                cpu.store(own_thread_cpu(), Ordering::Relaxed);
            }
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let mut socket = match self.listener.accept() {
                Ok((socket, _)) => socket,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) => return Err(e),
            };
            socket.set_nodelay(true)?;
            let token = Token(self.ports.len());
            self.poll.registry().register(
                &mut socket,
                token,
                Interest::READABLE | Interest::WRITABLE,
            )?;
            self.ports.push(Port {
                socket,
                publishes: None,
                greeted: false,
                rest: Vec::new(),
                out: Vec::new(),
                written: 0,
                listed: false,
                closed: false,
            });
        }
    }

    /// Takes bytes of a client and passes them on.
    fn read(&mut self, at: usize) {
        for _ in 0..READS_IN_A_ROW {
            if self.is_held(at) {
                break;
            }
            let port = &mut self.ports[at];
            let kept = port.rest.len();
            self.scratch[..kept].copy_from_slice(&port.rest);
            let room = self.scratch.len() - kept;
            let n = match port.socket.read(&mut self.scratch[kept..]) {
                Ok(0) => {
                    port.closed = true;
                    return;
                }
                Ok(n) => n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(_) => {
                    port.closed = true;
                    return;
                }
            };
            port.rest.clear();
            let scratch = std::mem::take(&mut self.scratch);
            let bytes = &scratch[..kept + n];
            let used = self.take(at, bytes);
            self.ports[at].rest.extend_from_slice(&bytes[used..]);
            self.scratch = scratch;
            if n < room {
                return;
            }
        }
        self.unread.push(at);
    }

    /// A publisher with a subscriber that does not keep up.
    fn is_held(&self, at: usize) -> bool {
        let topic = self.ports[at].publishes;
        let subscribers = topic.and_then(|topic| self.subscribers.get(&topic));
        subscribers.is_some_and(|all| {
            all.iter()
                .any(|s| self.ports[*s].out.len() - self.ports[*s].written > HELD_AT_MOST)
        })
    }

    /// How many bytes are done with.
    fn take(&mut self, at: usize, bytes: &[u8]) -> usize {
        let mut used = 0;
        if !self.ports[at].greeted {
            let Some((hello, _)) = bytes.split_first_chunk::<HELLO>() else {
                return 0;
            };
            let [side, topic @ ..] = *hello;
            let topic = u32::from_be_bytes(topic);
            let port = &mut self.ports[at];
            port.greeted = true;
            port.out.extend_from_slice(&WELCOME);
            if side == b'P' {
                port.publishes = Some(topic);
            } else {
                self.subscribers.entry(topic).or_default().push(at);
            }
            self.list(at);
            used = HELLO;
        }
        let whole = used + frames(&bytes[used..]);
        let topic = self.ports[at].publishes;
        if let Some(subscribers) = topic.and_then(|topic| self.subscribers.get(&topic)) {
            for subscriber in subscribers {
                let port = &mut self.ports[*subscriber];
                if !port.closed {
                    port.out.extend_from_slice(&bytes[used..whole]);
                }
                if !std::mem::replace(&mut port.listed, true) {
                    self.listed.push(*subscriber);
                }
            }
        }
        whole
    }

    fn list(&mut self, at: usize) {
        if !std::mem::replace(&mut self.ports[at].listed, true) {
            self.listed.push(at);
        }
    }

    fn flush(&mut self) {
        for at in self.listed.drain(..) {
            let port = &mut self.ports[at];
            port.listed = false;
            while !port.closed && port.written < port.out.len() {
                match port.socket.write(&port.out[port.written..]) {
                    Ok(n) => port.written += n,
                    Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                    Err(_) => port.closed = true,
                }
            }
            if port.closed || port.written == port.out.len() {
                port.out.clear();
                port.written = 0;
            }
        }
    }
}

/// How many bytes whole frames take.
fn frames(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Ok(Framed::Packet { len, .. }) = mqtt_codec::frame(&bytes[at..], u32::MAX) {
        at += len;
    }
    at
}
