//! Rows of the tables and their keys as bytes.

use super::bytes::{FormatError, Reader, Result, only, put_blob, put_number};
use super::message::{MessageStart, UnixOffset, put_message};
use message::record::{Row, RowKey};
use message::{MessageId, QueueId};
use std::sync::Arc;

const WHAT: &str = "a row";

const SESSION: u8 = 1;
const SUBSCRIPTION: u8 = 2;
const INFLIGHT: u8 = 3;
const RECEIVED: u8 = 4;
const WILL: u8 = 5;
const RETAINED: u8 = 6;

/// Flags of the optional fields, in the order in which these follow.
fn put_flags(out: &mut Vec<u8>, fields: &[bool]) {
    let bits = fields.iter().enumerate();
    out.push(bits.fold(0, |flags, (bit, set)| flags | (u8::from(*set) << bit)));
}

fn put_optional(out: &mut Vec<u8>, field: Option<u64>) {
    field.into_iter().for_each(|value| put_number(out, value));
}

pub(crate) fn put_row(out: &mut Vec<u8>, row: &Row, offset: UnixOffset) {
    match row {
        Row::Session { .. } => put_session(out, row),
        Row::Subscription {
            queue,
            filter,
            options,
            id,
            group,
        } => {
            out.push(SUBSCRIPTION);
            put_number(out, queue.0);
            put_flags(out, &[id.is_some(), group.is_some()]);
            put_blob(out, filter.as_bytes());
            out.push(*options);
            put_optional(out, id.map(u64::from));
            put_optional(out, group.map(|queue| queue.0));
        }
        Row::Inflight {
            queue,
            packet_id,
            message,
            ordinal,
            released,
        } => {
            out.push(INFLIGHT);
            put_number(out, queue.0);
            put_flags(out, &[*released]);
            out.extend(packet_id.to_le_bytes());
            put_number(out, message.0);
            put_number(out, u64::from(*ordinal));
        }
        Row::Received { queue, packet_id } => {
            out.push(RECEIVED);
            put_number(out, queue.0);
            out.extend(packet_id.to_le_bytes());
        }
        Row::Will {
            queue,
            message,
            delay_s,
            expiry_s,
            due_at_ms,
        } => {
            out.push(WILL);
            put_number(out, queue.0);
            put_flags(out, &[due_at_ms.is_some(), expiry_s.is_some()]);
            put_number(out, u64::from(*delay_s));
            put_optional(out, expiry_s.map(u64::from));
            put_optional(out, *due_at_ms);
            put_message(out, message, MessageId(0), offset);
        }
    }
}

fn put_session(out: &mut Vec<u8>, row: &Row) {
    let Row::Session {
        queue,
        client_id,
        user,
        expires_after_s,
        disconnected_at_ms,
    } = row
    else {
        return;
    };
    out.push(SESSION);
    put_number(out, queue.0);
    put_flags(
        out,
        &[
            user.is_some(),
            expires_after_s.is_some(),
            disconnected_at_ms.is_some(),
        ],
    );
    put_blob(out, client_id.as_bytes());
    if let Some(user) = user {
        put_blob(out, user.as_bytes());
    }
    put_optional(out, expires_after_s.map(u64::from));
    put_optional(out, *disconnected_at_ms);
}

pub(crate) fn put_key(out: &mut Vec<u8>, key: &RowKey) {
    let (kind, queue) = match key {
        RowKey::Session(queue) => (SESSION, *queue),
        RowKey::Subscription(queue, _) => (SUBSCRIPTION, *queue),
        RowKey::Inflight(queue, _) => (INFLIGHT, *queue),
        RowKey::Received(queue, _) => (RECEIVED, *queue),
        RowKey::Will(queue) => (WILL, *queue),
        RowKey::Retained(_, version) => (RETAINED, QueueId(*version)),
    };
    out.push(kind);
    put_number(out, queue.0);
    match key {
        RowKey::Session(_) | RowKey::Will(_) => {}
        RowKey::Subscription(_, text) | RowKey::Retained(text, _) => {
            put_blob(out, text.as_bytes());
        }
        RowKey::Inflight(_, packet_id) | RowKey::Received(_, packet_id) => {
            out.extend(packet_id.to_le_bytes());
        }
    }
}

/// A row, to the end of `bytes`, with its times as the log has them.
pub(crate) fn row(bytes: &[u8]) -> Result<Row> {
    let mut reader = Reader::new(bytes, WHAT);
    let kind = reader.u8()?;
    let queue = QueueId(reader.number()?);
    if kind == WILL {
        return will(queue, reader);
    }
    let row = match kind {
        SESSION => session(queue, &mut reader)?,
        SUBSCRIPTION => {
            let flags = only(reader.u8()?, 0b11, WHAT)?;
            let filter = reader.text()?.into();
            let options = reader.u8()?;
            let id = (flags & 1 != 0).then(|| reader.number32()).transpose()?;
            let group = (flags & 2 != 0).then(|| reader.number()).transpose()?;
            Row::Subscription {
                queue,
                filter,
                options,
                id,
                group: group.map(QueueId),
            }
        }
        INFLIGHT => Row::Inflight {
            queue,
            released: only(reader.u8()?, 1, WHAT)? == 1,
            packet_id: reader.u16()?,
            message: MessageId(reader.number()?),
            ordinal: reader.number32()?,
        },
        RECEIVED => Row::Received {
            queue,
            packet_id: reader.u16()?,
        },
        _ => return Err(unknown(kind)),
    };
    reader.end()?;
    Ok(row)
}

fn session(queue: QueueId, reader: &mut Reader<'_>) -> Result<Row> {
    let flags = only(reader.u8()?, 0b111, WHAT)?;
    let client_id = reader.text()?.into();
    let user = (flags & 1 != 0).then(|| reader.text().map(Box::from));
    let user = user.transpose()?;
    let expires_after_s = (flags & 2 != 0).then(|| reader.number32()).transpose()?;
    let disconnected_at_ms = (flags & 4 != 0).then(|| reader.number()).transpose()?;
    Ok(Row::Session {
        queue,
        client_id,
        user,
        expires_after_s,
        disconnected_at_ms,
    })
}

fn will(queue: QueueId, mut reader: Reader<'_>) -> Result<Row> {
    let flags = only(reader.u8()?, 0b11, WHAT)?;
    let delay_s = reader.number32()?;
    let expiry_s = (flags & 2 != 0).then(|| reader.number32()).transpose()?;
    let due_at_ms = (flags & 1 != 0).then(|| reader.number()).transpose()?;
    let message =
        MessageStart::decode(reader.rest())?.finish(MessageId(0), UnixOffset::default())?;
    Ok(Row::Will {
        queue,
        message: Arc::new(message),
        delay_s,
        expiry_s,
        due_at_ms,
    })
}

/// A key, to the end of `bytes`.
pub(crate) fn key(bytes: &[u8]) -> Result<RowKey> {
    let mut reader = Reader::new(bytes, WHAT);
    let kind = reader.u8()?;
    let queue = QueueId(reader.number()?);
    let key = match kind {
        SESSION => RowKey::Session(queue),
        SUBSCRIPTION => RowKey::Subscription(queue, reader.text()?.into()),
        INFLIGHT => RowKey::Inflight(queue, reader.u16()?),
        RECEIVED => RowKey::Received(queue, reader.u16()?),
        WILL => RowKey::Will(queue),
        RETAINED => RowKey::Retained(reader.text()?.into(), queue.0),
        _ => return Err(unknown(kind)),
    };
    reader.end()?;
    Ok(key)
}

fn unknown(kind: u8) -> FormatError {
    FormatError::Unknown {
        what: "the kind of a row",
        value: u64::from(kind),
    }
}
