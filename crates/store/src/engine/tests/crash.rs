//! Crashes between any two steps, failing steps, and the bugs that these must find.

use super::world::{World, small};
use crate::engine::Settings;

/// One history of a few lives, each ended by a crash; in some of them a step fails.
fn run(seed: u64, settings: Settings) -> Result<(), String> {
    let mut world = World::new(seed, settings)?;
    for life in 0..4 {
        let steps = 40 + world.dice.below(600);
        if world.dice.one_in(3) {
            world.disk.fail_at = Some(world.disk.steps + world.dice.below(150));
        }
        for _ in 0..steps {
            world.step().map_err(|e| format!("life {life}: {e}"))?;
            if world.failed.is_some() {
                break;
            }
        }
        if world.dice.one_in(4) {
            world.settle_down()?;
        }
        world.crash().map_err(|e| format!("life {life}: {e}"))?;
    }
    Ok(())
}

#[test]
fn nothing_durable_is_lost_and_nothing_settled_rises() {
    for seed in 0..150 {
        if let Err(why) = run(seed, small()) {
            panic!("seed {seed}: {why}");
        }
    }
}

/// A test for each planted bug, which is found by a seed among these. The names of the tests are what
/// `cargo xtask torture --mutants` shows.
mod planted_bugs_are_caught {
    use super::run;
    use crate::engine::Settings;
    use crate::engine::tests::world::small;
    use crate::{Bug, Planted};

    const SEEDS: u64 = 2_000;

    fn is_caught(bug: Bug) {
        let settings = Settings {
            planted: Planted::bug(bug),
            ..small()
        };
        let caught = (0..SEEDS).find(|seed| run(*seed, settings.clone()).is_err());
        assert!(caught.is_some(), "{bug:?} is not caught");
    }

    macro_rules! one_test_each {
        ($($test:ident: $bug:ident,)+) => {
            $(
                #[test]
                fn $test() {
                    is_caught(Bug::$bug);
                }
            )+

            #[test]
            fn none_is_left_out() {
                assert_eq!([$(Bug::$bug),+], Bug::ALL);
            }
        };
    }

    one_test_each! {
        acknowledge_before_sync: AcknowledgeBeforeSync,
        directory_not_synced: DirectoryNotSynced,
        check_sum_ignored: CheckSumIgnored,
        settle_dropped_during_copy: SettleDroppedDuringCopy,
        unlink_before_first_segment: UnlinkBeforeFirstSegment,
        sync_retried: SyncRetried,
        copy_names_settled: CopyNamesSettled,
        torn_tail_accepted: TornTailAccepted,
        index_file_trusted: IndexFileTrusted,
    }
}

/// The same history, with each of its steps failing once.
#[test]
fn any_step_may_fail() {
    for nth in 1..220 {
        let mut world = World::new(77, small()).unwrap();
        world.disk.fail_at = Some(world.disk.steps + nth);
        for _ in 0..500 {
            world.step().unwrap();
        }
        let failed = world.failed.is_some();
        if let Err(why) = world.crash() {
            panic!("step {nth} failed ({failed}): {why}");
        }
        world.settle_down().unwrap();
    }
}

/// What is settled in time is gone, and so are the segments that held it.
#[test]
fn the_log_stays_small() {
    for seed in 0..4 {
        let mut world = World::new(seed, small()).unwrap();
        let mut largest: f64 = 0.0;
        for step in 0..12_000 {
            world.step().unwrap();
            if step % 60 != 0 {
                continue;
            }
            // What has died this moment is not gone yet.
            world.settle_down().unwrap();
            let (bytes, live) = world.engine.size();
            let beyond = bytes.saturating_sub(world.settings.floor_bytes + 2 * 4096);
            largest = largest.max(beyond as f64 / live.max(1) as f64);
        }
        assert!(largest < 2.5, "{largest} times what lives");
        assert!(world.history() > 5_000);
        world.crash().unwrap();
    }
}
