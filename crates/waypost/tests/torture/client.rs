//! A client whose session outlives its connections: what it has sent and is not done with is sent again, what it
//! has received at QoS 2 and was not released is not received twice, and Session Present must be what it knows.
//!
//! Owns the session and at most one connection; reports to the stage what no broker may do.

use crate::ledger::{Incoming, Outgoing, Receipt, Sent, Tag};
use crate::stage::{Phase, Stage};
use crate::wire::{Arrival, Cut, Line, Told};
use mqtt_codec::{
    Ack, AckKind, Connect, Packet, Properties, PropertiesBuf, Property, Publish, QoS, Version, Will,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long an answer may take that is owed at once; far more than any machine needs.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a session lives on for, in seconds.
const EXPIRY: u32 = 1_000_000;

/// What the client knows of its session at the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Absent,
    Present,
    /// A CONNECT was sent and its answer never came.
    Unknown,
}

struct Flying {
    id: u16,
    tag: Tag,
    topic: Arc<str>,
    payload: Arc<[u8]>,
    qos: QoS,
    retain: bool,
    /// PUBREC has come: PUBREL is what is sent again.
    released: bool,
}

/// How the next connection is made.
pub(crate) struct Manner {
    pub(crate) clean: bool,
    /// MQTT 5 only.
    pub(crate) expiry: u32,
    pub(crate) receive_maximum: Option<u16>,
    /// Topic, and the message.
    pub(crate) will: Option<(String, Tag)>,
}

impl Manner {
    pub(crate) fn resuming() -> Manner {
        Manner {
            clean: false,
            expiry: EXPIRY,
            receive_maximum: None,
            will: None,
        }
    }
}

pub(crate) struct Client<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) id: String,
    pub(crate) version: Version,
    pub(crate) known: Known,
    pub(crate) incoming: Option<Arc<Mutex<Incoming>>>,
    outgoing: Option<(u16, Arc<Mutex<Outgoing>>)>,
    flying: VecDeque<Flying>,
    /// QoS 2 ids received and not released, with the message each stands for.
    held: BTreeMap<u16, Tag>,
    next_id: u16,
    line: Option<Line>,
    kills: u64,
    /// SUBACK or UNSUBACK that have come, by id.
    pub(crate) answered: Vec<(u16, Vec<u8>)>,
    /// Acknowledgements that a slow client keeps back, in their order.
    kept_back: VecDeque<(AckKind, u16)>,
    pub(crate) slow: bool,
    /// Of a client that only looks at what is retained: what it was shown.
    pub(crate) retained_seen: Option<Vec<(String, Tag)>>,
}

impl<'a> Client<'a> {
    pub(crate) fn new(stage: &'a Stage, id: &str, version: Version) -> Client<'a> {
        Client {
            stage,
            id: id.to_owned(),
            version,
            known: Known::Absent,
            incoming: None,
            outgoing: None,
            flying: VecDeque::new(),
            held: BTreeMap::new(),
            next_id: 0,
            line: None,
            kills: 0,
            answered: Vec::new(),
            kept_back: VecDeque::new(),
            slow: false,
            retained_seen: None,
        }
    }

    pub(crate) fn receives_into(mut self, page: Arc<Mutex<Incoming>>) -> Self {
        self.incoming = Some(page);
        self
    }

    pub(crate) fn publishes_as(mut self, number: u16, page: Arc<Mutex<Outgoing>>) -> Self {
        self.outgoing = Some((number, page));
        self
    }

    pub(crate) fn violation(&self, what: &str) {
        self.stage.violation(&self.id, what);
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.line.is_some()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.flying.len()
    }

    /// Dials until somebody answers. False where the run has come to `until` first.
    pub(crate) fn connect(&mut self, manner: &Manner, until: Phase) -> bool {
        while self.stage.phase() < until && !self.stage.failed() {
            if self.try_connect(manner) {
                return true;
            }
            self.stage.pause(Duration::from_millis(5));
        }
        false
    }

    /// One attempt; true with a connection whose CONNACK was read and with everything sent again that is due.
    pub(crate) fn try_connect(&mut self, manner: &Manner) -> bool {
        self.hang_up();
        self.kills = self.stage.kills();
        let Some(mut line) = Line::open(self.stage.port, self.version) else {
            return false;
        };
        // Another broker than the one that was dialled may have taken it: whose end it sees would be unknown.
        if self.stage.kills() != self.kills {
            return false;
        }
        self.put_connect(&mut line, manner);
        let before = self.known;
        // Until the answer comes, only what this CONNECT changes nothing about is certain.
        let resumes = before == Known::Present && !manner.clean && manner.expiry > 0;
        self.known = if resumes { before } else { Known::Unknown };
        if line.flush().is_err() {
            return false;
        }
        let begun = Instant::now();
        let told = loop {
            match line.next(Duration::from_millis(200)) {
                Ok(Some(told)) => break told,
                Ok(None) if self.stage.kills() != self.kills => return false,
                Ok(None) if begun.elapsed() > PATIENCE => {
                    self.violation("no CONNACK has come");
                    return false;
                }
                Ok(None) => {}
                Err(cut) => {
                    self.line_ended(cut, "before CONNACK");
                    return false;
                }
            }
        };
        let Told::Connack { present, code } = told else {
            self.violation("the first packet is not CONNACK");
            return false;
        };
        self.check_connack(manner, before, present, code);
        self.line = Some(line);
        self.send_again();
        true
    }

    fn put_connect(&self, line: &mut Line, manner: &Manner) {
        let mut props = PropertiesBuf::new();
        if self.version.is_v5() {
            props.push(Property::SessionExpiryInterval(manner.expiry));
            if let Some(maximum) = manner.receive_maximum {
                props.push(Property::ReceiveMaximum(maximum));
            }
        }
        let payload = manner
            .will
            .as_ref()
            .map(|(topic, tag)| tag.payload(topic, 0));
        let will = manner.will.as_ref().zip(payload.as_ref());
        line.put(&Packet::Connect(Connect {
            version: self.version,
            bridge: false,
            clean: manner.clean,
            keep_alive: 0,
            props: props.as_props(),
            client_id: &self.id,
            will: will.map(|((topic, _), payload)| Will {
                qos: QoS::AtLeastOnce,
                retain: false,
                topic,
                payload,
                props: Properties::EMPTY,
            }),
            user: None,
            password: None,
        }));
    }

    /// Session Present tells the truth.
    fn check_connack(&mut self, manner: &Manner, before: Known, present: bool, code: u8) {
        if code != 0 {
            self.violation(&format!("CONNACK {code:#04x}"));
        }
        let right = match before {
            _ if manner.clean => !present,
            Known::Absent => !present,
            Known::Present => present,
            Known::Unknown => true,
        };
        if !right {
            let clean = manner.clean;
            self.violation(&format!(
                "Session Present is {present}; the session was {before:?}, clean start {clean}"
            ));
        }
        if !present {
            self.held.clear();
            for flying in &mut self.flying {
                flying.released = false;
            }
        }
        let lasts =
            !self.version.is_v5() && !manner.clean || self.version.is_v5() && manner.expiry > 0;
        self.known = if lasts { Known::Present } else { Known::Absent };
    }

    /// In the original order, with the original ids.
    fn send_again(&mut self) {
        let flying = std::mem::take(&mut self.flying);
        for it in &flying {
            self.put_flying(it, true);
        }
        self.flying = flying;
        self.flush();
    }

    fn put_flying(&mut self, it: &Flying, dup: bool) {
        let Some(line) = &mut self.line else { return };
        if it.released {
            line.put(&Packet::Pubrel(Ack::success(it.id)));
            return;
        }
        let mut props = PropertiesBuf::new();
        if self.version.is_v5() && it.tag.seq.is_multiple_of(3) {
            props.push(Property::MessageExpiryInterval(EXPIRY));
        }
        line.put(&Packet::Publish(Publish {
            dup,
            qos: it.qos,
            retain: it.retain,
            topic: &it.topic,
            packet_id: it.id,
            props: props.as_props(),
            payload: &it.payload,
        }));
    }

    /// Publishes something new; `size` None clears the topic.
    pub(crate) fn publish(
        &mut self,
        topic: &Arc<str>,
        qos: QoS,
        retain: bool,
        size: Option<usize>,
    ) {
        let (number, page) = self.outgoing.clone().expect("a publisher");
        let mut page = page.lock().unwrap();
        let tag = Tag {
            publisher: number,
            seq: u32::try_from(page.sent.len()).expect("few messages"),
        };
        let payload: Arc<[u8]> = size
            .map_or_else(Vec::new, |size| tag.payload(topic, size))
            .into();
        page.sent.push(Sent {
            topic: topic.clone(),
            qos,
            retain,
            clears: size.is_none(),
            sent_at: self.stage.tick(),
            acked_at: None,
            cycle: self.stage.cycle(),
        });
        drop(page);
        let flying = Flying {
            id: self.free_id(),
            tag,
            topic: topic.clone(),
            payload,
            qos,
            retain,
            released: false,
        };
        self.put_flying(&flying, false);
        self.flying.push_back(flying);
        self.stage.in_flight.fetch_add(1, SeqCst);
    }

    pub(crate) fn free_id(&mut self) -> u16 {
        loop {
            self.next_id = self.next_id.wrapping_add(1).max(1);
            if self.flying.iter().all(|it| it.id != self.next_id) {
                return self.next_id;
            }
        }
    }

    pub(crate) fn put(&mut self, packet: &Packet<'_>) {
        if let Some(line) = &mut self.line {
            line.put(packet);
        }
    }

    pub(crate) fn flush(&mut self) {
        if let Some(Err(cut)) = self.line.as_mut().map(Line::flush) {
            self.line_ended(cut, "while it was written to");
        }
    }

    /// Reads and answers until `wait` has passed without a packet, or `most` packets have come.
    pub(crate) fn work(&mut self, wait: Duration, most: usize) {
        for _ in 0..most {
            let Some(line) = &mut self.line else { return };
            match line.next(wait) {
                Ok(Some(told)) => self.take(told),
                Ok(None) => break,
                Err(cut) => return self.line_ended(cut, "while it was read from"),
            }
        }
        self.let_go();
        self.flush();
    }

    fn take(&mut self, told: Told) {
        match told {
            Told::Publish(arrival) => self.arrived(&arrival),
            Told::Ack(AckKind::Pubrel, id, _) => {
                self.held.remove(&id);
                self.answer(AckKind::Pubcomp, id);
            }
            Told::Ack(kind, id, code) => self.acknowledged(kind, id, code),
            Told::Suback { id, codes } => self.answered.push((id, codes)),
            Told::Unsuback { id } => self.answered.push((id, Vec::new())),
            Told::Disconnect(code) => self.violation(&format!("DISCONNECT {code:#04x}")),
            Told::Connack { .. } => self.violation("a second CONNACK"),
            Told::Other(what) => self.violation(&format!("an unexpected {what}")),
        }
    }

    fn acknowledged(&mut self, kind: AckKind, id: u16, code: u8) {
        let Some(at) = self.flying.iter().position(|it| it.id == id) else {
            return self.violation(&format!("{kind:?} for id {id}, which is not in flight"));
        };
        let it = &mut self.flying[at];
        let fits = match kind {
            AckKind::Puback => it.qos == QoS::AtLeastOnce,
            AckKind::Pubcomp => it.qos == QoS::ExactlyOnce && it.released,
            _ => it.qos == QoS::ExactlyOnce,
        };
        // 0x92 at PUBCOMP: the broker had completed it already.
        let good = code < 0x80 || kind == AckKind::Pubcomp && code == 0x92;
        if !fits || !good {
            return self.violation(&format!("{kind:?} {code:#04x} for id {id}"));
        }
        let tag = it.tag;
        if kind == AckKind::Pubrec {
            it.released = true;
            self.put(&Packet::Pubrel(Ack::success(id)));
        } else {
            self.flying.remove(at);
            self.stage.in_flight.fetch_sub(1, SeqCst);
        }
        let (_, page) = self.outgoing.as_ref().expect("a publisher");
        let acked_at = &mut page.lock().unwrap().sent[tag.seq as usize].acked_at;
        if acked_at.is_none() {
            *acked_at = Some(self.stage.tick());
            self.stage.one_more_acknowledged();
        }
    }

    fn arrived(&mut self, arrival: &Arrival) {
        let Some(tag) = Tag::of(&arrival.topic, &arrival.payload) else {
            let (topic, len) = (&arrival.topic, arrival.payload.len());
            return self.violation(&format!("{len} bytes on {topic} that nobody sent"));
        };
        if let Some(seen) = &mut self.retained_seen {
            seen.push((arrival.topic.clone(), tag));
            let kind = match arrival.qos {
                QoS::ExactlyOnce => AckKind::Pubrec,
                _ => AckKind::Puback,
            };
            return self.answer(kind, arrival.id);
        }
        if arrival.retain {
            self.violation(&format!(
                "{tag:?} has RETAIN where nothing retained matches"
            ));
        }
        match arrival.qos {
            QoS::AtMostOnce => self.violation(&format!("{tag:?} came at QoS 0")),
            QoS::AtLeastOnce => self.answer(AckKind::Puback, arrival.id),
            QoS::ExactlyOnce => {
                if let Some(held) = self.held.insert(arrival.id, tag) {
                    if held != tag {
                        let id = arrival.id;
                        self.violation(&format!(
                            "id {id} was reused for {tag:?}: {held:?} holds it"
                        ));
                    } else if !arrival.dup {
                        self.violation(&format!("{tag:?} came again without DUP"));
                    }
                    return self.answer(AckKind::Pubrec, arrival.id);
                }
                self.answer(AckKind::Pubrec, arrival.id);
            }
        }
        let Some(page) = &self.incoming else {
            return self.violation(&format!("{tag:?} came without a subscription"));
        };
        page.lock().unwrap().received.push(Receipt {
            tag,
            qos: arrival.qos,
            at: self.stage.tick(),
            cycle: self.stage.cycle(),
        });
        self.stage.received.fetch_add(1, SeqCst);
    }

    fn answer(&mut self, kind: AckKind, id: u16) {
        self.kept_back.push_back((kind, id));
        if !self.slow || self.kept_back.len() >= 5 {
            self.let_go();
        }
    }

    /// Sends the acknowledgements that were kept back.
    fn let_go(&mut self) {
        while let Some((kind, id)) = self.kept_back.pop_front() {
            let ack = Ack::success(id);
            self.put(&match kind {
                AckKind::Puback => Packet::Puback(ack),
                AckKind::Pubrec => Packet::Pubrec(ack),
                AckKind::Pubrel => Packet::Pubrel(ack),
                AckKind::Pubcomp => Packet::Pubcomp(ack),
            });
        }
    }

    fn line_ended(&mut self, cut: Cut, when: &str) {
        self.hang_up();
        match cut {
            Cut::Nonsense(what) => self.violation(&what),
            Cut::Closed if self.kills.is_multiple_of(2) && self.stage.kills() == self.kills => {
                self.violation(&format!("a broker that runs closed the connection {when}"));
            }
            Cut::Closed => {}
        }
    }

    /// The socket closes; the session does not.
    pub(crate) fn hang_up(&mut self) {
        self.line = None;
        self.kept_back.clear();
    }

    /// DISCONNECT, then the socket closes.
    pub(crate) fn say_goodbye(&mut self) {
        self.put(&Packet::Disconnect(mqtt_codec::Disconnect {
            reason: mqtt_codec::ReasonCode::Success,
            props: Properties::EMPTY,
        }));
        self.flush();
        self.hang_up();
    }
}
