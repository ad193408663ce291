//! Tail cleaning: what lives in the oldest segment is copied to the head, then the segment goes.
//!
//! Part of the engine. What is copied is judged twice: when the segment is read, and at the moment of
//! appending, when only what is still owed is named. Records that say that something is over are never
//! copied: what they speak of lies before them, so it is gone, or has been copied without it.

use super::index::Place;
use super::state::{State, keep_owed};
use super::{Engine, Lane, Purpose, Step, damage};
use crate::format::FileName;
use crate::format::FormatError;
use crate::format::batch::{self, BATCH_HEAD, BatchHead};
use crate::format::message::UnixOffset;
use crate::format::record::{Fact, Living, message_parts, put_copy, put_record};
use crate::format::segment::SEGMENT_HEAD;
use crate::planted::{Bug, Planted};
use crate::store_error::{Damage, StoreError};
use message::MessageId;
use message::record::{Record, RowKey};
use std::collections::VecDeque;

/// The log is cleaned while it is larger than so many times what lives in it.
const LARGER: u64 = 2;
/// Bytes of the tail that may be gone through for each byte that is appended or dies. Three keep the
/// log below 2.5 times its living bytes whatever dies.
const PACE: u64 = 3;

#[derive(Default)]
pub(super) struct Cleaner {
    pub(super) cleaning: Option<Cleaning>,
    /// Bytes of the tail that may still be read.
    pub(super) credit: u64,
    /// Of all bytes that have died, those that have been credited.
    died: u64,
    ended: bool,
    /// Bytes moved since the log was opened.
    pub(super) moved: u64,
}

pub(super) struct Cleaning {
    pub(super) segment: u32,
    /// Up to where it has been read, and where it ends.
    pub(super) at: u32,
    pub(super) end: u32,
    reading: bool,
    /// The batch there is longer than what is usually read at once.
    pub(super) batch: u32,
    /// It cannot be gone through from `at` on.
    pub(super) damage: Option<Damage>,
    pub(super) found: VecDeque<Found>,
    /// The last batch that holds copies.
    copied_in: u64,
}

/// A frame that lived when it was read.
#[derive(Debug)]
pub(super) enum Found {
    Message(MessageId, Place, Vec<u8>),
    Row(RowKey, Place),
    End(RowKey, Place),
}

/// What is appended for it.
pub(super) struct Copy {
    body: Vec<u8>,
    of: Found,
}

impl Copy {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.body);
    }

    /// Bytes of what it is a copy of.
    pub(super) fn len(&self) -> usize {
        let (Found::Message(_, place, _) | Found::Row(_, place) | Found::End(_, place)) = &self.of;
        place.len as usize
    }
}

impl Cleaner {
    pub(super) fn grant(&mut self, bytes: u64) {
        self.credit = self.credit.saturating_add(bytes);
    }

    /// Nothing more is cleaned. A segment that is half cleaned stays.
    pub(super) fn give_up(&mut self) {
        self.cleaning = None;
        self.ended = true;
    }

    pub(super) fn has_copies(&self) -> bool {
        self.cleaning.as_ref().is_some_and(|c| !c.found.is_empty())
    }

    /// True where this message is on its way to be copied.
    pub(super) fn copies(&self, id: MessageId) -> bool {
        let found = self.cleaning.iter().flat_map(|c| &c.found);
        found
            .into_iter()
            .any(|f| matches!(f, Found::Message(found, ..) if *found == id))
    }

    /// The next of what was found, as it is to be written now. What has died since is left out.
    pub(super) fn next_copy(
        &mut self,
        state: &State,
        planted: Planted,
    ) -> Result<Option<Copy>, StoreError> {
        let Some(cleaning) = &mut self.cleaning else {
            return Ok(None);
        };
        while let Some(of) = cleaning.found.pop_front() {
            let mut body = Vec::new();
            let lives = match &of {
                Found::Message(id, place, frame) => {
                    let wrong = |e| damage(place.segment, u64::from(place.at), &e);
                    put_message(&mut body, state, *id, *place, frame, planted).map_err(wrong)?
                }
                Found::Row(key, place) => match state.row_at(key, *place) {
                    Some(row) => {
                        put_plain(&mut body, &Record::Put(row.clone()));
                        true
                    }
                    None => false,
                },
                Found::End(key, place) => {
                    let lives = match key {
                        RowKey::Retained(topic, _) => state.is_end_at(topic, *place),
                        _ => false,
                    };
                    put_plain(&mut body, &Record::Delete(key.clone()));
                    lives
                }
            };
            if lives {
                return Ok(Some(Copy { body, of }));
            }
        }
        Ok(None)
    }

    /// There was no room for it.
    pub(super) fn put_back(&mut self, copy: Copy) {
        if let Some(cleaning) = &mut self.cleaning {
            cleaning.found.push_front(copy.of);
        }
    }

    pub(super) fn copied_in(&mut self, batch: u64, copies: bool) {
        if let Some(cleaning) = &mut self.cleaning
            && copies
        {
            cleaning.copied_in = batch;
        }
    }
}

/// Rows are kept in the log's own time.
fn put_plain(out: &mut Vec<u8>, record: &Record) {
    put_record(out, record, UnixOffset::default(), &message::hash::set(0));
}

fn put_message(
    out: &mut Vec<u8>,
    state: &State,
    id: MessageId,
    place: Place,
    frame: &[u8],
    planted: Planted,
) -> Result<bool, FormatError> {
    let index = state.index();
    let (Some(owed), true) = (index.owed(id), index.place(id) == Some(place)) else {
        return Ok(false);
    };
    let Some((head, message)) = message_parts(frame)? else {
        return Ok(false);
    };
    let mut waiting = head.waiting();
    if !planted.has(Bug::CopyNamesSettled) {
        keep_owed(&mut waiting, &owed);
    }
    let now = Living {
        id,
        retained: owed.retained,
        qos2: owed.qos2,
        waiting: &waiting,
    };
    put_copy(out, &now, message);
    Ok(true)
}

impl Engine {
    /// Says what has been appended, and what has died meanwhile: so much may be cleaned.
    pub(super) fn pace_cleaner(&mut self, appended: u64, copied: u64) {
        let died = self.state.occupancy().died();
        let died = died - std::mem::replace(&mut self.cleaner.died, died);
        // What was moved has died in its old place, and is no news.
        let news = (appended + died).saturating_sub(2 * copied);
        if self.is_large() {
            self.cleaner.grant(news.saturating_mul(PACE));
        } else {
            self.cleaner.credit = 0;
        }
    }

    fn is_large(&self) -> bool {
        let (bytes, live) = self.size();
        bytes > self.settings.floor_bytes && bytes > live.saturating_mul(LARGER)
    }

    /// True where the tail is to be cleaned now.
    fn may_clean(&self) -> bool {
        let (bytes, live) = self.size();
        let segment = u64::from(self.settings.segment_bytes);
        // Copies take a segment at most, and one more must come of it.
        let gains = bytes.saturating_sub(live) >= 2 * segment;
        let sealed = self.segments.sealed.len();
        let scattered = sealed > self.settings.max_small_segments
            && (sealed as u64).saturating_mul(segment / 4) > bytes;
        let large = self.is_large() && self.cleaner.credit > 0;
        !self.cleaner.ended && ((self.held_back && gains) || scattered || large)
    }

    /// One step of cleaning, where there is one to take.
    pub(super) fn clean(&mut self) {
        loop {
            if self.cleaner.cleaning.is_none() && !self.next_segment() {
                return;
            }
            let Some(cleaning) = &mut self.cleaner.cleaning else {
                return;
            };
            if cleaning.reading || !cleaning.found.is_empty() {
                return;
            }
            if cleaning.at < cleaning.end {
                break;
            }
            if cleaning.copied_in > self.commit.synced {
                return;
            }
            let segment = cleaning.segment;
            self.cleaner.cleaning = None;
            self.drop_oldest(segment);
        }
        if self.may_clean() {
            self.read_tail();
        }
    }

    /// Begins with the oldest segment. One in which nothing lives goes at once.
    fn next_segment(&mut self) -> bool {
        while let Some((segment, end)) = self.segments.oldest() {
            if self.state.occupancy().of(segment) == 0 {
                self.drop_oldest(segment);
                continue;
            }
            if !self.may_clean() {
                return false;
            }
            self.cleaner.cleaning = Some(Cleaning {
                segment,
                at: SEGMENT_HEAD as u32,
                end,
                reading: false,
                batch: 0,
                damage: None,
                found: VecDeque::new(),
                copied_in: 0,
            });
            return true;
        }
        false
    }

    fn drop_oldest(&mut self, segment: u32) {
        self.segments.first = segment + 1;
        self.commit.announce = true;
    }

    fn read_tail(&mut self) {
        let Some(cleaning) = &mut self.cleaner.cleaning else {
            return;
        };
        let left = cleaning.end - cleaning.at;
        let len = cleaning.batch.max(self.settings.clean_read_bytes).min(left);
        cleaning.reading = true;
        let read = Step::Read {
            file: FileName::Segment(cleaning.segment),
            at: u64::from(cleaning.at),
            len,
        };
        self.start(Lane::Read, vec![read], Purpose::Clean);
    }

    /// Looks at what was read of the tail.
    pub(super) fn clean_with(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let Some(cleaning) = &mut self.cleaner.cleaning else {
            return Ok(());
        };
        cleaning.reading = false;
        cleaning.batch = 0;
        if let Some(damage) = cleaning.damage.take() {
            return self.take_living(bytes, damage);
        }
        if let Err(damage) = self.go_through(bytes) {
            self.salvage_tail(damage);
        }
        Ok(())
    }

    /// Goes through the whole batches of `bytes`.
    fn go_through(&mut self, bytes: &[u8]) -> Result<(), Damage> {
        let Some(cleaning) = &mut self.cleaner.cleaning else {
            return Ok(());
        };
        let (segment, end) = (cleaning.segment, cleaning.end);
        let mut left = bytes;
        while cleaning.at < end {
            let at = cleaning.at;
            let wrong = |e| damage(segment, u64::from(at), &e);
            let total = if left.len() < BATCH_HEAD {
                BATCH_HEAD
            } else {
                BatchHead::peek(left).map_err(wrong)?.total()
            };
            if total > left.len() {
                // To be read on from here.
                cleaning.batch = total as u32;
                if left.len() as u32 >= end - at {
                    return Err(wrong(FormatError::Short("the batch")));
                }
                break;
            }
            let batch = batch::decode(left, self.salt, true).map_err(wrong)?;
            for frame in batch.records {
                let (offset, len, body) = frame.map_err(wrong)?;
                let at = at + offset as u32;
                let place = Place { segment, at, len };
                let found = &mut cleaning.found;
                look(&self.state, body, place, found).map_err(wrong)?;
            }
            left = &left[total..];
            cleaning.at += total as u32;
            let credit = &mut self.cleaner.credit;
            *credit = credit.saturating_sub(total as u64);
        }
        Ok(())
    }
}

/// Adds what lives of a frame.
pub(super) fn look(
    state: &State,
    body: &[u8],
    place: Place,
    found: &mut VecDeque<Found>,
) -> Result<(), FormatError> {
    match Fact::decode(body)? {
        Fact::Message(head, value) => {
            if state.index().place(head.id) == Some(place) {
                found.push_back(Found::Message(head.id, place, body.to_vec()));
            }
            if let Some(value) = value
                && state.is_end_at(value.topic, place)
            {
                let key = RowKey::Retained(value.topic.into(), value.version);
                found.push_back(Found::End(key, place));
            }
        }
        Fact::Put(row) => {
            let key = row.key();
            if state.row_at(&key, place).is_some() {
                found.push_back(Found::Row(key, place));
            }
        }
        Fact::Delete(key @ RowKey::Retained(..)) => found.push_back(Found::End(key, place)),
        Fact::Delete(_) | Fact::Settle { .. } | Fact::Assign { .. } | Fact::Marks(_) => {}
    }
    Ok(())
}
