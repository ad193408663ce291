//! MQTT 5 properties (section 2.2.2): validated once, kept as raw bytes, read on demand. A [`Properties`] always holds
//! a section that was valid for its packet; nothing here knows a packet's other fields.

mod buf;
mod forward;
mod get;
mod id;
mod property;

pub use buf::PropertiesBuf;
pub use forward::forwardable;
pub use id::{PropertyId, PropertyPlace};
pub use property::Property;

use crate::DecodeError;
use crate::reader::Reader;
use id::IdSet;
use std::fmt;

/// A validated property section: raw bytes without its length prefix; empty before MQTT 5.
#[derive(Clone, Copy, Default)]
pub struct Properties<'a> {
    raw: &'a [u8],
    /// The properties that occur, so that looking for one that does not costs nothing.
    present: IdSet,
}

impl<'a> Properties<'a> {
    pub const EMPTY: Properties<'static> = Properties {
        raw: &[],
        present: IdSet::EMPTY,
    };

    /// Validates the raw bytes of a section (without its length prefix) that stands at `place`.
    pub fn parse(raw: &'a [u8], place: PropertyPlace) -> Result<Self, DecodeError> {
        let mut present = IdSet::EMPTY;
        let mut reader = Reader::new(raw);
        while !reader.is_empty() {
            let property = Property::read(&mut reader)?;
            let id = property.id();
            if !id.allowed_in(place) {
                return Err(DecodeError::PropertyNotAllowed {
                    property: id,
                    packet: place,
                });
            }
            if present.contains(id) && !id.may_repeat_in(place) {
                return Err(DecodeError::DuplicateProperty(id));
            }
            present.insert(id);
        }
        if present.contains(PropertyId::AuthenticationData)
            && !present.contains(PropertyId::AuthenticationMethod)
        {
            return Err(DecodeError::AuthenticationDataWithoutMethod);
        }
        Ok(Self { raw, present })
    }

    /// The section's bytes, without its length prefix.
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    pub const fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Whether the property occurs.
    pub const fn has(&self, id: PropertyId) -> bool {
        self.present.contains(id)
    }

    /// All properties in their order.
    pub const fn iter(&self) -> PropertyIter<'a> {
        PropertyIter {
            reader: Reader::new(self.raw),
        }
    }

    /// The first occurrence.
    fn find(&self, id: PropertyId) -> Option<Property<'a>> {
        if !self.has(id) {
            return None;
        }
        self.iter().find(|property| property.id() == id)
    }
}

impl PartialEq for Properties<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

impl Eq for Properties<'_> {}

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

/// The properties of a section in their order.
#[derive(Clone)]
pub struct PropertyIter<'a> {
    reader: Reader<'a>,
}

impl<'a> PropertyIter<'a> {
    /// The next property and the bytes it takes.
    fn next_raw(&mut self) -> Option<(Property<'a>, &'a [u8])> {
        let before = self.reader.rest();
        let property = Property::read(&mut self.reader).ok()?;
        let len = before.len().saturating_sub(self.reader.rest().len());
        Some((property, before.get(..len)?))
    }
}

impl<'a> Iterator for PropertyIter<'a> {
    type Item = Property<'a>;

    fn next(&mut self) -> Option<Property<'a>> {
        Property::read(&mut self.reader).ok()
    }
}
