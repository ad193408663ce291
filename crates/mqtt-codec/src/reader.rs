//! A cursor over a packet's body: each step takes a field or says why it cannot. Never reads past the body, never
//! copies.

use crate::varint::{self, Parsed};
use crate::{DecodeError, Properties, PropertyPlace, Version};

#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(body: &'a [u8]) -> Self {
        Self { rest: body }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What has not been read yet.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (field, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(DecodeError::ShortBody)?;
        self.rest = rest;
        Ok(*field)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (field, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(field)
    }

    /// Binary data: two bytes of length, then as many bytes.
    pub(crate) fn binary(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }

    pub(crate) fn string(&mut self) -> Result<&'a str, DecodeError> {
        let bytes = self.binary()?;
        let text = str::from_utf8(bytes).map_err(|_| DecodeError::InvalidUtf8)?; // [MQTT-1.5.4-1]
        if bytes.contains(&0) {
            return Err(DecodeError::NulInString); // [MQTT-1.5.4-2]
        }
        Ok(text)
    }

    pub(crate) fn varint(&mut self) -> Result<u32, DecodeError> {
        match varint::parse(self.rest) {
            Parsed::Value { value, len } if len == varint::len(value) => {
                self.take(len)?;
                Ok(value)
            }
            Parsed::Value { .. } | Parsed::TooLong => Err(DecodeError::MalformedVarint), // [MQTT-1.5.5-1]
            Parsed::Incomplete => Err(DecodeError::ShortBody),
        }
    }

    pub(crate) fn packet_id(&mut self) -> Result<u16, DecodeError> {
        match self.u16()? {
            0 => Err(DecodeError::ZeroPacketId), // [MQTT-2.2.1-3] [MQTT-2.2.1-4]
            id => Ok(id),
        }
    }

    /// The property section with its length; nothing of the kind before MQTT 5.
    pub(crate) fn properties(
        &mut self,
        version: Version,
        place: PropertyPlace,
    ) -> Result<Properties<'a>, DecodeError> {
        if !version.is_v5() {
            return Ok(Properties::EMPTY);
        }
        let len = self.varint()?;
        let raw = self.take(usize::try_from(len).unwrap_or(usize::MAX))?;
        Properties::parse(raw, place)
    }

    /// To be called behind the last field.
    pub(crate) const fn finish(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::TrailingBytes)
        }
    }
}
