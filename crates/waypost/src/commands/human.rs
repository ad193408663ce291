//! Numbers, sizes and times as people read them.
//!
//! Pure: the time of now is an argument.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// `1,234,567`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `812 B`, `1.5 KiB`, `23 MiB`.
pub(crate) fn bytes(n: u64) -> String {
    if n < 1024 {
        return format!("{n} B");
    }
    let mut size = n as f64;
    let mut unit = "";
    for next in ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] {
        size /= 1024.0;
        unit = next;
        // What would be rounded up to 1024 is one of the next.
        if size < 1023.5 {
            break;
        }
    }
    format!("{} {unit}", two_digits(size))
}

/// `0`, `0.3`, `4.2`, `17`, `1,234`.
pub(crate) fn rate(per_second: f64) -> String {
    if per_second <= 0.0 || !per_second.is_finite() {
        return "0".into();
    }
    if per_second < 9.95 {
        return two_digits(per_second.max(0.1));
    }
    count(per_second.round() as u64)
}

fn two_digits(x: f64) -> String {
    if x < 9.95 {
        format!("{x:.1}")
    } else {
        format!("{x:.0}")
    }
}

/// The two greatest units: `9s`, `5m 3s`, `3h 4m`, `12d 7h`.
pub(crate) fn span(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let first = UNITS.iter().position(|(size, _)| seconds >= *size);
    let Some(first) = first else {
        return "0s".into();
    };
    let (size, unit) = UNITS[first];
    let whole = format!("{}{unit}", seconds / size);
    match UNITS.get(first + 1) {
        Some((small, unit)) if seconds % size >= *small => {
            format!("{whole} {}{unit}", seconds % size / small)
        }
        _ => whole,
    }
}

/// How long ago; a clock that goes wrong is no past.
pub(crate) fn age(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(at).as_secs();
    span(u64::try_from(seconds).unwrap_or(0))
}

/// The time of day and the date where we are.
pub(crate) fn moment(at: Timestamp) -> String {
    let here = at.to_zoned(TimeZone::system());
    here.strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(count(n), text);
        }
        for (n, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (10_240, "10 KiB"),
            (1_048_570, "1.0 MiB"),
            (u64::MAX, "16 EiB"),
        ] {
            assert_eq!(bytes(n), text, "{n}");
        }
        for (x, text) in [
            (-1.0, "0"),
            (0.01, "0.1"),
            (4.21, "4.2"),
            (9.97, "10"),
            (1234.4, "1,234"),
            (f64::NAN, "0"),
        ] {
            assert_eq!(rate(x), text, "{x}");
        }
    }

    #[test]
    fn times_for_people() {
        for (s, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (303, "5m 3s"),
            (3_600, "1h"),
            (3_659, "1h"),
            (11_040, "3h 4m"),
            (1_062_000, "12d 7h"),
        ] {
            assert_eq!(span(s), text, "{s}");
        }
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (early, late) = (at("2026-05-06T22:00:00Z"), at("2026-05-06T22:01:01.9Z"));
        assert_eq!(age(early, late), "1m 1s");
        assert_eq!(age(late, early), "0s");
    }
}
