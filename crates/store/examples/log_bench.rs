//! What the log costs: `cargo run --release -p store --example log_bench [DIRECTORY]`.
//!
//! CPU per durable record and records per sync with so many writers, each of which waits for its record
//! before it gives the next; the latency of a lone one; bytes of memory per living message; seconds to
//! recover a GiB of them. Works in a directory of its own, below the one that is named.

#![allow(clippy::print_stdout, reason = "it prints its results")]

use message::record::{Dest, Enqueue, Record, StoreOp};
use message::{LogId, Message, MessageId, QoS, QueueId};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};
use store::shell::{RunningLog, open};
use store::{Event, Salt, Settings};

const PAYLOAD: usize = 64;
/// Messages in the log that is recovered, so many that their records are a GiB.
const GIB: u64 = 1 << 30;

fn enqueue(id: u64, payload: usize) -> Record {
    let message = Message {
        id: MessageId(id),
        topic: format!("sensors/{}/temperature", id % 1000).into(),
        payload: vec![7; payload].into(),
        qos: QoS::AtLeastOnce,
        ..Message::default()
    };
    let dest = Dest {
        queue: QueueId(1 + id % 100),
        qos: QoS::AtLeastOnce,
        retain: false,
        subscription_ids: Box::default(),
    };
    Record::Enqueue(Box::new(Enqueue {
        id: MessageId(id),
        message: Arc::new(message),
        dests: Box::new([dest]),
        retained: false,
        qos2_id: None,
    }))
}

fn op(seq: u64, record: Record) -> StoreOp {
    StoreOp {
        log: LogId::LOCAL,
        shard: 0,
        seq,
        record,
    }
}

/// CPU time of this process, all threads.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default();
    let mut ticks = fields.split(' ').skip(11).take(2);
    let mut next = || {
        ticks
            .next()
            .and_then(|t| t.parse::<u64>().ok())
            .unwrap_or(0)
    };
    Duration::from_millis(10 * (next() + next()))
}

/// Resident bytes of this process.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|p| p.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}

fn start(directory: &Path) -> (RunningLog, Receiver<Event>) {
    let _ = std::fs::remove_dir_all(directory);
    std::fs::create_dir_all(directory).expect("the directory can be made");
    let log = open(directory, Salt(1), Settings::default()).expect("the log opens");
    let (tell, told) = sync_channel(1 << 20);
    let log = RunningLog::start(log, 2, move |event| drop(tell.send(event)));
    (log.expect("the threads start"), told)
}

/// So many writers; every message is settled when it is durable, as if it were delivered then, or stays.
fn writers(directory: &Path, writers: u64, records: u64, settle: bool) {
    let (log, told) = start(directory);
    let (mut seq, mut durable, mut syncs, mut settled) = (writers, 0, 0, 0);
    let (cpu_before, begun) = (cpu(), Instant::now());
    log.handle()
        .give((1..=writers).map(|n| op(n, enqueue(n, PAYLOAD))).collect());
    // Which operations are messages: their numbers are their ids.
    let mut messages = writers;
    while durable < records {
        let Ok(Event::Durable(mark)) = told.recv() else {
            continue;
        };
        syncs += 1;
        let news = mark.upto - durable;
        durable = mark.upto;
        let mut batch = Vec::new();
        let answered = if settle { news.div_ceil(2) } else { news };
        for _ in 0..answered {
            if settle && settled < messages {
                settled += 1;
                seq += 1;
                let id = MessageId(settled);
                batch.push(op(seq, Record::Settle { id, ordinal: 0 }));
            }
            seq += 1;
            messages += 1;
            batch.push(op(seq, enqueue(messages, PAYLOAD)));
        }
        log.handle().give(batch);
    }
    let (used, took) = (cpu() - cpu_before, begun.elapsed());
    log.stop().expect("the log ends in order");
    println!(
        "{writers:>5} writers{}: {:.2} us CPU per record, {:.0} records per sync, {:.0} records/s, {:.0} us per sync",
        if settle { ", settled" } else { "" },
        used.as_secs_f64() * 1e6 / durable as f64,
        durable as f64 / f64::from(syncs),
        durable as f64 / took.as_secs_f64(),
        took.as_secs_f64() * 1e6 / f64::from(syncs),
    );
}

fn memory_and_recovery(directory: &Path) {
    let (log, told) = start(directory);
    let before = resident();
    let (mut seq, mut durable, mut bytes) = (0, 0, 0);
    while bytes < GIB {
        let batch: Vec<_> = (0..1_000)
            .map(|_| {
                seq += 1;
                op(seq, enqueue(seq, PAYLOAD))
            })
            .collect();
        log.handle().give(batch);
        bytes += 1_000 * 114;
        while durable + 20_000 < seq {
            if let Ok(Event::Durable(mark)) = told.recv() {
                durable = mark.upto;
            }
        }
    }
    let each = (resident() - before) as f64 / seq as f64;
    println!("{seq} living messages: {each:.0} bytes of memory each");
    log.stop().expect("the log ends in order");
    let begun = Instant::now();
    let log = open(directory, Salt(1), Settings::default()).expect("the log opens");
    let (size, live) = log.size();
    println!(
        "opened in {:.2} s: {} messages, {size} bytes of which {live} live",
        begun.elapsed().as_secs_f64(),
        log.len()
    );
    let begun = Instant::now();
    let mut count = 0;
    log.scan(&mut |_| count += 1).expect("the log can be read");
    println!(
        "gone through in {:.2} s: {count} items",
        begun.elapsed().as_secs_f64()
    );
}

fn main() {
    let below = std::env::args_os()
        .nth(1)
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = below.join(format!("waypost-log-bench-{}", std::process::id()));
    writers(&directory, 1, 2_000, false);
    writers(&directory, 64, 200_000, false);
    writers(&directory, 1_024, 2_000_000, false);
    writers(&directory, 64, 200_000, true);
    writers(&directory, 1_024, 2_000_000, true);
    memory_and_recovery(&directory);
    let _ = std::fs::remove_dir_all(&directory);
}
