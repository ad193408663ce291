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
        let mut entry = Vec::new();
        put_short(&mut entry, name.as_bytes())?;
        value.write(&mut entry)?;
        self.remove(name);
        self.raw.append(&mut entry);
        Ok(())
    }

    /// Takes every entry with this name away and tells whether there was one. One pass, however many there are.
    pub fn remove(&mut self, name: &str) -> bool {
        if self.as_table().get(name).is_none() {
            return false;
        }
        let mut kept = Vec::with_capacity(self.raw.len());
        let mut entries = self.as_table().iter();
        loop {
            let entry = entries.rest();
            let Some((other, _)) = entries.next() else {
                break;
            };
            let len = entry.len().saturating_sub(entries.rest().len());
            if other != name {
                kept.extend_from_slice(entry.get(..len).unwrap_or_default());
            }
        }
        self.raw = kept;
        true
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
        let start = self.raw.len();
        let written = value.write(&mut self.raw);
        if written.is_err() {
            self.raw.truncate(start);
        }
        written
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
