//! Many subscriptions: how quickly they are taken, what each keeps of the broker, and what a publish that
//! matches one of them costs as they become more.
//!
//! Every subscription has a topic of its own, which no other matches. One thread; messages at QoS 0.

use crate::crowd::{Crowd, Taker};
use crate::feeder::{Feed, Feeder};
use crate::ledger::{Group, Ledger, Tally};
use crate::load::check_payload;
use crate::net::limits::make_room;
use crate::observe::Watched;
use crate::packets::{self, Keeping};
use crate::report::{Report, Table, Unit};
use crate::script::{Script, Stretch};
use crate::stamp::Stamp;
use crate::target::Target;
use crate::{BenchError, Stage};
use mqtt_codec::{Publish, QoS, SubOptions};
use std::fmt::Write;
use std::time::Duration;

/// Which patterns subscriptions have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternKind {
    Exact,
    /// `+` in place of a level.
    Plus,
    /// `#` at the end.
    Hash,
    /// A third of each.
    Mixed,
}

#[derive(Clone, Debug)]
pub struct SubscriptionsPlan {
    /// Numbers of subscriptions at which publishes are measured; growing.
    pub steps: Vec<u64>,
    pub kind: PatternKind,
    /// Clients that the subscriptions are spread over.
    pub sessions: u32,
    /// Publishes at each step.
    pub publishes: u64,
    pub payload: usize,
    pub window: u32,
    pub patience: Duration,
}

const MAX_SUBSCRIPTIONS: u64 = 100_000_000;
/// Filters of one SUBSCRIBE.
const FILTERS: u64 = 100;
/// Filters that are asked for and not granted.
const PENDING_AT_MOST: u64 = 5_000;

impl SubscriptionsPlan {
    fn check(&self) -> Result<(), BenchError> {
        check_payload(self.payload)?;
        let growing = self.steps.is_sorted_by(|a, b| a < b);
        let bounds = |n: &u64| (1..=MAX_SUBSCRIPTIONS).contains(n);
        if self.steps.is_empty() || !growing || !self.steps.iter().all(bounds) {
            return Err(BenchError::Usage(format!(
                "--steps are growing numbers from 1 to {MAX_SUBSCRIPTIONS}"
            )));
        }
        if self.sessions == 0 || self.window == 0 {
            let what = "--sessions and --window are at least 1";
            return Err(BenchError::Usage(what.into()));
        }
        Ok(())
    }

    fn write_filter(&self, n: u64, root: &str, out: &mut String) {
        let kind = match (self.kind, n % 3) {
            (PatternKind::Mixed, 0) => PatternKind::Exact,
            (PatternKind::Mixed, 1) => PatternKind::Plus,
            (PatternKind::Mixed, _) => PatternKind::Hash,
            (kind, _) => kind,
        };
        // Writing to a string does not fail.
        let _ = match kind {
            PatternKind::Plus => write!(out, "{root}/+/{n}/value"),
            PatternKind::Hash => write!(out, "{root}/device/{n}/#"),
            PatternKind::Exact | PatternKind::Mixed => write!(out, "{root}/device/{n}/value"),
        };
    }
}

/// The subscription that message `number` is for: spread over all, the same in every run.
fn chosen(number: u64, subscriptions: u64) -> u64 {
    let mut x = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x ^ (x >> 31)) % subscriptions
}

/// Judges what the subscribers get.
struct Judge {
    run: u32,
    payload: usize,
    sessions: u64,
    subscriptions: u64,
    /// The first number of this step.
    first: u64,
    sent: u64,
    seen: Group,
    order: Ledger,
    tally: Tally,
}

impl Taker for Judge {
    fn take(&mut self, who: usize, publish: &Publish<'_>) {
        let stamp = Stamp::read(publish.payload).filter(|stamp| {
            stamp.run == self.run
                && publish.payload.len() == self.payload
                && (self.first..self.sent).contains(&stamp.number)
                && chosen(stamp.number, self.subscriptions) % self.sessions == who as u64
        });
        let Some(stamp) = stamp else {
            self.tally.foreign += 1;
            return;
        };
        if !self.seen.take(stamp.number) {
            self.tally.repeated += 1;
            return;
        }
        if !self.order.advance(who, stamp.number) {
            self.tally.disordered += 1;
        }
        self.tally.delivered += 1;
    }
}

pub(crate) fn run(
    plan: &SubscriptionsPlan,
    target: &Target,
    watched: &Watched,
    stage: &mut Stage<'_>,
) -> Result<Report, BenchError> {
    plan.check()?;
    make_room(u64::from(plan.sessions) + 1)?;
    let mut script = Script::new(target, watched, stage, plan.payload, plan.patience)?;
    let judge = Judge {
        run: script.run.number,
        payload: plan.payload,
        sessions: u64::from(plan.sessions),
        subscriptions: 1,
        first: 0,
        sent: 0,
        seen: Group::default(),
        order: Ledger::new(plan.sessions as usize),
        tally: Tally::default(),
    };
    let mut crowd = Crowd::new(target, judge);
    let run = script.run;
    let ids = (0..=plan.sessions as usize).map(|n| run.client_id(target, 's', n));
    let ids: Vec<String> = ids.collect();
    script.connect(&mut crowd, ids.into_iter(), Keeping::Clean, "sessions")?;
    let feed = Feed {
        run: run.number,
        version: target.version,
        qos: QoS::AtMostOnce,
        retain: false,
        payload: plan.payload,
        window: 1,
    };
    let who = plan.sessions as usize;
    crowd.feeder = Some(Feeder::new(feed, who, script.hub.client(who)));
    let root = run.topic(target, "s");
    let base = script.mark();
    let mut table = Table {
        title: "with so many subscriptions".into(),
        columns: columns(),
        rows: Vec::new(),
    };
    let mut have = 0;
    for step in &plan.steps {
        let from = script.mark();
        subscribe(plan, &mut script, &mut crowd, have..*step, &root)?;
        let subscribed = script.mark();
        publish(plan, &mut script, &mut crowd, *step, &root)?;
        let published = script.mark();
        let subscribing = Stretch::between(&from, &subscribed, *step - have);
        let publishing = Stretch::between(&subscribed, &published, plan.publishes);
        table.rows.push(vec![
            Some(*step as f64),
            Some(subscribing.rate),
            subscribing.broker_cpu,
            Stretch::between(&base, &subscribed, *step).broker_bytes,
            Some(publishing.rate),
            publishing.broker_cpu,
            Some(publishing.own_cpu),
        ]);
        have = *step;
    }
    let mut report = account(plan, target, have, &crowd.taker.tally);
    report.tables.push(table);
    script.finish(&mut report);
    Ok(report)
}

fn account(plan: &SubscriptionsPlan, target: &Target, have: u64, tally: &Tally) -> Report {
    let mut report = Report::new("subscriptions", target);
    report.setting("patterns", &format!("{:?}", plan.kind).to_lowercase());
    report.setting("sessions", &plan.sessions);
    report.setting("payload", &format!("{} bytes", plan.payload));
    report.setting("window", &plan.window);
    report.setting("publishes at each step", &plan.publishes);
    report.count("subscriptions", "subscriptions", have);
    report.count("delivered", "delivered", tally.delivered);
    report.count("lost", "lost", tally.lost());
    report.faults = tally.faults(0);
    report
}

fn columns() -> Vec<(String, String, Unit)> {
    [
        ("subscriptions", "subscriptions", Unit::Count),
        ("subscribe_rate", "subscribed", Unit::PerSecond),
        (
            "subscribe_broker_cpu",
            "broker CPU each",
            Unit::Microseconds,
        ),
        ("broker_subscription", "broker memory each", Unit::Bytes),
        ("publish_rate", "published", Unit::PerSecond),
        (
            "publish_broker_cpu",
            "broker CPU per publish",
            Unit::Microseconds,
        ),
        (
            "publish_own_cpu",
            "generator CPU per publish",
            Unit::Microseconds,
        ),
    ]
    .map(|(key, label, unit)| (key.to_owned(), label.to_owned(), unit))
    .into()
}

/// Asks for the subscriptions of `range`, each session for its own, a bounded number at a time.
fn subscribe(
    plan: &SubscriptionsPlan,
    script: &mut Script<'_, '_>,
    crowd: &mut Crowd<'_, Judge>,
    range: std::ops::Range<u64>,
    root: &str,
) -> Result<(), BenchError> {
    let sessions = u64::from(plan.sessions);
    // Each session's next number: those of a session are `sessions` apart.
    let first = |s: u64| range.start + (s + sessions - range.start % sessions) % sessions;
    let mut next: Vec<u64> = (0..sessions).map(first).collect();
    let (mut asked, mut at, goal) = (range.start, 0, range.end);
    let options = SubOptions::with_qos(QoS::AtMostOnce);
    let mut names: Vec<String> = Vec::new();
    script.be_patient();
    while crowd.granted < goal {
        while asked < goal && asked - crowd.granted < PENDING_AT_MOST {
            let session = at % next.len();
            at += 1;
            names.clear();
            while next[session] < goal && (names.len() as u64) < FILTERS {
                let mut name = String::new();
                plan.write_filter(next[session], root, &mut name);
                names.push(name);
                next[session] += sessions;
            }
            if names.is_empty() {
                continue;
            }
            asked += names.len() as u64;
            let filters: Vec<_> = names.iter().map(|n| (n.as_str(), options)).collect();
            let client = script.hub.client(session);
            let id = (at % 65_535 + 1) as u16;
            packets::subscribe(client.out(), script.target.version, id, &filters)?;
            script.hub.flush(session, crowd)?;
        }
        let doing = format!("subscribing, {} of {goal}", crowd.granted);
        script.turn(crowd, (asked, crowd.granted), &doing)?;
        script.check(crowd.moves, &doing)?;
    }
    Ok(())
}

fn publish(
    plan: &SubscriptionsPlan,
    script: &mut Script<'_, '_>,
    crowd: &mut Crowd<'_, Judge>,
    subscriptions: u64,
    root: &str,
) -> Result<(), BenchError> {
    let topic = |number: u64, out: &mut String| {
        let n = chosen(number, subscriptions);
        let _ = write!(out, "{root}/device/{n}/value");
    };
    let Some(mut feeder) = crowd.feeder.take() else {
        return Ok(());
    };
    let judge = &mut crowd.taker;
    judge.subscriptions = subscriptions;
    judge.first = feeder.sent();
    let end = judge.first + plan.publishes;
    let before = judge.tally.delivered;
    script.be_patient();
    while crowd.taker.tally.delivered - before < plan.publishes {
        let got = crowd.taker.first + crowd.taker.tally.delivered - before;
        let may = end.min(got + u64::from(plan.window));
        let now = script.now();
        if feeder.fill(script.hub.client(feeder.who), may, now, &topic)? {
            crowd.taker.sent = feeder.sent();
            script.hub.flush(feeder.who, crowd)?;
        }
        let doing = format!("publishing with {subscriptions} subscriptions");
        script.turn(crowd, (feeder.sent(), crowd.taker.tally.delivered), &doing)?;
        if script.is_stuck(crowd.moves) || script.stopped() {
            // What has not come is lost; the account says so.
            break;
        }
    }
    crowd.taker.tally.sent += feeder.sent() - crowd.taker.first;
    crowd.taker.tally.expected += feeder.sent() - crowd.taker.first;
    crowd.feeder = Some(feeder);
    Ok(())
}
