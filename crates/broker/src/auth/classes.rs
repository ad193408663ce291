//! Access classes: identities with the same rights share one number, and so their cached routes.
//!
//! Owned by the shard. A class lives while a session of it does; its number is then free again, which
//! is safe since a cached route of a class is only found by a session of it: see `leave`.

use super::acl::ClassKey;
use super::{Identity, Policy};
use message::Map;
use slab::Slab;

pub(crate) struct Classes {
    numbers: Map<ClassKey, u32>,
    members: Slab<(ClassKey, usize)>,
    /// Classes that lost their last session since routes were last forgotten.
    vacated: bool,
}

/// The class of everybody where there is no access control.
const EVERYBODY: u32 = u32::MAX - 1;

impl Classes {
    /// The class of operators, whom no policy holds.
    pub(crate) const OPERATOR: u32 = EVERYBODY - 1;

    pub(crate) fn new(seed: u64) -> Self {
        Classes {
            numbers: message::hash::map(seed),
            members: Slab::new(),
            vacated: false,
        }
    }

    /// A session of this identity begins.
    pub(crate) fn enter(&mut self, policy: &Policy, identity: &Identity) -> u32 {
        let Policy::Acl(acl) = policy else {
            return EVERYBODY;
        };
        let key = acl.class_key(identity);
        let members = &mut self.members;
        let number = *self
            .numbers
            .entry(key.clone())
            .or_insert_with(|| members.insert((key, 0)) as u32);
        if let Some((_, count)) = self.members.get_mut(number as usize) {
            *count += 1;
        }
        number
    }

    /// A session of this class ends.
    pub(crate) fn leave(&mut self, class: u32) {
        let Some((_, count)) = self.members.get_mut(class as usize) else {
            return;
        };
        *count -= 1;
        if *count == 0
            && let Some((key, _)) = self.members.try_remove(class as usize)
        {
            self.numbers.remove(&key);
            self.vacated = true;
        }
    }

    /// True once after a number became free: routes cached under it must be forgotten before it is
    /// used again.
    pub(crate) fn take_vacated(&mut self) -> bool {
        std::mem::take(&mut self.vacated)
    }
}
