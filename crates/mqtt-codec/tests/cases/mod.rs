//! The case table: packets with the bytes that stand for them, and bytes that stand for none with the offence they
//! are. Encoding, decoding, framing and the fuzz corpus are fed from here; nothing here checks anything.

// Each user of the table takes what it needs of it.
#![allow(dead_code, unreachable_pub)]

pub mod invalid;
pub mod valid;
pub mod valid_v5;

use mqtt_codec::{PropertiesBuf, Property, Version};

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

pub fn props(all: &[Property<'_>]) -> PropertiesBuf {
    let mut buf = PropertiesBuf::new();
    for property in all {
        buf.try_push(*property)
            .expect("a property that can be expressed");
    }
    buf
}

/// All bytes in the table, each with its version: whole packets, good and bad.
pub fn seeds() -> Vec<(Version, Vec<u8>)> {
    let mut seeds = Vec::new();
    let mut push = |version: Version, wire: &[u8]| seeds.push((version, wire.to_vec()));
    valid::each(&mut |case| push(case.version, &case.wire));
    for case in invalid::ALL {
        push(case.version, &bytes(case.wire));
    }
    seeds
}
