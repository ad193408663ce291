//! From sockets to the shard: one read per connection and turn, more in the next.

use super::handshakes::HANDSHAKE_BITS;
use super::slots::{Slot, flag};
use super::{LINGER_BIT, ShardThread, WAKER, worker};
use crate::link::Got;
use crate::websocket::{Ended, WebSocket};
use broker::ConnId;
use broker::{Now, Shard};
use mio::event::Event;
use std::io;

impl ShardThread {
    pub(super) fn on_event(&mut self, event: &Event) {
        let token = event.token();
        if token == WAKER || worker::shard_of(token).is_some() {
            return;
        }
        if token.0 & HANDSHAKE_BITS == HANDSHAKE_BITS {
            return self.handshakes.on_event(token);
        }
        if token.0 & LINGER_BIT != 0 {
            self.lingering.on_event(token, &mut self.scratch);
            return;
        }
        let Some((conn, slot)) = self.slots.named(token) else {
            return;
        };
        if event.is_writable() && slot.has(flag::BLOCKED) {
            slot.clear(flag::BLOCKED);
            self.writable.push(conn);
        }
        let ending = event.is_read_closed() || event.is_error();
        if ending {
            slot.set(flag::ENDING);
        }
        if event.is_readable() || ending {
            slot.set(flag::READABLE);
            self.queue_read(conn);
        }
    }

    /// Puts a connection on the list of those to be read, if it may be.
    pub(super) fn queue_read(&mut self, conn: ConnId) {
        let Some(slot) = self.slots.get(conn) else {
            return;
        };
        let wanted = slot.has(flag::CLOSING) || !slot.has(flag::PAUSED);
        if slot.has(flag::READABLE) && wanted && !slot.has(flag::QUEUED) {
            slot.set(flag::QUEUED);
            self.ready.push(conn);
        }
    }

    /// Reads each connection of the list once, as far as this turn goes.
    pub(super) fn read_ready(&mut self) {
        let mut ready = std::mem::take(&mut self.ready);
        let mut done = 0;
        for &conn in &ready {
            if self.budget == 0 {
                break;
            }
            done += 1;
            let Some(slot) = self.slots.get(conn) else {
                continue;
            };
            slot.clear(flag::QUEUED);
            if slot.has(flag::CLOSING) || !slot.has(flag::PAUSED) {
                self.read_once(conn);
                self.queue_read(conn);
            }
        }
        // Who was not reached comes first next time.
        ready.drain(..done);
        ready.append(&mut self.ready);
        self.ready = ready;
    }

    fn read_once(&mut self, conn: ConnId) {
        let Some(slot) = self.slots.get(conn) else {
            return;
        };
        let closing = slot.has(flag::CLOSING);
        let Slot {
            link, websocket, ..
        } = slot;
        let (shard, now, mut ended) = (&mut self.shard, self.now, None);
        let read = link.read(&mut self.scratch, &mut |bytes| {
            if !closing && ended.is_none() {
                ended = pass_on(websocket, shard, conn, now, bytes).err();
            }
        });
        let got = match read {
            Ok(Got { bytes: 0, .. }) => return self.lose(conn, "the client closed the connection"),
            Ok(got) => got,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return slot.clear(flag::READABLE),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return,
            Err(e) => return self.lose(conn, &e.to_string()),
        };
        self.told = true;
        self.budget = self.budget.saturating_sub(got.bytes);
        if slot.link.has_ended() {
            slot.set(flag::ENDING);
        }
        // A short read has emptied the socket: what comes later is a new event.
        if !got.more && !slot.has(flag::ENDING) {
            slot.clear(flag::READABLE);
        }
        if !closing {
            self.answer(conn, ended);
        }
    }

    /// Plain bytes that came before the connection was the shard's.
    pub(super) fn hear(&mut self, conn: ConnId, bytes: &mut [u8]) {
        let Some(slot) = self.slots.get(conn) else {
            return;
        };
        if slot.link.has_ended() {
            slot.set(flag::ENDING);
        }
        if !bytes.is_empty() {
            let websocket = &mut slot.websocket;
            let ended = pass_on(websocket, &mut self.shard, conn, self.now, bytes).err();
            self.answer(conn, ended);
        }
    }

    /// What the layers below MQTT have to say after they were given bytes.
    fn answer(&mut self, conn: ConnId, ended: Option<Ended>) {
        let Some(slot) = self.slots.get(conn) else {
            return;
        };
        let websocket = slot.websocket.as_ref();
        if slot.link.wants_write() || websocket.is_some_and(|w| w.wants_write()) {
            self.writable.push(conn);
        }
        if let Some(ended) = ended {
            self.end_websocket(conn, &ended);
        }
    }
}

/// Hands plain bytes of a link to what lies above it.
fn pass_on(
    websocket: &mut Option<Box<WebSocket>>,
    shard: &mut Shard,
    conn: ConnId,
    now: Now,
    bytes: &mut [u8],
) -> Result<(), Ended> {
    match websocket {
        None => shard.on_bytes(conn, bytes, now),
        Some(websocket) => {
            websocket.feed(bytes, &mut |piece| shard.on_bytes(conn, piece, now))?;
        }
    }
    Ok(())
}
