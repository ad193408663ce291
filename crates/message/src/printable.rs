//! Text from strangers, made safe to show: in a log, on a terminal, in a table.
//!
//! Pure; owns nothing. What would begin a line, move a cursor, change a colour, hide, or turn the order
//! of what stands beside it around is written as an escape. Quotes are left to whoever quotes.

use std::fmt::{self, Write};

/// Whether a character shows itself and does nothing else.
pub fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(
            c,
            // Soft hyphen, marks and overrides of direction, invisible joiners and operators, line
            // and paragraph separators, annotations, tags.
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Shows a text with all that is not printable escaped: `\n`, `\t`, `\r`, else `\u{1b}`. A backslash
/// becomes two, so that no text looks like an escape.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| write_printable(f, c))
    }
}

/// One character of a [`Printable`].
pub fn write_printable(out: &mut impl Write, c: char) -> fmt::Result {
    match c {
        '\\' => out.write_str("\\\\"),
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        c if is_printable(c) => out.write_char(c),
        c => write!(out, "\\u{{{:x}}}", u32::from(c)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_escaped_and_what_shows_is_kept() {
        for (text, shown) in [
            ("sensor-7 Käse 温度 😀", "sensor-7 Käse 温度 😀"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{1b}[31m", "\\u{1b}[31m"),
            ("\u{9b}2J\0", "\\u{9b}2J\\u{0}"),
            ("a\\nb", "a\\\\nb"),
            ("x\u{2028}y\u{202e}z", "x\\u{2028}y\\u{202e}z"),
            ("\u{feff}\u{200b}\u{e0041}", "\\u{feff}\\u{200b}\\u{e0041}"),
        ] {
            assert_eq!(Printable(text).to_string(), shown);
        }
    }
}
