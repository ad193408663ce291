//! How a value is read, checked and shown again: one [`Rule`] per key, one [`Setting`] per Rust type.
//!
//! Pure. A number is never silently clamped, and 0 never means "unlimited".

use super::value::{Node, Value};
use message::QoS;
use std::path::{Path, PathBuf};

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Flag,
    Count,
    /// Bytes: an integer, or a string such as `"64 MiB"`.
    Bytes,
    /// Seconds: an integer, or a string such as `"10s"`.
    Seconds,
    /// Milliseconds: an integer, or a string such as `"10s"`.
    Millis,
    Text,
    Path,
    List,
    Paths,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// What a key takes, and within which bounds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub(super) kind: Kind,
    pub(super) min: u64,
    pub(super) max: u64,
    pub(super) unlimited: bool,
    /// What the reference page says the default is, where it depends on the machine.
    pub(super) default_text: Option<&'static str>,
}

impl Rule {
    pub(super) const fn of(kind: Kind) -> Rule {
        Rule {
            kind,
            min: 0,
            max: u64::MAX,
            unlimited: false,
            default_text: None,
        }
    }

    /// A number from 1 that may be "unlimited".
    pub(super) const fn limit(kind: Kind) -> Rule {
        Rule {
            kind,
            min: 1,
            max: u64::MAX,
            unlimited: true,
            default_text: None,
        }
    }

    pub(super) const fn from(self, min: u64) -> Rule {
        Rule { min, ..self }
    }

    pub(super) const fn to(self, max: u64) -> Rule {
        Rule { max, ..self }
    }

    pub(super) const fn default_text(self, text: &'static str) -> Rule {
        Rule {
            default_text: Some(text),
            ..self
        }
    }

    /// The unit of an integer, for people.
    pub(super) fn unit(&self) -> &'static str {
        match self.kind {
            Kind::Bytes => "bytes",
            Kind::Seconds => "seconds",
            Kind::Millis => "milliseconds",
            _ => "",
        }
    }

    /// The number that a shown value stands for; `None` for unlimited.
    pub(super) fn shown_number(&self, shown: Value) -> Result<Option<u64>, String> {
        self.number(&Given {
            node: &Node::new(shown),
            base: None,
        })
    }

    fn number(&self, given: &Given<'_>) -> Result<Option<u64>, String> {
        let n = match &given.node.value {
            Value::Int(i) => u64::try_from(*i).map_err(|_| self.out_of_range(&i.to_string()))?,
            Value::Text(s) if s == "unlimited" && self.unlimited => return Ok(None),
            Value::Text(s) => match self.kind {
                Kind::Bytes => parse_bytes(s),
                Kind::Seconds => parse_millis(s)
                    .filter(|ms| ms % 1000 == 0)
                    .map(|ms| ms / 1000),
                Kind::Millis => parse_millis(s),
                _ => None,
            }
            .ok_or_else(|| self.expected(given))?,
            _ => return Err(self.expected(given)),
        };
        if n < self.min || n > self.max {
            return Err(self.out_of_range(&n.to_string()));
        }
        Ok(Some(n))
    }

    fn out_of_range(&self, n: &str) -> String {
        let unit = self.unit();
        let space = if unit.is_empty() { "" } else { " " };
        let lift = if self.unlimited {
            " (or \"unlimited\"; 0 does not mean that)"
        } else {
            ""
        };
        match self.max {
            u64::MAX => format!("{n}{space}{unit} is below the least, {}{lift}", self.min),
            max => format!(
                "{n}{space}{unit} is not between {} and {max}{lift}",
                self.min
            ),
        }
    }

    fn expected(&self, given: &Given<'_>) -> String {
        let what = match self.kind {
            Kind::Flag => "true or false".to_owned(),
            Kind::Count => "a whole number".to_owned(),
            Kind::Bytes => "bytes, as a whole number or like \"64 MiB\"".to_owned(),
            Kind::Seconds => "seconds, as a whole number or a time like \"10s\"".to_owned(),
            Kind::Millis => "milliseconds, as a whole number or a time like \"10s\"".to_owned(),
            Kind::Text => "a string".to_owned(),
            Kind::Path => "a path".to_owned(),
            Kind::List => "a list of strings".to_owned(),
            Kind::Paths => "a path or a list of paths".to_owned(),
            Kind::Choice(words) => format!("one of {}", words.join(", ")),
        };
        let or = if self.unlimited {
            ", or \"unlimited\""
        } else {
            ""
        };
        format!("expected {what}{or}, got {}", given.node.value)
    }

    /// The type as the reference page names it.
    pub(super) fn type_name(&self) -> String {
        let name = match self.kind {
            Kind::Flag => "true or false",
            Kind::Count => "number",
            Kind::Bytes => "size",
            Kind::Seconds | Kind::Millis => "time",
            Kind::Text => "text",
            Kind::Path => "path",
            Kind::List => "list of texts",
            Kind::Paths => "list of paths",
            Kind::Choice(words) => {
                return words
                    .iter()
                    .map(|w| format!("`{w}`"))
                    .collect::<Vec<_>>()
                    .join(", ");
            }
        };
        if self.unlimited {
            format!("{name} or `\"unlimited\"`")
        } else {
            name.to_owned()
        }
    }
}

/// A value on its way into a key.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) node: &'a Node,
    /// What a relative path is relative to.
    pub(super) base: Option<&'a Path>,
}

/// A type that a key can have.
pub(super) trait Setting: Sized {
    fn read(given: &Given<'_>, rule: &Rule) -> Result<Self, String>;
    fn show(&self, rule: &Rule) -> Value;
}

macro_rules! numbers {
    ($($number:ty),+) => { $(
        impl Setting for $number {
            fn read(given: &Given<'_>, rule: &Rule) -> Result<Self, String> {
                match rule.number(given)? {
                    None => Ok(<$number>::MAX),
                    Some(n) => <$number>::try_from(n)
                        .map_err(|_| rule.to(<$number>::MAX as u64).out_of_range(&n.to_string())),
                }
            }

            fn show(&self, rule: &Rule) -> Value {
                if rule.unlimited && *self == <$number>::MAX {
                    return Value::Text("unlimited".into());
                }
                show_number(*self as u64, rule)
            }
        }
    )+ };
}

numbers!(u16, u32, u64, usize);

fn show_number(n: u64, rule: &Rule) -> Value {
    let scaled = match rule.kind {
        Kind::Bytes => scale(
            n,
            &[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)],
            " ",
        ),
        Kind::Seconds => scale(n, &[("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)], ""),
        Kind::Millis => scale(n, &[("min", 60_000), ("s", 1_000), ("ms", 1)], ""),
        _ => None,
    };
    scaled.map_or_else(
        || Value::Int(i64::try_from(n).unwrap_or(i64::MAX)),
        Value::Text,
    )
}

fn scale(n: u64, units: &[(&str, u64)], space: &str) -> Option<String> {
    let (name, size) = units
        .iter()
        .find(|(_, size)| n >= *size && n.is_multiple_of(*size))?;
    Some(format!("{}{space}{name}", n / size))
}

impl Setting for Option<u16> {
    fn read(given: &Given<'_>, rule: &Rule) -> Result<Self, String> {
        match rule.number(given)? {
            None => Ok(None),
            Some(_) => u16::read(given, rule).map(Some),
        }
    }

    fn show(&self, rule: &Rule) -> Value {
        self.map_or_else(
            || Value::Text("unlimited".into()),
            |n| show_number(n.into(), rule),
        )
    }
}

impl Setting for bool {
    fn read(given: &Given<'_>, rule: &Rule) -> Result<Self, String> {
        match given.node.value {
            Value::Bool(b) => Ok(b),
            _ => Err(rule.expected(given)),
        }
    }

    fn show(&self, _: &Rule) -> Value {
        Value::Bool(*self)
    }
}

impl Setting for String {
    fn read(given: &Given<'_>, rule: &Rule) -> Result<Self, String> {
        match (&given.node.value, &given.node.raw) {
            (Value::Text(s), _) => Ok(s.clone()),
            // On a command line, 7 is a text too where a text is wanted.
            (Value::List(_) | Value::Table(_), _) | (_, None) => Err(rule.expected(given)),
            (_, Some(raw)) => Ok(raw.clone()),
        }
    }

    fn show(&self, _: &Rule) -> Value {
        Value::Text(self.clone())
    }
}

/// An empty text is none.
impl Setting for Option<String> {
    fn read(given: &Given<'_>, rule: &Rule) -> Result<Self, String> {
        Ok(Some(String::read(given, rule)?).filter(|s| !s.is_empty()))
    }

    fn show(&self, _: &Rule) -> Value {
        Value::Text(self.clone().unwrap_or_default())
    }
}

impl Setting for PathBuf {
    fn read(given: &Given<'_>, rule: &Rule) -> Result<Self, String> {
        let text = String::read(given, rule)?;
        if text.is_empty() || text.contains('\0') {
            return Err(rule.expected(given));
        }
        Ok(given
            .base
            .map_or_else(|| PathBuf::from(&text), |base| base.join(&text)))
    }

    fn show(&self, _: &Rule) -> Value {
        Value::Text(self.display().to_string())
    }
}

/// An empty path is none.
impl Setting for Option<PathBuf> {
    fn read(given: &Given<'_>, rule: &Rule) -> Result<Self, String> {
        match &given.node.value {
            Value::Text(s) if s.is_empty() => Ok(None),
            _ => PathBuf::read(given, rule).map(Some),
        }
    }

    fn show(&self, rule: &Rule) -> Value {
        self.as_ref()
            .map_or_else(|| Value::Text(String::new()), |p| p.show(rule))
    }
}

/// A text alone is a list divided by commas.
impl Setting for Vec<String> {
    fn read(given: &Given<'_>, rule: &Rule) -> Result<Self, String> {
        match &given.node.value {
            Value::Text(s) => Ok(s
                .split(',')
                .map(|s| s.trim().to_owned())
                .filter(|s| !s.is_empty())
                .collect()),
            Value::List(items) => items
                .iter()
                .map(|item| match &item.value {
                    Value::Text(s) => Ok(s.clone()),
                    _ => Err(rule.expected(given)),
                })
                .collect(),
            _ => Err(rule.expected(given)),
        }
    }

    fn show(&self, _: &Rule) -> Value {
        Value::List(
            self.iter()
                .map(|s| Node::new(Value::Text(s.clone())))
                .collect(),
        )
    }
}

impl Setting for QoS {
    fn read(given: &Given<'_>, rule: &Rule) -> Result<Self, String> {
        match given.node.value {
            Value::Int(0) => Ok(QoS::AtMostOnce),
            Value::Int(1) => Ok(QoS::AtLeastOnce),
            Value::Int(2) => Ok(QoS::ExactlyOnce),
            _ => Err(rule.expected(given)),
        }
    }

    fn show(&self, _: &Rule) -> Value {
        Value::Int(*self as i64)
    }
}

/// Reads a word of a [`Kind::Choice`], in the order of the enum's variants.
pub(super) fn choose<T: Copy>(given: &Given<'_>, rule: &Rule, values: &[T]) -> Result<T, String> {
    let (Value::Text(word), Kind::Choice(words)) = (&given.node.value, rule.kind) else {
        return Err(rule.expected(given));
    };
    let found = words.iter().zip(values).find(|(w, _)| *w == word);
    found
        .map(|(_, value)| *value)
        .ok_or_else(|| rule.expected(given))
}

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '_')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    Some((number.replace('_', "").parse().ok()?, unit.trim_start()))
}

/// Bytes of a text such as `64 MiB`; also `kB`, `MB`, `GB` by 1,000 and `K`, `M`, `G` by 1,024.
fn parse_bytes(text: &str) -> Option<u64> {
    let (n, unit) = number_and_unit(text)?;
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return None,
    };
    n.checked_mul(factor)
}

/// Milliseconds of a text such as `10s` or `5 min`.
fn parse_millis(text: &str) -> Option<u64> {
    let (n, unit) = number_and_unit(text)?;
    let factor: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 604_800_000,
        _ => return None,
    };
    n.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::super::value::parse_word;
    use super::*;

    fn read<T: Setting>(raw: &str, rule: Rule) -> Result<T, String> {
        T::read(
            &Given {
                node: &parse_word(raw),
                base: None,
            },
            &rule,
        )
    }

    #[test]
    fn sizes_and_times() {
        let bytes = Rule::limit(Kind::Bytes);
        assert_eq!(read::<u64>("64 MiB", bytes), Ok(64 << 20));
        assert_eq!(read::<u64>("64MiB", bytes), Ok(64 << 20));
        assert_eq!(read::<u64>("10kB", bytes), Ok(10_000));
        assert_eq!(read::<u64>("4096", bytes), Ok(4096));
        assert_eq!(read::<u64>("unlimited", bytes), Ok(u64::MAX));
        assert_eq!(read::<u32>("unlimited", bytes), Ok(u32::MAX));
        assert!(read::<u64>("64 MiBs", bytes).is_err());
        assert!(read::<u64>("99999999999 TiB", bytes).is_err());
        assert_eq!(read::<u64>("10s", Rule::limit(Kind::Millis)), Ok(10_000));
        assert_eq!(read::<u64>("250", Rule::limit(Kind::Millis)), Ok(250));
        assert_eq!(read::<u32>("7d", Rule::limit(Kind::Seconds)), Ok(604_800));
        assert!(read::<u32>("10", Rule::limit(Kind::Count)).is_ok());
        assert!(read::<u32>("10s", Rule::limit(Kind::Count)).is_err());
        assert!(
            read::<u32>("1500ms", Rule::limit(Kind::Seconds)).is_err(),
            "never rounded"
        );
    }

    #[test]
    fn zero_never_means_unlimited() {
        let error = read::<u64>("0", Rule::limit(Kind::Count)).unwrap_err();
        assert!(error.contains("0 does not mean that"), "{error}");
        assert_eq!(read::<u16>("0", Rule::limit(Kind::Count).from(0)), Ok(0));
        assert!(
            read::<u16>("70000", Rule::limit(Kind::Count))
                .unwrap_err()
                .contains("65535")
        );
        assert!(read::<u64>("-1", Rule::limit(Kind::Count)).is_err());
    }

    #[test]
    fn shown_values_read_back() {
        for (kind, n) in [
            (Kind::Bytes, 1 << 20),
            (Kind::Bytes, 1000),
            (Kind::Millis, 10_000),
            (Kind::Seconds, 90),
        ] {
            let rule = Rule::limit(kind);
            let shown = Setting::show(&(n as u64), &rule);
            assert_eq!(
                read::<u64>(&shown.to_string(), rule),
                Ok(n as u64),
                "{shown}"
            );
        }
    }

    #[test]
    fn texts_on_a_command_line_may_look_like_numbers() {
        assert_eq!(read::<String>("7", Rule::of(Kind::Text)), Ok("7".into()));
        assert_eq!(
            read::<Vec<String>>("a, b", Rule::of(Kind::List)),
            Ok(vec!["a".into(), "b".into()])
        );
    }
}
