//! Tickets: who must be told once the records they wait for are durable.
//!
//! A shard numbers its store operations; the log says how far they are durable. So a ticket is a range of
//! numbers, the operations of one event; tickets wait in one queue, and settling is popping its front. What a
//! waiter does is decided by `W`, its owner.
//!
//! While the log holds messages back, because its disk is full, it goes on with other operations. A ticket
//! with a held operation steps aside then, and so do those behind it that belong to the same connection.
//!
//! Invariants: numbers in the queue never decrease, and what has stepped aside keeps its order; so
//! acknowledgements of one connection leave in the order in which their packets came, also where one of
//! them needed no record of its own.

use crate::conn::ConnId;
use message::record::{Durable, Record, StoreOp};
use message::{LogId, ShardId};
use std::collections::{BTreeMap, VecDeque};

/// Bytes that are counted as one: what is on its way is known to so many, without an entry for each.
const CHUNK_BYTES: u64 = 64 << 10;

pub(crate) struct Tickets<W> {
    shard: ShardId,
    /// Number of the last operation emitted.
    last: u64,
    /// All up to here are durable.
    durable: u64,
    /// All up to here are durable or held back.
    passed: u64,
    /// What the log holds back, ascending.
    held: VecDeque<u64>,
    waiting: VecDeque<Ticket<W>>,
    /// With something that is held back: up to where, and who.
    aside: VecDeque<(u64, W)>,
    /// How many of `aside` a connection has.
    lines: BTreeMap<ConnId, usize>,
    /// Messages on their way into the log: up to which operation, and how many bytes.
    chunks: VecDeque<(u64, u64)>,
    /// All of them.
    bytes: u64,
}

/// Waits for the operations above `since`, up to `upto`.
struct Ticket<W> {
    since: u64,
    upto: u64,
    waiter: W,
}

/// Whoever waits, maybe in the line of a connection.
pub(crate) trait InLine {
    /// What comes later for the same connection must not overtake it.
    fn line(&self) -> Option<ConnId>;
}

impl<W: InLine> Tickets<W> {
    pub(crate) fn new(shard: ShardId) -> Self {
        Tickets {
            shard,
            last: 0,
            durable: 0,
            passed: 0,
            held: VecDeque::new(),
            waiting: VecDeque::new(),
            aside: VecDeque::new(),
            lines: BTreeMap::new(),
            chunks: VecDeque::new(),
            bytes: 0,
        }
    }

    /// Numbers a record; the caller emits it.
    pub(crate) fn stamp(&mut self, record: Record) -> StoreOp {
        self.last += 1;
        if let Record::Enqueue(enqueue) = &record {
            self.count(enqueue.message.charge());
        }
        StoreOp {
            log: LogId::LOCAL,
            shard: self.shard,
            seq: self.last,
            record,
        }
    }

    fn count(&mut self, bytes: u64) {
        self.bytes += bytes;
        match self.chunks.back_mut() {
            Some((upto, sum)) if *sum < CHUNK_BYTES => {
                *upto = self.last;
                *sum += bytes;
            }
            _ => self.chunks.push_back((self.last, bytes)),
        }
    }

    /// Bytes of messages that the log was given and that are not durable yet.
    pub(crate) fn undurable_bytes(&self) -> u64 {
        self.bytes
    }

    /// The number that covers all that has been emitted so far.
    pub(crate) fn latest(&self) -> u64 {
        self.last
    }

    /// True where the operations above `since`, up to `upto`, are durable.
    pub(crate) fn is_durable(&self, since: u64, upto: u64) -> bool {
        upto <= self.passed && self.last_held(since, upto).is_none()
    }

    /// True where a ticket of this connection waits; its last one is for `upto`.
    pub(crate) fn is_waiting(&self, conn: ConnId, upto: u64) -> bool {
        upto > self.passed || self.lines.contains_key(&conn)
    }

    /// The last operation above `since`, up to `upto`, that is held back.
    fn last_held(&self, since: u64, upto: u64) -> Option<u64> {
        let end = self.held.partition_point(|seq| *seq <= upto);
        let last = *self.held.get(end.checked_sub(1)?)?;
        (last > since).then_some(last)
    }

    /// `waiter` is handed out once all that has been emitted after `since` is durable. Gives back the last
    /// of that.
    pub(crate) fn wait(&mut self, since: u64, waiter: W) -> u64 {
        let upto = self.last;
        self.waiting.push_back(Ticket {
            since,
            upto,
            waiter,
        });
        upto
    }

    /// The log says how far it is.
    pub(crate) fn settled(&mut self, mark: &Durable) {
        debug_assert!(
            mark.passed <= self.last,
            "the log settled what was never given to it"
        );
        self.durable = self.durable.max(mark.upto);
        self.passed = self.passed.max(mark.passed);
        self.held.extend(&mark.held);
        let durable = self.durable;
        while self.held.pop_front_if(|seq| *seq <= durable).is_some() {}
        while let Some((_, bytes)) = self.chunks.pop_front_if(|(upto, _)| *upto <= durable) {
            self.bytes -= bytes;
        }
    }

    /// The next waiter whose records are durable.
    pub(crate) fn pop(&mut self) -> Option<W> {
        let durable = self.durable;
        if let Some((_, waiter)) = self.aside.pop_front_if(|(upto, _)| *upto <= durable) {
            self.leave_line(&waiter);
            return Some(waiter);
        }
        let passed = self.passed;
        while let Some(ticket) = self.waiting.pop_front_if(|ticket| ticket.upto <= passed) {
            let held = self.last_held(ticket.since, ticket.upto);
            let behind = || {
                ticket
                    .waiter
                    .line()
                    .is_some_and(|c| self.lines.contains_key(&c))
            };
            if held.is_none() && !behind() {
                return Some(ticket.waiter);
            }
            self.step_aside(held.unwrap_or(0), ticket.waiter);
        }
        None
    }

    fn step_aside(&mut self, upto: u64, waiter: W) {
        let before = self.aside.back().map_or(0, |(upto, _)| *upto);
        if let Some(conn) = waiter.line() {
            *self.lines.entry(conn).or_default() += 1;
        }
        self.aside.push_back((upto.max(before), waiter));
    }

    fn leave_line(&mut self, waiter: &W) {
        let Some(conn) = waiter.line() else { return };
        if let Some(count) = self.lines.get_mut(&conn) {
            *count -= 1;
            if *count == 0 {
                self.lines.remove(&conn);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use message::MessageId;

    /// Its tens are the index of its connection.
    impl InLine for u8 {
        fn line(&self) -> Option<ConnId> {
            (*self >= 10).then(|| conn(*self / 10))
        }
    }

    fn conn(index: u8) -> ConnId {
        ConnId {
            index: u32::from(index),
            generation: 0,
        }
    }

    fn op(tickets: &mut Tickets<u8>) -> u64 {
        let settle = Record::Settle {
            id: MessageId(1),
            ordinal: 0,
        };
        tickets.stamp(settle).seq
    }

    /// For the operations that are emitted by it.
    fn ticket(tickets: &mut Tickets<u8>, operations: usize, waiter: u8) {
        let since = tickets.latest();
        for _ in 0..operations {
            op(tickets);
        }
        tickets.wait(since, waiter);
    }

    fn popped(tickets: &mut Tickets<u8>) -> Vec<u8> {
        std::iter::from_fn(|| tickets.pop()).collect()
    }

    fn mark(upto: u64, passed: u64, held: &[u64]) -> Durable {
        Durable {
            shard: 0,
            upto,
            passed,
            held: held.to_vec(),
        }
    }

    #[test]
    fn what_is_on_its_way_into_the_log_is_counted() {
        let mut tickets = Tickets::<u8>::new(0);
        let enqueue = |tickets: &mut Tickets<u8>, bytes: usize| {
            let message = message::Message {
                payload: vec![0; bytes].into(),
                ..message::Message::default()
            };
            let enqueue = message::record::Enqueue {
                id: MessageId(1),
                message: std::sync::Arc::new(message),
                dests: Box::default(),
                retained: true,
                qos2_id: None,
            };
            tickets.stamp(Record::Enqueue(Box::new(enqueue))).seq
        };
        let (many, size) = (10_000, 1000);
        let last = (0..many)
            .map(|_| enqueue(&mut tickets, size))
            .last()
            .unwrap();
        let all = tickets.undurable_bytes();
        assert!(all >= (many * size) as u64);
        assert!(tickets.chunks.len() < 200, "{}", tickets.chunks.len());
        tickets.settled(&Durable::all(0, last / 2));
        let half = tickets.undurable_bytes();
        assert!(half < all * 51 / 100 && half > all * 49 / 100);
        tickets.settled(&Durable::all(0, last));
        assert_eq!((tickets.undurable_bytes(), tickets.chunks.len()), (0, 0));
    }

    #[test]
    fn settles_in_order_and_never_early() {
        let mut tickets = Tickets::new(3);
        ticket(&mut tickets, 1, 10);
        ticket(&mut tickets, 0, 11);
        ticket(&mut tickets, 1, 12);
        assert_eq!(popped(&mut tickets), []);
        tickets.settled(&Durable::all(3, 1));
        assert_eq!(popped(&mut tickets), [10, 11]);
        assert!(!tickets.is_durable(1, 2));
        assert!(tickets.is_waiting(conn(1), 2) && !tickets.is_waiting(conn(1), 1));
        tickets.settled(&Durable::all(3, 2));
        assert_eq!(popped(&mut tickets), [12]);
    }

    #[test]
    fn what_is_held_back_holds_back_its_own_line_alone() {
        let mut tickets = Tickets::new(0);
        ticket(&mut tickets, 1, 10);
        ticket(&mut tickets, 1, 20);
        ticket(&mut tickets, 2, 30);
        ticket(&mut tickets, 0, 11);
        ticket(&mut tickets, 1, 21);
        ticket(&mut tickets, 1, 3);
        ticket(&mut tickets, 1, 4);
        // 1 is the message of 10, 4 one of two for which 30 waits, 7 is that of 4.
        tickets.settled(&mark(0, 6, &[1, 4, 7]));
        assert_eq!(popped(&mut tickets), [20, 21, 3]);
        assert!(tickets.is_waiting(conn(1), 4) && !tickets.is_waiting(conn(2), 5));
        assert!(tickets.is_durable(1, 3) && !tickets.is_durable(0, 1) && !tickets.is_durable(2, 4));
        // 2 passed: so has all of it that is not named.
        tickets.settled(&mark(3, 7, &[]));
        assert_eq!(popped(&mut tickets), [10]);
        ticket(&mut tickets, 0, 12);
        assert_eq!(popped(&mut tickets), [], "behind 11");
        tickets.settled(&mark(7, 7, &[]));
        assert_eq!(popped(&mut tickets), [30, 11, 4, 12]);
        assert!(tickets.lines.is_empty() && tickets.held.is_empty());
    }
}
