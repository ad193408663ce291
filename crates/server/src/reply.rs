//! The way back to whoever asked a shard something.
//!
//! Owned by the letter that asks. Sending never waits; where nobody waits for the answer any more, it
//! is lost. What is dropped unanswered tells the asker so, by its own means.

use std::fmt;

/// See the module.
pub(crate) struct Reply<T>(Box<dyn FnOnce(T) + Send>);

impl<T> Reply<T> {
    /// `take` must not wait: it runs on the thread that answers.
    pub(crate) fn new(take: impl FnOnce(T) + Send + 'static) -> Self {
        Reply(Box::new(take))
    }

    pub(crate) fn send(self, answer: T) {
        (self.0)(answer);
    }
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}
