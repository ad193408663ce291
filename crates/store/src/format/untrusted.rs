//! Every decoder of the log on bytes of which nothing is known: for fuzzing.

use super::message::UnixOffset;
use super::record::{Fact, Frames, frame_body, live, put_brief};
use super::segment::SegmentHead;
use super::{Salt, batch, index_file};

/// Goes through `bytes` as each of the things that a log's files hold. Only what it does not do is of
/// interest: it does not panic, hang, or allocate more than the bytes can fill.
pub fn go_through(bytes: &[u8]) {
    let salt = SegmentHead::decode(bytes).map_or(Salt(0), |head| head.salt);
    let _ = frame_body(bytes, salt);
    let _ = batch::decode(bytes, salt, true);
    let _ = batch::find_mark(bytes, 0);
    // Behind a wrong check sum, too: that is what a flipped bit would be seen as, were it ignored.
    if let Ok(batch) = batch::decode(bytes, salt, false) {
        batch.records.flatten().for_each(|frame| record(frame.2));
    }
    if let Ok((_, items)) = index_file::decode(bytes, salt, false) {
        items
            .flatten()
            .for_each(|item| drop(Fact::from_brief(item.brief)));
    }
    Frames::new(bytes, 0)
        .flatten()
        .for_each(|frame| record(frame.2));
    record(bytes);
}

fn record(body: &[u8]) {
    if let Ok(fact) = Fact::decode(body) {
        // What a whole record says, its brief says.
        let mut brief = Vec::new();
        put_brief(&mut brief, body, &fact);
        assert_eq!(Fact::from_brief(&brief), Ok(fact));
    }
    let _ = live(body, UnixOffset(0));
}
