//! The PROXY protocol, versions 1 and 2: a proxy's word on whose connection it hands on.
//!
//! Pure: bytes in, a header out. Who may send one is decided by the listener. The reader owns what
//! has come so far and never holds more than [`MAX_V2`] bytes; it never panics, whatever comes.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The longest header of version 1, its line's end included.
const MAX_V1: usize = 107;
/// The longest header of version 2 that is read.
const MAX_V2: usize = 4 << 10;
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, length.
const HEAD: usize = 16;
const V1: &[u8; 6] = b"PROXY ";

const TYPE_SSL: u8 = 0x20;
const SUBTYPE_SSL_CN: u8 = 0x22;
/// The client has shown a certificate in this connection, or in the session that it resumes.
const CLIENT_CERT: u8 = 0x02 | 0x04;
/// Names longer than this are not believed.
const MAX_NAME: usize = 1024;

/// What a proxy says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Where the client is. `None`: the connection is the proxy's own, or it does not know.
    pub source: Option<SocketAddr>,
    /// What it says of the client's TLS, which ended at the proxy.
    pub tls: Option<ProxiedTls>,
}

/// The client's TLS as a proxy saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxiedTls {
    /// Of the certificate that the client has shown and the proxy has verified.
    pub common_name: Option<Box<str>>,
}

/// Why a header is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offence {
    NoHeader,
    TooLong,
    BadLine,
    BadVersion,
    BadCommand,
    BadAddresses,
    BadTlv,
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Offence::NoHeader => {
                "it is in proxy_protocol of the listener and did not begin with a PROXY header"
            }
            Offence::TooLong => "its PROXY header is longer than any may be",
            Offence::BadLine => "its PROXY line is malformed",
            Offence::BadVersion => "its PROXY header has an unknown version",
            Offence::BadCommand => "its PROXY header has an unknown command",
            Offence::BadAddresses => "the addresses in its PROXY header are malformed",
            Offence::BadTlv => "a TLV in its PROXY header is malformed",
        })
    }
}

/// How far a reader has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Incomplete,
    /// The header has ended; `used` of the bytes just given are its.
    Done {
        header: Header,
        used: usize,
    },
}

/// Reads one header, in whatever pieces it comes.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    held: Vec<u8>,
}

impl Reader {
    /// Takes the next bytes of the connection.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Step, Offence> {
        let before = self.held.len();
        // Not more than can be part of a header.
        let room = MAX_V2 - before.min(MAX_V2);
        self.held.extend_from_slice(&bytes[..bytes.len().min(room)]);
        match parse(&self.held)? {
            None => Ok(Step::Incomplete),
            Some((header, len)) => {
                // What was held before was not a whole header, so this one ends in what is new.
                let used = len.saturating_sub(before);
                self.held = Vec::new();
                Ok(Step::Done { header, used })
            }
        }
    }
}

/// The header at the front of `bytes` and its length; `None` where more is needed.
fn parse(bytes: &[u8]) -> Result<Option<(Header, usize)>, Offence> {
    if begins(bytes, SIGNATURE) {
        parse_v2(bytes)
    } else if begins(bytes, V1) {
        parse_v1(bytes)
    } else {
        Err(Offence::NoHeader)
    }
}

/// True where one of the two is the beginning of the other.
fn begins(bytes: &[u8], with: &[u8]) -> bool {
    bytes.iter().zip(with).all(|(a, b)| a == b)
}

fn parse_v1(bytes: &[u8]) -> Result<Option<(Header, usize)>, Offence> {
    let window = &bytes[..bytes.len().min(MAX_V1)];
    let Some(end) = window.windows(2).position(|w| w == b"\r\n") else {
        return if bytes.len() < MAX_V1 {
            Ok(None)
        } else {
            Err(Offence::TooLong)
        };
    };
    let line = std::str::from_utf8(&window[..end]).map_err(|_| Offence::BadLine)?;
    let source = v1_source(line).ok_or(Offence::BadLine)?;
    Ok(Some((Header { source, tls: None }, end + 2)))
}

/// The source of a line; `Some(None)` where the proxy does not know it.
fn v1_source(line: &str) -> Option<Option<SocketAddr>> {
    let mut words = line.split(' ');
    if words.next()? != "PROXY" {
        return None;
    }
    let family = words.next()?;
    if family == "UNKNOWN" {
        // Whatever follows is to be passed over.
        return Some(None);
    }
    let (source, destination) = (words.next()?, words.next()?);
    let source: IpAddr = match family {
        "TCP4" => {
            destination.parse::<Ipv4Addr>().ok()?;
            source.parse::<Ipv4Addr>().ok()?.into()
        }
        "TCP6" => {
            destination.parse::<Ipv6Addr>().ok()?;
            source.parse::<Ipv6Addr>().ok()?.into()
        }
        _ => return None,
    };
    let from = port(words.next()?)?;
    port(words.next()?)?;
    let end = words.next().is_none();
    end.then(|| Some(SocketAddr::new(source, from)))
}

fn port(word: &str) -> Option<u16> {
    let plain = !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    let padded = word.len() > 1 && word.starts_with('0');
    (plain && !padded).then(|| word.parse().ok())?
}

fn parse_v2(bytes: &[u8]) -> Result<Option<(Header, usize)>, Offence> {
    let Some(head) = bytes.first_chunk::<HEAD>() else {
        return Ok(None);
    };
    let [.., command, family, high, low] = *head;
    if command >> 4 != 2 {
        return Err(Offence::BadVersion);
    }
    let len = HEAD + usize::from(u16::from_be_bytes([high, low]));
    if len > MAX_V2 {
        return Err(Offence::TooLong);
    }
    let Some(body) = bytes.get(HEAD..len) else {
        return Ok(None);
    };
    let header = match command & 0x0F {
        // LOCAL: the proxy speaks for itself.
        0 => Header {
            source: None,
            tls: None,
        },
        1 => v2_body(family, body)?,
        _ => return Err(Offence::BadCommand),
    };
    Ok(Some((header, len)))
}

fn v2_body(family: u8, body: &[u8]) -> Result<Header, Offence> {
    let mut body = Body(body);
    let bad = Offence::BadAddresses;
    let source = match family {
        // TCP over IPv4: two addresses, two ports.
        0x11 => {
            let [a, b, c, d, _, _, _, _, high, low, _, _] = body.array::<12>().ok_or(bad)?;
            let port = u16::from_be_bytes([high, low]);
            Some(SocketAddr::new(Ipv4Addr::new(a, b, c, d).into(), port))
        }
        0x21 => {
            let address = body.array::<16>().ok_or(bad)?;
            let [high, low, _, _] = {
                let _destination = body.array::<16>().ok_or(bad)?;
                body.array::<4>().ok_or(bad)?
            };
            let port = u16::from_be_bytes([high, low]);
            Some(SocketAddr::new(Ipv6Addr::from(address).into(), port))
        }
        // UNSPEC: nothing that follows is to be looked at.
        0x00 => {
            return Ok(Header {
                source: None,
                tls: None,
            });
        }
        // Unix sockets have no address that anything goes by; theirs are 108 bytes each.
        0x31 => {
            body.take(216).ok_or(bad)?;
            None
        }
        _ => return Err(bad),
    };
    let mut tls = None;
    while !body.0.is_empty() {
        let (kind, value) = body.tlv().ok_or(Offence::BadTlv)?;
        if kind == TYPE_SSL {
            tls = Some(proxied_tls(value)?);
        }
    }
    Ok(Header { source, tls })
}

fn proxied_tls(value: &[u8]) -> Result<ProxiedTls, Offence> {
    let mut body = Body(value);
    let [client, v0, v1, v2, v3] = body.array::<5>().ok_or(Offence::BadTlv)?;
    let verified = [v0, v1, v2, v3] == [0; 4] && client & CLIENT_CERT != 0;
    let mut common_name = None;
    while !body.0.is_empty() {
        let (kind, value) = body.tlv().ok_or(Offence::BadTlv)?;
        if kind == SUBTYPE_SSL_CN && verified {
            common_name = name(value);
        }
    }
    Ok(ProxiedTls { common_name })
}

fn name(bytes: &[u8]) -> Option<Box<str>> {
    let name = std::str::from_utf8(bytes).ok()?;
    let clear = !name.is_empty() && name.len() <= MAX_NAME && !name.contains(char::is_control);
    clear.then(|| name.into())
}

/// What is left of a header.
struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn tlv(&mut self) -> Option<(u8, &'a [u8])> {
        let [kind, high, low] = self.array::<3>()?;
        let value = self.take(usize::from(u16::from_be_bytes([high, low])))?;
        Some((kind, value))
    }
}

#[cfg(test)]
#[path = "proxy_protocol_tests.rs"]
mod tests;
