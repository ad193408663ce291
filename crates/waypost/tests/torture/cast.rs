//! The clients of a run, by what they do: each function is one thread's life. They end when the run says so; what
//! they saw is in the ledger.

use crate::client::{Client, Known, Manner};
use crate::dice::Dice;
use crate::ledger::{Incoming, Outgoing, Sent, Subscription, Tag};
use crate::stage::{Phase, Stage};
use mqtt_codec::{Packet, Properties, QoS, SubOptions, Subscribe, Unsubscribe, Version};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Topics of each publisher.
pub(crate) const TOPICS: u64 = 3;
/// How long SUBACK may take where nobody is killed.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a publisher does.
pub(crate) struct Publishing {
    pub(crate) number: u16,
    pub(crate) window: usize,
    /// None: one or the other.
    pub(crate) qos: Option<QoS>,
}

/// Sends in bursts up to its window, up to a budget in each cycle; at the end it finishes what is in flight.
pub(crate) fn publisher(mut client: Client<'_>, what: &Publishing, mut dice: Dice) {
    let stage = client.stage;
    let number = what.number;
    let topics: Vec<Arc<str>> = (0..TOPICS)
        .map(|k| format!("t/{number}/{k}").into())
        .collect();
    let retained: Arc<str> = format!("r/{number}").into();
    retain_once(&mut client, number);
    stage.one_more_ready();
    stage.await_phase(Phase::Running);
    let (mut cycle, mut budget) = (u64::MAX, 0);
    while !stage.failed() {
        let finishing = stage.phase() >= Phase::Finishing;
        if finishing && client.in_flight() == 0 {
            return;
        }
        if !client.is_connected() && !client.connect(&Manner::resuming(), Phase::Over) {
            return;
        }
        if cycle != stage.cycle() {
            (cycle, budget) = (stage.cycle(), dice.within(50, 500));
        }
        while !finishing && budget > 0 && client.in_flight() < what.window {
            budget -= 1;
            let qos = match what.qos {
                Some(qos) => qos,
                None if dice.one_in(2) => QoS::AtLeastOnce,
                None => QoS::ExactlyOnce,
            };
            if dice.one_in(8) {
                let size = (!dice.one_in(4)).then_some(100);
                client.publish(&retained, qos, true, size);
            } else {
                let topic = &topics[dice.within(0, TOPICS) as usize];
                client.publish(topic, qos, false, Some(size(&mut dice)));
            }
        }
        // On with it at the first acknowledgement, or after some; now and then it takes its time.
        let most = dice.within(1, client.in_flight() as u64 + 2) as usize;
        client.work(Duration::from_millis(20), most);
        if dice.one_in(20) {
            client.work(Duration::from_millis(20), 100);
        }
        if dice.one_in(500) {
            client.hang_up();
        }
    }
}

/// Mostly small, now and then up to 20 KiB.
fn size(dice: &mut Dice) -> usize {
    let most = if dice.one_in(10) { 20 * 1024 } else { 200 };
    dice.within(16, most) as usize
}

/// One message that is retained from here on, and one that is taken away again, before anything is killed.
fn retain_once(client: &mut Client<'_>, number: u16) {
    let kept: Arc<str> = format!("r/kept/{number}").into();
    let cleared: Arc<str> = format!("r/cleared/{number}").into();
    if !client.connect(&Manner::resuming(), Phase::Over) {
        return;
    }
    let qos = QoS::AtLeastOnce;
    let (small, none) = (Some(32), None);
    for (topic, size) in [(&kept, small), (&cleared, small), (&cleared, none)] {
        client.publish(topic, qos, true, size);
        let begun = Instant::now();
        while client.in_flight() > 0 && client.is_connected() {
            client.work(Duration::from_millis(20), 1);
            if begun.elapsed() > PATIENCE {
                return client.violation("no PUBACK before anything was killed");
            }
        }
    }
}

/// How a subscriber keeps company.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Always,
    /// Away in two cycles of three.
    Often,
    /// Connected at the end only.
    AtTheEnd,
}

pub(crate) struct Subscribing {
    pub(crate) filters: Vec<(String, QoS)>,
    pub(crate) presence: Presence,
    pub(crate) slow: bool,
    pub(crate) receive_maximum: Option<u16>,
}

/// Subscribes once, before anything is killed, and never again.
pub(crate) fn subscriber(mut client: Client<'_>, what: &Subscribing, mut dice: Dice) {
    let stage = client.stage;
    let manner = || Manner {
        receive_maximum: what.receive_maximum,
        ..Manner::resuming()
    };
    if !client.connect(&manner(), Phase::Over) {
        return;
    }
    for (filter, qos) in &what.filters {
        subscribe(&mut client, filter, *qos, &manner());
    }
    if what.presence == Presence::AtTheEnd {
        client.say_goodbye();
    }
    stage.one_more_ready();
    client.slow = what.slow;
    while stage.phase() < Phase::Over && !stage.failed() {
        let finishing = stage.phase() >= Phase::Finishing;
        let here = finishing
            || match what.presence {
                Presence::Always => true,
                Presence::Often => stage.cycle().is_multiple_of(3),
                Presence::AtTheEnd => false,
            };
        if !here {
            if client.is_connected() {
                client.say_goodbye();
            }
            stage.pause(Duration::from_millis(20));
        } else if client.is_connected() || client.try_connect(&manner()) {
            let wait = if what.slow { 30 } else { 10 };
            client.work(Duration::from_millis(wait), 50);
            if !finishing && dice.one_in(200) {
                client.hang_up();
            }
        } else {
            stage.pause(Duration::from_millis(5));
        }
    }
}

/// Asks until SUBACK has come, across connections; a filter is in the ledger from the first SUBSCRIBE on. False where
/// the run is over.
fn subscribe(client: &mut Client<'_>, filter: &str, qos: QoS, manner: &Manner) -> bool {
    let page = client.incoming.clone().expect("a subscriber");
    let at = page.lock().unwrap().subscriptions.len();
    page.lock().unwrap().subscriptions.push(Subscription {
        filter: filter.to_owned(),
        qos,
        asked_at: client.stage.tick(),
        since: None,
        leaving_at: None,
        until: None,
    });
    let codes = ask(client, manner, |client, id| {
        let mut scratch = Vec::new();
        let filters = [(filter, SubOptions::with_qos(qos))];
        let packet = Subscribe::build(id, Properties::EMPTY, &filters, &mut scratch);
        client.put(&Packet::Subscribe(packet.expect("a short filter")));
    });
    let Some(codes) = codes else { return false };
    if codes != [qos.bits()] {
        client.violation(&format!("SUBACK {codes:?} for {filter} at {qos:?}"));
    }
    page.lock().unwrap().subscriptions[at].since = Some(client.stage.tick());
    true
}

fn unsubscribe(client: &mut Client<'_>, at: usize, manner: &Manner) -> bool {
    let page = client.incoming.clone().expect("a subscriber");
    let filter = {
        let subscription = &mut page.lock().unwrap().subscriptions[at];
        subscription.leaving_at = Some(client.stage.tick());
        subscription.filter.clone()
    };
    let answered = ask(client, manner, |client, id| {
        let mut scratch = Vec::new();
        let packet = Unsubscribe::build(id, Properties::EMPTY, &[&filter], &mut scratch);
        client.put(&Packet::Unsubscribe(packet.expect("a short filter")));
    });
    if answered.is_some() {
        page.lock().unwrap().subscriptions[at].until = Some(client.stage.tick());
    }
    answered.is_some()
}

/// Sends a request on each new connection until its answer has come.
fn ask(
    client: &mut Client<'_>,
    manner: &Manner,
    put: impl Fn(&mut Client<'_>, u16),
) -> Option<Vec<u8>> {
    loop {
        if !client.is_connected() && !client.connect(manner, Phase::Over) {
            return None;
        }
        let id = client.free_id();
        client.answered.clear();
        put(client, id);
        client.flush();
        let begun = Instant::now();
        while client.is_connected() {
            client.work(Duration::from_millis(10), 20);
            if let Some((_, codes)) = client.answered.iter().find(|(answer, _)| *answer == id) {
                return Some(codes.clone());
            }
            if begun.elapsed() > PATIENCE {
                client.violation("no SUBACK or UNSUBACK has come");
            }
            if client.stage.failed() {
                return None;
            }
        }
    }
}

/// Subscribes and unsubscribes as it goes; what it was told holds is what the judge asks for.
pub(crate) fn churner(mut client: Client<'_>, publishers: u64, mut dice: Dice) {
    let stage = client.stage;
    let page = client.incoming.clone().expect("a subscriber");
    let manner = Manner::resuming();
    client.connect(&manner, Phase::Over);
    stage.one_more_ready();
    while stage.phase() < Phase::Over && !stage.failed() {
        if !client.is_connected() && !client.try_connect(&manner) {
            stage.pause(Duration::from_millis(5));
            continue;
        }
        client.work(Duration::from_millis(10), 50);
        if stage.phase() != Phase::Running || !dice.one_in(8) {
            continue;
        }
        let publisher = dice.within(0, publishers);
        let filter = match dice.within(0, TOPICS + 1) {
            TOPICS => format!("t/{publisher}/+"),
            k => format!("t/{publisher}/{k}"),
        };
        let active = |it: &Subscription| it.filter == filter && it.leaving_at.is_none();
        let at = page.lock().unwrap().subscriptions.iter().position(active);
        match at {
            Some(at) => unsubscribe(&mut client, at, &manner),
            None => subscribe(&mut client, &filter, QoS::ExactlyOnce, &manner),
        };
    }
}

/// A session that is ended again and again: by Clean Start with no expiry. What it was must not come back.
pub(crate) fn ender(mut client: Client<'_>, mut dice: Dice) {
    let stage = client.stage;
    stage.one_more_ready();
    let unread = Arc::new(Mutex::new(Incoming::default()));
    while stage.phase() < Phase::Finishing && !stage.failed() {
        let ends = dice.one_in(2);
        let manner = Manner {
            clean: ends,
            expiry: if ends { 0 } else { Manner::resuming().expiry },
            ..Manner::resuming()
        };
        // Absent: whatever comes now, before it subscribes, comes from the dead.
        let fresh = ends || client.known == Known::Absent;
        client.incoming = if fresh { None } else { Some(unread.clone()) };
        if !client.connect(&manner, Phase::Finishing) {
            return;
        }
        client.work(Duration::from_millis(10), 100);
        if !ends {
            client.incoming = Some(unread.clone());
            ask_for_all(&mut client, &manner);
        }
        let moves = Instant::now();
        while client.is_connected() && moves.elapsed() < Duration::from_millis(100) {
            client.work(Duration::from_millis(10), 50);
        }
        client.hang_up();
        unread.lock().unwrap().received.clear();
    }
}

/// A subscription that nobody judges.
fn ask_for_all(client: &mut Client<'_>, manner: &Manner) {
    ask(client, manner, |client, id| {
        let mut scratch = Vec::new();
        let filters = [("t/#", SubOptions::with_qos(QoS::AtLeastOnce))];
        let packet = Subscribe::build(id, Properties::EMPTY, &filters, &mut scratch);
        client.put(&Packet::Subscribe(packet.expect("a short filter")));
    });
}

/// Each of its connections has a will, and each of them ends without a goodbye.
pub(crate) fn testator(mut client: Client<'_>, number: u16, page: &Mutex<Outgoing>) {
    let stage = client.stage;
    let topic: Arc<str> = format!("w/{number}").into();
    stage.one_more_ready();
    stage.await_phase(Phase::Running);
    while stage.phase() < Phase::Finishing && !stage.failed() {
        let seq = {
            let sent = &mut page.lock().unwrap().sent;
            sent.push(will(stage, &topic));
            sent.len() - 1
        };
        let tag = Tag {
            publisher: number,
            seq: u32::try_from(seq).expect("few wills"),
        };
        let manner = Manner {
            will: Some((topic.to_string(), tag)),
            ..Manner::resuming()
        };
        if !client.try_connect(&manner) {
            stage.pause(Duration::from_millis(5));
            continue;
        }
        page.lock().unwrap().sent[seq].acked_at = Some(stage.tick());
        while client.is_connected() && stage.phase() < Phase::Finishing && !stage.failed() {
            client.work(Duration::from_millis(20), 10);
        }
        client.hang_up();
    }
}

fn will(stage: &Stage, topic: &Arc<str>) -> Sent {
    Sent {
        topic: topic.clone(),
        qos: QoS::AtLeastOnce,
        retain: false,
        clears: false,
        sent_at: stage.tick(),
        acked_at: None,
        cycle: stage.cycle(),
    }
}

/// A new client that looks at what is retained until it has seen enough, or nothing has come for long.
pub(crate) fn look_at_retained(
    stage: &Stage,
    enough: impl Fn(&[(String, Tag)]) -> bool,
) -> Vec<(String, Tag)> {
    let mut client = Client::new(stage, "looker", Version::V5);
    client.retained_seen = Some(Vec::new());
    let manner = Manner {
        clean: true,
        expiry: 0,
        ..Manner::resuming()
    };
    ask(&mut client, &manner, |client, id| {
        let mut scratch = Vec::new();
        let filters = [("r/#", SubOptions::with_qos(QoS::AtLeastOnce))];
        let packet = Subscribe::build(id, Properties::EMPTY, &filters, &mut scratch);
        client.put(&Packet::Subscribe(packet.expect("a short filter")));
    });
    let begun = Instant::now();
    while client.is_connected() && begun.elapsed() < PATIENCE {
        client.work(Duration::from_millis(200), 1000);
        if client.retained_seen.as_deref().is_some_and(&enough) {
            break;
        }
    }
    client.say_goodbye();
    client.retained_seen.unwrap_or_default()
}
