//! Values of tables and content headers with their bytes.

use super::bytes;
use amqp_codec::v091::{Property, Value};

/// Every type of value, with its letter.
pub fn values() -> Vec<(Value<'static>, Vec<u8>)> {
    let short = [
        (Value::Void, "'V'"),
        (Value::Bool(true), "'t' 01"),
        (Value::Bool(false), "'t' 00"),
        (Value::I8(-1), "'b' ff"),
        (Value::U8(255), "'B' ff"),
        (Value::I16(-2), "'s' fffe"),
        (Value::U16(65_534), "'u' fffe"),
        (Value::I32(-2), "'I' fffffffe"),
        (Value::U32(4_294_967_294), "'i' fffffffe"),
        (Value::I64(-2), "'l' fffffffffffffffe"),
        (Value::F32(1.5), "'f' 3fc00000"),
        (Value::F64(-2.0), "'d' c000000000000000"),
        (
            Value::Decimal {
                scale: 2,
                value: 314,
            },
            "'D' 02 0000013a",
        ),
        (Value::Timestamp(1_700_000_000), "'T' 000000006553f100"),
        (Value::LongString(b"a\xff"), "'S' 00000002 61ff"),
        (Value::Bytes(b""), "'x' 00000000"),
    ];
    short.map(|(value, wire)| (value, bytes(wire))).into()
}

/// A content header's payload and what is in it.
pub struct HeaderCase {
    pub name: &'static str,
    pub payload: &'static str,
    pub body_size: u64,
    /// Headers aside.
    pub properties: &'static [Property<'static>],
    /// The names in the table of headers, None without one.
    pub headers: Option<&'static [&'static str]>,
    /// Whether writing the properties anew gives the same bytes.
    pub canonical: bool,
}

pub const HEADERS: &[HeaderCase] = &[
    HeaderCase {
        name: "no property",
        payload: "003c 0000 0000000000000000 0000",
        body_size: 0,
        properties: &[],
        headers: None,
        canonical: true,
    },
    HeaderCase {
        name: "every property",
        payload: "003c 0000 0102030405060708 fffc 0a'text/plain' 04'gzip' 00000003 01'h''V' 02 09 02 00ff \
                  07'replies' 05'60000' 01'7' 000000006553f100 04'kind' 05'guest' 03'app' 01'c'",
        body_size: 0x0102_0304_0506_0708,
        properties: &[
            Property::ContentType(b"text/plain"),
            Property::ContentEncoding(b"gzip"),
            Property::DeliveryMode(2),
            Property::Priority(9),
            Property::CorrelationId(b"\x00\xff"),
            Property::ReplyTo(b"replies"),
            Property::Expiration(b"60000"),
            Property::MessageId(b"7"),
            Property::Timestamp(1_700_000_000),
            Property::Kind(b"kind"),
            Property::UserId(b"guest"),
            Property::AppId(b"app"),
            Property::ClusterId(b"c"),
        ],
        headers: Some(&["h"]),
        canonical: true,
    },
    HeaderCase {
        name: "as clients publish",
        payload: "003c 0000 0000000000000005 9000 0a'text/plain' 02",
        body_size: 5,
        properties: &[
            Property::ContentType(b"text/plain"),
            Property::DeliveryMode(2),
        ],
        headers: None,
        canonical: true,
    },
    HeaderCase {
        name: "headers of every type, one name twice",
        payload: "003c 0000 0000000000000001 2000 00000040 \
                  01'a''A'00000007 't'01 'F'00000000 \
                  01'b''F'00000008 01'c''U'0001 01'd''V' \
                  01'L''L'0000000000000001 01'b''x'00000002 0000 01'e''D'0000000001 01'f''f'00000000",
        body_size: 1,
        properties: &[],
        headers: Some(&["a", "b", "L", "b", "e", "f"]),
        canonical: true,
    },
    HeaderCase {
        name: "empty words of flags",
        payload: "003c 0000 0000000000000000 0801 0001 0000 03",
        body_size: 0,
        properties: &[Property::Priority(3)],
        headers: None,
        canonical: false,
    },
];
