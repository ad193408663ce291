//! An engine, its disk and what it was given: steps in any order, crashes between any two of them.

use super::records::Source;
use crate::engine::{Disk, DiskOp, Engine, Event, Lane, Settings};
use crate::simulated_disk::{Dice, SimulatedDisk};
use crate::{DiskLog, Durable, Fold, Folded, Live, Salt, StoreError};
use message::record::{Record, Row, StoreOp};
use message::{LogId, MessageId, ShardId};
use std::collections::{BTreeMap, BTreeSet};

/// Shards that give operations.
const SHARDS: u64 = 3;

/// What a shard was told.
#[derive(Default)]
struct Said {
    upto: u64,
    passed: u64,
    held: BTreeSet<u64>,
}

impl Said {
    fn hear(&mut self, mark: &Durable) {
        assert!(self.upto <= mark.upto && mark.upto <= mark.passed && self.passed <= mark.passed);
        (self.upto, self.passed) = (mark.upto, mark.passed);
        self.held.extend(&mark.held);
        self.held.retain(|seq| *seq > mark.upto);
        assert!(mark.upto == mark.passed || !self.held.is_empty());
    }
}

pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) source: Source,
    pub(super) settings: Settings,
    pub(super) engine: Engine,
    pub(super) disk: SimulatedDisk,
    /// What each operation says, by shard and number, of this life.
    given: BTreeMap<(ShardId, u64), Record>,
    seqs: [u64; SHARDS as usize],
    /// Of the log so far, in the order in which it was written; of this life, those of `engine.written`
    /// follow.
    history: Vec<Record>,
    /// The fold of all that was written.
    pub(super) current: Fold,
    folded: usize,
    durable: BTreeMap<ShardId, Said>,
    ops: Vec<(DiskOp, usize)>,
    now: u64,
    pub(super) failed: Option<StoreError>,
    pub(super) held_back: bool,
    pub(super) events: u64,
    epochs: u64,
}

pub(super) fn small() -> Settings {
    Settings {
        segment_bytes: 4096,
        floor_bytes: 8192,
        batch_bytes: 1500,
        copy_bytes: 700,
        clean_read_bytes: 600,
        max_reads: 2,
        max_small_segments: 8,
        ..Settings::default()
    }
}

fn fold(history: &[Record]) -> Fold {
    let mut fold = Fold::new(1);
    history.iter().for_each(|record| fold.apply(record.clone()));
    fold
}

/// Rows and messages of a fold.
type Content = (Vec<Row>, Vec<Live>);

fn take<'a>(content: &'a mut Content) -> impl FnMut(Folded<'_>) + use<'a> {
    |item| match item {
        Folded::Row(row) => content.0.push(row.clone()),
        Folded::Message(live) => content.1.push(live.clone()),
    }
}

pub(super) fn content(fold: &Fold) -> Content {
    let mut content = Content::default();
    fold.scan(&mut take(&mut content));
    content
}

pub(super) fn content_of(log: &DiskLog<SimulatedDisk>) -> Result<Content, StoreError> {
    let mut content = Content::default();
    log.scan(&mut take(&mut content))?;
    Ok(content)
}

impl World {
    pub(super) fn new(seed: u64, settings: Settings) -> Result<Self, String> {
        let mut disk = SimulatedDisk::new(seed);
        disk.capacity = 1 << 20;
        let log = DiskLog::open(disk, Salt(seed), settings.clone()).map_err(|e| e.to_string())?;
        let epochs = log.epoch();
        let (engine, disk) = log.into_parts();
        Ok(World {
            dice: Dice::new(seed ^ 1),
            source: Source::new(seed ^ 2),
            settings,
            engine,
            disk,
            given: BTreeMap::new(),
            seqs: [0; SHARDS as usize],
            history: Vec::new(),
            current: Fold::new(1),
            folded: 0,
            durable: BTreeMap::new(),
            ops: Vec::new(),
            now: 0,
            failed: None,
            held_back: false,
            events: 0,
            epochs,
        })
    }

    /// Gives one record to the log.
    pub(super) fn give(&mut self, record: Record) {
        let shard = self.dice.below(SHARDS) as ShardId;
        let seq = &mut self.seqs[usize::from(shard)];
        *seq += 1;
        let seq = *seq;
        self.given.insert((shard, seq), record.clone());
        let log = LogId::LOCAL;
        let op = StoreOp {
            log,
            shard,
            seq,
            record,
        };
        let epoch = self.engine.epoch();
        // Refused only after a failure.
        let _ = self.engine.submit(epoch, vec![op], self.now);
    }

    /// One thing happens.
    pub(super) fn step(&mut self) -> Result<(), String> {
        match self.dice.below(10) {
            0..3 => {
                for _ in 0..=self.dice.below(4) {
                    let record = self.source.record();
                    self.give(record);
                }
            }
            3 => {
                // Those that follow may be read by the same operation.
                let first = self.dice.below(60);
                for id in first..=first + self.dice.below(5) {
                    self.engine.read(id, MessageId(id));
                }
            }
            4 => self.now += self.dice.below(2_000),
            _ => self.disk_step()?,
        }
        self.poll()
    }

    /// One step of one operation that is under way: in each lane they are done in their order.
    pub(super) fn disk_step(&mut self) -> Result<(), String> {
        if self.ops.is_empty() {
            return Ok(());
        }
        let mut at = self.dice.below(self.ops.len() as u64) as usize;
        let lane = self.ops[at].0.lane;
        if lane != Lane::Read {
            let first = self.ops.iter().position(|(op, _)| op.lane == lane);
            at = first.unwrap_or(at);
        }
        let (op, done) = &mut self.ops[at];
        let outcome = self.disk.perform(&op.steps[*done..=*done]);
        *done += 1;
        if *done == op.steps.len() || outcome.is_err() {
            let (op, _) = self.ops.remove(at);
            self.engine.complete(op.id, outcome, self.now);
            return self.listen();
        }
        Ok(())
    }

    pub(super) fn poll(&mut self) -> Result<(), String> {
        self.engine.poll(self.now);
        let ops = self.engine.take_ops();
        self.ops.extend(ops.into_iter().map(|op| (op, 0)));
        self.catch_up();
        self.listen()
    }

    fn listen(&mut self) -> Result<(), String> {
        for event in self.engine.take_events() {
            self.events += 1;
            match event {
                Event::Durable(mark) => self.durable.entry(mark.shard).or_default().hear(&mark),
                Event::Body(ticket, live) => {
                    let wanted = self.current.live(MessageId(ticket));
                    if wanted != live.as_deref() {
                        return Err(format!("read of {ticket}: {live:?}, not {wanted:?}"));
                    }
                }
                Event::HoldBack => self.held_back = true,
                Event::Resume => self.held_back = false,
                Event::BackupReady { .. } | Event::DeadDamage(_) => {}
                Event::Failed(error) => self.failed = Some(error),
            }
        }
        Ok(())
    }

    fn catch_up(&mut self) {
        for key in &self.engine.written[self.folded..] {
            self.current.apply(self.given[key].clone());
        }
        self.folded = self.engine.written.len();
    }

    /// Goes on until nothing is left to do, or the log has failed.
    pub(super) fn settle_down(&mut self) -> Result<(), String> {
        for _ in 0..100_000 {
            if self.failed.is_some() || (self.ops.is_empty() && self.engine.is_idle()) {
                return Ok(());
            }
            self.now += 500;
            self.disk_step()?;
            self.poll()?;
        }
        Err("the log does not come to rest".into())
    }

    /// Goes on for a while, in which everything that can be done is done.
    pub(super) fn rest(&mut self) {
        for _ in 0..200 {
            self.now += 5_000;
            self.disk_step().unwrap();
            self.poll().unwrap();
        }
    }

    /// Operations that were given and are not written.
    pub(super) fn waiting(&self) -> usize {
        self.given.len() - self.folded
    }

    /// What each shard has been told is durable, of this life, is written.
    fn durable_records(&self) -> usize {
        let last = self.engine.written.iter().rposition(|op| self.is_said(op));
        last.map_or(0, |at| at + 1)
    }

    /// True where the operation was said to be durable.
    fn is_said(&self, (shard, seq): &(ShardId, u64)) -> bool {
        let said = self.durable.get(shard);
        said.is_some_and(|said| *seq <= said.passed && !said.held.contains(seq))
    }

    /// Power fails; the log is opened again, perhaps several times. All that was said to be durable
    /// is there, nothing is there that was not written, and nothing is called damage.
    pub(super) fn crash(&mut self) -> Result<(), String> {
        let durable = self.history.len() + self.durable_records();
        let lost_word = self.given.keys().filter(|op| self.is_said(op)).count();
        let written_durable = self.engine.written[..durable - self.history.len()].iter();
        let said = written_durable.filter(|op| self.is_said(op));
        if said.count() != lost_word {
            return Err("something is durable that was never written".into());
        }
        for key in &self.engine.written {
            self.history.push(self.given[key].clone());
        }
        self.disk.crash();
        while self.dice.one_in(3) {
            // Power fails again while the log is opened.
            self.disk.die_at = Some(self.disk.steps + self.dice.below(30));
            let _ = DiskLog::open(&mut self.disk, Salt(9), self.settings.clone());
            self.disk.crash();
        }
        let log = DiskLog::open(self.disk.clone(), Salt(9), self.settings.clone());
        let log = log.map_err(|error| format!("it does not open: {error}"))?;
        let found = content_of(&log).map_err(|error| format!("it can't be read: {error}"))?;
        if log.epoch() <= self.epochs {
            return Err("the epoch has not grown".into());
        }
        self.epochs = log.epoch();
        let kept = self.prefix(durable, &found)?;
        self.check_marks(&log, kept)?;
        self.live_again(log, kept);
        Ok(())
    }

    /// How much of the history the content is the fold of.
    fn prefix(&self, durable: usize, found: &Content) -> Result<usize, String> {
        let mut fold = fold(&self.history[..durable]);
        for kept in durable..=self.history.len() {
            if fold.len() == found.1.len() && content(&fold) == *found {
                return Ok(kept);
            }
            if let Some(record) = self.history.get(kept) {
                fold.apply(record.clone());
            }
        }
        let durable = content(&fold_of(&self.history[..durable]));
        Err(format!(
            "not what was durable: {:?}\n but {:?}",
            ids(&durable),
            ids(found)
        ))
    }

    fn check_marks(&self, log: &DiskLog<SimulatedDisk>, kept: usize) -> Result<(), String> {
        let ids = self.history[..kept]
            .iter()
            .filter_map(|record| match record {
                Record::Enqueue(e) => Some(e.id),
                _ => None,
            });
        if ids.max() > Some(log.marks().message) {
            return Err("an id could be given twice".into());
        }
        Ok(())
    }

    fn live_again(&mut self, log: DiskLog<SimulatedDisk>, kept: usize) {
        (self.engine, self.disk) = log.into_parts();
        self.history.truncate(kept);
        self.current = fold(&self.history);
        self.folded = 0;
        self.given.clear();
        self.seqs = Default::default();
        self.durable.clear();
        self.ops.clear();
        self.failed = None;
        self.held_back = false;
    }

    pub(super) fn history(&self) -> usize {
        self.history.len() + self.folded
    }
}

fn fold_of(history: &[Record]) -> Fold {
    fold(history)
}

fn ids(content: &Content) -> Vec<(u64, usize, bool)> {
    let brief = |live: &Live| (live.id.0, live.waiting.len(), live.retained);
    content.1.iter().map(brief).collect()
}
