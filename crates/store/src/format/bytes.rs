//! Reading and writing the small parts: integers, lengths, text.

use thiserror::Error;

/// Why bytes are not what they are said to be.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FormatError {
    #[error("the bytes end inside {0}")]
    Short(&'static str),
    #[error("{what} has the unknown value {value}")]
    Unknown { what: &'static str, value: u64 },
    #[error("{0} is longer than what holds it")]
    TooLong(&'static str),
    #[error("{0} is not UTF-8")]
    NotText(&'static str),
    #[error("{0} has bytes behind its end")]
    LeftOver(&'static str),
    #[error("the check sum of {0} is wrong")]
    Sum(&'static str),
}

pub(crate) type Result<T> = std::result::Result<T, FormatError>;

/// What is left to read. `what` names the thing that is being read, for errors.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    left: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Reader { left: bytes, what }
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (taken, left) = self
            .left
            .split_at_checked(len)
            .ok_or(FormatError::Short(self.what))?;
        self.left = left;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, left) = self
            .left
            .split_first_chunk::<N>()
            .ok_or(FormatError::Short(self.what))?;
        self.left = left;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A LEB128 number of at most 64 bits; most are one byte.
    #[inline]
    pub(crate) fn number(&mut self) -> Result<u64> {
        match self.left {
            [byte, left @ ..] if *byte < 0x80 => {
                self.left = left;
                Ok(u64::from(*byte))
            }
            _ => self.long_number(),
        }
    }

    fn long_number(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(FormatError::TooLong("a number"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(FormatError::TooLong("a number"))
    }

    /// A LEB128 number of at most 32 bits.
    pub(crate) fn number32(&mut self) -> Result<u32> {
        u32::try_from(self.number()?).map_err(|_| FormatError::TooLong("a number"))
    }

    /// How many things follow, each of which takes a byte at least.
    pub(crate) fn count(&mut self) -> Result<usize> {
        let count = self.number()?;
        match usize::try_from(count) {
            Ok(count) if count <= self.left.len() => Ok(count),
            _ => Err(FormatError::Short(self.what)),
        }
    }

    /// Bytes behind their length.
    pub(crate) fn blob(&mut self) -> Result<&'a [u8]> {
        let len = self.count()?;
        self.take(len)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str> {
        std::str::from_utf8(self.blob()?).map_err(|_| FormatError::NotText(self.what))
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.left
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    pub(crate) fn end(&self) -> Result<()> {
        if self.left.is_empty() {
            Ok(())
        } else {
            Err(FormatError::LeftOver(self.what))
        }
    }
}

pub(crate) fn put_number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn put_blob(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Of a byte of flags: those that are known, or an error that names the others.
pub(crate) fn only(flags: u8, known: u8, what: &'static str) -> Result<u8> {
    if flags & !known == 0 {
        Ok(flags)
    } else {
        let value = u64::from(flags);
        Err(FormatError::Unknown { what, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(value in prop_oneof![any::<u64>(), 0..300u64, Just(u64::MAX)]) {
            let mut out = Vec::new();
            put_number(&mut out, value);
            let mut reader = Reader::new(&out, "it");
            prop_assert_eq!(reader.number(), Ok(value));
            prop_assert_eq!(reader.end(), Ok(()));
        }
    }

    #[test]
    fn a_length_beyond_the_end_is_refused_before_anything_is_allocated() {
        let mut out = Vec::new();
        put_number(&mut out, u64::MAX);
        assert_eq!(
            Reader::new(&out, "it").blob(),
            Err(FormatError::Short("it"))
        );
        let endless = [0xff; 11];
        let mut reader = Reader::new(&endless, "it");
        assert_eq!(reader.number(), Err(FormatError::TooLong("a number")));
    }
}
