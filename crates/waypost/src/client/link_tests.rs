//! Links over pairs of sockets, the other end of which is played here, byte by byte where wanted.

use super::*;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion,
};
use std::os::unix::net::UnixStream;
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::derive_accept_key;

/// More calls than any of these conversations takes.
const CALLS_AT_MOST: usize = 1_000_000;

/// The server's end of a link.
pub(in crate::client) struct Far {
    socket: UnixStream,
    tls: Option<ServerConnection>,
    /// Bytes for the socket.
    out: Vec<u8>,
}

impl Far {
    /// Takes what has come; what it means.
    fn take(&mut self) -> Vec<u8> {
        let (mut raw, mut plain) = (Vec::new(), Vec::new());
        // Ends where nothing is left.
        let _ = self.socket.read_to_end(&mut raw);
        let Some(tls) = &mut self.tls else {
            return raw;
        };
        let mut rest = raw.as_slice();
        while !rest.is_empty() {
            tls.read_tls(&mut rest).unwrap();
            tls.process_new_packets().unwrap();
            let _ = tls.reader().read_to_end(&mut plain);
        }
        while tls.wants_write() {
            tls.write_tls(&mut self.out).unwrap();
        }
        plain
    }

    /// Chokes on bytes that are no TLS, and queues the alert that says so.
    pub(in crate::client) fn choke(&mut self) {
        let tls = self.tls.as_mut().unwrap();
        // The head of a record, and a body that nobody has ciphered.
        let mut record = vec![23, 3, 3, 0, 32];
        record.resize(5 + 32, 0);
        tls.read_tls(&mut record.as_slice()).unwrap();
        tls.process_new_packets().unwrap_err();
        while tls.wants_write() {
            tls.write_tls(&mut self.out).unwrap();
        }
    }

    fn say(&mut self, bytes: &[u8]) {
        match &mut self.tls {
            None => self.out.extend_from_slice(bytes),
            Some(tls) => {
                tls.writer().write_all(bytes).unwrap();
                while tls.wants_write() {
                    tls.write_tls(&mut self.out).unwrap();
                }
            }
        }
    }

    /// Gives the socket at most so many bytes, and no more than it takes.
    pub(in crate::client) fn send(&mut self, at_most: usize) {
        let len = self.out.len().min(at_most);
        match self.socket.write(&self.out[..len]) {
            Ok(n) => drop(self.out.drain(..n)),
            Err(e) => assert_eq!(e.kind(), ErrorKind::WouldBlock),
        }
    }
}

/// A link that is not open yet, and its server.
pub(in crate::client) fn pair(
    version: Option<&'static SupportedProtocolVersion>,
    web: bool,
) -> (Link, Far) {
    let (near, far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    far.set_nonblocking(true).unwrap();
    let (secured, tls) = version.map(tls_pair).unzip();
    let url = "ws://localhost/mqtt".into_client_request();
    let link = Link {
        socket: Arc::new(near.into()),
        state: State::Connecting(Steps {
            secured,
            request: web.then(|| url.unwrap()),
        }),
        place: "here".into(),
        unsent: Vec::new(),
        unread: false,
    };
    let far = Far {
        socket: far,
        tls,
        out: Vec::new(),
    };
    (link, far)
}

fn tls_pair(version: &'static SupportedProtocolVersion) -> (Secured, ServerConnection) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let provider = Arc::new(ring::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let secured = Secured {
        config: Arc::new(client),
        name: "localhost".try_into().unwrap(),
    };
    (secured, ServerConnection::new(Arc::new(server)).unwrap())
}

/// The answer to a WebSocket request, once that has come as a whole.
fn answer(request: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(request).unwrap();
    if !text.ends_with("\r\n\r\n") {
        return None;
    }
    let key = text
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
        .unwrap();
    let accept = derive_accept_key(key.as_bytes());
    Some(format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\nX-Filler: {}\r\n\r\n",
        "x".repeat(300)
    ))
}

/// Opens the link, the server's bytes coming `step` at a time; what the server has got since.
pub(in crate::client) fn open(link: &mut Link, far: &mut Far, web: bool, step: usize) -> Vec<u8> {
    let mut request = Vec::new();
    for _ in 0..CALLS_AT_MOST {
        assert!(link.read(&mut Vec::new()).unwrap());
        if link.wants_write() {
            link.write().unwrap();
        }
        if link.is_open() {
            return far.take();
        }
        request.extend(far.take());
        if let Some(answer) = answer(&request).filter(|_| web) {
            far.say(answer.as_bytes());
            request.clear();
        }
        far.send(step);
    }
    panic!("not open");
}

fn is_readable(link: &Link) -> bool {
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    poll(&mut [PollFd::new(link, PollFlags::IN)], Some(&at_once)).unwrap() > 0
}

fn every_kind(mut test: impl FnMut(Option<&'static SupportedProtocolVersion>, bool)) {
    for version in [None, Some(&TLS12), Some(&TLS13)] {
        for web in [false, true] {
            test(version, web);
        }
    }
}

#[test]
fn a_link_opens_from_single_bytes() {
    every_kind(|version, web| {
        for step in [1, 7, usize::MAX] {
            let (mut link, mut far) = pair(version, web);
            assert!(!link.is_open());
            open(&mut link, &mut far, web, step);
            assert_eq!(link.unsent(), 0);
        }
    });
}

#[test]
fn what_is_pushed_early_is_written_when_the_link_is_open() {
    every_kind(|version, web| {
        let (mut link, mut far) = pair(version, web);
        link.push(&mut b"early".to_vec());
        assert!(link.wants_write());
        let mut got = open(&mut link, &mut far, web, usize::MAX);
        link.write().unwrap();
        got.extend(far.take());
        if web {
            assert_eq!(got.len(), 2 + 4 + 5, "a frame with its mask");
        } else {
            assert_eq!(got, b"early");
        }
    });
}

#[test]
fn a_server_that_does_not_read_stops_the_writing_and_loses_nothing() {
    const SIZE: usize = 4 << 20;
    const PIECE: usize = 8 << 10;
    every_kind(|version, web| {
        let (mut link, mut far) = pair(version, web);
        open(&mut link, &mut far, web, usize::MAX);
        let mut pushed = 0;
        while !link.wants_write() && pushed < SIZE {
            link.push(&mut vec![b'x'; PIECE]);
            link.write().unwrap();
            pushed += PIECE;
        }
        // The socket is full before TLS is.
        assert!(version.is_none() || link.unsent() == 0);
        // One frame, of which the length takes eight bytes, behind those that take two.
        let heads = if web { pushed / PIECE * 8 + 14 } else { 0 };
        link.push(&mut vec![b'x'; SIZE - pushed]);
        link.write().unwrap();
        assert!(link.wants_write(), "{version:?} {web}");
        let mut got = 0;
        for _ in 0..CALLS_AT_MOST {
            got += far.take().len();
            if !link.wants_write() {
                break;
            }
            link.write().unwrap();
        }
        assert_eq!(got, SIZE + heads, "{version:?} {web}");
    });
}

#[test]
fn a_read_has_a_bound_and_says_that_there_is_more() {
    const SIZE: usize = 3 << 20;
    // Less than a TLS record, so that the rest of it stays behind.
    const AT_MOST: usize = 10_000;
    every_kind(|version, web| {
        let (mut link, mut far) = pair(version, web);
        open(&mut link, &mut far, web, usize::MAX);
        let mut frames = Vec::new();
        for _ in 0..SIZE >> 10 {
            if web {
                // Binary, 1,024 bytes in two bytes of length.
                frames.extend_from_slice(&[0x82, 126, 4, 0]);
            }
            frames.extend_from_slice(&[b'y'; 1 << 10]);
        }
        if let Some(tls) = &mut far.tls {
            tls.set_buffer_limit(None);
        }
        far.say(&frames);
        let (mut got, mut stopped) = (0, false);
        for _ in 0..CALLS_AT_MOST {
            far.send(usize::MAX);
            if !link.has_unread() && !is_readable(&link) {
                break;
            }
            let mut into = Vec::new();
            assert!(link.read_some(&mut into, AT_MOST).unwrap());
            assert!(into.len() <= AT_MOST + (16 << 10));
            stopped |= link.has_unread();
            got += into.len();
        }
        assert!(stopped);
        assert_eq!(got, SIZE, "{version:?} {web}");
    });
}

#[test]
fn the_end_of_the_stream_is_the_end_with_or_without_a_goodbye() {
    every_kind(|version, web| {
        let (mut link, mut far) = pair(version, web);
        open(&mut link, &mut far, web, usize::MAX);
        far.send(usize::MAX);
        drop(far);
        assert!(!link.read(&mut Vec::new()).unwrap(), "{version:?} {web}");
    });
}

#[test]
fn a_server_that_ends_in_the_middle_of_the_opening() {
    for (version, web, what) in [
        (Some(&TLS13), false, "does it speak TLS on this port?"),
        (None, true, "does not answer as a WebSocket"),
    ] {
        let (mut link, mut far) = pair(version, web);
        link.read(&mut Vec::new()).unwrap();
        // Nothing unread may be left, or the end would be a reset.
        far.take();
        drop(far);
        let said = link.read(&mut Vec::new()).unwrap_err().to_string();
        assert!(said.contains(what), "{said}");
        assert!(!link.is_open());
        assert!(link.read(&mut Vec::new()).is_err(), "it stays failed");
    }
}

#[test]
fn an_endless_answer_to_a_web_socket_request_is_cut_off() {
    let (mut link, mut far) = pair(None, true);
    far.say(b"HTTP/1.1 101 Switching Protocols\r\nX: ");
    far.say(&vec![b'x'; 1 << 20]);
    for _ in 0..CALLS_AT_MOST {
        far.send(usize::MAX);
        if let Err(e) = link.read(&mut Vec::new()) {
            assert!(e.to_string().contains("endless"), "{e}");
            return;
        }
    }
    panic!("it was read on and on");
}
