//! Packet ids of one publisher's QoS 1 and 2 messages, from PUBLISH to the last acknowledgement.
//!
//! Owned by the publisher; hands out no id twice while it is in use.

use mqtt_codec::AckKind;
use std::collections::VecDeque;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Free,
    /// PUBLISH is out.
    Published,
    /// PUBREL is out.
    Released,
}

/// What an acknowledgement asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Release,
    Done,
    /// Nothing was waiting for it.
    Unexpected,
}

#[derive(Debug)]
pub(crate) struct InFlight {
    /// Ids that are free, the one that rested longest first.
    free: VecDeque<u16>,
    states: Vec<State>,
}

impl InFlight {
    /// At most `limit` at a time.
    pub(crate) fn new(limit: u16) -> InFlight {
        InFlight {
            free: (1..=limit).collect(),
            states: vec![State::Free; usize::from(limit) + 1],
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.free.is_empty()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.free.len() + 1 == self.states.len()
    }

    pub(crate) fn take(&mut self) -> Option<u16> {
        let id = self.free.pop_front()?;
        if let Some(state) = self.states.get_mut(usize::from(id)) {
            *state = State::Published;
        }
        Some(id)
    }

    /// `refused`: the acknowledgement says that the message was not taken, which ends it.
    pub(crate) fn ack(&mut self, kind: AckKind, id: u16, refused: bool) -> Step {
        let Some(state) = self.states.get_mut(usize::from(id)) else {
            return Step::Unexpected;
        };
        match (kind, *state) {
            (AckKind::Pubrec, State::Published) if !refused => {
                *state = State::Released;
                Step::Release
            }
            (AckKind::Puback | AckKind::Pubrec, State::Published)
            | (AckKind::Pubcomp, State::Released) => {
                *state = State::Free;
                self.free.push_back(id);
                Step::Done
            }
            _ => Step::Unexpected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_when_they_are_free() {
        let mut ids = InFlight::new(2);
        assert_eq!(
            (ids.take(), ids.take(), ids.take()),
            (Some(1), Some(2), None)
        );
        assert!(ids.is_full());
        assert_eq!(ids.ack(AckKind::Puback, 2, false), Step::Done);
        assert_eq!(ids.ack(AckKind::Puback, 2, false), Step::Unexpected);
        assert_eq!(ids.ack(AckKind::Pubcomp, 1, false), Step::Unexpected);
        assert_eq!(ids.ack(AckKind::Pubrec, 1, false), Step::Release);
        assert_eq!(ids.ack(AckKind::Pubrec, 1, false), Step::Unexpected);
        assert_eq!(ids.ack(AckKind::Pubcomp, 1, false), Step::Done);
        assert!(ids.is_empty());
        assert_eq!(ids.take(), Some(2));
        assert_eq!(ids.ack(AckKind::Pubrec, 2, true), Step::Done);
        assert_eq!(ids.ack(AckKind::Puback, 9, false), Step::Unexpected);
    }
}
