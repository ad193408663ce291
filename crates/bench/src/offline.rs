//! Sessions that are away: how quickly messages are queued for them, what each keeps of the broker, and how
//! quickly and completely they come when the clients return.
//!
//! Every session has a topic of its own; a publisher goes round them. One thread.

use crate::crowd::{Crowd, Nothing, Taker};
use crate::feeder::{Feed, Feeder};
use crate::ledger::{Ledger, Tally, Verdict};
use crate::load::{check_payload, quality};
use crate::net::limits::make_room;
use crate::observe::Watched;
use crate::packets::{self, Keeping};
use crate::report::Report;
use crate::script::{Script, Stretch};
use crate::sessions;
use crate::stamp::Stamp;
use crate::target::Target;
use crate::{BenchError, Stage};
use mqtt_codec::{Publish, QoS, SubOptions};
use std::fmt::Write;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct OfflinePlan {
    pub sessions: u32,
    /// Messages for each session.
    pub messages: u64,
    pub qos: u8,
    pub payload: usize,
    pub window: u32,
    pub patience: Duration,
}

const MAX_MESSAGES: u64 = 1_000_000_000;
const MAX_SESSIONS: u32 = 4_000_000;

impl OfflinePlan {
    fn check(&self) -> Result<QoS, BenchError> {
        check_payload(self.payload)?;
        let usage = |what: String| Err(BenchError::Usage(what));
        if self.qos == 0 {
            return usage(
                "brokers queue messages of --qos 1 and 2 for clients that are away".into(),
            );
        }
        let all = self.messages.saturating_mul(u64::from(self.sessions));
        if all == 0 || all > MAX_MESSAGES || self.sessions > MAX_SESSIONS || self.window == 0 {
            return usage(format!(
                "--window is at least 1, --sessions 1 to {MAX_SESSIONS}, --sessions times --messages 1 to \
                 {MAX_MESSAGES}"
            ));
        }
        quality(self.qos)
    }
}

/// What the sessions get.
struct Returned {
    run: u32,
    payload: usize,
    sessions: u64,
    sent: u64,
    ledger: Ledger,
    tally: Tally,
}

impl Taker for Returned {
    fn take(&mut self, who: usize, publish: &Publish<'_>) {
        let stamp = Stamp::read(publish.payload).filter(|stamp| {
            stamp.run == self.run
                && publish.payload.len() == self.payload
                && stamp.number < self.sent
                && stamp.number % self.sessions == who as u64
        });
        let Some(stamp) = stamp else {
            self.tally.foreign += 1;
            return;
        };
        match self.ledger.take(who, stamp.number / self.sessions) {
            Verdict::Fresh => self.tally.delivered += 1,
            Verdict::Late => {
                self.tally.delivered += 1;
                self.tally.disordered += 1;
            }
            Verdict::Repeated => self.tally.repeated += 1,
        }
    }
}

pub(crate) fn run(
    plan: &OfflinePlan,
    target: &Target,
    watched: &Watched,
    stage: &mut Stage<'_>,
) -> Result<Report, BenchError> {
    let qos = plan.check()?;
    make_room(u64::from(plan.sessions) + 1)?;
    let mut script = Script::new(target, watched, stage, plan.payload, plan.patience)?;
    let mut report = Report::new("offline", target);
    report.setting("sessions", &plan.sessions);
    report.setting("messages each", &plan.messages);
    report.setting("qos", &plan.qos);
    report.setting("payload", &format!("{} bytes", plan.payload));
    report.setting("window", &plan.window);
    let run = script.run;
    let ids = || (0..plan.sessions as usize).map(move |n| run.client_id(target, 's', n));
    let root = run.topic(target, "o");
    let outcome = leave(plan, &mut script, qos, &root, ids())
        .and_then(|()| queue(plan, &mut script, &mut report, qos, &root))
        .and_then(|sent| come_back(plan, &mut script, &mut report, sent, ids()));
    script.hub.close_all();
    // The sessions go whatever came of the run.
    let forgotten = sessions::forget(target, &run, ids());
    outcome?;
    forgotten?;
    script.finish(&mut report);
    Ok(report)
}

/// Makes the sessions, each with its subscription, and disconnects.
fn leave(
    plan: &OfflinePlan,
    script: &mut Script<'_, '_>,
    qos: QoS,
    root: &str,
    ids: impl ExactSizeIterator<Item = String>,
) -> Result<(), BenchError> {
    let mut crowd = Crowd::new(script.target, Nothing::default());
    script.connect(&mut crowd, ids, Keeping::Persistent, "sessions")?;
    for who in 0..plan.sessions as usize {
        let topic = format!("{root}/{who}");
        let filters = [(topic.as_str(), SubOptions::with_qos(qos))];
        let version = script.target.version;
        packets::subscribe(script.hub.client(who).out(), version, 1, &filters)?;
        script.hub.flush(who, &mut crowd)?;
    }
    while crowd.granted < u64::from(plan.sessions) {
        let granted = crowd.granted;
        let doing = format!("subscribing, {granted} of {}", plan.sessions);
        script.turn(&mut crowd, (0, granted), &doing)?;
        script.check(crowd.moves, &doing)?;
    }
    script.new_hub()
}

/// Publishes for everybody; how many messages that were.
fn queue(
    plan: &OfflinePlan,
    script: &mut Script<'_, '_>,
    report: &mut Report,
    qos: QoS,
    root: &str,
) -> Result<u64, BenchError> {
    let mut crowd = Crowd::new(script.target, Nothing::default());
    let id = script.run.client_id(script.target, 'p', 0);
    script.connect(
        &mut crowd,
        [id].into_iter(),
        Keeping::Clean,
        "the publisher",
    )?;
    let feed = Feed {
        run: script.run.number,
        version: script.target.version,
        qos,
        retain: false,
        payload: plan.payload,
        window: u16::try_from(plan.window).unwrap_or(u16::MAX),
    };
    let sessions = u64::from(plan.sessions);
    let all = plan.messages * sessions;
    let topic = |n: u64, out: &mut String| {
        let _ = write!(out, "{root}/{}", n % sessions);
    };
    let mut feeder = Feeder::new(feed, 0, script.hub.client(0));
    let from = script.mark();
    script.be_patient();
    let feeder = loop {
        let now = script.now();
        let filled = feeder.fill(script.hub.client(0), all, now, &topic)?;
        crowd.feeder = Some(feeder);
        if filled {
            script.hub.flush(0, &mut crowd)?;
        }
        let done = crowd.feeder.as_ref().map_or(0, Feeder::acknowledged);
        let doing = format!("queueing, {done} of {all}");
        script.turn(&mut crowd, (done, 0), &doing)?;
        script.check(crowd.moves, &doing)?;
        match crowd.feeder.take() {
            Some(fed) if fed.acknowledged() < all => feeder = fed,
            Some(fed) => break fed,
            None => return Ok(0),
        }
    };
    let to = script.mark();
    report.count("queued", "queued", feeder.sent());
    let stretch = Stretch::between(&from, &to, feeder.sent());
    stretch.measures(report, "in", "in");
    stretch.memory(report, "broker_queued", "broker memory for each message");
    if feeder.refused() > 0 {
        let what = format!(
            "{} messages that the broker refused to take",
            feeder.refused()
        );
        report.faults.push(what);
    }
    Ok(feeder.sent())
}

/// The clients return and take what waits for them.
fn come_back(
    plan: &OfflinePlan,
    script: &mut Script<'_, '_>,
    report: &mut Report,
    sent: u64,
    ids: impl ExactSizeIterator<Item = String>,
) -> Result<(), BenchError> {
    script.new_hub()?;
    let returned = Returned {
        run: script.run.number,
        payload: plan.payload,
        sessions: u64::from(plan.sessions),
        sent,
        ledger: Ledger::new(plan.sessions as usize),
        tally: Tally {
            sent,
            expected: sent,
            ..Tally::default()
        },
    };
    let mut crowd = Crowd::new(script.target, returned);
    let from = script.mark();
    script.connect(&mut crowd, ids, Keeping::Persistent, "sessions again")?;
    script.be_patient();
    while crowd.taker.tally.delivered < sent {
        let got = crowd.taker.tally.delivered;
        script.turn(&mut crowd, (0, got), &format!("returning, {got} of {sent}"))?;
        if script.is_stuck(crowd.moves) || script.stopped() {
            // What has not come is lost; the account says so.
            break;
        }
    }
    let to = script.mark();
    let tally = crowd.taker.tally;
    report.count("delivered", "delivered", tally.delivered);
    report.count("lost", "lost", tally.lost());
    report.count("repeated", "delivered more than once", tally.repeated);
    report.count("disordered", "out of order", tally.disordered);
    Stretch::between(&from, &to, tally.delivered).measures(report, "out", "out");
    report.faults.extend(tally.faults(plan.qos));
    let forgotten = u64::from(plan.sessions) - crowd.remembered;
    // MQTT 3.1 has no word for it.
    if forgotten > 0 && script.target.version != mqtt_codec::Version::V31 {
        let what = format!("{forgotten} sessions that the broker did not remember");
        report.faults.push(what);
    }
    Ok(())
}
