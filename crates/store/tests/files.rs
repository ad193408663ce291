//! The log with threads, on real files: what it says is durable is there when it is opened again.

use message::record::{Dest, Enqueue, Record, StoreOp};
use message::{LogId, Message, MessageId, QoS, QueueId};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use store::offline::{inspect, verify};
use store::shell::{FileDisk, RunningLog, open};
use store::{Event, Folded, Salt, Settings};

/// A directory of this test's own.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("waypost-log-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Directory(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn settings() -> Settings {
    Settings {
        segment_bytes: 64 << 10,
        floor_bytes: 256 << 10,
        ..Settings::default()
    }
}

fn enqueue(id: u64) -> Record {
    let message = Message {
        id: MessageId(id),
        topic: "a/b".into(),
        payload: vec![id as u8; 300].into(),
        qos: QoS::AtLeastOnce,
        ..Message::default()
    };
    let dest = Dest {
        queue: QueueId(1),
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

fn start(directory: &Directory) -> (RunningLog, Receiver<Event>) {
    let log = open(&directory.0, Salt(5), settings()).unwrap();
    let (tell, told) = sync_channel(100_000);
    let log = RunningLog::start(log, 2, move |event| {
        // The test may have ended.
        let _ = tell.send(event);
    });
    (log.unwrap(), told)
}

fn wait_for(told: &Receiver<Event>, upto: u64) {
    loop {
        if let Event::Durable(mark) = told.recv().unwrap()
            && mark.upto >= upto
        {
            return;
        }
    }
}

fn ids(directory: &Directory) -> Vec<u64> {
    let log = open(&directory.0, Salt(6), settings()).unwrap();
    let mut ids = Vec::new();
    log.scan(&mut |item| {
        if let Folded::Message(live) = item {
            ids.push(live.id.0);
        }
    })
    .unwrap();
    ids
}

#[test]
fn what_is_durable_is_there_after_an_end_without_goodbye() {
    let directory = Directory::new("kill");
    let (log, told) = start(&directory);
    for seq in 1..=500 {
        log.handle().give(vec![op(seq, enqueue(seq))]);
    }
    wait_for(&told, 500);
    // As the directory is now, a killed process would leave it.
    let copy = Directory::new("killed");
    for entry in fs::read_dir(&directory.0).unwrap() {
        let path = entry.unwrap().path();
        // A segment that is being made may be gone by now.
        let _ = fs::copy(&path, copy.0.join(path.file_name().unwrap()));
    }
    assert_eq!(ids(&copy), (1..=500).collect::<Vec<_>>());
    let settles = (1..=400).map(|id| Record::Settle {
        id: MessageId(id),
        ordinal: 0,
    });
    let batch = (501..).zip(settles).map(|(seq, record)| op(seq, record));
    log.handle().give(batch.collect());
    log.stop().unwrap();
    assert_eq!(ids(&directory), (401..=500).collect::<Vec<_>>());
    assert_eq!(verify(&FileDisk::new(&directory.0)).unwrap().damage, None);
    assert_eq!(inspect(&FileDisk::new(&directory.0)).unwrap().messages, 100);
}

#[test]
fn bodies_come_back_by_id() {
    let directory = Directory::new("read");
    let (log, told) = start(&directory);
    log.handle()
        .give((1..=200).map(|seq| op(seq, enqueue(seq))).collect());
    for id in (1..=201).rev() {
        log.handle().read(vec![(id, MessageId(id))]);
    }
    bodies(&told);
    log.stop().unwrap();
}

#[test]
fn bodies_that_lie_side_by_side_come_back_by_id() {
    let directory = Directory::new("read-many");
    let (log, told) = start(&directory);
    log.handle()
        .give((1..=200).map(|seq| op(seq, enqueue(seq))).collect());
    wait_for(&told, 200);
    let all = (1..=201).map(|id| (id, MessageId(id)));
    log.handle().read(all.collect());
    bodies(&told);
    log.stop().unwrap();
}

/// The bodies of 200 messages come, and the word that there is no other.
fn bodies(told: &Receiver<Event>) {
    let mut seen = 0;
    while seen < 201 {
        let Event::Body(ticket, live) = told.recv().unwrap() else {
            continue;
        };
        seen += 1;
        match live {
            Some(live) => {
                assert_eq!(live.id.0, ticket);
                assert_eq!(&*live.message.payload, &[ticket as u8; 300][..]);
            }
            None => assert_eq!(ticket, 201),
        }
    }
}

#[test]
fn a_copy_made_while_it_is_used_is_a_log() {
    let directory = Directory::new("backup");
    let copy = Directory::new("backup-copy");
    fs::remove_dir(&copy.0).unwrap();
    let (log, told) = start(&directory);
    log.handle()
        .give((1..=300).map(|seq| op(seq, enqueue(seq))).collect());
    wait_for(&told, 300);
    let (done, copied) = sync_channel(1);
    let handle = log.handle();
    handle.backup(copy.0.clone(), move |result| done.send(result).unwrap());
    for seq in 301..=900 {
        handle.give(vec![op(seq, enqueue(seq))]);
    }
    copied.recv().unwrap().unwrap();
    wait_for(&told, 900);
    log.stop().unwrap();
    let found = ids(&copy);
    assert!(found.len() >= 300);
    assert_eq!(found, (1..=found.len() as u64).collect::<Vec<_>>());
    assert_eq!(ids(&directory).len(), 900);
}

#[test]
fn a_directory_that_is_gone_ends_the_log() {
    let directory = Directory::new("gone");
    let (log, told) = start(&directory);
    log.handle().give(vec![op(1, enqueue(1))]);
    wait_for(&told, 1);
    fs::remove_dir_all(&directory.0).unwrap();
    let mut seq = 1;
    let failed = loop {
        seq += 1;
        log.handle().give(vec![op(seq, enqueue(seq))]);
        match told.recv().unwrap() {
            Event::Failed(error) => break error,
            // What is written to a file without a name may still be durable there.
            _ => assert!(seq < 100_000),
        }
    };
    assert!(
        failed
            .to_string()
            .contains("nothing more can be acknowledged"),
        "{failed}"
    );
    assert_eq!(log.stop(), Err(failed));
}
