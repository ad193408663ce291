//! `$share` groups whose members come and go.

use super::{Mix, Scenario, Stage};
use crate::client::Profile;
use mqtt_codec::Version;

pub(super) const GROUPS: Scenario = Scenario {
    name: "groups",
    about: "$share groups at QoS 1 and 2, members that break off, come back, or end",
    seeds: 300,
    configure: |config, rng| config.settings.limits.max_inflight = rng.range(1, 6) as u16,
    play: |stage| play(stage, 1),
};

pub(super) const GROUPS_EXACTLY_ONCE: Scenario = Scenario {
    name: "groups-exactly-once",
    about: "$share groups where everything is QoS 2 and no session ends",
    seeds: 300,
    configure: |config, rng| config.settings.limits.max_inflight = rng.range(1, 6) as u16,
    play: |stage| play(stage, 2),
};

fn play(stage: &mut Stage, least: u8) {
    for no in 0..5 {
        let version = stage.rng.pick(&[Version::V311, Version::V5]);
        let persistent = least == 2 || stage.rng.chance(60);
        let qos = stage.rng.range(usize::from(least), 2) as u8;
        let mut profile = Profile::new(&format!("m{no}"), version, persistent);
        profile.receive_maximum = Some(stage.rng.range(1, 10) as u16);
        stage.add(profile, &[("$share/g/t/+", qos)]);
    }
    // One that stays, so that the group does.
    let stays = stage.add(
        Profile::new("stays", Version::V5, true),
        &[("$share/g/t/+", 2)],
    );
    let publisher = stage.add(Profile::new("p", Version::V5, true), &[]);
    stage.begin();
    let mix = Mix {
        cut: 3,
        unsubscribe: if least == 2 { 0 } else { 1 },
        clean: if least == 2 { 0 } else { 10 },
        connect: 20,
        hold_log: 1,
        hold_reads: 1,
        qos: (least..=2).collect(),
        calm: vec![publisher],
        loyal: vec![stays],
        publishers: vec![publisher],
        ..Mix::default()
    };
    stage.play(&mix, 900);
    // What comes while nobody is there waits for whoever comes first.
    for no in 0..publisher {
        stage.cut(no);
    }
    stage.world.settle();
    for _ in 0..5 {
        let (world, ledger) = (&stage.world, &mut stage.ledger);
        stage.clients[publisher].publish(world, ledger, "t/1", least, false, 20);
    }
    stage.world.settle();
    stage.judge();
}
