//! A disk that does what disks do when they fail, by a seed.
//!
//! Owns the files of one directory in memory, twice: as a program sees them, and as they are after a
//! power loss. What was written and not synced survives in any subset of its 512-byte sectors, names
//! that were changed and not synced are the old or the new ones, a sync that fails has lost what it
//! was for and the next one says nothing of it. It has no file, clock or randomness of its own.

use crate::engine::{Disk, DiskError, Fault, Outcome, Step};
use crate::format::FileName;
use std::collections::{BTreeMap, BTreeSet};

const SECTOR: usize = 512;

/// Numbers that follow from a seed.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    /// True once in `n`.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

#[derive(Clone, Debug, Default)]
struct Node {
    /// As it is read.
    bytes: Vec<u8>,
    /// As it is after a power loss.
    durable: Vec<u8>,
    /// Sectors, and the length, that are on their way.
    dirty: BTreeSet<usize>,
    resized: bool,
    /// What has room on the disk.
    allocated: usize,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct SimulatedDisk {
    dice: Dice,
    nodes: Vec<Node>,
    names: BTreeMap<FileName, usize>,
    durable_names: BTreeMap<FileName, usize>,
    /// Room for all files.
    pub capacity: usize,
    /// Steps done so far.
    pub steps: u64,
    /// The step of this number fails.
    pub fail_at: Option<u64>,
    /// Every step fails: the power is off.
    dead: bool,
    /// Step numbers from this one on fail: the power goes then.
    pub die_at: Option<u64>,
}

impl SimulatedDisk {
    pub fn new(seed: u64) -> Self {
        SimulatedDisk {
            dice: Dice::new(seed),
            nodes: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            capacity: usize::MAX,
            steps: 0,
            fail_at: None,
            dead: false,
            die_at: None,
        }
    }

    /// Power fails, and comes back.
    pub fn crash(&mut self) {
        let changed: BTreeSet<FileName> = self
            .names
            .iter()
            .chain(&self.durable_names)
            .map(|(name, _)| *name)
            .collect();
        for name in changed {
            let (old, new) = (self.durable_names.get(&name), self.names.get(&name));
            let kept = if self.dice.one_in(2) { old } else { new }.copied();
            match kept {
                Some(node) => drop(self.names.insert(name, node)),
                None => drop(self.names.remove(&name)),
            }
        }
        self.durable_names = self.names.clone();
        for node in &mut self.nodes {
            node.lose_power(&mut self.dice);
        }
        self.dead = false;
        self.die_at = None;
        self.fail_at = None;
    }

    /// The process dies, the machine does not: all that was written is there.
    pub fn kill(&mut self) {
        self.dead = false;
        self.die_at = None;
        self.fail_at = None;
    }

    /// Changes a file behind everybody's back.
    pub fn tamper(&mut self, file: FileName, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(&node) = self.names.get(&file) {
            let node = &mut self.nodes[node];
            change(&mut node.bytes);
            node.durable.clone_from(&node.bytes);
            node.dirty.clear();
        }
    }

    /// Removes a file behind everybody's back.
    pub fn lose(&mut self, file: FileName) {
        self.names.remove(&file);
        self.durable_names.remove(&file);
    }

    pub fn bytes(&self, file: FileName) -> Option<&[u8]> {
        let node = self.names.get(&file)?;
        Some(&self.nodes[*node].bytes)
    }

    fn used(&self) -> usize {
        let nodes: BTreeSet<_> = self.names.values().collect();
        let taken = |n: &usize| self.nodes[*n].allocated.max(self.nodes[*n].bytes.len());
        nodes.into_iter().map(taken).sum()
    }

    fn node(&mut self, step: &Step, file: FileName) -> Result<&mut Node, DiskError> {
        match self.names.get(&file) {
            Some(&node) => Ok(&mut self.nodes[node]),
            None => Err(step.error(Fault::Missing, "no such file")),
        }
    }

    fn fails(&mut self) -> bool {
        self.steps += 1;
        self.dead |= self.die_at.is_some_and(|at| at <= self.steps);
        self.dead || self.fail_at == Some(self.steps)
    }

    fn make_room(&self, step: &Step, more: usize) -> Result<(), DiskError> {
        if more > 0 && self.used().saturating_add(more) > self.capacity {
            return Err(step.error(Fault::Full, "no space left on device"));
        }
        Ok(())
    }

    fn apply(&mut self, step: &Step) -> Result<(), DiskError> {
        match step {
            Step::Create { file } => {
                self.nodes.push(Node::default());
                self.names.insert(*file, self.nodes.len() - 1);
            }
            Step::Preallocate { file, len } => {
                let len = *len as usize;
                let more = len.saturating_sub(self.node(step, *file)?.allocated);
                self.make_room(step, more)?;
                let node = self.node(step, *file)?;
                node.allocated = node.allocated.max(len);
                if node.bytes.len() < len {
                    node.bytes.resize(len, 0);
                    node.resized = true;
                }
            }
            Step::Write { file, at, bytes } => {
                let (at, end) = (*at as usize, *at as usize + bytes.len());
                let more = end.saturating_sub(self.node(step, *file)?.allocated);
                self.make_room(step, more)?;
                self.node(step, *file)?.write(at, bytes);
            }
            Step::Sync { file } => self.node(step, *file)?.sync(),
            Step::Truncate { file, len } => {
                let node = self.node(step, *file)?;
                node.bytes.truncate(*len as usize);
                node.allocated = *len as usize;
                node.resized = true;
            }
            Step::Rename { from, to } => {
                let Some(node) = self.names.remove(from) else {
                    return Err(step.error(Fault::Missing, "no such file"));
                };
                self.names.insert(*to, node);
            }
            Step::Unlink { file } => drop(self.names.remove(file)),
            Step::SyncDirectory => self.durable_names = self.names.clone(),
            Step::Read { .. } => {}
        }
        Ok(())
    }

    /// A step that fails may have done a part of what it was for.
    fn fail(&mut self, step: &Step) -> DiskError {
        match step {
            Step::Write { file, at, bytes } => {
                let part = self.dice.below(bytes.len() as u64 + 1) as usize;
                if let Ok(node) = self.node(step, *file) {
                    node.write(*at as usize, &bytes[..part]);
                }
            }
            Step::Sync { file } => {
                let mut dice = self.dice.clone();
                if let Ok(node) = self.node(step, *file) {
                    node.lose_dirty(&mut dice);
                }
                self.dice = dice;
            }
            Step::Rename { .. } | Step::Unlink { .. } if self.dice.one_in(2) => {
                // It was done, and the word of it was lost.
                let _ = self.apply(step);
            }
            _ => {}
        }
        step.error(Fault::Other, "input/output error")
    }
}

impl Node {
    fn write(&mut self, at: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if self.bytes.len() < at + bytes.len() {
            self.bytes.resize(at + bytes.len(), 0);
            self.resized = true;
        }
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        self.dirty
            .extend(at / SECTOR..=(at + bytes.len() - 1) / SECTOR);
    }

    fn sync(&mut self) {
        self.durable.resize(self.bytes.len(), 0);
        for sector in std::mem::take(&mut self.dirty) {
            self.keep(sector);
        }
        self.resized = false;
    }

    fn keep(&mut self, sector: usize) {
        let end = ((sector + 1) * SECTOR).min(self.bytes.len());
        if let Some(from) = self.bytes.get(sector * SECTOR..end) {
            if self.durable.len() < end {
                self.durable.resize(end, 0);
            }
            self.durable[sector * SECTOR..end].copy_from_slice(from);
        }
    }

    /// Some of what is on its way arrives.
    fn lose_dirty(&mut self, dice: &mut Dice) {
        // Often most of it does, or none.
        let luck = dice.below(5);
        for sector in std::mem::take(&mut self.dirty) {
            if dice.below(4) < luck {
                self.keep(sector);
            }
        }
    }

    fn lose_power(&mut self, dice: &mut Dice) {
        self.lose_dirty(dice);
        if self.resized && dice.one_in(2) {
            self.durable.resize(self.bytes.len(), 0);
        }
        self.resized = false;
        self.bytes.clone_from(&self.durable);
    }
}

impl Disk for SimulatedDisk {
    fn list(&self) -> Result<Vec<FileName>, DiskError> {
        Ok(self.names.keys().copied().collect())
    }

    fn length(&self, file: FileName) -> Result<u64, DiskError> {
        match self.bytes(file) {
            Some(bytes) => Ok(bytes.len() as u64),
            None => Err(Step::Sync { file }.error(Fault::Missing, "no such file")),
        }
    }

    fn read(&self, file: FileName, at: u64, len: usize) -> Outcome {
        let step = Step::Read { file, at, len: 0 };
        if self.dead {
            return Err(step.error(Fault::Other, "the power is off"));
        }
        let Some(bytes) = self.bytes(file) else {
            return Err(step.error(Fault::Missing, "no such file"));
        };
        let at = (at as usize).min(bytes.len());
        Ok(bytes[at..bytes.len().min(at.saturating_add(len))].to_vec())
    }

    fn run(&mut self, step: &Step) -> Result<(), DiskError> {
        if self.fails() {
            return Err(self.fail(step));
        }
        self.apply(step)
    }
}
