//! Field tables and arrays: named values and values in a row, nested. Borrowed and read lazily; validated once, as a
//! whole, when they are parsed. Never copies, never recurses deeper than [`MAX_TABLE_DEPTH`].

mod buf;
mod value;

pub use buf::{ArrayBuf, TableBuf};
pub use value::Value;

use super::DecodeError;
use super::reader::Reader;
use std::fmt;

/// How deep tables and arrays may lie in one another; the outermost table counts as one.
pub const MAX_TABLE_DEPTH: usize = 16;

/// Names with values, as raw bytes that have been validated. Names may occur twice: the first one counts.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Table<'a> {
    raw: &'a [u8],
}

impl<'a> Table<'a> {
    pub const EMPTY: Self = Self { raw: &[] };

    /// Validates the bytes of a table, without its length.
    #[inline]
    pub fn parse(raw: &'a [u8]) -> Result<Self, DecodeError> {
        if !raw.is_empty() {
            check_table(raw, 1)?;
        }
        Ok(Self { raw })
    }

    /// For a caller that has parsed these bytes, or does so before anybody else sees them.
    pub(super) const fn unchecked(raw: &'a [u8]) -> Self {
        Self { raw }
    }

    /// Its bytes, without its length.
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    pub const fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    pub const fn iter(&self) -> TableIter<'a> {
        TableIter {
            reader: Reader::new(self.raw),
        }
    }

    /// The value of the first entry with this name.
    pub fn get(&self, name: &str) -> Option<Value<'a>> {
        self.iter()
            .find_map(|(other, value)| (other == name).then_some(value))
    }
}

impl fmt::Debug for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for Table<'a> {
    type Item = (&'a str, Value<'a>);
    type IntoIter = TableIter<'a>;

    fn into_iter(self) -> TableIter<'a> {
        self.iter()
    }
}

/// The entries of a [`Table`] in their order.
#[derive(Clone)]
pub struct TableIter<'a> {
    reader: Reader<'a>,
}

impl<'a> TableIter<'a> {
    /// The bytes that have not been read yet.
    const fn rest(&self) -> &'a [u8] {
        self.reader.rest()
    }
}

impl<'a> Iterator for TableIter<'a> {
    type Item = (&'a str, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let name = self.reader.short_string().ok()?;
        let value = Value::read(&mut self.reader).ok()?;
        Some((name, value))
    }
}

/// Values in a row, as raw bytes that have been validated.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Array<'a> {
    raw: &'a [u8],
}

impl<'a> Array<'a> {
    pub const EMPTY: Self = Self { raw: &[] };

    /// Its bytes, without its length.
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    pub const fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    pub const fn iter(&self) -> ArrayIter<'a> {
        ArrayIter {
            reader: Reader::new(self.raw),
        }
    }
}

impl fmt::Debug for Array<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for Array<'a> {
    type Item = Value<'a>;
    type IntoIter = ArrayIter<'a>;

    fn into_iter(self) -> ArrayIter<'a> {
        self.iter()
    }
}

/// The values of an [`Array`] in their order.
#[derive(Clone)]
pub struct ArrayIter<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for ArrayIter<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.rest().is_empty() {
            return None;
        }
        Value::read(&mut self.reader).ok()
    }
}

/// Checks the bytes of a table that lies at `depth`.
fn check_table(raw: &[u8], depth: usize) -> Result<(), DecodeError> {
    let mut reader = Reader::new(raw);
    while !reader.rest().is_empty() {
        reader.short_string()?;
        check_value(Value::read(&mut reader)?, depth)?;
    }
    Ok(())
}

fn check_array(raw: &[u8], depth: usize) -> Result<(), DecodeError> {
    let mut reader = Reader::new(raw);
    while !reader.rest().is_empty() {
        check_value(Value::read(&mut reader)?, depth)?;
    }
    Ok(())
}

/// Checks what lies in a value of a table or an array at `depth`.
fn check_value(value: Value<'_>, depth: usize) -> Result<(), DecodeError> {
    let inner = depth.saturating_add(1);
    match value {
        Value::Table(_) | Value::Array(_) if inner > MAX_TABLE_DEPTH => {
            Err(DecodeError::TableTooDeep)
        }
        Value::Table(table) => check_table(table.raw, inner),
        Value::Array(array) => check_array(array.raw, inner),
        _ => Ok(()),
    }
}
