//! What the codec costs on the hot path: nanoseconds of a publication that is read (`publish` its method alone, `decode`
//! all three frames), of a delivery that is written (`encode`) and of an `ack`. Never part of a test.
//!
//! `cargo run --release -p amqp-codec --example cost [publish|decode|encode|ack] [ROUNDS]`; for instructions run it
//! under `valgrind --tool=callgrind` with two numbers of rounds and divide the differences.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "an example, run by hand"
)]

use amqp_codec::v091::{
    Basic, Content, ContentHeader, FRAME_MIN_SIZE, FrameType, Method, PropertiesBuf, Property,
    basic, encode_content, encode_method, frame,
};
use std::hint::black_box;
use std::time::Instant;

const BODY: [u8; 64] = [7; 64];
const ROUNDS: u32 = 20_000_000;

fn properties() -> PropertiesBuf {
    let mut buf = PropertiesBuf::new();
    buf.set(Property::ContentType(b"text/plain"))
        .and_then(|()| buf.set(Property::DeliveryMode(2)))
        .expect("properties that fit");
    buf
}

fn publication() -> Vec<u8> {
    let publish = basic::Publish {
        exchange: "amq.topic",
        routing_key: "devices.7.temperature",
        mandatory: false,
        immediate: false,
    };
    let properties = properties();
    let content = Content {
        properties: properties.as_properties(),
        body: &BODY,
    };
    let mut wire = Vec::new();
    encode_content(&mut wire, 1, &publish, &content, FRAME_MIN_SIZE).expect("it fits");
    wire
}

/// The first frame alone.
#[inline(never)]
fn publish(wire: &[u8]) -> usize {
    match frame(wire, FRAME_MIN_SIZE) {
        Ok(Some((frame, _))) => match Method::decode(frame.payload) {
            Ok(Method::Basic(Basic::Publish(publish))) => publish.routing_key.len(),
            _ => 0,
        },
        _ => 0,
    }
}

/// Three frames: method, header, body.
#[inline(never)]
fn decode(wire: &[u8]) -> usize {
    let (mut rest, mut sum) = (wire, 0);
    while let Ok(Some((frame, used))) = frame(rest, FRAME_MIN_SIZE) {
        match frame.frame_type {
            FrameType::Method => {
                if let Ok(Method::Basic(Basic::Publish(publish))) = Method::decode(frame.payload) {
                    sum += publish.routing_key.len();
                }
            }
            FrameType::Header => {
                if let Ok(header) = ContentHeader::decode(frame.payload) {
                    sum += usize::from(header.properties.delivery_mode() == Some(2));
                }
            }
            FrameType::Body | FrameType::Heartbeat => sum += frame.payload.len(),
        }
        rest = rest.get(used..).unwrap_or_default();
    }
    sum
}

#[inline(never)]
fn encode(out: &mut Vec<u8>, delivery_tag: u64, content: &Content<'_>) {
    let deliver = basic::Deliver {
        consumer_tag: "ctag1.a3f9",
        delivery_tag,
        redelivered: false,
        exchange: "amq.topic",
        routing_key: "devices.7.temperature",
    };
    encode_content(out, 1, &deliver, content, FRAME_MIN_SIZE).expect("it fits");
}

/// An ack, written and read.
#[inline(never)]
fn ack(out: &mut Vec<u8>, delivery_tag: u64) -> bool {
    let ack = basic::Ack {
        delivery_tag,
        multiple: false,
    };
    encode_method(out, 1, &ack, FRAME_MIN_SIZE).expect("it fits");
    let Ok(Some((frame, _))) = frame(out, FRAME_MIN_SIZE) else {
        return false;
    };
    matches!(Method::decode(frame.payload), Ok(Method::Basic(Basic::Ack(ack))) if ack.delivery_tag == delivery_tag)
}

fn measure(name: &str, wanted: Option<&str>, rounds: u32, mut turn: impl FnMut(u64)) {
    if wanted.is_some_and(|wanted| wanted != name) {
        return;
    }
    let start = Instant::now();
    for round in 0..rounds {
        turn(u64::from(round));
    }
    let nanos = start.elapsed().as_secs_f64() * 1e9 / f64::from(rounds.max(1));
    println!("{name}: {nanos:.1} ns");
}

fn main() {
    let mut args = std::env::args().skip(1);
    let wanted = args.next();
    let rounds = args.next().and_then(|n| n.parse().ok()).unwrap_or(ROUNDS);
    let wanted = wanted.as_deref();

    let wire = publication();
    measure("publish", wanted, rounds, |_| {
        black_box(publish(black_box(&wire)));
    });
    measure("decode", wanted, rounds, |_| {
        black_box(decode(black_box(&wire)));
    });
    let properties = properties();
    let content = Content {
        properties: properties.as_properties(),
        body: &BODY,
    };
    let mut out = Vec::with_capacity(1 << 16);
    measure("encode", wanted, rounds, |round| {
        if out.len() > 1 << 15 {
            out.clear();
        }
        encode(&mut out, round, black_box(&content));
    });
    measure("ack", wanted, rounds, |round| {
        out.clear();
        black_box(ack(&mut out, round));
    });
}
