//! Messages from many publishers to many subscribers, across shards.

use super::{Mix, Scenario, Stage};
use crate::client::Profile;
use mqtt_codec::Version;

const VERSIONS: [Version; 3] = [Version::V31, Version::V311, Version::V5];

pub(super) const FAN_OUT: Scenario = Scenario {
    name: "fan-out",
    about: "publishers and subscribers of all kinds on several shards, connections that break",
    seeds: 300,
    configure: |_, _| {},
    play: fan_out,
};

fn fan_out(stage: &mut Stage) {
    let filters = ["t/+", "#", "t/1", "u/#", "+/1"];
    for no in 0..stage.rng.range(4, 9) {
        let version = stage.rng.pick(&VERSIONS);
        let mut profile = Profile::new(&format!("c{no}"), version, stage.rng.chance(60));
        profile.receive_maximum = Some(stage.rng.range(1, 8) as u16);
        profile.alias_maximum = stage.rng.below(3) as u16;
        let mut wishes = Vec::new();
        for _ in 0..stage.rng.below(3) {
            let wish = (stage.rng.pick(&filters), stage.rng.below(3) as u8);
            if !wishes.iter().any(|(filter, _)| *filter == wish.0) {
                wishes.push(wish);
            }
        }
        stage.add(profile, &wishes);
    }
    stage.begin();
    stage.play(
        &Mix {
            cut: 1,
            goodbye: 1,
            ..Mix::default()
        },
        1200,
    );
    stage.judge();
}

pub(super) const INTEREST: Scenario = Scenario {
    name: "interest",
    about: "subscriptions that come and go while messages for them are on their way",
    seeds: 300,
    configure: |config, rng| {
        config.yield_percent = rng.pick(&[30, 60]);
        config.settings.limits.max_cached_routes = rng.pick(&[2, 1000]);
    },
    play: interest,
};

fn interest(stage: &mut Stage) {
    for no in 0..6 {
        let version = stage.rng.pick(&VERSIONS);
        let persistent = stage.rng.chance(50);
        let filter = stage.rng.pick(&["t/1", "t/+", "#"]);
        let qos = stage.rng.range(1, 2) as u8;
        stage.add(
            Profile::new(&format!("s{no}"), version, persistent),
            &[(filter, qos)],
        );
    }
    let mut publishers = Vec::new();
    for no in 0..3 {
        publishers.push(stage.add(Profile::new(&format!("p{no}"), Version::V5, true), &[]));
    }
    stage.begin();
    let mix = Mix {
        unsubscribe: 12,
        publish: 50,
        cut: 1,
        hold_log: 2,
        clean: 20,
        qos: vec![1, 2],
        calm: publishers.clone(),
        publishers,
        ..Mix::default()
    };
    stage.play(&mix, 1200);
    stage.judge();
}
