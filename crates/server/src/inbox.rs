//! Where a thread's letters wait: one FIFO per shard, one push and at most one wake per sender and
//! turn.
//!
//! A push never waits and never fails. What bounds an inbox is taken where work is admitted: mails by
//! the shards' credit, new and moving connections by `max_connections`, logins by the bound of the
//! login queue, durable marks by one per shard and sync, bodies by what was asked for, pings by the round that is under way,
//! operators' letters by the admin side's bound on requests, each of which has one letter under way
//! to a shard.

use broker::auth::{AuthReply, Peer};
use broker::conn::Handoff;
use broker::inspect::{Answer, Question};
use broker::mail::Mail;
use broker::operator::{Command, Done};
use broker::{ConnId, Settings};
use message::record::{Body, Durable};
use mio::{Registry, Token, Waker};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::link::Link;
use crate::login::Login;
use crate::reply::Reply;
use crate::shard_thread::Arrival;

/// One thing that a shard's thread is told.
pub(crate) enum Letter {
    Mails(Vec<Mail>),
    /// A connection moves here.
    Arrive(Box<(Arrival, Box<Handoff>)>),
    /// A connection was accepted for this shard.
    Accepted(Link, Peer),
    /// How far the store operations of this shard are durable.
    Durable(Durable),
    /// A message that this shard has asked the log for, by its ticket.
    Body(u64, Option<Body>),
    Auth(AuthReply),
    Settings(Arc<Settings>, Login),
    /// An operator asks.
    Inspect(Question, Reply<Answer>),
    /// An operator, or the broker itself, wants something done.
    Command(Command, Option<Reply<Done>>),
    /// Show that the shard turns, by the number of this round of the watchdog.
    Ping(u64),
    /// Close all connections, and say when there is none left.
    Shutdown,
    /// Leave the loop.
    Stop,
}

/// The letters of one shard.
pub(crate) struct Inbox {
    letters: Mutex<Vec<Letter>>,
    /// The owner waits in its poll, or is about to; whoever takes this flag down wakes it.
    sleeping: AtomicBool,
    waker: Waker,
}

impl Inbox {
    /// `token` is what the owner's poll shows after a wake.
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        Ok(Inbox {
            letters: Mutex::default(),
            sleeping: AtomicBool::new(false),
            waker: Waker::new(registry, token)?,
        })
    }

    pub(crate) fn push(&self, letter: Letter) {
        self.lock().push(letter);
        self.wake();
    }

    /// Moves all of `letters` in, in order.
    pub(crate) fn push_all(&self, letters: &mut Vec<Letter>) {
        if !letters.is_empty() {
            self.lock().append(letters);
            self.wake();
        }
    }

    /// Swaps what has come with `into`, which is empty.
    pub(crate) fn take(&self, into: &mut Vec<Letter>) {
        debug_assert!(into.is_empty());
        std::mem::swap(&mut *self.lock(), into);
    }

    /// The owner is going to wait. False where a letter has come: then it must not.
    pub(crate) fn fall_asleep(&self) -> bool {
        self.sleeping.store(true, Ordering::SeqCst);
        let empty = self.lock().is_empty();
        if !empty {
            self.sleeping.store(false, Ordering::SeqCst);
        }
        empty
    }

    /// The owner is back: nobody needs to wake it.
    pub(crate) fn wake_up(&self) {
        self.sleeping.store(false, Ordering::SeqCst);
    }

    /// Moves all of `letters` in, and wakes nobody. True where the owner sleeps: then the sender sees to
    /// it that they are read.
    pub(crate) fn leave(&self, letters: &mut Vec<Letter>) -> bool {
        self.lock().append(letters);
        self.sleeping.load(Ordering::SeqCst)
    }

    /// Takes the flag of a sleeper down, without waking it: who gets true does its work, or rouses it.
    pub(crate) fn claim(&self) -> bool {
        self.sleeping.swap(false, Ordering::SeqCst)
    }

    pub(crate) fn rouse(&self) {
        if let Err(error) = self.waker.wake() {
            tracing::error!("a shard cannot be woken: {error}");
        }
    }

    pub(crate) fn wake(&self) {
        if self.claim() {
            self.rouse();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Letter>> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name of a connection in a poll's events.
pub(crate) fn token_of(conn: ConnId) -> Token {
    let generation = (conn.generation & GENERATION_BITS) as usize;
    Token(generation << 32 | conn.index as usize)
}

/// The index and the low bits of the generation of a connection's token.
pub(crate) fn parse_token(token: Token) -> (u32, u32) {
    (token.0 as u32, (token.0 >> 32) as u32)
}

/// As much of a generation as a token holds; tokens with the highest bit are the thread's own.
pub(crate) const GENERATION_BITS: u32 = u32::MAX >> 1;

#[cfg(test)]
mod tests {
    use super::*;
    use mio::{Events, Poll};
    use std::time::{Duration, Instant};

    #[test]
    fn a_sleeper_is_woken_once_and_letters_keep_their_order() {
        let mut poll = Poll::new().unwrap();
        let inbox = Arc::new(Inbox::new(poll.registry(), Token(7)).unwrap());
        let mut events = Events::with_capacity(8);
        inbox.push(Letter::Ping(1));
        assert!(!inbox.fall_asleep(), "a letter waits");
        let mut letters = Vec::new();
        inbox.take(&mut letters);
        assert_eq!(letters.len(), 1);
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        assert!(events.is_empty(), "awake: no wake");
        letters.clear();

        assert!(inbox.fall_asleep());
        let sender = std::thread::spawn({
            let inbox = inbox.clone();
            move || {
                inbox.push(Letter::Ping(2));
                inbox.push_all(&mut vec![Letter::Ping(3), Letter::Shutdown]);
            }
        });
        let before = Instant::now();
        poll.poll(&mut events, Some(Duration::from_secs(10)))
            .unwrap();
        inbox.wake_up();
        assert!(before.elapsed() < Duration::from_secs(5));
        assert!(events.iter().all(|e| e.token() == Token(7)));
        sender.join().unwrap();
        inbox.take(&mut letters);
        assert!(matches!(
            letters[..],
            [Letter::Ping(2), Letter::Ping(3), Letter::Shutdown]
        ));
    }

    /// Many senders against a sleeper that waits without a deadline: a lost wake would hang it.
    #[test]
    fn no_wake_is_lost() {
        let mut poll = Poll::new().unwrap();
        let inbox = Arc::new(Inbox::new(poll.registry(), Token(7)).unwrap());
        let senders: Vec<_> = (0..4)
            .map(|_| {
                let inbox = inbox.clone();
                std::thread::spawn(move || (0..20_000).for_each(|i| inbox.push(Letter::Ping(i))))
            })
            .collect();
        let (mut events, mut letters, mut seen) = (Events::with_capacity(8), Vec::new(), 0);
        while seen < 80_000 {
            let wait = inbox.fall_asleep().then_some(Duration::from_secs(20));
            poll.poll(&mut events, Some(wait.unwrap_or(Duration::ZERO)))
                .unwrap();
            inbox.wake_up();
            inbox.take(&mut letters);
            assert!(
                wait.is_none() || !letters.is_empty() || !events.is_empty(),
                "a wake was lost"
            );
            seen += letters.len();
            letters.clear();
        }
        senders.into_iter().for_each(|s| s.join().unwrap());
    }

    #[test]
    fn tokens_name_connections() {
        let conn = ConnId {
            index: 77,
            generation: u32::MAX,
        };
        assert_eq!(parse_token(token_of(conn)), (77, GENERATION_BITS));
    }
}
