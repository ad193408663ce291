//! An arena that grows in chunks: what lies in it never moves, and growing never takes long.
//!
//! Owned by a trie, which may grow to millions of nodes under a lock that others wait for; a vector
//! would now and then copy them all. Invariant: a place is either used or in the list of free ones.

/// Items per chunk.
const CHUNK: usize = 1024;

/// Items named by small numbers, counted from 0 as long as none is removed.
pub(super) struct Arena<N> {
    chunks: Vec<Vec<Slot<N>>>,
    len: usize,
    /// The first free place.
    free: Option<u32>,
}

enum Slot<N> {
    Used(N),
    /// And the next free place.
    Free(Option<u32>),
}

impl<N> Arena<N> {
    pub(super) fn new() -> Self {
        Arena {
            chunks: Vec::new(),
            len: 0,
            free: None,
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn insert(&mut self, item: N) -> u32 {
        self.len += 1;
        if let Some(place) = self.free {
            let slot = &mut self.chunks[place as usize / CHUNK][place as usize % CHUNK];
            if let Slot::Free(next) = std::mem::replace(slot, Slot::Used(item)) {
                self.free = next;
            }
            return place;
        }
        // All places are in use, and only the last chunk can have room.
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.push(Slot::Used(item));
        }
        u32::try_from(self.len - 1).expect("limits keep a routing table below 2^32 items")
    }

    /// `None` where nothing lies there.
    pub(super) fn remove(&mut self, place: u32) -> Option<N> {
        let slot = self
            .chunks
            .get_mut(place as usize / CHUNK)?
            .get_mut(place as usize % CHUNK)?;
        if matches!(slot, Slot::Free(_)) {
            return None;
        }
        match std::mem::replace(slot, Slot::Free(self.free)) {
            Slot::Used(item) => {
                self.free = Some(place);
                self.len -= 1;
                Some(item)
            }
            Slot::Free(_) => None,
        }
    }

    /// Panics where nothing lies there: a place is only kept by what is linked to it.
    pub(super) fn get(&self, place: u32) -> &N {
        match &self.chunks[place as usize / CHUNK][place as usize % CHUNK] {
            Slot::Used(item) => item,
            Slot::Free(_) => panic!("place {place} of the arena is free"),
        }
    }

    /// See [`Arena::get`].
    pub(super) fn get_mut(&mut self, place: u32) -> &mut N {
        match &mut self.chunks[place as usize / CHUNK][place as usize % CHUNK] {
            Slot::Used(item) => item,
            Slot::Free(_) => panic!("place {place} of the arena is free"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_slot_needs_no_tag_of_its_own() {
        assert_eq!(size_of::<Slot<(Box<str>, u64)>>(), 24);
    }

    proptest! {
        #[test]
        fn places_are_kept_and_used_again(steps in proptest::collection::vec(0..4u32, 1..3000)) {
            let (mut arena, mut model, mut most) = (Arena::new(), BTreeMap::new(), 0);
            for (item, step) in steps.into_iter().enumerate() {
                if step == 0 && let Some((&place, _)) = model.iter().nth(item % (model.len() + 1)) {
                    prop_assert_eq!(arena.remove(place), model.remove(&place));
                    prop_assert_eq!(arena.remove(place), None);
                } else {
                    prop_assert_eq!(model.insert(arena.insert(item), item), None);
                }
                most = most.max(model.len());
                prop_assert_eq!(arena.len(), model.len());
            }
            prop_assert!(model.keys().all(|place| (*place as usize) < most));
            for (place, item) in model {
                prop_assert_eq!(*arena.get(place), item);
                *arena.get_mut(place) = 0;
                prop_assert_eq!(*arena.get(place), 0);
            }
        }
    }
}
