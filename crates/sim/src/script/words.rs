//! Words of a script line: split at blanks, but not within quotes; and what a value may look like.

/// Splits a line into words. Quotes stay, see [`value`].
pub(super) fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                quoted = !quoted;
                word.push(c);
            }
            '\\' if quoted => {
                word.push(c);
                word.extend(chars.next());
            }
            ' ' | '\t' if !quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            _ => word.push(c),
        }
    }
    if quoted {
        return Err("a quote is not closed".into());
    }
    if !word.is_empty() {
        words.push(word);
    }
    Ok(words)
}

/// The bytes that a value stands for: `"quoted"`, `hex:00ff`, `repeat:TEXT:COUNT`, or as it stands.
pub(super) fn value(text: &str) -> Result<Vec<u8>, String> {
    if let Some(hex) = text.strip_prefix("hex:") {
        return self::hex(hex);
    }
    if let Some((what, count)) = text
        .strip_prefix("repeat:")
        .and_then(|r| r.rsplit_once(':'))
    {
        let count: usize = count
            .parse()
            .map_err(|_| format!("{count:?} is no count"))?;
        return Ok(what.as_bytes().repeat(count));
    }
    if !text.contains('"') {
        return Ok(text.as_bytes().to_vec());
    }
    unquote(text)
}

fn unquote(text: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut rest = text.bytes();
    while let Some(b) = rest.next() {
        match b {
            b'"' => {}
            b'\\' => match rest.next() {
                Some(b'n') => out.push(b'\n'),
                Some(b'0') => out.push(0),
                Some(b'x') => {
                    let digits: String = rest.by_ref().take(2).map(char::from).collect();
                    out.extend(hex(&digits)?);
                }
                Some(other) => out.push(other),
                None => return Err("a backslash ends the line".into()),
            },
            _ => out.push(b),
        }
    }
    Ok(out)
}

/// Bytes in hexadecimal; blanks are allowed.
pub(super) fn hex(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let bad = || format!("{text:?} is not hexadecimal");
    if !digits.len().is_multiple_of(2) {
        return Err(bad());
    }
    digits
        .chunks(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).map_err(|_| bad())?;
            u8::from_str_radix(pair, 16).map_err(|_| bad())
        })
        .collect()
}

/// A number, decimal or `0x...`.
pub(super) fn number(text: &str) -> Result<u32, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("{text:?} is no number"))
}

/// A span of time in milliseconds: `100ms`, `45s`, `2m`, `1h`, `1d`.
pub(super) fn span(text: &str) -> Result<u64, String> {
    let at = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (count, unit) = text.split_at(at);
    let count: u64 = count
        .parse()
        .map_err(|_| format!("{text:?} is no span of time"))?;
    let ms = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(format!("{text:?} needs one of the units ms, s, m, h, d")),
    };
    Ok(count * ms)
}

/// Bytes as they would be written in a script.
pub(super) fn show(bytes: &[u8]) -> String {
    if bytes.len() > 200 {
        return format!("({} bytes: {}...)", bytes.len(), show(&bytes[..40]));
    }
    match std::str::from_utf8(bytes) {
        Ok(text)
            if !text.is_empty()
                && text
                    .chars()
                    .all(|c| !c.is_control() && c != ' ' && c != '"') =>
        {
            text.into()
        }
        Ok(text) if text.chars().all(|c| !c.is_control()) => format!("{text:?}"),
        _ => format!(
            "hex:{}",
            bytes.iter().map(|b| format!("{b:02x}")).collect::<String>()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_values() {
        let words = split(r#"PUBLISH "a b" payload="x \" y"  qos=1"#).unwrap();
        assert_eq!(
            words,
            ["PUBLISH", "\"a b\"", r#"payload="x \" y""#, "qos=1"]
        );
        assert_eq!(value("\"a b\"").unwrap(), b"a b");
        assert_eq!(value(r#""a\x00\n""#).unwrap(), b"a\0\n");
        assert_eq!(value("hex:00 fF").unwrap(), [0, 255]);
        assert_eq!(value("repeat:ab:3").unwrap(), b"ababab");
        assert_eq!(span("2m"), Ok(120_000));
        assert_eq!(number("0x8d"), Ok(0x8d));
        assert!(split("a \"b").is_err() && hex("0").is_err() && span("3").is_err());
    }
}
