//! A client's side of the wire, for tests: masked frames, right and wrong, and what a server's decoder makes of
//! them.

use ws_codec::{Decoder, Event, FrameError, Limits};

pub(crate) const FIN: u8 = 0x80;
pub(crate) const LIMITS: Limits = Limits {
    max_frame: 1 << 20,
    max_message: 1 << 21,
    max_fragments: 64,
};

/// How a client writes a frame; the default is a right one.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    pub(crate) mask: Option<[u8; 4]>,
    /// Bytes of extended length, 0, 2 or 8, whatever the payload needs.
    pub(crate) length_form: Option<u8>,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            mask: Some([0x12, 0x34, 0x56, 0x78]),
            length_form: None,
        }
    }
}

/// A frame with this first byte (FIN, reserved bits, opcode) and payload.
pub(crate) fn frame_as(first: u8, payload: &[u8], style: Style) -> Vec<u8> {
    let n = payload.len();
    let form = style.length_form.unwrap_or(match n {
        0..=125 => 0,
        126..=65_535 => 2,
        _ => 8,
    });
    let bit = if style.mask.is_some() { 0x80 } else { 0 };
    let mut out = vec![first];
    match form {
        0 => out.push(bit | n as u8),
        2 => {
            out.push(bit | 126);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
        _ => {
            out.push(bit | 127);
            out.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    let mask = style.mask.unwrap_or_default();
    if style.mask.is_some() {
        out.extend_from_slice(&mask);
    }
    out.extend(
        payload
            .iter()
            .enumerate()
            .map(|(i, byte)| byte ^ mask[i % 4]),
    );
    out
}

/// An event that owns its bytes; the pieces of a message are joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Message { text: bool, payload: Vec<u8> },
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
    Error(FrameError),
}

/// Feeds the pieces as reads of a socket and collects what the decoder says, up to the first error.
pub(crate) fn decode(decoder: &mut Decoder, pieces: &[&[u8]]) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut message = Vec::new();
    for piece in pieces {
        let mut buf = piece.to_vec();
        let mut at = 0;
        loop {
            match decoder.next(&mut buf[at..]) {
                Ok(None) => break,
                Ok(Some((used, event))) => {
                    at += used;
                    seen.push(match event {
                        Event::Data(data) => {
                            assert!(!data.is_empty());
                            message.extend_from_slice(data);
                            continue;
                        }
                        Event::MessageEnd => Seen::Message {
                            text: decoder.is_text(),
                            payload: std::mem::take(&mut message),
                        },
                        Event::Ping(data) => Seen::Ping(data.to_vec()),
                        Event::Pong(data) => Seen::Pong(data.to_vec()),
                        Event::Close(code, reason) => Seen::Close(code, reason.to_owned()),
                    });
                }
                Err(error) => {
                    seen.push(Seen::Error(error));
                    return seen;
                }
            }
        }
    }
    seen
}
