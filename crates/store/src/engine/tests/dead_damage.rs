//! Damage to what nobody needs any more costs nothing; damage to what lives is named.

use super::records::Source;
use super::world::{content, content_of, small};
use crate::engine::{Disk, Event};
use crate::format::segment::SEGMENT_HEAD;
use crate::offline::{verify, what_repair_loses};
use crate::simulated_disk::{Dice, SimulatedDisk};
use crate::{DiskLog, FileName, Fold, Salt, StoreError};
use message::LogId;
use message::record::{Record, StoreOp};

/// A log that is written to, and what is in it.
struct Writer {
    log: DiskLog<SimulatedDisk>,
    fold: Fold,
    seq: u64,
    events: Vec<Event>,
}

impl Writer {
    fn open(disk: SimulatedDisk, fold: Fold) -> Self {
        let log = DiskLog::open(disk, Salt(3), small()).unwrap();
        let events = Vec::new();
        Writer {
            log,
            fold,
            seq: 0,
            events,
        }
    }

    fn write(&mut self, record: Record) -> Result<(), StoreError> {
        self.fold.apply(record.clone());
        self.seq += 1;
        let op = StoreOp {
            log: LogId::LOCAL,
            shard: 0,
            seq: self.seq,
            record,
        };
        self.log.append(self.log.epoch(), vec![op])?;
        self.log.run(&mut self.events)
    }
}

fn fold_of(records: &[Record]) -> Fold {
    let mut fold = Fold::new(1);
    records.iter().for_each(|r| fold.apply(r.clone()));
    fold
}

#[test]
fn what_lives_is_taken_out_of_a_damaged_segment() {
    let mut source = Source::new(5);
    let records: Vec<Record> = (0..200).map(|_| source.record()).collect();
    let more: Vec<Record> = (0..600).map(|_| source.record()).collect();
    let mut first = Writer::open(SimulatedDisk::new(1), Fold::new(1));
    for record in &records {
        first.write(record.clone()).unwrap();
    }
    let disk = first.log.into_parts().1;
    let files = disk.list().unwrap();
    let sealed = files.iter().filter_map(|file| match file {
        FileName::Index(number) => Some(*number),
        _ => None,
    });
    let sealed: Vec<u32> = sealed.collect();
    assert!(sealed.len() > 2, "{sealed:?}");
    let mut dice = Dice::new(8);
    let (mut dead, mut told, mut living, mut ends) = (0, 0, 0, 0);
    for round in 0..300 {
        let segment = sealed[dice.below(sealed.len() as u64) as usize];
        let file = FileName::Segment(segment);
        let mut disk = disk.clone();
        let room = disk.length(file).unwrap() - SEGMENT_HEAD as u64;
        let at = SEGMENT_HEAD as u64 + dice.below(room);
        disk.tamper(file, |bytes| bytes[at as usize] ^= 1 << dice.below(8));
        let found = verify(&disk).unwrap();
        let whole = content_of(&DiskLog::open(disk.clone(), Salt(3), small()).unwrap());
        if found.damage.is_none() {
            continue;
        }
        assert!(whole.is_ok() || !found.harmless, "round {round}: {found:?}");
        let loss = what_repair_loses(&disk).unwrap();
        assert_eq!(loss.is_none(), found.harmless);
        if whole.is_ok() && !found.harmless {
            // The end of a retained topic, which no message is.
            ends += 1;
            continue;
        }
        let mut writer = Writer::open(disk, fold_of(&records));
        let written: Result<(), StoreError> = more
            .iter()
            .try_for_each(|record| writer.write(record.clone()));
        if whole.is_err() {
            living += 1;
            // Nobody may have needed it by the time when the cleaner came.
            if let Err(error) = written {
                assert!(matches!(error, StoreError::Damage(_)), "{error}");
            }
            continue;
        }
        written.unwrap();
        assert!(content_of(&writer.log).unwrap() == content(&writer.fold));
        assert!(writer.log.disk().length(file).is_err(), "it was cleaned");
        let told_now = writer
            .events
            .iter()
            .any(|event| matches!(event, Event::DeadDamage(damage) if damage.file == file));
        (dead, told) = (dead + 1, told + usize::from(told_now));
    }
    assert!(
        dead > 20 && told > 5 && living > 20 && ends < dead,
        "{dead} {told} {living} {ends}"
    );
}
