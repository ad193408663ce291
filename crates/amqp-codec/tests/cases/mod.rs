//! The case table: methods, tables and content headers with the bytes that stand for them, and bytes that stand for
//! none with the offence they are. Tests and the fuzz corpus are fed from here; nothing here checks anything.

// Each user of the table takes what it needs of it.
#![allow(dead_code, unreachable_pub)]

pub mod invalid;
pub mod methods;
pub mod methods_basic;
pub mod values;

use amqp_codec::v091::{Frame, FrameType, Method, Table};

/// Bytes written as hex digits and, in single quotes, text; blanks count nothing outside quotes.
pub fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, part) in text.split('\'').enumerate() {
        if index % 2 == 1 {
            out.extend_from_slice(part.as_bytes());
            continue;
        }
        let digits: Vec<u8> = part
            .bytes()
            .filter(|byte| !byte.is_ascii_whitespace())
            .map(|byte| (byte as char).to_digit(16).expect("a hex digit") as u8)
            .collect();
        assert!(digits.len().is_multiple_of(2), "half a byte in {text}");
        out.extend(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]));
    }
    out
}

/// A table that lives as long as the test.
pub fn table(text: &str) -> Table<'static> {
    Table::parse(bytes(text).leak()).expect("a table")
}

/// A method, and the payload of its frame.
pub struct MethodCase {
    pub method: Method<'static>,
    pub payload: Vec<u8>,
}

pub fn case(method: impl Into<Method<'static>>, payload: &str) -> MethodCase {
    MethodCase {
        method: method.into(),
        payload: bytes(payload),
    }
}

/// Every method there is, most of them more than once.
pub fn methods() -> Vec<MethodCase> {
    let mut all = methods::all();
    all.extend(methods_basic::all());
    all
}

/// A frame around a payload, written without the codec.
pub fn framed(frame_type: FrameType, channel: u16, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![frame_type.as_u8()];
    out.extend_from_slice(&channel.to_be_bytes());
    out.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    out.extend_from_slice(payload);
    out.push(0xce);
    out
}

/// The channel on which a method of this class may come.
pub fn channel_of(method: &Method<'_>) -> u16 {
    u16::from(method.info().class_id != 10) * 7
}

/// All frames in the table, good and bad.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for case in methods() {
        let channel = channel_of(&case.method);
        seeds.push(framed(FrameType::Method, channel, &case.payload));
    }
    for case in invalid::METHODS {
        seeds.push(framed(FrameType::Method, 1, &bytes(case.wire)));
    }
    for case in invalid::HEADERS {
        seeds.push(framed(FrameType::Header, 1, &bytes(case.wire)));
    }
    for case in values::HEADERS {
        seeds.push(framed(FrameType::Header, 1, &bytes(case.payload)));
    }
    seeds.extend(invalid::FRAMES.iter().map(|case| bytes(case.wire)));
    seeds
}

/// A frame, as short as it can be written.
pub fn frame_of(frame_type: FrameType, channel: u16, payload: &[u8]) -> Frame<'_> {
    Frame {
        frame_type,
        channel,
        payload,
    }
}
