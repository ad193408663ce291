//! Frames of a hostile client: no panic, pieces lie inside what was read, and cuts change no event.
//!
//! Input: a byte of options, a byte of piece size, then the stream.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ws_codec::{Decoder, Event, FrameError, Limits, TextPolicy};

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Message(bool, Vec<u8>),
    Control(u8, Vec<u8>),
    Close(Option<u16>, String),
    Error(FrameError),
}

fn decode(stream: &[u8], piece: usize, limits: Limits, text: TextPolicy) -> Vec<Seen> {
    let (mut seen, mut message) = (Vec::new(), Vec::new());
    let mut decoder = Decoder::new(limits, text);
    let mut buf = stream.to_vec();
    for read in buf.chunks_mut(piece) {
        let mut at = 0;
        loop {
            match decoder.next(&mut read[at..]) {
                Ok(None) => break,
                Ok(Some((used, event))) => {
                    at += used;
                    match event {
                        Event::Data(data) => {
                            assert!(!data.is_empty() && data.len() <= used);
                            message.extend_from_slice(data);
                        }
                        Event::MessageEnd => {
                            let whole = std::mem::take(&mut message);
                            assert!(whole.len() as u64 <= limits.max_message);
                            assert!(!decoder.is_text() || std::str::from_utf8(&whole).is_ok());
                            seen.push(Seen::Message(decoder.is_text(), whole));
                        }
                        Event::Ping(data) => seen.push(Seen::Control(9, data.to_vec())),
                        Event::Pong(data) => seen.push(Seen::Control(10, data.to_vec())),
                        Event::Close(code, reason) => {
                            seen.push(Seen::Close(code, reason.to_owned()))
                        }
                    }
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

fuzz_target!(|data: &[u8]| {
    let [options, piece, stream @ ..] = data else {
        return;
    };
    let limits = Limits {
        max_frame: 300,
        max_message: 500,
        max_fragments: 8,
    };
    let text = if options & 1 == 0 {
        TextPolicy::Refuse
    } else {
        TextPolicy::Accept
    };
    let whole = decode(stream, stream.len().max(1), limits, text);
    let cut = decode(stream, usize::from(*piece).max(1), limits, text);
    assert_eq!(whole, cut);
});
