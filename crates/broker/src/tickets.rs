//! Tickets: who must be told once the records they wait for are durable.
//!
//! A shard numbers its store operations; the log says "all up to n are durable". So a ticket is a
//! number, tickets wait in one queue in the order of their numbers, and settling is popping its
//! front. What a waiter does is decided by `W`, its owner.
//!
//! Invariant: numbers in the queue never decrease, so acknowledgements of one connection leave in
//! the order in which their packets came, also where one of them needed no record of its own.

use message::record::{Record, StoreOp};
use message::{LogId, ShardId};
use std::collections::VecDeque;

/// Bytes that are counted as one: what is on its way is known to so many, without an entry for each.
const CHUNK_BYTES: u64 = 64 << 10;

pub(crate) struct Tickets<W> {
    shard: ShardId,
    /// Number of the last operation emitted.
    last: u64,
    /// All up to here are durable.
    durable: u64,
    waiting: VecDeque<(u64, W)>,
    /// Messages on their way into the log: up to which operation, and how many bytes.
    chunks: VecDeque<(u64, u64)>,
    /// All of them.
    bytes: u64,
}

impl<W> Tickets<W> {
    pub(crate) fn new(shard: ShardId) -> Self {
        Tickets {
            shard,
            last: 0,
            durable: 0,
            waiting: VecDeque::new(),
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

    /// True where the operation `seq`, and all before it, are durable.
    pub(crate) fn is_durable(&self, seq: u64) -> bool {
        seq <= self.durable
    }

    /// `waiter` is handed out once all that has been emitted so far is durable.
    pub(crate) fn wait(&mut self, waiter: W) -> u64 {
        self.waiting.push_back((self.last, waiter));
        self.last
    }

    /// The log says that all up to `seq` is durable.
    pub(crate) fn settled(&mut self, seq: u64) {
        debug_assert!(
            seq <= self.last,
            "the log settled what was never given to it"
        );
        self.durable = self.durable.max(seq);
        let durable = self.durable;
        while let Some((_, bytes)) = self.chunks.pop_front_if(|(upto, _)| *upto <= durable) {
            self.bytes -= bytes;
        }
    }

    /// The next waiter whose records are durable.
    pub(crate) fn pop(&mut self) -> Option<W> {
        if self.waiting.front()?.0 > self.durable {
            return None;
        }
        self.waiting.pop_front().map(|(_, waiter)| waiter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use message::MessageId;

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
        tickets.settled(last / 2);
        let half = tickets.undurable_bytes();
        assert!(half < all * 51 / 100 && half > all * 49 / 100);
        tickets.settled(last);
        assert_eq!((tickets.undurable_bytes(), tickets.chunks.len()), (0, 0));
    }

    #[test]
    fn settles_in_order_and_never_early() {
        let mut tickets = Tickets::new(3);
        let op = |t: &mut Tickets<u8>| {
            t.stamp(Record::Settle {
                id: MessageId(1),
                ordinal: 0,
            })
            .seq
        };
        assert_eq!(op(&mut tickets), 1);
        tickets.wait(10);
        tickets.wait(11);
        op(&mut tickets);
        tickets.wait(12);
        assert_eq!(tickets.pop(), None);
        tickets.settled(1);
        assert_eq!(
            (tickets.pop(), tickets.pop(), tickets.pop()),
            (Some(10), Some(11), None)
        );
        assert!(!tickets.is_durable(2));
        tickets.settled(2);
        assert_eq!(tickets.pop(), Some(12));
    }
}
