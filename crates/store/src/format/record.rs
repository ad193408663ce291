//! Records as bytes, and what the fold of a log wants to know of each.
//!
//! A message's record has two parts: its head (id, who is owed it) and the message itself. Recovery
//! folds [`Fact`]s, which need the heads alone; a copy made by the cleaner has a new head before the same
//! bytes. An `Enqueue` and a copy of it are the same kind of record: a destination carries its ordinal.

use super::Salt;
use super::bytes::{FormatError, Reader, Result, only, put_number};
use super::message::{MessageStart, UnixOffset, put_message, qos};
use super::row;
use crate::{Live, Waiting};
use message::record::{Dest, Record, Row, RowKey};
use message::{MessageId, QoS, QueueId, Set};
use std::sync::Arc;

/// Bytes before each record: its length and its check sum.
pub(crate) const FRAME_HEAD: usize = 8;
const WHAT: &str = "a record";

const MESSAGE: u8 = 1;
const SETTLE: u8 = 2;
const ASSIGN: u8 = 3;
const PUT: u8 = 4;
const DELETE: u8 = 5;
const MARKS: u8 = 6;

const RETAINED: u8 = 1;
const QOS2: u8 = 1 << 1;

const KEEP_RETAIN: u8 = 1 << 2;
const GROUP: u8 = 1 << 3;
const SUBSCRIPTIONS: u8 = 1 << 4;

/// The highest names that were ever given; none of them may be given again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    pub message: MessageId,
    pub queue: QueueId,
    pub retained_version: u64,
}

/// Writes one framed record; `body` appends its bytes.
pub(crate) fn put_frame(out: &mut Vec<u8>, salt: Salt, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([0; FRAME_HEAD]);
    body(out);
    let len = (out.len() - start - FRAME_HEAD) as u32;
    let sum = salt.sum(&[&out[start + FRAME_HEAD..]]);
    out[start..start + 4].copy_from_slice(&len.to_le_bytes());
    out[start + 4..start + FRAME_HEAD].copy_from_slice(&sum.to_le_bytes());
}

/// The body of the one frame that `bytes` hold.
pub(crate) fn frame_body(bytes: &[u8], salt: Salt) -> Result<&[u8]> {
    let mut reader = Reader::new(bytes, WHAT);
    let (len, sum) = (reader.u32()?, reader.u32()?);
    let body = reader.take(len as usize)?;
    reader.end()?;
    if salt.sum(&[body]) == sum {
        Ok(body)
    } else {
        Err(FormatError::Sum(WHAT))
    }
}

/// The frames of a batch whose check sum is right: where each begins, its length, and its body.
#[derive(Clone)]
pub(crate) struct Frames<'a> {
    reader: Reader<'a>,
    at: usize,
}

impl<'a> Frames<'a> {
    /// `at` is where `bytes` begin, counted from wherever the caller likes.
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Self {
        let reader = Reader::new(bytes, WHAT);
        Frames { reader, at }
    }

    fn frame(&mut self) -> Result<(usize, u32, &'a [u8])> {
        let len = self.reader.u32()?;
        self.reader.u32()?;
        let body = self.reader.take(len as usize)?;
        let whole = len.saturating_add(FRAME_HEAD as u32);
        let at = self.at;
        self.at += whole as usize;
        Ok((at, whole, body))
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<(usize, u32, &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let frame = self.frame();
        if frame.is_err() {
            // Nothing can be found behind a frame whose length is wrong.
            self.reader = Reader::new(&[], WHAT);
        }
        Some(frame)
    }
}

/// A record of the core as the body of a frame. A message names no queue of `ended`.
pub(crate) fn put_record(
    out: &mut Vec<u8>,
    record: &Record,
    offset: UnixOffset,
    ended: &Set<QueueId>,
) {
    match record {
        Record::Enqueue(enqueue) => {
            let qos2_id = enqueue.qos2_id.filter(|(queue, _)| !ended.contains(queue));
            put_head(out, enqueue.id, enqueue.retained, qos2_id);
            let named = |dest: &&Dest| ended.is_empty() || !ended.contains(&dest.queue);
            let count = enqueue.dests.iter().filter(named).count();
            put_number(out, count as u64);
            for (ordinal, dest) in (0..).zip(&enqueue.dests) {
                if named(&dest) {
                    put_dest(out, ordinal, dest, None);
                }
            }
            put_message(out, &enqueue.message, enqueue.id, offset);
        }
        Record::Settle { id, ordinal } => {
            out.push(SETTLE);
            put_number(out, id.0);
            put_number(out, u64::from(*ordinal));
        }
        Record::Assign { id, ordinal, to } => {
            out.push(ASSIGN);
            put_number(out, id.0);
            put_number(out, u64::from(*ordinal));
            put_number(out, to.0);
        }
        Record::Put(row) => {
            out.push(PUT);
            row::put_row(out, row, offset);
        }
        Record::Delete(key) => {
            out.push(DELETE);
            row::put_key(out, key);
        }
    }
}

pub(crate) fn put_marks(out: &mut Vec<u8>, marks: Marks) {
    out.push(MARKS);
    put_number(out, marks.message.0);
    put_number(out, marks.queue.0);
    put_number(out, marks.retained_version);
}

fn put_head(out: &mut Vec<u8>, id: MessageId, retained: bool, qos2: Option<(QueueId, u16)>) {
    out.push(MESSAGE);
    out.push(u8::from(retained) * RETAINED + u8::from(qos2.is_some()) * QOS2);
    put_number(out, id.0);
    if let Some((queue, packet_id)) = qos2 {
        put_number(out, queue.0);
        out.extend(packet_id.to_le_bytes());
    }
}

fn put_dest(out: &mut Vec<u8>, ordinal: u32, dest: &Dest, group: Option<QueueId>) {
    put_number(out, u64::from(ordinal));
    put_number(out, dest.queue.0);
    let ids = &dest.subscription_ids;
    let bits = u8::from(dest.retain) * KEEP_RETAIN
        + u8::from(group.is_some()) * GROUP
        + u8::from(!ids.is_empty()) * SUBSCRIPTIONS;
    out.push(dest.qos as u8 | bits);
    if let Some(group) = group {
        put_number(out, group.0);
    }
    if !ids.is_empty() {
        put_number(out, ids.len() as u64);
        ids.iter().for_each(|id| put_number(out, u64::from(*id)));
    }
}

/// A message's record as it is to be now: what waits, and the bytes of the message, copied unseen.
pub(crate) fn put_copy(out: &mut Vec<u8>, now: &Living<'_>, message: &[u8]) {
    put_head(out, now.id, now.retained, now.qos2);
    put_number(out, now.waiting.len() as u64);
    for w in now.waiting {
        put_dest(out, w.ordinal, &w.dest, w.group);
    }
    out.extend_from_slice(message);
}

/// Who is still owed a message, for [`put_copy`].
pub(crate) struct Living<'a> {
    pub(crate) id: MessageId,
    pub(crate) retained: bool,
    pub(crate) qos2: Option<(QueueId, u16)>,
    pub(crate) waiting: &'a [Waiting],
}

/// What a record says to the fold.
#[derive(Debug, PartialEq)]
pub(crate) enum Fact<'a> {
    Message(Head<'a>, Option<Value<'a>>),
    Settle {
        id: MessageId,
        ordinal: u32,
    },
    Assign {
        id: MessageId,
        ordinal: u32,
        to: QueueId,
    },
    Put(Row),
    Delete(RowKey),
    Marks(Marks),
}

/// The head of a message's record. Its destinations have been looked through once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head<'a> {
    pub(crate) id: MessageId,
    pub(crate) retained: bool,
    pub(crate) qos2: Option<(QueueId, u16)>,
    count: usize,
    dests: &'a [u8],
    /// Where the message begins in the body of the frame.
    end: usize,
}

/// Which retained value a message is; with an empty payload, the end of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value<'a> {
    pub(crate) topic: &'a str,
    pub(crate) version: u64,
    pub(crate) ends: bool,
}

/// A destination as the index wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) ordinal: u32,
    pub(crate) queue: QueueId,
    pub(crate) qos: QoS,
    pub(crate) group: Option<QueueId>,
}

impl<'a> Head<'a> {
    /// From behind the kind; gives back what follows the head, too.
    fn decode(bytes: &'a [u8]) -> Result<(Self, &'a [u8])> {
        let mut reader = Reader::new(bytes, WHAT);
        let flags = only(reader.u8()?, RETAINED | QOS2, "a message's record")?;
        let id = MessageId(reader.number()?);
        let qos2 = if flags & QOS2 == 0 {
            None
        } else {
            Some((QueueId(reader.number()?), reader.u16()?))
        };
        let count = reader.count()?;
        let before = reader.rest();
        for _ in 0..count {
            slot(&mut reader, None)?;
        }
        let after = reader.rest();
        let head = Head {
            id,
            retained: flags & RETAINED != 0,
            qos2,
            count,
            dests: &before[..before.len() - after.len()],
            // The kind stands before `bytes`.
            end: 1 + bytes.len() - after.len(),
        };
        Ok((head, after))
    }

    /// How many destinations there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = Slot> + use<'a> {
        let mut reader = Reader::new(self.dests, WHAT);
        let slots = (0..self.count).map(move |_| slot(&mut reader, None).ok());
        slots.map_while(|found| found.map(|(slot, _)| slot))
    }

    /// The destinations in full.
    pub(crate) fn waiting(&self) -> Vec<Waiting> {
        let mut reader = Reader::new(self.dests, WHAT);
        let mut all = Vec::new();
        for _ in 0..self.count {
            let mut ids = Vec::new();
            let Ok((slot, retain)) = slot(&mut reader, Some(&mut ids)) else {
                break;
            };
            let dest = Dest {
                queue: slot.queue,
                qos: slot.qos,
                retain,
                subscription_ids: ids.into(),
            };
            all.push(Waiting {
                ordinal: slot.ordinal,
                dest,
                group: slot.group,
            });
        }
        all
    }
}

/// One destination, its Retain As Published, and its subscription identifiers where these are wanted.
fn slot(reader: &mut Reader<'_>, mut ids: Option<&mut Vec<u32>>) -> Result<(Slot, bool)> {
    let ordinal = reader.number32()?;
    let queue = QueueId(reader.number()?);
    let known = 0b11 | KEEP_RETAIN | GROUP | SUBSCRIPTIONS;
    let flags = only(reader.u8()?, known, "a destination")?;
    let group = (flags & GROUP != 0).then(|| reader.number().map(QueueId));
    let slot = Slot {
        ordinal,
        queue,
        qos: qos(flags & 0b11)?,
        group: group.transpose()?,
    };
    if flags & SUBSCRIPTIONS != 0 {
        for _ in 0..reader.count()? {
            let id = reader.number32()?;
            if let Some(ids) = &mut ids {
                ids.push(id);
            }
        }
    }
    Ok((slot, flags & KEEP_RETAIN != 0))
}

impl<'a> Fact<'a> {
    /// What the body of a frame says.
    pub(crate) fn decode(body: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new(body, WHAT);
        match reader.u8()? {
            MESSAGE => {
                let (head, message) = Head::decode(reader.rest())?;
                let value = head.retained.then(|| Value::decode(message)).transpose()?;
                Ok(Fact::Message(head, value))
            }
            PUT => Ok(Fact::Put(row::row(reader.rest())?)),
            DELETE => Ok(Fact::Delete(row::key(reader.rest())?)),
            kind => {
                let fact = Self::small(kind, &mut reader)?;
                reader.end()?;
                Ok(fact)
            }
        }
    }

    fn small(kind: u8, reader: &mut Reader<'_>) -> Result<Self> {
        Ok(match kind {
            SETTLE => Fact::Settle {
                id: MessageId(reader.number()?),
                ordinal: reader.number32()?,
            },
            ASSIGN => Fact::Assign {
                id: MessageId(reader.number()?),
                ordinal: reader.number32()?,
                to: QueueId(reader.number()?),
            },
            MARKS => Fact::Marks(Marks {
                message: MessageId(reader.number()?),
                queue: QueueId(reader.number()?),
                retained_version: reader.number()?,
            }),
            _ => {
                return Err(FormatError::Unknown {
                    what: "the kind of a record",
                    value: u64::from(kind),
                });
            }
        })
    }

    /// What a brief says, as [`put_brief`] has written it.
    pub(crate) fn from_brief(brief: &'a [u8]) -> Result<Self> {
        if brief.first() != Some(&MESSAGE) {
            return Self::decode(brief);
        }
        let (head, rest) = Head::decode(&brief[1..])?;
        let mut reader = Reader::new(rest, WHAT);
        let mut value = || -> Result<Value<'a>> {
            Ok(Value {
                ends: reader.u8()? == 1,
                version: reader.number()?,
                topic: reader.text()?,
            })
        };
        let value = head.retained.then(&mut value).transpose()?;
        Ok(Fact::Message(head, value))
    }
}

impl<'a> Value<'a> {
    fn decode(message: &'a [u8]) -> Result<Self> {
        let start = MessageStart::decode(message)?;
        Ok(Value {
            topic: start.topic,
            version: start.version,
            ends: start.is_empty()?,
        })
    }
}

/// The body of a frame, which says `fact`, without the message, for index files: the same [`Fact`] comes out of it.
pub(crate) fn put_brief(out: &mut Vec<u8>, body: &[u8], fact: &Fact<'_>) {
    let Fact::Message(head, value) = fact else {
        out.extend_from_slice(body);
        return;
    };
    out.extend_from_slice(&body[..head.end]);
    if let Some(value) = value {
        out.push(u8::from(value.ends));
        put_number(out, value.version);
        super::bytes::put_blob(out, value.topic.as_bytes());
    }
}

/// A message's record taken apart, and the bytes of the message.
pub(crate) fn message_parts(body: &[u8]) -> Result<Option<(Head<'_>, &[u8])>> {
    match body.split_first() {
        Some((&MESSAGE, rest)) => Head::decode(rest).map(Some),
        _ => Ok(None),
    }
}

/// A message's record in full; `None` for a record of another kind.
pub(crate) fn live(body: &[u8], offset: UnixOffset) -> Result<Option<Live>> {
    let Some((head, message)) = message_parts(body)? else {
        return Ok(None);
    };
    let message = MessageStart::decode(message)?.finish(head.id, offset)?;
    Ok(Some(Live {
        id: head.id,
        message: Arc::new(message),
        waiting: head.waiting(),
        retained: head.retained,
        qos2_id: head.qos2,
    }))
}
