//! Looks into a shard for those who operate it: counts, and its clients page by page.
//!
//! The driver asks between turns. Nothing changes by a look, and each look is bounded: it passes at
//! most [`MAX_STEP`] entries, so a shard is never stopped for longer. Filtering and sorting are done
//! by whoever asks, over pages. What stays while a scan is under way is in exactly one of its pages.

mod counts;
mod row;

pub use counts::Counts;
pub use mqtt_codec::Version;
pub use row::{ConnectionRow, SessionRow, SubscriptionRow};

use crate::shard::Shard;
use crate::time::Now;

/// Entries that one look passes at most, whatever is asked for.
pub const MAX_STEP: usize = 512;

/// What an operator wants to know of one shard. A client's session and connection live on the shard
/// that [`crate::Shared::home_of`] names.
#[derive(Clone, Debug)]
pub enum Question {
    Counts,
    Connections(Scan),
    Connection { client_id: Box<str> },
    Sessions(Scan),
    Session { client_id: Box<str> },
    Subscriptions(Scan),
}

/// Where a scan goes on, and how far.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    /// [`Cursor::default`] first, then what the page before said.
    pub from: Cursor,
    /// Rows wanted; at most [`MAX_STEP`] come.
    pub at_most: usize,
}

/// A place in a scan; means nothing outside of the shard and the question that it came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    slot: u32,
    /// Within the slot: behind this filter.
    behind: Option<Box<str>>,
}

/// Some rows. There may be more even where there is none in this page: `next` alone says.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub rows: Vec<T>,
    /// Where to go on; `None` where the scan is over.
    pub next: Option<Cursor>,
}

/// What a shard answers: each question has the answer of its name.
#[derive(Clone, Debug)]
pub enum Answer {
    Counts(Box<Counts>),
    Connections(Page<ConnectionRow>),
    Connection(Option<Box<ConnectionRow>>),
    Sessions(Page<SessionRow>),
    Session(Option<Box<SessionRow>>),
    Subscriptions(Page<SubscriptionRow>),
}

impl Shard {
    /// Answers a question about this shard as it is now.
    pub fn inspect(&self, question: &Question, now: Now) -> Answer {
        match question {
            Question::Counts => Answer::Counts(Box::new(self.counts())),
            Question::Connections(scan) => {
                let end = self.conns.slots();
                Answer::Connections(page(scan, end, |slot| self.connection_row(slot)))
            }
            Question::Connection { client_id } => {
                let session = self.sessions.of_client(client_id);
                let conn = session.and_then(|slot| self.sessions.get(slot)?.conn);
                let row = conn.and_then(|id| self.connection_row(id.index));
                Answer::Connection(row.map(Box::new))
            }
            Question::Sessions(scan) => {
                let end = self.sessions.slots();
                Answer::Sessions(page(scan, end, |slot| self.session_row(slot, now)))
            }
            Question::Session { client_id } => {
                let slot = self.sessions.of_client(client_id);
                let row = slot.and_then(|slot| self.session_row(slot, now));
                Answer::Session(row.map(Box::new))
            }
            Question::Subscriptions(scan) => Answer::Subscriptions(self.subscription_page(scan)),
        }
    }

    /// Subscriptions in order of slot and filter: both stay while the subscription does.
    fn subscription_page(&self, scan: &Scan) -> Page<SubscriptionRow> {
        let wanted = scan.at_most.clamp(1, MAX_STEP);
        let mut rows = Vec::new();
        // Is about the first slot alone.
        let mut behind = scan.from.behind.as_deref();
        let (first, end) = (scan.from.slot, self.sessions.slots());
        for (passed, slot) in (first..end).enumerate() {
            if passed + rows.len() >= MAX_STEP {
                let next = Some(Cursor { slot, behind: None });
                return Page { rows, next };
            }
            let from = behind.take();
            let Some(session) = self.sessions.get(slot) else {
                continue;
            };
            let began = rows.len();
            for subscription in session.subscriptions.behind(from) {
                if rows.len() >= wanted {
                    let last = rows.get(began..).and_then(<[SubscriptionRow]>::last);
                    let behind = last.map(|row| row.filter.clone());
                    let next = Some(Cursor { slot, behind });
                    return Page { rows, next };
                }
                rows.push(row::subscription(&session.identity, subscription));
            }
        }
        Page { rows, next: None }
    }
}

/// The rows of slots that have one, from where the scan stands.
fn page<T>(scan: &Scan, end: u32, row_at: impl Fn(u32) -> Option<T>) -> Page<T> {
    let wanted = scan.at_most.clamp(1, MAX_STEP);
    let mut rows = Vec::new();
    for (passed, slot) in (scan.from.slot..end).enumerate() {
        if passed >= MAX_STEP || rows.len() >= wanted {
            let next = Some(Cursor { slot, behind: None });
            return Page { rows, next };
        }
        rows.extend(row_at(slot));
    }
    Page { rows, next: None }
}

#[cfg(test)]
mod tests;
