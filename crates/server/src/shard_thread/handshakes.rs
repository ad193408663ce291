//! Connections that are not the shard's yet: a proxy's header and TLS come before MQTT.
//!
//! Owned by one shard's thread, each with one deadline for all of it. The shard learns of a connection
//! when it is through, with the address and the certificate that it then has; its CONNECT deadline
//! begins there. What is refused is logged here.

use super::slots::flag;
use super::{LINGER_BIT, ShardThread};
use crate::link::{Got, Link};
use crate::logging::client_event;
use crate::proxy_protocol::{Header, Reader, Step};
use crate::wiring::Wiring;
use broker::auth::{Credential, Peer};
use broker::event::{LogEvent, What};
use mio::Token;
use slab::Slab;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

/// Tokens with both bits are of handshakes.
pub(super) const HANDSHAKE_BITS: usize = LINGER_BIT | LINGER_BIT >> 1;
/// What a handshake may take; certificates are the largest part of one.
const MAX_HANDSHAKE_BYTES: usize = 128 << 10;
/// Handshakes that go on in one turn. Each may cost a signature, and clients that are served wait.
const MAX_HANDSHAKES_A_TURN: usize = 16;
/// A read's room for the plaintext of a record that follows the handshake.
const PLAIN_ROOM: usize = 16 << 10;

struct Entry {
    key: usize,
    link: Link,
    /// What comes next.
    stage: Stage,
    peer: Peer,
    /// What the admission counts it by.
    counted: IpAddr,
    deadline: u64,
    /// Bytes that it has sent.
    heard: usize,
    /// It is in the list of those to go on.
    queued: bool,
}

enum Stage {
    Proxy(Reader),
    Tls,
}

impl Stage {
    fn name(&self) -> &'static str {
        match self {
            Stage::Proxy(_) => "PROXY header",
            Stage::Tls => "TLS handshake",
        }
    }
}

/// How a handshake goes on.
enum Next {
    /// At the next event.
    Wait(Entry),
    /// There may be more to read.
    Again(Entry),
    /// Not at all: it is through, or it was refused.
    Over,
}

#[derive(Default)]
pub(super) struct Handshakes {
    /// An entry is taken out while it is dealt with.
    entries: Slab<Option<Entry>>,
    deadlines: BTreeSet<(u64, usize)>,
    /// Those with an event, first come first served.
    ready: VecDeque<usize>,
}

impl Handshakes {
    /// An event is kept until it is this one's turn.
    pub(super) fn on_event(&mut self, token: Token) {
        let key = token.0 & !HANDSHAKE_BITS;
        if let Some(Some(entry)) = self.entries.get_mut(key)
            && !entry.queued
        {
            entry.queued = true;
            self.ready.push_back(key);
        }
    }

    pub(super) fn any_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn take(&mut self, key: usize) -> Option<Entry> {
        self.entries.get_mut(key)?.take()
    }

    fn put_back(&mut self, entry: Entry) {
        if let Some(place) = self.entries.get_mut(entry.key) {
            *place = Some(entry);
        }
    }

    /// Gives up the place of an entry that was taken out.
    fn free(&mut self, entry: &Entry) {
        self.entries.try_remove(entry.key);
        self.deadlines.remove(&(entry.deadline, entry.key));
    }
}

impl ShardThread {
    /// A connection was accepted for this shard.
    pub(super) fn accept(&mut self, link: Link, peer: Peer) {
        let wiring = self.wiring.clone();
        let Some(entrance) = wiring.entrances.get(peer.listener) else {
            return debug_assert!(false, "there is no listener {}", peer.listener);
        };
        let counted = entrance.counted(peer.address);
        if self.stage != super::Stage::Serving {
            return wiring.admission.leave(peer.listener, counted, false);
        }
        let (link, stage) = if entrance.is_proxy(peer.address) {
            (link, Stage::Proxy(Reader::default()))
        } else {
            match entrance.begin_tls() {
                Ok(None) => {
                    self.open(link, peer, counted, Link::register);
                    return;
                }
                Ok(begun) => (link.with_tls(begun), Stage::Tls),
                Err(error) => {
                    wiring.admission.leave(peer.listener, counted, false);
                    return refused(&peer, &wiring, &format!("TLS cannot begin: {error}"));
                }
            }
        };
        let deadline = self.now.ms.saturating_add(wiring.entrances.timeout_ms());
        let key = self.handshakes.entries.insert(None);
        self.handshakes.deadlines.insert((deadline, key));
        let mut entry = Entry {
            key,
            link,
            stage,
            peer,
            counted,
            deadline,
            heard: 0,
            queued: false,
        };
        let token = Token(HANDSHAKE_BITS | key);
        match entry.link.register(&self.registry, token) {
            Ok(()) => self.handshakes.put_back(entry),
            Err(error) => {
                self.refuse(entry, &format!("its socket cannot be waited for: {error}"));
            }
        }
    }

    /// Lets some of the handshakes that have something to read go on.
    pub(super) fn shake_ready(&mut self) {
        let mut buffer = std::mem::take(&mut self.scratch);
        for _ in 0..MAX_HANDSHAKES_A_TURN {
            let Some(key) = self.handshakes.ready.pop_front() else {
                break;
            };
            // An event may be older than what now has its place; a read that brings nothing is no harm.
            if let Some(mut entry) = self.handshakes.take(key) {
                entry.queued = false;
                self.shake(entry, &mut buffer);
            }
        }
        self.scratch = buffer;
    }

    fn shake(&mut self, mut entry: Entry, buffer: &mut [u8]) {
        loop {
            let next = match entry.stage {
                Stage::Proxy(_) => self.read_header(entry, buffer),
                Stage::Tls => self.read_tls(entry, buffer),
            };
            match next {
                Next::Again(again) => entry = again,
                Next::Wait(entry) => return self.handshakes.put_back(entry),
                Next::Over => return,
            }
        }
    }

    fn read_header(&mut self, mut entry: Entry, buffer: &mut [u8]) -> Next {
        let n = match entry.link.read_raw(buffer) {
            Ok(0) => return self.gone(entry),
            Ok(n) => n,
            Err(error) => return self.unread(entry, &error),
        };
        entry.heard += n;
        let Stage::Proxy(reader) = &mut entry.stage else {
            return Next::Again(entry);
        };
        match reader.feed(&buffer[..n]) {
            Err(offence) => self.refuse(entry, &offence.to_string()),
            Ok(Step::Incomplete) => Next::Wait(entry),
            Ok(Step::Done { header, used }) => self.introduced(entry, header, &mut buffer[used..n]),
        }
    }

    /// A proxy has said whom it speaks for; `rest` is what follows its header.
    fn introduced(&mut self, mut entry: Entry, header: Header, rest: &mut [u8]) -> Next {
        let wiring = self.wiring.clone();
        let Some(entrance) = wiring.entrances.get(entry.peer.listener) else {
            return self.refuse(entry, "its listener is gone");
        };
        if let Some(source) = header.source {
            entry.peer.address = source.ip().to_canonical();
            entry.peer.port = source.port();
        }
        if let Some(tls) = header.tls.filter(|_| entrance.named_by_certificate()) {
            let common_name = tls.common_name;
            entry.peer.credential = Some(Arc::new(Credential::Proxied { common_name }));
        }
        if let Err(refusal) = wiring.admission.appear(entry.peer.address) {
            return self.refuse(entry, &refusal.to_string());
        }
        entry.counted = entry.peer.address;
        entry.stage = Stage::Tls;
        match entrance.begin_tls() {
            Ok(begun) => entry.link = entry.link.with_tls(begun),
            Err(error) => return self.refuse(entry, &format!("TLS cannot begin: {error}")),
        }
        let Link::Tls(stream) = &mut entry.link else {
            return self.through(entry, rest);
        };
        let stranger = not_tls(rest);
        let (mut plain, mut room) = (Vec::new(), vec![0; PLAIN_ROOM]);
        let fed = stream.feed(rest, &mut room, &mut |piece| plain.extend_from_slice(piece));
        match fed {
            Ok(()) => self.shaken(entry, &mut plain),
            Err(error) => self.broken(entry, &error, stranger),
        }
    }

    fn read_tls(&mut self, mut entry: Entry, buffer: &mut [u8]) -> Next {
        let mut plain = Vec::new();
        let take = &mut |piece: &mut [u8]| plain.extend_from_slice(piece);
        match entry.link.read(buffer, take) {
            Ok(Got { bytes: 0, .. }) => self.gone(entry),
            Ok(Got { bytes, more }) => {
                entry.heard += bytes;
                match self.shaken(entry, &mut plain) {
                    Next::Wait(entry) if more => Next::Again(entry),
                    next => next,
                }
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let stranger = (entry.heard == 0).then(|| not_tls(buffer)).flatten();
                self.broken(entry, &error, stranger)
            }
            Err(error) => self.unread(entry, &error),
        }
    }

    /// TLS has taken bytes, of which `plain` are MQTT's already.
    fn shaken(&mut self, mut entry: Entry, plain: &mut [u8]) -> Next {
        if let Err(error) = entry.link.flush() {
            return self.refuse(entry, &error.to_string());
        }
        match &entry.link {
            Link::Tls(stream) if stream.is_handshaking() => {
                if stream.has_ended() {
                    self.gone(entry)
                } else if entry.heard > MAX_HANDSHAKE_BYTES {
                    self.refuse(entry, "its TLS handshake is longer than any may be")
                } else {
                    Next::Wait(entry)
                }
            }
            _ => self.through(entry, plain),
        }
    }

    /// All that comes before MQTT is done: the shard gets the connection, and what was read of it.
    fn through(&mut self, mut entry: Entry, plain: &mut [u8]) -> Next {
        if let Link::Tls(stream) = &entry.link {
            match stream.credential(self.now.unix_ms) {
                Err(error) => return self.refuse(entry, &format!("TLS: {error}")),
                Ok(credential) if entry.peer.credential.is_none() => {
                    entry.peer.credential = credential.map(Arc::new);
                }
                // What a proxy says of its client stands; this certificate is the proxy's own.
                Ok(_) => {}
            }
            tracing::debug!("TLS with {}: {}", entry.peer, stream.agreed());
        }
        self.handshakes.free(&entry);
        let Entry {
            link,
            peer,
            counted,
            ..
        } = entry;
        let conn = self.open(link, peer, counted, Link::rename);
        self.told = true;
        if let Some(slot) = self.slots.get(conn) {
            slot.set(flag::READABLE);
            self.writable.push(conn);
            self.hear(conn, plain);
            self.queue_read(conn);
        }
        Next::Over
    }

    /// A read that brought nothing.
    fn unread(&mut self, mut entry: Entry, error: &io::Error) -> Next {
        match error.kind() {
            io::ErrorKind::WouldBlock => {
                // Perhaps it is an event because the socket has room again. An error shows in a read.
                let _ = entry.link.flush();
                Next::Wait(entry)
            }
            io::ErrorKind::Interrupted => Next::Again(entry),
            _ => self.gone(entry),
        }
    }

    /// TLS has failed; `stranger` is what the peer speaks instead, where that is known.
    fn broken(&mut self, entry: Entry, error: &io::Error, stranger: Option<&str>) -> Next {
        let why = stranger.map_or_else(|| error.to_string(), str::to_owned);
        self.refuse(entry, &why)
    }

    /// Logs why a handshake ends here, and ends it.
    fn refuse(&mut self, mut entry: Entry, why: &str) -> Next {
        refused(&entry.peer, &self.wiring, why);
        self.handshakes.free(&entry);
        let listener = entry.peer.listener;
        self.wiring.admission.leave(listener, entry.counted, false);
        // An alert says to the peer what is wrong, where there is room for it.
        let _ = entry.link.flush();
        self.lingering.add(entry.link, &self.registry, self.now.ms);
        Next::Over
    }

    /// The peer has gone in the middle. Who sent nothing was only looking whether we are there.
    fn gone(&mut self, entry: Entry) -> Next {
        if entry.heard > 0 {
            let why = format!("it closed within the {}", entry.stage.name());
            return self.refuse(entry, &why);
        }
        self.handshakes.free(&entry);
        let listener = entry.peer.listener;
        self.wiring.admission.leave(listener, entry.counted, false);
        Next::Over
    }

    pub(super) fn expire_handshakes(&mut self) {
        while let Some(&(deadline, key)) = self.handshakes.deadlines.first()
            && deadline <= self.now.ms
        {
            self.handshakes.deadlines.pop_first();
            if let Some(entry) = self.handshakes.take(key) {
                let stage = entry.stage.name();
                let why = format!("no complete {stage} within limits.tls_handshake_timeout_ms");
                self.refuse(entry, &why);
            }
        }
    }

    /// The node stops: nobody new comes in.
    pub(super) fn end_handshakes(&mut self) {
        let handshakes = std::mem::take(&mut self.handshakes);
        for entry in handshakes
            .entries
            .into_iter()
            .filter_map(|(_, entry)| entry)
        {
            let listener = entry.peer.listener;
            self.wiring.admission.leave(listener, entry.counted, false);
        }
    }
}

fn refused(peer: &Peer, wiring: &Wiring, why: &str) {
    let event = LogEvent {
        what: What::Refused { why: why.into() },
        client: None,
        user: None,
        peer: peer.clone(),
        version: None,
    };
    client_event(&event, wiring.listener(peer.listener));
}

/// What a peer speaks that should begin a TLS handshake and does not, where it can be told.
fn not_tls(first: &[u8]) -> Option<&'static str> {
    Some(match first {
        [0x10, ..] => {
            "it speaks MQTT without TLS, and this listener has TLS: the client needs TLS, or an \
             mqtt:// listener"
        }
        [b'G', b'E', b'T', b' ', ..] => {
            "it speaks HTTP without TLS, and this listener has TLS: the client needs wss:// or \
             https://"
        }
        [b'P', b'R', b'O', b'X', b'Y', b' ', ..] | [0x0D, 0x0A, 0x0D, 0x0A, 0, ..] => {
            "it sent a PROXY protocol header, which is not taken from its address: see \
             proxy_protocol of the listener"
        }
        _ => return None,
    })
}
