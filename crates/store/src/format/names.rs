//! The files of a log's directory.

use std::fmt;

/// A file of the log. Segments are numbered from 1 on; no number of a sealed segment is used twice, but
/// for those that a repair has cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileName {
    /// A segment: preallocated, being appended to, or sealed.
    Segment(u32),
    /// A segment that is being made: it counts for nothing until it is renamed.
    Unfinished(u32),
    /// What recovery wants of a sealed segment. May be missing; may never be believed unchecked.
    Index(u32),
    /// What a repair has cut off, and how many were there of this number before.
    Kept(u32, u16),
}

/// Which file of a number.
type Kind = fn(u32) -> FileName;

impl FileName {
    const ENDS: [(Kind, &str); 3] = [
        (FileName::Segment, ".seg"),
        (FileName::Unfinished, ".new"),
        (FileName::Index, ".idx"),
    ];

    /// `None` for a file that is not the log's.
    pub fn parse(name: &str) -> Option<FileName> {
        if let Some(of) = name.strip_suffix(".cut") {
            let (number, copy) = of.split_once('.').unwrap_or((of, "0"));
            let file = FileName::Kept(number.parse().ok()?, copy.parse().ok()?);
            return (file.to_string() == name).then_some(file);
        }
        let (kind, digits) = Self::ENDS
            .iter()
            .find_map(|(kind, end)| Some((kind, name.strip_suffix(end)?)))?;
        let file = kind(digits.parse().ok()?);
        (file.to_string() == name).then_some(file)
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, end) = match self {
            FileName::Segment(n) => (n, ".seg"),
            FileName::Unfinished(n) => (n, ".new"),
            FileName::Index(n) => (n, ".idx"),
            FileName::Kept(n, 0) => (n, ".cut"),
            FileName::Kept(n, copy) => return write!(f, "{n:010}.{copy}.cut"),
        };
        write!(f, "{number:010}{end}")
    }
}

#[cfg(test)]
mod tests {
    use super::FileName;

    #[test]
    fn names_come_back_and_others_are_left_alone() {
        let files = [
            FileName::Segment(1),
            FileName::Unfinished(77),
            FileName::Index(u32::MAX),
            FileName::Kept(3, 0),
            FileName::Kept(3, 2),
        ];
        for file in files {
            assert_eq!(FileName::parse(&file.to_string()), Some(file));
        }
        for other in [
            "1.seg",
            "0000000001.seg~",
            "lock",
            "+000000001.seg",
            ".seg",
            "0000000001.0.cut",
        ] {
            assert_eq!(FileName::parse(other), None, "{other}");
        }
    }
}
