//! Frames by table: what right streams say, and each offence with its close code.

mod client;

use client::{FIN, LIMITS, Seen, Style, decode, frame_as};
use ws_codec::{Decoder, Event, FrameError, Limits, TextPolicy};

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    frame_as(first, payload, Style::default())
}

fn decode_one(stream: &[u8], text: TextPolicy) -> Vec<Seen> {
    decode(&mut Decoder::new(LIMITS, text), &[stream])
}

fn message(payload: &[u8]) -> Seen {
    Seen::Message {
        text: false,
        payload: payload.to_vec(),
    }
}

/// Its name, the frames, what they say.
type Case = (&'static str, Vec<Vec<u8>>, Vec<Seen>);

#[test]
fn right_streams() {
    let big = vec![0xa5; 70_000];
    let cases: Vec<Case> = vec![
        (
            "one frame",
            vec![frame(FIN | 2, b"abc")],
            vec![message(b"abc")],
        ),
        (
            "an empty frame",
            vec![frame(FIN | 2, b"")],
            vec![message(b"")],
        ),
        (
            "125 bytes",
            vec![frame(FIN | 2, &big[..125])],
            vec![message(&big[..125])],
        ),
        (
            "126 bytes",
            vec![frame(FIN | 2, &big[..126])],
            vec![message(&big[..126])],
        ),
        (
            "65,535 bytes",
            vec![frame(FIN | 2, &big[..65_535])],
            vec![message(&big[..65_535])],
        ),
        (
            "65,536 bytes",
            vec![frame(FIN | 2, &big[..65_536])],
            vec![message(&big[..65_536])],
        ),
        (
            "fragments",
            vec![frame(2, b"a"), frame(0, b"b"), frame(FIN, b"c")],
            vec![message(b"abc")],
        ),
        (
            "empty fragments",
            vec![
                frame(2, b""),
                frame(0, b"ab"),
                frame(0, b""),
                frame(FIN, b""),
            ],
            vec![message(b"ab")],
        ),
        (
            "two frames at once, then a ping",
            vec![
                [
                    frame(FIN | 2, b"a"),
                    frame(FIN | 2, b"b"),
                    frame(FIN | 9, b"p"),
                ]
                .concat(),
            ],
            vec![message(b"a"), message(b"b"), Seen::Ping(b"p".to_vec())],
        ),
        (
            "a ping between fragments",
            vec![frame(2, b"a"), frame(FIN | 9, b""), frame(FIN, b"b")],
            vec![Seen::Ping(vec![]), message(b"ab")],
        ),
        (
            "a pong nobody asked for",
            vec![frame(FIN | 10, b"x")],
            vec![Seen::Pong(b"x".to_vec())],
        ),
        (
            "an empty close",
            vec![frame(FIN | 8, b"")],
            vec![Seen::Close(None, String::new())],
        ),
        (
            "a close with a reason, and what follows it skipped",
            vec![
                [
                    frame(FIN | 8, b"\x03\xe8bye"),
                    frame(FIN | 2, b"x"),
                    vec![0xff; 9],
                ]
                .concat(),
                frame(FIN | 2, b"y"),
            ],
            vec![Seen::Close(Some(1000), "bye".into())],
        ),
        (
            "a long pong",
            vec![frame(FIN | 10, &big[..125])],
            vec![Seen::Pong(big[..125].to_vec())],
        ),
    ];
    for (name, frames, want) in cases {
        for text in [TextPolicy::Refuse, TextPolicy::Accept] {
            let pieces: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
            assert_eq!(
                decode(&mut Decoder::new(LIMITS, text), &pieces),
                want,
                "{name}"
            );
            let stream = frames.concat();
            let bytes: Vec<&[u8]> = stream.chunks(1).collect();
            assert_eq!(
                decode(&mut Decoder::new(LIMITS, text), &bytes),
                want,
                "{name}, byte by byte"
            );
        }
    }
}

#[test]
fn texts_when_accepted() {
    let text = |payload: &str| Seen::Message {
        text: true,
        payload: payload.into(),
    };
    let cases: [(Vec<u8>, Vec<Seen>); 4] = [
        (frame(FIN | 1, "κόσμε".as_bytes()), vec![text("κόσμε")]),
        (
            [
                frame(1, b"\xe2\x82"),
                frame(FIN | 9, b""),
                frame(FIN, b"\xac"),
            ]
            .concat(),
            vec![Seen::Ping(vec![]), text("€")],
        ),
        (
            [frame(FIN | 1, b"a"), frame(FIN | 2, b"\xff")].concat(),
            vec![text("a"), message(b"\xff")],
        ),
        (frame(FIN | 1, b""), vec![text("")]),
    ];
    for (stream, want) in cases {
        assert_eq!(decode_one(&stream, TextPolicy::Accept), want);
    }
}

/// Each offence, provoked whole and byte by byte.
fn offences() -> Vec<(FrameError, u16, Vec<u8>)> {
    use FrameError as E;
    let announce =
        |first: u8, len: u64| [vec![first, 0xff], len.to_be_bytes().to_vec(), vec![0; 4]].concat();
    let long = |form| Style {
        length_form: Some(form),
        ..Style::default()
    };
    let mut fragments = frame(2, b"");
    for _ in 0..LIMITS.max_fragments {
        fragments.extend(frame(0, b""));
    }
    vec![
        (
            E::Unmasked,
            1002,
            frame_as(
                FIN | 2,
                b"a",
                Style {
                    mask: None,
                    length_form: None,
                },
            ),
        ),
        (E::ReservedBits, 1002, frame(FIN | 0x40 | 2, b"a")),
        (E::ReservedBits, 1002, frame(FIN | 0x20 | 2, b"a")),
        (E::ReservedBits, 1002, frame(FIN | 0x10 | 9, b"a")),
        (E::UnknownOpcode, 1002, frame(FIN | 3, b"a")),
        (E::UnknownOpcode, 1002, frame(FIN | 7, b"a")),
        (E::UnknownOpcode, 1002, frame(FIN | 11, b"")),
        (E::UnknownOpcode, 1002, frame(FIN | 15, b"")),
        (E::FragmentedControl, 1002, frame(8, b"")),
        (E::FragmentedControl, 1002, frame(9, b"a")),
        (E::ControlTooLong, 1002, frame(FIN | 9, &[0; 126])),
        (E::ControlTooLong, 1002, frame(FIN | 8, &[0; 70_000])),
        (
            E::LengthNotMinimal,
            1002,
            frame_as(FIN | 2, &[0; 125], long(2)),
        ),
        (
            E::LengthNotMinimal,
            1002,
            frame_as(FIN | 2, &[0; 65_535], long(8)),
        ),
        (E::LengthTopBit, 1002, announce(FIN | 2, 1 << 63)),
        (E::ContinuationWithoutStart, 1002, frame(FIN, b"a")),
        (
            E::ContinuationWithoutStart,
            1002,
            [frame(FIN | 2, b"a"), frame(0, b"a")].concat(),
        ),
        (
            E::MessageInsideMessage,
            1002,
            [frame(2, b"a"), frame(FIN | 2, b"a")].concat(),
        ),
        (
            E::MessageInsideMessage,
            1002,
            [frame(2, b"a"), frame(FIN | 1, b"a")].concat(),
        ),
        (E::ClosePayload, 1002, frame(FIN | 8, b"\x03")),
        (E::CloseCode, 1002, frame(FIN | 8, &999_u16.to_be_bytes())),
        (E::CloseReasonNotUtf8, 1007, frame(FIN | 8, b"\x03\xe8\xff")),
        (E::TextRefused, 1003, frame(FIN | 1, b"a")),
        (E::TextRefused, 1003, frame(1, b"")),
        (E::FrameTooBig, 1009, announce(FIN | 2, 1 << 62)),
        (E::FrameTooBig, 1009, announce(2, LIMITS.max_frame + 1)),
        (E::MessageTooBig, 1009, {
            let part = vec![0; LIMITS.max_frame as usize];
            [frame(2, &part), frame(0, &part), frame(FIN, b"a")].concat()
        }),
        (E::TooManyFragments, 1008, fragments),
    ]
}

#[test]
fn offences_when_text_is_refused() {
    for (want, code, stream) in offences() {
        assert_eq!(want.close_code(), code, "{want:?}");
        let mut decoder = Decoder::new(LIMITS, TextPolicy::Refuse);
        let seen = decode(&mut decoder, &[&stream]);
        assert_eq!(seen.last(), Some(&Seen::Error(want)), "{want:?}");
        assert!(
            matches!(decoder.next(&mut []), Err(again) if again == want),
            "failed for ever"
        );
        if stream.len() < 100_000 {
            let bytes: Vec<&[u8]> = stream.chunks(1).collect();
            assert_eq!(
                decode(&mut Decoder::new(LIMITS, TextPolicy::Refuse), &bytes),
                seen,
                "{want:?}"
            );
        }
        assert!(want.to_string().len() <= 123, "fits a close frame");
    }
}

#[test]
fn texts_that_are_not_utf8() {
    let streams = [
        frame(FIN | 1, b"ab\xff"),
        frame(FIN | 1, b"\xe2\x82"),
        [frame(1, b"\xe2\x82"), frame(FIN, b"")].concat(),
        [frame(1, b"\xf4"), frame(FIN, b"\x90\x80\x80")].concat(),
        frame(1, b"\xed\xa0"), // hopeless before the message ends
    ];
    for stream in streams {
        let want = [Seen::Error(FrameError::TextNotUtf8)];
        assert_eq!(decode_one(&stream, TextPolicy::Accept), want);
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        let seen = decode(&mut Decoder::new(LIMITS, TextPolicy::Accept), &bytes);
        assert_eq!(seen, want);
    }
    assert_eq!(FrameError::TextNotUtf8.close_code(), 1007);
}

#[test]
fn close_codes() {
    for code in 0..=u16::MAX {
        let right = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        let want = if right {
            Seen::Close(Some(code), String::new())
        } else {
            Seen::Error(FrameError::CloseCode)
        };
        assert_eq!(
            decode_one(&frame(FIN | 8, &code.to_be_bytes()), TextPolicy::Refuse),
            [want]
        );
    }
}

#[test]
fn limits_are_inclusive() {
    let limits = Limits {
        max_frame: 4,
        max_message: 6,
        max_fragments: 3,
    };
    let run = |frames: &[Vec<u8>]| {
        decode(
            &mut Decoder::new(limits, TextPolicy::Refuse),
            &[&frames.concat()],
        )
    };
    assert_eq!(
        run(&[frame(2, b"abcd"), frame(0, b""), frame(FIN, b"ef")]),
        [message(b"abcdef")]
    );
    assert_eq!(
        run(&[frame(FIN | 2, b"abcde")]),
        [Seen::Error(FrameError::FrameTooBig)]
    );
    assert_eq!(
        run(&[frame(2, b"abcd"), frame(FIN, b"efg")]),
        [Seen::Error(FrameError::MessageTooBig)]
    );
    let four = [frame(2, b""), frame(0, b""), frame(0, b""), frame(FIN, b"")];
    assert_eq!(run(&four), [Seen::Error(FrameError::TooManyFragments)]);
    // The counts start anew with each message.
    assert_eq!(
        run(&[frame(FIN | 2, b"abcd"), frame(FIN | 2, b"abcd")]),
        [message(b"abcd"), message(b"abcd")]
    );
}

#[test]
fn pieces_borrow_the_buffer_in_place() {
    let mut buf = frame(FIN | 2, b"0123456789");
    let range = buf.as_ptr_range();
    let mut decoder = Decoder::new(LIMITS, TextPolicy::Refuse);
    let Ok(Some((used, Event::Data(piece)))) = decoder.next(&mut buf) else {
        panic!("no piece")
    };
    assert_eq!((used, piece), (16, &b"0123456789"[..]));
    assert!(range.contains(&piece.as_ptr()));
    assert_eq!(piece.as_ptr_range().end, range.start.wrapping_add(used));
    assert_eq!(decoder.next(&mut []), Ok(Some((0, Event::MessageEnd))));
    assert_eq!(decoder.next(&mut []), Ok(None));
}
