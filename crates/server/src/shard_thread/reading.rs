//! From sockets to the shard: one read per connection and turn, more in the next.

use super::slots::flag;
use super::{LINGER_BIT, ShardThread, WAKER};
use broker::ConnId;
use mio::event::Event;
use std::io;

impl ShardThread {
    pub(super) fn on_event(&mut self, event: &Event) {
        let token = event.token();
        if token == WAKER {
            return;
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
        let n = match slot.link.read(&mut self.scratch) {
            Ok(0) => return self.lose(conn, "the client closed the connection"),
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return slot.clear(flag::READABLE),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return,
            Err(e) => return self.lose(conn, &e.to_string()),
        };
        self.budget = self.budget.saturating_sub(n);
        // A short read has emptied the socket: what comes later is a new event.
        if n < self.scratch.len() && !slot.has(flag::ENDING) {
            slot.clear(flag::READABLE);
        }
        if slot.has(flag::CLOSING) {
            return;
        }
        self.told = true;
        let (shard, now) = (&mut self.shard, self.now);
        let bytes = &mut self.scratch[..n];
        let Some(websocket) = &mut slot.websocket else {
            return shard.on_bytes(conn, bytes, now);
        };
        let fed = websocket.feed(bytes, &mut |piece| shard.on_bytes(conn, piece, now));
        if websocket.wants_write() {
            self.writable.push(conn);
        }
        if let Err(ended) = fed {
            self.end_websocket(conn, &ended);
        }
    }
}
