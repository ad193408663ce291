//! One value of a table or an array. The letters are RabbitMQ's, as clients use them: see its errata of the
//! specification. Never judges what a value means.

use super::super::field::put_long;
use super::super::reader::Reader;
use super::super::{DecodeError, EncodeError};
use super::{Array, Table};

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Value<'a> {
    /// `V`
    Void,
    /// `t`
    Bool(bool),
    /// `b`
    I8(i8),
    /// `B`
    U8(u8),
    /// `s`; read from `U` as well.
    I16(i16),
    /// `u`
    U16(u16),
    /// `I`
    I32(i32),
    /// `i`
    U32(u32),
    /// `l`; read from `L` as well.
    I64(i64),
    /// `f`
    F32(f32),
    /// `d`
    F64(f64),
    /// `D`: `value` divided by ten to the power of `scale`.
    Decimal { scale: u8, value: u32 },
    /// `T`: seconds since 1970.
    Timestamp(u64),
    /// `S`: text as a rule, though any bytes are allowed.
    LongString(&'a [u8]),
    /// `x`
    Bytes(&'a [u8]),
    /// `A`
    Array(Array<'a>),
    /// `F`
    Table(Table<'a>),
}

impl<'a> Value<'a> {
    /// Text as a long string.
    pub const fn text(text: &'a str) -> Self {
        Self::LongString(text.as_bytes())
    }

    /// An integer of any width. A timestamp is none.
    pub fn as_i64(&self) -> Option<i64> {
        Some(match *self {
            Self::I8(value) => i64::from(value),
            Self::U8(value) => i64::from(value),
            Self::I16(value) => i64::from(value),
            Self::U16(value) => i64::from(value),
            Self::I32(value) => i64::from(value),
            Self::U32(value) => i64::from(value),
            Self::I64(value) => value,
            _ => return None,
        })
    }

    pub const fn as_bool(&self) -> Option<bool> {
        match *self {
            Self::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// A long string that is UTF-8.
    pub fn as_str(&self) -> Option<&'a str> {
        match *self {
            Self::LongString(bytes) => str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    pub const fn as_table(&self) -> Option<Table<'a>> {
        match *self {
            Self::Table(table) => Some(table),
            _ => None,
        }
    }

    pub const fn as_array(&self) -> Option<Array<'a>> {
        match *self {
            Self::Array(array) => Some(array),
            _ => None,
        }
    }

    /// Reads a letter and what it announces; what lies in a table or an array is not looked at.
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            b'V' => Self::Void,
            b't' => Self::Bool(reader.u8()? != 0),
            b'b' => Self::I8(i8::from_be_bytes(reader.array()?)),
            b'B' => Self::U8(reader.u8()?),
            b's' | b'U' => Self::I16(i16::from_be_bytes(reader.array()?)),
            b'u' => Self::U16(reader.u16()?),
            b'I' => Self::I32(i32::from_be_bytes(reader.array()?)),
            b'i' => Self::U32(reader.u32()?),
            b'l' | b'L' => Self::I64(i64::from_be_bytes(reader.array()?)),
            b'f' => Self::F32(f32::from_be_bytes(reader.array()?)),
            b'd' => Self::F64(f64::from_be_bytes(reader.array()?)),
            b'D' => Self::Decimal {
                scale: reader.u8()?,
                value: reader.u32()?,
            },
            b'T' => Self::Timestamp(reader.u64()?),
            b'S' => Self::LongString(reader.long_string()?),
            b'x' => Self::Bytes(reader.long_string()?),
            b'A' => Self::Array(Array {
                raw: reader.long_string()?,
            }),
            b'F' => Self::Table(Table {
                raw: reader.long_string()?,
            }),
            other => return Err(DecodeError::UnknownFieldType(other)),
        })
    }

    const fn letter(&self) -> u8 {
        match self {
            Self::Void => b'V',
            Self::Bool(_) => b't',
            Self::I8(_) => b'b',
            Self::U8(_) => b'B',
            Self::I16(_) => b's',
            Self::U16(_) => b'u',
            Self::I32(_) => b'I',
            Self::U32(_) => b'i',
            Self::I64(_) => b'l',
            Self::F32(_) => b'f',
            Self::F64(_) => b'd',
            Self::Decimal { .. } => b'D',
            Self::Timestamp(_) => b'T',
            Self::LongString(_) => b'S',
            Self::Bytes(_) => b'x',
            Self::Array(_) => b'A',
            Self::Table(_) => b'F',
        }
    }

    /// Appends it; on an error part of it may have been appended.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.push(self.letter());
        match *self {
            Self::Void => {}
            Self::Bool(value) => out.push(u8::from(value)),
            Self::I8(value) => out.extend_from_slice(&value.to_be_bytes()),
            Self::U8(value) => out.push(value),
            Self::I16(value) => out.extend_from_slice(&value.to_be_bytes()),
            Self::U16(value) => out.extend_from_slice(&value.to_be_bytes()),
            Self::I32(value) => out.extend_from_slice(&value.to_be_bytes()),
            Self::U32(value) => out.extend_from_slice(&value.to_be_bytes()),
            Self::I64(value) => out.extend_from_slice(&value.to_be_bytes()),
            Self::F32(value) => out.extend_from_slice(&value.to_be_bytes()),
            Self::F64(value) => out.extend_from_slice(&value.to_be_bytes()),
            Self::Decimal { scale, value } => {
                out.push(scale);
                out.extend_from_slice(&value.to_be_bytes());
            }
            Self::Timestamp(value) => out.extend_from_slice(&value.to_be_bytes()),
            Self::LongString(bytes) | Self::Bytes(bytes) => put_long(out, bytes)?,
            Self::Array(array) => put_long(out, array.raw)?,
            Self::Table(table) => put_long(out, table.raw)?,
        }
        Ok(())
    }
}
