//! What has come, against what was sent: loss, repetition and order, by number.
//!
//! A [`Ledger`] belongs to one subscriber, a [`Group`] to the members of a shared topic, all of one thread.
//! Nothing here knows a packet or the time; what is remembered of gaps is bounded.

use std::collections::{BTreeMap, VecDeque};

/// Gaps that a subscriber remembers; what comes late beyond them counts as out of order.
const MAX_GAPS: usize = 4096;
/// Words of 64 messages that a shared topic remembers for each publisher.
const MAX_WORDS: usize = 1 << 14;

/// What a message is to its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The next one, or one beyond it.
    Fresh,
    /// For the first time, but after a later one.
    Late,
    /// It has come before.
    Repeated,
}

/// How far a subscriber is in each of its flows.
#[derive(Debug)]
pub(crate) struct Ledger {
    next: Vec<u64>,
    /// `(flow, first) -> end` of what was skipped.
    gaps: BTreeMap<(usize, u64), u64>,
    forgotten: bool,
}

impl Ledger {
    pub(crate) fn new(flows: usize) -> Ledger {
        Ledger {
            next: vec![0; flows],
            gaps: BTreeMap::new(),
            forgotten: false,
        }
    }

    /// The number that is due next.
    pub(crate) fn due(&self, flow: usize) -> u64 {
        self.next.get(flow).copied().unwrap_or(0)
    }

    pub(crate) fn take(&mut self, flow: usize, number: u64) -> Verdict {
        let Some(next) = self.next.get_mut(flow) else {
            return Verdict::Repeated;
        };
        if number < *next {
            return self.look_back(flow, number);
        }
        let first = *next;
        *next = number + 1;
        if first < number {
            if self.gaps.len() < MAX_GAPS {
                self.gaps.insert((flow, first), number);
            } else {
                self.forgotten = true;
            }
        }
        Verdict::Fresh
    }

    /// As `take`, where others get what this subscriber does not: false where `number` comes after a later one.
    pub(crate) fn advance(&mut self, flow: usize, number: u64) -> bool {
        let Some(next) = self.next.get_mut(flow) else {
            return false;
        };
        let in_order = number >= *next;
        *next = (*next).max(number + 1);
        in_order
    }

    fn look_back(&mut self, flow: usize, number: u64) -> Verdict {
        let gap = self.gaps.range(..=(flow, number)).next_back();
        let gap = gap.map(|(&(of, first), &end)| (of, first, end));
        match gap {
            Some((of, first, end)) if of == flow && number < end => {
                self.gaps.remove(&(flow, first));
                if first < number {
                    self.gaps.insert((flow, first), number);
                }
                if number + 1 < end {
                    self.gaps.insert((flow, number + 1), end);
                }
                Verdict::Late
            }
            _ if self.forgotten => Verdict::Late,
            _ => Verdict::Repeated,
        }
    }
}

/// Which messages of one publisher have come to any member of a shared topic.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// The word that `words` begins with.
    base: u64,
    words: VecDeque<u64>,
}

impl Group {
    /// True where the message has not come to any member before.
    pub(crate) fn take(&mut self, number: u64) -> bool {
        let word = number / 64;
        if word < self.base {
            return false;
        }
        while word - self.base >= MAX_WORDS as u64 {
            // What is missing there is lost, or comes so late that it may be called so.
            self.words.pop_front();
            self.base += 1;
        }
        // Below MAX_WORDS.
        let index = (word - self.base) as usize;
        if index >= self.words.len() {
            self.words.resize(index + 1, 0);
        }
        let bit = 1u64 << (number % 64);
        let fresh = self.words.get_mut(index).is_some_and(|word| {
            let fresh = *word & bit == 0;
            *word |= bit;
            fresh
        });
        while self.words.front() == Some(&u64::MAX) {
            self.words.pop_front();
            self.base += 1;
        }
        fresh
    }
}

/// Counts of one thread, or of all together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Messages handed to the socket.
    pub(crate) sent: u64,
    /// Copies that those are worth.
    pub(crate) expected: u64,
    /// Copies that came for the first time.
    pub(crate) delivered: u64,
    pub(crate) repeated: u64,
    pub(crate) disordered: u64,
    /// Not this run's, of a wrong size, or never sent.
    pub(crate) foreign: u64,
}

impl Tally {
    pub(crate) fn lost(&self) -> u64 {
        self.expected.saturating_sub(self.delivered)
    }

    /// What must not be, in words; at QoS 1 a repetition may be.
    pub(crate) fn faults(&self, qos: u8) -> Vec<String> {
        let mut faults = Vec::new();
        let mut say = |count: u64, what: &str| {
            if count > 0 {
                faults.push(format!("{count} {what}"));
            }
        };
        say(
            self.lost(),
            "messages lost: sent, and never come to a subscriber that they were meant for",
        );
        if qos != 1 {
            say(
                self.repeated,
                &format!("messages delivered more than once at QoS {qos}"),
            );
        }
        say(
            self.disordered,
            "messages out of order: after a later one of the same publisher and topic",
        );
        say(
            self.foreign,
            "messages that nobody of this run has sent like that, or to the wrong subscriber",
        );
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_late_ones_and_repetitions() {
        let mut ledger = Ledger::new(2);
        assert_eq!(ledger.take(0, 0), Verdict::Fresh);
        assert_eq!(ledger.take(0, 5), Verdict::Fresh);
        assert_eq!(ledger.take(0, 3), Verdict::Late);
        assert_eq!(ledger.take(0, 3), Verdict::Repeated);
        assert_eq!(ledger.take(0, 1), Verdict::Late);
        assert_eq!(ledger.take(0, 4), Verdict::Late);
        assert_eq!(ledger.take(0, 2), Verdict::Late);
        assert_eq!(ledger.take(0, 2), Verdict::Repeated);
        assert_eq!(ledger.take(0, 0), Verdict::Repeated);
        assert_eq!(ledger.take(1, 0), Verdict::Fresh);
        assert_eq!(ledger.due(0), 6);
    }

    #[test]
    fn more_gaps_than_are_remembered_still_count_as_disorder() {
        let mut ledger = Ledger::new(1);
        for n in 0..=MAX_GAPS as u64 {
            ledger.take(0, n * 2 + 1);
        }
        assert_eq!(ledger.gaps.len(), MAX_GAPS);
        assert_eq!(ledger.take(0, MAX_GAPS as u64 * 2), Verdict::Late);
    }

    #[test]
    fn a_group_knows_what_any_member_has_got() {
        let mut group = Group::default();
        assert!((0..200).rev().all(|n| group.take(n)));
        assert!((0..200).rev().all(|n| !group.take(n)));
        assert_eq!(group.base, 3);
        let far = 64 * (MAX_WORDS as u64 + 10);
        assert!(group.take(far));
        assert!(group.words.len() <= MAX_WORDS);
        assert!(!group.take(far));
    }

    #[test]
    fn what_is_a_fault_depends_on_the_quality() {
        let tally = Tally {
            expected: 10,
            delivered: 10,
            repeated: 1,
            ..Tally::default()
        };
        assert!(tally.faults(1).is_empty());
        assert_eq!(tally.faults(2).len(), 1);
        assert_eq!(tally.faults(0).len(), 1);
        let lossy = Tally {
            delivered: 9,
            disordered: 2,
            foreign: 3,
            ..tally
        };
        assert_eq!(lossy.faults(1).len(), 3);
    }
}
