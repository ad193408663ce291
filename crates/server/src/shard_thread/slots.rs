//! What the driver keeps of each connection: its socket and a few flags, no buffer.
//!
//! Owned by one shard's thread. A slot lies where the connection's id says; the id's generation makes
//! a late event or action for another connection harmless.

use crate::inbox::{GENERATION_BITS, token_of};
use crate::link::Link;
use crate::websocket::WebSocket;
use broker::ConnId;
use mio::Token;
use std::net::IpAddr;

/// Flags of a [`Slot`].
pub(crate) mod flag {
    /// The socket may have bytes to read.
    pub(crate) const READABLE: u8 = 1;
    /// It is in the list of those to be read.
    pub(crate) const QUEUED: u8 = 2;
    /// The shard wants no bytes until it says so.
    pub(crate) const PAUSED: u8 = 4;
    /// The socket is full.
    pub(crate) const BLOCKED: u8 = 8;
    /// The shard is done with it: to be closed once everything is written.
    pub(crate) const CLOSING: u8 = 16;
    /// The peer has ended its side: read until that shows.
    pub(crate) const ENDING: u8 = 32;
    /// The client has been authenticated.
    pub(crate) const AUTHENTICATED: u8 = 64;
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) link: Link,
    pub(crate) flags: u8,
    pub(crate) listener: u16,
    generation: u32,
    /// What it speaks on top of the link, if not plain MQTT.
    pub(crate) websocket: Option<Box<WebSocket>>,
    pub(crate) address: IpAddr,
}

impl Slot {
    pub(crate) fn new(
        link: Link,
        websocket: Option<Box<WebSocket>>,
        listener: u16,
        address: IpAddr,
    ) -> Self {
        Slot {
            link,
            flags: 0,
            listener,
            generation: 0,
            websocket,
            address,
        }
    }

    pub(crate) fn has(&self, flags: u8) -> bool {
        self.flags & flags != 0
    }

    pub(crate) fn set(&mut self, flags: u8) {
        self.flags |= flags;
    }

    pub(crate) fn clear(&mut self, flags: u8) {
        self.flags &= !flags;
    }
}

/// The connections of one shard.
#[derive(Default)]
pub(crate) struct Slots {
    slots: Vec<Option<Slot>>,
    live: usize,
}

impl Slots {
    pub(crate) fn get(&mut self, conn: ConnId) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(conn.index as usize)?.as_mut()?;
        (slot.generation == conn.generation).then_some(slot)
    }

    /// The connection that an event is about.
    pub(crate) fn named(&mut self, token: Token) -> Option<(ConnId, &mut Slot)> {
        let (index, generation) = crate::inbox::parse_token(token);
        let slot = self.slots.get_mut(index as usize)?.as_mut()?;
        let conn = ConnId {
            index,
            generation: slot.generation,
        };
        (slot.generation & GENERATION_BITS == generation).then_some((conn, slot))
    }

    pub(crate) fn insert(&mut self, conn: ConnId, mut slot: Slot) -> (&mut Slot, Token) {
        slot.generation = conn.generation;
        let index = conn.index as usize;
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, || None);
        }
        let place = &mut self.slots[index];
        debug_assert!(place.is_none(), "the shard gave an index twice");
        self.live += usize::from(place.is_none());
        (place.insert(slot), token_of(conn))
    }

    pub(crate) fn remove(&mut self, conn: ConnId) -> Option<Slot> {
        self.get(conn)?;
        self.live -= 1;
        self.slots[conn.index as usize].take()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.live == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::net::TcpStream;

    /// A part of the 1,024 bytes that an idle connection may take.
    #[test]
    fn a_plain_connection_is_small() {
        // mio's sockets remember their poll where debug assertions are on.
        let debug = if cfg!(debug_assertions) { 8 } else { 0 };
        let size = size_of::<Option<Slot>>();
        assert!(size <= 48 + debug, "{size}");
    }

    #[test]
    fn an_old_id_finds_nothing() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let slot = || {
            let link = Link::Tcp(TcpStream::connect(address).unwrap());
            Slot::new(link, None, 0, address.ip())
        };
        let id = |generation| ConnId {
            index: 3,
            generation,
        };
        let mut slots = Slots::default();
        slots.insert(id(1), slot());
        assert!(slots.get(id(1)).is_some() && slots.get(id(2)).is_none());
        assert!(slots.remove(id(2)).is_none() && !slots.is_empty());
        assert!(slots.remove(id(1)).is_some() && slots.is_empty());
        let (_, token) = slots.insert(id(u32::MAX), slot());
        assert_eq!(slots.named(token).unwrap().0, id(u32::MAX));
        assert!(slots.named(token_of(id(1))).is_none());
    }
}
