//! Retained messages: how quickly they are stored and read back, and what each keeps of the broker.
//!
//! One publisher, then readers with a pattern that matches all. What was stored is deleted again unless asked
//! to stay. One thread.

use crate::crowd::{Crowd, Nothing, Taker};
use crate::feeder::{Feed, Feeder};
use crate::load::{check_payload, quality};
use crate::net::limits::make_room;
use crate::observe::Watched;
use crate::packets::{self, Keeping};
use crate::report::Report;
use crate::script::{Script, Stretch};
use crate::stamp::Stamp;
use crate::target::Target;
use crate::{BenchError, Stage};
use mqtt_codec::{Publish, QoS, SubOptions};
use std::fmt::Write;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct RetainedPlan {
    pub count: u64,
    pub readers: u32,
    pub qos: u8,
    pub payload: usize,
    pub window: u32,
    /// Leaves the messages where they are.
    pub keep: bool,
    pub patience: Duration,
}

/// Messages times readers, each of which is a bit.
const MAX_COPIES: u64 = 4_000_000_000;

impl RetainedPlan {
    fn check(&self) -> Result<QoS, BenchError> {
        check_payload(self.payload)?;
        if self.qos == 0 {
            let what =
                "retained messages are stored at --qos 1 or 2: at 0 nobody says when they are";
            return Err(BenchError::Usage(what.into()));
        }
        let copies = self.count.saturating_mul(u64::from(self.readers.max(1)));
        if self.count == 0 || copies > MAX_COPIES || self.window == 0 {
            return Err(BenchError::Usage(format!(
                "--count and --window are at least 1, --count times --readers at most {MAX_COPIES}"
            )));
        }
        quality(self.qos)
    }

    fn feed(&self, script: &Script<'_, '_>, qos: QoS, payload: usize) -> Feed {
        Feed {
            run: script.run.number,
            version: script.target.version,
            qos,
            retain: true,
            payload,
            window: u16::try_from(self.window).unwrap_or(u16::MAX),
        }
    }
}

/// Which messages each reader has got.
struct Readers {
    run: u32,
    payload: usize,
    count: u64,
    /// The reader that is client 0.
    first: usize,
    got: Vec<Vec<u64>>,
    delivered: u64,
    repeated: u64,
    foreign: u64,
}

impl Taker for Readers {
    fn take(&mut self, who: usize, publish: &Publish<'_>) {
        let stamp = Stamp::read(publish.payload).filter(|stamp| {
            publish.retain
                && stamp.run == self.run
                && publish.payload.len() == self.payload
                && stamp.number < self.count
        });
        let bits = who.checked_sub(self.first);
        let bits = bits.and_then(|reader| self.got.get_mut(reader));
        let (Some(stamp), Some(bits)) = (stamp, bits) else {
            self.foreign += 1;
            return;
        };
        let bit = 1u64 << (stamp.number % 64);
        // The number is below the count, which the words are made for.
        let word = &mut bits[(stamp.number / 64) as usize];
        if *word & bit == 0 {
            *word |= bit;
            self.delivered += 1;
        } else {
            self.repeated += 1;
        }
    }
}

pub(crate) fn run(
    plan: &RetainedPlan,
    target: &Target,
    watched: &Watched,
    stage: &mut Stage<'_>,
) -> Result<Report, BenchError> {
    let qos = plan.check()?;
    make_room(u64::from(plan.readers) + 1)?;
    let mut script = Script::new(target, watched, stage, plan.payload, plan.patience)?;
    let mut report = Report::new("retained", target);
    report.setting("count", &plan.count);
    report.setting("readers", &plan.readers);
    report.setting("qos", &plan.qos);
    report.setting("payload", &format!("{} bytes", plan.payload));
    report.setting("window", &plan.window);
    let root = script.run.topic(target, "r");
    store(plan, &mut script, &mut report, qos, &root)?;
    if plan.readers > 0 && !script.stopped() {
        read(plan, &mut script, &mut report, qos, &root)?;
    }
    if plan.keep {
        let note = format!("the messages stay under {root}/#");
        report.notes.push(note);
    } else {
        let feed = plan.feed(&script, qos, 0);
        feed_all(plan, &mut script, feed, &root, "deleting")?;
    }
    script.finish(&mut report);
    Ok(report)
}

fn store(
    plan: &RetainedPlan,
    script: &mut Script<'_, '_>,
    report: &mut Report,
    qos: QoS,
    root: &str,
) -> Result<(), BenchError> {
    let before = script.mark();
    let feed = plan.feed(script, qos, plan.payload);
    let refused = feed_all(plan, script, feed, root, "storing")?;
    let stored = script.mark();
    report.count("stored", "stored", plan.count - refused);
    let stretch = Stretch::between(&before, &stored, plan.count);
    stretch.measures(report, "store", "stored");
    stretch.memory(report, "broker_retained", "broker memory for each message");
    if refused > 0 {
        let what = format!("{refused} messages that the broker refused to take");
        report.faults.push(what);
    }
    Ok(())
}

/// Publishes one message to each topic on a connection of its own; how many the broker refused.
fn feed_all(
    plan: &RetainedPlan,
    script: &mut Script<'_, '_>,
    feed: Feed,
    root: &str,
    doing: &str,
) -> Result<u64, BenchError> {
    script.new_hub()?;
    let mut crowd = Crowd::new(script.target, Nothing::default());
    let id = script.run.client_id(script.target, 'p', 0);
    script.connect(
        &mut crowd,
        [id].into_iter(),
        Keeping::Clean,
        "the publisher",
    )?;
    let mut feeder = Feeder::new(feed, 0, script.hub.client(0));
    let topic = |n: u64, out: &mut String| {
        // Three levels, as device names have.
        let _ = write!(out, "{root}/{}/{n}/value", n % 1000);
    };
    loop {
        let now = script.now();
        if feeder.fill(script.hub.client(0), plan.count, now, &topic)? {
            crowd.feeder = Some(feeder);
            script.hub.flush(0, &mut crowd)?;
        } else {
            crowd.feeder = Some(feeder);
        }
        let done = crowd.feeder.as_ref().map_or(0, Feeder::acknowledged);
        let doing = format!("{doing}, {done} of {}", plan.count);
        script.turn(&mut crowd, (done, 0), &doing)?;
        script.check(crowd.moves, &doing)?;
        match crowd.feeder.take() {
            Some(fed) if fed.acknowledged() < plan.count => feeder = fed,
            Some(fed) => return Ok(fed.refused()),
            None => return Ok(0),
        }
    }
}

fn read(
    plan: &RetainedPlan,
    script: &mut Script<'_, '_>,
    report: &mut Report,
    qos: QoS,
    root: &str,
) -> Result<(), BenchError> {
    script.new_hub()?;
    let words = usize::try_from(plan.count.div_ceil(64)).unwrap_or(usize::MAX);
    let readers = Readers {
        run: script.run.number,
        payload: plan.payload,
        count: plan.count,
        first: 0,
        got: vec![vec![0; words]; plan.readers as usize],
        delivered: 0,
        repeated: 0,
        foreign: 0,
    };
    let mut crowd = Crowd::new(script.target, readers);
    let (run, target) = (script.run, script.target);
    let ids = (0..plan.readers as usize).map(|n| run.client_id(target, 'r', n));
    script.connect(&mut crowd, ids, Keeping::Clean, "readers")?;
    let from = script.mark();
    let pattern = format!("{root}/#");
    for who in 0..plan.readers as usize {
        let filters = [(pattern.as_str(), SubOptions::with_qos(qos))];
        packets::subscribe(script.hub.client(who).out(), target.version, 1, &filters)?;
        script.hub.flush(who, &mut crowd)?;
    }
    let expected = plan.count * u64::from(plan.readers);
    script.be_patient();
    while crowd.taker.delivered < expected {
        let got = crowd.taker.delivered;
        script.turn(
            &mut crowd,
            (0, got),
            &format!("reading, {got} of {expected}"),
        )?;
        if script.is_stuck(crowd.moves) || script.stopped() {
            // What has not come is lost; the account says so.
            break;
        }
    }
    let to = script.mark();
    let got = &crowd.taker;
    report.count("read", "read back", got.delivered);
    report.count("lost", "lost", expected - got.delivered);
    report.count("repeated", "read more than once", got.repeated);
    Stretch::between(&from, &to, got.delivered).measures(report, "read", "read back");
    for (count, what) in [
        (
            expected - got.delivered,
            "retained messages never came to a reader",
        ),
        (got.repeated, "retained messages came more than once"),
        (
            got.foreign,
            "messages to readers that are not what was stored, or not marked as retained",
        ),
    ] {
        if count > 0 {
            report.faults.push(format!("{count} {what}"));
        }
    }
    Ok(())
}
