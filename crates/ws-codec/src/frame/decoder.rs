//! Frames out of a driver's read buffer: unmasked in place, handed out without a copy.
//!
//! Owner: the connection. It keeps what a buffer's end cut off (a header, a control payload) and where in a frame
//! and message the stream is; never a byte of message payload, and no heap unless a control frame came in pieces.
//!
//! ```text
//!              +--------------------- frame of length 0, not the last ---+
//!              v                                                         |
//!   Header --(data frame)--> Payload --(frame's end)--> Header ----------+
//!     |                         +------(last frame's end)--> End --> Header
//!     +--(control frame)--> Control --> Header   (after a close frame: Closed)
//!   any --(offence)--> Failed
//! ```

use super::error::FrameError;
use super::header::{Header, MAX_HEADER, Opcode};
use super::mask::unmask;
use super::utf8::Utf8;
use super::{close, encode};

/// What a client may send; each bound fails the connection when it is passed.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Payload bytes of one frame.
    pub max_frame: u64,
    /// Payload bytes of one message, over all its frames.
    pub max_message: u64,
    /// Frames of one message, empty ones included.
    pub max_fragments: u32,
}

/// What to do with text messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextPolicy {
    /// Fail the connection: MQTT travels in binary frames only `[MQTT-6.0.0-1]`.
    Refuse,
    /// Take them, checked to be UTF-8.
    Accept,
}

/// What the stream says next. Slices borrow from the driver's buffer or the decoder.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A piece of a message, never empty: a frame or a part of one. It ends where the event's bytes do, so a
    /// driver that joins pieces in place knows their range in its buffer.
    Data(&'a [u8]),
    /// The message whose pieces came before is whole.
    MessageEnd,
    /// To be answered with a pong of the same payload (RFC 6455 5.5.2).
    Ping(&'a [u8]),
    Pong(&'a [u8]),
    /// The client's close frame: its code and reason. What follows it is skipped.
    Close(Option<u16>, &'a str),
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Between frames, or inside a header of which `have` bytes came.
    Header {
        have: u8,
        bytes: [u8; MAX_HEADER],
    },
    /// Inside a data frame, `left` bytes (at least one) before its end.
    Payload {
        left: u64,
        mask: [u8; 4],
        fin: bool,
    },
    /// Inside a control frame of which `have` bytes of payload were set aside.
    Control {
        opcode: Opcode,
        len: u8,
        have: u8,
        mask: [u8; 4],
    },
    /// `MessageEnd` is due.
    End,
    Closed,
    Failed(FrameError),
}

const BETWEEN_FRAMES: State = State::Header {
    have: 0,
    bytes: [0; MAX_HEADER],
};

/// The state of one connection's incoming frames.
#[derive(Debug)]
pub struct Decoder {
    max_frame: u64,
    max_message: u64,
    max_fragments: u32,
    text_policy: TextPolicy,
    state: State,
    /// Payload bytes and frames of the current message, counted when a header announces them.
    message_len: u64,
    fragments: u32,
    /// A message has begun and its last frame has not.
    open: bool,
    text: bool,
    utf8: Utf8,
    /// The payload of a control frame that arrives in pieces; made at the first such frame, kept for the next.
    control: Option<Box<[u8; encode::MAX_CONTROL]>>,
}

impl Decoder {
    #[must_use]
    pub fn new(limits: Limits, text_policy: TextPolicy) -> Self {
        Self {
            max_frame: limits.max_frame,
            max_message: limits.max_message,
            max_fragments: limits.max_fragments,
            text_policy,
            state: BETWEEN_FRAMES,
            message_len: 0,
            fragments: 0,
            open: false,
            text: false,
            utf8: Utf8::default(),
            control: None,
        }
    }

    /// Whether the message whose `Data` or `MessageEnd` was reported last is a text.
    #[must_use]
    pub fn is_text(&self) -> bool {
        self.text
    }

    /// The next event of `buf` and how many bytes of it are done with. `None`: all of `buf` is, and more bytes
    /// are needed. Call it until then, for an event may take no bytes; bytes once done with are never given again.
    ///
    /// ```
    /// # use ws_codec::*;
    /// # let limits = Limits { max_frame: 1 << 20, max_message: 1 << 20, max_fragments: 100 };
    /// # let mut decoder = Decoder::new(limits, TextPolicy::Refuse);
    /// # let mut read = *b"\x82\x82\0\0\0\0\xc0\0";
    /// let mut at = 0;
    /// while let Some((used, event)) = decoder.next(&mut read[at..])? {
    ///     at += used;
    ///     match event {
    ///         Event::Data(piece) => assert_eq!(piece, b"\xc0\0"), // to the MQTT stream
    ///         Event::MessageEnd => {}                             // MQTT packets may straddle messages
    ///         _ => {}
    ///     }
    /// }
    /// # Ok::<(), FrameError>(())
    /// ```
    ///
    /// # Errors
    /// The client's offence; from then on the same one for ever.
    pub fn next<'b>(
        &'b mut self,
        buf: &'b mut [u8],
    ) -> Result<Option<(usize, Event<'b>)>, FrameError> {
        let mut at = 0_usize;
        while let State::Header { have, bytes } = self.state {
            let rest = buf.get(at..).unwrap_or_default();
            match self.take_header(rest, have, bytes) {
                Ok(Some(used)) => at = at.saturating_add(used),
                Ok(None) => return Ok(None),
                Err(error) => return Err(self.fail(error)),
            }
        }
        let rest = buf.get_mut(at..).unwrap_or_default();
        match self.state {
            State::Payload { left, mask, fin } => self.take_payload(at, rest, left, mask, fin),
            State::Control { .. } => self.take_control(at, rest),
            State::End if self.text && !self.utf8.is_complete() => {
                Err(self.fail(FrameError::TextNotUtf8))
            }
            State::End => {
                self.state = BETWEEN_FRAMES;
                Ok(Some((at, Event::MessageEnd)))
            }
            State::Failed(error) => Err(error),
            State::Closed | State::Header { .. } => Ok(None), // RFC 6455 1.4: what follows a close frame is discarded
        }
    }

    fn fail(&mut self, error: FrameError) -> FrameError {
        self.state = State::Failed(error);
        error
    }

    /// Takes a header, of which `have` bytes came with earlier buffers, and enters its frame. Returns the bytes
    /// used; `None` when all were, and the header still is not whole.
    #[inline]
    fn take_header(
        &mut self,
        rest: &[u8],
        have: u8,
        mut bytes: [u8; MAX_HEADER],
    ) -> Result<Option<usize>, FrameError> {
        let had = usize::from(have);
        if had == 0
            && let Some((header, used)) = Header::parse(rest)?
        {
            self.enter(header)?;
            return Ok(Some(used));
        }
        let mut filled = have;
        for (to, from) in bytes.iter_mut().skip(had).zip(rest) {
            *to = *from;
            filled = filled.saturating_add(1);
        }
        let Some((header, used)) =
            Header::parse(bytes.get(..usize::from(filled)).unwrap_or_default())?
        else {
            self.state = State::Header {
                have: filled,
                bytes,
            };
            return Ok(None);
        };
        self.enter(header)?;
        Ok(Some(used.saturating_sub(had)))
    }

    /// Checks a whole header against the frames before it and sets the state it leads to.
    #[inline]
    fn enter(&mut self, header: Header) -> Result<(), FrameError> {
        let Header {
            fin,
            opcode,
            len,
            mask,
        } = header;
        match opcode {
            Opcode::Close | Opcode::Ping | Opcode::Pong => {
                let len = u8::try_from(len).map_err(|_| FrameError::ControlTooLong)?;
                self.state = State::Control {
                    opcode,
                    len,
                    have: 0,
                    mask,
                };
                return Ok(());
            }
            Opcode::Continuation if !self.open => return Err(FrameError::ContinuationWithoutStart), // RFC 6455 5.4
            Opcode::Continuation => {}
            Opcode::Text | Opcode::Binary if self.open => {
                return Err(FrameError::MessageInsideMessage);
            } // RFC 6455 5.4
            Opcode::Text if self.text_policy == TextPolicy::Refuse => {
                return Err(FrameError::TextRefused);
            }
            Opcode::Text | Opcode::Binary => {
                self.text = opcode == Opcode::Text;
                self.utf8 = Utf8::default();
                (self.message_len, self.fragments) = (0, 0);
            }
        }
        // RFC 6455 10.4: limits on frames and on messages made of frames.
        self.fragments = self.fragments.saturating_add(1);
        self.message_len = self.message_len.saturating_add(len);
        if len > self.max_frame {
            return Err(FrameError::FrameTooBig);
        }
        if self.message_len > self.max_message {
            return Err(FrameError::MessageTooBig);
        }
        if self.fragments > self.max_fragments {
            return Err(FrameError::TooManyFragments);
        }
        self.open = !fin;
        self.state = match (len, fin) {
            (0, true) => State::End,
            (0, false) => BETWEEN_FRAMES,
            _ => State::Payload {
                left: len,
                mask,
                fin,
            },
        };
        Ok(())
    }

    /// Unmasks what `rest` holds of the current data frame.
    #[inline]
    fn take_payload<'b>(
        &mut self,
        at: usize,
        rest: &'b mut [u8],
        left: u64,
        mask: [u8; 4],
        fin: bool,
    ) -> Result<Option<(usize, Event<'b>)>, FrameError> {
        let take = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
        let Some(piece) = rest.get_mut(..take).filter(|piece| !piece.is_empty()) else {
            return Ok(None);
        };
        let mask = unmask(piece, mask);
        if self.text && !self.utf8.push(piece) {
            return Err(self.fail(FrameError::TextNotUtf8)); // RFC 6455 8.1
        }
        let left = left.saturating_sub(take as u64);
        self.state = match (left, fin) {
            (0, true) => State::End,
            (0, false) => BETWEEN_FRAMES,
            _ => State::Payload { left, mask, fin },
        };
        Ok(Some((at.saturating_add(take), Event::Data(piece))))
    }

    /// Takes a control frame: in place when `rest` holds all of its payload, set aside until then when not.
    fn take_control<'b>(
        &'b mut self,
        at: usize,
        rest: &'b mut [u8],
    ) -> Result<Option<(usize, Event<'b>)>, FrameError> {
        let State::Control {
            opcode,
            len,
            have,
            mask,
        } = self.state
        else {
            return Ok(None);
        };
        let wanted = usize::from(len.saturating_sub(have));
        let take = wanted.min(rest.len());
        let Some(piece) = rest.get_mut(..take) else {
            return Ok(None);
        };
        let payload: &'b mut [u8] = if have == 0 && take == wanted {
            piece
        } else {
            if take == 0 {
                return Ok(None);
            }
            let aside = self
                .control
                .get_or_insert_with(|| Box::new([0; encode::MAX_CONTROL]));
            let mut filled = have;
            for (to, from) in aside.iter_mut().skip(usize::from(have)).zip(piece.iter()) {
                *to = *from;
                filled = filled.saturating_add(1);
            }
            if take < wanted {
                self.state = State::Control {
                    opcode,
                    len,
                    have: filled,
                    mask,
                };
                return Ok(None);
            }
            aside.get_mut(..usize::from(len)).unwrap_or_default()
        };
        unmask(payload, mask);
        self.state = BETWEEN_FRAMES;
        let event = match opcode {
            Opcode::Ping => Event::Ping(payload),
            Opcode::Pong => Event::Pong(payload),
            _ => match close::parse(payload) {
                Ok((code, reason)) => {
                    self.state = State::Closed;
                    Event::Close(code, reason)
                }
                Err(error) => {
                    self.state = State::Failed(error);
                    return Err(error);
                }
            },
        };
        Ok(Some((at.saturating_add(take), event)))
    }
}

#[cfg(test)]
mod tests {
    use super::Decoder;

    #[test]
    fn a_decoder_is_small() {
        assert!(size_of::<Decoder>() <= 64, "{}", size_of::<Decoder>());
    }
}
