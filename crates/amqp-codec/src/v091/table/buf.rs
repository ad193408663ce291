//! Tables and arrays that are being written: owned bytes, always valid. Whatever fails leaves them as they were.

use super::super::EncodeError;
use super::super::field::put_short;
use super::{Array, Table, Value, check_value};

/// A table that is being written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TableBuf {
    raw: Vec<u8>,
}

impl TableBuf {
    pub const fn new() -> Self {
        Self { raw: Vec::new() }
    }

    pub const fn as_table(&self) -> Table<'_> {
        Table {
            raw: self.raw.as_slice(),
        }
    }

    /// Takes what had this name away and appends the new value.
    pub fn insert(&mut self, name: &str, value: Value<'_>) -> Result<(), EncodeError> {
        check_depth(value)?;
        let start = self.raw.len();
        append(&mut self.raw, |raw| {
            put_short(raw, name.as_bytes())?;
            value.write(raw)
        })?;
        self.remove_before(start, name);
        Ok(())
    }

    /// Takes every entry with this name away and tells whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        self.remove_before(self.raw.len(), name)
    }

    /// Takes the entries with this name away whose bytes lie before `end`.
    fn remove_before(&mut self, end: usize, name: &str) -> bool {
        let mut found = false;
        let mut end = end;
        while let Some((from, to)) = self.place(name).filter(|&(_, to)| to <= end) {
            self.raw.drain(from..to);
            end = end.saturating_sub(to.saturating_sub(from));
            found = true;
        }
        found
    }

    /// From where to where the first entry with this name lies.
    fn place(&self, name: &str) -> Option<(usize, usize)> {
        let len = self.raw.len();
        let mut entries = self.as_table().iter();
        let mut from = 0;
        while let Some((other, _)) = entries.next() {
            let to = len.saturating_sub(entries.left());
            if other == name {
                return Some((from, to));
            }
            from = to;
        }
        None
    }
}

impl From<Table<'_>> for TableBuf {
    fn from(table: Table<'_>) -> Self {
        Self {
            raw: table.raw.to_vec(),
        }
    }
}

/// An array that is being written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ArrayBuf {
    raw: Vec<u8>,
}

impl ArrayBuf {
    pub const fn new() -> Self {
        Self { raw: Vec::new() }
    }

    pub const fn as_array(&self) -> Array<'_> {
        Array {
            raw: self.raw.as_slice(),
        }
    }

    pub fn push(&mut self, value: Value<'_>) -> Result<(), EncodeError> {
        check_depth(value)?;
        append(&mut self.raw, |raw| value.write(raw))
    }
}

impl From<Array<'_>> for ArrayBuf {
    fn from(array: Array<'_>) -> Self {
        Self {
            raw: array.raw.to_vec(),
        }
    }
}

/// Refuses what would lie too deep in an outermost table, so that what is written can be read.
fn check_depth(value: Value<'_>) -> Result<(), EncodeError> {
    check_value(value, 1).map_err(|_| EncodeError::TableTooDeep)
}

fn append(
    raw: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let start = raw.len();
    let written = write(raw);
    if written.is_err() {
        raw.truncate(start);
    }
    written
}
