//! What the API answers, as it is printed: tables, one thing with all that is known of it, and JSON.
//!
//! Pure but for the terminal's width. The strings in an answer are of clients: all of them are escaped
//! here, in JSON too, so that none moves the terminal.

use super::human;
use super::table::{Align, table};
use crate::failure::Failure;
use crate::output::{self, Output};
use jiff::Timestamp;
use message::Printable;
use message::printable::is_printable;
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};
use serde_json::{Map, Value};
use std::io::{self, Write};

/// How a field is shown in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Count,
    Bytes,
    /// A time, shown as how long ago it was.
    Since,
    /// Seconds; none is for ever.
    Span,
    Flag,
}

/// A column: its title, the field that it shows, and how.
pub(crate) type Column = (&'static str, &'static str, Form);

/// Prints rows below titles.
pub(crate) fn print_table(
    out: &mut Output,
    columns: &[Column],
    rows: &[Value],
) -> Result<(), Failure> {
    let now = Timestamp::now();
    let heads: Vec<_> = columns
        .iter()
        .map(|(title, _, form)| (*title, align(*form)))
        .collect();
    let cells = |row: &Value| {
        let cell = |(_, field, form): &Column| cell(row.get(*field), *form, now);
        columns.iter().map(cell).collect::<Vec<_>>()
    };
    let rows: Vec<_> = rows.iter().map(cells).collect();
    let (on, off) = output::bold();
    let mut lines = table(&heads, &rows, output::width()).into_iter();
    if let Some(titles) = lines.next() {
        out.line(&format!("{on}{titles}{off}"))?;
    }
    lines.try_for_each(|line| out.line(&line))
}

fn align(form: Form) -> Align {
    match form {
        Form::Text | Form::Flag => Align::Left,
        Form::Count | Form::Bytes | Form::Since | Form::Span => Align::Right,
    }
}

fn cell(value: Option<&Value>, form: Form, now: Timestamp) -> String {
    let value = value.unwrap_or(&Value::Null);
    let number = value.as_u64();
    let shown = match form {
        Form::Span if value.is_null() => Some("never".into()),
        Form::Count => number.map(human::count),
        Form::Bytes => number.map(human::bytes),
        Form::Span => number.map(human::span),
        Form::Since => time(value).map(|at| human::age(at, now)),
        Form::Flag => value.as_bool().map(yes),
        Form::Text => None,
    };
    shown.unwrap_or_else(|| plain(value))
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn yes(flag: bool) -> String {
    if flag { "yes" } else { "no" }.to_owned()
}

/// A value as a text on one line.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::Bool(flag) => yes(*flag),
        Value::String(text) => Printable(text).to_string(),
        other => json(other),
    }
}

/// Prints all that is known of one thing, a line for each field.
pub(crate) fn print_fields(out: &mut Output, object: &Map<String, Value>) -> Result<(), Failure> {
    let now = Timestamp::now();
    let width = object.keys().map(String::len).max().unwrap_or(0);
    for (name, value) in object {
        let shown = field(name, value, now);
        let label = Printable(name).to_string().replace('_', " ");
        out.line(&format!("{label:width$}  {shown}"))?;
    }
    Ok(())
}

/// The unit is in the name.
fn field(name: &str, value: &Value, now: Timestamp) -> String {
    let number = value.as_u64();
    let shown = match name.rsplit_once('_').map(|(_, unit)| unit) {
        Some("at") => {
            time(value).map(|at| format!("{} ({} ago)", human::moment(at), human::age(at, now)))
        }
        Some("bytes") => number.map(human::bytes),
        Some("s") => number.map(human::span),
        Some("ms") => number.map(|ms| human::span(ms.div_ceil(1000))),
        _ => number.map(human::count),
    };
    shown.unwrap_or_else(|| plain(value))
}

/// JSON on one line, in which all that does not show itself is escaped.
pub(crate) fn json(value: &Value) -> String {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Escaping);
    // A Vec takes everything, and every Value can be written.
    let _ = value.serialize(&mut serializer);
    String::from_utf8_lossy(&bytes).into_owned()
}

struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + Write,
    {
        for c in fragment.chars() {
            if is_printable(c) {
                CompactFormatter.write_string_fragment(writer, c.encode_utf8(&mut [0; 4]))?;
            } else {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json as value;

    const NOW: Timestamp = Timestamp::constant(1_778_104_800, 0);

    #[test]
    fn cells_are_shown_by_their_form() {
        for (value, form, shown) in [
            (value!("a\u{1b}[31m"), Form::Text, "a\\u{1b}[31m"),
            (value!(null), Form::Text, "-"),
            (value!(1234), Form::Count, "1,234"),
            (value!(2048), Form::Bytes, "2.0 KiB"),
            (value!("2026-05-06T21:59:00Z"), Form::Since, "1m"),
            (value!("long ago"), Form::Since, "long ago"),
            (value!(90), Form::Span, "1m 30s"),
            (value!(null), Form::Span, "never"),
            (value!(true), Form::Flag, "yes"),
            (value!(["x", 1]), Form::Text, "[\"x\",1]"),
        ] {
            assert_eq!(cell(Some(&value), form, NOW), shown, "{value}");
        }
        assert_eq!(cell(None, Form::Count, NOW), "-");
    }

    #[test]
    fn fields_are_shown_by_their_name() {
        for (name, value, shown) in [
            ("queued_bytes", value!(2048), "2.0 KiB"),
            ("expiry_s", value!(3600), "1h"),
            ("ends_in_ms", value!(1500), "2s"),
            ("subscriptions", value!(1234), "1,234"),
            ("will", value!(null), "-"),
            ("client_id", value!("a\nb"), "a\\nb"),
        ] {
            assert_eq!(field(name, &value, NOW), shown);
        }
        let at = field("created_at", &value!("2026-05-06T21:59:00Z"), NOW);
        assert!(at.ends_with(" (1m ago)"), "{at}");
    }

    #[test]
    fn json_is_the_same_value_and_moves_no_terminal() {
        let hostile = value!({"a\u{9b}": "\u{1b}[2J\u{202e}\"\\\n\u{e0041} ok ä", "n": [1, null]});
        let shown = json(&hostile);
        assert!(shown.chars().all(is_printable), "{shown:?}");
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), hostile);
    }
}
