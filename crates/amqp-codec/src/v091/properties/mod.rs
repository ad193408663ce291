//! The properties of a content header: flags, then the values of those that are there. Kept as raw bytes, so that they
//! can be passed on as they came; validated once, read lazily. Never judges what a property means.

mod buf;
mod property;

pub use buf::PropertiesBuf;
pub use property::{Property, PropertyId};

use super::reader::Reader;
use super::{DecodeError, Table};
use std::fmt;

/// The flag that says that another word of flags follows. No property has its flag there.
const CONTINUED: u16 = 1;

/// The one other flag that stands for no property.
const UNUSED: u16 = 2;

/// The properties of one content: raw bytes that have been validated, flags first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Properties<'a> {
    flags: u16,
    raw: &'a [u8],
}

impl Default for Properties<'_> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<'a> Properties<'a> {
    pub const EMPTY: Self = Self {
        flags: 0,
        raw: &[0, 0],
    };

    /// Validates flags and values: the end of a content header's payload.
    #[inline]
    pub fn parse(raw: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(raw);
        let flags = reader.u16()?;
        if flags & (UNUSED | CONTINUED) != 0 {
            check_odd_flags(flags, &mut reader)?;
        }
        for id in present(flags) {
            Property::read(id, &mut reader)?.check()?;
        }
        reader.finish()?;
        Ok(Self { flags, raw })
    }

    /// Flags and values as they came.
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    pub const fn is_empty(&self) -> bool {
        self.flags & !CONTINUED == 0
    }

    pub const fn has(&self, id: PropertyId) -> bool {
        self.flags & id.flag() != 0
    }

    #[inline]
    pub fn get(&self, id: PropertyId) -> Option<Property<'a>> {
        if !self.has(id) {
            return None;
        }
        let mut reader = self.reader_at(id);
        Property::read(id, &mut reader).ok()
    }

    /// What is there, in the order of the specification.
    pub fn iter(&self) -> PropertyIter<'a> {
        PropertyIter {
            left: self.flags,
            reader: self.values(),
        }
    }

    /// The reader where the value of `id` is or would be.
    fn reader_at(&self, id: PropertyId) -> Reader<'a> {
        let mut reader = self.values();
        for earlier in present(self.flags & id.earlier()) {
            // Validated: all of it can be read.
            if Property::read(earlier, &mut reader).is_err() {
                break;
            }
        }
        reader
    }

    /// The reader behind the flags.
    fn values(&self) -> Reader<'a> {
        let mut reader = Reader::new(self.raw);
        while reader.u16().is_ok_and(|flags| flags & CONTINUED != 0) {}
        reader
    }
}

impl fmt::Debug for Properties<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for Properties<'a> {
    type Item = Property<'a>;
    type IntoIter = PropertyIter<'a>;

    fn into_iter(self) -> PropertyIter<'a> {
        self.iter()
    }
}

/// The properties that are there, in the order of the specification.
#[derive(Clone)]
pub struct PropertyIter<'a> {
    left: u16,
    reader: Reader<'a>,
}

impl<'a> Iterator for PropertyIter<'a> {
    type Item = Property<'a>;

    fn next(&mut self) -> Option<Property<'a>> {
        let id = PropertyId::first(self.left)?;
        self.left &= !id.flag();
        Property::read(id, &mut self.reader).ok()
    }
}

/// The properties whose flags are set, highest flag first: the order of their values.
fn present(flags: u16) -> impl Iterator<Item = PropertyId> {
    let mut left = flags;
    std::iter::from_fn(move || {
        let id = PropertyId::first(left)?;
        left &= !id.flag();
        Some(id)
    })
}

/// Further words of flags may follow as long as no flag is set in them: a set one would announce a value that nobody
/// knows how to read.
#[cold]
fn check_odd_flags(flags: u16, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    let mut word = flags;
    let mut unknown = flags & UNUSED;
    while unknown == 0 && word & CONTINUED != 0 {
        word = reader.u16()?;
        unknown = word & !CONTINUED;
    }
    match unknown {
        0 => Ok(()),
        unknown => Err(DecodeError::UnknownPropertyFlags(unknown)),
    }
}

/// The reader's table, unchecked until [`Property::check`].
fn check_table(table: Table<'_>) -> Result<(), DecodeError> {
    Table::parse(table.raw()).map(|_| ())
}
