//! A WebSocket on a [`Stream`]: the request that opens it, then binary frames as bytes.
//!
//! Owns the frames under way. Knows neither how the stream is carried nor MQTT, and never waits.

use super::ClientError;
use super::dialer::Dialer;
use super::link::Got;
use super::stream::Stream;
use std::io::{self, ErrorKind, Read, Write};
use tungstenite::client::IntoClientRequest;
use tungstenite::error::ProtocolError;
use tungstenite::handshake::client::{ClientHandshake, Request};
use tungstenite::handshake::{HandshakeError, MidHandshake};
use tungstenite::http::HeaderValue;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Bytes, Error as WsError, Message as Frame, WebSocket};

/// The largest message that is taken: more than the largest MQTT packet.
const MESSAGE_AT_MOST: usize = 512 << 20;
/// The largest answer to the request, without its body.
const HEAD_AT_MOST: usize = 64 << 10;

/// The request for the dialer's path, where its scheme is one of WebSocket.
pub(super) fn request(dialer: &Dialer) -> Result<Option<Request>, ClientError> {
    let target = dialer.target();
    if !target.scheme.is_web_socket() {
        return Ok(None);
    }
    let failed = |e: WsError| refused(&target.to_string(), &e);
    let mut request = target.to_string().into_client_request().map_err(failed)?;
    request.headers_mut().insert(
        "Sec-WebSocket-Protocol",
        HeaderValue::from_static(dialer.subprotocol()),
    );
    Ok(Some(request))
}

/// The answer of `place` is no consent.
pub(super) fn refused(place: &str, error: &WsError) -> ClientError {
    let what = match error {
        WsError::Http(response) => format!("it answered {}", response.status()),
        other => other.to_string(),
    };
    ClientError::Handshake {
        target: place.to_owned(),
        what,
    }
}

/// A request under way.
pub(super) struct Upgrade(Box<MidHandshake<ClientHandshake<HeadFirst>>>);

/// Where an [`Upgrade`] stands.
pub(super) enum Progress {
    Waiting(Upgrade),
    Done(Web),
}

impl Upgrade {
    pub(super) fn begin(stream: Stream, request: Request) -> Result<Upgrade, WsError> {
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_AT_MOST))
            .max_frame_size(Some(MESSAGE_AT_MOST))
            .max_write_buffer_size(usize::MAX);
        let stream = HeadFirst {
            stream,
            head: Vec::new(),
            given: 0,
            whole: false,
        };
        let mid = ClientHandshake::start(stream, request, Some(config))?;
        Ok(Upgrade(Box::new(mid)))
    }

    pub(super) fn wants_write(&self) -> bool {
        self.0.get_ref().get_ref().stream.wants_write()
    }

    /// Goes on as far as the stream allows.
    pub(super) fn go_on(self) -> Result<Progress, WsError> {
        match self.0.handshake() {
            Ok((frames, _)) => Ok(Progress::Done(Web {
                frames: Box::new(frames),
                unflushed: false,
            })),
            Err(HandshakeError::Interrupted(mid)) => Ok(Progress::Waiting(Upgrade(Box::new(mid)))),
            Err(HandshakeError::Failure(e)) => Err(e),
        }
    }
}

/// A stream that gives nothing until the head of the server's answer is there as a whole: tungstenite
/// takes a head in small pieces for an attack.
struct HeadFirst {
    stream: Stream,
    head: Vec<u8>,
    /// How much of `head` has been read.
    given: usize,
    whole: bool,
}

impl HeadFirst {
    fn gather(&mut self) -> io::Result<()> {
        const END: &[u8] = b"\r\n\r\n";
        let mut buffer = [0; 4 << 10];
        while !self.whole {
            let n = self.stream.read(&mut buffer)?;
            // The end may lie across two reads.
            let from = self.head.len().saturating_sub(END.len());
            self.head
                .extend_from_slice(buffer.get(..n).unwrap_or_default());
            let new = self.head.get(from..).unwrap_or_default();
            self.whole = n == 0 || new.windows(END.len()).any(|window| window == END);
            if !self.whole && self.head.len() > HEAD_AT_MOST {
                let what = "an endless head in the answer of the server";
                return Err(io::Error::new(ErrorKind::InvalidData, what));
            }
        }
        Ok(())
    }
}

impl Read for HeadFirst {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.gather()?;
        let mut rest = self.head.get(self.given..).unwrap_or_default();
        if rest.is_empty() {
            self.head = Vec::new();
            self.given = 0;
            return self.stream.read(into);
        }
        let n = rest.read(into)?;
        self.given += n;
        Ok(n)
    }
}

impl Write for HeadFirst {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// An open WebSocket.
pub(super) struct Web {
    frames: Box<WebSocket<HeadFirst>>,
    /// Frames wait for the stream.
    unflushed: bool,
}

impl Web {
    pub(super) fn wants_write(&self) -> bool {
        self.unflushed || self.frames.get_ref().stream.wants_write()
    }

    /// Writes `unsent` as one frame, and what the stream takes of it.
    pub(super) fn write(&mut self, unsent: &mut Vec<u8>) -> io::Result<()> {
        if !self.unflushed && !unsent.is_empty() {
            let frame = Frame::Binary(Bytes::from(std::mem::take(unsent)));
            self.unflushed = true;
            match self.frames.write(frame) {
                Ok(()) => {}
                Err(WsError::Io(e)) if e.kind() == ErrorKind::WouldBlock => {}
                Err(e) => return Err(io_error(e)),
            }
        }
        match self.frames.flush() {
            Ok(()) | Err(WsError::ConnectionClosed | WsError::AlreadyClosed) => {
                self.unflushed = false;
                Ok(())
            }
            Err(WsError::Io(e)) if e.kind() == ErrorKind::WouldBlock => {
                self.unflushed = true;
                Ok(())
            }
            Err(e) => Err(io_error(e)),
        }
    }

    /// Reads what has come, behind `into`, until that grew by `at_most` or more.
    pub(super) fn read(&mut self, into: &mut Vec<u8>, at_most: usize) -> io::Result<Got> {
        let start = into.len();
        while into.len() - start < at_most {
            match self.frames.read() {
                Ok(Frame::Binary(bytes)) => into.extend_from_slice(&bytes),
                Ok(Frame::Text(_)) => {
                    return Err(io::Error::new(ErrorKind::InvalidData, "a text frame"));
                }
                // It may want an answer.
                Ok(_) => self.unflushed = true,
                Err(WsError::Io(e)) if e.kind() == ErrorKind::WouldBlock => return Ok(Got::All),
                Err(
                    WsError::ConnectionClosed
                    | WsError::AlreadyClosed
                    | WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake),
                ) => return Ok(Got::End),
                Err(e) => return Err(io_error(e)),
            }
        }
        Ok(Got::More)
    }

    /// Says that nothing more will be written.
    pub(super) fn finish(&mut self) {
        // The other side may have closed already; that is as good.
        let _ = self.frames.close(None);
        let _ = self.frames.flush();
    }
}

fn io_error(error: WsError) -> io::Error {
    match error {
        WsError::Io(e) => e,
        other => io::Error::other(other.to_string()),
    }
}
