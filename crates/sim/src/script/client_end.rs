//! The client's end of one named connection of a script.

use super::decode;
use super::packet::Packet;
use crate::world::{Sock, World};
use std::collections::VecDeque;

pub(super) struct ClientEnd {
    pub sock: Sock,
    /// How packets are read and written: 3, 4 or 5.
    pub version: u32,
    bytes: Vec<u8>,
    /// What came and was not asked for yet.
    pub packets: VecDeque<Packet>,
    /// It was cut or closed from this side.
    pub left: bool,
    pub ended: bool,
}

impl ClientEnd {
    pub(super) fn open(world: &World) -> Self {
        ClientEnd {
            sock: world.connect(),
            version: 5,
            bytes: Vec::new(),
            packets: VecDeque::new(),
            left: false,
            ended: false,
        }
    }

    /// Reads what has arrived.
    pub(super) fn read(&mut self, world: &World) {
        self.bytes.extend(world.received(self.sock));
        while let Some(packet) = decode::packet(&mut self.bytes, self.version) {
            self.packets.push_back(packet);
        }
        self.ended = world.ended(self.sock);
    }

    /// A connection that is to be used no more.
    pub(super) fn over(&self) -> bool {
        self.left || self.ended
    }
}
