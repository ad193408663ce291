//! What is in a log.

use super::walk::{Walk, walk};
use crate::engine::Disk;
use crate::engine::index::Place;
use crate::engine::state::State;
use crate::format::record::Marks;
use crate::store_error::StoreError;
use message::record::Row;

/// A log in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    pub walk: Walk,
    /// Bytes of all batches, and of what lives in them.
    pub bytes: u64,
    pub live_bytes: u64,
    pub messages: u64,
    /// Destinations that are owed a message.
    pub owed: u64,
    pub retained: u64,
    pub sessions: u64,
    pub subscriptions: u64,
    pub in_flight: u64,
    pub received: u64,
    pub wills: u64,
    pub marks: Marks,
    pub epoch: u64,
}

/// What lives in a log, up to its damage if it has one. Reads only.
pub fn inspect(disk: &dyn Disk) -> Result<Inspection, StoreError> {
    let mut state = State::new(0);
    let walk = walk(disk, &mut |segment, at, len, fact| {
        state.apply(fact, Place { segment, at, len });
    })?;
    let mut found = Inspection {
        bytes: walk.segments.iter().map(|s| u64::from(s.end)).sum(),
        live_bytes: state.occupancy().total(),
        messages: state.index().len() as u64,
        marks: state.marks(),
        epoch: walk.segments.last().map_or(0, |s| s.epoch),
        walk,
        ..Inspection::default()
    };
    for (id, _) in state.index().ids() {
        if let Some(owed) = state.index().owed(id) {
            found.owed += owed.slots.len() as u64;
            found.retained += u64::from(owed.retained);
            found.received += u64::from(owed.qos2.is_some());
        }
    }
    for kept in state.rows() {
        let count = match kept.row {
            Row::Session { .. } => &mut found.sessions,
            Row::Subscription { .. } => &mut found.subscriptions,
            Row::Inflight { .. } => &mut found.in_flight,
            Row::Received { .. } => &mut found.received,
            Row::Will { .. } => &mut found.wills,
        };
        *count += 1;
    }
    Ok(found)
}
