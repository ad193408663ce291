//! What can be done to the log of a stopped broker: look into it, check it, cut off what is damaged.
//!
//! Nobody's state: functions on a [`Disk`]. Only [`repair`] changes anything, and keeps what it cuts off.

mod dead_damage;
mod inspect;
mod repair;
mod walk;

pub use inspect::{Inspection, inspect};
pub use repair::{Loss, repair, what_repair_loses};
pub use walk::{SegmentReport, Walk, verify};
