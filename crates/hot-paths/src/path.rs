//! What a path is: a name, and a batch of messages that is walked again and again. Holds no state.

use crate::meter::Meter;

/// One walk with all messages of a batch.
pub(crate) type Batch = Box<dyn FnMut(&Meter)>;

pub(crate) struct Path {
    /// As it stands in the record: what is walked, dots between its parts.
    pub(crate) name: &'static str,
    /// Messages in a batch.
    pub(crate) batch: u32,
    /// Everything that is made once and not counted.
    pub(crate) prepare: fn() -> Batch,
}

impl Path {
    pub(crate) const fn new(name: &'static str, batch: u32, prepare: fn() -> Batch) -> Self {
        Path {
            name,
            batch,
            prepare,
        }
    }
}
