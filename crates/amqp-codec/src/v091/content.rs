//! Contents: a header frame, then the body in as many frames as it takes. Never puts a body together: that is the
//! business of who owns the channel.

use super::reader::Reader;
use super::{DecodeError, Properties, basic};

/// The payload of a header frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContentHeader<'a> {
    /// Of the whole body, over all its frames; nothing of it has arrived yet.
    pub body_size: u64,
    pub properties: Properties<'a>,
}

impl<'a> ContentHeader<'a> {
    /// Decodes the payload of a header frame.
    #[inline]
    pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload);
        let class = reader.u16()?;
        let weight = reader.u16()?;
        let body_size = reader.u64()?;
        if class != basic::CLASS_ID {
            return Err(DecodeError::ContentClass(class));
        }
        if weight != 0 {
            return Err(DecodeError::ContentWeight(weight));
        }
        Ok(Self {
            body_size,
            properties: Properties::parse(reader.rest())?,
        })
    }
}

/// What follows a method that has content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Content<'a> {
    pub properties: Properties<'a>,
    pub body: &'a [u8],
}
