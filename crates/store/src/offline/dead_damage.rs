//! Is a damaged log one that starts all the same, with everything that lives in it?

use crate::engine::Disk;
use crate::engine::salvage::frame_at;
use crate::format::message::UnixOffset;
use crate::format::record::{frame_body, live};
use crate::recover::{fold_by_indexes, whole};
use crate::store_error::{Damage, StoreError};
use crate::{FileName, Settings};

/// True where the damage hits nothing that lives: index files tell what lies in the segments, and each frame
/// that somebody needs is whole, in the damaged segment and those `behind`. A start goes on, and the cleaner
/// takes out what lives.
pub(crate) fn hits_nothing(
    disk: &dyn Disk,
    damage: &Damage,
    behind: &[u32],
) -> Result<bool, StoreError> {
    let FileName::Segment(damaged) = damage.file else {
        return Ok(false);
    };
    let folded = match fold_by_indexes(disk, &Settings::default()) {
        Ok(Some(folded)) => folded,
        Ok(None) | Err(StoreError::Damage(_)) => return Ok(false),
        Err(other) => return Err(other),
    };
    let (state, salt) = folded;
    for &segment in [damaged].iter().chain(behind) {
        let bytes = whole(disk, segment)?;
        let lives = state.living_in(segment).into_iter().all(|(place, row)| {
            // A row is in the index file itself.
            row.is_some()
                || frame_at(&bytes, place.at as usize, place.len)
                    .and_then(|frame| frame_body(frame, salt))
                    .and_then(|body| live(body, UnixOffset::default()))
                    .is_ok()
        });
        if !lives {
            return Ok(false);
        }
    }
    Ok(true)
}
