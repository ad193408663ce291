//! Clients that do not keep up, and a node that has little room.

use super::{Mix, Scenario, Stage};
use crate::client::Profile;
use mqtt_codec::Version;

pub(super) const SLOW_CONSUMERS: Scenario = Scenario {
    name: "slow-consumers",
    about: "clients that read a few bytes at a time, or nothing",
    seeds: 300,
    configure: |config, rng| {
        config.window = rng.pick(&[1, 100, 4000]);
        config.settings.limits.max_outbox_bytes = rng.pick(&[1, 500, 5000]);
    },
    play: slow_consumers,
};

fn slow_consumers(stage: &mut Stage) {
    for no in 0..5 {
        let version = stage.rng.pick(&[Version::V311, Version::V5]);
        let mut profile = Profile::new(&format!("s{no}"), version, stage.rng.chance(50));
        profile.receive_maximum = Some(stage.rng.range(1, 30) as u16);
        let qos = stage.rng.range(0, 2) as u8;
        stage.add(profile, &[("#", qos)]);
    }
    let calm = vec![stage.add(Profile::new("p", Version::V5, true), &[])];
    stage.begin();
    let mix = Mix {
        stall: 10,
        cut: 1,
        max_size: 400,
        calm,
        ..Mix::default()
    };
    stage.play(&mix, 800);
    stage.judge();
}

pub(super) const CREDIT: Scenario = Scenario {
    name: "credit",
    about: "clients that publish and consume, with next to no room between shards",
    seeds: 300,
    configure: |config, rng| {
        config.shards = rng.range(2, 4) as u16;
        let limits = &mut config.settings.limits;
        limits.in_flight_messages = rng.range(1, 4) as u64;
        limits.in_flight_bytes = rng.pick(&[1, 300, 100_000]);
        limits.memory_bytes = rng.pick(&[1000, 100_000]);
        limits.receive_maximum = rng.range(1, 5) as u16;
        limits.max_outbox_bytes = rng.pick(&[1, 1000]);
    },
    play: credit,
};

fn credit(stage: &mut Stage) {
    for no in 0..stage.rng.range(2, 7) {
        let version = stage.rng.pick(&[Version::V31, Version::V311, Version::V5]);
        let mut profile = Profile::new(&format!("c{no}"), version, stage.rng.chance(70));
        profile.receive_maximum = Some(stage.rng.range(1, 3) as u16);
        let filter = stage.rng.pick(&["#", "t/+", "t/1"]);
        let qos = stage.rng.below(3) as u8;
        stage.add(profile, &[(filter, qos)]);
    }
    stage.begin();
    let mix = Mix {
        publish: 60,
        tick: 5,
        tick_ms: 120,
        cut: 1,
        stall: 2,
        hold_log: 2,
        ..Mix::default()
    };
    stage.play(&mix, 800);
    stage.come_to_rest();
    check_credit(stage);
    stage.judge();
}

/// Once all is served, all credit is back: what needs more than there is goes on by itself, without any
/// time passing.
fn check_credit(stage: &mut Stage) {
    stage.settings.limits.memory_bytes = 1 << 30;
    stage.world.reload(&stage.settings);
    stage.world.settle();
    for no in 0..stage.clients.len() {
        for _ in 0..6 {
            let (world, ledger) = (&stage.world, &mut stage.ledger);
            stage.clients[no].publish(world, ledger, "t/1", 1, false, 50);
        }
        stage.catch_up();
        let left = stage.clients[no].unacknowledged();
        if left > 0 {
            stage.ledger.fault(format!(
                "client {no} waits for {left} acknowledgements: no credit"
            ));
        }
    }
}
