//! A turn of one shard: letters, sockets and timers in, then its output, in the order that `Turn`
//! prescribes. Between the stages of the output other threads may get on, as they do in a server.

use super::link::{Got, Place};
use super::{Inner, Letter, Sock};
use broker::auth::{AuthReply, Peer, Transport};
use broker::{ConnId, Shard, Turn};
use message::ShardId;
use std::net::{IpAddr, Ipv4Addr};

/// How long a client has to take what is written before a closing socket is dropped.
const LINGER_MS: u64 = 1000;

impl Inner {
    pub(super) fn turn(&self, at: usize) {
        let Ok(mut shard) = self.shards[at].try_borrow_mut() else {
            return;
        };
        let now = self.node_now();
        self.event(("turn", at));
        self.desks.borrow_mut()[at].told = false;
        let replies = self.read_letters(at, &mut shard);
        // Answers that let a connection move may come before its bytes are read, or after.
        let answers_first = self.rng.borrow_mut().chance(50);
        if !answers_first {
            self.read_sockets(at, &mut shard);
        }
        for reply in replies {
            if self.desks.borrow()[at].conns.contains_key(&reply.conn) {
                shard.on_auth(reply, now);
            }
        }
        if answers_first {
            self.read_sockets(at, &mut shard);
        }
        if shard.next_timeout().is_some_and(|due| due <= now.ms) {
            shard.on_timeout(now);
        }
        self.drop_overdue(at, &mut shard);
        let mut turn = Turn::default();
        shard.end_turn(now, &mut turn);
        self.put_out(at, &mut shard, turn);
    }

    /// Some of the letters, oldest first; gives back the answers of the authenticator.
    fn read_letters(&self, at: usize, shard: &mut Shard) -> Vec<AuthReply> {
        let waiting = self.desks.borrow()[at].inbox.len();
        let count = {
            let mut rng = self.rng.borrow_mut();
            if rng.chance(60) {
                waiting
            } else {
                rng.below(waiting + 1)
            }
        };
        let now = self.node_now();
        let mut replies = Vec::new();
        for _ in 0..count {
            let Some(letter) = self.desks.borrow_mut()[at].inbox.pop_front() else {
                break;
            };
            match letter {
                Letter::Mails(mails) => mails.into_iter().for_each(|mail| shard.on_mail(mail, now)),
                Letter::Durable(mark) => shard.on_durable(&mark, now),
                Letter::Body(ticket, body) => {
                    if let Err(lost) = shard.on_body(ticket, body, now) {
                        panic!("{lost}");
                    }
                }
                Letter::Auth(reply) => replies.push(reply),
                Letter::Settings(settings) => shard.on_settings(settings, now),
                Letter::Accepted(sock) => self.accept(at, shard, sock),
                Letter::Arrive(sock, handoff) => {
                    let conn = shard.adopt(handoff, now);
                    self.settle_in(at, sock, conn);
                    if self.desks.borrow()[at].stopping {
                        self.lose(at, shard, conn, "the broker is stopping");
                    }
                }
                Letter::Command(command) => {
                    let done = shard.command(command, now);
                    self.done.borrow_mut().push_back(done);
                }
                Letter::Shutdown => {
                    self.desks.borrow_mut()[at].stopping = true;
                    shard.on_shutdown(now);
                }
            }
        }
        replies
    }

    fn accept(&self, at: usize, shard: &mut Shard, sock: Sock) {
        if self.desks.borrow()[at].stopping {
            let link = &mut self.links.borrow_mut()[sock.0];
            link.place = Place::Gone;
            link.down_end = true;
            return;
        }
        let peer = Peer {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 40_000 + (sock.0 % 20_000) as u16,
            listener: 0,
            transport: Transport::Tcp,
            credential: None,
        };
        let conn = shard.open(peer, self.node_now());
        self.settle_in(at, sock, conn);
    }

    fn settle_in(&self, at: usize, sock: Sock, conn: ConnId) {
        let link = &mut self.links.borrow_mut()[sock.0];
        link.place = Place::At(at as ShardId, conn);
        link.paused = false;
        self.desks.borrow_mut()[at].conns.insert(conn, sock);
        self.event(("at", sock.0, at, conn));
    }

    /// Reads some of the sockets that are readable, each once.
    fn read_sockets(&self, at: usize, shard: &mut Shard) {
        let here: Vec<(Sock, ConnId)> = {
            let links = self.links.borrow();
            let active = self.active.borrow();
            let readable = active.iter().filter_map(|n| match links[*n].place {
                Place::At(shard, conn) if usize::from(shard) == at && links[*n].readable() => {
                    Some((Sock(*n), conn))
                }
                _ => None,
            });
            readable.collect()
        };
        for (sock, conn) in here {
            if self.rng.borrow_mut().chance(30) {
                continue;
            }
            let got = self.links.borrow_mut()[sock.0].read(&mut self.rng.borrow_mut());
            match got {
                Got::Bytes(bytes) => {
                    self.event(("read", sock.0, bytes.len()));
                    if self.links.borrow()[sock.0].closing.is_none() {
                        shard.on_bytes(conn, &bytes, self.node_now());
                    }
                }
                Got::End(why) => self.lose(at, shard, conn, why),
            }
        }
    }

    /// A connection ends because of its peer, not because the shard wants it.
    fn lose(&self, at: usize, shard: &mut Shard, conn: ConnId, why: &str) {
        let Some(sock) = self.desks.borrow_mut()[at].conns.remove(&conn) else {
            return;
        };
        self.event(("lose", sock.0));
        let closing = {
            let link = &mut self.links.borrow_mut()[sock.0];
            link.place = Place::Gone;
            link.down_end = true;
            link.closing.take().is_some()
        };
        self.desks.borrow_mut()[at].told = true;
        if closing {
            shard.release(conn);
        } else {
            shard.on_closed(conn, why, self.node_now());
        }
    }

    /// Sockets whose clients did not take the rest in time.
    fn drop_overdue(&self, at: usize, shard: &mut Shard) {
        let now_ms = self.now.get().ms;
        let overdue: Vec<ConnId> = {
            let (links, desks) = (self.links.borrow(), self.desks.borrow());
            let conns = desks[at].conns.iter();
            let due = |sock: &Sock| links[sock.0].closing.is_some_and(|due| due <= now_ms);
            conns
                .filter(|(_, sock)| due(sock))
                .map(|(conn, _)| *conn)
                .collect()
        };
        for conn in overdue {
            self.lose(at, shard, conn, "");
        }
    }

    fn put_out(&self, at: usize, shard: &mut Shard, turn: Turn) {
        if !turn.ops.is_empty() {
            self.event(("ops", at, turn.ops.len()));
            self.log.borrow_mut().push(turn.ops);
            self.interrupted();
        }
        if !turn.reads.is_empty() {
            self.event(("reads", at, turn.reads.len()));
            self.log.borrow_mut().ask(turn.reads);
        }
        for (target, mails) in turn.mails {
            self.event(("mail", at, target, mails.len()));
            self.post(target, Letter::Mails(mails));
            self.interrupted();
        }
        for request in turn.auth {
            self.auth.borrow_mut().ask(at as ShardId, request);
        }
        let writable = self.writable(at);
        for conn in writable.into_iter().chain(turn.dirty) {
            self.flush(at, shard, conn);
        }
        for (conn, target, handoff) in turn.moves {
            let Some(sock) = self.desks.borrow_mut()[at].conns.remove(&conn) else {
                continue;
            };
            self.links.borrow_mut()[sock.0].place = Place::OnTheWay;
            self.event(("move", sock.0, at, target));
            self.post(target, Letter::Arrive(sock, handoff));
            self.interrupted();
        }
        for (conn, on) in turn.reading {
            let Some(sock) = self.desks.borrow()[at].conns.get(&conn).copied() else {
                continue;
            };
            self.links.borrow_mut()[sock.0].paused = !on;
            self.event(("reading", sock.0, on));
        }
        for conn in turn.closing {
            let Some(sock) = self.desks.borrow()[at].conns.get(&conn).copied() else {
                continue;
            };
            self.event(("closing", sock.0));
            let due = self.now.get().ms + LINGER_MS;
            self.links.borrow_mut()[sock.0].closing = Some(due);
            self.flush(at, shard, conn);
        }
        for event in turn.events {
            self.trace
                .borrow_mut()
                .note(self.now.get().ms, || format!("shard {at}: {event:?}"));
        }
    }

    fn writable(&self, at: usize) -> Vec<ConnId> {
        let (links, desks) = (self.links.borrow(), self.desks.borrow());
        let conns = desks[at].conns.iter();
        conns
            .filter(|(_, sock)| links[sock.0].writable())
            .map(|(conn, _)| *conn)
            .collect()
    }

    /// Writes what waits for a connection, as far as its socket takes it.
    fn flush(&self, at: usize, shard: &mut Shard, conn: ConnId) {
        let Some(sock) = self.desks.borrow()[at].conns.get(&conn).copied() else {
            return;
        };
        let (n, closing) = {
            let link = &mut self.links.borrow_mut()[sock.0];
            (link.write(shard.outbox(conn)), link.closing.is_some())
        };
        if n > 0 {
            self.event(("write", sock.0, n));
            self.desks.borrow_mut()[at].told = true;
            shard.wrote(conn, n, self.node_now());
        }
        if closing && shard.outbox(conn).is_empty() {
            self.desks.borrow_mut()[at].conns.remove(&conn);
            let link = &mut self.links.borrow_mut()[sock.0];
            link.place = Place::Gone;
            link.down_end = true;
            link.closing = None;
            shard.release(conn);
            self.event(("closed", sock.0));
        }
    }
}
