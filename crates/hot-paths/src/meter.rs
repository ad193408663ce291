//! What is counted: callgrind is told to count while [`counted_by_callgrind`] is on the stack, and only then.
//! Never calls itself from within what it counts: the second call would end the count.

use std::hint::black_box;

/// Whether calls are counted.
pub(crate) struct Meter {
    on: bool,
}

impl Meter {
    pub(crate) const ON: Meter = Meter { on: true };
    pub(crate) const OFF: Meter = Meter { on: false };

    pub(crate) fn count<R>(&self, work: impl FnOnce() -> R) -> R {
        if self.on {
            counted_by_callgrind(work)
        } else {
            work()
        }
    }
}

/// `cargo xtask perf --guard` names it to callgrind.
#[inline(never)]
fn counted_by_callgrind<R>(work: impl FnOnce() -> R) -> R {
    // Behind the call there is something left to do, so that it is no jump.
    black_box(work())
}
