//! Sizes and paces of the log. Every bound of the engine has its name here.

use crate::format::message::UnixOffset;
use crate::planted::Planted;

#[derive(Clone, Debug)]
pub struct Settings {
    /// Size of a segment; one that holds a larger record is as large as that needs.
    pub segment_bytes: u32,
    /// Below this size of the log nothing is copied to save room.
    pub floor_bytes: u64,
    /// Segments kept for copies, settles and whatever lets the log shrink.
    pub reserve: usize,
    /// A batch takes no more records beyond this size.
    pub batch_bytes: usize,
    /// Bytes that the cleaner copies within one batch, about.
    pub copy_bytes: usize,
    /// Bytes that the cleaner reads at once, about.
    pub clean_read_bytes: u32,
    /// A sync that served as many tickets as this makes the next one wait for company...
    pub busy_tickets: usize,
    /// ...until so many wait...
    pub full_tickets: usize,
    /// ...or for so long. What nobody waits for waits as long.
    pub linger_us: u64,
    /// How soon room is asked for again when the disk was full.
    pub retry_us: u64,
    /// Reads under way at once; others wait.
    pub max_reads: usize,
    /// Sealed segments above which the oldest is cleaned, however small the log is.
    pub max_small_segments: usize,
    /// See [`UnixOffset`]; taken once, at opening, so that what is read back is what was written.
    pub unix_offset: UnixOffset,
    /// Feeds hash maps.
    pub seed: u64,
    /// Bugs that tests plant; none in a build for use.
    pub planted: Planted,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            segment_bytes: 16 << 20,
            floor_bytes: 64 << 20,
            reserve: 2,
            batch_bytes: 4 << 20,
            copy_bytes: 256 << 10,
            clean_read_bytes: 1 << 20,
            busy_tickets: 16,
            full_tickets: 256,
            linger_us: 1_000,
            retry_us: 500_000,
            max_reads: 64,
            max_small_segments: 64,
            unix_offset: UnixOffset::default(),
            seed: 0,
            planted: Planted::default(),
        }
    }
}
