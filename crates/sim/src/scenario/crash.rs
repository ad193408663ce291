//! The node dies at any moment, several times, and starts again on what its log has.

use super::retained::check_memory;
use super::{Mix, Scenario, Stage};
use crate::client::Profile;
use mqtt_codec::Version;

pub(super) const CRASH: Scenario = Scenario {
    name: "crash",
    about: "the node dies and starts again, on other numbers of shards: what was acknowledged is there",
    seeds: 400,
    configure: |config, rng| {
        config.settings.limits.max_inflight = rng.pick(&[2, 5, 100]);
        config.window = rng.pick(&[100, 64 << 10]);
    },
    play: crash,
};

/// The same on the log that is shipped: torn writes, lost names, syncs that fail.
pub(super) const DISK: Scenario = Scenario {
    name: "disk",
    about: "the node dies while its log writes, or since a step of its disk failed: what was acknowledged is there",
    seeds: 200,
    configure: |config, rng| {
        (CRASH.configure)(config, rng);
        config.on_disk = true;
    },
    play: |stage| {
        for_lives(stage, |stage| {
            if stage.rng.chance(50) {
                let steps = stage.rng.below(60) as u64;
                stage.world.fail_disk(steps);
            }
        });
    },
};

/// The disk runs full and has room again, while the node lives and dies.
pub(super) const DISK_FULL: Scenario = Scenario {
    name: "disk-full",
    about: "no room: what must be stored is not acknowledged, the rest goes on, and it goes on by itself",
    seeds: 200,
    configure: |config, rng| {
        (CRASH.configure)(config, rng);
        config.on_disk = true;
    },
    play: |stage| {
        for_lives(stage, |stage| {
            let full = stage.rng.chance(50);
            stage.world.fill_disk(full);
        });
    },
};

fn crash(stage: &mut Stage) {
    for_lives(stage, |_| {});
}

/// A few lives of the node, each of which may begin with trouble.
fn for_lives(stage: &mut Stage, trouble: fn(&mut Stage)) {
    let watcher = people(stage);
    stage.begin();
    for _ in 0..stage.rng.range(2, 5) {
        let mix = Mix {
            cut: 2,
            goodbye: 1,
            takeover: 1,
            connect: 25,
            hold_log: 4,
            hold_reads: 2,
            clean: 5,
            unsubscribe: 1,
            retain: 15,
            tick: 2,
            fill_disk: 1,
            calm: vec![watcher],
            loyal: vec![0, 1],
            ..Mix::default()
        };
        trouble(stage);
        let acts = stage.rng.range(20, 400);
        stage.play(&mix, acts);
        if !stage.ledger.faults.is_empty() {
            return;
        }
        if !stage.world.is_down() {
            stage.crash();
        }
        stage.world.fill_disk(false);
        let acts = stage.rng.pick(&[0, 20]);
        stage.play(&mix, acts);
        let shards = stage.rng.range(1, 4) as u16;
        stage.world.restart(shards);
    }
    stage.judge();
    check_wills(stage, watcher);
    check_memory(stage, "#");
}

/// Clients of all kinds; the one that watches wills.
fn people(stage: &mut Stage) -> usize {
    let subscriptions: [&[(&str, u8)]; 6] = [
        &[("t/+", 2), ("#", 1)],
        &[("$share/g/t/+", 2), ("u/1", 2)],
        &[("$share/g/t/+", 1)],
        &[("t/1", 1)],
        &[("t/2", 2), ("$share/h/u/+", 2)],
        &[],
    ];
    for (no, wishes) in subscriptions.into_iter().enumerate() {
        let version = stage.rng.pick(&[Version::V31, Version::V311, Version::V5]);
        let persistent = no < 2 || stage.rng.chance(70);
        let mut profile = Profile::new(&format!("c{no}"), version, persistent);
        profile.receive_maximum = Some(stage.rng.range(1, 20) as u16);
        profile.may_be_closed = true;
        profile.will = stage.rng.chance(50).then(|| format!("will/{no}"));
        stage.add(profile, wishes);
    }
    let watcher = Profile::new("watcher", Version::V5, true);
    stage.add(watcher, &[("will/#", 2)])
}

/// The will of each client that lost its connection was sent, at the latest after the crash that ended it.
fn check_wills(stage: &mut Stage, watcher: usize) {
    let ledger = &stage.ledger;
    let heard = |no| {
        let mut copies = ledger.deliveries.iter();
        copies.any(|d| d.message == no && d.client == watcher)
    };
    let all = ledger.messages.iter().enumerate();
    let silent: Vec<String> = all
        .filter(|(no, m)| m.due && !heard(*no))
        .map(|(no, m)| format!("will m{no} was never sent: {m:?}"))
        .collect();
    stage.ledger.faults.extend(silent);
}
