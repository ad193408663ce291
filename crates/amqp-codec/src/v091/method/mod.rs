//! Methods: class and method ids, then fields. Defined once, a table for each class; the macros here make structs,
//! decoding, encoding and descriptions of them. Never judges whether a method may come now.

#[macro_use]
mod class_table;
pub mod access;
pub mod basic;
pub mod channel;
pub mod confirm;
pub mod connection;
pub mod exchange;
mod info;
pub mod queue;
pub mod tx;

pub use access::Access;
pub use basic::Basic;
pub use channel::Channel;
pub use confirm::Confirm;
pub use connection::Connection;
pub use exchange::Exchange;
pub use info::{FieldInfo, MethodDefinition, MethodFields, MethodInfo, Peer, Sender};
pub use queue::Queue;
pub use tx::Tx;

use super::field::{FieldReader, FieldWriter};
use super::reader::Reader;
use super::{DecodeError, EncodeError};

/// Class and method id of a method frame's payload, for the `connection.close` or `channel.close` that answers it:
/// there even where the method cannot be decoded.
pub fn method_ids(payload: &[u8]) -> Option<(u16, u16)> {
    let mut reader = Reader::new(payload);
    Some((reader.u16().ok()?, reader.u16().ok()?))
}

/// Joins the classes to [`Method`].
macro_rules! classes {
    ($($class:ident $(<$lt:lifetime>)? $module:ident,)+) => {
        /// A method of any class.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Method<'a> {
            $($class($class $(<$lt>)?),)+
        }

        impl<'a> Method<'a> {
            /// Every method there is, class by class.
            pub const ALL: &'static [&'static [MethodInfo]] = &[$($module::METHODS),+];

            /// Decodes the payload of a method frame.
            #[inline]
            pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
                let mut reader = Reader::new(payload);
                let class = reader.u16()?;
                let method = reader.u16()?;
                let mut fields = FieldReader::new(reader);
                let decoded = match class {
                    $($module::CLASS_ID => Self::$class($class::read(method, &mut fields)?),)+
                    other => return Err(DecodeError::UnknownClass(other)),
                };
                fields.finish()?;
                Ok(decoded)
            }

            /// What its table says of this method.
            pub const fn info(&self) -> &'static MethodInfo {
                match self {
                    $(Self::$class(method) => method.info(),)+
                }
            }
        }

        impl MethodFields for Method<'_> {
            fn write(&self, fields: &mut FieldWriter<'_>) -> Result<(), EncodeError> {
                match self {
                    $(Self::$class(method) => method.write(fields),)+
                }
            }
        }
    };
}

classes! {
    Connection<'a> connection,
    Channel<'a> channel,
    Access<'a> access,
    Exchange<'a> exchange,
    Queue<'a> queue,
    Basic<'a> basic,
    Confirm confirm,
    Tx tx,
}

impl Method<'_> {
    /// Whether `sender` may send this at all, and on this channel: what can be said without knowing what came before.
    pub const fn check(&self, channel: u16, sender: Peer) -> Result<(), DecodeError> {
        self.info().check(channel, sender)
    }
}
