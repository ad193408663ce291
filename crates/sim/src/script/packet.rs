//! A packet as a script has it: a kind and named values; and whether one is what was expected.

use super::{props, words};
use std::collections::BTreeMap;

/// Values that scripts gave a name: `{name}`.
pub(super) type Names = BTreeMap<String, Vec<u8>>;

/// One packet, written in a script or decoded from what came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Packet {
    pub kind: String,
    /// In their order; numbers are decimal.
    pub fields: Vec<(String, Value)>,
    /// Other fields may be there.
    pub open: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Is(Vec<u8>),
    /// `*`: whatever it is, it must be there.
    Any,
    /// `{name}`: as before, or anything the first time.
    Named(String),
    /// `!field`: must not be there.
    Absent,
}

const KINDS: [&str; 15] = [
    "CONNECT",
    "CONNACK",
    "PUBLISH",
    "PUBACK",
    "PUBREC",
    "PUBREL",
    "PUBCOMP",
    "SUBSCRIBE",
    "SUBACK",
    "UNSUBSCRIBE",
    "UNSUBACK",
    "PINGREQ",
    "PINGRESP",
    "DISCONNECT",
    "AUTH",
];

/// Fields that are numbers, beside properties.
const NUMBERS: [&str; 18] = [
    "code",
    "present",
    "qos",
    "pid",
    "dup",
    "retain",
    "keepalive",
    "v",
    "clean",
    "nl",
    "rap",
    "rh",
    "level",
    "flags",
    "connect_flags",
    "length",
    "opts",
    "session_present",
];

/// Fields that are left out where they say the same as their absence.
const DEFAULTS: [(&str, &[u8]); 7] = [
    ("code", b"0"),
    ("present", b"0"),
    ("qos", b"0"),
    ("dup", b"0"),
    ("retain", b"0"),
    ("payload", b""),
    ("topic", b""),
];

impl Packet {
    pub(super) fn new(kind: &str) -> Self {
        Packet {
            kind: kind.into(),
            ..Packet::default()
        }
    }

    /// Adds a field that was decoded.
    pub(super) fn put(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.fields.push((name.into(), Value::Is(value.into())));
    }

    pub(super) fn put_number(&mut self, name: &str, value: u32) {
        self.put(name, value.to_string());
    }

    /// Parses the words of a script.
    pub(super) fn parse(words: &[String]) -> Result<Packet, String> {
        let Some((kind, words)) = words.split_first() else {
            return Err("a packet is missing".into());
        };
        if !KINDS.contains(&kind.as_str()) {
            return Err(format!("{kind:?} is no packet type"));
        }
        let mut packet = Packet::new(kind);
        for word in words {
            if word == "*" {
                packet.open = true;
            } else if let Some(name) = word.strip_prefix('!') {
                packet.fields.push((name.into(), Value::Absent));
            } else {
                let (name, text) = packet.name_of(word);
                let value = packet.value_of(&name, text)?;
                packet.fields.push((name, value));
            }
        }
        Ok(packet)
    }

    /// `name=value`, or the one value that this kind has without a name: a topic or a code.
    fn name_of<'a>(&self, word: &'a str) -> (String, &'a str) {
        let named = word.split_once('=').filter(|(name, _)| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        });
        match named {
            Some((name, text)) => (name.into(), text),
            None if self.kind == "PUBLISH" => ("topic".into(), word),
            None => ("code".into(), word),
        }
    }

    fn value_of(&self, name: &str, text: &str) -> Result<Value, String> {
        if text == "*" {
            return Ok(Value::Any);
        }
        if let Some(name) = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) {
            return Ok(Value::Named(name.into()));
        }
        let will = name.strip_prefix("will_").unwrap_or(name);
        let property = props::by_name(&self.kind, will);
        let number =
            NUMBERS.contains(&will) || property.is_some_and(|(_, form)| props::is_number(form));
        if number {
            return Ok(Value::Is(words::number(text)?.to_string().into_bytes()));
        }
        if name == "codes" {
            let codes: Result<Vec<_>, _> = text.split(',').map(words::number).collect();
            let codes: Vec<_> = codes?.iter().map(u32::to_string).collect();
            return Ok(Value::Is(codes.join(",").into_bytes()));
        }
        Ok(Value::Is(words::value(text)?))
    }

    /// The first value of a field, where it is known.
    pub(super) fn get(&self, name: &str) -> Option<&[u8]> {
        self.fields
            .iter()
            .find(|(n, _)| n == name)
            .and_then(|(_, value)| match value {
                Value::Is(bytes) => Some(bytes.as_slice()),
                _ => None,
            })
    }

    /// A number field, or what its absence stands for.
    pub(super) fn number(&self, name: &str, default: u32) -> u32 {
        let text = self.get(name).and_then(|b| std::str::from_utf8(b).ok());
        text.and_then(|t| t.parse().ok()).unwrap_or(default)
    }

    /// Puts known values in the place of names.
    pub(super) fn resolve(&mut self, names: &Names) -> Result<(), String> {
        for (_, value) in &mut self.fields {
            if let Value::Named(name) = value {
                let known = names
                    .get(name)
                    .ok_or(format!("{{{name}}} has no value yet"))?;
                *value = Value::Is(known.clone());
            }
        }
        Ok(())
    }

    fn values(&self, name: &str) -> Vec<&Value> {
        let mut values: Vec<_> = self
            .fields
            .iter()
            .filter(|(n, _)| n == name)
            .map(|(_, v)| v)
            .collect();
        let silent = DEFAULTS.iter().find(|(n, _)| *n == name);
        values.retain(
            |v| !matches!((v, silent), (Value::Is(is), Some((_, default))) if is == default),
        );
        values
    }

    /// Is `came` what this asks for? Names that it learns are added to `names`.
    pub(super) fn accepts(&self, came: &Packet, names: &mut Names) -> bool {
        if self.kind != came.kind {
            return false;
        }
        let mut learned = names.clone();
        let mut fields: Vec<&str> = self.fields.iter().map(|(n, _)| n.as_str()).collect();
        if !self.open {
            fields.extend(came.fields.iter().map(|(n, _)| n.as_str()));
        }
        let all = fields.iter().all(|name| {
            let (wanted, found) = (self.values(name), came.values(name));
            if wanted.first() == Some(&&Value::Absent) {
                return found.is_empty();
            }
            wanted.len() == found.len()
                && wanted
                    .iter()
                    .zip(found)
                    .all(|(w, f)| fits(w, f, &mut learned))
        });
        if all {
            *names = learned;
        }
        all
    }
}

fn fits(wanted: &Value, found: &Value, names: &mut Names) -> bool {
    let Value::Is(found) = found else {
        return false;
    };
    match wanted {
        Value::Is(wanted) => wanted == found,
        Value::Any => true,
        Value::Named(name) => names.entry(name.clone()).or_insert_with(|| found.clone()) == found,
        Value::Absent => false,
    }
}

impl std::fmt::Display for Packet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.kind)?;
        for (name, value) in &self.fields {
            let value = match value {
                Value::Is(bytes) => words::show(bytes),
                Value::Any => "*".into(),
                Value::Named(name) => format!("{{{name}}}"),
                Value::Absent => {
                    write!(f, " !{name}")?;
                    continue;
                }
            };
            match name.as_str() {
                "topic" | "code" => write!(f, " {value}")?,
                _ => write!(f, " {name}={value}")?,
            }
        }
        if self.open { write!(f, " *") } else { Ok(()) }
    }
}
