//! Every scenario, over a fixed number of seeds; `SIM_SEEDS` sets another number.

use sim::scenario::{ALL, run};

fn check(name: &str) {
    let scenario = ALL
        .iter()
        .find(|s| s.name == name)
        .expect("there is such a scenario");
    let asked = std::env::var("SIM_SEEDS").ok().and_then(|n| n.parse().ok());
    let seeds = asked.unwrap_or(scenario.seeds);
    let failures: Vec<String> = (1..=seeds)
        .filter_map(|seed| run(scenario, seed).err())
        .collect();
    if let Some(first) = failures.first() {
        panic!(
            "{} of {seeds} seeds failed; the first:\n{first}",
            failures.len()
        );
    }
}

macro_rules! scenarios {
    ($($test:ident $name:literal)+) => {
        $(
            #[test]
            fn $test() {
                check($name);
            }
        )+

        #[test]
        fn none_is_left_out() {
            let tested = [$($name),+];
            assert!(ALL.iter().all(|s| tested.contains(&s.name)), "tests/scenarios.rs lacks one");
        }
    };
}

scenarios! {
    fan_out "fan-out"
    interest "interest"
    slow_consumers "slow-consumers"
    credit "credit"
    takeover_storm "takeover-storm"
    persistence "persistence"
    paging "paging"
    clock_jumps "clock-jumps"
    groups "groups"
    groups_exactly_once "groups-exactly-once"
    retained "retained"
    retained_race "retained-race"
    retained_once "retained-once"
    will_storm "will-storm"
    shutdown "shutdown"
    operators "operators"
    crash "crash"
    disk "disk"
    disk_full "disk-full"
}

#[test]
fn the_same_seed_is_the_same_run() {
    for scenario in ALL {
        let hash = run(scenario, 7);
        assert_eq!(hash, run(scenario, 7), "{}", scenario.name);
        assert_ne!(hash, run(scenario, 8), "{}", scenario.name);
    }
}
