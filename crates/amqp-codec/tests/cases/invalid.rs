//! Bytes that are no frame, method or content header, with the offence they are.

use amqp_codec::v091::{DecodeError, FrameError};

pub const FRAME_MAX: u32 = 4096;

pub struct BadFrame {
    pub name: &'static str,
    pub wire: &'static str,
    pub error: FrameError,
}

const fn frame(name: &'static str, wire: &'static str, error: FrameError) -> BadFrame {
    BadFrame { name, wire, error }
}

/// Each is known for what it is by these bytes alone.
pub const FRAMES: &[BadFrame] = &[
    frame("type 0", "00", FrameError::UnknownType(0)),
    frame(
        "type 4, of older versions",
        "04 0001 00000000 ce",
        FrameError::UnknownType(4),
    ),
    frame(
        "a protocol header in the middle",
        "'AMQP' 00 00 09 01",
        FrameError::UnknownType(65),
    ),
    frame(
        "one byte too large, before its payload",
        "01 0001 00000ff9",
        FrameError::TooLarge {
            size: 4097,
            max: FRAME_MAX,
        },
    ),
    frame(
        "as large as a size can be",
        "03 0001 ffffffff",
        FrameError::TooLarge {
            size: 4_294_967_303,
            max: FRAME_MAX,
        },
    ),
    frame(
        "another end",
        "01 0001 00000002 0102 cd",
        FrameError::BadEnd(0xcd),
    ),
    frame(
        "a heartbeat on a channel",
        "08 0102",
        FrameError::HeartbeatOnChannel(0x102),
    ),
    frame(
        "a heartbeat with a payload",
        "08 0000 00000001",
        FrameError::HeartbeatPayload,
    ),
    frame(
        "a header on channel 0",
        "02 0000",
        FrameError::ContentOnChannelZero,
    ),
    frame(
        "a body on channel 0",
        "03 0000 00000000 ce",
        FrameError::ContentOnChannelZero,
    ),
];

pub struct BadPayload {
    pub name: &'static str,
    pub wire: &'static str,
    pub error: DecodeError,
}

const fn payload(name: &'static str, wire: &'static str, error: DecodeError) -> BadPayload {
    BadPayload { name, wire, error }
}

pub const METHODS: &[BadPayload] = &[
    payload("nothing", "", DecodeError::ShortPayload),
    payload("no method id", "003c 00", DecodeError::ShortPayload),
    payload(
        "class 70 of older versions",
        "0046 000a",
        DecodeError::UnknownClass(70),
    ),
    payload(
        "exchange.unbind-ok where one would expect it",
        "0028 0029",
        DecodeError::UnknownMethod {
            class: 40,
            method: 41,
        },
    ),
    payload(
        "an ack without its bits",
        "003c 0050 0000000000000001",
        DecodeError::ShortPayload,
    ),
    payload(
        "a name longer than the method",
        "003c 0028 0000 00 05'work' 00",
        DecodeError::ShortPayload,
    ),
    payload(
        "a name that runs past the end",
        "003c 0015 06'ctag1'",
        DecodeError::Truncated,
    ),
    payload(
        "a long string of 4 GiB",
        "000a 0014 ffffffff'who?'",
        DecodeError::Truncated,
    ),
    payload("bytes behind", "003c 000b 00", DecodeError::TrailingBytes),
    payload(
        "a name in Latin 1",
        "003c 0015 02'a' e9",
        DecodeError::InvalidUtf8,
    ),
    payload(
        "a table with a name in Latin 1",
        "0032 000a 0000 00 00 00000003 01 e9'V'",
        DecodeError::InvalidUtf8,
    ),
    payload(
        "a value of an unknown type",
        "0032 000a 0000 00 00 00000003 01'a''Z'",
        DecodeError::UnknownFieldType(b'Z'),
    ),
    payload(
        "a name without a value",
        "0032 000a 0000 00 00 00000002 01'a'",
        DecodeError::ShortPayload,
    ),
    payload(
        "a value that runs past its table",
        "0032 000a 0000 00 00 00000007 01'a''S'00000001'x'",
        DecodeError::Truncated,
    ),
    payload(
        "a value of an unknown type in an array in a table",
        "0032 000a 0000 00 00 0000000f 01'a''F'00000008 01'b''A'00000001'Z'",
        DecodeError::UnknownFieldType(b'Z'),
    ),
];

pub const HEADERS: &[BadPayload] = &[
    payload("nothing", "", DecodeError::ShortPayload),
    payload(
        "no flags",
        "003c 0000 0000000000000000",
        DecodeError::ShortPayload,
    ),
    payload(
        "another class",
        "0032 0000 0000000000000000 0000",
        DecodeError::ContentClass(50),
    ),
    payload(
        "a weight",
        "003c 0001 0000000000000000 0000",
        DecodeError::ContentWeight(1),
    ),
    payload(
        "the flag of no property",
        "003c 0000 0000000000000000 0002",
        DecodeError::UnknownPropertyFlags(2),
    ),
    payload(
        "the flag of no property in a second word",
        "003c 0000 0000000000000000 0001 8000",
        DecodeError::UnknownPropertyFlags(0x8000),
    ),
    payload(
        "a second word that does not come",
        "003c 0000 0000000000000000 0001 00",
        DecodeError::ShortPayload,
    ),
    payload(
        "a property that does not come",
        "003c 0000 0000000000000000 1000",
        DecodeError::ShortPayload,
    ),
    payload(
        "a content type that runs past the end",
        "003c 0000 0000000000000000 8000 05'text'",
        DecodeError::Truncated,
    ),
    payload(
        "a value of an unknown type in the headers",
        "003c 0000 0000000000000000 2000 00000003 01'a' 00",
        DecodeError::UnknownFieldType(0),
    ),
    payload(
        "a byte behind the last property",
        "003c 0000 0000000000000000 0800 05 05",
        DecodeError::TrailingBytes,
    ),
];
