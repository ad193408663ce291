//! A node of the trie: what it is reached by, what lies below it, what its pattern carries.
//!
//! Plain values, owned by the trie's arena, which may hold millions of them: 32 bytes and the value
//! each, together, so that a match has one place less in memory to go to. Text that does not fit in a
//! node lies in [`LongTexts`]. Nothing here follows a link.

use super::arena::Arena;

/// Where there is no child: the root, place 0, is nobody's.
pub(super) const NONE: u32 = 0;

/// Texts that do not fit in their node.
pub(super) type LongTexts = Arena<Box<str>>;

/// What a pattern carries. A node whose value is empty is kept only for its children.
pub(super) trait Empty {
    fn is_empty(&self) -> bool;
}

pub(super) struct Node<T> {
    pub(super) parent: u32,
    pub(super) form: Form,
    pub(super) value: T,
}

pub(super) enum Form {
    /// One level of patterns; its word is empty where that level is a wildcard.
    Branch { word: Text<14>, links: Links },
    /// All that is left of one pattern, which begins with an exact word. Nothing lies below it.
    Tail(Text<26>),
}

/// What lies below a branch.
#[derive(Clone, Copy)]
pub(super) struct Links {
    /// The child for any one level, or [`NONE`].
    pub(super) one: u32,
    /// The child for any number of levels, or [`NONE`].
    pub(super) many: u32,
    /// How many children there are that begin with an exact word.
    pub(super) exact: u32,
}

pub(super) const NO_LINKS: Links = Links {
    one: NONE,
    many: NONE,
    exact: 0,
};

impl<T: Default + Empty> Node<T> {
    pub(super) fn new(parent: u32, form: Form) -> Self {
        Node {
            parent,
            form,
            value: T::default(),
        }
    }

    /// True where neither the node's own pattern nor one below it carries anything.
    pub(super) fn is_spare(&self) -> bool {
        let Links { one, many, exact } = *self.links();
        one == NONE && many == NONE && exact == 0 && self.value.is_empty()
    }
}

impl<T> Node<T> {
    pub(super) fn links(&self) -> &Links {
        match &self.form {
            Form::Branch { links, .. } => links,
            Form::Tail(_) => &NO_LINKS,
        }
    }

    pub(super) fn links_mut(&mut self) -> &mut Links {
        match &mut self.form {
            Form::Branch { links, .. } => links,
            Form::Tail(_) => unreachable!("a tail is split before anything goes below it"),
        }
    }

    pub(super) fn is_tail(&self) -> bool {
        matches!(self.form, Form::Tail(_))
    }

    /// The word of a branch, the whole of a tail.
    pub(super) fn text<'a>(&'a self, long: &'a LongTexts) -> &'a [u8] {
        match &self.form {
            Form::Branch { word, .. } => word.bytes(long),
            Form::Tail(text) => text.bytes(long),
        }
    }

    /// The first word of the text.
    pub(super) fn word<'a>(&'a self, long: &'a LongTexts) -> &'a [u8] {
        let text = self.text(long);
        text.split(|byte| *byte == b'/').next().unwrap_or(text)
    }

    /// True where the text begins with the whole of this word.
    pub(super) fn begins_with(&self, word: &[u8], long: &LongTexts) -> bool {
        let behind = self.text(long).strip_prefix(word);
        behind.is_some_and(|behind| matches!(behind, [] | [b'/', ..]))
    }
}

impl Form {
    pub(super) fn branch(word: &str, long: &mut LongTexts) -> Form {
        Form::Branch {
            word: Text::new(word, long),
            links: NO_LINKS,
        }
    }

    pub(super) fn tail(text: &str, long: &mut LongTexts) -> Form {
        Form::Tail(Text::new(text, long))
    }

    /// Gives up what the form has outside of its node.
    pub(super) fn release(&self, long: &mut LongTexts) {
        match self {
            Form::Branch { word, .. } => word.release(long),
            Form::Tail(text) => text.release(long),
        }
    }
}

/// The length of a text that is not here.
const LONG: u8 = u8::MAX;

/// Text of up to `SHORT` bytes, or, behind the length [`LONG`], the place of a longer one.
pub(super) struct Text<const SHORT: usize> {
    len: u8,
    bytes: [u8; SHORT],
}

impl<const SHORT: usize> Text<SHORT> {
    fn new(text: &str, long: &mut LongTexts) -> Self {
        let mut bytes = [0; SHORT];
        let len = match bytes.get_mut(..text.len()) {
            Some(room) => {
                room.copy_from_slice(text.as_bytes());
                text.len() as u8
            }
            None => {
                let place = long.insert(text.into()).to_le_bytes();
                bytes[..place.len()].copy_from_slice(&place);
                LONG
            }
        };
        Text { len, bytes }
    }

    fn bytes<'a>(&'a self, long: &'a LongTexts) -> &'a [u8] {
        match self.bytes.get(..usize::from(self.len)) {
            Some(bytes) => bytes,
            None => long.get(self.place()).as_bytes(),
        }
    }

    fn release(&self, long: &mut LongTexts) {
        if self.len == LONG {
            long.remove(self.place());
        }
    }

    /// Of a text that is not here.
    fn place(&self) -> u32 {
        let [a, b, c, d, ..] = self.bytes[..] else {
            unreachable!("a text has room for a place");
        };
        u32::from_le_bytes([a, b, c, d])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_small() {
        assert_eq!(size_of::<Node<[u64; 3]>>(), 56);
        assert_eq!(
            size_of::<Option<Node<[u64; 3]>>>(),
            56,
            "the arena needs no tag of its own"
        );
    }
}
