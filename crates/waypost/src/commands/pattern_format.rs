//! The format strings of `sub -F`: `%t` and friends, `@` for times, `\` for escapes.
//!
//! Parsed once, then filled in for each message. The sequences are mosquitto_sub's.

use super::json::{self, Payload};
use crate::client::Message;
use jiff::Zoned;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Bytes(Vec<u8>),
    Field(Field),
    /// A conversion of strftime.
    Time(char),
    Nanoseconds,
}

/// `%-010.5t`: what stands between the percent sign and the letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Field {
    letter: char,
    left: bool,
    zeros: bool,
    width: usize,
    most: Option<usize>,
}

/// The widest field; a wider one is a slip.
const WIDTH_AT_MOST: usize = 10_000;
const LETTERS: &str = "%ACDEFIJPRSUXjlmpqrtx";
/// The conversions of strftime that stand for something everywhere.
const TIMES: &str = "aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ";

/// A parsed format string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pieces: Vec<Piece>,
    pub(crate) pretty: bool,
}

impl Format {
    pub(crate) fn parse(text: &str, pretty: bool) -> Result<Format, String> {
        let mut pieces = Vec::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let piece = match c {
                '%' => Piece::Field(field(&mut chars)?),
                '@' => match chars.next() {
                    Some('@') => Piece::Bytes(b"@".to_vec()),
                    Some('N') => Piece::Nanoseconds,
                    Some(c) if TIMES.contains(c) => Piece::Time(c),
                    Some(c) => return Err(format!("@{c} is no conversion of a time")),
                    None => return Err("the format ends with '@'".into()),
                },
                '\\' => Piece::Bytes(vec![escape(chars.next())?]),
                c => Piece::Bytes(c.to_string().into_bytes()),
            };
            match (pieces.last_mut(), piece) {
                (Some(Piece::Bytes(before)), Piece::Bytes(more)) => before.extend(more),
                (_, piece) => pieces.push(piece),
            }
        }
        Ok(Format { pieces, pretty })
    }

    /// Fills the format in; the problem is `%J` with a payload that is no JSON, and leaves it out.
    pub(crate) fn fill(
        &self,
        message: &Message,
        now: &Zoned,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        let mut result = Ok(());
        for piece in &self.pieces {
            match piece {
                Piece::Bytes(bytes) => out.extend_from_slice(bytes),
                Piece::Time(c) => out.extend_from_slice(time(now, *c).as_bytes()),
                Piece::Nanoseconds => {
                    out.extend_from_slice(format!("{:09}", now.subsec_nanosecond()).as_bytes());
                }
                Piece::Field(field) => match field.value(message, now, self.pretty) {
                    Some(value) => field.pad(&value, out),
                    None => {
                        let topic = &message.topic;
                        result = Err(format!(
                            "message payload is not valid JSON on topic {topic}"
                        ));
                    }
                },
            }
        }
        result
    }
}

fn field(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Field, String> {
    let mut field = Field {
        letter: '%',
        left: false,
        zeros: false,
        width: 0,
        most: None,
    };
    while let Some(flag) = chars.next_if(|c| matches!(c, '-' | '0')) {
        if flag == '-' {
            field.left = true;
        } else {
            field.zeros = true;
        }
    }
    field.width = number(chars)?;
    if chars.next_if_eq(&'.').is_some() {
        field.most = Some(number(chars)?);
    }
    match chars.next() {
        Some(c) if LETTERS.contains(c) => Ok(Field { letter: c, ..field }),
        Some(c) => Err(format!("%{c} is no format")),
        None => Err("the format ends with '%'".into()),
    }
}

fn number(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<usize, String> {
    let mut n: usize = 0;
    while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
        chars.next();
        n = n * 10 + digit as usize;
        if n > WIDTH_AT_MOST {
            return Err(format!("a field is at most {WIDTH_AT_MOST} wide"));
        }
    }
    Ok(n)
}

fn escape(c: Option<char>) -> Result<u8, String> {
    Ok(match c {
        Some('\\') => b'\\',
        Some('0') => 0,
        Some('a') => 7,
        Some('e') => 0x1b,
        Some('n') => b'\n',
        Some('r') => b'\r',
        Some('t') => b'\t',
        Some('v') => 0x0b,
        Some(c) => return Err(format!("\\{c} is no escape")),
        None => return Err("the format ends with '\\'".into()),
    })
}

impl Field {
    /// None where the payload should be JSON and is not.
    fn value(&self, message: &Message, now: &Zoned, pretty: bool) -> Option<Vec<u8>> {
        let props = &message.props;
        let json = |how| {
            let value = json::message(message, now, how)?;
            Some(if pretty {
                format!("{value:#}")
            } else {
                value.to_string()
            })
        };
        let text = match self.letter {
            'p' => return Some(message.payload.clone()),
            'D' => return Some(props.correlation_data.clone().unwrap_or_default()),
            't' => message.topic.clone(),
            'q' => message.qos.to_string(),
            'r' => u8::from(message.retain).to_string(),
            'l' => message.payload.len().to_string(),
            'm' => message.packet_id.to_string(),
            'x' => hex(&message.payload, |b| format!("{b:02x}")),
            'X' => hex(&message.payload, |b| format!("{b:02X}")),
            'j' => json(Payload::Quoted)?,
            'J' => json(Payload::Embedded)?,
            'I' => now.strftime("%Y-%m-%dT%H:%M:%S%z").to_string(),
            'U' => {
                let at = now.timestamp();
                format!("{}.{:09}", at.as_second(), at.subsec_nanosecond())
            }
            'A' => props
                .topic_alias
                .map_or_else(String::new, |n| n.to_string()),
            'C' => props.content_type.clone().unwrap_or_default(),
            'E' => props
                .message_expiry_interval
                .map_or_else(String::new, |n| n.to_string()),
            'F' => props
                .payload_is_text
                .map_or_else(String::new, |is| u8::from(is).to_string()),
            'P' => {
                let pairs: Vec<_> = props.user.iter().map(|(k, v)| format!("{k}:{v}")).collect();
                pairs.join(" ")
            }
            'R' => props.response_topic.clone().unwrap_or_default(),
            'S' => {
                let ids: Vec<_> = props
                    .subscription_identifiers
                    .iter()
                    .map(u32::to_string)
                    .collect();
                ids.join(" ")
            }
            _ => "%".to_owned(),
        };
        Some(text.into_bytes())
    }

    /// Cuts and pads, by characters where the value is text.
    fn pad(&self, value: &[u8], out: &mut Vec<u8>) {
        // Only these are cut, as mosquitto_sub does.
        let most = self
            .most
            .filter(|_| "CIRt".contains(self.letter))
            .unwrap_or(usize::MAX);
        let (value, length) = match std::str::from_utf8(value) {
            Ok(text) => {
                let end = text
                    .char_indices()
                    .nth(most)
                    .map_or(text.len(), |(at, _)| at);
                let text = text.get(..end).unwrap_or(text);
                (text.as_bytes(), text.chars().count())
            }
            Err(_) => (value, value.len()),
        };
        let padding = self.width.saturating_sub(length);
        let zeros = self.zeros && !self.left && "AEFlmSXx".contains(self.letter);
        let fill = if zeros { b'0' } else { b' ' };
        if !self.left {
            out.extend(std::iter::repeat_n(fill, padding));
        }
        out.extend_from_slice(value);
        if self.left {
            out.extend(std::iter::repeat_n(b' ', padding));
        }
    }
}

fn hex(bytes: &[u8], one: impl Fn(&u8) -> String) -> String {
    bytes.iter().map(one).collect()
}

fn time(now: &Zoned, conversion: char) -> String {
    let format = format!("%{conversion}");
    // Which conversions there are depends on the library; what it does not know stays as it is.
    jiff::fmt::strtime::format(&format, now).unwrap_or(format)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::MessageProps;

    fn fill(format: &str, message: &Message) -> String {
        let now: Zoned = "2020-05-06T22:12:03.25+02:00[+02:00]".parse().unwrap();
        let mut out = Vec::new();
        let _ = Format::parse(format, false)
            .unwrap()
            .fill(message, &now, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn greeting() -> Message {
        Message {
            topic: "a/b".into(),
            payload: b"{\"x\": 1}".to_vec(),
            qos: 1,
            retain: true,
            packet_id: 7,
            props: MessageProps {
                user: vec![("k".into(), "v".into()), ("k2".into(), "v2".into())],
                content_type: Some("text/x".into()),
                ..MessageProps::default()
            },
            ..Message::default()
        }
    }

    #[test]
    fn sequences() {
        for (format, expected) in [
            ("%t|%p|%q|%r|%l|%m", "a/b|{\"x\": 1}|1|1|8|7"),
            (
                "%10t|%-10t|%3.1t|%05l|%%",
                "       a/b|a/b       |  a|00008|%",
            ),
            ("%x", "7b2278223a20317d"),
            ("%X", "7B2278223A20317D"),
            ("%P|%C|%R|%E|%S", "k:v k2:v2|text/x|||"),
            ("%I|%U", "2020-05-06T22:12:03+0200|1588795923.250000000"),
            (
                "@Y-@m-@dT@H:@M:@S@z @N @@",
                "2020-05-06T22:12:03+0200 250000000 @",
            ),
            ("a\\tb\\\\\\n", "a\tb\\\n"),
        ] {
            assert_eq!(fill(format, &greeting()), expected, "{format}");
        }
    }

    #[test]
    fn json() {
        let head = "{\"tst\":\"2020-05-06T22:12:03.250000+0200\",\"topic\":\"a/b\",\"qos\":1,\
                    \"retain\":1,\"payloadlen\":8,\"mid\":7,\"properties\":{\"user-properties\":\
                    {\"k\":\"v\",\"k2\":\"v2\"},\"content-type\":\"text/x\"},";
        let quoted = format!("{head}\"payload\":\"{{\\\"x\\\": 1}}\"}}");
        assert_eq!(fill("%j", &greeting()), quoted);
        assert_eq!(
            fill("%J", &greeting()),
            format!("{head}\"payload\":{{\"x\":1}}}}")
        );
        let message = Message {
            payload: b"no".to_vec(),
            ..Message::default()
        };
        assert_eq!(fill("<%J>", &message), "<>");
        let message = Message {
            payload: vec![0xff],
            ..Message::default()
        };
        assert!(fill("%j", &message).contains("\"payload_base64\":\"/w==\""));
    }

    #[test]
    fn every_time_conversion_stands_for_something() {
        for c in TIMES.chars() {
            assert_ne!(fill(&format!("@{c}"), &greeting()), format!("%{c}"), "@{c}");
        }
    }

    #[test]
    fn offences() {
        for format in [
            "%",
            "%z",
            "%-",
            "@",
            "@!",
            "\\",
            "\\q",
            "%99999999999999999999t",
        ] {
            assert!(Format::parse(format, false).is_err(), "{format}");
        }
    }
}
