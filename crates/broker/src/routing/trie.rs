//! A trie of pattern levels: which patterns select this topic?
//!
//! Owned by a table, which says what a pattern carries (`T`). Made small, as there may be millions of
//! patterns: a node is 32 bytes and `T`, all nodes lie in one arena, and hash tables for the whole trie
//! lead from a node and a word to the child: several, so that the one that grows is small and nobody
//! waits long for it. Matching is iterative, level by level over the set of active nodes, and costs at
//! most levels times active nodes whatever the patterns look like.
//!
//! Invariants: a node other than the root has a value or children (from [`Trie::prune`] to the next
//! [`Trie::entry`]); an exact child is in `edges`, wildcard children are in their parent.

use super::arena::Arena;
use hashbrown::HashTable;
use message::hash::hash_of;
use message::pattern::{self, Level};
use message::topic::{self, is_reserved};
use message::{Set, hash};

/// What a pattern carries. A node whose value is empty is kept only for its children.
pub(super) trait Empty {
    fn is_empty(&self) -> bool;
}

/// The root is the first node, and nobody's child: as a child, 0 means none.
const ROOT: u32 = 0;

/// Hash tables that the edges are spread over.
const TABLES: usize = 256;

pub(super) struct Trie<T> {
    seed: u64,
    nodes: Arena<Node<T>>,
    /// Exact children, hashed by parent and word; [`table_of`] says in which table.
    edges: Box<[HashTable<u32>]>,
    /// Words that do not fit in a node.
    long_words: Arena<Box<str>>,
}

struct Node<T> {
    parent: u32,
    /// The child for [`Level::One`], or 0.
    one: u32,
    /// The child for [`Level::Many`], or 0.
    many: u32,
    /// How many exact children there are.
    exact: u32,
    /// The last level of this node's pattern.
    word: Word,
    value: T,
}

/// Words up to this long are stored in their node.
const SHORT: usize = 14;

/// One level of a pattern, stored.
#[derive(Clone, Copy)]
enum Word {
    Short {
        len: u8,
        bytes: [u8; SHORT],
    },
    /// A place in `long_words`.
    Long(u32),
    One,
    Many,
}

/// Buffers of a match; kept by the caller, so that matching allocates nothing once they are warm.
pub(super) struct Scratch {
    now: Vec<Active>,
    next: Vec<Active>,
    /// Active `Many` nodes. Such a node takes any word and stays, so this list only grows.
    many: Vec<Active>,
    /// Those `Many` nodes with a `Many` above them: only these can be reached twice.
    reached: Set<u32>,
}

#[derive(Clone, Copy)]
struct Active {
    node: u32,
    /// The node is a `Many`, or below one.
    floating: bool,
}

impl Default for Scratch {
    fn default() -> Self {
        let (now, next, many) = Default::default();
        // Places in the arena are ours, not a peer's: no seed is needed to keep them apart.
        Scratch {
            now,
            next,
            many,
            reached: hash::set(0),
        }
    }
}

impl<T: Default + Empty> Trie<T> {
    pub(super) fn new(seed: u64) -> Self {
        let mut nodes = Arena::new();
        nodes.insert(Node::new(ROOT, Word::Many));
        let edges = (0..TABLES).map(|_| HashTable::new()).collect();
        Trie {
            seed,
            nodes,
            edges,
            long_words: Arena::new(),
        }
    }

    /// How many nodes there are below the root: 0 once the last pattern has been pruned.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.nodes.len() - 1
    }

    /// The value of `pattern`, which is made if need be. If it is left empty, call [`Trie::prune`].
    pub(super) fn entry(&mut self, pattern: &str) -> &mut T {
        let mut at = ROOT;
        for level in pattern::levels(pattern) {
            at = match self.child(at, level) {
                Some(child) => child,
                None => self.add_child(at, level),
            };
        }
        &mut self.node_mut(at).value
    }

    pub(super) fn get(&self, pattern: &str) -> Option<&T> {
        self.find(pattern).map(|at| &self.node(at).value)
    }

    pub(super) fn get_mut(&mut self, pattern: &str) -> Option<&mut T> {
        self.find(pattern).map(|at| &mut self.node_mut(at).value)
    }

    /// Frees the nodes of `pattern`, from the last level upwards, that carry nothing.
    pub(super) fn prune(&mut self, pattern: &str) {
        let Some(mut at) = self.find(pattern) else {
            return;
        };
        while at != ROOT && self.node(at).is_spare() {
            at = self.remove(at);
        }
    }

    /// Visits the value of each pattern that selects `topic`, once. A leading wildcard does not
    /// select a topic that begins with `$`.
    pub(super) fn matching<'t>(
        &'t self,
        topic: &str,
        scratch: &mut Scratch,
        visit: &mut dyn FnMut(&'t T),
    ) {
        scratch.now.clear();
        scratch.many.clear();
        scratch.reached.clear();
        let root = Active {
            node: ROOT,
            floating: false,
        };
        let mut wild = !is_reserved(topic);
        scratch.now.push(root);
        if wild {
            self.open_many(root, &mut scratch.many, &mut scratch.reached);
        }
        for word in topic::words(topic) {
            let hash = hash_of(self.seed, word);
            scratch.next.clear();
            // Exact and One nodes take this word and are done; Many nodes stay active.
            for from in scratch.now.iter().chain(&scratch.many) {
                self.step(*from, word, hash, wild, &mut scratch.next);
            }
            std::mem::swap(&mut scratch.now, &mut scratch.next);
            for from in &scratch.now {
                self.open_many(*from, &mut scratch.many, &mut scratch.reached);
            }
            wild = true;
        }
        for active in scratch.now.iter().chain(&scratch.many) {
            let value = &self.node(active.node).value;
            if !value.is_empty() {
                visit(value);
            }
        }
    }

    /// Adds the children of `from` that take `word`. No two sources have a child in common.
    fn step(&self, from: Active, word: &str, hash: u64, wild: bool, next: &mut Vec<Active>) {
        let node = self.node(from.node);
        if node.one != ROOT && wild {
            next.push(Active {
                node: node.one,
                ..from
            });
        }
        if node.exact > 0
            && let Some(child) = self.exact_child(from.node, word, hash)
        {
            next.push(Active {
                node: child,
                ..from
            });
        }
    }

    /// Adds the `Many` child of `from`, which takes no word at all, and so on along `Many` children.
    fn open_many(&self, from: Active, many: &mut Vec<Active>, reached: &mut Set<u32>) {
        let mut floating = from.floating;
        let mut child = self.node(from.node).many;
        while child != ROOT {
            if floating && !reached.insert(child) {
                return;
            }
            floating = true;
            many.push(Active {
                node: child,
                floating,
            });
            child = self.node(child).many;
        }
    }

    fn node(&self, at: u32) -> &Node<T> {
        self.nodes.get(at)
    }

    fn node_mut(&mut self, at: u32) -> &mut Node<T> {
        self.nodes.get_mut(at)
    }

    fn find(&self, pattern: &str) -> Option<u32> {
        pattern::levels(pattern).try_fold(ROOT, |at, level| self.child(at, level))
    }

    fn child(&self, at: u32, level: Level<'_>) -> Option<u32> {
        let node = self.node(at);
        let wild = |child: u32| (child != ROOT).then_some(child);
        match level {
            Level::One => wild(node.one),
            Level::Many => wild(node.many),
            Level::Exact(_) if node.exact == 0 => None,
            Level::Exact(word) => self.exact_child(at, word, hash_of(self.seed, word)),
        }
    }

    /// `hash` is the word's.
    fn exact_child(&self, parent: u32, word: &str, hash: u64) -> Option<u32> {
        let is_it = |child: &u32| {
            let node = self.node(*child);
            node.parent == parent && self.text(&node.word) == Some(word.as_bytes())
        };
        let hash = edge_hash(parent, hash);
        self.edges[table_of(hash)].find(hash, is_it).copied()
    }

    fn text<'a>(&'a self, word: &'a Word) -> Option<&'a [u8]> {
        text(&self.long_words, word)
    }

    fn add_child(&mut self, parent: u32, level: Level<'_>) -> u32 {
        let word = match level {
            Level::One => Word::One,
            Level::Many => Word::Many,
            Level::Exact(word) => self.store(word),
        };
        let child = self.nodes.insert(Node::new(parent, word));
        let node = self.node_mut(parent);
        match level {
            Level::One => node.one = child,
            Level::Many => node.many = child,
            Level::Exact(word) => {
                node.exact += 1;
                let Trie {
                    seed,
                    nodes,
                    edges,
                    long_words,
                } = self;
                let rehash = |at: &u32| node_hash(*seed, long_words, nodes.get(*at));
                let hash = edge_hash(parent, hash_of(*seed, word));
                edges[table_of(hash)].insert_unique(hash, child, rehash);
            }
        }
        child
    }

    fn store(&mut self, word: &str) -> Word {
        let mut bytes = [0; SHORT];
        match bytes.get_mut(..word.len()) {
            Some(place) => {
                place.copy_from_slice(word.as_bytes());
                Word::Short {
                    len: word.len() as u8,
                    bytes,
                }
            }
            None => Word::Long(self.long_words.insert(word.into())),
        }
    }

    /// Removes a node without children; returns its parent.
    fn remove(&mut self, at: u32) -> u32 {
        let hash = node_hash(self.seed, &self.long_words, self.node(at));
        let Some(Node { parent, word, .. }) = self.nodes.remove(at) else {
            return ROOT;
        };
        let above = self.nodes.get_mut(parent);
        match word {
            Word::One => above.one = ROOT,
            Word::Many => above.many = ROOT,
            Word::Short { .. } | Word::Long(_) => {
                above.exact -= 1;
                if let Ok(edge) = self.edges[table_of(hash)].find_entry(hash, |&child| child == at)
                {
                    edge.remove();
                }
            }
        }
        if let Word::Long(place) = word {
            self.long_words.remove(place);
        }
        parent
    }
}

impl<T: Default + Empty> Node<T> {
    fn new(parent: u32, word: Word) -> Self {
        Node {
            parent,
            one: ROOT,
            many: ROOT,
            exact: 0,
            word,
            value: T::default(),
        }
    }

    /// True where neither the node's own pattern nor one below it carries anything.
    fn is_spare(&self) -> bool {
        self.one == ROOT && self.many == ROOT && self.exact == 0 && self.value.is_empty()
    }
}

/// The bytes of an exact level.
fn text<'a>(long_words: &'a Arena<Box<str>>, word: &'a Word) -> Option<&'a [u8]> {
    match word {
        Word::Short { len, bytes } => bytes.get(..usize::from(*len)),
        Word::Long(place) => Some(long_words.get(*place).as_bytes()),
        Word::One | Word::Many => None,
    }
}

/// Where `edges` holds an exact child.
fn node_hash<T>(seed: u64, long_words: &Arena<Box<str>>, node: &Node<T>) -> u64 {
    let word = text(long_words, &node.word).and_then(|bytes| std::str::from_utf8(bytes).ok());
    edge_hash(node.parent, hash_of(seed, word.unwrap_or_default()))
}

/// Mixes the parent into a word's hash: every bit of the result depends on both.
fn edge_hash(parent: u32, word_hash: u64) -> u64 {
    let mixed = u128::from(word_hash ^ u64::from(parent)) * 0x9E37_79B9_7F4A_7C15_u128;
    (mixed as u64) ^ ((mixed >> 64) as u64)
}

/// Which of the tables has an edge. Its bits are none that a table itself goes by.
fn table_of(hash: u64) -> usize {
    (hash >> 40) as usize % TABLES
}

#[cfg(test)]
#[path = "trie_tests.rs"]
mod tests;
