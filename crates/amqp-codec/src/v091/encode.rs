//! Methods and contents to frames, straight into the output. Whatever fails leaves the output as it was. Never checks
//! whether a method may be sent now.

use super::field::FieldWriter;
use super::frame::{FRAME_END, FrameType};
use super::{Content, EncodeError, FRAME_OVERHEAD, MethodDefinition, MethodFields, basic};

/// What a frame takes beside its payload.
const OVERHEAD: usize = FRAME_OVERHEAD as usize;

/// Class, weight and body size, which come before the properties.
const CONTENT_HEADER_LEN: usize = 12;

/// What is reserved for a method: most take less.
const USUAL_METHOD_LEN: usize = 128;

/// Appends a method frame of at most `frame_max` bytes.
pub fn encode_method(
    out: &mut Vec<u8>,
    channel: u16,
    method: &impl MethodFields,
    frame_max: u32,
) -> Result<(), EncodeError> {
    let start = out.len();
    let put = put_method(out, channel, method, frame_max);
    match put {
        Ok(()) => out.push(FRAME_END),
        Err(_) => out.truncate(start),
    }
    put
}

/// Appends a method that has content with its header and body, in frames of at most `frame_max` bytes: of `deliver`,
/// `return` and `get-ok` for servers, of `publish` for clients.
pub fn encode_content<M: MethodDefinition>(
    out: &mut Vec<u8>,
    channel: u16,
    method: &M,
    content: &Content<'_>,
    frame_max: u32,
) -> Result<(), EncodeError> {
    const {
        assert!(M::INFO.content, "a method without content");
    }
    let (raw, body) = (content.properties.raw(), content.body);
    let header_size = raw.len().saturating_add(CONTENT_HEADER_LEN);
    check_size(header_size, frame_max)?;
    // The header fits, so bodies have room too.
    let room = capacity(frame_max);
    let frames = body.len().div_ceil(room).saturating_add(2);
    out.reserve(
        USUAL_METHOD_LEN
            .saturating_add(header_size)
            .saturating_add(body.len())
            .saturating_add(frames.saturating_mul(OVERHEAD)),
    );
    let start = out.len();
    if let Err(error) = put_method(out, channel, method, frame_max) {
        out.truncate(start);
        return Err(error);
    }
    put_content_header(out, channel, header_size, body.len());
    out.extend_from_slice(raw);
    for part in body.chunks(room) {
        put_frame_header(out, FrameType::Body, channel, part.len());
        out.extend_from_slice(part);
    }
    out.push(FRAME_END);
    Ok(())
}

/// How large a payload may be.
fn capacity(frame_max: u32) -> usize {
    usize::try_from(frame_max.saturating_sub(FRAME_OVERHEAD)).unwrap_or(usize::MAX)
}

fn check_size(payload: usize, frame_max: u32) -> Result<(), EncodeError> {
    if payload <= capacity(frame_max) {
        return Ok(());
    }
    Err(EncodeError::FrameTooLarge {
        size: payload.saturating_add(OVERHEAD),
        max: frame_max,
    })
}

/// Appends a method frame without its end octet. On an error part of it may have been appended.
#[inline]
fn put_method(
    out: &mut Vec<u8>,
    channel: u16,
    method: &impl MethodFields,
    frame_max: u32,
) -> Result<(), EncodeError> {
    let [c0, c1] = channel.to_be_bytes();
    // The size is written when it is known.
    out.extend_from_slice(&[FrameType::Method.as_u8(), c0, c1, 0, 0, 0, 0]);
    let payload_at = out.len();
    let size_at = payload_at.saturating_sub(4);
    method.write(&mut FieldWriter::new(out))?;
    let size = out.len().saturating_sub(payload_at);
    check_size(size, frame_max)?;
    if let Some(place) = out.get_mut(size_at..).and_then(<[u8]>::first_chunk_mut) {
        *place = frame_size(size);
    }
    Ok(())
}

/// Appends the end of a frame and the header of the next one.
#[inline]
fn put_frame_header(out: &mut Vec<u8>, frame_type: FrameType, channel: u16, size: usize) {
    let ([c0, c1], [s0, s1, s2, s3]) = (channel.to_be_bytes(), frame_size(size));
    out.extend_from_slice(&[FRAME_END, frame_type.as_u8(), c0, c1, s0, s1, s2, s3]);
}

/// Appends the end of a frame and a header frame up to its properties.
#[inline]
fn put_content_header(out: &mut Vec<u8>, channel: u16, size: usize, body: usize) {
    const CLASS: [u8; 2] = basic::CLASS_ID.to_be_bytes();
    put_frame_header(out, FrameType::Header, channel, size);
    let [k0, k1] = CLASS;
    let [b0, b1, b2, b3, b4, b5, b6, b7] = u64::try_from(body).unwrap_or(u64::MAX).to_be_bytes();
    out.extend_from_slice(&[k0, k1, 0, 0, b0, b1, b2, b3, b4, b5, b6, b7]);
}

/// The size field of a payload that has been checked against a frame-max, so that it fits.
#[inline]
fn frame_size(size: usize) -> [u8; 4] {
    u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes()
}
