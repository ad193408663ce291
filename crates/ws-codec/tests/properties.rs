//! What holds for all streams: cuts change nothing, no input panics, what a client sends arrives.

mod client;

use client::{FIN, LIMITS, Seen, Style, decode, frame_as};
use proptest::collection::vec;
use proptest::prelude::*;
use ws_codec::{Decoder, Handshake, HandshakePolicy, Opcode, TextPolicy, frame_header, handshake};

/// A fragment: perhaps a ping before it, its payload, its mask.
type Fragment = (Option<Vec<u8>>, Vec<u8>, [u8; 4]);

#[derive(Debug, Clone)]
struct Sent {
    text: bool,
    fragments: Vec<Fragment>,
}

fn sent() -> impl Strategy<Value = Sent> {
    let ping = proptest::option::weighted(0.2, vec(any::<u8>(), 0..=125));
    let payload = prop_oneof![vec(32_u8..127, 0..40), vec(32_u8..127, 120..300)];
    (any::<bool>(), vec((ping, payload, any::<[u8; 4]>()), 1..5))
        .prop_map(|(text, fragments)| Sent { text, fragments })
}

fn write(messages: &[Sent]) -> (Vec<u8>, Vec<Seen>) {
    let (mut stream, mut want) = (Vec::new(), Vec::new());
    for message in messages {
        let last = message.fragments.len() - 1;
        let mut whole = Vec::new();
        for (i, (ping, payload, mask)) in message.fragments.iter().enumerate() {
            let style = Style {
                mask: Some(*mask),
                length_form: None,
            };
            if let Some(ping) = ping {
                stream.extend(frame_as(FIN | 9, ping, style));
                want.push(Seen::Ping(ping.clone()));
            }
            let opcode = if i > 0 { 0 } else { 2 - u8::from(message.text) };
            stream.extend(frame_as(
                if i == last { FIN | opcode } else { opcode },
                payload,
                style,
            ));
            whole.extend_from_slice(payload);
        }
        want.push(Seen::Message {
            text: message.text,
            payload: whole,
        });
    }
    (stream, want)
}

fn cut<'a>(mut stream: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for size in sizes.iter().cycle() {
        if stream.is_empty() {
            break;
        }
        let (piece, rest) = stream.split_at((*size).min(stream.len()));
        pieces.push(piece);
        stream = rest;
    }
    pieces
}

/// Bytes that are often nearly right frames.
fn nearly_frames() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![4 => proptest::sample::select(vec![0x82, 2, 0, 0x80, 0x89, 0x88, 0x81, 1]), 1 => any::<u8>()];
    let frame = (
        first,
        vec(any::<u8>(), 0..130),
        any::<[u8; 4]>(),
        proptest::option::weighted(0.1, Just(2_u8)),
    )
        .prop_map(|(first, payload, mask, length_form)| {
            frame_as(
                first,
                &payload,
                Style {
                    mask: Some(mask),
                    length_form,
                },
            )
        });
    prop_oneof![
        vec(frame, 0..8).prop_map(|frames| frames.concat()),
        vec(any::<u8>(), 0..200)
    ]
}

proptest! {
    #[test]
    fn what_is_sent_arrives_however_it_is_cut(messages in vec(sent(), 0..6), sizes in vec(1_usize..60, 1..8)) {
        let (stream, want) = write(&messages);
        let mut decoder = Decoder::new(LIMITS, TextPolicy::Accept);
        prop_assert_eq!(decode(&mut decoder, &cut(&stream, &sizes)), want);
    }

    #[test]
    fn cuts_change_nothing_on_any_bytes(stream in nearly_frames(), sizes in vec(1_usize..20, 1..8), refuse: bool) {
        let text = if refuse { TextPolicy::Refuse } else { TextPolicy::Accept };
        let whole = decode(&mut Decoder::new(LIMITS, text), &[&stream]);
        let pieces = decode(&mut Decoder::new(LIMITS, text), &cut(&stream, &sizes));
        prop_assert_eq!(whole, pieces);
    }

    #[test]
    fn no_bytes_panic_a_handshake(bytes in vec(any::<u8>(), 0..400), at in 0_usize..200, max_head in 0_usize..300) {
        let mut request = b"GET /mqtt?q HTTP/1.1\r\nHost: [::1]:1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Origin: http://[::1]\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Protocol: mqtt\r\n\r\n".to_vec();
        let at = at.min(request.len());
        request.splice(at..(at + bytes.len() % 7).min(request.len()), bytes.iter().copied().take(9));
        for input in [&request, &bytes] {
            for max_head in [max_head, 8192] {
                let policy = HandshakePolicy { path: "/mqtt", subprotocols: &["mqtt"], origins: &[], max_head, max_headers: 20 };
                if let Handshake::Accept { consumed, .. } = handshake(input, &policy) {
                    prop_assert!(consumed <= input.len() && consumed <= max_head);
                }
            }
        }
    }

    #[test]
    fn a_servers_header_is_a_clients_but_for_the_mask(fin: bool, len in prop_oneof![0..300_usize, 65_500..65_600_usize]) {
        let mut out = [0; 10];
        let n = frame_header(Opcode::Binary, fin, len as u64, &mut out);
        let first = if fin { FIN | 2 } else { 2 };
        let client = frame_as(first, &vec![0; len], Style { mask: None, length_form: None });
        prop_assert_eq!(&out[..n], &client[..client.len() - len]);
    }
}
