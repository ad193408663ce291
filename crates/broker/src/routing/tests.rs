//! Tests of the tables, against plain models of them.

use super::list::List;
use super::local::Replaced;
use super::subscriber::{Folded, Ids, fold};
use super::*;
use crate::auth::Identity;
use message::{QoS, QueueId, pattern};
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(super) const FILTERS: [&str; 12] = [
    "a",
    "a/b",
    "a/+",
    "+/b",
    "#",
    "a/#",
    "+",
    "a/b/c/d/e",
    "a/b/c/d/+",
    "a/b/c/d/e/#",
    "$s/#",
    "#/b",
];
pub(super) const TOPICS: [&str; 8] = [
    "a",
    "a/b",
    "b/b",
    "a/c",
    "a/b/c/d/e",
    "a/b/c/d/e/f/b",
    "$s/b",
    "",
];

pub(super) fn subscription(queue: u64) -> Subscription {
    asked(queue, QoS::AtLeastOnce, Terms::default())
}

fn asked(queue: u64, qos: QoS, terms: Terms) -> Subscription {
    Subscription::new(QueueId(queue), queue as u32 + 7, qos, terms)
}

prop_compose! {
    fn any_terms()(
        no_local: bool, keep_retain: bool, id in proptest::option::of(1..4u32), mark in 0..9u64,
    ) -> Terms {
        Terms { no_local, keep_retain, id, mark }
    }
}

prop_compose! {
    fn any_subscription(queues: u64)(queue in 1..=queues, qos in 0..3u8, terms in any_terms()) -> Subscription {
        let qos = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][usize::from(qos)];
        asked(queue, qos, terms)
    }
}

/// The definition of a fold.
fn naive(all: &[Subscription]) -> Option<Folded> {
    let ids: BTreeSet<u32> = all.iter().filter_map(|s| s.terms().id).collect();
    let ids: Vec<u32> = ids.into_iter().collect();
    Some(Folded {
        qos: all.iter().map(|s| s.qos).max()?,
        keep_retain: all.iter().any(|s| s.terms().keep_retain),
        ids: match ids[..] {
            [] => Ids::None,
            [id] => Ids::One(id),
            _ => Ids::Many(ids.into()),
        },
        mark: all.iter().map(|s| s.terms().mark).min()?,
    })
}

/// Checks what a match gave against the subscriptions that it should have come from.
fn check_destinations(got: &[Destination], expected: &[Subscription]) {
    let mut by_queue: BTreeMap<QueueId, Vec<Subscription>> = BTreeMap::new();
    for s in expected {
        by_queue.entry(s.queue).or_default().push(*s);
    }
    let queues: Vec<_> = got.iter().map(|d| d.queue).collect();
    assert_eq!(queues, by_queue.keys().copied().collect::<Vec<_>>());
    for destination in got {
        let all = &by_queue[&destination.queue];
        let others: Vec<_> = all
            .iter()
            .filter(|s| !s.terms().no_local)
            .copied()
            .collect();
        assert_eq!(destination.place, all[0].place);
        assert_eq!(destination.for_origin(QueueId(0)), naive(all).as_ref());
        assert_eq!(
            destination.for_origin(destination.queue),
            naive(&others).as_ref()
        );
    }
}

#[test]
fn a_subscription_is_small_and_so_is_a_list_of_one() {
    assert_eq!((size_of::<Subscription>(), size_of::<List>()), (24, 24));
    assert_eq!(
        size_of::<Option<List>>(),
        24,
        "arenas need no tag of their own"
    );
}

proptest! {
    #[test]
    fn a_subscription_keeps_its_terms(
        no_local: bool, keep_retain: bool, id in proptest::option::of(1..1u32 << 28), mark in 0..1u64 << 56,
    ) {
        let terms = Terms { no_local, keep_retain, id, mark };
        prop_assert_eq!(asked(1, QoS::ExactlyOnce, terms).terms(), terms);
    }

    #[test]
    fn a_fold_is_one_destination_per_queue(
        mut found in proptest::collection::vec(any_subscription(4), 0..12)
    ) {
        let expected = found.clone();
        let mut out = Vec::new();
        fold(&mut found, &mut out);
        check_destinations(&out, &expected);
    }

    #[test]
    fn a_list_is_a_sorted_map(steps in proptest::collection::vec((0..3u8, any_subscription(90)), 1..400)) {
        let (mut list, mut model) = (List::default(), BTreeMap::new());
        for (what, s) in steps {
            if what == 0 {
                prop_assert_eq!(list.remove(s.queue), model.remove(&s.queue).is_some());
            } else {
                prop_assert_eq!(list.put(s), model.insert(s.queue, s).is_some());
            }
            prop_assert_eq!(list.is_empty(), model.is_empty());
            prop_assert_eq!(list.get_mut(s.queue).copied(), model.get(&s.queue).copied());
            let mut all = Vec::new();
            list.append_to(&mut all);
            prop_assert_eq!(all, model.values().copied().collect::<Vec<_>>());
        }
        for queue in model.keys() {
            prop_assert!(list.remove(*queue));
        }
        prop_assert!(list.is_empty());
    }

    #[test]
    fn a_local_table_is_a_list_of_subscriptions(
        steps in proptest::collection::vec((0..4u8, any::<Index>(), any_subscription(5)), 1..60)
    ) {
        let mut table = LocalTable::new(7);
        let mut model: BTreeMap<(&str, QueueId), Subscription> = BTreeMap::new();
        for (what, filter, s) in steps {
            let filter = *filter.get(&FILTERS);
            let key = (filter, s.queue);
            match what {
                0 => prop_assert_eq!(table.unsubscribe(filter, s.queue), model.remove(&key).is_some()),
                1 => {
                    let terms = s.terms();
                    table.set_mark(filter, s.queue, terms.mark);
                    if let Some(old) = model.get_mut(&key) {
                        let terms = Terms { mark: terms.mark, ..old.terms() };
                        *old = Subscription::new(old.queue, old.place, old.qos, terms);
                    }
                }
                _ => {
                    let replaced = model.insert(key, s).is_some();
                    prop_assert_eq!(table.subscribe(filter, s), Replaced(replaced));
                }
            }
            for topic in TOPICS {
                let matching = model.iter().filter(|((f, _), _)| pattern::matches(f, topic));
                let expected: Vec<_> = matching.map(|(_, s)| *s).collect();
                let mut out = Vec::new();
                table.matching(topic, &mut out);
                check_destinations(&out, &expected);
            }
        }
    }
}

/// A group's queue and members.
type PlainGroup = (QueueId, BTreeMap<QueueId, Member>);

/// A plain shared table.
#[derive(Default)]
struct Model {
    durable: BTreeMap<(&'static str, QueueId), Subscription>,
    volatile: BTreeMap<(&'static str, u16), u32>,
    groups: BTreeMap<(&'static str, &'static str), PlainGroup>,
    /// Queues of groups that are gone.
    ended: Vec<QueueId>,
}

#[derive(Clone, Debug)]
enum Step {
    Subscribe(Subscription),
    Unsubscribe(u64),
    AddVolatile(u16),
    RemoveVolatile(u16),
    Join(&'static str, Member),
    Leave(&'static str, u64),
    Online(&'static str, u64, bool),
}

fn anybody() -> Identity {
    Identity {
        user: None,
        client_id: "a".into(),
    }
}

fn step() -> impl Strategy<Value = Step> {
    let group = proptest::sample::select(&["g", "h"][..]);
    let member =
        (1..5u64, any::<bool>(), any::<bool>()).prop_map(|(queue, durable, online)| Member {
            queue: QueueId(queue),
            shard: 1,
            identity: anybody(),
            durable,
            online,
            qos: QoS::AtLeastOnce,
            keep_retain: false,
            id: None,
        });
    prop_oneof![
        any_subscription(4).prop_map(Step::Subscribe),
        (1..5u64).prop_map(Step::Unsubscribe),
        (0..3u16).prop_map(Step::AddVolatile),
        (0..3u16).prop_map(Step::RemoveVolatile),
        (group.clone(), member).prop_map(|(g, m)| Step::Join(g, m)),
        (group.clone(), 1..5u64).prop_map(|(g, q)| Step::Leave(g, q)),
        (group, 1..5u64, any::<bool>()).prop_map(|(g, q, online)| Step::Online(g, q, online)),
    ]
}

const SHARDS: u16 = 4;

/// Does the same to both and compares what they say.
fn apply(
    table: &mut RoutingTable,
    model: &mut Model,
    filter: &'static str,
    step: Step,
    fresh: QueueId,
) {
    match step {
        Step::Subscribe(s) => {
            let replaced = model.durable.insert((filter, s.queue), s).is_some();
            assert_eq!(table.subscribe(filter, s), replaced);
        }
        Step::Unsubscribe(queue) => {
            let queue = QueueId(queue);
            let was = model.durable.remove(&(filter, queue)).is_some();
            assert_eq!(table.unsubscribe(filter, queue), was);
        }
        Step::AddVolatile(shard) => {
            let count = model.volatile.entry((filter, shard)).or_default();
            *count += 1;
            assert_eq!(table.add_volatile(filter, shard), *count == 1);
        }
        Step::RemoveVolatile(shard) => {
            let count = model.volatile.entry((filter, shard)).or_default();
            let last = *count == 1;
            *count = count.saturating_sub(1);
            assert_eq!(table.remove_volatile(filter, shard), last);
            model.volatile.retain(|_, count| *count > 0);
        }
        Step::Join(name, member) => {
            let first = !model.groups.contains_key(&(name, filter));
            let group = model
                .groups
                .entry((name, filter))
                .or_insert((fresh, BTreeMap::new()));
            let replaced = group.1.insert(member.queue, member.clone()).is_some();
            let joined = table.join(name, filter, member, fresh, SHARDS);
            assert!(joined.home < SHARDS);
            assert_eq!(
                (joined.queue, joined.first, joined.replaced),
                (group.0, first, replaced)
            );
        }
        Step::Leave(name, queue) => {
            let left = table.leave(name, filter, QueueId(queue));
            let group = model.groups.get_mut(&(name, filter));
            let was = group.and_then(|group| {
                group.1.remove(&QueueId(queue))?;
                Some((group.0, group.1.is_empty()))
            });
            assert_eq!(left.map(|l| (l.queue, l.last)), was);
            if let Some((queue, true)) = was {
                assert_eq!(table.group(name, filter), None);
                model.ended.push(queue);
            }
            model.groups.retain(|_, group| !group.1.is_empty());
        }
        Step::Online(name, queue, online) => {
            table.set_online(name, filter, QueueId(queue), online);
            let group = model.groups.get_mut(&(name, filter));
            if let Some(member) = group.and_then(|g| g.1.get_mut(&QueueId(queue))) {
                member.online = online;
            }
        }
    }
}

fn check_match(table: &RoutingTable, model: &Model, topic: &str, matched: &mut Matched) {
    table.matching(topic, matched);
    let selects = |filter: &str| pattern::matches(filter, topic);
    let durable = model.durable.iter().filter(|((f, _), _)| selects(f));
    check_destinations(
        &matched.durable,
        &durable.map(|(_, s)| *s).collect::<Vec<_>>(),
    );
    let shards = model
        .volatile
        .keys()
        .filter(|(f, _)| selects(f))
        .map(|(_, shard)| *shard);
    assert_eq!(
        matched.shards,
        shards
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
    );
    assert!(
        model
            .ended
            .iter()
            .all(|queue| table.members_of(*queue).is_none())
    );
    let mut groups: Vec<_> = model
        .groups
        .iter()
        .filter(|((_, f), _)| selects(f))
        .collect();
    groups.sort_by_key(|(_, group)| group.0);
    assert_eq!(matched.groups.len(), groups.len());
    for (got, ((name, filter), (queue, members))) in matched.groups.iter().zip(groups) {
        assert_eq!(got.queue, *queue);
        assert_eq!(got.durable, members.values().any(|m| m.durable));
        assert!(got.members.iter().eq(members.values()));
        let looked_up = table.members(name, filter);
        assert!(looked_up.is_some_and(|m| Arc::ptr_eq(&m, &got.members)));
        assert!(
            table
                .members_of(*queue)
                .is_some_and(|m| Arc::ptr_eq(&m, &got.members))
        );
        assert_eq!(table.group(name, filter), Some((got.queue, got.home)));
    }
}

proptest! {
    #[test]
    fn the_shared_table_is_lists_of_what_was_asked_for(
        steps in proptest::collection::vec((any::<Index>(), step()), 1..80)
    ) {
        let (mut table, mut model, mut matched) = (RoutingTable::new(3), Model::default(), Matched::default());
        for (fresh, (filter, step)) in steps.into_iter().enumerate() {
            let filter = *filter.get(&FILTERS[..4]);
            apply(&mut table, &mut model, filter, step, QueueId(100 + fresh as u64));
            for topic in TOPICS {
                check_match(&table, &model, topic, &mut matched);
            }
        }
    }
}

#[test]
fn a_groups_home_follows_from_its_name_and_filter() {
    let member = Member {
        queue: QueueId(1),
        shard: 0,
        identity: anybody(),
        durable: false,
        online: true,
        qos: QoS::AtMostOnce,
        keep_retain: false,
        id: None,
    };
    let mut homes = BTreeSet::new();
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        let join =
            |queue| RoutingTable::new(9).join(name, "x/#", member.clone(), QueueId(queue), 4);
        assert_eq!(join(1).home, join(2).home);
        homes.insert(join(1).home);
    }
    assert!(homes.len() > 1, "all groups on one shard");
}
