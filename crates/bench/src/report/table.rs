//! A report as text: aligned columns for a terminal. Values as people read them.

use super::{Report, Table, Unit};

/// A value with its unit.
pub(crate) fn shown(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Count => rate(value),
        Unit::PerSecond => format!("{}/s", rate(value)),
        Unit::Seconds => format!("{value:.2} s"),
        Unit::Microseconds => microseconds(value),
        Unit::Bytes => bytes(value),
        Unit::Percent => format!("{value:.0} % of a core"),
    }
}

/// A number with its thousands apart; small ones with decimals.
pub(crate) fn rate(value: f64) -> String {
    if value.abs() < 10.0 && value.fract() != 0.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{:.0}", value.abs());
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if value < 0.0 { format!("-{out}") } else { out }
}

pub(crate) fn bytes(value: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB"];
    let mut value = value;
    let mut unit = 0;
    // Up to 10,000 bytes the exact number says more.
    while value.abs() >= if unit == 0 { 10_000.0 } else { 1024.0 } && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{} B", rate(value.round()))
    } else {
        format!("{value:.1} {}", units[unit])
    }
}

fn microseconds(value: f64) -> String {
    if value < 100.0 {
        format!("{value:.2} µs")
    } else if value < 10_000.0 {
        format!("{value:.0} µs")
    } else if value < 10_000_000.0 {
        format!("{:.1} ms", value / 1000.0)
    } else {
        format!("{:.1} s", value / 1e6)
    }
}

/// Columns as wide as they must be: the first to the left, the others to the right.
pub(crate) fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let gap = width - cell.chars().count();
            match column {
                0 => line += &format!("{cell}{}", " ".repeat(gap)),
                _ => line += &format!("  {}{cell}", " ".repeat(gap)),
            }
        }
        out += line.trim_end();
        out.push('\n');
    }
    out
}

impl Table {
    pub(crate) fn text_rows(&self) -> Vec<Vec<String>> {
        let head = self.columns.iter().map(|(_, label, _)| label.clone());
        let mut rows = vec![head.collect::<Vec<_>>()];
        for row in &self.rows {
            let cells = row.iter().zip(&self.columns).map(|(value, (_, _, unit))| {
                value.map_or_else(|| "-".to_owned(), |value| shown(value, *unit))
            });
            rows.push(cells.collect());
        }
        rows
    }
}

impl Report {
    /// The report for a terminal.
    pub fn text(&self) -> String {
        let settings: Vec<String> = self
            .settings
            .iter()
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        let mut out = format!(
            "{} of {} ({}): {}\n\n",
            self.mode,
            self.target,
            self.version,
            settings.join(", ")
        );
        let rows: Vec<Vec<String>> = self
            .measures
            .iter()
            .map(|m| vec![m.label.clone(), m.shown()])
            .collect();
        out += &aligned(&rows);
        for table in &self.tables {
            out += &format!("\n{}\n{}", table.title, aligned(&table.text_rows()));
        }
        for note in &self.notes {
            out += &format!("\nNote: {note}\n");
        }
        for fault in &self.faults {
            out += &format!("\nFault: {fault}\n");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_as_people_read_them() {
        assert_eq!(shown(1_234_567.0, Unit::Count), "1,234,567");
        assert_eq!(shown(0.25, Unit::PerSecond), "0.25/s");
        assert_eq!(shown(999.6, Unit::PerSecond), "1,000/s");
        assert_eq!(shown(3.456, Unit::Microseconds), "3.46 µs");
        assert_eq!(shown(1234.0, Unit::Microseconds), "1234 µs");
        assert_eq!(shown(45_600.0, Unit::Microseconds), "45.6 ms");
        assert_eq!(shown(681.4, Unit::Bytes), "681 B");
        assert_eq!(shown(1_572_864.0, Unit::Bytes), "1.5 MiB");
        assert_eq!(shown(91.0, Unit::Percent), "91 % of a core");
        assert_eq!(rate(-1000.0), "-1,000");
    }

    #[test]
    fn columns_line_up() {
        let rows = [
            vec!["a".into(), "1".into(), "µs".into()],
            vec!["long".into(), "1,000".into(), "x".into()],
        ];
        assert_eq!(aligned(&rows), "a         1  µs\nlong  1,000   x\n");
    }
}
