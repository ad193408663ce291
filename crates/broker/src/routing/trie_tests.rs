//! Tests of the trie, against the definition of a match.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// The pattern itself, so that a visit says what was visited.
#[derive(Default)]
struct Name(Option<String>);

impl Empty for Name {
    fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

fn insert(trie: &mut Trie<Name>, pattern: &str) {
    trie.entry(pattern).0 = Some(pattern.to_owned());
}

fn remove(trie: &mut Trie<Name>, pattern: &str) {
    if let Some(name) = trie.get_mut(pattern) {
        name.0 = None;
        trie.prune(pattern);
    }
}

/// What was visited, in order, repeats included.
fn visited(trie: &Trie<Name>, scratch: &mut Scratch, topic: &str) -> Vec<String> {
    let mut all = Vec::new();
    trie.matching(topic, scratch, &mut |name| all.extend(name.0.clone()));
    all.sort();
    all
}

/// Nodes below the root: none once the last pattern has been pruned.
fn len(trie: &Trie<Name>) -> usize {
    trie.nodes.len() - 1
}

/// Nodes that a trie of these patterns has at most: one per distinct prefix.
fn prefixes(patterns: &BTreeSet<String>) -> usize {
    let ends = |p: &str| {
        p.match_indices('/')
            .map(|(at, _)| at)
            .chain([p.len()])
            .collect::<Vec<_>>()
    };
    let all = patterns
        .iter()
        .flat_map(|p| ends(p).into_iter().map(move |end| &p[..end]));
    all.collect::<BTreeSet<_>>().len()
}

/// The invariants of the module, as far as a walk over the nodes shows them.
fn check(trie: &Trie<Name>, patterns: &BTreeSet<String>) {
    assert!(len(trie) <= prefixes(patterns));
    let (mut seen, mut values, mut exact, mut long) = (0, 0, 0, 0);
    let mut to_see = vec![ROOT];
    while let Some(at) = to_see.pop() {
        let (node, text) = (trie.node(at), trie.node(at).text(&trie.long));
        assert!(at == ROOT || !node.is_spare(), "a node carries nothing");
        let short = if node.is_tail() { 26 } else { 14 };
        long += usize::from(text.len() > short);
        seen += 1;
        values += usize::from(!node.value.is_empty());
        exact += node.links().exact as usize;
        if node.is_tail() {
            let inner_many = utf8(text).split('/').rev().skip(1).any(|word| word == "#");
            assert!(!inner_many, "a tail goes on behind '#'");
        }
        let edges = trie.edges.iter().flatten().copied();
        let mut below: Vec<u32> = edges.filter(|edge| trie.node(*edge).parent == at).collect();
        let mut words: Vec<_> = below
            .iter()
            .map(|edge| trie.node(*edge).word(&trie.long))
            .collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(
            (words.len(), below.len()),
            (node.links().exact as usize, words.len())
        );
        let wild = [node.links().one, node.links().many];
        below.extend(wild.into_iter().filter(|child| *child != NONE));
        assert!(at == ROOT || below.iter().all(|child| trie.node(*child).parent == at));
        to_see.extend(below);
    }
    let edges: usize = trie.edges.iter().map(HashTable::len).sum();
    assert_eq!(
        (seen, values, exact, long),
        (trie.nodes.len(), patterns.len(), edges, trie.long.len())
    );
}

/// Words of tails at the sizes that fit in a node and those that do not, and wildcards.
const LEVEL: &str = "([ab+#]|a|\\$s||longer than a node|fourteen bytes|fifteen bytes!!)";

/// Few words, so that many patterns go through each other and select the same topics, or words of all
/// lengths.
fn pattern() -> impl Strategy<Value = String> {
    let of = |level: &str, more: usize| {
        proptest::string::string_regex(&format!("{level}(/{level}){{0,{more}}}")).unwrap()
    };
    prop_oneof![of("[ab+#]", 4), of("[ab]", 6), of(LEVEL, 5)]
}

fn topic() -> impl Strategy<Value = String> {
    let level = "([ab]|\\$s||longer than a node|fourteen bytes|fifteen bytes!!)";
    let any = proptest::string::string_regex(&format!("{level}(/{level}){{0,6}}")).unwrap();
    prop_oneof![any, "[ab](/[ab]){0,6}"]
}

proptest! {
    #[test]
    fn agrees_with_the_definition(
        steps in proptest::collection::vec((any::<bool>(), any::<proptest::sample::Index>()), 1..60),
        pool in proptest::collection::vec(pattern(), 1..20),
        topics in proptest::collection::vec(topic(), 1..6),
        seed: u64,
    ) {
        let (mut trie, mut scratch) = (Trie::new(seed), Scratch::default());
        let mut model = BTreeSet::new();
        for (add, which) in steps {
            let pattern = which.get(&pool);
            if add {
                insert(&mut trie, pattern);
                model.insert(pattern.clone());
            } else {
                remove(&mut trie, pattern);
                model.remove(pattern);
            }
            check(&trie, &model);
            for topic in &topics {
                let expected: Vec<_> =
                    model.iter().filter(|p| pattern::matches(p, topic)).cloned().collect();
                prop_assert_eq!(visited(&trie, &mut scratch, topic), expected, "on {}", topic);
            }
        }
        for pattern in &model {
            prop_assert!(trie.get(pattern).is_some_and(|name| name.0.as_ref() == Some(pattern)));
            remove(&mut trie, pattern);
        }
        check(&trie, &BTreeSet::new());
        prop_assert_eq!(len(&trie), 0);
    }
}

#[test]
fn a_leading_wildcard_does_not_select_the_brokers_own_topics() {
    let (mut trie, mut scratch) = (Trie::new(1), Scratch::default());
    for pattern in [
        "#", "+/x", "#/x", "+/#", "#/#", "$SYS/#", "$SYS/+", "$SYS/x",
    ] {
        insert(&mut trie, pattern);
    }
    assert_eq!(
        visited(&trie, &mut scratch, "$SYS/x"),
        ["$SYS/#", "$SYS/+", "$SYS/x"]
    );
    assert_eq!(
        visited(&trie, &mut scratch, "a/x"),
        ["#", "#/#", "#/x", "+/#", "+/x"]
    );
}

#[test]
fn unused_branches_leave_no_value_and_pruning_spares_others() {
    let mut trie = Trie::new(1);
    insert(&mut trie, "a/b/c");
    assert!(trie.get("a/b").is_none());
    assert!(trie.get("a/x").is_none());
    insert(&mut trie, "a/b/+");
    remove(&mut trie, "a/b/c");
    remove(&mut trie, "a");
    assert_eq!(len(&trie), 3);
    trie.entry("z/z/z");
    trie.prune("z/z/z");
    assert_eq!(len(&trie), 3);
}

/// Many children of the same name: nothing but the parent tells them apart.
#[test]
fn equal_words_below_many_parents_are_kept_apart() {
    let mut trie = Trie::new(1);
    let names: Vec<String> = (0..20_000).map(|i| format!("{i}/x")).collect();
    for name in &names {
        insert(&mut trie, name);
    }
    for name in &names {
        assert_eq!(trie.get(name).and_then(|n| n.0.as_ref()), Some(name));
    }
    for name in &names {
        remove(&mut trie, name);
    }
    assert_eq!(len(&trie), 0);
}

/// Without care for nodes that are reached twice, the work doubles with each `#`.
#[test]
fn many_wildcards_cost_no_more_than_nodes() {
    let (mut trie, mut scratch) = (Trie::new(1), Scratch::default());
    insert(&mut trie, &vec!["#"; 128].join("/"));
    insert(&mut trie, &vec!["#/a"; 64].join("/"));
    insert(&mut trie, &vec!["#/+"; 64].join("/"));
    let topic = vec!["a"; 128].join("/");
    assert_eq!(visited(&trie, &mut scratch, &topic).len(), 3);
    let active = scratch.now.len() + scratch.many.len();
    assert!(
        active <= len(&trie),
        "{active} active nodes of {}",
        len(&trie)
    );
}

/// What is left of a pattern behind the last level that it has in common with others is one node, also
/// when it has been split.
#[test]
fn patterns_share_what_they_have_in_common() {
    let mut trie = Trie::new(1);
    let mut nodes = |pattern: &str| {
        insert(&mut trie, pattern);
        len(&trie)
    };
    assert_eq!(nodes("a/b/c/d/value"), 1);
    assert_eq!(nodes("a/b/c/e/value"), 5);
    assert_eq!(nodes("a/b/c/e/other"), 7);
    assert_eq!(nodes("a/b/c/f/+/value/#"), 8);
    assert_eq!(nodes("a/b/+/f/value"), 10);
    assert_eq!(nodes("a/b"), 10);
    assert_eq!(nodes("x/#/y/#/z/u/#"), 15);
}

/// A tail that ends with `#` takes a topic at several levels where there is a `#` above it.
#[test]
fn a_tail_below_a_wildcard_is_visited_once() {
    let (mut trie, mut scratch) = (Trie::new(1), Scratch::default());
    insert(&mut trie, "#/a/+/#");
    insert(&mut trie, "#/b/a");
    assert_eq!(
        visited(&trie, &mut scratch, "a/a/a/b/a"),
        ["#/a/+/#", "#/b/a"]
    );
    assert_eq!(visited(&trie, &mut scratch, "b/a/c"), ["#/a/+/#"]);
}
