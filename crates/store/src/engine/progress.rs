//! How far each shard's operations are given, written and durable.
//!
//! Owned by an engine. A shard is told "all up to n", so one operation that is held back holds the
//! word about those behind it, though not these themselves.

use crate::{Durable, LogError};
use message::ShardId;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub(crate) struct Progress {
    shards: BTreeMap<ShardId, Shard>,
}

#[derive(Default)]
struct Shard {
    given: u64,
    durable: u64,
    /// What was said last.
    said: u64,
    /// Durable beyond a gap.
    ahead: BTreeSet<u64>,
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
                    durable: before,
                    said: before,
                    ahead: BTreeSet::new(),
                };
                self.shards.insert(shard, known);
                Ok(())
            }
        }
    }

    pub(crate) fn durable(&mut self, shard: ShardId, seq: u64) {
        let Some(known) = self.shards.get_mut(&shard) else {
            return;
        };
        if seq == known.durable + 1 {
            known.durable = seq;
            while known.ahead.first() == Some(&(known.durable + 1)) {
                known.ahead.pop_first();
                known.durable += 1;
            }
        } else if seq > known.durable {
            known.ahead.insert(seq);
        }
    }

    /// One mark for each shard that got further.
    pub(crate) fn marks(&mut self, mut say: impl FnMut(Durable)) {
        for (&shard, known) in &mut self.shards {
            if known.said != known.durable {
                known.said = known.durable;
                let upto = known.durable;
                say(Durable { shard, upto });
            }
        }
    }
}
