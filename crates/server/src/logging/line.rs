//! One event as one line of text, or as one JSON object.
//!
//! Pure. No value can begin a line, end a field, start another, or move a terminal: strings are
//! quoted, all that does not show itself is escaped, and sentence and values have a longest length.
//! Text is `TIME LEVEL sentence name=value ...`; JSON has `time`, `level`, `message` and the fields.

use jiff::Timestamp;
use message::printable::{is_printable, write_printable};
use std::fmt::{self, Debug, Write};
use tracing::Level;
use tracing::field::{Field, Visit};

/// Bytes of a sentence that are shown.
const MAX_SENTENCE: usize = 4096;
/// Bytes of a field's value that are shown.
const MAX_VALUE: usize = 512;
/// Follows what is cut off.
const CUT: char = '…';

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Text { colour: bool },
    Json,
}

/// A line in the making.
pub(super) struct Line {
    level: Level,
    style: Style,
    sentence: String,
    fields: String,
}

impl Line {
    pub(super) fn new(level: Level, style: Style) -> Line {
        Line {
            level,
            style,
            sentence: String::new(),
            fields: String::new(),
        }
    }

    pub(super) fn say(&mut self, sentence: &dyn Debug) {
        self.sentence.clear();
        let plain = shown(sentence, MAX_SENTENCE);
        match self.style {
            Style::Text { .. } => write_text(&mut self.sentence, &plain),
            Style::Json => write_json(&mut self.sentence, &plain),
        }
    }

    /// The whole line with its end.
    pub(super) fn finish(self, time: Timestamp) -> String {
        let (sentence, fields) = (self.sentence, self.fields);
        match self.style {
            Style::Text { colour } => {
                let (on, off) = match (colour, self.level) {
                    (false, _) => ("", ""),
                    (true, Level::ERROR) => ("\u{1b}[31m", "\u{1b}[0m"),
                    (true, Level::WARN) => ("\u{1b}[33m", "\u{1b}[0m"),
                    (true, Level::INFO) => ("\u{1b}[32m", "\u{1b}[0m"),
                    (true, _) => ("\u{1b}[34m", "\u{1b}[0m"),
                };
                let level = self.level.as_str();
                format!("{time:.3} {on}{level:>5}{off} {sentence}{fields}\n")
            }
            Style::Json => {
                let level = self.level.as_str().to_ascii_lowercase();
                let head = format!(r#""time":"{time:.3}","level":"{level}""#);
                format!("{{{head},\"message\":\"{sentence}\"{fields}}}\n")
            }
        }
    }

    fn name(&mut self, field: &Field) {
        match self.style {
            Style::Text { .. } => self.fields.extend([" ", field.name(), "="]),
            Style::Json => self.fields.extend([",\"", field.name(), "\":"]),
        }
    }

    /// `bare`: without quotes in a text, where nothing in it asks for them.
    fn value(&mut self, field: &Field, value: &dyn Debug, bare: bool) {
        self.name(field);
        let plain = shown(value, MAX_VALUE);
        let bare = bare && !plain.is_empty() && plain.chars().all(is_plain);
        match self.style {
            Style::Text { .. } if bare => self.fields.push_str(&plain),
            Style::Text { .. } => {
                self.fields.push('"');
                for part in plain.split_inclusive('"') {
                    let (part, quote) = match part.strip_suffix('"') {
                        Some(part) => (part, "\\\""),
                        None => (part, ""),
                    };
                    write_text(&mut self.fields, part);
                    self.fields.push_str(quote);
                }
                self.fields.push('"');
            }
            Style::Json => {
                self.fields.push('"');
                write_json(&mut self.fields, &plain);
                self.fields.push('"');
            }
        }
    }

    fn number(&mut self, field: &Field, number: &dyn Debug) {
        self.name(field);
        // A String takes everything.
        let _ = write!(self.fields, "{number:?}");
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.say(value);
        } else {
            self.value(field, value, true);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let value = format_args!("{value}");
        if field.name() == "message" {
            self.say(&value);
        } else {
            self.value(field, &value, false);
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.number(field, &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field, &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field, &value);
    }
}

/// What may stand in a text without quotes.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._:/@+-[]?&%~".contains(c)
}

/// A value as it shows itself, cut after `max` bytes.
fn shown(value: &dyn Debug, max: usize) -> String {
    struct Bounded {
        text: String,
        max: usize,
    }
    impl Write for Bounded {
        fn write_str(&mut self, part: &str) -> fmt::Result {
            let room = self.max - self.text.len();
            if part.len() <= room {
                self.text.push_str(part);
                return Ok(());
            }
            self.text.push_str(&part[..part.floor_char_boundary(room)]);
            // Whatever follows is not wanted.
            Err(fmt::Error)
        }
    }
    let mut bounded = Bounded {
        text: String::new(),
        max,
    };
    if write!(bounded, "{value:?}").is_err() {
        bounded.text.push(CUT);
    }
    bounded.text
}

fn write_text(out: &mut String, plain: &str) {
    for c in plain.chars() {
        // A String takes everything.
        let _ = write_printable(out, c);
    }
}

/// The inside of a JSON string (RFC 8259, section 7), in which all that shows is as it is.
fn write_json(out: &mut String, plain: &str) {
    for c in plain.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_printable(c) => out.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // A String takes everything.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
