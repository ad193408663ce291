//! The record of instruction counts: one line for each path, in a file that people read and git compares.

use crate::process::{Outcome, failed};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;
use toml::{Table, Value};

/// How much more a path may take than is recorded, and how much less before that is told.
const TOLERANCE: f64 = 0.05;

const HEAD: &str = "\
# Instructions per message of the hot paths (crates/hot-paths), written by `cargo xtask perf --guard --record`.
# docs/performance.md tells how they are counted, and what moves them.
";

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Record {
    /// Toolchain and libc.
    pub(super) made_with: String,
    counts: BTreeMap<String, f64>,
}

/// One path, then and now.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    pub(super) name: String,
    recorded: Option<f64>,
    now: Option<f64>,
}

impl Change {
    /// By how much it has grown, as a share of what is recorded.
    fn growth(&self) -> Option<f64> {
        let (recorded, now) = (self.recorded?, self.now?);
        Some(now / recorded - 1.0)
    }

    /// A path that takes more than it may, is not recorded, or is no more.
    pub(super) fn is_failure(&self) -> bool {
        self.growth().is_none_or(|growth| growth > TOLERANCE)
    }

    pub(super) fn is_gain(&self) -> bool {
        self.growth().is_some_and(|growth| growth < -TOLERANCE)
    }
}

/// A row of the table; the width is that of the name.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |count: Option<f64>| count.map_or("-".into(), |count| format!("{count:.1}"));
        let (name, width) = (&self.name, f.width().unwrap_or(0));
        let (recorded, now) = (count(self.recorded), count(self.now));
        write!(f, "{name:<width$} {recorded:>9} {now:>9}")?;
        match (self.growth(), self.now) {
            (Some(growth), _) => write!(f, " {:>+7.1} %", growth * 100.0)?,
            (None, Some(_)) => write!(f, "  not recorded")?,
            (None, None) => write!(f, "  recorded, but there is no such path")?,
        }
        match (self.growth(), self.is_failure(), self.is_gain()) {
            (Some(_), true, _) => write!(f, "  too many"),
            (_, _, true) => write!(f, "  record it"),
            _ => Ok(()),
        }
    }
}

impl Record {
    pub(super) fn read(path: &Path) -> Outcome<Self> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) => return failed(format!("cannot read {}: {e}", path.display())),
        };
        match Record::parse(&text) {
            Some(record) => Ok(record),
            None => failed(format!(
                "{} is not a record of counts: restore it, or write it anew with `cargo xtask perf --guard --record`",
                path.display()
            )),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let table: Table = text.parse().ok()?;
        let counts = table.get("instructions")?.as_table()?.iter();
        Some(Record {
            made_with: table.get("made_with")?.as_str()?.to_owned(),
            counts: counts
                .map(|(name, count)| Some((name.clone(), number(count)?)))
                .collect::<Option<_>>()?,
        })
    }

    /// Every path that was counted, and those of the record that `filter` selects.
    pub(super) fn compare(&self, counts: &BTreeMap<String, f64>, filter: &str) -> Vec<Change> {
        let recorded = self.counts.keys().filter(|name| name.contains(filter));
        let mut names: Vec<&String> = counts.keys().chain(recorded).collect();
        names.sort();
        names.dedup();
        let change = |name: &String| Change {
            name: name.clone(),
            recorded: self.counts.get(name).copied(),
            now: counts.get(name).copied(),
        };
        names.into_iter().map(change).collect()
    }

    /// What is now is what is recorded from here on.
    pub(super) fn take(&mut self, changes: Vec<Change>, made_with: String) {
        self.made_with = made_with;
        for Change { name, now, .. } in changes {
            match now {
                Some(now) => self.counts.insert(name, now),
                None => self.counts.remove(&name),
            };
        }
    }

    pub(super) fn write(&self, path: &Path) -> Outcome {
        match fs::write(path, self.to_string()) {
            Ok(()) => Ok(()),
            Err(e) => failed(format!("cannot write {}: {e}", path.display())),
        }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}made_with = {:?}\n", self.made_with)?;
        writeln!(f, "[instructions]")?;
        for (name, count) in &self.counts {
            writeln!(f, "{name:?} = {count:.1}")?;
        }
        Ok(())
    }
}

fn number(value: &Value) -> Option<f64> {
    let whole = || value.as_integer().map(|whole| whole as f64);
    let number = value.as_float().or_else(whole)?;
    (number > 0.0).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(counts: &[(&str, f64)]) -> Record {
        Record {
            made_with: "rustc 1".into(),
            counts: of(counts),
        }
    }

    fn of(counts: &[(&str, f64)]) -> BTreeMap<String, f64> {
        let owned = |(name, count): &(&str, f64)| (name.to_string(), *count);
        counts.iter().map(owned).collect()
    }

    fn verdicts(
        then: &[(&str, f64)],
        now: &[(&str, f64)],
        filter: &str,
    ) -> Vec<(String, bool, bool)> {
        let changes = record(then).compare(&of(now), filter);
        let verdict = |c: &Change| (c.name.clone(), c.is_failure(), c.is_gain());
        changes.iter().map(verdict).collect()
    }

    #[test]
    fn growth_beyond_the_tolerance_fails() {
        let verdict = |now| verdicts(&[("a", 1000.0)], &[("a", now)], "")[0].clone();
        assert_eq!(verdict(1049.9), ("a".into(), false, false));
        assert_eq!(verdict(1050.1), ("a".into(), true, false));
        assert_eq!(verdict(950.1), ("a".into(), false, false));
        assert_eq!(verdict(949.9), ("a".into(), false, true));
    }

    #[test]
    fn what_is_new_or_gone_fails_until_it_is_recorded() {
        let (then, now) = (
            [("gone", 5.0), ("kept", 5.0)],
            [("kept", 5.0), ("new", 5.0)],
        );
        let found = verdicts(&then, &now, "");
        let bad: Vec<&str> = found.iter().filter(|v| v.1).map(|v| v.0.as_str()).collect();
        assert_eq!(bad, ["gone", "new"]);

        let mut record = record(&then);
        let changes = record.compare(&of(&now), "");
        record.take(changes, "rustc 2".into());
        assert_eq!(record.counts, of(&now));
        assert_eq!(record.made_with, "rustc 2");
    }

    #[test]
    fn a_filter_leaves_the_others_alone() {
        let then = [("log.a", 5.0), ("mqtt.a", 5.0)];
        let found = verdicts(&then, &[("mqtt.a", 5.0)], "mqtt");
        assert_eq!(found, [("mqtt.a".into(), false, false)]);

        let mut record = record(&then);
        let changes = record.compare(&of(&[("mqtt.a", 7.0)]), "mqtt");
        record.take(changes, String::new());
        assert_eq!(record.counts, of(&[("log.a", 5.0), ("mqtt.a", 7.0)]));
    }

    #[test]
    fn the_file_says_what_was_recorded() {
        let record = record(&[("a.b-1", 12.5), ("c", 2000.0)]);
        assert_eq!(Record::parse(&record.to_string()), Some(record));
        assert_eq!(
            Record::parse("made_with = \"x\"\n[instructions]\na = 0.0"),
            None
        );
        assert_eq!(Record::parse("[instructions]"), None);
    }
}
