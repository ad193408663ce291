//! The first bytes of a hostile proxy: no panic, the same header however the bytes are cut, an end in bounded time, and
//! no name that a log or an access list could trip over.
#![no_main]

use libfuzzer_sys::fuzz_target;
use server::proxy_protocol::{Offence, Reader, Step};

/// No header is longer, so no reader waits for more.
const LONGEST: usize = 4 << 10;

fuzz_target!(|data: &[u8]| {
    let Some((cut, bytes)) = data.split_first() else {
        return;
    };
    let whole = Reader::default().feed(bytes);
    match &whole {
        Ok(Step::Done { header, used }) => {
            assert!((1..=bytes.len().min(LONGEST)).contains(used));
            let alone = Reader::default().feed(&bytes[..*used]);
            assert_eq!(alone, whole, "what follows changes nothing");
            let name = header.tls.as_ref().and_then(|tls| tls.common_name.as_ref());
            assert!(name.is_none_or(|name| !name.is_empty() && !name.contains(char::is_control)));
        }
        Ok(Step::Incomplete) => assert!(bytes.len() < LONGEST),
        Err(Offence::NoHeader) => assert!(!bytes.starts_with(b"PROXY ")),
        Err(_) => {}
    }
    let (mut reader, mut at) = (Reader::default(), 0);
    for piece in bytes.chunks(usize::from(*cut).max(1)) {
        match (reader.feed(piece), &whole) {
            (Ok(Step::Incomplete), _) => at += piece.len(),
            (Ok(Step::Done { header, used }), Ok(Step::Done { header: expected, used: total })) => {
                assert_eq!((&header, at + used), (expected, *total));
                return;
            }
            (Err(offence), Err(expected)) => return assert_eq!(offence, *expected),
            (got, _) => panic!("{got:?} in pieces, {whole:?} as a whole"),
        }
    }
    assert_eq!(whole, Ok(Step::Incomplete));
});
