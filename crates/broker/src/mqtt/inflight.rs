//! Outgoing QoS 1 and 2 messages that have a packet id, and the client's receive quota.
//!
//! Owned by a session. Packet ids are handed out in order, so the entry of an id is found by its
//! distance from the oldest one; an id is never given out again while its entry lives.
//!
//! ```text
//!  QoS 1:  [Waiting ->] Unsent -> Sent -- PUBACK --> gone
//!  QoS 2:  [Waiting ->] Unsent -> Sent -- PUBREC --> Releasing -> Released -- PUBCOMP --> gone
//! ```
//! Waiting and Releasing last until the record of the step is durable (persistent sessions only).
//! A new connection turns Sent into Unsent, and resends PUBREL for Released.
//!
//! Invariant: `quota <= window`, and each entry that holds quota returns it exactly once
//! [MQTT-4.9.0-2].

use crate::queue::Queued;
use mqtt_codec::QoS;
use std::collections::{BTreeMap, VecDeque};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its packet id is not durable yet.
    Waiting,
    /// To be sent as soon as there is quota.
    Unsent,
    Sent,
    /// PUBREC has come; that step is not durable yet.
    Releasing,
    /// PUBREL may be sent, PUBLISH never again.
    Released,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub phase: Phase,
    pub qos: QoS,
    /// It has been sent on an earlier connection [MQTT-3.3.1-1].
    pub dup: bool,
    pub holds_quota: bool,
    /// `None` where it can never be sent again, nor settled: a volatile session's.
    pub item: Option<Queued>,
}

pub(crate) struct Inflight {
    /// The entry at index i has packet id `first + i`, counted without 0.
    ring: VecDeque<Option<Entry>>,
    first: u16,
    live: usize,
    unsent: usize,
    quota: u16,
    window: u16,
}

/// Entries that a shard keeps room for in [`Rings`].
const SPARE_ENTRIES: usize = 16 << 10;

/// Empty rings of one shard, ready for use: a session owns one only while something of it is in flight.
#[derive(Default)]
pub(crate) struct Rings {
    free: Vec<VecDeque<Option<Entry>>>,
    /// What all of `free` have room for.
    room: usize,
}

impl Rings {
    fn take(&mut self) -> VecDeque<Option<Entry>> {
        let ring = self.free.pop().unwrap_or_default();
        self.room -= ring.capacity();
        ring
    }

    fn give(&mut self, ring: VecDeque<Option<Entry>>) {
        if self.room + ring.capacity() <= SPARE_ENTRIES {
            self.room += ring.capacity();
            self.free.push(ring);
        }
    }
}

/// The packet id `n` after `id`; ids run from 1 to 65,535.
fn after(id: u16, n: usize) -> u16 {
    (((usize::from(id) - 1) + n) % 65_535 + 1) as u16
}

impl Default for Inflight {
    fn default() -> Self {
        Inflight {
            ring: VecDeque::new(),
            first: 1,
            live: 0,
            unsent: 0,
            quota: 0,
            window: 0,
        }
    }
}

impl Inflight {
    /// What was in flight when the node stopped, by packet id: at least one. The ids of the log do not
    /// tell which one is the oldest; they run in a circle, and the widest gap is where no id was in use.
    pub(crate) fn restored(entries: BTreeMap<u16, Entry>) -> Self {
        let ids: Vec<u16> = entries.keys().copied().collect();
        let before = |at: usize| ids.get(at).or(ids.last()).copied().unwrap_or_default();
        let gap = |at: usize| {
            let previous = before(at.checked_sub(1).unwrap_or(ids.len()));
            (usize::from(before(at)) + 65_535 - usize::from(previous) - 1) % 65_535
        };
        let widest = (0..ids.len()).max_by_key(|at| gap(*at)).unwrap_or(0);
        let mut inflight = Inflight {
            first: before(widest).max(1),
            live: entries.len(),
            ..Inflight::default()
        };
        let (low, high): (Vec<_>, Vec<_>) = entries
            .into_iter()
            .partition(|(id, _)| *id < inflight.first);
        for (id, entry) in high.into_iter().chain(low) {
            while after(inflight.first, inflight.ring.len()) != id {
                inflight.ring.push_back(None);
            }
            inflight.ring.push_back(Some(entry));
        }
        inflight
    }

    /// A connection begins, with this window. What was sent before is to be sent again, in order,
    /// and counts again; PUBRELs do not [MQTT-4.4.0-1], [MQTT-4.6.0-1].
    pub(crate) fn reconnected(&mut self, window: u16) {
        self.window = window;
        self.quota = window;
        self.unsent = 0;
        for entry in self.ring.iter_mut().flatten() {
            entry.holds_quota = false;
            if entry.phase == Phase::Sent {
                entry.phase = Phase::Unsent;
                entry.dup = true;
            }
            self.unsent += usize::from(entry.phase == Phase::Unsent);
        }
    }

    /// True where one more message may be given a packet id.
    pub(crate) fn has_room(&self) -> bool {
        self.quota > 0 && self.ring.len() < 65_535
    }

    #[cfg(test)]
    fn quota(&self) -> u16 {
        self.quota
    }

    pub(crate) fn unsent(&self) -> usize {
        self.unsent
    }

    /// Messages that have a packet id.
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// Gives the next packet id to an entry that holds quota. Only where `has_room`.
    pub(crate) fn push(
        &mut self,
        rings: &mut Rings,
        phase: Phase,
        qos: QoS,
        item: Option<Queued>,
    ) -> u16 {
        let id = after(self.first, self.ring.len());
        self.quota = self.quota.saturating_sub(1);
        self.live += 1;
        self.unsent += usize::from(phase == Phase::Unsent);
        if self.ring.capacity() == 0 {
            self.ring = rings.take();
        }
        self.ring.push_back(Some(Entry {
            phase,
            qos,
            dup: false,
            holds_quota: true,
            item,
        }));
        id
    }

    fn index(&self, packet_id: u16) -> Option<usize> {
        if packet_id == 0 {
            return None;
        }
        let distance = (usize::from(packet_id) + 65_535 - usize::from(self.first)) % 65_535;
        (distance < self.ring.len()).then_some(distance)
    }

    pub(crate) fn get(&self, packet_id: u16) -> Option<&Entry> {
        self.ring.get(self.index(packet_id)?)?.as_ref()
    }

    /// Moves an entry to another phase.
    pub(crate) fn set_phase(&mut self, packet_id: u16, phase: Phase) {
        let Some(entry) = self
            .index(packet_id)
            .and_then(|at| self.ring.get_mut(at)?.as_mut())
        else {
            return;
        };
        self.unsent -= usize::from(entry.phase == Phase::Unsent);
        self.unsent += usize::from(phase == Phase::Unsent);
        entry.phase = phase;
    }

    /// The first entry to be sent, marked as sent; it takes quota where it holds none yet.
    pub(crate) fn next_unsent(&mut self) -> Option<(u16, &Entry)> {
        if self.unsent == 0 {
            return None;
        }
        let at = self
            .ring
            .iter()
            .position(|e| e.as_ref().is_some_and(|e| e.phase == Phase::Unsent))?;
        let id = after(self.first, at);
        let entry = self.ring.get_mut(at)?.as_mut()?;
        if !entry.holds_quota {
            if self.quota == 0 {
                return None;
            }
            self.quota -= 1;
            entry.holds_quota = true;
        }
        entry.phase = Phase::Sent;
        self.unsent -= 1;
        Some((id, entry))
    }

    /// The delivery has ended: the entry is gone, its quota back, its id free.
    #[inline]
    pub(crate) fn complete(&mut self, rings: &mut Rings, packet_id: u16) -> Option<Entry> {
        let at = self.index(packet_id)?;
        let entry = self.ring.get_mut(at)?.take()?;
        self.live -= 1;
        self.unsent -= usize::from(entry.phase == Phase::Unsent);
        if entry.holds_quota {
            self.quota = (self.quota + 1).min(self.window);
        }
        while let Some(None) = self.ring.front() {
            self.ring.pop_front();
            self.first = after(self.first, 1);
        }
        if self.ring.is_empty() {
            rings.give(std::mem::take(&mut self.ring));
        }
        Some(entry)
    }

    /// Packet ids in this phase, in order.
    pub(crate) fn in_phase(&self, phase: Phase) -> Vec<u16> {
        let live = self.ring.iter().enumerate();
        let wanted = live.filter(|(_, e)| e.as_ref().is_some_and(|e| e.phase == phase));
        wanted.map(|(at, _)| after(self.first, at)).collect()
    }

    /// Takes everything out, in order: the session ends.
    pub(crate) fn drain(&mut self) -> Vec<(u16, Entry)> {
        let first = self.first;
        let all = std::mem::take(&mut self.ring).into_iter().enumerate();
        self.live = 0;
        self.unsent = 0;
        all.filter_map(|(at, e)| e.map(|e| (after(first, at), e)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn with_window(window: u16) -> Inflight {
        let mut inflight = Inflight::default();
        inflight.reconnected(window);
        inflight
    }

    #[test]
    fn ids_skip_zero_and_live_ones() {
        let rings = &mut Rings::default();
        let mut inflight = with_window(65_535);
        let stuck = inflight.push(rings, Phase::Sent, QoS::AtLeastOnce, None);
        assert_eq!(stuck, 1);
        let mut seen = BTreeSet::new();
        for _ in 0..65_534 {
            let id = inflight.push(rings, Phase::Sent, QoS::AtLeastOnce, None);
            assert!(id != 0 && id != stuck && seen.insert(id));
            inflight.complete(rings, id);
        }
        assert!(
            !inflight.has_room(),
            "the only free id would be the stuck one"
        );
        inflight.complete(rings, stuck);
        assert!(inflight.has_room());
        assert_eq!(inflight.push(rings, Phase::Sent, QoS::AtLeastOnce, None), 1);
    }

    #[test]
    fn what_has_nothing_in_flight_owns_no_memory() {
        let rings = &mut Rings::default();
        let (mut one, mut other) = (with_window(5), with_window(5));
        let ids = [(); 5].map(|()| one.push(rings, Phase::Sent, QoS::AtLeastOnce, None));
        assert!(
            ids.map(|id| one.complete(rings, id))
                .iter()
                .all(Option::is_some)
        );
        assert_eq!((one.ring.capacity(), rings.free.len()), (0, 1));
        other.push(rings, Phase::Sent, QoS::AtLeastOnce, None);
        assert!(other.ring.capacity() >= 5, "it is used again");
        assert_eq!((rings.free.len(), rings.room), (0, 0));
    }

    #[test]
    fn quota_returns_once_and_never_above_the_window() {
        let rings = &mut Rings::default();
        let mut inflight = with_window(2);
        let a = inflight.push(rings, Phase::Sent, QoS::ExactlyOnce, None);
        let b = inflight.push(rings, Phase::Sent, QoS::AtLeastOnce, None);
        assert!(!inflight.has_room());
        inflight.set_phase(a, Phase::Released);
        inflight.reconnected(2);
        // The PUBREL takes no quota, the PUBLISH does.
        assert_eq!(
            inflight.next_unsent().map(|(id, e)| (id, e.dup)),
            Some((b, true))
        );
        assert_eq!(inflight.quota(), 1);
        inflight.complete(rings, a);
        assert_eq!(inflight.quota(), 1, "a released entry held none");
        inflight.complete(rings, b);
        inflight.complete(rings, b);
        assert_eq!((inflight.quota(), inflight.len()), (2, 0));
    }

    #[test]
    fn what_is_restored_keeps_its_ids_and_its_order() {
        let rings = &mut Rings::default();
        let entry = |phase| Entry {
            phase,
            qos: QoS::ExactlyOnce,
            dup: true,
            holds_quota: false,
            item: None,
        };
        for (ids, order, next) in [
            (&[7, 9][..], &[7, 9][..], 10),
            (&[1, 3, 65_534], &[65_534, 1, 3], 4),
            (&[65_535], &[65_535], 1),
            (&[1, 65_535], &[65_535, 1], 2),
        ] {
            let entries = ids.iter().map(|id| (*id, entry(Phase::Sent))).collect();
            let mut inflight = Inflight::restored(entries);
            inflight.reconnected(10);
            let resent: Vec<u16> = std::iter::from_fn(|| Some(inflight.next_unsent()?.0)).collect();
            assert_eq!(resent, order);
            assert_eq!(
                inflight.push(rings, Phase::Sent, QoS::AtLeastOnce, None),
                next,
                "{ids:?}"
            );
            for id in ids {
                assert!(inflight.complete(rings, *id).is_some(), "{id} of {ids:?}");
            }
            assert_eq!(inflight.len(), 1);
        }
    }

    #[test]
    fn a_smaller_window_holds_back_what_is_resent() {
        let rings = &mut Rings::default();
        let mut inflight = with_window(3);
        let ids = [(); 3].map(|()| inflight.push(rings, Phase::Sent, QoS::AtLeastOnce, None));
        inflight.reconnected(1);
        assert_eq!(inflight.next_unsent().map(|(id, _)| id), Some(ids[0]));
        assert!(inflight.next_unsent().is_none());
        inflight.complete(rings, ids[0]);
        assert_eq!(inflight.next_unsent().map(|(id, _)| id), Some(ids[1]));
    }
}
