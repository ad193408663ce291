//! The TLS layer of one connection, on its socket.
//!
//! Ciphertext is read into the shard's buffer and decrypted there; what is written is encrypted once
//! and kept only until the socket has taken it. So an idle connection owns no buffer: `incoming` holds
//! a record that has not come as a whole, `outgoing` what the socket had no room for.
//!
//! All plaintext of a read is handed on at once, so rustls never holds bytes that no event announces.

use super::{Begun, Terms};
use broker::auth::Credential;
use mio::net::TcpStream;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedStatus,
    WriteTraffic,
};
use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

/// Plaintext of one record, by the standard.
const MAX_RECORD: usize = 16 << 10;
/// What a record may add to its plaintext.
const RECORD_OVERHEAD: usize = 256;
/// A record that has not come as a whole, or a handshake message in several: what rustls lets a
/// message have, and a record behind it.
const MAX_HELD: usize = (64 << 10) + MAX_RECORD + RECORD_OVERHEAD;
/// Ciphertext that waits for the socket before more is encrypted.
const MAX_OUTGOING: usize = 64 << 10;
/// Room at the end of a read buffer for the plaintext of a record.
const PLAIN_ROOM: usize = MAX_RECORD;

/// See the module.
pub(crate) struct TlsStream {
    socket: TcpStream,
    session: UnbufferedServerConnection,
    terms: Arc<Terms>,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    /// Bytes of `outgoing` that are written.
    sent: usize,
    /// The peer has said that nothing follows.
    ended: bool,
    /// Something was wrong: rustls is not to be asked again.
    failed: bool,
}

impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream").finish_non_exhaustive()
    }
}

/// rustls's word for what happened, as an error of the connection.
fn broken(error: impl fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("TLS: {error}"))
}

impl TlsStream {
    pub(crate) fn new(socket: TcpStream, begun: Begun) -> Self {
        TlsStream {
            socket,
            session: begun.session,
            terms: begun.terms,
            incoming: Vec::new(),
            outgoing: Vec::new(),
            sent: 0,
            ended: false,
            failed: false,
        }
    }

    pub(crate) fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.session.is_handshaking()
    }

    /// The peer has said that nothing follows: a read tells nothing but that.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// What the client has proved in the handshake, which is over.
    pub(crate) fn credential(&self, unix_ms: u64) -> Result<Option<Credential>, rustls::Error> {
        self.terms.credential(&self.session, unix_ms)
    }

    /// How the handshake ended, for the log.
    pub(crate) fn agreed(&self) -> String {
        let session = &self.session;
        let version = session.protocol_version();
        let suite = session.negotiated_cipher_suite().map(|s| s.suite());
        format!(
            "{version:?}, {suite:?}, handshake {:?}",
            session.handshake_kind()
        )
    }

    /// One read of the socket; its plaintext is handed on in pieces, which lie in `buffer`. Gives how
    /// much was read and whether there may be more.
    pub(crate) fn read(
        &mut self,
        buffer: &mut [u8],
        deliver: &mut dyn FnMut(&mut [u8]),
    ) -> io::Result<(usize, bool)> {
        if self.ended || self.failed {
            return Ok((0, false));
        }
        let room = buffer.len() - PLAIN_ROOM;
        let (cipher, plain) = buffer.split_at_mut(room);
        let held = self.incoming.len();
        let n = self.socket.read(&mut cipher[held..])?;
        if n > 0 {
            cipher[..held].copy_from_slice(&self.incoming);
            self.incoming = Vec::new();
            self.decrypt(&mut cipher[..held + n], plain, deliver)?;
        }
        Ok((n, held + n == room))
    }

    /// Takes bytes that somebody else has read from the socket, before any other.
    pub(crate) fn feed(
        &mut self,
        bytes: &mut [u8],
        plain: &mut [u8],
        deliver: &mut dyn FnMut(&mut [u8]),
    ) -> io::Result<()> {
        debug_assert!(self.incoming.is_empty(), "bytes would overtake others");
        self.decrypt(bytes, plain, deliver)
    }

    /// Decrypts what is whole and keeps the rest. What is to be answered waits in `outgoing`, an alert
    /// about an error too.
    fn decrypt(
        &mut self,
        bytes: &mut [u8],
        plain: &mut [u8],
        deliver: &mut dyn FnMut(&mut [u8]),
    ) -> io::Result<()> {
        let (mut at, mut failure) = (0, None);
        loop {
            let UnbufferedStatus {
                mut discard, state, ..
            } = self.session.process_tls_records(&mut bytes[at..]);
            let mut more = true;
            match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(broken)?;
                        discard += record.discard;
                        for piece in record.payload.chunks(plain.len()) {
                            plain[..piece.len()].copy_from_slice(piece);
                            deliver(&mut plain[..piece.len()]);
                        }
                    }
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    encoded(&mut self.outgoing, 0, |room| data.encode(room)).map_err(broken)?;
                }
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed) => self.ended = true,
                Ok(_) => more = false,
                Err(error) => {
                    self.failed = true;
                    failure = Some(error);
                }
            }
            at += discard;
            // What is left to be written after an error is the alert that tells the peer.
            if !more || (self.failed && !self.session.wants_write()) {
                break;
            }
        }
        if let Some(error) = failure {
            return Err(broken(error));
        }
        let rest = &bytes[at..];
        if rest.len() > MAX_HELD {
            return Err(broken("a message is longer than any may be"));
        }
        self.incoming = rest.to_vec();
        Ok(())
    }

    /// Encrypts as much of `parts` as there is room for, and says how much. 0: flush first.
    pub(crate) fn encrypt(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut given = parts.iter().filter(|part| !part.is_empty());
        match (given.next(), given.next()) {
            (None, _) => Ok(0),
            (Some(only), None) => self.encrypt_piece(only),
            (Some(_), Some(_)) => {
                // Small parts share a record with what follows them.
                let mut piece = Vec::new();
                for part in parts {
                    let room = MAX_RECORD - piece.len();
                    piece.extend_from_slice(&part[..part.len().min(room)]);
                }
                self.encrypt_piece(&piece)
            }
        }
    }

    fn encrypt_piece(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut taken = 0;
        while taken < bytes.len() && self.outgoing.len() < MAX_OUTGOING {
            let piece = &bytes[taken..bytes.len().min(taken + MAX_RECORD)];
            let room = piece.len() + RECORD_OVERHEAD;
            self.say(room, |traffic, room| traffic.encrypt(piece, room))?;
            taken += piece.len();
        }
        Ok(taken)
    }

    /// Lets rustls write something, behind what it has to write itself.
    fn say(
        &mut self,
        room: usize,
        mut say: impl FnMut(&mut WriteTraffic<'_, Data>, &mut [u8]) -> Result<usize, EncryptError>,
    ) -> io::Result<()> {
        while !self.failed {
            let UnbufferedStatus { discard, state, .. } =
                self.session.process_tls_records(&mut self.incoming);
            self.failed = state.is_err();
            let said = match state.map_err(broken)? {
                ConnectionState::EncodeTlsData(mut data) => {
                    encoded(&mut self.outgoing, 0, |room| data.encode(room)).map_err(broken)?;
                    false
                }
                ConnectionState::TransmitTlsData(data) => {
                    data.done();
                    false
                }
                ConnectionState::PeerClosed => {
                    self.ended = true;
                    false
                }
                ConnectionState::WriteTraffic(mut traffic) => {
                    encoded(&mut self.outgoing, room, |room| say(&mut traffic, room))
                        .map_err(broken)?;
                    true
                }
                _ => return Err(io::ErrorKind::BrokenPipe.into()),
            };
            self.incoming.drain(..discard);
            if said {
                return Ok(());
            }
        }
        Err(io::ErrorKind::BrokenPipe.into())
    }

    /// Writes what waits; false where the socket is full.
    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        while self.sent < self.outgoing.len() {
            match self.socket.write(&self.outgoing[self.sent..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => self.sent += n,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        self.outgoing = Vec::new();
        self.sent = 0;
        Ok(true)
    }

    /// Something waits that is not in any outbox.
    pub(crate) fn wants_write(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Says that nothing follows, as far as the socket takes it.
    pub(crate) fn finish(&mut self) {
        if !self.session.is_handshaking() {
            // Where it cannot be said the peer sees the socket's end, as with any error.
            let _ = self.say(RECORD_OVERHEAD, |traffic, room| {
                traffic.queue_close_notify(room)
            });
        }
        let _ = self.flush();
        let _ = self.socket.shutdown(Shutdown::Write);
    }
}

type Data = rustls::server::ServerConnectionData;

/// An error of rustls that may only ask for more room.
trait NeedsRoom {
    fn needed(&self) -> Option<usize>;
}

impl NeedsRoom for EncodeError {
    fn needed(&self) -> Option<usize> {
        match self {
            EncodeError::InsufficientSize(InsufficientSizeError { required_size }) => {
                Some(*required_size)
            }
            EncodeError::AlreadyEncoded => None,
        }
    }
}

impl NeedsRoom for EncryptError {
    fn needed(&self) -> Option<usize> {
        match self {
            EncryptError::InsufficientSize(InsufficientSizeError { required_size }) => {
                Some(*required_size)
            }
            EncryptError::EncryptExhausted => None,
        }
    }
}

/// Appends what `write` writes, with `room` for it or as much as it asks for.
fn encoded<E: NeedsRoom>(
    outgoing: &mut Vec<u8>,
    mut room: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, E>,
) -> Result<(), E> {
    let start = outgoing.len();
    loop {
        outgoing.resize(start + room, 0);
        match write(&mut outgoing[start..]) {
            Ok(n) => {
                outgoing.truncate(start + n);
                return Ok(());
            }
            Err(e) => match e.needed() {
                Some(needed) if needed > room => room = needed,
                _ => {
                    outgoing.truncate(start);
                    return Err(e);
                }
            },
        }
    }
}
