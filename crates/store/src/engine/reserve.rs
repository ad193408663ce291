//! Segments that stand ready, and what happens when the disk has no room for more.
//!
//! Part of the engine. Room is asked for before it is needed, so a full disk shows here and never in a
//! sync. The last segments are a reserve for copies, settles and whatever else lets the log shrink; when
//! only they are left, messages are held back until there is more room than that again.

use super::segments::{self, Spare};
use super::{Engine, Event, Lane, Purpose, Step};
use crate::planted::Bug;

impl Engine {
    fn wanted_spares(&self) -> usize {
        // One more while messages are held back, so that resuming is not undone by the next message.
        self.settings.reserve + if self.held_back { 2 } else { 1 }
    }

    pub(super) fn keep_spares(&mut self, now: u64) {
        let segments = &mut self.segments;
        let full = segments.full_until.is_some_and(|until| now < until);
        if segments.making || full {
            return;
        }
        if segments.spares.len() >= self.wanted_spares() {
            self.segments.full_until = None;
            self.resume_with_room();
            return;
        }
        let segments = &mut self.segments;
        let number = segments.next_number;
        let capacity = self.settings.segment_bytes;
        segments.making = true;
        let mut steps = segments::make(number, capacity, self.salt);
        if self.settings.planted.has(Bug::DirectoryNotSynced) {
            steps.retain(|step| *step != Step::SyncDirectory);
        }
        let spare = Spare { number, capacity };
        self.start(Lane::Files, steps, Purpose::Make(spare));
    }

    pub(super) fn made(&mut self, spare: Spare) {
        let segments = &mut self.segments;
        segments.making = false;
        segments.full_until = None;
        segments.next_number = spare.number + 1;
        segments.spares.push_back(spare);
        self.resume_with_room();
    }

    /// Messages are taken again, with more room than held them back.
    fn resume_with_room(&mut self) {
        if self.held_back && self.segments.spares.len() >= self.settings.reserve + 2 {
            self.held_back = false;
            self.intake.release();
            self.events.push(Event::Resume);
        }
    }

    /// The spare may have become the head meanwhile.
    pub(super) fn lengthened(&mut self, longer: Spare) {
        let segments = &mut self.segments;
        segments.making = false;
        segments.full_until = None;
        for spare in &mut segments.spares {
            if spare.number == longer.number {
                spare.capacity = longer.capacity;
            }
        }
        if let Some(head) = &mut segments.head
            && head.number == longer.number
        {
            head.capacity = longer.capacity;
        }
    }

    pub(super) fn no_room(&mut self, now: u64) {
        self.segments.making = false;
        self.segments.full_until = Some(now + self.settings.retry_us);
    }

    /// A segment is gone: there may be room now.
    pub(super) fn unlinked(&mut self) {
        if let Some(until) = &mut self.segments.full_until {
            *until = 0;
        }
    }

    /// True where the head is not one of the reserve.
    pub(super) fn may_take_messages(&self) -> bool {
        self.segments.spares.len() >= self.settings.reserve
    }

    /// Something can't be written for want of a segment. Where that is only being made, it waits.
    pub(super) fn short_of_room(&mut self) {
        if !self.held_back && self.segments.full_until.is_some() {
            self.held_back = true;
            self.events.push(Event::HoldBack);
        }
    }

    /// Unlinks what is no part of the log any more.
    pub(super) fn unlink_dead(&mut self) {
        let hasty = self.settings.planted.has(Bug::UnlinkBeforeFirstSegment);
        let announced = if hasty {
            self.segments.first
        } else {
            self.segments.announced
        };
        for number in self.segments.unlinkable(announced) {
            self.segments.forget(number);
            let steps = segments::unlink(number);
            self.start(Lane::Files, steps, Purpose::Unlink);
        }
    }
}
