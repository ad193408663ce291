//! Aligned tables that fit the terminal.
//!
//! Pure. Cells are printable already. Where there is no terminal nothing is cut.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Between two columns.
const GAP: usize = 2;
/// What is left of a column that is cut, unless it is narrower anyway.
const LEAST: usize = 8;

/// How a column stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// May be cut where the terminal is too narrow.
    Left,
    /// Numbers: never cut.
    Right,
}

/// The lines of a table, the titles first.
pub(crate) fn table(
    columns: &[(&str, Align)],
    rows: &[Vec<String>],
    width: Option<usize>,
) -> Vec<String> {
    let titles: Vec<String> = columns.iter().map(|(title, _)| (*title).into()).collect();
    let mut widths: Vec<usize> = (0..columns.len())
        .map(|i| {
            let cells = rows.iter().filter_map(|row| row.get(i));
            cells
                .chain([&titles[i]])
                .map(|c| c.width())
                .max()
                .unwrap_or(0)
        })
        .collect();
    if let Some(width) = width {
        shrink(&mut widths, columns, width);
    }
    let line = |cells: &[String]| {
        let mut line = String::new();
        for ((cell, width), (_, align)) in cells.iter().zip(&widths).zip(columns) {
            if !line.is_empty() {
                line.push_str("  ");
            }
            let cell = fit(cell, *width);
            let room = " ".repeat(width.saturating_sub(cell.width()));
            match align {
                Align::Left => line.extend([cell, room]),
                Align::Right => line.extend([room, cell]),
            }
        }
        line.truncate(line.trim_end().len());
        line
    };
    std::iter::once(&titles)
        .chain(rows)
        .map(|cells| line(cells))
        .collect()
}

/// Takes from the widest of the columns that may be cut until all fit, or none gives any more.
fn shrink(widths: &mut [usize], columns: &[(&str, Align)], width: usize) {
    let gaps = GAP * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > width {
        let cut = widths.iter_mut().zip(columns);
        let cut = cut.filter(|(w, (_, align))| *align == Align::Left && **w > LEAST);
        match cut.max_by_key(|(w, _)| **w) {
            Some((widest, _)) => *widest -= 1,
            None => return,
        }
    }
}

/// The beginning of a text, with a sign that something is missing, in so many columns of a terminal.
pub(crate) fn fit(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut fitted = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        fitted.push(c);
    }
    fitted.push('…');
    fitted
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[(&str, Align)] = &[("CLIENT", Align::Left), ("IN", Align::Right)];

    fn rows(rows: &[[&str; 2]]) -> Vec<Vec<String>> {
        rows.iter().map(|r| r.map(Into::into).to_vec()).collect()
    }

    #[test]
    fn columns_are_aligned_whatever_the_script() {
        let rows = rows(&[["a", "12"], ["温度計", "1,234"], ["", "0"]]);
        assert_eq!(
            table(COLUMNS, &rows, None),
            [
                "CLIENT     IN",
                "a          12",
                "温度計  1,234",
                "            0",
            ]
        );
    }

    #[test]
    fn it_fits_the_terminal() {
        let rows = rows(&[
            ["a-very-long-client-id", "1,234"],
            ["温度計温度計温度計", "1"],
        ]);
        assert_eq!(
            table(COLUMNS, &rows, Some(18)),
            [
                "CLIENT          IN",
                "a-very-lon…  1,234",
                "温度計温度…      1",
            ]
        );
        for width in 0..40 {
            for line in table(COLUMNS, &rows, Some(width)) {
                assert!(
                    line.width() <= width.max(LEAST + GAP + 5),
                    "{width}: {line}"
                );
            }
        }
        assert!(table(COLUMNS, &rows, None)[1].starts_with("a-very-long-client-id  "));
    }

    #[test]
    fn cut_texts_fit() {
        for (text, width, fitted) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("温度", 3, "温…"),
            ("温度", 2, "…"),
            ("ab", 1, "…"),
        ] {
            assert_eq!(fit(text, width), fitted);
        }
    }
}
