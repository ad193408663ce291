//! Records as a broker gives them, by a seed: messages that are settled, sessions that end, values that
//! are replaced.

use crate::simulated_disk::Dice;
use message::record::{Dest, Enqueue, Record, Row, RowKey};
use message::{Message, MessageId, QoS, QueueId};
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) struct Source {
    pub(super) dice: Dice,
    next_id: u64,
    next_queue: u64,
    version: u64,
    queues: Vec<u64>,
    /// Messages and ordinals that are not settled, and a few that are.
    owed: Vec<(u64, u32)>,
    received: BTreeSet<(u64, u16)>,
    /// Sizes of payloads, mostly below.
    pub(super) payload: u64,
    /// Sessions come to an end.
    pub(super) sessions_end: bool,
}

impl Source {
    pub(super) fn new(seed: u64) -> Self {
        Source {
            dice: Dice::new(seed),
            next_id: 0,
            next_queue: 4,
            version: 0,
            queues: vec![1, 2, 3, 4],
            owed: Vec::new(),
            received: BTreeSet::new(),
            payload: 200,
            sessions_end: true,
        }
    }

    fn queue(&mut self) -> QueueId {
        let at = self.dice.below(self.queues.len() as u64) as usize;
        QueueId(self.queues[at])
    }

    fn owed(&mut self) -> Option<(MessageId, u32)> {
        if self.owed.is_empty() {
            return None;
        }
        // The oldest first, mostly.
        let some = if self.dice.one_in(3) {
            self.owed.len() as u64
        } else {
            4
        };
        let at = self.dice.below(some.min(self.owed.len() as u64)) as usize;
        let (id, ordinal) = self.owed[at];
        Some((MessageId(id), ordinal))
    }

    pub(super) fn record(&mut self) -> Record {
        match self.dice.below(20) {
            0..8 => self.enqueue(),
            8..14 => self.settle(),
            14 => self.assign(),
            15 | 16 => Record::Put(self.row()),
            17 => match self.row() {
                // Its queue would be used again, which no log ever sees.
                row @ Row::Session { .. } => Record::Put(row),
                row => Record::Delete(row.key()),
            },
            18 => self.end(),
            _ => self.release(),
        }
    }

    pub(super) fn settle(&mut self) -> Record {
        let Some((id, ordinal)) = self.owed() else {
            return self.enqueue();
        };
        if !self.dice.one_in(10) {
            self.owed.retain(|owed| *owed != (id.0, ordinal));
        }
        Record::Settle { id, ordinal }
    }

    fn assign(&mut self) -> Record {
        let to = self.queue();
        match self.owed() {
            Some((id, ordinal)) => Record::Assign { id, ordinal, to },
            None => self.enqueue(),
        }
    }

    fn end(&mut self) -> Record {
        if self.dice.one_in(2) {
            self.version += 1;
            let late = self.dice.below(3);
            return Record::Delete(RowKey::Retained(
                self.topic(),
                self.version - late.min(self.version),
            ));
        }
        if !self.sessions_end || self.dice.one_in(2) {
            return Record::Put(self.row());
        }
        let at = self.dice.below(self.queues.len() as u64) as usize;
        let gone = self.queues.remove(at);
        self.next_queue += 1;
        self.queues.push(self.next_queue);
        self.received.retain(|(queue, _)| *queue != gone);
        Record::Delete(RowKey::Session(QueueId(gone)))
    }

    fn release(&mut self) -> Record {
        match self.received.pop_first() {
            Some((queue, id)) => Record::Delete(RowKey::Received(QueueId(queue), id)),
            None => self.settle(),
        }
    }

    fn topic(&mut self) -> Box<str> {
        ["a", "b/c", "d"][self.dice.below(3) as usize].into()
    }

    pub(super) fn enqueue(&mut self) -> Record {
        self.next_id += 1 + self.dice.below(3);
        let id = self.next_id;
        let dests: Vec<_> = (0..self.dice.below(4)).map(|_| self.dest()).collect();
        self.owed
            .extend((0..dests.len() as u32).map(|ordinal| (id, ordinal)));
        let retained = dests.is_empty() || self.dice.one_in(5);
        let ends = retained && self.dice.one_in(3);
        let size = match self.dice.below(40) {
            0 => 40 * self.payload,
            _ => self.dice.below(self.payload),
        };
        let fill = self.dice.below(256) as u8;
        self.version += u64::from(retained);
        let late = if self.dice.one_in(4) { 2 } else { 0 };
        let message = Message {
            id: MessageId(id),
            topic: self.topic(),
            payload: vec![fill; if ends { 0 } else { 1 + size as usize }].into(),
            retained_version: if retained {
                self.version.saturating_sub(late).max(1)
            } else {
                0
            },
            qos: QoS::AtLeastOnce,
            expires_at: self.dice.one_in(3).then_some(id * 1000),
            origin: self.queue(),
            ..Message::default()
        };
        let qos2_id = self
            .dice
            .one_in(6)
            .then(|| (self.queue(), 1 + self.dice.below(9) as u16));
        self.received
            .extend(qos2_id.map(|(queue, id)| (queue.0, id)));
        Record::Enqueue(Box::new(Enqueue {
            id: MessageId(id),
            message: Arc::new(message),
            dests: dests.into(),
            retained,
            qos2_id,
        }))
    }

    /// One that lives until it is settled.
    pub(super) fn owed_message(&mut self) -> Record {
        loop {
            let Record::Enqueue(mut e) = self.enqueue() else {
                continue;
            };
            e.retained = false;
            e.qos2_id = None;
            if !e.dests.is_empty() {
                return Record::Enqueue(e);
            }
        }
    }

    fn dest(&mut self) -> Dest {
        Dest {
            queue: self.queue(),
            qos: if self.dice.one_in(3) {
                QoS::ExactlyOnce
            } else {
                QoS::AtLeastOnce
            },
            retain: self.dice.one_in(2),
            subscription_ids: (0..self.dice.below(3)).map(|n| n as u32 + 1).collect(),
        }
    }

    fn row(&mut self) -> Row {
        let queue = self.queue();
        let packet_id = 1 + self.dice.below(5) as u16;
        match self.dice.below(5) {
            0 => Row::Session {
                queue,
                client_id: "client".into(),
                user: self.dice.one_in(2).then(|| "user".into()),
                expires_after_s: self.dice.one_in(2).then_some(7),
                disconnected_at_ms: self.dice.one_in(2).then_some(1 << 40),
            },
            1 => Row::Subscription {
                queue,
                filter: self.topic(),
                options: self.dice.below(9) as u8,
                id: self.dice.one_in(2).then_some(5),
                group: self.dice.one_in(3).then(|| self.queue()),
            },
            2 => Row::Inflight {
                queue,
                packet_id,
                message: MessageId(self.next_id),
                ordinal: 0,
                released: self.dice.one_in(2),
            },
            3 => Row::Received { queue, packet_id },
            _ => Row::Will {
                queue,
                message: Arc::new(Message {
                    topic: self.topic(),
                    ..Message::default()
                }),
                delay_s: 5,
                expiry_s: None,
                due_at_ms: None,
            },
        }
    }
}
