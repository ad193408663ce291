//! Sockets that their shard is done with: everything is written, the peer may still be sending.
//!
//! Closing a socket with unread bytes resets it, and the reset may overtake what was written last, the
//! very packet that says why. So it is half-closed, read into the void until the peer ends, and
//! closed then or at its deadline. Owned by one shard's thread.

use super::LINGER_BIT;
use crate::link::Link;
use mio::{Registry, Token};
use slab::Slab;
use std::collections::VecDeque;
use std::io;

/// How long a peer has to end its side.
pub(crate) const LINGER_MS: u64 = 1000;
/// Sockets kept at once; further ones are closed at once.
const MAX_LINGERING: usize = 1024;
/// Reads of one socket in one turn.
const MAX_READS: usize = 16;

#[derive(Default)]
pub(crate) struct Lingering {
    links: Slab<(Link, u64)>,
    /// By deadline, with the key; the deadline tells a reused key.
    deadlines: VecDeque<(u64, usize)>,
}

impl Lingering {
    /// Half-closes a socket and waits for its peer.
    pub(crate) fn add(&mut self, mut link: Link, registry: &Registry, now_ms: u64) {
        link.finish();
        if self.links.len() >= MAX_LINGERING {
            return;
        }
        let entry = self.links.vacant_entry();
        if link
            .rename(registry, Token(LINGER_BIT | entry.key()))
            .is_ok()
        {
            let deadline = now_ms + LINGER_MS;
            self.deadlines.push_back((deadline, entry.key()));
            entry.insert((link, deadline));
        }
    }

    pub(crate) fn on_event(&mut self, token: Token, scratch: &mut [u8]) {
        let key = token.0 & !LINGER_BIT;
        let Some((link, _)) = self.links.get_mut(key) else {
            return;
        };
        for _ in 0..MAX_READS {
            match link.read_raw(scratch) {
                Ok(n) if n > 0 => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => break,
            }
        }
        self.links.remove(key);
    }

    pub(crate) fn expire(&mut self, now_ms: u64) {
        while let Some(&(deadline, key)) = self.deadlines.front()
            && (deadline <= now_ms || !self.holds(key, deadline))
        {
            self.deadlines.pop_front();
            if self.holds(key, deadline) {
                self.links.remove(key);
            }
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.deadlines.front().map(|(deadline, _)| *deadline)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    fn holds(&self, key: usize, deadline: u64) -> bool {
        self.links.get(key).is_some_and(|(_, d)| *d == deadline)
    }
}
