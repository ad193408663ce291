//! UNSUBSCRIBE (section 3.10). Never judges a topic filter.

use crate::encode::put_string;
use crate::reader::Reader;
use crate::{DecodeError, EncodeError, Properties, PropertyPlace, Version};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unsubscribe<'a> {
    pub packet_id: u16,
    pub props: Properties<'a>,
    /// The payload as on the wire: only what has been decoded or built, so it always iterates to its end.
    raw: &'a [u8],
}

impl<'a> Unsubscribe<'a> {
    /// For a sender: `scratch` is overwritten and keeps the filters.
    pub fn build(
        packet_id: u16,
        props: Properties<'a>,
        filters: &[&str],
        scratch: &'a mut Vec<u8>,
    ) -> Result<Self, EncodeError> {
        scratch.clear();
        for filter in filters {
            put_string(scratch, filter)?;
        }
        Ok(Self {
            packet_id,
            props,
            raw: scratch,
        })
    }

    pub(crate) fn decode(version: Version, body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let packet_id = reader.packet_id()?;
        let props = reader.properties(version, PropertyPlace::Unsubscribe)?;
        let raw = reader.rest();
        if raw.is_empty() {
            return Err(DecodeError::EmptyUnsubscribe); // [MQTT-3.10.3-2]
        }
        while !reader.is_empty() {
            reader.string()?; // [MQTT-3.10.3-1]
        }
        Ok(Self {
            packet_id,
            props,
            raw,
        })
    }

    pub const fn filters(&self) -> UnsubscribeFilters<'a> {
        UnsubscribeFilters {
            reader: Reader::new(self.raw),
        }
    }

    /// How many filters there are.
    pub fn len(&self) -> usize {
        self.filters().count()
    }

    pub const fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    pub(crate) const fn raw_filters(&self) -> &'a [u8] {
        self.raw
    }
}

/// The filters of an UNSUBSCRIBE.
#[derive(Clone)]
pub struct UnsubscribeFilters<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for UnsubscribeFilters<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.reader.string().ok()
    }
}
