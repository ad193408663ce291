//! MQTT over WebSocket, the client's side: a handshake, masked binary frames out, plain frames in.
//!
//! Owns the frame that is being written or read. Checks what a server must do (RFC 6455); agrees to no
//! extension. Each write is one frame.

use super::carrier::{Carrier, TcpCarrier};
use std::io::{self, ErrorKind};
use std::os::fd::BorrowedFd;

/// The example of RFC 6455 1.3. A key only proves that the server read the request, and a load has no use
/// for a fresh one each time.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// The longest head of a server's answer.
const MAX_HEAD: usize = 16 << 10;
/// The longest frame that is sent.
const MAX_FRAME: usize = 64 << 10;
const MAX_CONTROL: usize = 125;

const BINARY: u8 = 0x82;
const PONG: u8 = 0x8a;
const MASKED: u8 = 0x80;

pub(crate) struct WebSocketCarrier {
    tcp: TcpCarrier,
    state: State,
    /// What the socket has not taken yet, from `sent` on.
    out: Vec<u8>,
    sent: usize,
    /// The head of the server's answer, then a control frame as far as it has come.
    kept: Vec<u8>,
    mask: u32,
    frame: Incoming,
    /// Bytes of MQTT that came together with the handshake.
    early: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Connecting,
    Upgrading,
    Open,
}

/// The frame that is being read.
#[derive(Clone, Copy, Default)]
struct Incoming {
    head: [u8; 10],
    have: usize,
    opcode: u8,
    left: u64,
    inside: bool,
}

fn broken(what: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what.into())
}

impl WebSocketCarrier {
    pub(crate) fn new(tcp: TcpCarrier, host: &str, path: &str, subprotocol: &str) -> Self {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Protocol: {subprotocol}\r\n\r\n"
        );
        WebSocketCarrier {
            tcp,
            state: State::Connecting,
            out: request.into_bytes(),
            sent: 0,
            kept: Vec::new(),
            mask: 0x9e37_79b9,
            frame: Incoming::default(),
            early: Vec::new(),
        }
    }

    /// Reads the server's answer to its empty line.
    fn upgrade(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 2048];
        loop {
            let n = match self.tcp.read(&mut buffer) {
                Ok(0) => return Err(broken("closed during the WebSocket handshake")),
                Ok(n) => n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(e) => return Err(e),
            };
            self.kept.extend_from_slice(&buffer[..n]);
            if let Some(end) = self.kept.windows(4).position(|w| w == b"\r\n\r\n") {
                check_answer(&self.kept[..end])?;
                self.early = self.kept.split_off(end + 4);
                self.kept = Vec::new();
                return Ok(true);
            }
            if self.kept.len() > MAX_HEAD {
                return Err(broken("the answer to the WebSocket handshake has no end"));
            }
        }
    }

    fn push_frame(&mut self, first: u8, payload: &[u8]) {
        let len = payload.len();
        self.out.push(first);
        match len {
            0..=125 => self.out.push(MASKED | len as u8),
            126..=0xffff => {
                self.out.push(MASKED | 126);
                self.out.extend_from_slice(&(len as u16).to_be_bytes());
            }
            _ => {
                self.out.push(MASKED | 127);
                self.out.extend_from_slice(&(len as u64).to_be_bytes());
            }
        }
        self.mask = next_mask(self.mask);
        let mask = self.mask.to_ne_bytes();
        self.out.extend_from_slice(&mask);
        let start = self.out.len();
        self.out.extend_from_slice(payload);
        apply_mask(&mut self.out[start..], mask);
    }

    /// Takes the frames' heads out of `bytes` and moves what is MQTT to the front; how much that is.
    fn unframe(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let (mut from, mut to) = (0, 0);
        while from < bytes.len() {
            if !self.frame.inside {
                from += self.frame.take_head(&bytes[from..])?;
                if self.frame.inside && self.frame.left == 0 {
                    self.end_of_frame()?;
                }
                continue;
            }
            let here =
                (bytes.len() - from).min(usize::try_from(self.frame.left).unwrap_or(usize::MAX));
            if self.frame.is_data() {
                bytes.copy_within(from..from + here, to);
                to += here;
            } else {
                self.kept.extend_from_slice(&bytes[from..from + here]);
            }
            from += here;
            self.frame.left -= here as u64;
            if self.frame.left == 0 {
                self.end_of_frame()?;
            }
        }
        Ok(to)
    }

    fn end_of_frame(&mut self) -> io::Result<()> {
        let opcode = self.frame.opcode;
        self.frame = Incoming::default();
        let payload = std::mem::take(&mut self.kept);
        match opcode {
            0x8 => {
                let code = payload.first_chunk::<2>().map(|c| u16::from_be_bytes(*c));
                Err(broken(format!(
                    "the server closed the WebSocket, code {}",
                    code.unwrap_or(1005)
                )))
            }
            0x9 => {
                self.push_frame(PONG, &payload);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Incoming {
    fn is_data(&self) -> bool {
        self.opcode < 0x8
    }

    /// Takes bytes of a head; how many. `inside` when the head is whole.
    fn take_head(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for (used, byte) in bytes.iter().enumerate() {
            if let Some(slot) = self.head.get_mut(self.have) {
                *slot = *byte;
                self.have += 1;
            }
            let long = match self.head[1] & 0x7f {
                126 => 4,
                127 => 10,
                _ => 2,
            };
            if self.have >= 2 && self.have == long {
                self.begin()?;
                return Ok(used + 1);
            }
        }
        Ok(bytes.len())
    }

    fn begin(&mut self) -> io::Result<()> {
        let [first, second, a, b, ..] = self.head;
        if first & 0x70 != 0 || second & MASKED != 0 {
            return Err(broken("a WebSocket frame that no server may send"));
        }
        self.opcode = first & 0x0f;
        self.left = match second {
            126 => u64::from(u16::from_be_bytes([a, b])),
            127 => u64::from_be_bytes(self.head[2..10].try_into().unwrap_or_default()),
            short => u64::from(short),
        };
        match self.opcode {
            0x0 | 0x2 => {}
            0x8..=0xa if self.left <= MAX_CONTROL as u64 => {}
            0x1 => return Err(broken("a text frame, which MQTT does not have")),
            _ => return Err(broken("an unknown WebSocket frame")),
        }
        self.inside = true;
        Ok(())
    }
}

fn check_answer(head: &[u8]) -> io::Result<()> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let status = lines.next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("101") {
        return Err(broken(format!(
            "the server does not speak WebSocket at this path: it answered {:?}",
            status.chars().take(80).collect::<String>()
        )));
    }
    let accepted = lines
        .filter_map(|line| line.split_once(':'))
        .any(|(k, v)| k.trim().eq_ignore_ascii_case("Sec-WebSocket-Accept") && v.trim() == ACCEPT);
    if accepted {
        Ok(())
    } else {
        Err(broken("the server's Sec-WebSocket-Accept is wrong"))
    }
}

/// Xorshift: masks need not be secret here, only different.
fn next_mask(mut mask: u32) -> u32 {
    mask ^= mask << 13;
    mask ^= mask >> 17;
    mask ^ (mask << 5)
}

fn apply_mask(bytes: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip([a, b, c, d, a, b, c]) {
        *byte ^= key;
    }
}

impl Carrier for WebSocketCarrier {
    fn fd(&self) -> BorrowedFd<'_> {
        self.tcp.fd()
    }

    fn open(&mut self) -> io::Result<bool> {
        if self.state == State::Connecting {
            if !self.tcp.open()? {
                return Ok(false);
            }
            self.state = State::Upgrading;
        }
        if self.state == State::Upgrading {
            if !self.flush()? || !self.upgrade()? {
                return Ok(false);
            }
            self.state = State::Open;
        }
        Ok(true)
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let n = if self.early.is_empty() {
                self.tcp.read(into)?
            } else {
                let n = self.early.len().min(into.len());
                into[..n].copy_from_slice(&self.early[..n]);
                self.early.drain(..n);
                n
            };
            if n == 0 {
                return Ok(0);
            }
            let mqtt = self.unframe(&mut into[..n])?;
            if mqtt > 0 {
                return Ok(mqtt);
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.flush()? {
            return Err(ErrorKind::WouldBlock.into());
        }
        let n = bytes.len().min(MAX_FRAME);
        self.push_frame(BINARY, &bytes[..n]);
        self.flush()?;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<bool> {
        while self.sent < self.out.len() {
            match self.tcp.write(&self.out[self.sent..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => self.sent += n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(e) => return Err(e),
            }
        }
        self.out.clear();
        self.sent = 0;
        if self.state != State::Open {
            // The request is of no further use; an idle connection keeps no buffer.
            self.out = Vec::new();
        }
        Ok(true)
    }
}

#[cfg(test)]
#[path = "websocket_tests.rs"]
mod tests;
