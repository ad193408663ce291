//! The node stops while everybody is busy.

use super::{Mix, Scenario, Stage};
use crate::client::Profile;
use crate::oracle;
use mqtt_codec::Version;

pub(super) const SHUTDOWN: Scenario = Scenario {
    name: "shutdown",
    about: "the node stops under load: all connections end, nothing was acknowledged too early",
    seeds: 300,
    configure: |_, _| {},
    play: shutdown,
};

fn shutdown(stage: &mut Stage) {
    for no in 0..6 {
        let version = stage.rng.pick(&[Version::V31, Version::V311, Version::V5]);
        let mut profile = Profile::new(&format!("c{no}"), version, no < 4);
        profile.may_be_closed = true;
        profile.will = (no % 2 == 0).then(|| "will".into());
        stage.add(profile, &[("#", 2)]);
    }
    stage.begin();
    let mix = Mix {
        hold_log: 2,
        stall: 2,
        takeover: 2,
        connect: 20,
        ..Mix::default()
    };
    stage.play(&mix, 300);
    stage.world.shutdown();
    stage.play(&mix, 100);
    stage.world.hold_log(false);
    stage.world.advance(2000);
    let now_or_soon = 50;
    for _ in 0..now_or_soon {
        stage.world.settle();
        for no in 0..stage.clients.len() {
            if let Some(sock) = stage.clients[no].sock() {
                stage.world.stall(sock, false);
            }
            stage.tend(no);
        }
    }
    for no in 0..stage.clients.len() {
        if !stage.clients[no].is_off() {
            let id = &stage.clients[no].profile.id;
            stage.ledger.fault(format!(
                "{id} is still connected to a node that has stopped"
            ));
        }
    }
    let faults = oracle::judge(&stage.ledger);
    // What was on its way to clients is not lost, it waits for them: that needs a restart to be seen.
    stage
        .ledger
        .faults
        .extend(faults.into_iter().filter(|f| !f.contains("never reached")));
}
