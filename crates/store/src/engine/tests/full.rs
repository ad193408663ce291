//! A disk with no room: messages wait, what makes room does not, and it goes on by itself.

use super::world::{World, small};
use crate::engine::Settings;
use message::QueueId;
use message::record::{Record, Row, RowKey};
use std::sync::Arc;

/// Fills the disk until messages are held back.
fn filled(seed: u64) -> World {
    let settings = Settings {
        // Room for a dozen segments.
        floor_bytes: 1 << 20,
        ..small()
    };
    let mut world = World::new(seed, settings).unwrap();
    world.source.sessions_end = false;
    world.disk.capacity = 12 * 4096;
    for _ in 0..20_000 {
        if world.held_back {
            return world;
        }
        let record = world.source.owed_message();
        world.give(record);
        for _ in 0..8 {
            world.disk_step().unwrap();
            world.poll().unwrap();
        }
    }
    panic!("the disk does not get full");
}

#[test]
fn messages_wait_and_settles_do_not() {
    for seed in 0..20 {
        let mut world = filled(seed);
        let written = world.history();
        for _ in 0..20 {
            let record = world.source.owed_message();
            world.give(record);
            world.rest();
        }
        assert!(world.failed.is_none(), "{:?}", world.failed);
        assert!(world.held_back && world.waiting() >= 20);
        // Settles are written, the cleaner makes room, and the messages follow.
        let mut settled = 0;
        while world.held_back || world.waiting() > 0 {
            let record = world.source.settle();
            assert!(
                matches!(record, Record::Settle { .. }),
                "nothing is left to settle"
            );
            world.give(record);
            world.rest();
            settled += 1;
            assert!(settled < 5_000, "it does not resume");
        }
        assert!(world.history() >= written + settled);
        assert!(world.failed.is_none(), "{:?}", world.failed);
        world.crash().unwrap();
    }
}

#[test]
fn it_goes_on_when_room_is_made_elsewhere() {
    for seed in 0..10 {
        let mut world = filled(seed);
        for _ in 0..30 {
            let record = world.source.record();
            world.give(record);
        }
        world.rest();
        world.disk.capacity = 1 << 20;
        world.settle_down().unwrap();
        assert!(!world.held_back);
        assert_eq!(world.waiting(), 0);
        world.crash().unwrap();
    }
}

#[test]
fn a_full_disk_survives_a_crash() {
    for seed in 0..20 {
        let mut world = filled(seed);
        for _ in 0..40 {
            world.step().unwrap();
        }
        world.crash().unwrap();
        world.disk.capacity = 1 << 20;
        for _ in 0..200 {
            world.step().unwrap();
        }
        world.settle_down().unwrap();
        world.crash().unwrap();
    }
}

/// A session that ends while messages are held for it is owed none of them.
#[test]
fn the_end_of_a_session_is_not_held_back() {
    let mut world = filled(3);
    for _ in 0..20 {
        let record = world.source.owed_message();
        world.give(record);
    }
    for queue in 1..=4 {
        world.give(Record::Delete(RowKey::Session(QueueId(queue))));
    }
    world.rest();
    world.disk.capacity = 1 << 20;
    world.settle_down().unwrap();
    assert!(!world.held_back && world.failed.is_none());
    let owed = world.engine.state().index().ids();
    let owed = owed.filter_map(|(id, _)| world.engine.state().index().owed(id));
    assert!(
        owed.into_iter()
            .all(|owed| owed.slots.is_empty() && owed.qos2.is_none())
    );
}

/// What a will says is held back, so the will itself must not be forgotten: a crash would lose both. The
/// will of somebody else, who says goodbye meanwhile, goes.
#[test]
fn a_will_stays_until_its_message_is_written() {
    let mut world = filled(3);
    let (queue, other) = (QueueId(77), QueueId(78));
    let Record::Enqueue(enqueue) = world.source.owed_message() else {
        panic!("no message");
    };
    for queue in [queue, other] {
        world.give(Record::Put(Row::Will {
            queue,
            message: enqueue.message.clone(),
            delay_s: 0,
            expiry_s: None,
            due_at_ms: None,
        }));
    }
    world.rest();
    let has = |world: &World, queue| {
        let mut rows = world.engine.state().rows();
        rows.any(|kept| kept.row.key() == RowKey::Will(queue))
    };
    assert!(has(&world, queue), "rows use the reserve");
    let Record::Enqueue(mut enqueue) = world.source.owed_message() else {
        panic!("no message");
    };
    Arc::make_mut(&mut enqueue.message).origin = queue;
    world.give(Record::Enqueue(enqueue));
    for queue in [queue, other] {
        world.give(Record::Delete(RowKey::Will(queue)));
        world.give(Record::Delete(RowKey::Session(queue)));
    }
    world.rest();
    assert!(world.held_back && has(&world, queue) && !has(&world, other));
    world.disk.capacity = 1 << 20;
    world.settle_down().unwrap();
    assert!(!has(&world, queue));
}
