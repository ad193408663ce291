//! Building a property section. Owns its bytes; never checks in which packet they will stand.

use super::id::IdSet;
use super::{Properties, Property};
use crate::EncodeError;
use std::fmt;

/// A property section under construction. Clear it to use its memory again.
#[derive(Clone, Default)]
pub struct PropertiesBuf {
    raw: Vec<u8>,
    present: IdSet,
}

impl PropertiesBuf {
    pub const fn new() -> Self {
        Self {
            raw: Vec::new(),
            present: IdSet::EMPTY,
        }
    }

    /// Appends a property. One that cannot be expressed (a field above 65,535 bytes, a subscription identifier above
    /// 268,435,455) is left out: see [`Self::try_push`] where that may happen.
    pub fn push(&mut self, property: Property<'_>) -> &mut Self {
        // Leaving it out is what the caller has asked for.
        let _ = self.try_push(property);
        self
    }

    /// Appends a property, or leaves the section as it was.
    pub fn try_push(&mut self, property: Property<'_>) -> Result<&mut Self, EncodeError> {
        let before = self.raw.len();
        if let Err(error) = property.write(&mut self.raw) {
            self.raw.truncate(before);
            return Err(error);
        }
        self.present.insert(property.id());
        Ok(self)
    }

    pub fn as_props(&self) -> Properties<'_> {
        Properties {
            raw: &self.raw,
            present: self.present,
        }
    }

    pub const fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    pub fn clear(&mut self) {
        self.raw.clear();
        self.present = IdSet::EMPTY;
    }
}

impl fmt::Debug for PropertiesBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_props().fmt(f)
    }
}
