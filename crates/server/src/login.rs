//! Logins: questions go to a few threads of their own, since hashing a password takes long; answers
//! come back as letters.
//!
//! Owns the queue of questions and the count of failures per address. Never decides who may log in:
//! that is the authenticator's.

use crate::admission::counted;
use crate::auth::Authenticator;
use crate::clock::Clock;
use crate::inbox::{Inbox, Letter};
use broker::auth::{AuthOutcome, AuthReply, AuthRequest};
use message::ShardId;
use mqtt_codec::ReasonCode;
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Questions that wait for a thread; more are answered "server busy".
const MAX_WAITING_LOGINS: usize = 2048;
const FAILURE_WINDOW_MS: u64 = 60_000;
/// Addresses whose failures are remembered.
const MAX_FAILING_ADDRESSES: usize = 65_536;

/// How logins are answered.
#[derive(Clone)]
pub(crate) enum Login {
    /// On the shard's own thread: the authenticator knows the answer without work.
    Here(Arc<dyn Authenticator>),
    /// On a thread of the desk.
    Desk(Arc<dyn Authenticator>),
}

struct Job {
    shard: ShardId,
    request: AuthRequest,
    authenticator: Arc<dyn Authenticator>,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    stop: bool,
}

/// Where shards ask.
pub(crate) struct LoginDesk {
    waiting: Mutex<Waiting>,
    came: Condvar,
    failures: Mutex<Failures>,
    clock: Clock,
}

impl LoginDesk {
    /// `max_failures` is how many failed logins an address may have in a minute.
    pub(crate) fn new(clock: Clock, max_failures: u32) -> Self {
        LoginDesk {
            waiting: Mutex::default(),
            came: Condvar::new(),
            failures: Mutex::new(Failures {
                max: max_failures,
                by_address: HashMap::new(),
            }),
            clock,
        }
    }

    /// Takes a question; `Some` is its answer where there is no room for it.
    pub(crate) fn ask(
        &self,
        shard: ShardId,
        request: AuthRequest,
        authenticator: &Arc<dyn Authenticator>,
    ) -> Option<AuthReply> {
        let mut waiting = self.lock();
        if waiting.jobs.len() >= MAX_WAITING_LOGINS {
            let why = "too many logins are waiting".into();
            let reason = ReasonCode::ServerBusy;
            return Some(AuthReply {
                conn: request.conn,
                outcome: AuthOutcome::Reject { reason, why },
            });
        }
        let authenticator = authenticator.clone();
        waiting.jobs.push_back(Job {
            shard,
            request,
            authenticator,
        });
        drop(waiting);
        self.came.notify_one();
        None
    }

    pub(crate) fn set_max_failures(&self, max: u32) {
        self.failures().max = max;
    }

    /// Lets the threads end; who still waits gets no answer.
    pub(crate) fn stop(&self) {
        self.lock().stop = true;
        self.came.notify_all();
    }

    /// The life of one of the threads.
    pub(crate) fn work(&self, shards: &[Arc<Inbox>]) {
        while let Some(job) = self.take() {
            let conn = job.request.conn;
            let outcome = self.answer(&job);
            if let Some(shard) = shards.get(usize::from(job.shard)) {
                shard.push(Letter::Auth(AuthReply { conn, outcome }));
            }
        }
    }

    /// True while an address has had too many failures.
    pub(crate) fn blocks(&self, address: IpAddr) -> bool {
        self.failures().blocks(address, self.clock.ms())
    }

    /// A login has failed, here or at the admin side.
    pub(crate) fn failed(&self, address: IpAddr) {
        self.failures().add(address, self.clock.ms());
    }

    fn answer(&self, job: &Job) -> AuthOutcome {
        let address = job.request.peer.address;
        if self.blocks(address) {
            let why = "too many failed logins from this address".into();
            let reason = ReasonCode::ConnectionRateExceeded;
            return AuthOutcome::Reject { reason, why };
        }
        let outcome = job.authenticator.authenticate(&job.request);
        if matches!(outcome, AuthOutcome::Reject { .. }) {
            self.failed(address);
        }
        outcome
    }

    fn take(&self) -> Option<Job> {
        let mut waiting = self.lock();
        loop {
            if waiting.stop {
                return None;
            }
            if let Some(job) = waiting.jobs.pop_front() {
                return Some(job);
            }
            waiting = self
                .came
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Failed logins of the last minute, per address; of IPv6, per network of 64 bits.
struct Failures {
    max: u32,
    /// The start of the address's minute, and the failures in it.
    by_address: HashMap<IpAddr, (u64, u32)>,
}

impl Failures {
    fn blocks(&self, address: IpAddr, now_ms: u64) -> bool {
        let found = network(address).and_then(|a| self.by_address.get(&a));
        found.is_some_and(|(since, n)| now_ms < since + FAILURE_WINDOW_MS && *n >= self.max)
    }

    fn add(&mut self, address: IpAddr, now_ms: u64) {
        let Some(address) = network(address) else {
            return;
        };
        let over = |since: u64| now_ms >= since + FAILURE_WINDOW_MS;
        if self.by_address.len() >= MAX_FAILING_ADDRESSES && !self.by_address.contains_key(&address)
        {
            self.by_address.retain(|_, (since, _)| !over(*since));
            if self.by_address.len() >= MAX_FAILING_ADDRESSES {
                return;
            }
        }
        let (since, count) = self.by_address.entry(address).or_insert((now_ms, 0));
        if over(*since) {
            (*since, *count) = (now_ms, 0);
        }
        *count += 1;
    }
}

fn network(address: IpAddr) -> Option<IpAddr> {
    Some(match counted(address)? {
        IpAddr::V6(a) => {
            let [a, b, c, d, ..] = a.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use broker::ConnId;
    use broker::auth::{Peer, Transport};
    use mio::{Poll, Token};

    struct Doorman;

    impl Authenticator for Doorman {
        fn authenticate(&self, request: &AuthRequest) -> AuthOutcome {
            match request.password.as_deref() {
                Some(b"open") => AuthOutcome::Accept {
                    user: None,
                    data: None,
                },
                _ => AuthOutcome::Reject {
                    reason: ReasonCode::BadUserNameOrPassword,
                    why: "no".into(),
                },
            }
        }
    }

    fn request(address: &str, password: &[u8]) -> AuthRequest {
        AuthRequest {
            conn: ConnId {
                index: 1,
                generation: 2,
            },
            peer: Peer {
                address: address.parse().unwrap(),
                port: 1,
                listener: 0,
                transport: Transport::Tcp,
                credential: None,
            },
            client_id: "c".into(),
            user: Some("u".into()),
            password: Some(password.into()),
            method: None,
            data: None,
            step: 0,
            again: false,
        }
    }

    #[test]
    fn ten_failures_a_minute_but_not_from_loopback() {
        let desk = LoginDesk::new(Clock::start(), 10);
        let answer = |address, password: &[u8]| {
            let outcome = desk.answer(&Job {
                shard: 0,
                request: request(address, password),
                authenticator: Arc::new(Doorman),
            });
            match outcome {
                AuthOutcome::Reject { reason, .. } => Some(reason),
                _ => None,
            }
        };
        for _ in 0..10 {
            let refused = Some(ReasonCode::BadUserNameOrPassword);
            assert_eq!(answer("192.0.2.1", b"x"), refused);
            assert_eq!(answer("127.0.0.1", b"x"), refused);
        }
        let blocked = Some(ReasonCode::ConnectionRateExceeded);
        assert_eq!(answer("192.0.2.1", b"open"), blocked);
        assert_eq!(answer("192.0.2.2", b"open"), None);
        assert_eq!(answer("127.0.0.1", b"open"), None);
        let address = "192.0.2.1".parse().unwrap();
        let later = desk.clock.ms() + FAILURE_WINDOW_MS;
        assert!(!desk.failures().blocks(address, later));
        desk.failures().add(address, later);
        assert_eq!(desk.failures().by_address[&address].1, 1);
    }

    #[test]
    fn answers_come_as_letters_and_the_queue_is_bounded() {
        let poll = Poll::new().unwrap();
        let inbox = Arc::new(Inbox::new(poll.registry(), Token(0)).unwrap());
        let desk = LoginDesk::new(Clock::start(), 10);
        let doorman: Arc<dyn Authenticator> = Arc::new(Doorman);
        for _ in 0..MAX_WAITING_LOGINS {
            assert_eq!(desk.ask(0, request("127.0.0.1", b"open"), &doorman), None);
        }
        let full = desk.ask(0, request("127.0.0.1", b"open"), &doorman);
        assert!(matches!(
            full.unwrap().outcome,
            AuthOutcome::Reject {
                reason: ReasonCode::ServerBusy,
                ..
            }
        ));
        let mut letters = Vec::new();
        std::thread::scope(|scope| {
            scope.spawn(|| desk.work(std::slice::from_ref(&inbox)));
            while letters.len() < MAX_WAITING_LOGINS {
                let mut more = Vec::new();
                inbox.take(&mut more);
                letters.append(&mut more);
                std::thread::yield_now();
            }
            desk.stop();
        });
        assert!(letters.iter().all(|l| matches!(l, Letter::Auth(_))));
    }
}
