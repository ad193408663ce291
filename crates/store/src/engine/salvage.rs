//! Cleaning a segment that is damaged: what lives there is taken one by one.
//!
//! Part of the engine. Each frame has a check sum of its own, and the state knows where what lives lies:
//! so damage to what nobody needs any more costs nothing, and is told. Damage to what lives is final.

use super::cleaner::{Found, look};
use super::index::Place;
use super::{Engine, Event, damage};
use crate::format::FormatError;
use crate::format::record::frame_body;
use crate::store_error::{Damage, StoreError};
use message::record::RowKey;

impl Engine {
    /// The tail cannot be gone through from here on: all that is left of it is read.
    pub(super) fn salvage_tail(&mut self, damage: Damage) {
        let Some(cleaning) = &mut self.cleaner.cleaning else {
            return;
        };
        cleaning.batch = cleaning.end - cleaning.at;
        cleaning.damage = Some(damage);
    }

    /// Takes what lives of `bytes`, the rest of the tail.
    pub(super) fn take_living(&mut self, bytes: &[u8], told: Damage) -> Result<(), StoreError> {
        let Some(cleaning) = &mut self.cleaner.cleaning else {
            return Ok(());
        };
        let (segment, from) = (cleaning.segment, cleaning.at);
        for (place, row) in self.state.living_in(segment) {
            if place.at < from {
                continue;
            }
            let found = &mut cleaning.found;
            if let Some(key) = row {
                // It is known whatever its frame says.
                found.push_back(Found::Row(key, place));
                continue;
            }
            let wrong = |e| damage(segment, u64::from(place.at), &e);
            let body = frame_at(bytes, (place.at - from) as usize, place.len).map_err(wrong)?;
            let body = frame_body(body, self.salt).map_err(wrong)?;
            look(&self.state, body, place, found).map_err(wrong)?;
        }
        cleaning.at = cleaning.end;
        let credit = &mut self.cleaner.credit;
        *credit = credit.saturating_sub(bytes.len() as u64);
        self.events.push(Event::DeadDamage(told));
        Ok(())
    }
}

/// The frame of `len` bytes that lies at `at`.
pub(crate) fn frame_at(bytes: &[u8], at: usize, len: u32) -> Result<&[u8], FormatError> {
    let frame = bytes.get(at..at.saturating_add(len as usize));
    frame.ok_or(FormatError::Short("a record"))
}

/// Where something lives, and which row it is where it is one.
pub(crate) type Living = (Place, Option<RowKey>);
