//! The log on disk, byte by byte: see `docs/log-format.md`, which draws it.
//!
//! Nobody's state: functions between values and bytes. Integers are little-endian; counts, lengths and
//! ids inside records are LEB128. Every check sum is CRC32C, seeded by the log's salt, so that bytes of
//! another log, or bytes that a client chose, are never taken for ours. A decoder reads no further than
//! the bytes that are there, allocates no more than they can fill, and never panics.

pub(crate) mod batch;
pub(crate) mod bytes;
pub(crate) mod index_file;
pub(crate) mod message;
pub(crate) mod names;
pub(crate) mod record;
pub(crate) mod row;
pub(crate) mod segment;
#[cfg(test)]
mod tests;
mod untrusted;

pub use bytes::FormatError;
pub use names::FileName;
pub use untrusted::go_through;

/// The version of everything in this folder. A log of another one is refused.
pub const FORMAT_VERSION: u32 = 1;

/// What is mixed into every check sum of one log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Salt(pub u64);

impl Salt {
    /// The check sum of `parts`, one behind the other.
    pub(crate) fn sum(self, parts: &[&[u8]]) -> u32 {
        let seed = crc32c::crc32c(&self.0.to_le_bytes());
        parts
            .iter()
            .fold(seed, |sum, part| crc32c::crc32c_append(sum, part))
    }
}
