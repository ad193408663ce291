//! Tests of counters and cache: an answer from the cache is what a match would give.

use super::cache::Slot;
use super::tests::{FILTERS, TOPICS, subscription};
use super::*;
use message::{QueueId, pattern};
use proptest::prelude::*;
use proptest::sample::Index;

proptest! {
    /// Every change that could concern a topic changes its sum.
    #[test]
    fn a_change_is_seen_by_all_topics_that_it_concerns(
        pattern in "([ab+#]|)(/([ab+#]|)){0,7}", topic in "[ab]?(/[ab]?){0,7}", seed: u64,
    ) {
        let interest = InterestVersions::new(seed);
        let versions = interest.of(&topic);
        let words: Vec<&str> = topic.split('/').collect();
        let mut patterns = vec![pattern, topic.clone()];
        for k in 0..=words.len() {
            patterns.push([&words[..k], &["#"]].concat().join("/"));
            if k < words.len() {
                patterns.push([&words[..k], &["+"], &words[k + 1..]].concat().join("/"));
            }
        }
        for changed in patterns {
            let before = interest.sum(&versions);
            interest.changed(&changed);
            if pattern::matches(&changed, &topic) {
                prop_assert!(interest.sum(&versions) > before, "{} on {}", changed, topic);
            }
        }
        let before = interest.sum(&versions);
        interest.all_changed();
        prop_assert!(interest.sum(&versions) > before);
    }

    #[test]
    fn a_cached_answer_is_a_fresh_one(
        steps in proptest::collection::vec((0..3u8, any::<Index>(), 1..4u64), 1..200),
        max_entries in 1..10usize, max_weight in 1..40u64,
    ) {
        let (mut table, interest) = (RoutingTable::new(5), InterestVersions::new(5));
        let mut cache: RouteCache<Vec<Destination>> = RouteCache::new(5, max_entries, max_weight);
        let mut matched = Matched::default();
        let mut last_weight = 0;
        for (what, which, queue) in steps {
            let filter = *which.get(&FILTERS);
            match what {
                0 => {
                    table.subscribe(filter, subscription(queue));
                    interest.changed(filter);
                }
                1 => {
                    table.unsubscribe(filter, QueueId(queue));
                    interest.changed(filter);
                }
                _ => {
                    let (topic, class) = (*which.get(&TOPICS), queue as u32);
                    table.matching(topic, &mut matched);
                    if let Some(slot) = cache.find(class, topic, &interest) {
                        let route = cache.take(slot).unwrap();
                        prop_assert_eq!(&*route, &matched.durable);
                        cache.restore(slot, route);
                    } else {
                        let versions = interest.of(topic);
                        let sum = interest.sum(&versions);
                        last_weight = matched.durable.len() + 1;
                        let route = matched.durable.clone();
                        cache.insert(class, topic, versions, sum, last_weight, route);
                        prop_assert!(cache.find(class, topic, &interest).is_some());
                    }
                }
            }
            prop_assert!(cache.len() <= max_entries);
            prop_assert!(cache.weight() <= max_weight.max(last_weight as u64 + 1));
        }
    }
}

#[test]
fn churn_elsewhere_leaves_a_topic_alone() {
    let interest = InterestVersions::new(11);
    let versions = interest.of("site/7/temp/in");
    let before = interest.sum(&versions);
    for elsewhere in [
        "site/8/#",
        "site/8/temp/+",
        "site",
        "site/7",
        "site/7/temp",
        "site/7/temp/in/x",
        "site/7/temp/out",
    ] {
        interest.changed(elsewhere);
        assert_eq!(interest.sum(&versions), before, "{elsewhere}");
    }
    for here in ["site/7/temp/in", "site/7/temp/in/#", "site/#", "+/x", "#"] {
        let before = interest.sum(&versions);
        interest.changed(here);
        assert_eq!(interest.sum(&versions), before + 1, "{here}");
    }
}

/// A small cache, and the shorthand to fill it.
fn filled(topics: &[&str], max_entries: usize) -> (RouteCache<u32>, InterestVersions, Vec<Slot>) {
    let interest = InterestVersions::new(1);
    let mut cache = RouteCache::new(1, max_entries, 1000);
    let slots = topics.iter().map(|topic| {
        let versions = interest.of(topic);
        cache.insert(0, topic, versions, interest.sum(&versions), 1, 77)
    });
    let slots = slots.collect();
    (cache, interest, slots)
}

#[test]
fn a_lent_value_answers_nobody_and_comes_back_to_its_own_entry_only() {
    let (mut cache, interest, slots) = filled(&["a"], 2);
    let value = cache.take(slots[0]).unwrap();
    assert_eq!(
        cache.find(0, "a", &interest),
        None,
        "its value is elsewhere now"
    );
    cache.restore(slots[0], value);
    assert_eq!(cache.find(0, "a", &interest), Some(slots[0]));

    let value = cache.take(slots[0]).unwrap();
    let versions = interest.of("a");
    let newer = cache.insert(0, "a", versions, interest.sum(&versions), 1, 5);
    cache.restore(slots[0], value);
    assert_eq!(cache.find(0, "a", &interest), Some(newer));
    assert_eq!((cache.get(newer), cache.get(slots[0])), (Some(&5), None));
    assert_eq!(
        (cache.take(newer), cache.take(slots[0])),
        (Some(Box::new(5)), None)
    );
    cache.clear();
    cache.restore(newer, Box::new(5));
    assert_eq!(
        (cache.find(0, "a", &interest), cache.len(), cache.weight()),
        (None, 0, 0)
    );
    cache.insert(0, "b", versions, 0, 1, 6);
    assert_eq!(
        cache.get(newer),
        None,
        "a cleared cache knows its old slots from new ones"
    );
}

#[test]
fn classes_are_kept_apart_and_idle_entries_go_first() {
    let (mut cache, interest, _) = filled(&["a", "b", "c"], 3);
    assert_eq!(cache.find(1, "a", &interest), None);
    let versions = interest.of("d");
    // All have been used since the clock last passed, so the oldest goes; then the others are marked.
    cache.insert(0, "d", versions, 0, 1, 0);
    assert_eq!(cache.find(0, "a", &interest), None);
    assert!(cache.find(0, "b", &interest).is_some());
    cache.insert(0, "e", versions, 0, 1, 0);
    assert_eq!(
        cache.find(0, "c", &interest),
        None,
        "b was looked at, c was not"
    );
    assert!(cache.find(0, "b", &interest).is_some());
    assert_eq!(cache.len(), 3);
}

#[test]
fn a_sum_from_before_a_change_is_no_hit() {
    let interest = InterestVersions::new(1);
    let mut cache = RouteCache::new(1, 9, 9);
    let versions = interest.of("a");
    let sum = interest.sum(&versions);
    interest.changed("a");
    cache.insert(0, "a", versions, sum, 1, 1u8);
    assert_eq!(cache.find(0, "a", &interest), None);
}

#[test]
fn many_classes_of_one_topic_are_kept_apart() {
    let interest = InterestVersions::new(1);
    let versions = interest.of("a");
    let mut cache = RouteCache::new(1, 5000, u64::MAX);
    for class in 0..5000u32 {
        cache.insert(class, "a", versions, 0, 1, class);
    }
    for class in 0..5000u32 {
        let slot = cache.find(class, "a", &interest);
        assert_eq!(slot.and_then(|slot| cache.get(slot)), Some(&class));
    }
}

#[test]
fn a_heavy_entry_drives_others_out_and_clearing_forgets_their_places() {
    let interest = InterestVersions::new(1);
    let mut cache = RouteCache::new(1, 99, 10);
    for topic in ["a", "b", "c", "d", "e"] {
        cache.insert(0, topic, interest.of(topic), 0, 1, 0);
    }
    assert_eq!((cache.len(), cache.weight()), (5, 10));
    cache.insert(0, "heavy", interest.of("heavy"), 0, 7, 1);
    assert_eq!((cache.len(), cache.weight()), (2, 10));
    cache.insert(0, "heavier", interest.of("heavier"), 0, 70, 1);
    assert_eq!((cache.len(), cache.weight()), (1, 71));
    cache.clear();
    let slot = cache.insert(0, "a", interest.of("a"), 0, 1, 4);
    assert_eq!(
        (cache.get(slot), cache.len(), cache.weight()),
        (Some(&4), 1, 2)
    );
}
