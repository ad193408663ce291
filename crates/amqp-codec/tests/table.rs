//! The case table in both directions, and what no peer may get away with.

mod cases;

use amqp_codec::v091::{
    ContentHeader, DecodeError, FieldKind, Frame, FrameError, FrameType, Greeting, HEARTBEAT,
    Method, PROTOCOL_HEADER, Peer, ReplyCode, Sender, encode_method, frame, frame_len, greeting,
    method_ids,
};
use cases::invalid::{FRAME_MAX, FRAMES, HEADERS, METHODS};
use cases::{channel_of, frame_of, framed};
use std::collections::BTreeSet;

#[test]
fn methods_decode() {
    for case in cases::methods() {
        let name = case.method.info().name;
        assert_eq!(Method::decode(&case.payload), Ok(case.method), "{name}");
    }
}

#[test]
fn methods_encode() {
    for case in cases::methods() {
        let mut out = vec![0xaa];
        encode_method(&mut out, 0x1234, &case.method, FRAME_MAX).unwrap();
        assert_eq!(out[0], 0xaa, "what was there before stays");
        let wire = framed(FrameType::Method, 0x1234, &case.payload);
        assert_eq!(out[1..], wire, "{}", case.method.info().name);
    }
}

#[test]
fn every_method_is_in_the_table() {
    let seen: BTreeSet<&str> = cases::methods()
        .iter()
        .map(|case| case.method.info().name)
        .collect();
    let defined: Vec<&str> = Method::ALL
        .concat()
        .iter()
        .map(|method| method.name)
        .collect();
    assert_eq!(defined.len(), 66);
    assert_eq!(seen, defined.into_iter().collect());
}

#[test]
fn definitions_are_sound() {
    for method in Method::ALL.concat() {
        let (class, _) = method.name.split_once('.').unwrap();
        for reply in method.replies {
            let mut all = Method::ALL.iter().flat_map(|class| class.iter());
            let answer = all
                .find(|other| (other.class_id, other.method_id) == (method.class_id, *reply))
                .unwrap_or_else(|| panic!("{} is answered by {reply}", method.name));
            assert!(answer.name.starts_with(class));
            assert!(answer.replies.is_empty(), "{}", answer.name);
            let crosses = answer.sender == Sender::Both || answer.sender != method.sender;
            assert!(crosses, "{} and {}", method.name, answer.name);
        }
        let content = ["publish", "return", "deliver", "get-ok"]
            .map(|name| format!("basic.{name}"))
            .contains(&method.name.to_owned());
        assert_eq!(method.content, content, "{}", method.name);
    }
}

/// Cases set some bits of a method and not others; this tells every two of them apart.
#[test]
fn bits_stand_in_the_order_of_the_specification() {
    let orders = [
        ("access.request", "exclusive passive active write read"),
        (
            "exchange.declare",
            "passive durable auto_delete internal no_wait",
        ),
        ("exchange.delete", "if_unused no_wait"),
        (
            "queue.declare",
            "passive durable exclusive auto_delete no_wait",
        ),
        ("queue.delete", "if_unused if_empty no_wait"),
        ("basic.consume", "no_local no_ack exclusive no_wait"),
        ("basic.publish", "mandatory immediate"),
        ("basic.nack", "multiple requeue"),
    ];
    let found: Vec<(&str, String)> = Method::ALL
        .concat()
        .iter()
        .map(|method| {
            let fields = method.fields.iter();
            let bits: Vec<&str> = fields
                .filter(|field| field.kind == FieldKind::Bit)
                .map(|field| field.name)
                .collect();
            (method.name, bits.join(" "))
        })
        .filter(|(_, bits)| bits.contains(' '))
        .collect();
    assert_eq!(found, orders.map(|(name, bits)| (name, bits.to_owned())));
}

/// What a field's octets of bits say beside its bits, and what reserved fields hold, is nobody's business.
#[test]
fn what_is_reserved_is_skipped() {
    let lenient = [
        (
            "003c 0028 0000 00 04'work' 00",
            "003c 0028 1234 00 04'work' fc",
        ),
        ("0014 000a 00", "0014 000a 03 ff00ff"),
        ("0014 000b 00000000", "0014 000b 00000002 ff00"),
        ("000a 0028 01'/' 00 00", "000a 0028 01'/' 02'  ' ff"),
        ("003c 0048 00", "003c 0048 01 ff"),
    ];
    for (plain, odd) in lenient {
        let (plain, odd) = (cases::bytes(plain), cases::bytes(odd));
        let decoded = Method::decode(&plain).unwrap();
        assert_eq!(Method::decode(&odd), Ok(decoded));
    }
}

#[test]
fn a_payload_cut_short_is_refused() {
    for case in cases::methods() {
        for end in 0..case.payload.len() {
            let cut = Method::decode(&case.payload[..end]);
            assert!(cut.is_err(), "{:?} cut at {end}", case.method);
        }
    }
    for case in cases::values::HEADERS {
        let payload = cases::bytes(case.payload);
        for end in 0..payload.len() {
            let cut = ContentHeader::decode(&payload[..end]);
            assert!(cut.is_err(), "{} cut at {end}", case.name);
        }
    }
}

#[test]
fn frames_are_found() {
    for case in cases::methods() {
        let channel = channel_of(&case.method);
        let mut wire = framed(FrameType::Method, channel, &case.payload);
        let len = wire.len();
        wire.extend_from_slice(&[0xff; 8]);
        let expected = frame_of(FrameType::Method, channel, &case.payload);
        assert_eq!(frame(&wire, FRAME_MAX), Ok(Some((expected, len))));
    }
    let beat = frame_of(FrameType::Heartbeat, 0, &[]);
    assert_eq!(frame(&HEARTBEAT, FRAME_MAX), Ok(Some((beat, 8))));
}

#[test]
fn a_frame_cut_short_is_incomplete() {
    for case in cases::methods() {
        let wire = framed(FrameType::Method, 1, &case.payload);
        for end in 0..wire.len() {
            assert_eq!(frame(&wire[..end], FRAME_MAX), Ok(None));
            let need = if end < 7 { 7 } else { wire.len() };
            assert_eq!(frame_len(&wire[..end]), need);
        }
    }
}

#[test]
fn frame_max_is_the_size_of_the_whole_frame() {
    let wire = framed(FrameType::Body, 1, &[7; 4088]);
    assert_eq!(wire.len(), FRAME_MAX as usize);
    let Ok(Some((Frame { payload, .. }, used))) = frame(&wire, FRAME_MAX) else {
        panic!("not read");
    };
    assert_eq!((payload.len(), used), (4088, wire.len()));
    let error = FrameError::TooLarge {
        size: 4096,
        max: 4095,
    };
    assert_eq!(frame(&wire, FRAME_MAX - 1), Err(error));
}

#[test]
fn bad_frames_are_refused_for_their_reason() {
    for case in FRAMES {
        let wire = cases::bytes(case.wire);
        assert_eq!(frame(&wire, FRAME_MAX), Err(case.error), "{}", case.name);
        assert!(case.error.reply_code().closes_connection());
        assert!(!case.error.to_string().is_empty());
    }
}

#[test]
fn bad_payloads_are_refused_for_their_reason() {
    for case in METHODS {
        let refused = Method::decode(&cases::bytes(case.wire)).err();
        assert_eq!(refused, Some(case.error), "{}", case.name);
    }
    for case in HEADERS {
        let refused = ContentHeader::decode(&cases::bytes(case.wire)).err();
        assert_eq!(refused, Some(case.error), "{}", case.name);
    }
}

#[test]
fn offences_have_the_reply_codes_of_the_specification() {
    let name = "x";
    let codes = [
        (DecodeError::ShortPayload, 502),
        (DecodeError::Truncated, 502),
        (DecodeError::TrailingBytes, 502),
        (DecodeError::InvalidUtf8, 502),
        (DecodeError::UnknownFieldType(0), 502),
        (DecodeError::TableTooDeep, 502),
        (DecodeError::UnknownPropertyFlags(2), 502),
        (DecodeError::ContentClass(50), 501),
        (DecodeError::ContentWeight(1), 501),
        (DecodeError::UnknownClass(1), 540),
        (
            DecodeError::UnknownMethod {
                class: 1,
                method: 1,
            },
            540,
        ),
        (
            DecodeError::WrongSender {
                method: name,
                sender: name,
            },
            503,
        ),
        (
            DecodeError::ConnectionMethodOnChannel {
                method: name,
                channel: 1,
            },
            503,
        ),
        (DecodeError::MethodOnChannelZero { method: name }, 504),
    ];
    for (error, code) in codes {
        assert_eq!(error.reply_code().code(), code, "{error}");
    }
    assert_eq!(FrameError::ContentOnChannelZero.reply_code().code(), 504);
    assert_eq!(FrameError::BadEnd(0).reply_code().code(), 501);
    for &code in ReplyCode::ALL {
        assert_eq!(ReplyCode::from_code(code.code()), Some(code));
        assert_eq!(
            code.closes_connection(),
            code.code() == 320 || code.code() == 402 || code.code() >= 501
        );
    }
    assert_eq!(ReplyCode::from_code(0), None);
}

/// A name for each variant, whatever it carries.
fn variant(error: &DecodeError) -> String {
    let text = format!("{error:?}");
    text.split([' ', '(', '{']).next().unwrap().to_owned()
}

#[test]
fn every_offence_is_in_the_table() {
    let cases = METHODS.iter().chain(HEADERS);
    let mut provoked: BTreeSet<String> = cases.map(|case| variant(&case.error)).collect();
    let elsewhere = [
        "TableTooDeep",
        "WrongSender",
        "ConnectionMethodOnChannel",
        "MethodOnChannelZero",
    ];
    provoked.extend(elsewhere.map(str::to_owned));
    let source = include_str!("../src/v091/error.rs");
    let declared: BTreeSet<String> = source
        .split("pub enum DecodeError {")
        .nth(1)
        .and_then(|rest| rest.split("\n}").next())
        .expect("the enum stands in error.rs")
        .lines()
        .filter(|line| line.starts_with("    ") && !line.starts_with("     "))
        .map(str::trim)
        .filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()))
        .map(|line| line.split([' ', '(', '{', ',']).next().unwrap().to_owned())
        .collect();
    assert!(declared.len() > 10, "{declared:?}");
    assert_eq!(provoked, declared);
}

#[test]
fn methods_belong_to_their_sender_and_channel() {
    for method in Method::ALL.concat() {
        let channel = u16::from(method.class_id != 10);
        for (peer, other) in [
            (Peer::Client, Sender::Server),
            (Peer::Server, Sender::Client),
        ] {
            let checked = method.check(channel, peer);
            let wrong = matches!(checked, Err(DecodeError::WrongSender { .. }));
            assert_eq!(wrong, method.sender == other, "{} {checked:?}", method.name);
            assert_eq!(checked.is_ok(), !wrong);
            let code = if channel == 0 { 503 } else { 504 };
            let refused = method.check(1 - channel, peer).unwrap_err();
            assert_eq!(refused.reply_code().code(), code, "{}", method.name);
        }
    }
    let deliver = cases::bytes("003c 003c 01'c' 0000000000000001 00 00 01'q'");
    let deliver = Method::decode(&deliver).unwrap();
    assert_eq!(deliver.check(1, Peer::Server), Ok(()));
    assert!(deliver.check(1, Peer::Client).is_err());
}

#[test]
fn ids_are_there_before_the_method_can_be_read() {
    assert_eq!(method_ids(&cases::bytes("003c 0028 00")), Some((60, 40)));
    assert_eq!(
        method_ids(&cases::bytes("ffff fffe")),
        Some((65_535, 65_534))
    );
    assert_eq!(method_ids(&cases::bytes("003c 00")), None);
}

#[test]
fn greetings_are_told_apart() {
    assert_eq!(greeting(&PROTOCOL_HEADER), Greeting::Amqp091);
    assert_eq!(greeting(b"AMQP\x00\x00\x09\x01\x01"), Greeting::Amqp091);
    assert_eq!(
        greeting(b"AMQP\x03\x01\x00\x00"),
        Greeting::Other([3, 1, 0, 0])
    );
    assert_eq!(
        greeting(b"AMQP\x01\x01\x00\x09"),
        Greeting::Other([1, 1, 0, 9])
    );
    for end in 0..8 {
        assert_eq!(greeting(&PROTOCOL_HEADER[..end]), Greeting::Incomplete);
    }
    assert_eq!(greeting(b"AMQP\x03\x01"), Greeting::Incomplete);
    for other in [&b"G"[..], b"AMX", b"GET / HTTP/1.1", &[0x10, 0x10]] {
        assert_eq!(greeting(other), Greeting::NotAmqp);
    }
}
