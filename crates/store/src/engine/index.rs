//! Where each living message lies: the log's index, in id order and in about forty bytes a message.
//!
//! Owned by the state of an engine. Ids mostly grow, so entries lie in short sorted runs, of which the
//! last is filled to its end: denser than a hash map or a tree, and a scan needs no sorting. What does
//! not fit an entry (several destinations, a group, a QoS 2 id) lies in a map beside it.

use crate::format::record::Slot;
use message::{Map, MessageId, QoS, QueueId, hash};
use std::collections::VecDeque;

/// Entries of a run.
const RUN: usize = 128;

/// A frame in a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) segment: u32,
    pub(crate) at: u32,
    /// Of the whole frame.
    pub(crate) len: u32,
}

/// One message, in 32 bytes.
#[derive(Clone, Copy, Debug)]
struct Entry {
    id: u64,
    place: Place,
    /// Of the one destination, as is `queue`.
    ordinal: u16,
    dests: Dests,
    retained: bool,
    queue: QueueId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dests {
    /// None waits.
    None,
    /// One waits, with this QoS.
    One(QoS),
    /// See [`Index::wide`].
    Wide,
}

/// Who is owed a message, and what else keeps it alive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Owed {
    /// By ordinal.
    pub(crate) slots: Vec<Slot>,
    pub(crate) retained: bool,
    pub(crate) qos2: Option<(QueueId, u16)>,
}

impl Owed {
    pub(crate) fn is_dead(&self) -> bool {
        self.slots.is_empty() && !self.retained && self.qos2.is_none()
    }
}

#[derive(Default)]
struct Wide {
    slots: Vec<Slot>,
    qos2: Option<(QueueId, u16)>,
}

/// What [`Index::settle`] took away.
pub(crate) struct Settled {
    pub(crate) slot: Slot,
    /// Nothing keeps the message any more; it is still in the index.
    pub(crate) dead: bool,
}

struct Run {
    /// The lowest id that it may hold.
    first: u64,
    entries: Vec<Entry>,
}

/// See the module.
pub(crate) struct Index {
    runs: VecDeque<Run>,
    wide: Map<u64, Wide>,
    len: usize,
}

impl Index {
    pub(crate) fn new(seed: u64) -> Self {
        Index {
            runs: VecDeque::new(),
            wide: hash::map(seed),
            len: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn place(&self, id: MessageId) -> Option<Place> {
        self.entry(id).map(|e| e.place)
    }

    pub(crate) fn owed(&self, id: MessageId) -> Option<Owed> {
        let entry = self.entry(id)?;
        let mut owed = Owed {
            retained: entry.retained,
            ..Owed::default()
        };
        match entry.dests {
            Dests::None => {}
            Dests::One(qos) => owed.slots.push(entry.slot(qos)),
            Dests::Wide => {
                let wide = self.wide.get(&id.0)?;
                owed.slots.clone_from(&wide.slots);
                owed.qos2 = wide.qos2;
            }
        }
        Some(owed)
    }

    /// True where the message is here and nothing keeps it any more.
    pub(crate) fn is_dead(&self, id: MessageId) -> bool {
        self.entry(id).is_some_and(|entry| match entry.dests {
            Dests::None => !entry.retained,
            Dests::One(_) => false,
            Dests::Wide => self.owed(id).is_some_and(|owed| owed.is_dead()),
        })
    }

    /// A new message, or another state of a known one.
    pub(crate) fn put(&mut self, id: MessageId, place: Place, owed: Owed) {
        let mut entry = Entry {
            id: id.0,
            place,
            ordinal: 0,
            dests: Dests::None,
            retained: owed.retained,
            queue: QueueId(0),
        };
        match (&owed.slots[..], owed.qos2) {
            ([], None) => {}
            ([slot], None) if slot.group.is_none() && slot.ordinal <= u32::from(u16::MAX) => {
                entry.dests = Dests::One(slot.qos);
                entry.ordinal = slot.ordinal as u16;
                entry.queue = slot.queue;
            }
            _ => entry.dests = Dests::Wide,
        }
        if entry.dests == Dests::Wide {
            let Owed { slots, qos2, .. } = owed;
            self.wide.insert(id.0, Wide { slots, qos2 });
        } else if !self.wide.is_empty() {
            self.wide.remove(&id.0);
        }
        self.write(entry);
    }

    /// Changes who is owed a known message.
    pub(crate) fn change(&mut self, id: MessageId, change: impl FnOnce(&mut Owed)) {
        let Some(entry) = self.entry(id).copied() else {
            return;
        };
        let mut owed = match entry.dests {
            Dests::Wide => {
                let Wide { slots, qos2 } = self.wide.remove(&id.0).unwrap_or_default();
                Owed {
                    slots,
                    qos2,
                    retained: entry.retained,
                }
            }
            _ => self.owed(id).unwrap_or_default(),
        };
        change(&mut owed);
        self.put(id, entry.place, owed);
    }

    /// Takes one destination away, and tells whether anything is left.
    pub(crate) fn settle(&mut self, id: MessageId, ordinal: u32) -> Option<Settled> {
        let (run, at) = self.find(id.0)?;
        let entry = &mut self.runs[run].entries[at];
        match entry.dests {
            Dests::None => None,
            Dests::One(qos) => {
                let slot = entry.slot(qos);
                if slot.ordinal != ordinal {
                    return None;
                }
                entry.dests = Dests::None;
                let dead = !entry.retained;
                Some(Settled { slot, dead })
            }
            Dests::Wide => {
                let wide = self.wide.get_mut(&id.0)?;
                let at = wide.slots.binary_search_by_key(&ordinal, |s| s.ordinal);
                let slot = wide.slots.remove(at.ok()?);
                let dead = wide.slots.is_empty() && wide.qos2.is_none() && !entry.retained;
                if wide.slots.len() == 1 && !dead {
                    // It may fit its entry now.
                    self.change(id, |_| {});
                }
                Some(Settled { slot, dead })
            }
        }
    }

    pub(crate) fn remove(&mut self, id: MessageId) -> Option<Place> {
        let (run, at) = self.find(id.0)?;
        let entry = self.runs[run].entries.remove(at);
        self.len -= 1;
        if entry.dests == Dests::Wide {
            self.wide.remove(&id.0);
        }
        self.merge(run);
        Some(entry.place)
    }

    /// All ids, in their order, with the bytes that each frame takes.
    pub(crate) fn ids(&self) -> impl Iterator<Item = (MessageId, Place)> {
        let entries = self.runs.iter().flat_map(|run| &run.entries);
        entries.map(|e| (MessageId(e.id), e.place))
    }

    fn entry(&self, id: MessageId) -> Option<&Entry> {
        let (run, at) = self.find(id.0)?;
        self.runs.get(run)?.entries.get(at)
    }

    /// The run where an id is, or belongs.
    fn run_of(&self, id: u64) -> usize {
        let after = self.runs.partition_point(|run| run.first <= id);
        after.saturating_sub(1)
    }

    fn find(&self, id: u64) -> Option<(usize, usize)> {
        let run = self.run_of(id);
        let entries = &self.runs.get(run)?.entries;
        let at = entries.binary_search_by_key(&id, |e| e.id).ok()?;
        Some((run, at))
    }

    fn write(&mut self, entry: Entry) {
        let run = self.run_of(entry.id);
        let Some(found) = self.runs.get_mut(run) else {
            self.len += 1;
            self.runs.push_back(Run::with(0, entry));
            return;
        };
        match found.entries.binary_search_by_key(&entry.id, |e| e.id) {
            Ok(at) => found.entries[at] = entry,
            Err(at) => {
                self.len += 1;
                if found.entries.len() < RUN {
                    found.entries.insert(at, entry);
                    return;
                }
                // The last run is left full, so that growing ids fill run after run.
                let last = run + 1 == self.runs.len();
                if last && at == RUN {
                    self.runs.push_back(Run::with(entry.id, entry));
                    return;
                }
                self.split(run);
                let run = self.run_of(entry.id);
                let entries = &mut self.runs[run].entries;
                let at = entries.partition_point(|e| e.id < entry.id);
                entries.insert(at, entry);
            }
        }
    }

    fn split(&mut self, run: usize) {
        let entries = &mut self.runs[run].entries;
        let mut upper = Vec::with_capacity(RUN);
        upper.extend(entries.drain(RUN / 2..));
        let first = upper[0].id;
        let upper = Run {
            first,
            entries: upper,
        };
        self.runs.insert(run + 1, upper);
    }

    /// A run that has become short joins the one before it, where both fit in half a run.
    fn merge(&mut self, run: usize) {
        if self.runs[run].entries.is_empty() {
            self.runs.remove(run);
            return;
        }
        if run == 0 {
            return;
        }
        let (before, here) = (&self.runs[run - 1], &self.runs[run]);
        if before.entries.len() + here.entries.len() <= RUN / 2
            && let Some(mut gone) = self.runs.remove(run)
        {
            self.runs[run - 1].entries.append(&mut gone.entries);
        }
    }
}

impl Run {
    fn with(first: u64, entry: Entry) -> Self {
        let mut entries = Vec::with_capacity(RUN);
        entries.push(entry);
        Run { first, entries }
    }
}

impl Entry {
    fn slot(&self, qos: QoS) -> Slot {
        Slot {
            ordinal: u32::from(self.ordinal),
            queue: self.queue,
            qos,
            group: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn owed(n: u64) -> Owed {
        let slot = |ordinal| Slot {
            ordinal,
            queue: QueueId(n),
            qos: QoS::AtLeastOnce,
            group: (n.is_multiple_of(7)).then_some(QueueId(3)),
        };
        Owed {
            slots: (0..(n % 3) as u32).map(slot).collect(),
            retained: n.is_multiple_of(2),
            qos2: n.is_multiple_of(5).then_some((QueueId(n), 4)),
        }
    }

    proptest! {
        #[test]
        fn is_a_sorted_map(steps in prop::collection::vec((any::<bool>(), 0..2_000u64), 0..3_000)) {
            let (mut index, mut model) = (Index::new(1), BTreeMap::new());
            for (n, (keep, id)) in (0..).zip(steps) {
                let place = Place { segment: n, at: 1, len: 2 };
                if keep || id % 3 > 0 {
                    // Half of the ids grow, as they do.
                    let id = if keep { u64::from(n) } else { id };
                    index.put(MessageId(id), place, owed(u64::from(n)));
                    model.insert(id, (place, owed(u64::from(n))));
                } else {
                    let gone = model.remove(&id).map(|(place, _)| place);
                    prop_assert_eq!(index.remove(MessageId(id)), gone);
                }
            }
            prop_assert_eq!(index.len(), model.len());
            let ids: Vec<_> = index.ids().map(|(id, place)| (id.0, place)).collect();
            let wanted: Vec<_> = model.iter().map(|(id, (place, _))| (*id, *place)).collect();
            prop_assert_eq!(ids, wanted);
            for (id, (_, wanted)) in &model {
                let owed = index.owed(MessageId(*id));
                prop_assert_eq!(owed.as_ref(), Some(wanted));
            }
            let wide = model.values().filter(|(_, o)| o.qos2.is_some() || o.slots.len() > 1 || o.slots.iter().any(|s| s.group.is_some()));
            prop_assert_eq!(index.wide.len(), wide.count());
        }
    }

    #[test]
    fn growing_ids_fill_their_runs_and_an_entry_is_small() {
        let mut index = Index::new(1);
        for id in 1..=10 * RUN as u64 {
            index.put(MessageId(id), Place::default(), owed(1));
        }
        assert_eq!(index.runs.len(), 10);
        assert_eq!(size_of::<Entry>(), 32);
        for id in 1..=10 * RUN as u64 {
            index.remove(MessageId(id));
        }
        assert_eq!((index.runs.len(), index.len()), (0, 0));
    }
}
