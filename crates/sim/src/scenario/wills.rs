//! Wills: sent once for each connection that breaks, never after a goodbye.

use super::{Mix, Scenario, Stage};
use crate::client::Profile;
use crate::ledger::MessageNo;
use mqtt_codec::Version;

pub(super) const WILL_STORM: Scenario = Scenario {
    name: "will-storm",
    about: "many clients with wills that break off, say goodbye, or are taken over",
    seeds: 300,
    configure: |_, _| {},
    play: will_storm,
};

fn will_storm(stage: &mut Stage) {
    for no in 0..6 {
        let version = stage.rng.pick(&[Version::V31, Version::V311, Version::V5]);
        let persistent = stage.rng.chance(50);
        let mut profile = Profile::new(&format!("w{no}"), version, persistent);
        profile.will = Some(format!("will/{no}"));
        stage.add(profile, &[]);
    }
    let watcher = stage.add(Profile::new("watcher", Version::V5, true), &[("will/#", 2)]);
    stage.begin();
    let calm = Mix {
        calm: vec![watcher],
        publish: 2,
        ..Mix::default()
    };
    let mut fates: Vec<(MessageNo, bool)> = Vec::new();
    for _ in 0..120 {
        stage.play(&calm, 5);
        let no = stage.rng.below(6);
        let Some(will) = stage.clients[no].will() else {
            continue;
        };
        if stage.rng.chance(50) {
            stage.cut(no);
            fates.push((will, true));
        } else if stage.rng.chance(50) {
            // Had it not been heard when the client is back, that would be a takeover.
            stage.clients[no].disconnect(&stage.world, &mut stage.ledger);
            stage.world.settle();
            fates.push((will, false));
        } else {
            stage.clients[no].profile.may_be_closed = true;
            stage.connect(no, false);
            fates.push((will, true));
        }
    }
    stage.judge();
    let faults: Vec<String> = fates
        .into_iter()
        .filter_map(|(will, due)| {
            let mine = stage
                .ledger
                .deliveries
                .iter()
                .filter(|d| d.message == will && d.client == watcher);
            let sent = mine.count();
            (sent != usize::from(due))
                .then(|| format!("will m{will} was sent {sent} times (due: {due})"))
        })
        .collect();
    stage.ledger.faults.extend(faults);
}
