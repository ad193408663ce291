//! From the shard outwards, in the order in which it must leave: store operations, reads, mails and moves,
//! questions to the authenticator, then everything about sockets.

use super::lingering::LINGER_MS;
use super::slots::flag;
use super::{MAX_ROUNDS, ShardThread, Stage};
use crate::inbox::Letter;
use crate::link::Wrote;
use crate::logging::client_event;
use crate::login::Login;
use crate::websocket::{Ended, GOING_AWAY, NORMAL_CLOSURE};
use broker::ConnId;
use broker::auth::{AuthReply, AuthRequest};

impl ShardThread {
    /// Ends the turn, and those that follow from carrying out its output.
    pub(super) fn end_turns(&mut self) {
        for _ in 0..MAX_ROUNDS {
            if !self.told && self.writable.is_empty() {
                return;
            }
            self.told = false;
            let mut turn = std::mem::take(&mut self.turn);
            self.shard.end_turn(self.now, &mut turn);
            if !turn.ops.is_empty() {
                self.wiring.log.push(std::mem::take(&mut turn.ops));
            }
            if !turn.reads.is_empty() {
                self.wiring.log.read(turn.reads.drain(..));
            }
            for (target, mails) in turn.mails.drain(..) {
                self.post(target, Letter::Mails(mails));
            }
            for (conn, target, handoff) in turn.moves.drain(..) {
                if let Some(mut slot) = self.slots.remove(conn) {
                    // A socket that cannot be deregistered here cannot be registered there.
                    let _ = slot.link.deregister(&self.registry);
                    self.post(target, Letter::Arrive(Box::new((slot, handoff))));
                }
            }
            self.send_letters();
            for request in turn.auth.drain(..) {
                self.ask(request);
            }
            let mut writable = std::mem::take(&mut self.writable);
            for conn in writable.drain(..).chain(turn.dirty.drain(..)) {
                self.flush(conn);
            }
            self.writable = writable;
            for (conn, on) in turn.reading.drain(..) {
                self.set_reading(conn, on);
            }
            for conn in turn.closing.drain(..) {
                self.begin_closing(conn);
            }
            for event in turn.events.drain(..) {
                client_event(&event, self.wiring.listener(event.peer.listener));
            }
            self.turn = turn;
        }
    }

    /// Each target gets its letters by one push. Where all shards have one thread nobody is woken: that
    /// thread makes the target's turn next.
    fn send_letters(&mut self) {
        let targets = self.outgoing.iter_mut().zip(&self.wiring.shards);
        for (shard, (letters, inbox)) in (0..).zip(targets) {
            if letters.is_empty() {
                continue;
            }
            if !self.together {
                inbox.push_all(letters);
            } else if inbox.leave(letters) {
                self.calls.push(shard);
            }
        }
    }

    fn post(&mut self, target: message::ShardId, letter: Letter) {
        match self.outgoing.get_mut(usize::from(target)) {
            Some(letters) => letters.push(letter),
            None => debug_assert!(false, "a letter to shard {target}, which there is not"),
        }
    }

    fn ask(&mut self, request: AuthRequest) {
        let reply = match &self.login {
            Login::Desk(authenticator) => self.wiring.desk.ask(self.id, request, authenticator),
            Login::Here(authenticator) => Some(AuthReply {
                conn: request.conn,
                outcome: authenticator.authenticate(&request),
            }),
        };
        if let Some(reply) = reply {
            self.on_auth(reply);
        }
    }

    /// Writes what waits for a connection, as far as its socket takes it.
    fn flush(&mut self, conn: ConnId) {
        let Some(slot) = self.slots.get(conn) else {
            return;
        };
        if slot.has(flag::BLOCKED) {
            return;
        }
        let outbox = self.shard.outbox(conn);
        let wrote = match &mut slot.websocket {
            Some(websocket) => websocket.write(&mut slot.link, outbox),
            None => slot.link.write(outbox),
        };
        let Ok(Wrote { bytes, blocked }) = wrote else {
            // The peer has gone, but what it sent before may still be there to be read.
            slot.set(flag::BLOCKED | flag::READABLE | flag::ENDING);
            if slot.has(flag::CLOSING | flag::PAUSED) {
                return self.lose(conn, "the client closed the connection");
            }
            return self.queue_read(conn);
        };
        if blocked {
            slot.set(flag::BLOCKED);
        }
        let closing = slot.has(flag::CLOSING);
        if bytes > 0 {
            self.told = true;
            self.shard.wrote(conn, bytes, self.now);
        }
        if closing && !blocked && self.shard.outbox(conn).is_empty() {
            self.finish(conn);
        }
    }

    fn set_reading(&mut self, conn: ConnId, on: bool) {
        let Some(slot) = self.slots.get(conn) else {
            return;
        };
        if on {
            slot.clear(flag::PAUSED);
            self.queue_read(conn);
        } else {
            slot.set(flag::PAUSED);
        }
    }

    fn begin_closing(&mut self, conn: ConnId) {
        let Some(slot) = self.slots.get(conn) else {
            return;
        };
        slot.set(flag::CLOSING);
        if slot.has(flag::BLOCKED) {
            self.closing.push_back((self.now.ms + LINGER_MS, conn));
            return;
        }
        self.flush(conn);
        if self.slots.get(conn).is_some() {
            self.closing.push_back((self.now.ms + LINGER_MS, conn));
        }
    }

    /// Everything is written: says goodbye and leaves the socket to its peer for a moment.
    fn finish(&mut self, conn: ConnId) {
        let Some(slot) = self.slots.get(conn) else {
            return;
        };
        if let Some(websocket) = &mut slot.websocket {
            websocket.end(match self.stage {
                Stage::Serving => NORMAL_CLOSURE,
                Stage::Draining | Stage::Drained | Stage::Stopped => GOING_AWAY,
            });
            let wrote = websocket.write(&mut slot.link, &[]);
            if let Ok(Wrote { blocked: true, .. }) = wrote {
                return slot.set(flag::BLOCKED);
            }
        }
        if let Some(slot) = self.forget(conn) {
            self.told = true;
            self.shard.release(conn);
            self.lingering.add(slot.link, &self.registry, self.now.ms);
        }
    }

    /// The WebSocket layer has ended by itself: writes its last words, if a frame is not cut by
    /// them, and lets the connection go.
    pub(super) fn end_websocket(&mut self, conn: ConnId, ended: &Ended) {
        let Some(mut slot) = self.forget(conn) else {
            return;
        };
        self.told = true;
        if let Some(websocket) = &mut slot.websocket {
            // Where the socket is full or gone, the peer must do without them.
            let _ = websocket.write(&mut slot.link, &[]);
        }
        if slot.has(flag::CLOSING) {
            self.shard.release(conn);
        } else if ended.unfit {
            self.shard.on_unfit(conn, &ended.why, self.now);
        } else {
            self.shard.on_closed(conn, &ended.why, self.now);
        }
        self.lingering.add(slot.link, &self.registry, self.now.ms);
    }
}
