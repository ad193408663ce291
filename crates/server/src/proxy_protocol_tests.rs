//! Headers as proxies write them, and everything else.

use super::*;
use proptest::prelude::*;

fn read(bytes: &[u8]) -> Result<Step, Offence> {
    Reader::default().feed(bytes)
}

fn done(bytes: &[u8]) -> (Header, usize) {
    match read(bytes) {
        Ok(Step::Done { header, used }) => (header, used),
        other => panic!("{other:?} of {bytes:?}"),
    }
}

fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&SIGNATURE[..], &[command, family], &len, body].concat()
}

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    let len = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&[kind], &len[..], value].concat()
}

const V4_BODY: [u8; 12] = [192, 0, 2, 7, 10, 0, 0, 1, 0x1F, 0x90, 0x07, 0x5B];

fn source() -> Option<SocketAddr> {
    Some("192.0.2.7:8080".parse().unwrap())
}

#[test]
fn lines() {
    for (line, expected) in [
        (
            "PROXY TCP4 192.0.2.7 10.0.0.1 8080 1883\r\n",
            "192.0.2.7:8080",
        ),
        (
            "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
            "255.255.255.255:65535",
        ),
        (
            "PROXY TCP6 2001:db8::7 ::1 8080 1883\r\n",
            "[2001:db8::7]:8080",
        ),
    ] {
        let (header, used) = done(format!("{line}\x10").as_bytes());
        assert_eq!(header.source, Some(expected.parse().unwrap()));
        assert_eq!(used, line.len());
    }
    let unknown = "PROXY UNKNOWN whatever 1 2 3\r\n";
    assert_eq!(done(unknown.as_bytes()).0.source, None);
    assert_eq!(done(b"PROXY UNKNOWN\r\n").0.source, None);
}

#[test]
fn wrong_lines() {
    for line in [
        "PROXY \r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 8080\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 8080 1883 1\r\n",
        "PROXY TCP4  192.0.2.7 10.0.0.1 8080 1883\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 +8080 1883\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 08080 1883\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 8080 65536\r\n",
        "PROXY TCP4 2001:db8::7 ::1 8080 1883\r\n",
        "PROXY TCP6 192.0.2.7 10.0.0.1 8080 1883\r\n",
        "PROXY UDP4 192.0.2.7 10.0.0.1 8080 1883\r\n",
        "PROXY TCP4 192.0.2.7 nowhere 8080 1883\r\n",
    ] {
        assert_eq!(read(line.as_bytes()), Err(Offence::BadLine), "{line}");
    }
    let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(MAX_V1));
    assert_eq!(read(long.as_bytes()), Err(Offence::TooLong));
    let longest = format!("PROXY UNKNOWN {}\r\n", "x".repeat(MAX_V1 - 16));
    assert_eq!(done(longest.as_bytes()).1, MAX_V1);
    for other in [
        &b"\x10\x0c\0\x04MQTT"[..],
        b"GET / HTTP/1.1",
        b"\x16\x03\x01",
        b"PROXX",
    ] {
        assert_eq!(read(other), Err(Offence::NoHeader));
    }
}

#[test]
fn binary_headers() {
    let bytes = v2(0x21, 0x11, &V4_BODY);
    let (header, used) = done(&[&bytes[..], b"\x10more"].concat());
    assert_eq!((header.source, header.tls), (source(), None));
    assert_eq!(used, bytes.len());
    let mut body = [0; 36];
    body[..16].copy_from_slice(&"2001:db8::7".parse::<Ipv6Addr>().unwrap().octets());
    body[32..34].copy_from_slice(&8080u16.to_be_bytes());
    let (header, _) = done(&v2(0x21, 0x21, &body));
    assert_eq!(header.source, Some("[2001:db8::7]:8080".parse().unwrap()));
    // LOCAL is the proxy itself, whatever else it says; UNSPEC and Unix sockets are no address.
    for bytes in [
        v2(0x20, 0x11, &V4_BODY),
        v2(0x20, 0xFF, b"junk"),
        v2(0x21, 0x00, b"junk"),
        v2(0x21, 0x31, &[0; 216]),
    ] {
        assert_eq!(done(&bytes).0.source, None);
    }
}

#[test]
fn wrong_binary_headers() {
    let extra = |more: &[u8]| [&V4_BODY[..], more].concat();
    for (bytes, offence) in [
        (v2(0x11, 0x11, &V4_BODY), Offence::BadVersion),
        (v2(0x22, 0x11, &V4_BODY), Offence::BadCommand),
        (v2(0x21, 0x12, &V4_BODY), Offence::BadAddresses),
        (v2(0x21, 0x11, &V4_BODY[..11]), Offence::BadAddresses),
        (v2(0x21, 0x31, &[0; 215]), Offence::BadAddresses),
        (v2(0x21, 0x11, &extra(&[1, 0])), Offence::BadTlv),
        (v2(0x21, 0x11, &extra(&[1, 0, 2, 0])), Offence::BadTlv),
        (
            v2(0x21, 0x11, &extra(&tlv(TYPE_SSL, &[1, 0]))),
            Offence::BadTlv,
        ),
        (v2(0x21, 0x11, &vec![0; MAX_V2]), Offence::TooLong),
    ] {
        assert_eq!(read(&bytes), Err(offence));
    }
}

#[test]
fn names_are_taken_from_verified_certificates_alone() {
    let name = |client: u8, verify: u32, cn: &[u8]| {
        let sub = [tlv(0x21, b"TLSv1.3"), tlv(SUBTYPE_SSL_CN, cn)].concat();
        let ssl = [&[client], &verify.to_be_bytes()[..], &sub].concat();
        let body = [&V4_BODY[..], &tlv(4, b"noop"), &tlv(TYPE_SSL, &ssl)].concat();
        let tls = done(&v2(0x21, 0x11, &body)).0.tls.unwrap();
        tls.common_name.map(String::from)
    };
    assert_eq!(name(0x07, 0, b"device-7").as_deref(), Some("device-7"));
    assert_eq!(name(0x05, 0, b"resumed").as_deref(), Some("resumed"));
    assert_eq!(name(0x07, 1, b"device-7"), None, "not verified");
    assert_eq!(name(0x01, 0, b"device-7"), None, "no certificate was shown");
    assert_eq!(name(0x07, 0, b""), None);
    assert_eq!(name(0x07, 0, b"a\0b"), None);
    assert_eq!(name(0x07, 0, b"\xff"), None);
    assert_eq!(name(0x07, 0, &[b'x'; MAX_NAME + 1]), None);
}

fn headers() -> impl Strategy<Value = Vec<u8>> {
    let line = (any::<[u8; 4]>(), any::<u16>()).prop_map(|(ip, port)| {
        format!("PROXY TCP4 {} 10.0.0.1 {port} 1883\r\n", Ipv4Addr::from(ip)).into_bytes()
    });
    let tlvs = proptest::collection::vec((any::<u8>(), ".{0,40}"), 0..4);
    let binary = tlvs.prop_map(|tlvs| {
        let tlvs = tlvs.iter().filter(|(kind, _)| *kind != TYPE_SSL);
        let more: Vec<u8> = tlvs
            .flat_map(|(kind, v)| tlv(*kind, v.as_bytes()))
            .collect();
        v2(0x21, 0x11, &[&V4_BODY[..], &more].concat())
    });
    prop_oneof![line, binary]
}

proptest! {
    /// However a header is cut, it is the same, and what follows it is left.
    #[test]
    fn pieces(header in headers(), cut in 1usize..50, after in any::<Vec<u8>>()) {
        let whole = done(&header);
        prop_assert_eq!(whole.1, header.len());
        let bytes = [&header[..], &after].concat();
        let (mut reader, mut at) = (Reader::default(), 0);
        loop {
            let piece = &bytes[at..bytes.len().min(at + cut)];
            match reader.feed(piece).unwrap() {
                Step::Incomplete => at += piece.len(),
                Step::Done { header: got, used } => {
                    prop_assert_eq!(got, whole.0);
                    prop_assert_eq!(at + used, header.len());
                    break;
                }
            }
        }
    }

    /// Nothing makes it panic, hold more than it may, or wait for ever.
    #[test]
    fn anything(bytes in any::<Vec<u8>>(), signed in 0u8..3, cut in 1usize..400) {
        let prefix: &[u8] = match signed {
            0 => SIGNATURE,
            1 => V1,
            _ => b"",
        };
        let mut bytes = [prefix, &bytes].concat();
        bytes.resize(bytes.len() + MAX_V2, 0);
        let mut reader = Reader::default();
        let ended = bytes.chunks(cut).any(|piece| {
            let step = reader.feed(piece);
            assert!(reader.held.len() <= MAX_V2);
            !matches!(step, Ok(Step::Incomplete))
        });
        prop_assert!(ended, "{} bytes and no end", bytes.len());
    }
}
