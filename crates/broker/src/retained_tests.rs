//! Tests of the retained tree, against a filter over all messages.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn message(topic: &str, version: u64) -> Arc<Message> {
    Arc::new(Message {
        topic: topic.into(),
        retained_version: version,
        ..Message::default()
    })
}

fn tree<'a>(topics: impl IntoIterator<Item = &'a str>) -> RetainedTree {
    let mut tree = RetainedTree::new();
    for topic in topics {
        let version = tree.next_version();
        tree.put(message(topic, version), usize::MAX, u64::MAX)
            .unwrap();
    }
    tree
}

/// A whole scan in steps of `max_steps`: what was found, and how many calls it took.
fn scan(
    tree: &RetainedTree,
    filter: &str,
    max_version: u64,
    max_steps: usize,
) -> (Vec<String>, usize) {
    let (mut found, mut cursor, mut calls) = (Vec::new(), None, 1);
    while let Scan::More(next) = tree.scan(
        filter,
        cursor.as_deref(),
        max_version,
        max_steps,
        &mut found,
    ) {
        assert!(cursor.is_none_or(|cursor| cursor < next), "a scan moves on");
        cursor = Some(next);
        calls += 1;
    }
    (found.iter().map(|m| m.topic.to_string()).collect(), calls)
}

const LEVEL: &str = "(a|a|a-|a0|\\$s|)";

fn topics() -> impl Strategy<Value = Vec<String>> {
    let topic = proptest::string::string_regex(&format!("{LEVEL}(/{LEVEL}){{0,3}}")).unwrap();
    proptest::collection::vec(topic, 0..40)
}

proptest! {
    #[test]
    fn a_scan_in_steps_is_a_filter_over_all(
        topics in topics(),
        filter in "(a|a-|\\+|\\+|#|\\$s)(/(a|a0|\\+|)){0,3}(/#)?(/a)?",
        max_steps in 0..5usize, max_version in 0..40u64,
    ) {
        let tree = tree(topics.iter().map(String::as_str));
        let latest: BTreeMap<&str, u64> = topics.iter().map(String::as_str).zip(1..).collect();
        let expected: Vec<_> = latest
            .into_iter()
            .filter(|(topic, version)| pattern::matches(&filter, topic) && *version <= max_version)
            .map(|(topic, _)| topic.to_owned())
            .collect();
        let (found, calls) = scan(&tree, &filter, max_version, max_steps);
        prop_assert_eq!(found, expected);
        prop_assert!(calls <= tree.len() + 1);
    }

    #[test]
    fn the_books_are_kept(steps in proptest::collection::vec((0..4u8, 0..4usize, 0..60usize), 1..60)) {
        let (mut tree, mut model) = (RetainedTree::new(), BTreeMap::<&str, Arc<Message>>::new());
        for (what, topic, size) in steps {
            let topic = ["a", "a/b", "b", "c"][topic];
            match what {
                0 => prop_assert_eq!(tree.remove(topic), model.remove(topic)),
                1 => {
                    let now = size as u64;
                    let due = model.values().filter(|m| m.expired(now));
                    let due = due.min_by_key(|m| (m.expires_at, m.retained_version)).cloned();
                    due.as_ref().map(|m| model.remove(&*m.topic));
                    prop_assert_eq!(tree.take_expired(now), due);
                }
                _ => {
                    let retained_version = tree.next_version();
                    let payload = vec![0; size].into();
                    let expires_at = (size % 3 > 0).then_some(size as u64 / 2);
                    let new =
                        Message { topic: topic.into(), payload, retained_version, expires_at, ..Message::default() };
                    let new = Arc::new(new);
                    let max_bytes = 3 * new.charge();
                    let after: u64 = model.iter().filter(|(t, _)| **t != topic).map(|(_, m)| m.charge()).sum();
                    let grows = model.get(topic).is_none_or(|old| old.charge() < new.charge());
                    let full = (model.len() == 3 && !model.contains_key(topic))
                        || (grows && after + new.charge() > max_bytes);
                    prop_assert_eq!(tree.put(Arc::clone(&new), 3, max_bytes).is_err(), full);
                    if !full {
                        model.insert(topic, new);
                    }
                }
            }
            prop_assert_eq!(tree.len(), model.len());
            prop_assert_eq!(tree.bytes(), model.values().map(|m| m.charge()).sum::<u64>());
            prop_assert_eq!(tree.get(topic), model.get(topic).cloned());
            prop_assert_eq!(tree.next_expiry(), model.values().filter_map(|m| m.expires_at).min());
        }
    }
}

#[test]
fn what_cannot_match_is_passed_over() {
    let leaves: Vec<String> = (0..3000)
        .map(|i| format!("a/{}/{}", i / 1000, i % 1000))
        .collect();
    let tree = tree(leaves.iter().map(String::as_str).chain(["a/1/c", "b"]));
    // One look at each of the three subtrees before and behind where `c` would be, and some around.
    let (found, calls) = scan(&tree, "a/+/c", u64::MAX, 1);
    assert_eq!(found, ["a/1/c"]);
    assert!(calls <= 9, "{calls} steps");
    let (found, calls) = scan(&tree, "+", u64::MAX, 1);
    assert_eq!(found, ["b"]);
    assert!(calls <= 3, "{calls} steps");
    let (found, calls) = scan(&tree, "a/2/#", u64::MAX, 100);
    assert_eq!((found.len(), calls), (1000, 11));
    assert_eq!(
        scan(&tree, "a/1/7", u64::MAX, 1),
        (vec!["a/1/7".to_owned()], 1)
    );
}

/// `x-` lies between `x` and `x/...`, and `x0` behind both.
#[test]
fn words_that_begin_alike_do_not_hide_subtrees() {
    let tree = tree([
        "a/x", "a/x-", "a/x-/c", "a/x/c", "a/x/d", "a/x0", "a/x0/c", "b/x/c",
    ]);
    assert_eq!(scan(&tree, "+/x/c", u64::MAX, 1).0, ["a/x/c", "b/x/c"]);
    assert_eq!(
        scan(&tree, "+/x/#", u64::MAX, 1).0,
        ["a/x", "a/x/c", "a/x/d", "b/x/c"]
    );
    assert_eq!(
        scan(&tree, "+/+/c", u64::MAX, 1).0,
        ["a/x-/c", "a/x/c", "a/x0/c", "b/x/c"]
    );
}

#[test]
fn a_leading_wildcard_does_not_find_the_brokers_own_topics() {
    let tree = tree(["!", "$SYS/a", "$SYS/b", "z"]);
    assert_eq!(
        scan(&tree, "#", u64::MAX, 1),
        (vec!["!".to_owned(), "z".to_owned()], 3)
    );
    assert_eq!(scan(&tree, "+/a", u64::MAX, 9).0, [""; 0]);
    assert_eq!(scan(&tree, "$SYS/+", u64::MAX, 9).0, ["$SYS/a", "$SYS/b"]);
}

#[test]
fn versions_only_grow() {
    let mut tree = RetainedTree::new();
    assert_eq!((tree.version(), tree.next_version()), (0, 1));
    tree.put(message("a", 8), 9, 9999).unwrap();
    assert_eq!(tree.version(), 8);
    tree.put(message("a", 7), 9, 9999).unwrap();
    assert_eq!(tree.get("a").map(|m| m.retained_version), Some(8));
    tree.saw_version(20);
    tree.saw_version(3);
    assert_eq!(tree.next_version(), 21);
}
