//! The fields of methods: what they are on the wire, and bits, which share octets with their neighbours. Never knows
//! which method a field belongs to.

use super::reader::Reader;
use super::{DecodeError, EncodeError, Table};

/// What a field is on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldKind {
    Octet,
    Short,
    Long,
    LongLong,
    Bit,
    /// A name: UTF-8.
    ShortString,
    /// A short string that nobody reads.
    ShortBytes,
    LongString,
    Table,
}

/// Reads the fields of one method in their order.
pub(super) struct FieldReader<'a> {
    reader: Reader<'a>,
    /// What is left of an octet of bits, and how many of its bits.
    bits: u8,
    left: u8,
}

impl<'a> FieldReader<'a> {
    #[inline]
    pub(super) const fn new(reader: Reader<'a>) -> Self {
        Self {
            reader,
            bits: 0,
            left: 0,
        }
    }

    /// The reader for a field that begins an octet of its own.
    #[inline]
    const fn whole(&mut self) -> &mut Reader<'a> {
        self.left = 0;
        &mut self.reader
    }

    #[inline]
    fn bit(&mut self) -> Result<bool, DecodeError> {
        if self.left == 0 {
            self.bits = self.reader.u8()?;
            self.left = 8;
        }
        let bit = self.bits & 1 != 0;
        self.bits >>= 1;
        self.left = self.left.saturating_sub(1);
        Ok(bit)
    }

    #[inline]
    pub(super) const fn finish(&self) -> Result<(), DecodeError> {
        self.reader.finish()
    }
}

/// Appends the fields of one method in their order.
pub struct FieldWriter<'o> {
    out: &'o mut Vec<u8>,
    /// How many bits the last octet holds, 0 where it is no octet of bits.
    bits: u8,
}

impl<'o> FieldWriter<'o> {
    #[inline]
    pub(super) const fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, bits: 0 }
    }

    #[inline]
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.bits = 0;
        self.out.extend_from_slice(bytes);
    }

    #[inline]
    fn bit(&mut self, value: bool) {
        if self.bits == 0 {
            self.out.push(0);
        }
        if let Some(octet) = self.out.last_mut() {
            *octet |= u8::from(value).unbounded_shl(u32::from(self.bits));
        }
        self.bits = self.bits.wrapping_add(1) & 7;
    }
}

/// A type that a field can have.
pub(super) trait Field<'a>: Sized {
    const KIND: FieldKind;
    fn read(fields: &mut FieldReader<'a>) -> Result<Self, DecodeError>;
    fn write(&self, fields: &mut FieldWriter<'_>) -> Result<(), EncodeError>;
}

macro_rules! integer_field {
    ($($type:ident $kind:ident;)+) => {$(
        impl<'a> Field<'a> for $type {
            const KIND: FieldKind = FieldKind::$kind;

            #[inline]
            fn read(fields: &mut FieldReader<'a>) -> Result<Self, DecodeError> {
                fields.whole().$type()
            }

            #[inline]
            fn write(&self, fields: &mut FieldWriter<'_>) -> Result<(), EncodeError> {
                fields.bytes(&self.to_be_bytes());
                Ok(())
            }
        }
    )+};
}

integer_field! {
    u8 Octet;
    u16 Short;
    u32 Long;
    u64 LongLong;
}

impl<'a> Field<'a> for bool {
    const KIND: FieldKind = FieldKind::Bit;

    #[inline]
    fn read(fields: &mut FieldReader<'a>) -> Result<Self, DecodeError> {
        fields.bit()
    }

    #[inline]
    fn write(&self, fields: &mut FieldWriter<'_>) -> Result<(), EncodeError> {
        fields.bit(*self);
        Ok(())
    }
}

impl<'a> Field<'a> for &'a str {
    const KIND: FieldKind = FieldKind::ShortString;

    #[inline]
    fn read(fields: &mut FieldReader<'a>) -> Result<Self, DecodeError> {
        fields.whole().short_string()
    }

    #[inline]
    fn write(&self, fields: &mut FieldWriter<'_>) -> Result<(), EncodeError> {
        fields.bits = 0;
        put_short(fields.out, self.as_bytes())
    }
}

impl<'a> Field<'a> for &'a [u8] {
    const KIND: FieldKind = FieldKind::LongString;

    #[inline]
    fn read(fields: &mut FieldReader<'a>) -> Result<Self, DecodeError> {
        fields.whole().long_string()
    }

    #[inline]
    fn write(&self, fields: &mut FieldWriter<'_>) -> Result<(), EncodeError> {
        fields.bits = 0;
        put_long(fields.out, self)
    }
}

impl<'a> Field<'a> for Table<'a> {
    const KIND: FieldKind = FieldKind::Table;

    #[inline]
    fn read(fields: &mut FieldReader<'a>) -> Result<Self, DecodeError> {
        fields.whole().table()
    }

    #[inline]
    fn write(&self, fields: &mut FieldWriter<'_>) -> Result<(), EncodeError> {
        fields.bits = 0;
        put_long(fields.out, self.raw())
    }
}

/// The type of a reserved short string: skipped whatever it holds, empty when written.
#[derive(Default)]
pub(super) struct ShortBytes;

impl<'a> Field<'a> for ShortBytes {
    const KIND: FieldKind = FieldKind::ShortBytes;

    #[inline]
    fn read(fields: &mut FieldReader<'a>) -> Result<Self, DecodeError> {
        fields.whole().short_bytes().map(|_| Self)
    }

    #[inline]
    fn write(&self, fields: &mut FieldWriter<'_>) -> Result<(), EncodeError> {
        fields.bytes(&[0]);
        Ok(())
    }
}

/// How many bytes a short string can have.
pub const MAX_SHORT_STRING: usize = 255;

/// As much of a text as a short string can have: for reply texts, which may name what is long itself.
pub fn shortened(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_SHORT_STRING))
        .unwrap_or_default()
}

/// A short string: one byte of length, then as many bytes.
#[inline]
pub(super) fn put_short(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), EncodeError> {
    let len = u8::try_from(bytes.len())
        .map_err(|_| EncodeError::ShortStringTooLong { len: bytes.len() })?;
    out.push(len);
    out.extend_from_slice(bytes);
    Ok(())
}

/// A long string, a table or an array: four bytes of length, then as many bytes.
#[inline]
pub(super) fn put_long(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), EncodeError> {
    let len = u32::try_from(bytes.len()).map_err(|_| EncodeError::TooLong { len: bytes.len() })?;
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No method has bits on both sides of another field, so no method can show this.
    #[test]
    fn bits_share_an_octet_with_their_neighbours_alone() {
        let mut out = Vec::new();
        let mut writer = FieldWriter::new(&mut out);
        for bit in [true, false, true] {
            bit.write(&mut writer).unwrap();
        }
        7_u8.write(&mut writer).unwrap();
        for _ in 0..9 {
            true.write(&mut writer).unwrap();
        }
        "a".write(&mut writer).unwrap();
        true.write(&mut writer).unwrap();
        b"b".as_slice().write(&mut writer).unwrap();
        true.write(&mut writer).unwrap();
        Table::EMPTY.write(&mut writer).unwrap();
        true.write(&mut writer).unwrap();
        ShortBytes.write(&mut writer).unwrap();
        true.write(&mut writer).unwrap();
        let bytes = b"\x05\x07\xff\x01\x01a\x01\0\0\0\x01b\x01\0\0\0\0\x01\0\x01";
        assert_eq!(out, bytes);

        let mut reader = FieldReader::new(Reader::new(bytes));
        for bit in [true, false, true] {
            assert_eq!(Field::read(&mut reader), Ok(bit));
        }
        assert_eq!(Field::read(&mut reader), Ok(7_u8));
        for _ in 0..9 {
            assert_eq!(Field::read(&mut reader), Ok(true));
        }
        assert_eq!(Field::read(&mut reader), Ok("a"));
        assert_eq!(Field::read(&mut reader), Ok(true));
        assert_eq!(Field::read(&mut reader), Ok(b"b".as_slice()));
        assert_eq!(Field::read(&mut reader), Ok(true));
        assert_eq!(Field::read(&mut reader), Ok(Table::EMPTY));
        assert_eq!(Field::read(&mut reader), Ok(true));
        assert!(ShortBytes::read(&mut reader).is_ok());
        assert_eq!(Field::read(&mut reader), Ok(true));
        assert_eq!(reader.finish(), Ok(()));
    }
}
