//! A simulated MQTT client that keeps to the rules, and takes note when the broker does not.
//!
//! Publishes numbered messages, keeps its QoS state across connections, acknowledges when it is told
//! to, in order. Everything it does and is told goes into the ledger. Its owner decides when it acts;
//! whatever a broker may never do, however the world goes, it reports as a fault at once.

mod ending;
mod incoming;
mod outgoing;

use crate::ledger::{ClientNo, Ledger, MessageNo};
use crate::world::{Sock, World};
use incoming::Incoming;
use mqtt_codec::{
    Connack, Connect, Framed, MAX_PACKET_SIZE, Packet, PropertiesBuf, Property, QoS, ReasonCode,
    SubOptions, Suback, Subscribe, Unsubscribe, Version, Will,
};
use outgoing::Outgoing;
use std::collections::BTreeMap;

/// How a client is.
#[derive(Clone, Debug)]
pub struct Profile {
    pub id: String,
    pub version: Version,
    /// Its session outlives its connections.
    pub persistent: bool,
    /// Seconds, in MQTT 5.
    pub expiry_s: u32,
    pub receive_maximum: Option<u16>,
    pub alias_maximum: u16,
    pub keep_alive_s: u16,
    /// Topic of its will, which has QoS 1 and no delay.
    pub will: Option<String>,
    /// The broker may close its connections: another one takes over, or the node stops.
    pub may_be_closed: bool,
    /// The broker may forget its session: it expires.
    pub may_be_forgotten: bool,
}

impl Profile {
    pub fn new(id: &str, version: Version, persistent: bool) -> Self {
        Profile {
            id: id.into(),
            version,
            persistent,
            expiry_s: 3600,
            receive_maximum: None,
            alias_maximum: 0,
            keep_alive_s: 0,
            will: None,
            may_be_closed: false,
            may_be_forgotten: false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Off,
    /// CONNECT is sent.
    Opening(Sock),
    Online(Sock),
}

/// What a SUBACK or UNSUBACK is awaited for.
#[derive(Clone, Debug)]
enum Request {
    Subscribe(String),
    Unsubscribe(String),
}

pub struct Client {
    pub no: ClientNo,
    pub profile: Profile,
    link: Link,
    buffer: Vec<u8>,
    /// The CONNECT that is on its way ends the session of before.
    opening_clean: bool,
    /// The node died before it said that this session is new: whether the one of before has ended nobody
    /// knows, so it is asked for again.
    end_in_doubt: bool,
    /// How many connections and sessions it has had.
    connection: u32,
    session: u32,
    /// The broker has told of a session that it must keep.
    has_session: bool,
    keep_alive_ms: u64,
    spoke_at_ms: u64,
    /// Connections that were given up before CONNACK: each may still be heard, late, and take over.
    ghosts: usize,
    /// Pings that were not answered yet.
    pings: usize,
    requests: BTreeMap<u16, Request>,
    outgoing: Outgoing,
    incoming: Incoming,
    /// The will of the connection that is on.
    will: Option<MessageNo>,
    next_pid: u16,
}

impl Client {
    pub fn new(no: ClientNo, profile: Profile) -> Self {
        Client {
            no,
            profile,
            link: Link::Off,
            buffer: Vec::new(),
            opening_clean: false,
            end_in_doubt: false,
            connection: 0,
            session: 0,
            has_session: false,
            keep_alive_ms: 0,
            spoke_at_ms: 0,
            ghosts: 0,
            pings: 0,
            requests: BTreeMap::new(),
            outgoing: Outgoing::default(),
            incoming: Incoming::default(),
            will: None,
            next_pid: 0,
        }
    }

    pub fn is_off(&self) -> bool {
        self.link == Link::Off
    }

    pub fn is_online(&self) -> bool {
        matches!(self.link, Link::Online(_))
    }

    /// How many sessions it has had.
    pub fn sessions(&self) -> u32 {
        self.session
    }

    pub fn sock(&self) -> Option<Sock> {
        match self.link {
            Link::Off => None,
            Link::Opening(sock) | Link::Online(sock) => Some(sock),
        }
    }

    /// True where it waits for nothing and owes nothing.
    pub fn is_idle(&self) -> bool {
        self.is_online()
            && self.requests.is_empty()
            && self.outgoing.is_empty()
            && self.incoming.owes_nothing()
            && self.pings == 0
    }

    /// Opens a connection. One that is there already is forgotten, not closed: somebody takes over.
    /// `clean`: ends the session of before.
    pub fn connect(&mut self, world: &World, ledger: &mut Ledger, clean: bool) -> Option<Sock> {
        if self.is_ending_a_session() {
            return None;
        }
        let old = self.sock();
        self.lost(ledger);
        // In MQTT 3 a client that asks for a clean session gets one that does not persist.
        let clean = clean || self.end_in_doubt;
        let clean = (clean && self.profile.version == Version::V5) || !self.profile.persistent;
        if clean {
            ledger.session_ends(self.no);
            self.has_session = false;
        }
        self.opening_clean = clean;
        let sock = world.connect();
        self.link = Link::Opening(sock);
        self.connection += 1;
        let mut props = PropertiesBuf::new();
        if self.profile.version == Version::V5 {
            if self.profile.persistent {
                props.push(Property::SessionExpiryInterval(self.profile.expiry_s));
            }
            if let Some(max) = self.profile.receive_maximum {
                props.push(Property::ReceiveMaximum(max));
            }
            if self.profile.alias_maximum > 0 {
                props.push(Property::TopicAliasMaximum(self.profile.alias_maximum));
            }
        }
        let topic = self.profile.will.clone();
        self.will = topic
            .as_ref()
            .map(|topic| ledger.new_message(self.no, topic, 1, false));
        let payload = self.will.map(payload_of).unwrap_or_default();
        if let Some(will) = self.will {
            ledger.messages[will].will = true;
        }
        let none = PropertiesBuf::new();
        let will = topic.as_deref().map(|topic| Will {
            qos: QoS::AtLeastOnce,
            retain: false,
            topic,
            payload: &payload,
            props: none.as_props(),
        });
        let id = self.profile.id.clone();
        let connect = Connect {
            version: self.profile.version,
            bridge: false,
            clean,
            keep_alive: self.profile.keep_alive_s,
            props: props.as_props(),
            client_id: &id,
            will,
            user: None,
            password: None,
        };
        self.send(world, &Packet::Connect(connect));
        old
    }

    /// The will of the connection that is on, which is due when it breaks.
    pub fn will(&self) -> Option<MessageNo> {
        self.will.filter(|_| self.is_online())
    }

    /// Subscribes to one filter, again where the last answer was lost.
    pub fn subscribe(&mut self, world: &World, ledger: &mut Ledger, filter: &str, qos: u8) {
        if !self.is_online() {
            return;
        }
        ledger.subscribing(self.no, filter, qos, self.profile.persistent);
        let pid = self.free_pid();
        self.requests.insert(pid, Request::Subscribe(filter.into()));
        let options = SubOptions::with_qos(qos_of(qos));
        let (props, mut scratch) = (PropertiesBuf::new(), Vec::new());
        let built = Subscribe::build(pid, props.as_props(), &[(filter, options)], &mut scratch);
        if let Ok(packet) = built {
            self.send(world, &Packet::Subscribe(packet));
        }
    }

    pub fn unsubscribe(&mut self, world: &World, ledger: &mut Ledger, filter: &str) {
        if !self.is_online() {
            return;
        }
        ledger.unsubscribing(self.no, filter);
        let pid = self.free_pid();
        self.requests
            .insert(pid, Request::Unsubscribe(filter.into()));
        let (props, mut scratch) = (PropertiesBuf::new(), Vec::new());
        if let Ok(packet) = Unsubscribe::build(pid, props.as_props(), &[filter], &mut scratch) {
            self.send(world, &Packet::Unsubscribe(packet));
        }
    }

    /// True where it waits for a SUBACK or UNSUBACK.
    pub fn awaits_answer(&self) -> bool {
        !self.requests.is_empty()
    }

    /// Keeps the connection alive.
    pub fn ping_if_due(&mut self, world: &World) {
        let silent = world.now().ms - self.spoke_at_ms;
        if self.is_online() && self.keep_alive_ms > 0 && silent >= self.keep_alive_ms / 2 {
            self.ping(world);
        }
    }

    /// May be sent before CONNACK has come, and must be answered after it.
    pub fn ping(&mut self, world: &World) {
        if !self.is_off() {
            self.send(world, &Packet::Pingreq);
            self.pings += 1;
        }
    }

    /// Reads what has arrived, whole packets of it.
    pub fn read(&mut self, world: &World, ledger: &mut Ledger) {
        let Some(sock) = self.sock() else { return };
        self.buffer.extend(world.received(sock));
        let bytes = std::mem::take(&mut self.buffer);
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|r| !r.is_empty()) {
            match mqtt_codec::frame(rest, MAX_PACKET_SIZE) {
                Ok(Framed::Incomplete { .. }) => break,
                Ok(Framed::Packet { first, body, len }) => {
                    at += len;
                    match mqtt_codec::decode(self.profile.version, first, body) {
                        Ok(packet) => {
                            world.note(|| format!("{} < {packet:?}", self.profile.id));
                            self.on_packet(world, ledger, &packet);
                        }
                        Err(error) => self.fault(ledger, format!("cannot be decoded: {error}")),
                    }
                }
                Err(error) => {
                    self.fault(ledger, format!("is no packet: {error}"));
                    break;
                }
            }
        }
        if self.sock() == Some(sock) {
            self.buffer = bytes.get(at..).unwrap_or_default().to_vec();
            if world.ended(sock) {
                self.on_end(world, ledger, sock);
            }
        }
    }

    fn on_packet(&mut self, world: &World, ledger: &mut Ledger, packet: &Packet<'_>) {
        match packet {
            Packet::Connack(connack) => self.on_connack(world, ledger, connack),
            _ if !self.is_online() => self.fault(ledger, format!("before CONNACK: {packet:?}")),
            Packet::Publish(publish) => self.on_publish(ledger, publish),
            Packet::Pubrel(ack) => self.incoming.on_pubrel(ack.packet_id),
            Packet::Puback(ack) => self.on_puback(world, ledger, ack),
            Packet::Pubrec(ack) => self.on_pubrec(world, ledger, ack),
            Packet::Pubcomp(ack) => self.on_pubcomp(ledger, ack),
            Packet::Suback(suback) => self.on_suback(world, ledger, suback),
            Packet::Unsuback(unsuback) => self.on_unsuback(ledger, unsuback.packet_id),
            Packet::Pingresp => self.pings = self.pings.saturating_sub(1),
            Packet::Disconnect(disconnect) => {
                let taken = disconnect.reason == ReasonCode::SessionTakenOver && self.ghosts > 0;
                if !taken && !self.profile.may_be_closed {
                    self.fault(ledger, format!("{disconnect:?}"));
                }
            }
            _ => self.fault(ledger, format!("no server sends {packet:?}")),
        }
        self.pump(world, ledger);
    }

    fn on_connack(&mut self, world: &World, ledger: &mut Ledger, connack: &Connack<'_>) {
        let Link::Opening(sock) = self.link else {
            return self.fault(ledger, "a second CONNACK".into());
        };
        if connack.code != 0 {
            if !self.profile.may_be_closed {
                self.fault(ledger, format!("refused: {connack:?}"));
            }
            return;
        }
        self.link = Link::Online(sock);
        self.end_in_doubt = false;
        // MQTT 3.1 does not tell.
        let present = match self.profile.version {
            Version::V31 => self.has_session,
            _ => connack.session_present,
        };
        if self.has_session && !present && !self.profile.may_be_forgotten {
            self.fault(ledger, "its session is gone".into());
        }
        if self.opening_clean && connack.session_present {
            self.fault(ledger, "a session that it ended is back".into());
        }
        // A CONNECT of before may have begun a session without our knowing, so `present` is no fault.
        if !present {
            self.forget_session(ledger);
        }
        self.has_session = self.profile.persistent;
        let granted = connack
            .props
            .server_keep_alive()
            .unwrap_or(self.profile.keep_alive_s);
        self.keep_alive_ms = u64::from(granted) * 1000;
        let quota = connack.props.receive_maximum().unwrap_or(u16::MAX);
        self.outgoing
            .connected(if self.profile.version == Version::V5 {
                quota
            } else {
                40
            });
        self.pump(world, ledger);
    }

    /// There is no session of before any more.
    pub fn forget_session(&mut self, ledger: &mut Ledger) {
        ledger.session_ended(self.no);
        self.has_session = false;
        self.session += 1;
        self.outgoing.forget();
        self.incoming.forget();
    }

    fn on_suback(&mut self, world: &World, ledger: &mut Ledger, suback: &Suback<'_>) {
        match self.requests.remove(&suback.packet_id) {
            Some(Request::Subscribe(filter)) if suback.codes.iter().all(|c| *c < 0x80) => {
                let name = format!("{} {filter}", self.profile.id);
                let shared = filter.starts_with("$share/");
                let known = world.is_synced(name.as_bytes()) || self.profile.may_be_forgotten;
                if self.profile.persistent && !shared && !known {
                    self.fault(
                        ledger,
                        format!("{filter} was granted before it was durable"),
                    );
                }
                ledger.subscribed(self.no, &filter);
            }
            request => self.fault(ledger, format!("{suback:?} for {request:?}")),
        }
    }

    fn on_unsuback(&mut self, ledger: &mut Ledger, pid: u16) {
        match self.requests.remove(&pid) {
            Some(Request::Unsubscribe(filter)) => ledger.unsubscribed(self.no, &filter),
            request => self.fault(ledger, format!("UNSUBACK {pid} for {request:?}")),
        }
    }

    fn free_pid(&mut self) -> u16 {
        loop {
            self.next_pid = self.next_pid % 200 + 1;
            let pid = self.next_pid;
            if !self.requests.contains_key(&pid) && !self.outgoing.uses(pid) {
                return pid;
            }
        }
    }

    fn send(&mut self, world: &World, packet: &Packet<'_>) {
        let Some(sock) = self.sock() else { return };
        let mut out = Vec::new();
        if let Err(error) = mqtt_codec::encode(packet, self.profile.version, &mut out) {
            panic!("a simulated client made {packet:?}: {error}");
        }
        world.note(|| format!("{} > {packet:?}", self.profile.id));
        world.send(sock, &out);
        self.spoke_at_ms = world.now().ms;
    }

    fn fault(&self, ledger: &mut Ledger, mut text: String) {
        text.insert_str(0, &format!("{}: ", self.profile.id));
        ledger.fault(text);
    }
}

/// The payload of a message says which it is.
fn payload_of(message: MessageNo) -> Vec<u8> {
    format!("m{message} ").into_bytes()
}

/// Which message a payload is of; `None` where it is empty, or not of this scenario.
fn message_of(payload: &[u8]) -> Option<MessageNo> {
    let text = payload.strip_prefix(b"m")?;
    let end = text.iter().position(|b| *b == b' ')?;
    std::str::from_utf8(&text[..end]).ok()?.parse().ok()
}

fn qos_of(n: u8) -> QoS {
    QoS::from_bits(n).unwrap_or_default()
}
