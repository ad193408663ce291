//! Logs that were cut, flipped or robbed of a file: repaired where a crash could have done it, named
//! where not.

use super::records::Source;
use super::world::{content, content_of, small};
use crate::engine::{Disk, Settings};
use crate::offline::{inspect, repair, verify, what_repair_loses};
use crate::recover::{recover, scan, whole};
use crate::simulated_disk::{Dice, SimulatedDisk};
use crate::{Damage, DiskLog, FileName, Fold, LogError, Salt, StoreError};
use message::LogId;
use message::record::{Record, StoreOp};

/// A log of so many batches, its directory, and its records.
fn log_of(batches: u64, settings: &Settings) -> (SimulatedDisk, Vec<Record>) {
    let disk = SimulatedDisk::new(1);
    let mut log = DiskLog::open(disk, Salt(3), settings.clone()).unwrap();
    let mut source = Source::new(5);
    let (mut records, mut marks) = (Vec::new(), Vec::new());
    for seq in 1..=batches {
        let record = source.record();
        records.push(record.clone());
        let op = StoreOp {
            log: LogId::LOCAL,
            shard: 0,
            seq,
            record,
        };
        log.append(log.epoch(), vec![op]).unwrap();
        log.sync(&mut marks).unwrap();
    }
    assert_eq!(marks.last().map(|mark| mark.upto), Some(batches));
    (log.into_parts().1, records)
}

fn large() -> Settings {
    Settings {
        segment_bytes: 128 << 10,
        floor_bytes: 1 << 20,
        ..Settings::default()
    }
}

fn open(disk: &SimulatedDisk, settings: &Settings) -> Result<DiskLog<SimulatedDisk>, StoreError> {
    DiskLog::open(disk.clone(), Salt(3), settings.clone())
}

/// Without its spares, as a directory of one segment.
fn only_segment(disk: &mut SimulatedDisk) -> Vec<u8> {
    for file in disk.list().unwrap() {
        if file != FileName::Segment(1) {
            disk.lose(file);
        }
    }
    disk.bytes(FileName::Segment(1)).unwrap().to_vec()
}

#[test]
fn a_segment_cut_at_any_byte_is_a_torn_tail() {
    let settings = large();
    let (mut disk, _) = log_of(600, &settings);
    let bytes = only_segment(&mut disk);
    assert_eq!(bytes.len(), 128 << 10);
    let whole = scan(1, &bytes, Salt(3), settings.planted).unwrap();
    let ends: Vec<usize> = whole
        .batches
        .iter()
        .map(|(at, len)| (at + len) as usize)
        .collect();
    for len in 0..bytes.len() {
        // What lies behind is zero, as far as this test goes: the end is what is looked at.
        let cut = &bytes[..len];
        let kept = ends.partition_point(|end| *end <= len);
        let found = scan(1, cut, Salt(3), settings.planted).unwrap();
        assert_eq!(found.batches.len(), kept, "cut at {len}");
    }
}

/// The same through all of recovery, at the bytes around some batches' ends.
#[test]
fn what_lies_before_a_cut_is_the_fold_of_a_prefix() {
    let settings = large();
    let (mut disk, records) = log_of(120, &settings);
    let bytes = only_segment(&mut disk);
    let whole = scan(1, &bytes, Salt(3), settings.planted).unwrap();
    for (n, &(at, len)) in whole.batches.iter().enumerate() {
        for cut in [at, at + 1, at + len / 2, at + len - 1, at + len] {
            let mut disk = disk.clone();
            disk.tamper(FileName::Segment(1), |bytes| bytes.truncate(cut as usize));
            let log = open(&disk, &settings).unwrap();
            // The first batch holds no record of ours.
            let kept = if cut == at + len {
                n
            } else {
                n.saturating_sub(1)
            };
            let mut fold = Fold::new(1);
            records[..kept].iter().for_each(|r| fold.apply(r.clone()));
            assert!(
                content_of(&log).unwrap() == content(&fold),
                "batch {n} cut at {cut}"
            );
        }
    }
    // A head that is cut is no tail.
    disk.tamper(FileName::Segment(1), |bytes| bytes.truncate(63));
    assert!(matches!(open(&disk, &settings), Err(StoreError::Damage(_))));
}

#[test]
fn a_flipped_bit_is_named_or_harmless() {
    let settings = small();
    let (disk, records) = log_of(150, &settings);
    let wanted = content_of(&open(&disk, &settings).unwrap()).unwrap();
    let mut dice = Dice::new(8);
    let (mut named, mut harmless, mut tails) = (0, 0, 0);
    for _ in 0..1_500 {
        let files = disk.list().unwrap();
        let file = files[dice.below(files.len() as u64) as usize];
        let mut disk = disk.clone();
        let bit = dice.below(8 * disk.length(file).unwrap());
        disk.tamper(file, |bytes| bytes[bit as usize / 8] ^= 1 << (bit % 8));
        let found = open(&disk, &settings).and_then(|log| content_of(&log));
        match found {
            Err(StoreError::Damage(_)) => named += 1,
            Err(other) => panic!("{file} bit {bit}: {other}"),
            Ok(found) if found == wanted => harmless += 1,
            Ok(found) => {
                // The last batch alone can't be told from a torn one.
                let mut fold = Fold::new(1);
                let kept = &records[..records.len() - 1];
                kept.iter().for_each(|r| fold.apply(r.clone()));
                assert!(found == content(&fold), "{file} bit {bit}");
                tails += 1;
            }
        }
    }
    assert!(named > 100 && harmless > 100, "{named} {harmless} {tails}");
}

/// After an orderly end even the last batch is told from a torn one.
#[test]
fn an_orderly_end_guards_the_last_batch() {
    let settings = small();
    let (disk, _) = log_of(10, &settings);
    let mut log = open(&disk, &settings).unwrap();
    log.engine().end();
    log.run(&mut Vec::new()).unwrap();
    let mut disk = log.into_parts().1;
    let report = verify(&disk).unwrap();
    let last = report.segments.last().unwrap().clone();
    let bytes = whole(&disk, last.segment).unwrap();
    let scan = scan(last.segment, &bytes, Salt(3), settings.planted).unwrap();
    let before = scan.batches[scan.batches.len() - 2];
    disk.tamper(FileName::Segment(last.segment), |bytes| {
        bytes[before.0 as usize + 20] ^= 1;
    });
    assert!(matches!(open(&disk, &settings), Err(StoreError::Damage(_))));
}

#[test]
fn what_is_wrong_is_named() {
    let settings = small();
    let (disk, _) = log_of(200, &settings);
    let segments = verify(&disk).unwrap().segments;
    assert!(segments.len() > 3, "{}", segments.len());
    let middle = segments[1].segment;
    let file = FileName::Segment(middle);
    let change = |change: &dyn Fn(&mut SimulatedDisk)| {
        let mut disk = disk.clone();
        change(&mut disk);
        let error = open(&disk, &settings).err().unwrap();
        let verified = verify(&disk);
        (error, verified)
    };

    let (error, verified) = change(&|disk| disk.lose(file));
    let text = error.to_string();
    assert!(
        text.contains(&format!("{file} at byte 0: the segment is missing")),
        "{text}"
    );
    assert!(text.contains("waypost store repair"), "{text}");
    assert_eq!(verified.unwrap().damage.map(|d| d.file), Some(file));

    let (error, _) = change(&|disk| {
        let mut head = crate::format::segment::SegmentHead::new(middle, Salt(3));
        head.version = 2;
        disk.tamper(file, |bytes| bytes[..64].copy_from_slice(&head.encode()));
    });
    assert_eq!(error, StoreError::Version { file, found: 2 });

    let (error, _) = change(&|disk| {
        let head = crate::format::segment::SegmentHead::new(middle, Salt(4));
        disk.tamper(file, |bytes| bytes[..64].copy_from_slice(&head.encode()));
    });
    assert!(
        error.to_string().contains("belongs to another log"),
        "{error}"
    );

    let (error, verified) = change(&|disk| {
        disk.lose(FileName::Index(middle));
        disk.tamper(file, |bytes| bytes[100] ^= 1);
    });
    assert!(
        matches!(&error, StoreError::Damage(Damage { file: f, at: 64, .. }) if *f == file),
        "{error}"
    );
    assert!(verified.unwrap().damage.is_some());

    // A batch that is gone as if it had never been: the gap in the numbers shows it.
    let (error, _) = change(&|disk| {
        disk.lose(FileName::Index(middle));
        let end = segments[1].end as usize;
        let bytes = whole(disk, middle).unwrap();
        let scan = scan(middle, &bytes, Salt(3), settings.planted).unwrap();
        let last = scan.batches.last().unwrap().0 as usize;
        disk.tamper(file, |bytes| bytes[last..end].fill(0));
    });
    assert!(error.to_string().contains("goes on with batch"), "{error}");
}

#[test]
fn a_repair_cuts_what_it_says_and_keeps_it() {
    let settings = small();
    let (disk, _) = log_of(200, &settings);
    assert_eq!(what_repair_loses(&disk), Ok(None));
    let segments = verify(&disk).unwrap().segments;
    let mut dice = Dice::new(4);
    for nth in 0..60 {
        let mut disk = disk.clone();
        let at = &segments[dice.below(segments.len() as u64 - 1) as usize];
        let file = FileName::Segment(at.segment);
        if nth % 5 == 0 {
            disk.lose(file);
        } else {
            disk.lose(FileName::Index(at.segment));
            let bit = dice.below(8 * u64::from(at.end)) as usize;
            disk.tamper(file, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
        }
        let refused = open(&disk, &settings);
        assert!(matches!(refused, Err(StoreError::Damage(_))), "{file}");
        let before = inspect(&disk).unwrap();
        let plan = what_repair_loses(&disk).unwrap().unwrap();
        assert!(plan.bytes > 0);
        let done = repair(&mut disk).unwrap().unwrap();
        assert_eq!(plan, done);
        assert_eq!(what_repair_loses(&disk), Ok(None));
        let log = open(&disk, &settings).unwrap();
        assert_eq!(log.len() as u64, before.messages);
        let kept = disk.list().unwrap();
        assert!(kept.iter().any(|file| matches!(file, FileName::Kept(..))));
    }
}

/// A start, and one more message.
fn go_on(disk: &mut SimulatedDisk, settings: &Settings) {
    let mut log = DiskLog::open(disk, Salt(3), settings.clone()).unwrap();
    let op = StoreOp {
        log: LogId::LOCAL,
        shard: 0,
        seq: 1,
        record: Source::new(1).enqueue(),
    };
    log.append(log.epoch(), vec![op]).unwrap();
    log.sync(&mut Vec::new()).unwrap();
}

/// A segment is nothing without its first batch: it goes as a whole, and what is there opens.
#[test]
fn a_repair_of_a_first_batch_leaves_a_log_and_an_earlier_repair_stays() {
    let settings = small();
    let (disk, _) = log_of(200, &settings);
    let segments = verify(&disk).unwrap().segments;
    for nth in [0, 1, 3] {
        let mut disk = disk.clone();
        let file = FileName::Segment(segments[nth].segment);
        disk.lose(FileName::Index(segments[nth].segment));
        disk.tamper(file, |bytes| bytes[70] ^= 1);
        let found = verify(&disk).unwrap();
        let damage = found.damage.unwrap();
        assert_eq!((damage.file, damage.at), (file, 64));
        assert!(found.segments.iter().all(|segment| !segment.torn));
        let lost = repair(&mut disk).unwrap().unwrap();
        let behind = segments[nth..].iter();
        assert_eq!(
            lost.batches,
            behind.clone().map(|s| s.batches).sum::<u64>() - 1
        );
        // Zeros at the end of a segment are taken for room.
        let bytes: u64 = behind.map(|s| u64::from(s.end)).sum();
        assert!(
            (bytes - 100..=bytes).contains(&lost.bytes),
            "{}",
            lost.bytes
        );
        assert_eq!(verify(&disk).unwrap().damage, None);
        open(&disk, &settings).unwrap();
        // Once more, at the same place: what was kept first is not lost.
        let before = disk.list().unwrap();
        let kept: Vec<_> = before
            .iter()
            .filter(|f| matches!(f, FileName::Kept(..)))
            .collect();
        if let Some(first) = segments[..nth].last() {
            let next = first.segment + 1;
            go_on(&mut disk, &settings);
            disk.lose(FileName::Index(next));
            disk.tamper(FileName::Segment(next), |bytes| bytes[70] ^= 1);
            repair(&mut disk).unwrap().unwrap();
            let after = disk.list().unwrap();
            assert!(kept.iter().all(|file| after.contains(file)), "{after:?}");
            let again = |file: &FileName| matches!(file, FileName::Kept(_, 1));
            assert!(after.iter().any(again), "{after:?}");
        }
        open(&disk, &settings).unwrap();
    }
}

/// The process ends between write and sync, or since the sync has failed; what the next start has
/// read of it may be told to clients, so it must be on the disk by then.
#[test]
fn what_a_start_has_taken_in_survives_the_next_power_loss() {
    let settings = small();
    let mut taken = 0;
    for seed in 0..200 {
        let (mut disk, _) = log_of(20, &settings);
        // Nothing is lost by these, but the dice are others.
        (0..seed % 9).for_each(|_| disk.crash());
        let mut log = DiskLog::open(&mut disk, Salt(3), settings.clone()).unwrap();
        let op = StoreOp {
            log: LogId::LOCAL,
            shard: 0,
            seq: 1,
            record: Source::new(seed).enqueue(),
        };
        let epoch = log.epoch();
        let before = log.len();
        let disk_of_log = log.disk();
        disk_of_log.fail_at = Some(disk_of_log.steps + 1 + seed % 7);
        log.append(epoch, vec![op]).unwrap();
        let failed = log.sync(&mut Vec::new());
        drop(log);
        disk.kill();
        let seen = DiskLog::open(&mut disk, Salt(3), settings.clone())
            .unwrap()
            .len();
        disk.crash();
        let left = open(&disk, &settings).unwrap().len();
        assert_eq!(left, seen, "seed {seed}, {failed:?}");
        taken += usize::from(failed.is_err() && seen > before);
    }
    assert!(taken > 5, "no batch that was never synced was taken in");
}

#[test]
fn a_gap_another_log_and_an_old_epoch_are_refused() {
    let disk = SimulatedDisk::new(1);
    let mut log = DiskLog::open(disk, Salt(3), small()).unwrap();
    let op = |seq, log| StoreOp {
        log,
        shard: 0,
        seq,
        record: Source::new(1).enqueue(),
    };
    let epoch = log.epoch();
    log.append(epoch, vec![op(1, LogId::LOCAL)]).unwrap();
    let gap = log.append(epoch, vec![op(3, LogId::LOCAL)]);
    assert!(matches!(
        gap,
        Err(StoreError::Log(LogError::OutOfOrder {
            last: 1,
            got: 3,
            ..
        }))
    ));
    let other = log.append(epoch, vec![op(2, LogId(7))]);
    assert!(matches!(
        other,
        Err(StoreError::Log(LogError::OtherLog(..)))
    ));
    let late = log.append(epoch - 1, vec![op(2, LogId::LOCAL)]);
    assert!(matches!(
        late,
        Err(StoreError::Log(LogError::Fenced { .. }))
    ));
    let found = recover(log.disk(), Salt(9), &small()).unwrap();
    assert_eq!(found.salt, Salt(3), "the log keeps its salt");
}
