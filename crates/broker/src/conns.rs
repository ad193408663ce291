//! The slab of a shard's connections.

use crate::auth::Peer;
use crate::conn::{Conn, ConnId};
use slab::Slab;

#[derive(Default)]
pub(crate) struct Conns {
    slots: Slab<Conn>,
    generation: u32,
}

impl Conns {
    pub(crate) fn open(&mut self, peer: Peer, now_ms: u64) -> ConnId {
        self.generation = self.generation.wrapping_add(1);
        let entry = self.slots.vacant_entry();
        let id = ConnId {
            index: entry.key() as u32,
            generation: self.generation,
        };
        entry.insert(Conn::new(id, peer, now_ms));
        id
    }

    pub(crate) fn get(&self, id: ConnId) -> Option<&Conn> {
        self.slots.get(id.index as usize).filter(|c| c.id == id)
    }

    pub(crate) fn get_mut(&mut self, id: ConnId) -> Option<&mut Conn> {
        self.slots.get_mut(id.index as usize).filter(|c| c.id == id)
    }

    /// What is in this slot.
    pub(crate) fn at(&self, slot: u32) -> Option<&Conn> {
        self.slots.get(slot as usize)
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// No slot from this one on is taken.
    pub(crate) fn slots(&self) -> u32 {
        self.slots.capacity() as u32
    }

    pub(crate) fn remove(&mut self, id: ConnId) -> Option<Conn> {
        self.get(id)?;
        self.slots.try_remove(id.index as usize)
    }

    /// All ids, in slot order.
    pub(crate) fn ids(&self) -> Vec<ConnId> {
        self.slots.iter().map(|(_, c)| c.id).collect()
    }
}
