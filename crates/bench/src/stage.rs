//! Where a run tells of its progress, and how it learns that it shall end early.
//!
//! Owned by the command; a run only writes lines and looks at the flag.

use std::sync::atomic::{AtomicBool, Ordering};

pub struct Stage<'a> {
    tell: &'a mut dyn FnMut(&str),
    stop: &'a AtomicBool,
    prefix: String,
}

impl<'a> Stage<'a> {
    /// `tell` gets a line about once a second; `stop` ends a run, which then reports what it has.
    pub fn new(tell: &'a mut dyn FnMut(&str), stop: &'a AtomicBool) -> Stage<'a> {
        Stage {
            tell,
            stop,
            prefix: String::new(),
        }
    }

    pub(crate) fn tell(&mut self, line: &str) {
        if self.prefix.is_empty() {
            (self.tell)(line);
        } else {
            (self.tell)(&format!("{}: {line}", self.prefix));
        }
    }

    /// What each line begins with from here on.
    pub(crate) fn set_prefix(&mut self, prefix: String) {
        self.prefix = prefix;
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
