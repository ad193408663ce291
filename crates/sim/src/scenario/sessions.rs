//! Sessions that outlive their connections: takeover, persistence, clocks.

use super::{Mix, Scenario, Stage};
use crate::client::Profile;
use mqtt_codec::Version;

pub(super) const TAKEOVER_STORM: Scenario = Scenario {
    name: "takeover-storm",
    about: "the same clients from many sockets at once",
    seeds: 300,
    configure: |config, rng| config.window = rng.pick(&[20, 64 << 10]),
    play: takeover_storm,
};

fn takeover_storm(stage: &mut Stage) {
    for no in 0..4 {
        let version = stage.rng.pick(&[Version::V311, Version::V5]);
        let mut profile = Profile::new(&format!("x{no}"), version, no < 3);
        profile.may_be_closed = true;
        profile.receive_maximum = Some(stage.rng.range(1, 10) as u16);
        stage.add(profile, &[("t/+", 2), ("u/+", 1)]);
    }
    let calm = vec![
        stage.add(Profile::new("s", Version::V5, true), &[("#", 2)]),
        stage.add(Profile::new("p", Version::V311, true), &[]),
    ];
    stage.begin();
    let mix = Mix {
        takeover: 12,
        cut: 4,
        hold_log: 2,
        connect: 20,
        calm,
        ..Mix::default()
    };
    stage.play(&mix, 1200);
    stage.judge();
}

pub(super) const PERSISTENCE: Scenario = Scenario {
    name: "persistence",
    about: "connections that break while the log is slow: nothing acknowledged is lost or sent twice",
    seeds: 300,
    configure: |_, _| {},
    play: persistence,
};

fn persistence(stage: &mut Stage) {
    for no in 0..6 {
        let version = stage.rng.pick(&[Version::V31, Version::V311, Version::V5]);
        let mut profile = Profile::new(&format!("d{no}"), version, true);
        profile.receive_maximum = Some(stage.rng.range(1, 20) as u16);
        let wishes: &[(&str, u8)] = if no < 4 {
            &[("t/+", 2), ("u/1", 1)]
        } else {
            &[]
        };
        stage.add(profile, wishes);
    }
    stage.begin();
    let mix = Mix {
        cut: 8,
        goodbye: 2,
        connect: 30,
        hold_log: 8,
        hold_reads: 4,
        clean: 5,
        qos: vec![1, 2],
        ..Mix::default()
    };
    stage.play(&mix, 1500);
    stage.judge();
}

pub(super) const PAGING: Scenario = Scenario {
    name: "paging",
    about: "sessions and groups that are long away: what waits for them is read back, in order and once",
    seeds: 300,
    configure: |config, rng| {
        let limits = &mut config.settings.limits;
        limits.queue_window_bytes = rng.pick(&[1, 300, 1000]);
        limits.max_inflight = rng.range(1, 5) as u16;
        limits.memory_bytes = rng.pick(&[2000, 1 << 30]);
    },
    play: paging,
};

fn paging(stage: &mut Stage) {
    let subscriptions: [&[(&str, u8)]; 5] = [
        &[("t/+", 2)],
        &[("#", 1)],
        &[("$share/g/t/+", 2), ("u/1", 2)],
        &[("$share/g/t/+", 1)],
        &[("t/1", 1), ("$share/h/u/+", 2)],
    ];
    for (no, wishes) in subscriptions.into_iter().enumerate() {
        let version = stage.rng.pick(&[Version::V31, Version::V311, Version::V5]);
        let mut profile = Profile::new(&format!("a{no}"), version, no < 3 || stage.rng.chance(60));
        profile.receive_maximum = Some(stage.rng.range(1, 20) as u16);
        profile.may_be_closed = true;
        stage.add(profile, wishes);
    }
    let publisher = stage.add(Profile::new("p", Version::V5, true), &[]);
    stage.begin();
    for _ in 0..stage.rng.range(1, 4) {
        // Few are there for long.
        let mix = Mix {
            cut: 12,
            goodbye: 2,
            takeover: 2,
            connect: 12,
            acknowledge: 60,
            publish: 60,
            hold_log: 1,
            hold_reads: 6,
            clean: 5,
            unsubscribe: 1,
            stall: 2,
            max_size: 200,
            calm: vec![publisher],
            loyal: vec![0, 1, 2],
            publishers: vec![publisher],
            ..Mix::default()
        };
        let acts = stage.rng.range(50, 400);
        stage.play(&mix, acts);
        if !stage.ledger.faults.is_empty() {
            return;
        }
        if stage.rng.chance(50) {
            stage.crash();
            let shards = stage.rng.range(1, 4) as u16;
            stage.world.restart(shards);
        }
    }
    stage.judge();
}

pub(super) const CLOCK_JUMPS: Scenario = Scenario {
    name: "clock-jumps",
    about: "the wall clock is set by hours and days: nothing ends early, nothing stays for ever",
    seeds: 300,
    configure: |config, _| config.settings.mqtt.max_keep_alive_s = None,
    play: clock_jumps,
};

fn clock_jumps(stage: &mut Stage) {
    for no in 0..5 {
        let mut profile = Profile::new(&format!("c{no}"), Version::V5, no < 4);
        // All time that passes here is less.
        profile.expiry_s = 600;
        profile.keep_alive_s = 60;
        stage.add(profile, &[("t/+", 2)]);
    }
    stage.begin();
    let mix = Mix {
        jump: 10,
        tick: 10,
        tick_ms: 4000,
        cut: 3,
        connect: 20,
        read: 120,
        qos: vec![1, 2],
        ..Mix::default()
    };
    stage.play(&mix, 600);
    stage.judge();
    let away = stage.world.now();
    for no in 0..stage.clients.len() {
        stage.cut(no);
    }
    stage.world.jump_clock(-86_400_000);
    stage.world.advance(601_000);
    for no in 0..stage.clients.len() {
        stage.clients[no].profile.may_be_forgotten = true;
        stage.connect(no, false);
        stage.world.settle();
        let sessions = stage.clients[no].sessions();
        stage.tend(no);
        if stage.clients[no].sessions() == sessions {
            stage
                .ledger
                .fault(format!("a session of {away:?} has outlived its expiry"));
        }
    }
}
