//! The WebSocket codec alone: frames as clients send them. A server's header takes ten instructions: too few to guard.

use crate::path::{Batch, Path};
use std::hint::black_box;
use ws_codec::{Decoder, Limits, Opcode, TextPolicy, frame_header};

const BATCH: u32 = 100;
/// Frames of [`LARGE`] in one read.
const FEW: u32 = 4;
const SMALL: usize = 64;
const LARGE: usize = 16 << 10;

pub(crate) fn paths() -> [Path; 2] {
    [
        Path::new("websocket.decode.64-bytes", BATCH, || {
            decoding(BATCH, SMALL)
        }),
        Path::new("websocket.decode.16-KiB", FEW, || decoding(FEW, LARGE)),
    ]
}

/// A masked binary frame.
fn frame(out: &mut Vec<u8>, payload: usize) {
    let mut header = [0; 10];
    let len = frame_header(Opcode::Binary, true, payload as u64, &mut header);
    header[1] |= 0x80;
    out.extend_from_slice(&header[..len]);
    out.extend_from_slice(&[1, 2, 3, 4]);
    out.resize(out.len() + payload, 7);
}

fn decoding(frames: u32, payload: usize) -> Batch {
    let mut bytes = Vec::new();
    (0..frames).for_each(|_| frame(&mut bytes, payload));
    let limits = Limits {
        max_frame: 1 << 20,
        max_message: 1 << 20,
        max_fragments: 16,
    };
    let mut decoder = Decoder::new(limits, TextPolicy::Refuse);
    Box::new(move |meter| {
        meter.count(|| {
            let mut at = 0;
            while let Some((used, event)) =
                decoder.next(&mut bytes[at..]).expect("it is well formed")
            {
                black_box(event);
                at += used;
            }
        });
    })
}
