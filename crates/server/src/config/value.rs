//! Values as a source gives them, before they mean anything, and the line that each stands on.
//!
//! Plain values, owned by whoever parsed them. Nothing here knows a key or a default.

use std::fmt;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value of a source.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
    /// Dates and times, which no key takes.
    Other(String),
}

/// A value and its line in the file; 0 where there is no file.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub value: Value,
    pub line: usize,
    /// What was written, where the source is an environment variable or an option.
    pub raw: Option<String>,
}

impl Node {
    pub(super) fn new(value: Value) -> Node {
        Node {
            value,
            line: 0,
            raw: None,
        }
    }
}

/// A file that is no TOML.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub(super) line: usize,
    pub(super) what: String,
}

/// Parses a whole file.
pub(super) fn parse_file(text: &str) -> Result<Vec<(String, Node)>, SyntaxError> {
    let table = DeTable::parse(text).map_err(|e| SyntaxError {
        line: e.span().map_or(1, |s| line_of(text, s.start)),
        what: e.message().to_owned(),
    })?;
    Ok(table_nodes(text, table.get_ref()))
}

/// Parses what follows the `=` of an option: a TOML value, else a string.
pub(super) fn parse_word(raw: &str) -> Node {
    let line = format!("v = {raw}");
    let value = match DeTable::parse(&line) {
        Ok(table) if table.get_ref().len() == 1 => {
            table.get_ref().values().next().map(|v| node("", v).value)
        }
        _ => None,
    };
    let value = value.unwrap_or_else(|| Value::Text(raw.to_owned()));
    Node {
        value,
        line: 0,
        raw: Some(raw.to_owned()),
    }
}

fn table_nodes(text: &str, table: &DeTable<'_>) -> Vec<(String, Node)> {
    let mut entries: Vec<_> = table
        .iter()
        .map(|(key, value)| {
            let mut node = node(text, value);
            node.line = line_of(text, key.span().start);
            (key.get_ref().to_string(), node)
        })
        .collect();
    entries.sort_by_key(|(_, node)| node.line);
    entries
}

fn node(text: &str, value: &Spanned<DeValue<'_>>) -> Node {
    let line = line_of(text, value.span().start);
    let value = match value.get_ref() {
        DeValue::Boolean(b) => Value::Bool(*b),
        DeValue::String(s) => Value::Text(s.to_string()),
        DeValue::Integer(i) => match i64::from_str_radix(i.as_str(), i.radix()) {
            Ok(i) => Value::Int(i),
            Err(_) => Value::Other(i.as_str().to_owned()),
        },
        DeValue::Float(f) => Value::Float(f.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Datetime(d) => Value::Other(d.to_string()),
        DeValue::Array(items) => Value::List(items.iter().map(|v| node(text, v)).collect()),
        DeValue::Table(table) => Value::Table(table_nodes(text, table)),
    };
    Node {
        value,
        line,
        raw: None,
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|b| *b == b'\n').count() + 1
}

impl fmt::Display for Value {
    /// Writes the value as TOML.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(b) => write!(f, "{b}"),
            Value::Int(i) => write!(f, "{i}"),
            Value::Float(x) => write!(f, "{x}"),
            Value::Text(s) => write_text(f, s),
            Value::Other(s) => write!(f, "{s}"),
            Value::List(items) => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{}", item.value)?;
                }
                f.write_str("]")
            }
            Value::Table(entries) => {
                f.write_str("{ ")?;
                for (i, (key, node)) in entries.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{key} = {}", node.value)?;
                }
                f.write_str(" }")
            }
        }
    }
}

fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            c if c.is_control() => write!(f, "\\u{:04X}", u32::from(c))?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_toml_values_else_strings() {
        for (raw, value) in [
            ("true", Value::Bool(true)),
            ("0x10", Value::Int(16)),
            ("1_000", Value::Int(1000)),
            ("\"a b\"", Value::Text("a b".into())),
            ("64 MiB", Value::Text("64 MiB".into())),
            ("unlimited", Value::Text("unlimited".into())),
            ("", Value::Text(String::new())),
            ("1\nw = 2", Value::Text("1\nw = 2".into())),
        ] {
            assert_eq!(parse_word(raw).value, value, "{raw}");
        }
        assert!(matches!(parse_word("[\"a\"]").value, Value::List(l) if l.len() == 1));
    }

    #[test]
    fn lines_are_those_of_the_keys() {
        let nodes = parse_file("# c\na = 1\n\n[b]\nc = 2\n").unwrap();
        assert_eq!(nodes[0].1.line, 2);
        let Value::Table(b) = &nodes[1].1.value else {
            panic!()
        };
        assert_eq!(b[0].1.line, 5);
        let error = parse_file("a = 1\nb = = 2\n").unwrap_err();
        assert_eq!(error.line, 2);
    }

    #[test]
    fn what_is_written_reads_back() {
        for text in ["a", "a\"b\\c", "tab\there", "\u{1}"] {
            let toml = Value::Text(text.into()).to_string();
            assert_eq!(parse_word(&toml).value, Value::Text(text.into()));
        }
    }
}
