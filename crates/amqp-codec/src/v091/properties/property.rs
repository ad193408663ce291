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
    ($($(#[$doc:meta])* $flag:literal $id:ident $getter:ident $type:ty,)+) => {
        /// Which property.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum PropertyId {
            $($id,)+
        }

        impl PropertyId {
            /// In the order of their values.
            pub const ALL: &'static [Self] = &[$(Self::$id),+];

            pub(super) const fn flag(self) -> u16 {
                match self {
                    $(Self::$id => 1 << $flag,)+
                }
            }

            /// The property of the highest of these flags.
            #[inline]
            pub(super) const fn first(flags: u16) -> Option<Self> {
                $(if flags & (1 << $flag) != 0 {
                    return Some(Self::$id);
                })+
                None
            }
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

properties! {
    15 ContentType content_type &'a [u8],
    14 ContentEncoding content_encoding &'a [u8],
    13 Headers headers Table<'a>,
    /// 2 is persistent, 1 is transient.
    12 DeliveryMode delivery_mode u8,
    11 Priority priority u8,
    10 CorrelationId correlation_id &'a [u8],
    9 ReplyTo reply_to &'a [u8],
    /// Milliseconds in decimal digits.
    8 Expiration expiration &'a [u8],
    7 MessageId message_id &'a [u8],
    /// Seconds since 1970.
    6 Timestamp timestamp u64,
    /// The property called `type`.
    5 Kind kind &'a [u8],
    4 UserId user_id &'a [u8],
    3 AppId app_id &'a [u8],
    2 ClusterId cluster_id &'a [u8],
}

impl PropertyId {
    /// The flags of those whose values come before its own.
    pub(super) const fn earlier(self) -> u16 {
        // A flag is a single bit above the lowest two, so that its negative has all the higher ones set.
        !self.flag() & self.flag().wrapping_neg()
    }
}
