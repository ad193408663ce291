//! The fourteen properties of class `basic`, defined once: names, flags, values. Short strings stay bytes, since
//! applications put identifiers there that are no text.

use super::super::field::{put_long, put_short};
use super::super::reader::Reader;
use super::super::{DecodeError, EncodeError, Table};
use super::{Properties, check_table};

/// A type that a property can have.
trait PropertyValue<'a>: Copy {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError>;
    fn write(self, out: &mut Vec<u8>) -> Result<(), EncodeError>;

    /// Checks what [`PropertyValue::read`] has not looked at.
    #[inline]
    fn check(self) -> Result<(), DecodeError> {
        Ok(())
    }
}

impl<'a> PropertyValue<'a> for &'a [u8] {
    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.short_bytes()
    }

    fn write(self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_short(out, self)
    }
}

impl<'a> PropertyValue<'a> for u8 {
    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.u8()
    }

    fn write(self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.push(self);
        Ok(())
    }
}

impl<'a> PropertyValue<'a> for u64 {
    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.u64()
    }

    fn write(self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.extend_from_slice(&self.to_be_bytes());
        Ok(())
    }
}

impl<'a> PropertyValue<'a> for Table<'a> {
    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.long_string().map(Table::unchecked)
    }

    fn write(self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_long(out, self.raw())
    }

    #[inline]
    fn check(self) -> Result<(), DecodeError> {
        check_table(self)
    }
}

macro_rules! properties {
    ($($(#[$doc:meta])* $id:ident $getter:ident $type:ty,)+) => {
        /// Which property.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum PropertyId {
            $($id,)+
        }

        impl PropertyId {
            /// In the order of their values.
            pub const ALL: &'static [Self] = &[$(Self::$id),+];
        }

        /// A property with its value.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Property<'a> {
            $($(#[$doc])* $id($type),)+
        }

        impl<'a> Property<'a> {
            pub const fn id(&self) -> PropertyId {
                match self {
                    $(Self::$id(_) => PropertyId::$id,)+
                }
            }

            /// Takes the value of `id` without looking into a table.
            #[inline]
            pub(super) fn read(
                id: PropertyId,
                reader: &mut Reader<'a>,
            ) -> Result<Self, DecodeError> {
                Ok(match id {
                    $(PropertyId::$id => Self::$id(PropertyValue::read(reader)?),)+
                })
            }

            #[inline]
            pub(super) fn check(self) -> Result<(), DecodeError> {
                match self {
                    $(Self::$id(value) => PropertyValue::check(value),)+
                }
            }

            /// Appends the value; on an error part of it may have been appended.
            pub(super) fn write(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
                match *self {
                    $(Self::$id(value) => PropertyValue::write(value, out),)+
                }
            }
        }

        impl<'a> Properties<'a> {
            $(
                $(#[$doc])*
                #[inline]
                pub fn $getter(&self) -> Option<$type> {
                    match self.get(PropertyId::$id) {
                        Some(Property::$id(value)) => Some(value),
                        _ => None,
                    }
                }
            )+
        }
    };
}

// In the order of their flags, from the highest bit down, which is that of their values.
properties! {
    ContentType content_type &'a [u8],
    ContentEncoding content_encoding &'a [u8],
    Headers headers Table<'a>,
    /// 2 is persistent, 1 is transient.
    DeliveryMode delivery_mode u8,
    Priority priority u8,
    CorrelationId correlation_id &'a [u8],
    ReplyTo reply_to &'a [u8],
    /// Milliseconds in decimal digits.
    Expiration expiration &'a [u8],
    MessageId message_id &'a [u8],
    /// Seconds since 1970.
    Timestamp timestamp u64,
    /// The property called `type`.
    Kind kind &'a [u8],
    UserId user_id &'a [u8],
    AppId app_id &'a [u8],
    ClusterId cluster_id &'a [u8],
}

impl PropertyId {
    pub(super) const fn flag(self) -> u16 {
        0x8000_u16.unbounded_shr(self as u32)
    }

    /// The flags of those whose values come before its own.
    pub(super) const fn earlier(self) -> u16 {
        !0xffff_u16.unbounded_shr(self as u32)
    }

    /// The property of the highest of these flags.
    #[inline]
    pub(super) fn first(flags: u16) -> Option<Self> {
        let place = usize::try_from(flags.leading_zeros()).ok()?;
        Self::ALL.get(place).copied()
    }
}
