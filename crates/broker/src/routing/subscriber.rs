//! One subscriber's part in a match: its subscriptions, folded into one destination.
//!
//! Plain values. Invariants: destinations are in order of queue, each queue at most once; subscription
//! identifiers are sorted and never repeated.

use message::{QoS, QueueId};
use std::slice;

/// What one subscriber asked for with one pattern, in 24 bytes, as there may be millions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub queue: QueueId,
    /// The home shard of a durable queue; the session's slot in its shard for a volatile one.
    pub place: u32,
    pub qos: QoS,
    /// See [`Terms::mark`]; little-endian.
    mark: [u8; MARK_BYTES],
    /// The identifier, or 0, above the two flags.
    wishes: u32,
}

/// What a subscription asks for beside its QoS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    /// The subscriber does not want what it published itself.
    pub no_local: bool,
    /// The subscriber wants the retain flag as the publisher set it.
    pub keep_retain: bool,
    /// The identifier that the subscriber wants to be told with each message: from 1 to
    /// [`MAX_IDENTIFIER`].
    pub id: Option<u32>,
    /// Retained version up to which the subscriber has read the retained tree itself: live copies at
    /// or below it are repeats.
    pub mark: u64,
}

/// The highest subscription identifier.
const MAX_IDENTIFIER: u32 = (1 << 28) - 1;
/// Marks are counted: 56 bits last for two thousand years at a million a second.
const MARK_BYTES: usize = 7;

const NO_LOCAL: u32 = 1;
const KEEP_RETAIN: u32 = 2;

impl Subscription {
    pub(crate) fn new(queue: QueueId, place: u32, qos: QoS, terms: Terms) -> Self {
        let id = terms.id.filter(|id| *id <= MAX_IDENTIFIER).unwrap_or(0);
        let flag = |flag, set| if set { flag } else { 0 };
        let mut new = Subscription {
            queue,
            place,
            qos,
            mark: [0; MARK_BYTES],
            wishes: (id << 2)
                | flag(NO_LOCAL, terms.no_local)
                | flag(KEEP_RETAIN, terms.keep_retain),
        };
        new.set_mark(terms.mark);
        new
    }

    pub(crate) fn terms(&self) -> Terms {
        Terms {
            no_local: self.no_local(),
            keep_retain: self.wishes & KEEP_RETAIN != 0,
            id: Some(self.wishes >> 2).filter(|id| *id != 0),
            mark: self.mark(),
        }
    }

    pub(super) fn set_mark(&mut self, mark: u64) {
        self.mark.copy_from_slice(&mark.to_le_bytes()[..MARK_BYTES]);
    }

    fn mark(&self) -> u64 {
        let mut bytes = [0; size_of::<u64>()];
        bytes[..MARK_BYTES].copy_from_slice(&self.mark);
        u64::from_le_bytes(bytes)
    }

    fn no_local(&self) -> bool {
        self.wishes & NO_LOCAL != 0
    }
}

/// Subscription identifiers, sorted, none twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ids {
    #[default]
    None,
    One(u32),
    Many(Box<[u32]>),
}

impl Ids {
    pub(crate) fn as_slice(&self) -> &[u32] {
        match self {
            Ids::None => &[],
            Ids::One(id) => slice::from_ref(id),
            Ids::Many(ids) => ids,
        }
    }

    /// The identifiers of some subscriptions; `spare` is a buffer.
    fn of<'a>(subscriptions: impl Iterator<Item = &'a Subscription>, spare: &mut Vec<u32>) -> Ids {
        spare.clear();
        spare.extend(subscriptions.filter_map(|s| s.terms().id));
        spare.sort_unstable();
        spare.dedup();
        match spare[..] {
            [] => Ids::None,
            [id] => Ids::One(id),
            _ => Ids::Many(spare.as_slice().into()),
        }
    }
}

/// What all matching subscriptions of one subscriber come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Folded {
    /// The highest of them.
    pub qos: QoS,
    /// Any of them asks for it.
    pub keep_retain: bool,
    /// All identifiers.
    pub ids: Ids,
    /// The lowest of them: a subscription that has read less of the retained tree still needs more.
    pub mark: u64,
}

impl Folded {
    fn of(subscriptions: &[Subscription], spare: &mut Vec<u32>) -> Folded {
        Self::chosen(subscriptions, |_| true, spare)
    }

    fn chosen(
        all: &[Subscription],
        keep: fn(&&Subscription) -> bool,
        spare: &mut Vec<u32>,
    ) -> Folded {
        let chosen = || all.iter().filter(keep);
        Folded {
            qos: chosen().map(|s| s.qos).max().unwrap_or_default(),
            keep_retain: chosen().any(|s| s.terms().keep_retain),
            ids: Ids::of(chosen(), spare),
            mark: chosen().map(|s| s.mark()).min().unwrap_or_default(),
        }
    }
}

/// What a subscriber gets of what it published itself: its subscriptions with `no_local` left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OwnCopy {
    /// None of the subscriptions has `no_local`.
    Same,
    /// All of them have.
    Nothing,
    /// What the others come to.
    Other(Box<Folded>),
}

/// One subscriber of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Destination {
    pub queue: QueueId,
    /// See [`Subscription::place`].
    pub place: u32,
    pub folded: Folded,
    pub own: OwnCopy,
}

impl Destination {
    /// What this subscriber is to be given of a message that `origin` published.
    pub(crate) fn for_origin(&self, origin: QueueId) -> Option<&Folded> {
        match &self.own {
            OwnCopy::Nothing if self.queue == origin => None,
            OwnCopy::Other(folded) if self.queue == origin => Some(folded),
            _ => Some(&self.folded),
        }
    }

    /// `all` are the matching subscriptions of one queue, at least one.
    fn of(first: &Subscription, all: &[Subscription], spare: &mut Vec<u32>) -> Destination {
        let silent = all.iter().filter(|s| s.no_local()).count();
        let own = if silent == 0 {
            OwnCopy::Same
        } else if silent == all.len() {
            OwnCopy::Nothing
        } else {
            OwnCopy::Other(Box::new(Folded::chosen(all, |s| !s.no_local(), spare)))
        };
        let folded = Folded::of(all, spare);
        Destination {
            queue: first.queue,
            place: first.place,
            folded,
            own,
        }
    }
}

/// Subscriptions for which the buffer of a match is kept.
pub(super) const SPARE: usize = 4096;

/// Merges what a match found into one destination per queue, in order of queue, behind what is in
/// `out` already. `found` is put in that order. Near-linear where `found` consists of sorted runs.
pub(super) fn fold(found: &mut [Subscription], out: &mut Vec<Destination>) {
    found.sort_by_key(|s| s.queue);
    let mut spare = Vec::new();
    // Not more: a route is kept, and most have one destination.
    out.reserve_exact(found.len());
    for same in found.chunk_by(|a, b| a.queue == b.queue) {
        if let Some(first) = same.first() {
            out.push(Destination::of(first, same, &mut spare));
        }
    }
}
