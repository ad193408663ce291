//! Operators who close connections and end sessions in the middle of everything.

use super::{Mix, Scenario, Stage};
use crate::client::Profile;
use broker::operator::{Command, Done};
use mqtt_codec::Version;

pub(super) const OPERATORS: Scenario = Scenario {
    name: "operators",
    about: "clients are kicked, sessions are deleted: a kick loses nothing, a deletion leaves nothing",
    seeds: 300,
    configure: |config, rng| config.window = rng.pick(&[20, 64 << 10]),
    play: operators,
};

fn operators(stage: &mut Stage) {
    for no in 0..6 {
        let version = stage.rng.pick(&[Version::V311, Version::V5]);
        let mut profile = Profile::new(&format!("o{no}"), version, no != 5);
        profile.may_be_closed = true;
        profile.receive_maximum = Some(stage.rng.range(1, 10) as u16);
        let shared: &[(&str, u8)] = &[("t/+", 2), ("$share/g/u/+", 1)];
        let wishes = if no < 3 {
            shared
        } else {
            &[("t/1", 1), ("u/1", 2)]
        };
        stage.add(profile, wishes);
    }
    let calm = vec![
        stage.add(Profile::new("s", Version::V5, true), &[("#", 2)]),
        stage.add(Profile::new("p", Version::V311, true), &[]),
    ];
    stage.begin();
    let mix = Mix {
        kick: 6,
        delete_session: 3,
        cut: 2,
        connect: 30,
        hold_log: 3,
        calm,
        loyal: vec![0, 3],
        ..Mix::default()
    };
    stage.play(&mix, 1000);
    stage.judge();
}

impl Stage {
    /// An operator closes a client's connection, if it has one by then.
    pub(super) fn kick(&mut self, no: usize) {
        let client_id = self.clients[no].profile.id.as_str().into();
        self.world.command(Command::Kick { client_id });
    }

    /// An operator ends a client's session. What is under way goes on meanwhile, but nobody acts, and the
    /// client is told: else it could take the session after the next for this one.
    pub(super) fn delete_session(&mut self, no: usize) {
        while self.world.done().is_some() {}
        let client = &mut self.clients[no];
        let client_id = client.profile.id.as_str().into();
        self.world.command(Command::DeleteSession { client_id });
        self.world.settle();
        client.profile.may_be_forgotten = true;
        client.read(&self.world, &mut self.ledger);
        client.forget_session(&mut self.ledger);
        client.profile.may_be_forgotten = false;
        let mut last = None;
        while let Some(done) = self.world.done() {
            last = Some(done);
        }
        if !matches!(last, Some(Done::Yes | Done::NotFound)) {
            self.ledger
                .fault(format!("a session was not deleted: {last:?}"));
        }
    }
}
