//! UTF-8 checked as it arrives (RFC 6455 8.1): the piece that makes a text invalid is the one refused.
//!
//! Owner: the decoder, one per connection; at most three bytes of an unfinished character are kept.

/// The unfinished character at the end of what came so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Utf8 {
    bytes: [u8; 3],
    have: u8,
}

impl Utf8 {
    /// Takes the next piece; false when no continuation could make the text valid.
    pub(super) fn push(&mut self, mut piece: &[u8]) -> bool {
        while self.have > 0 {
            let Some((&byte, rest)) = piece.split_first() else {
                return true;
            };
            piece = rest;
            let [a, b, c] = self.bytes;
            let (character, len) = match self.have {
                1 => ([a, byte, 0, 0], 2),
                2 => ([a, b, byte, 0], 3),
                _ => ([a, b, c, byte], 4),
            };
            if !self.keep_unfinished(character.get(..len).unwrap_or_default()) {
                return false;
            }
        }
        self.keep_unfinished(piece)
    }

    /// Whether the text may end here.
    pub(super) fn is_complete(self) -> bool {
        self.have == 0
    }

    /// Checks whole characters and keeps an unfinished one; false when the bytes are wrong.
    fn keep_unfinished(&mut self, bytes: &[u8]) -> bool {
        self.have = 0;
        let Err(error) = std::str::from_utf8(bytes) else {
            return true;
        };
        if error.error_len().is_some() {
            return false;
        }
        let tail = bytes.get(error.valid_up_to()..).unwrap_or_default();
        for (kept, byte) in self.bytes.iter_mut().zip(tail) {
            *kept = *byte;
            self.have = self.have.saturating_add(1);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Utf8;

    fn takes(bytes: &[u8], cut: usize) -> bool {
        let (a, b) = bytes.split_at(cut);
        let mut utf8 = Utf8::default();
        utf8.push(a) && utf8.push(b) && utf8.is_complete()
    }

    #[test]
    fn every_cut_agrees_with_the_whole() {
        let texts: [&[u8]; 9] = [
            b"",
            b"plain",
            "κόσμε — 漢字 \u{10ffff}\u{d7ff}".as_bytes(),
            b"\xed\xa0\x80",     // surrogate
            b"\xf4\x90\x80\x80", // above U+10FFFF
            b"\xc0\xaf",         // overlong
            b"\xe2\x82",         // unfinished
            b"ab\xffcd",
            b"\xf0\x9f\x98\x80\x80",
        ];
        for text in texts {
            for cut in 0..=text.len() {
                assert_eq!(
                    takes(text, cut),
                    std::str::from_utf8(text).is_ok(),
                    "{text:x?} cut at {cut}"
                );
            }
        }
    }

    #[test]
    fn the_first_hopeless_byte_is_refused() {
        let mut utf8 = Utf8::default();
        assert!(utf8.push(b"\xf4"));
        assert!(!utf8.push(b"\x90"));
    }
}
