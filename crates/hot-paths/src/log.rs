//! The log's engine on a disk that keeps nothing: records submitted, written, synced, told durable. Counted for each
//! record.

use crate::client::{PAYLOAD, TOPIC};
use crate::path::{Batch, Path};
use message::record::{Dest, Enqueue, Record, StoreOp};
use message::{LogId, Message, MessageId, QoS, QueueId};
use std::sync::Arc;
use store::{Disk, DiskError, DiskLog, FileName, Outcome, Salt, Settings, Step};

/// Records that one sync makes durable: as many as publishers in the design's measurements.
const BATCH: u32 = 64;
/// Sessions that are owed the message.
const MANY: u32 = 100;

pub(crate) fn paths() -> [Path; 4] {
    [
        Path::new("log.enqueue", BATCH, || enqueuing(BATCH, 1)),
        Path::new("log.enqueue.alone", 1, || enqueuing(1, 1)),
        Path::new("log.enqueue.100-sessions", BATCH, || enqueuing(BATCH, MANY)),
        Path::new("log.settle", BATCH, settling),
    ]
}

/// Takes everything and has nothing.
struct Nowhere;

impl Disk for Nowhere {
    fn list(&self) -> Result<Vec<FileName>, DiskError> {
        Ok(Vec::new())
    }

    fn length(&self, _: FileName) -> Result<u64, DiskError> {
        Ok(0)
    }

    fn read(&self, _: FileName, _: u64, _: usize) -> Outcome {
        Ok(Vec::new())
    }

    fn run(&mut self, _: &Step) -> Result<(), DiskError> {
        Ok(())
    }
}

/// One shard's way into its log.
struct Writer {
    log: DiskLog<Nowhere>,
    seq: u64,
    message: u64,
    settled: u64,
}

impl Writer {
    fn new() -> Self {
        Writer {
            log: DiskLog::open(Nowhere, Salt(1), Settings::default()).expect("it opens"),
            seq: 0,
            message: 0,
            settled: 0,
        }
    }

    fn op(&mut self, record: Record) -> StoreOp {
        self.seq += 1;
        StoreOp {
            log: LogId::LOCAL,
            shard: 0,
            seq: self.seq,
            record,
        }
    }

    fn enqueue(&mut self, dests: u32) -> StoreOp {
        self.message += 1;
        let id = MessageId(self.message);
        let message = Message {
            id,
            topic: TOPIC.into(),
            payload: PAYLOAD.into(),
            qos: QoS::AtLeastOnce,
            ..Message::default()
        };
        let dest = |queue| Dest {
            queue: QueueId(u64::from(queue)),
            qos: QoS::AtLeastOnce,
            retain: false,
            subscription_ids: Box::default(),
        };
        self.op(Record::Enqueue(Box::new(Enqueue {
            id,
            message: Arc::new(message),
            dests: (1..=dests).map(dest).collect(),
            retained: false,
            qos2_id: None,
        })))
    }

    fn settle(&mut self) -> StoreOp {
        self.settled += 1;
        let id = MessageId(self.settled);
        self.op(Record::Settle { id, ordinal: 0 })
    }

    /// All of it becomes durable.
    fn write(&mut self, ops: Vec<StoreOp>) {
        let mut durable = Vec::new();
        let epoch = self.log.epoch();
        self.log.append(epoch, ops).expect("it is in order");
        self.log.sync(&mut durable).expect("the disk takes it");
        let last = durable.last().map(|mark| mark.upto);
        assert_eq!(last, Some(self.seq), "all is durable");
    }
}

fn enqueuing(records: u32, dests: u32) -> Batch {
    let mut writer = Writer::new();
    Box::new(move |meter| {
        let ops: Vec<StoreOp> = (0..records).map(|_| writer.enqueue(dests)).collect();
        meter.count(|| writer.write(ops));
    })
}

fn settling() -> Batch {
    let mut writer = Writer::new();
    Box::new(move |meter| {
        let ops: Vec<StoreOp> = (0..BATCH).map(|_| writer.enqueue(1)).collect();
        writer.write(ops);
        let ops: Vec<StoreOp> = (0..BATCH).map(|_| writer.settle()).collect();
        meter.count(|| writer.write(ops));
    })
}
