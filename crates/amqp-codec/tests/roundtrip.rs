//! What holds for any method, table, content and bytes: encoding and decoding undo each other, framing does not depend
//! on how the bytes arrive, and nothing panics.

mod cases;
mod recipe;

use amqp_codec::v091::{
    Content, ContentHeader, EncodeError, FRAME_MIN_SIZE, FrameType, MAX_SHORT_STRING, Method,
    MethodDefinition, Properties, PropertiesBuf, Table, Value, basic, connection, encode_content,
    encode_method, frame, frame_len, shortened,
};
use cases::framed;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use recipe::{Node, matches, method, properties, text, tree};

const NO_LIMIT: u32 = u32::MAX;

/// The payload that a method is encoded to.
fn payload_of(method: &Method<'_>) -> Vec<u8> {
    let mut wire = Vec::new();
    encode_method(&mut wire, 1, method, NO_LIMIT).expect("what was read can be written");
    let (frame, used) = frame(&wire, NO_LIMIT).unwrap().unwrap();
    assert_eq!(used, wire.len());
    frame.payload.to_vec()
}

/// What decodes must survive another turn, and all that is in it can be read.
fn check_fixpoint(payload: &[u8]) {
    if let Ok(method) = Method::decode(payload) {
        let again = payload_of(&method);
        assert_eq!(Method::decode(&again), Ok(method));
    }
    if let Ok(header) = ContentHeader::decode(payload) {
        let mut buf = PropertiesBuf::new();
        for property in header.properties {
            buf.set(property).unwrap();
            assert_eq!(header.properties.get(property.id()), Some(property));
        }
        assert_eq!(buf, PropertiesBuf::from(header.properties));
    }
    if let Ok(table) = Table::parse(payload) {
        let mut buf = recipe::table(&[]);
        for (name, value) in table {
            buf.insert(name, value).unwrap();
        }
        assert!(Table::parse(buf.as_table().raw()).is_ok());
    }
}

/// The frames of a content, put together again.
fn read_content(wire: &[u8], channel: u16, frame_max: u32) -> (Vec<u8>, Vec<u8>, Vec<u8>, usize) {
    let (mut rest, mut frames, mut body) = (wire, 0, Vec::new());
    let mut payloads = Vec::new();
    while let Some((frame, used)) = frame(rest, frame_max).unwrap() {
        assert_eq!(frame.channel, channel);
        frames += 1;
        let expected = match frames {
            1 => FrameType::Method,
            2 => FrameType::Header,
            _ => FrameType::Body,
        };
        assert_eq!(frame.frame_type, expected);
        if frame.frame_type == FrameType::Body {
            assert!(!frame.payload.is_empty());
            body.extend_from_slice(frame.payload);
        } else {
            payloads.push(frame.payload.to_vec());
        }
        rest = &rest[used..];
    }
    assert!(rest.is_empty(), "{} bytes left", rest.len());
    let header = payloads.pop().unwrap();
    (payloads.pop().unwrap(), header, body, frames)
}

/// Encodes, checks that it can be read, and that too small a frame-max leaves the output alone.
fn check_content<'a, M>(method: M, content: &Content<'_>, channel: u16, frame_max: u32)
where
    M: MethodDefinition + Copy + Into<Method<'a>>,
{
    let mut wire = b"abc".to_vec();
    encode_content(&mut wire, channel, &method, content, frame_max).unwrap();
    assert_eq!(&wire[..3], b"abc");
    let (payload, header, body, frames) = read_content(&wire[3..], channel, frame_max);
    assert_eq!(Method::decode(&payload), Ok(method.into()));
    let decoded = ContentHeader::decode(&header).unwrap();
    assert_eq!(decoded.properties, content.properties);
    assert_eq!(decoded.body_size, content.body.len() as u64);
    assert_eq!(body, content.body);
    let room = frame_max as usize - 8;
    assert_eq!(frames, 2 + content.body.len().div_ceil(room));

    let needed = payload.len().max(header.len()) as u32 + 8;
    let refused = encode_content(&mut wire, channel, &method, content, needed - 1);
    let too_large = EncodeError::FrameTooLarge {
        size: needed as usize,
        max: needed - 1,
    };
    assert_eq!(refused, Err(too_large));
    let before = wire.len();
    for frame_max in [0, 7, 8, 9] {
        assert!(encode_content(&mut wire, channel, &method, content, frame_max).is_err());
    }
    assert_eq!(wire.len(), before);
}

proptest! {
    #[test]
    fn encode_undoes_decode((info, payload) in method()) {
        let method = Method::decode(&payload).unwrap();
        prop_assert_eq!(*method.info(), info);
        prop_assert_eq!(payload_of(&method), payload);
    }

    #[test]
    fn a_method_is_as_large_as_frame_max_or_smaller((_, payload) in method()) {
        let method = Method::decode(&payload).unwrap();
        let size = payload.len() as u32 + 8;
        let mut out = vec![1];
        prop_assert!(encode_method(&mut out, 1, &method, size - 1).is_err());
        prop_assert_eq!(&out, &[1]);
        prop_assert!(encode_method(&mut out, 1, &method, size).is_ok());
        prop_assert_eq!(out.len(), payload.len() + 9);
    }

    #[test]
    fn tables_are_what_was_put_in(entries in tree()) {
        let table = recipe::table(&entries);
        let parsed = Table::parse(table.as_table().raw());
        prop_assert_eq!(parsed, Ok(table.as_table()));
        prop_assert!(matches(&Node::Table(entries), Value::Table(table.as_table())));
    }

    #[test]
    fn any_bytes_decode_or_err(bytes in vec(any::<u8>(), 0..200)) {
        check_fixpoint(&bytes);
        let _ = frame(&bytes, 100);
        let _ = frame_len(&bytes);
    }

    #[test]
    fn damaged_payloads_decode_or_err(
        (_, method) in method(),
        properties in properties(),
        damage in vec((any::<Index>(), any::<u8>()), 1..4),
        cut in any::<Index>(),
    ) {
        let header = [&cases::bytes("003c 0000 0000000000000001"), properties.as_properties().raw()].concat();
        for mut payload in [method, header] {
            check_fixpoint(&payload);
            for (at, value) in &damage {
                let at = at.index(payload.len());
                payload[at] = *value;
            }
            check_fixpoint(&payload);
            check_fixpoint(&payload[..cut.index(payload.len())]);
        }
    }

    #[test]
    fn framing_does_not_depend_on_the_splits(
        methods in vec(method(), 1..6),
        chunks in vec(1_usize..40, 1..20),
    ) {
        let wires: Vec<Vec<u8>> = methods
            .iter()
            .map(|(_, payload)| framed(FrameType::Method, 1, payload))
            .collect();
        let stream = wires.concat();
        let (mut arrived, mut start) = (0, 0);
        let mut found = Vec::new();
        let mut sizes = chunks.iter().cycle();
        while start < stream.len() {
            let bytes = &stream[start..arrived];
            match frame(bytes, NO_LIMIT).unwrap() {
                Some((_, used)) => {
                    found.push(bytes[..used].to_vec());
                    start += used;
                }
                None => {
                    let need = frame_len(bytes);
                    prop_assert!(need > bytes.len());
                    prop_assert!(start + need <= stream.len());
                    arrived = stream.len().min(arrived + sizes.next().unwrap());
                }
            }
        }
        prop_assert_eq!(found, wires);
    }

    #[test]
    fn contents_are_split_at_frame_max(
        (tag, exchange, key) in (text(), text(), text()),
        (delivery_tag, redelivered) in any::<(u64, bool)>(),
        properties in properties(),
        body in vec(any::<u8>(), 0..20_000),
        channel in 1_u16..,
        spare in 0_u32..5_000,
    ) {
        let properties = properties.as_properties();
        let content = Content { properties, body: &body };
        let frame_max = FRAME_MIN_SIZE.max(properties.raw().len() as u32 + 20) + spare;
        let deliver = basic::Deliver {
            consumer_tag: &tag, delivery_tag, redelivered, exchange: &exchange, routing_key: &key,
        };
        check_content(deliver, &content, channel, frame_max);
        let get_ok = basic::GetOk {
            delivery_tag, redelivered, exchange: &exchange, routing_key: &key, message_count: spare,
        };
        check_content(get_ok, &content, channel, frame_max);
        let publish = basic::Publish {
            exchange: &exchange, routing_key: &key, mandatory: redelivered, immediate: false,
        };
        check_content(publish, &content, channel, frame_max);
        let returned = basic::Return {
            reply_code: channel, reply_text: &tag, exchange: &exchange, routing_key: &key,
        };
        check_content(returned, &content, channel, frame_max);
    }
}

#[test]
fn a_delivery_is_these_bytes() {
    let deliver = basic::Deliver {
        consumer_tag: "c",
        delivery_tag: 1,
        redelivered: false,
        exchange: "",
        routing_key: "q",
    };
    let raw = cases::bytes("1000 02");
    let content = Content {
        properties: Properties::parse(&raw).unwrap(),
        body: b"hello",
    };
    let mut out = Vec::new();
    encode_content(&mut out, 5, &deliver, &content, FRAME_MIN_SIZE).unwrap();
    let whole = "01 0005 00000012 003c 003c 01'c' 0000000000000001 00 00 01'q' ce \
                 02 0005 0000000f 003c 0000 0000000000000005 1000 02 ce 03 0005 00000005 'hello' ce";
    assert_eq!(out, cases::bytes(whole));
    out.clear();
    let empty = Content {
        properties: Properties::EMPTY,
        body: b"",
    };
    encode_content(&mut out, 5, &deliver, &empty, FRAME_MIN_SIZE).unwrap();
    let bodiless = "01 0005 00000012 003c 003c 01'c' 0000000000000001 00 00 01'q' ce \
                    02 0005 0000000e 003c 0000 0000000000000000 0000 ce";
    assert_eq!(out, cases::bytes(bodiless));
}

#[test]
fn what_cannot_be_written_leaves_the_output_alone() {
    let long = "k".repeat(256);
    let publish = basic::Publish {
        exchange: "",
        routing_key: &long,
        mandatory: false,
        immediate: false,
    };
    let content = Content {
        properties: Properties::EMPTY,
        body: b"body",
    };
    let error = Err(EncodeError::ShortStringTooLong { len: 256 });
    let mut out = vec![1, 2];
    let refused = encode_content(&mut out, 1, &publish, &content, NO_LIMIT);
    assert_eq!(refused, error);
    assert_eq!(encode_method(&mut out, 1, &publish, NO_LIMIT), error);
    assert_eq!(out, [1, 2]);
}

#[test]
fn a_reply_text_is_shortened_between_characters() {
    for text in ["", "NOT_FOUND", &"k".repeat(255)] {
        assert_eq!(shortened(text), text);
    }
    let long = format!("{}é{}", "k".repeat(254), "k".repeat(300));
    assert_eq!(shortened(&long), &long[..254]);
    let close = connection::Close {
        reply_code: 501,
        reply_text: shortened(&long[1..]),
        class_id: 0,
        method_id: 0,
    };
    assert_eq!(close.reply_text.len(), MAX_SHORT_STRING);
    assert!(encode_method(&mut Vec::new(), 0, &close, FRAME_MIN_SIZE).is_ok());
}
