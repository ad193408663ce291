//! A trie of pattern levels: which patterns select this topic?
//!
//! Owned by a table, which says what a pattern carries (`T`). Made small, as there may be millions of
//! patterns: where they part, what is left of each lies in one node, a *tail*, and is compared as a
//! whole. All nodes lie in one arena, and hash tables for the whole trie lead from a node and a word to
//! the child: several, so that the one that grows is small and nobody waits long for it. Matching is iterative, level by level over the set of active nodes, and costs at
//! most levels times active nodes whatever the patterns look like; a tail takes the rest of a topic or
//! nothing, so it is never active, and costs at most what its levels would as nodes of their own.
//!
//! Invariants: a node other than the root has a value or children (from [`Trie::prune`] to the next
//! [`Trie::entry`]); a child that begins with an exact word is in `edges`, no two of a parent with the
//! same word, and wildcard children are in their parent. A tail has no children: it is split when
//! another pattern goes through it, and never joined again. `Many` in a tail is its last level.

use super::arena::Arena;
use super::node::{Empty, Form, LongTexts, NONE, Node};
use hashbrown::HashTable;
use message::hash::hash_of;
use message::pattern::{self, Level};
use message::topic::is_reserved;
use message::{Set, hash};

const ROOT: u32 = 0;

/// Hash tables that the edges are spread over.
const TABLES: usize = 256;

pub(super) struct Trie<T> {
    seed: u64,
    nodes: Arena<Node<T>>,
    /// Children that begin with an exact word, hashed by parent and word; [`table_of`] says in which
    /// table.
    edges: Box<[HashTable<u32>]>,
    long: LongTexts,
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

/// Where a match stands in its topic.
struct Step<'a> {
    /// The topic from this level on.
    rest: &'a str,
    word: &'a str,
    /// Of the word.
    hash: u64,
    /// A wildcard may take the word.
    wild: bool,
}

impl<T: Default + Empty> Trie<T> {
    pub(super) fn new(seed: u64) -> Self {
        let (mut nodes, mut long) = (Arena::new(), Arena::new());
        nodes.insert(Node::new(ROOT, Form::branch("", &mut long)));
        let edges = (0..TABLES).map(|_| HashTable::new()).collect();
        Trie {
            seed,
            nodes,
            edges,
            long,
        }
    }

    /// The value of `pattern`, which is made if need be. If it is left empty, call [`Trie::prune`].
    pub(super) fn entry(&mut self, pattern: &str) -> &mut T {
        let at = self.path(pattern);
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
        let mut left = Some(topic);
        while let Some(rest) = left {
            let (word, behind) = first_level(rest);
            let hash = hash_of(self.seed, word.as_bytes());
            let step = Step {
                rest,
                word,
                hash,
                wild,
            };
            self.advance(&step, scratch, visit);
            (left, wild) = (behind, true);
        }
        for active in scratch.now.iter().chain(&scratch.many) {
            self.visit(active.node, visit);
        }
    }

    /// Takes one word: exact and `One` nodes take it and are done, `Many` nodes stay active.
    fn advance<'t>(&'t self, step: &Step<'_>, scratch: &mut Scratch, visit: &mut dyn FnMut(&'t T)) {
        let Scratch {
            now,
            next,
            many,
            reached,
        } = scratch;
        next.clear();
        // No two sources have a child in common.
        for from in now.iter().chain(many.iter()) {
            let links = self.node(from.node).links();
            if links.one != NONE && step.wild {
                next.push(Active {
                    node: links.one,
                    ..*from
                });
            }
            if links.exact == 0 {
                continue;
            }
            let Some(child) = self.exact_child(from.node, step.word.as_bytes(), step.hash) else {
                continue;
            };
            if !self.node(child).is_tail() {
                next.push(Active {
                    node: child,
                    ..*from
                });
            } else if self.takes(child, step.rest) && (!from.floating || reached.insert(child)) {
                // Below a `Many`, a tail that ends with another takes the topic at several levels.
                self.visit(child, visit);
            }
        }
        std::mem::swap(now, next);
        for from in now.iter() {
            self.open_many(*from, many, reached);
        }
    }

    /// True where the tail selects the rest of a topic, whose first word is its first word.
    fn takes(&self, tail: u32, rest: &str) -> bool {
        let text = self.node(tail).text(&self.long);
        text == rest.as_bytes() || pattern::matches(utf8(text), rest)
    }

    fn visit<'t>(&'t self, at: u32, visit: &mut dyn FnMut(&'t T)) {
        let value = &self.node(at).value;
        if !value.is_empty() {
            visit(value);
        }
    }

    /// Adds the `Many` child of `from`, which takes no word at all, and so on along `Many` children.
    fn open_many(&self, from: Active, many: &mut Vec<Active>, reached: &mut Set<u32>) {
        let mut floating = from.floating;
        let mut child = self.node(from.node).links().many;
        while child != NONE {
            if floating && !reached.insert(child) {
                return;
            }
            floating = true;
            many.push(Active {
                node: child,
                floating,
            });
            child = self.node(child).links().many;
        }
    }

    fn node(&self, at: u32) -> &Node<T> {
        self.nodes.get(at)
    }

    fn node_mut(&mut self, at: u32) -> &mut Node<T> {
        self.nodes.get_mut(at)
    }

    fn find(&self, pattern: &str) -> Option<u32> {
        let (mut at, mut left) = (ROOT, Some(pattern));
        while let Some(rest) = left {
            let (word, behind) = first_level(rest);
            at = self.child(at, word)?;
            let node = self.node(at);
            if node.is_tail() {
                return (node.text(&self.long) == rest.as_bytes()).then_some(at);
            }
            left = behind;
        }
        Some(at)
    }

    /// The last node of `pattern`; what is missing is made.
    fn path(&mut self, pattern: &str) -> u32 {
        let (mut at, mut left) = (ROOT, Some(pattern));
        while let Some(rest) = left {
            let (word, behind) = first_level(rest);
            let Some(child) = self.child(at, word) else {
                return self.grow(at, rest);
            };
            let node = self.node(child);
            if node.is_tail() {
                if node.text(&self.long) == rest.as_bytes() {
                    return child;
                }
                self.split(child);
            }
            (at, left) = (child, behind);
        }
        at
    }

    /// The child for the first level of `rest` is missing: makes the nodes of all of it, as few as can
    /// be; the last of them.
    fn grow(&mut self, mut at: u32, mut rest: &str) -> u32 {
        // Bytes behind the last `Many` that is not the last level.
        let open = rest
            .rfind("#/")
            .map_or(rest.len(), |many| rest.len() - many - "#/".len());
        loop {
            let (word, behind) = first_level(rest);
            let exact = matches!(level(word), Level::Exact(_));
            if exact && rest.len() <= open {
                let form = Form::tail(rest, &mut self.long);
                return self.add_child(at, word, form);
            }
            let form = Form::branch(if exact { word } else { "" }, &mut self.long);
            at = self.add_child(at, word, form);
            match behind {
                Some(behind) => rest = behind,
                None => return at,
            }
        }
    }

    /// Makes a tail a branch of its first word, and moves what is behind that, with the value, below it.
    fn split(&mut self, at: u32) {
        let text = utf8(self.node(at).text(&self.long)).to_owned();
        self.nodes.get(at).form.release(&mut self.long);
        let (word, behind) = first_level(&text);
        let form = Form::branch(word, &mut self.long);
        let node = self.node_mut(at);
        node.form = form;
        if let Some(behind) = behind {
            let value = std::mem::take(&mut node.value);
            let end = self.grow(at, behind);
            self.node_mut(end).value = value;
        }
    }

    fn child(&self, at: u32, word: &str) -> Option<u32> {
        let links = self.node(at).links();
        let wild = |child: u32| (child != NONE).then_some(child);
        match level(word) {
            Level::One => wild(links.one),
            Level::Many => wild(links.many),
            Level::Exact(_) if links.exact == 0 => None,
            Level::Exact(word) => {
                let word = word.as_bytes();
                self.exact_child(at, word, hash_of(self.seed, word))
            }
        }
    }

    /// `hash` is the word's.
    fn exact_child(&self, parent: u32, word: &[u8], hash: u64) -> Option<u32> {
        let is_it = |child: &u32| {
            let node = self.node(*child);
            node.parent == parent && node.begins_with(word, &self.long)
        };
        let hash = edge_hash(parent, hash);
        self.edges[table_of(hash)].find(hash, is_it).copied()
    }

    /// Links a new node, which `word` leads to.
    fn add_child(&mut self, parent: u32, word: &str, form: Form) -> u32 {
        let child = self.nodes.insert(Node::new(parent, form));
        let links = self.node_mut(parent).links_mut();
        match level(word) {
            Level::One => links.one = child,
            Level::Many => links.many = child,
            Level::Exact(word) => {
                links.exact += 1;
                let Trie {
                    seed,
                    nodes,
                    edges,
                    long,
                } = self;
                let rehash = |at: &u32| node_hash(*seed, long, nodes.get(*at));
                let hash = edge_hash(parent, hash_of(*seed, word.as_bytes()));
                edges[table_of(hash)].insert_unique(hash, child, rehash);
            }
        }
        child
    }

    /// Removes a node without children; returns its parent.
    fn remove(&mut self, at: u32) -> u32 {
        let hash = node_hash(self.seed, &self.long, self.node(at));
        let Some(Node { parent, form, .. }) = self.nodes.remove(at) else {
            return ROOT;
        };
        form.release(&mut self.long);
        let above = self.nodes.get_mut(parent).links_mut();
        if above.one == at {
            above.one = NONE;
        } else if above.many == at {
            above.many = NONE;
        } else {
            above.exact -= 1;
            if let Ok(edge) = self.edges[table_of(hash)].find_entry(hash, |&child| child == at) {
                edge.remove();
            }
        }
        parent
    }
}

/// The first level of a pattern or a topic, and what is behind it.
fn first_level(text: &str) -> (&str, Option<&str>) {
    // Levels are short: this is quicker than a search made for long texts.
    match text.bytes().position(|byte| byte == b'/') {
        Some(end) => (&text[..end], Some(&text[end + 1..])),
        None => (text, None),
    }
}

/// What this level of a pattern takes.
fn level(word: &str) -> Level<'_> {
    pattern::levels(word).next().unwrap_or(Level::Exact(word))
}

/// What nodes hold was text when it was put there.
fn utf8(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap_or_default()
}

/// Where `edges` holds a child that begins with an exact word.
fn node_hash<T>(seed: u64, long: &LongTexts, node: &Node<T>) -> u64 {
    edge_hash(node.parent, hash_of(seed, node.word(long)))
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
