//! A connected socket, plain or under TLS, as bytes that are read and written without waiting.
//!
//! Owns the TLS state of one connection; shares the socket with its [`Link`](super::Link). Knows
//! neither WebSocket nor MQTT, and no clock.

use rustls::ClientConnection;
use socket2::Socket;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

pub(super) struct Stream {
    socket: Arc<Socket>,
    tls: Option<Box<ClientConnection>>,
    /// Without TLS: the socket did not take what was last written to it.
    blocked: bool,
}

impl Stream {
    pub(super) fn plain(socket: Arc<Socket>) -> Stream {
        Stream {
            socket,
            tls: None,
            blocked: false,
        }
    }

    pub(super) fn tls(socket: Arc<Socket>, tls: ClientConnection) -> Stream {
        Stream {
            socket,
            tls: Some(Box::new(tls)),
            blocked: false,
        }
    }

    /// Bytes wait for the socket to take them.
    pub(super) fn wants_write(&self) -> bool {
        self.blocked || self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Goes on shaking hands as far as the socket allows; true when that is over.
    pub(super) fn shake(&mut self) -> io::Result<bool> {
        let Some(tls) = &mut self.tls else {
            return Ok(true);
        };
        loop {
            send(&self.socket, tls)?;
            if !tls.is_handshaking() {
                return Ok(true);
            }
            match receive(&self.socket, tls) {
                Ok(true) => {}
                Ok(false) => return Err(ErrorKind::UnexpectedEof.into()),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(e) => return Err(e),
            }
        }
    }

    /// Says that nothing more will be written.
    pub(super) fn finish(&mut self) {
        // The other side may have closed already; that is as good.
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            let _ = send(&self.socket, tls);
        }
        let _ = self.socket.shutdown(Shutdown::Write);
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            return retried(|| (&*self.socket).read(into));
        };
        loop {
            match tls.reader().read(into) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                // MQTT and WebSocket have goodbyes of their own; many servers leave out that of TLS.
                Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                done => return done,
            }
            receive(&self.socket, tls)?;
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            let written = retried(|| (&*self.socket).write(bytes));
            self.blocked = matches!(&written, Err(e) if e.kind() == ErrorKind::WouldBlock);
            return written;
        };
        let mut taken = tls.writer().write(bytes)?;
        send(&self.socket, tls)?;
        if taken == 0 && !bytes.is_empty() {
            // There was no room before; there may be now.
            taken = tls.writer().write(bytes)?;
        }
        match taken {
            0 if !bytes.is_empty() => Err(ErrorKind::WouldBlock.into()),
            taken => Ok(taken),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else {
            return Ok(());
        };
        send(&self.socket, tls)?;
        match tls.wants_write() {
            true => Err(ErrorKind::WouldBlock.into()),
            false => Ok(()),
        }
    }
}

/// Sends what TLS has ready, as far as the socket takes it.
fn send(socket: &Socket, tls: &mut ClientConnection) -> io::Result<()> {
    while tls.wants_write() {
        match retried(|| tls.write_tls(&mut &*socket)) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Reads from the socket once and deciphers it; false at the end of the stream.
fn receive(socket: &Socket, tls: &mut ClientConnection) -> io::Result<bool> {
    let read = retried(|| tls.read_tls(&mut &*socket))?;
    tls.process_new_packets().map_err(|e| {
        // The alert tells the server why. It need not arrive.
        let _ = tls.write_tls(&mut &*socket);
        io::Error::new(ErrorKind::InvalidData, e)
    })?;
    Ok(read > 0)
}

fn retried<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
