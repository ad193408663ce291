//! What happened in a world: a running hash of everything, and text for the eye on demand.
//!
//! The hash tells whether two runs were the same. Text is only made where a run is told to, so a run
//! that fails is repeated with text: the same seed gives the same run.

use message::hash::hash_of;
use std::collections::VecDeque;
use std::hash::Hash;

/// Lines that are kept.
const MAX_LINES: usize = 100_000;

#[derive(Default)]
pub(super) struct Trace {
    pub hash: u64,
    pub verbose: bool,
    pub lines: VecDeque<String>,
}

impl Trace {
    pub(super) fn event<T: Hash + std::fmt::Debug>(&mut self, at_ms: u64, what: T) {
        self.hash = hash_of(self.hash, &what);
        if self.verbose {
            self.line(format!("{at_ms:>8}   {what:?}"));
        }
    }

    pub(super) fn note(&mut self, at_ms: u64, text: impl FnOnce() -> String) {
        if self.verbose {
            let text = text();
            self.line(format!("{at_ms:>8} {text}"));
        }
    }

    fn line(&mut self, line: String) {
        if self.lines.len() >= MAX_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }
}
