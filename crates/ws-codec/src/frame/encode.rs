//! A server's frames: headers for payloads the driver writes itself, and whole control frames.
//!
//! Pure; no state. A server never masks (RFC 6455 5.1) and never fragments a control frame.

use super::header::Opcode;

const FIN: u8 = 0x80;
pub(super) const MAX_CONTROL: usize = 125;

/// Writes the header of an unmasked frame and returns its size, 2, 4 or 10; the payload follows it on the wire.
/// RFC 6455 5.2: the length in its shortest form.
#[inline]
pub fn frame_header(opcode: Opcode, fin: bool, payload_len: u64, out: &mut [u8; 10]) -> usize {
    let first = if fin {
        FIN | opcode as u8
    } else {
        opcode as u8
    };
    if let Ok(len) = u8::try_from(payload_len)
        && len < 126
    {
        let [b0, b1, ..] = out;
        (*b0, *b1) = (first, len);
        2
    } else if let Ok(len) = u16::try_from(payload_len) {
        let [b0, b1, b2, b3, ..] = out;
        let [high, low] = len.to_be_bytes();
        (*b0, *b1, *b2, *b3) = (first, 126, high, low);
        4
    } else {
        let [b0, b1, rest @ ..] = out;
        (*b0, *b1) = (first, 127);
        *rest = payload_len.to_be_bytes();
        10
    }
}

/// A whole ping, pong or close frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControlFrame {
    bytes: [u8; MAX_CONTROL + 2],
    len: u8,
}

impl ControlFrame {
    /// The frame as it goes on the wire.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl AsRef<[u8]> for ControlFrame {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// A control frame. RFC 6455 5.5: at most 125 bytes of payload; what is beyond is left out.
#[must_use]
pub fn control_frame(opcode: Opcode, payload: &[u8]) -> ControlFrame {
    let len = payload.len().min(MAX_CONTROL);
    let mut bytes = [0; MAX_CONTROL + 2];
    let [b0, b1, body @ ..] = &mut bytes;
    *b0 = FIN | opcode as u8;
    *b1 = u8::try_from(len).unwrap_or(0);
    for (to, from) in body.iter_mut().zip(payload) {
        *to = *from;
    }
    let len = b1.saturating_add(2);
    ControlFrame { bytes, len }
}

/// A close frame; without a code it is empty. RFC 6455 5.5.1: a reason longer than 123 bytes is cut between
/// characters.
#[must_use]
pub fn close_frame(code: Option<u16>, reason: &str) -> ControlFrame {
    let Some(code) = code else {
        return control_frame(Opcode::Close, &[]);
    };
    let mut payload = [0; MAX_CONTROL];
    let [high, low, rest @ ..] = &mut payload;
    [*high, *low] = code.to_be_bytes();
    let kept = reason.floor_char_boundary(rest.len());
    for (to, from) in rest.iter_mut().zip(reason.bytes().take(kept)) {
        *to = from;
    }
    control_frame(
        Opcode::Close,
        payload.get(..kept.saturating_add(2)).unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_their_shortest_form() {
        let cases: [(u64, &[u8]); 6] = [
            (0, &[0x82, 0]),
            (125, &[0x82, 125]),
            (126, &[0x82, 126, 0, 126]),
            (65_535, &[0x82, 126, 0xff, 0xff]),
            (65_536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
            (1 << 40, &[0x82, 127, 0, 0, 1, 0, 0, 0, 0, 0]),
        ];
        for (len, want) in cases {
            let mut out = [0; 10];
            let n = frame_header(Opcode::Binary, true, len, &mut out);
            assert_eq!(&out[..n], want, "{len}");
        }
        let mut out = [0; 10];
        frame_header(Opcode::Continuation, false, 3, &mut out);
        assert_eq!(out[..2], [0, 3]);
    }

    #[test]
    fn control_frames() {
        assert_eq!(control_frame(Opcode::Pong, b"hi").as_bytes(), b"\x8a\x02hi");
        assert_eq!(control_frame(Opcode::Ping, &[7; 300]).as_bytes().len(), 127);
        assert_eq!(close_frame(None, "ignored").as_bytes(), [0x88, 0]);
        assert_eq!(
            close_frame(Some(1002), "no").as_bytes(),
            b"\x88\x04\x03\xeano"
        );
        let long = close_frame(Some(1000), &"é".repeat(100));
        assert_eq!(
            long.as_bytes()[1],
            124,
            "cut between characters, not inside one"
        );
        assert!(std::str::from_utf8(&long.as_bytes()[4..]).is_ok());
    }
}
