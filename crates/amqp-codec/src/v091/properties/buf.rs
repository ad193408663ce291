//! Properties that are being written or changed: owned bytes, always valid. Whatever fails leaves them as they were.

use super::super::{EncodeError, TableBuf, Value};
use super::{CONTINUED, Properties, Property, PropertyId};

/// Properties that are being written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PropertiesBuf {
    flags: u16,
    /// Flags and values.
    raw: Vec<u8>,
}

impl Default for PropertiesBuf {
    fn default() -> Self {
        Self::new()
    }
}

impl PropertiesBuf {
    pub fn new() -> Self {
        Self::from(Properties::EMPTY)
    }

    pub const fn as_properties(&self) -> Properties<'_> {
        Properties {
            flags: self.flags,
            raw: self.raw.as_slice(),
        }
    }

    /// Adds a property, or gives it another value.
    pub fn set(&mut self, property: Property<'_>) -> Result<(), EncodeError> {
        let mut value = Vec::new();
        property.write(&mut value)?;
        self.replace(property.id(), &value);
        self.put_flags(self.flags | property.id().flag());
        Ok(())
    }

    /// Takes a property away.
    pub fn clear(&mut self, id: PropertyId) {
        self.replace(id, &[]);
        self.put_flags(self.flags & !id.flag());
    }

    /// Adds a header, or gives it another value.
    pub fn set_header(&mut self, name: &str, value: Value<'_>) -> Result<(), EncodeError> {
        let mut headers = self.headers();
        headers.insert(name, value)?;
        self.set(Property::Headers(headers.as_table()))
    }

    /// Takes a header away and tells whether it was there. A table that becomes empty stays.
    pub fn remove_header(&mut self, name: &str) -> Result<bool, EncodeError> {
        let mut headers = self.headers();
        let found = headers.remove(name);
        if found {
            self.set(Property::Headers(headers.as_table()))?;
        }
        Ok(found)
    }

    fn headers(&self) -> TableBuf {
        TableBuf::from(self.as_properties().headers().unwrap_or_default())
    }

    /// Puts the bytes of a value where those of `id` are or belong.
    fn replace(&mut self, id: PropertyId, value: &[u8]) {
        let len = self.raw.len();
        let mut reader = self.as_properties().reader_at(id);
        let from = len.saturating_sub(reader.rest().len());
        if self.as_properties().has(id) {
            // Validated: it can be read.
            let _ = Property::read(id, &mut reader);
        }
        let to = len.saturating_sub(reader.rest().len());
        self.raw.splice(from..to, value.iter().copied());
    }

    fn put_flags(&mut self, flags: u16) {
        self.flags = flags;
        if let Some(word) = self.raw.first_chunk_mut() {
            *word = flags.to_be_bytes();
        }
    }
}

impl From<Properties<'_>> for PropertiesBuf {
    /// A copy without empty words of flags.
    fn from(properties: Properties<'_>) -> Self {
        let flags = properties.flags & !CONTINUED;
        let mut raw = flags.to_be_bytes().to_vec();
        raw.extend_from_slice(properties.values().rest());
        Self { flags, raw }
    }
}
