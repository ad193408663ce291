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

/// Nodes that a trie of these patterns has: one per distinct prefix.
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

const LEVEL: &str = "([ab+#]|a|\\$s||longer than a node)";

fn pattern() -> impl Strategy<Value = String> {
    proptest::string::string_regex(&format!("{LEVEL}(/{LEVEL}){{0,5}}")).unwrap()
}

fn topic() -> impl Strategy<Value = String> {
    let level = "([ab]|\\$s||longer than a node)";
    proptest::string::string_regex(&format!("{level}(/{level}){{0,6}}")).unwrap()
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
            prop_assert_eq!(trie.len(), prefixes(&model));
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
        let edges: usize = trie.edges.iter().map(HashTable::len).sum();
        prop_assert_eq!((trie.len(), edges, trie.long_words.len()), (0, 0, 0));
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
    assert!(trie.get("a/b").is_some_and(|name| name.0.is_none()));
    assert!(trie.get("a/x").is_none());
    insert(&mut trie, "a/b/+");
    remove(&mut trie, "a/b/c");
    remove(&mut trie, "a");
    assert_eq!(trie.len(), 3);
    trie.entry("z/z/z");
    trie.prune("z/z/z");
    assert_eq!(trie.len(), 3);
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
    assert_eq!(trie.len(), 0);
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
        active <= trie.len(),
        "{active} active nodes of {}",
        trie.len()
    );
}

#[test]
fn nodes_are_small() {
    assert_eq!(size_of::<Node<[u64; 2]>>(), 48);
    assert_eq!(
        size_of::<Option<Node<[u64; 2]>>>(),
        48,
        "the arena needs no tag of its own"
    );
}
