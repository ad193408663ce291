//! How far each shard's operations are given, held back and durable.
//!
//! Owned by an engine. Invariant: a shard's operations are written in the order of their numbers, but for
//! those held back, which are written in theirs.

use crate::{Durable, LogError};
use message::ShardId;
use std::collections::{BTreeMap, VecDeque};

#[derive(Default)]
pub(crate) struct Progress {
    shards: BTreeMap<ShardId, Shard>,
}

#[derive(Default)]
struct Shard {
    given: u64,
    /// Durable with all before it, but those held back.
    passed: u64,
    /// Held back and not durable since, ascending.
    held: VecDeque<u64>,
    /// The last of `held` that the shard knows of.
    told: u64,
    /// The marks that were said last.
    said: (u64, u64),
}

impl Shard {
    /// Everything up to here is durable.
    fn upto(&self) -> u64 {
        let before_held = self.held.front().map(|first| first - 1);
        before_held.map_or(self.passed, |upto| upto.min(self.passed))
    }
}

impl Progress {
    /// Numbers of a shard have no gap; the first may be any.
    pub(crate) fn given(&mut self, shard: ShardId, seq: u64) -> Result<(), LogError> {
        match self.shards.get_mut(&shard) {
            Some(known) if seq != known.given + 1 => Err(LogError::OutOfOrder {
                shard,
                last: known.given,
                got: seq,
            }),
            Some(known) => {
                known.given = seq;
                Ok(())
            }
            None => {
                let before = seq.saturating_sub(1);
                let known = Shard {
                    given: seq,
                    passed: before,
                    said: (before, before),
                    ..Shard::default()
                };
                self.shards.insert(shard, known);
                Ok(())
            }
        }
    }

    /// Others may be written before it. It may have been held back before.
    pub(crate) fn held(&mut self, shard: ShardId, seq: u64) {
        let Some(known) = self.shards.get_mut(&shard) else {
            return;
        };
        if known.held.back().is_none_or(|last| *last < seq) {
            known.held.push_back(seq);
        }
    }

    pub(crate) fn durable(&mut self, shard: ShardId, seq: u64) {
        let Some(known) = self.shards.get_mut(&shard) else {
            return;
        };
        if known.held.front() == Some(&seq) {
            known.held.pop_front();
        }
        known.passed = known.passed.max(seq);
    }

    /// One mark for each shard that got further.
    pub(crate) fn marks(&mut self, mut say: impl FnMut(Durable)) {
        for (&shard, known) in &mut self.shards {
            let now = (known.upto(), known.passed);
            if known.said == now {
                continue;
            }
            known.said = now;
            let new = known.held.partition_point(|seq| *seq <= known.told);
            let held: Vec<u64> = known.held.range(new..).copied().collect();
            known.told = held.last().copied().unwrap_or(known.told);
            say(Durable {
                shard,
                upto: now.0,
                passed: now.1,
                held,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(progress: &mut Progress) -> Vec<(u64, u64, Vec<u64>)> {
        let mut all = Vec::new();
        progress.marks(|mark| all.push((mark.upto, mark.passed, mark.held)));
        all
    }

    #[test]
    fn what_is_held_back_is_told_once_and_holds_one_mark_of_two() {
        let mut progress = Progress::default();
        for seq in 5..=12 {
            progress.given(1, seq).unwrap();
        }
        assert!(progress.given(1, 14).is_err());
        assert_eq!(told(&mut progress), []);
        progress.durable(1, 5);
        assert_eq!(told(&mut progress), [(5, 5, vec![])]);
        progress.held(1, 6);
        assert_eq!(told(&mut progress), [], "nobody got further");
        progress.durable(1, 7);
        progress.held(1, 8);
        progress.durable(1, 9);
        assert_eq!(told(&mut progress), [(5, 9, vec![6, 8])]);
        // Room for one of the two, then none again.
        progress.durable(1, 6);
        progress.held(1, 8);
        progress.held(1, 10);
        progress.durable(1, 11);
        assert_eq!(told(&mut progress), [(7, 11, vec![10])]);
        for seq in [8, 10, 12] {
            progress.durable(1, seq);
        }
        assert_eq!(told(&mut progress), [(12, 12, vec![])]);
    }
}
