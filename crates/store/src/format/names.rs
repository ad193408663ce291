//! The files of a log's directory.

use std::fmt;

/// A file of the log. Segments are numbered from 1 on and no number of a sealed segment is used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileName {
    /// A segment: preallocated, being appended to, or sealed.
    Segment(u32),
    /// A segment that is being made: it counts for nothing until it is renamed.
    Unfinished(u32),
    /// What recovery wants of a sealed segment. May be missing; may never be believed unchecked.
    Index(u32),
    /// What a repair has cut off.
    Kept(u32),
}

/// Which file of a number.
type Kind = fn(u32) -> FileName;

impl FileName {
    const ENDS: [(Kind, &str); 4] = [
        (FileName::Segment, ".seg"),
        (FileName::Unfinished, ".new"),
        (FileName::Index, ".idx"),
        (FileName::Kept, ".cut"),
    ];

    /// `None` for a file that is not the log's.
    pub fn parse(name: &str) -> Option<FileName> {
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
            FileName::Kept(n) => (n, ".cut"),
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
            FileName::Kept(3),
        ];
        for file in files {
            assert_eq!(FileName::parse(&file.to_string()), Some(file));
        }
        for other in ["1.seg", "0000000001.seg~", "lock", "+000000001.seg", ".seg"] {
            assert_eq!(FileName::parse(other), None, "{other}");
        }
    }
}
