//! Message properties that more than one protocol has.

/// The common properties of a message. Absent ones are `None`; a message without any carries no
/// `Props` at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Props {
    /// MQTT 5 payload format indicator 1: the payload is UTF-8 text. `None` where it was not said.
    pub payload_is_utf8: Option<bool>,
    /// MIME type of the payload.
    pub content_type: Option<Box<str>>,
    /// Where an answer is to be published: a topic in the broker's own form.
    pub reply_to: Option<Box<str>>,
    /// Opaque bytes that tie an answer to its request.
    pub correlation: Option<Box<[u8]>>,
    /// User properties, in the order in which they came; names may repeat.
    pub user: Vec<(Box<str>, Box<str>)>,
}

impl Props {
    /// True where nothing is set: such a message needs no `Props`.
    pub fn is_empty(&self) -> bool {
        *self == Props::default()
    }
}
