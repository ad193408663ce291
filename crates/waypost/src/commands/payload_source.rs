//! Where `pub` takes its payloads from.
//!
//! Owns what was read of standard input and is not yet a line.

use crate::failure::Failure;
use std::io::Read;
use std::path::Path;

/// The largest payload that any packet could hold.
const MAX_PAYLOAD: u64 = 268_435_455;

/// Reads a file as one payload.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |e| Failure::failed(format!("{}: {e}", path.display()));
    let file = std::fs::File::open(path).map_err(failed)?;
    read_whole(file, &path.display().to_string())
}

/// Reads standard input as one payload.
pub(crate) fn read_input() -> Result<Vec<u8>, Failure> {
    read_whole(std::io::stdin().lock(), "standard input")
}

fn read_whole(from: impl Read, name: &str) -> Result<Vec<u8>, Failure> {
    let mut payload = Vec::new();
    let result = from.take(MAX_PAYLOAD + 1).read_to_end(&mut payload);
    result.map_err(|e| Failure::failed(format!("{name}: {e}")))?;
    if payload.len() as u64 > MAX_PAYLOAD {
        return Err(Failure::failed(format!(
            "{name} is larger than any MQTT packet ({MAX_PAYLOAD} bytes)"
        )));
    }
    Ok(payload)
}

/// Cuts standard input into lines, as it comes.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    partial: Vec<u8>,
    ended: bool,
}

impl Lines {
    /// True where there will be no more.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// Reads once, when the system says that this will not block, and returns whole lines without
    /// their ends; at the end of the input also a last line that has none.
    pub(crate) fn read(&mut self) -> Result<Vec<Vec<u8>>, Failure> {
        let mut buffer = vec![0; 64 << 10];
        // The descriptor itself: a buffer in between would hide from poll what it holds.
        let read = rustix::io::read(std::io::stdin(), &mut buffer);
        match read {
            Ok(n) => self.take(buffer.get(..n).unwrap_or_default()),
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => Ok(Vec::new()),
            Err(e) => Err(Failure::failed(format!("standard input: {e}"))),
        }
    }

    /// `bytes` is empty at the end of the input.
    fn take(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
        let mut lines = Vec::new();
        if bytes.is_empty() {
            self.ended = true;
            if !self.partial.is_empty() {
                lines.push(std::mem::take(&mut self.partial));
            }
            return Ok(lines);
        }
        let mut pieces = bytes.split(|b| *b == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            self.partial.extend_from_slice(piece);
            if self.partial.len() as u64 > MAX_PAYLOAD {
                return Err(Failure::failed(
                    "standard input: a line is larger than any MQTT packet",
                ));
            }
            if pieces.peek().is_some() {
                lines.push(std::mem::take(&mut self.partial));
            }
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_over_several_reads() {
        let mut lines = Lines::default();
        assert_eq!(lines.take(b"a\nb").unwrap(), [b"a"]);
        assert_eq!(lines.take(b"c\n\n").unwrap(), [&b"bc"[..], b""]);
        assert_eq!(lines.take(b"last").unwrap(), Vec::<Vec<u8>>::new());
        assert_eq!(lines.take(b"").unwrap(), [b"last"]);
        assert!(lines.ended());
    }
}
