//! An echo server on the codec, one thread per connection: what the Autobahn suite talks to.
//!
//! `echo [ADDRESS]`, by default `127.0.0.1:9001`; port 0 picks a free one. Prints `ready ADDRESS`. Each message is
//! sent back as one frame, text as text. An example only: it holds whole messages and never times out.
#![allow(clippy::print_stdout, clippy::print_stderr)]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a program, not part of the pure crate"
)]

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use ws_codec::{
    Decoder, Event, Handshake, HandshakePolicy, Limits, Opcode, TextPolicy, close_frame,
    control_frame, frame_header, handshake,
};

const LIMITS: Limits = Limits {
    max_frame: 64 << 20,
    max_message: 64 << 20,
    max_fragments: 1 << 20,
};
const POLICY: HandshakePolicy<'_> = HandshakePolicy {
    path: "/",
    subprotocols: &[],
    origins: &[],
    max_head: 8192,
    max_headers: 64,
};

fn main() -> io::Result<()> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:9001".into());
    let listener = TcpListener::bind(address)?;
    println!("ready {}", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        std::thread::spawn(move || {
            if let Err(error) = serve(stream) {
                eprintln!("{error}");
            }
        });
    }
    Ok(())
}

fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let Some(mut first) = upgrade(&mut stream)? else {
        return Ok(());
    };
    let mut echo = Echo {
        decoder: Decoder::new(LIMITS, TextPolicy::Accept),
        message: Vec::new(),
        out: Vec::new(),
    };
    let mut open = echo.take(&mut first);
    let mut buf = vec![0; 64 * 1024];
    loop {
        stream.write_all(&echo.out)?;
        echo.out.clear();
        if !open {
            stream.shutdown(std::net::Shutdown::Write)?;
            while stream.read(&mut buf)? > 0 {} // a close with unread bytes would reset the connection
            return Ok(());
        }
        let n = stream.read(&mut buf)?;
        if n == 0 {
            return Ok(());
        }
        open = echo.take(&mut buf[..n]);
    }
}

/// Answers the handshake; gives the bytes that came behind it, or `None` when it was refused.
fn upgrade(stream: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    let mut buf = [0; 2048];
    loop {
        match handshake(&head, &POLICY) {
            Handshake::Accept {
                consumed, response, ..
            } => {
                stream.write_all(&response)?;
                return Ok(Some(head.split_off(consumed)));
            }
            Handshake::Refuse { response, .. } => {
                stream.write_all(&response)?;
                return Ok(None);
            }
            Handshake::Incomplete => {}
        }
        let n = stream.read(&mut buf)?;
        if n == 0 {
            return Ok(None);
        }
        head.extend_from_slice(&buf[..n]);
    }
}

struct Echo {
    decoder: Decoder,
    message: Vec<u8>,
    out: Vec<u8>,
}

impl Echo {
    /// Takes what was read and appends the answers to `out`; false when the connection is to be closed.
    fn take(&mut self, read: &mut [u8]) -> bool {
        let mut at = 0;
        loop {
            match self.decoder.next(&mut read[at..]) {
                Ok(None) => return true,
                Ok(Some((used, event))) => {
                    at += used;
                    match event {
                        Event::Data(piece) => self.message.extend_from_slice(piece),
                        Event::Ping(payload) => {
                            self.out
                                .extend_from_slice(control_frame(Opcode::Pong, payload).as_bytes());
                        }
                        Event::Pong(_) => {}
                        Event::Close(code, _) => {
                            self.out.extend_from_slice(close_frame(code, "").as_bytes());
                            return false;
                        }
                        Event::MessageEnd => self.answer(),
                    }
                }
                Err(error) => {
                    let frame = close_frame(Some(error.close_code()), &error.to_string());
                    self.out.extend_from_slice(frame.as_bytes());
                    return false;
                }
            }
        }
    }

    fn answer(&mut self) {
        let opcode = if self.decoder.is_text() {
            Opcode::Text
        } else {
            Opcode::Binary
        };
        let mut header = [0; 10];
        let n = frame_header(opcode, true, self.message.len() as u64, &mut header);
        self.out.extend_from_slice(&header[..n]);
        self.out.append(&mut self.message);
    }
}
