//! A node in one thread: shards, a log that has everything durable one turn later, sockets that take everything, and
//! the clients at their other end. It counts what the shards do, and nothing of what is its own.

use crate::client;
use crate::meter::Meter;
use broker::auth::{AuthOutcome, AuthReply, Peer, Policy, Transport};
use broker::mail::Mail;
use broker::{ConnId, Limits, MqttSettings, Now, Settings, Shard, Shared, Turn};
use message::ShardId;
use message::record::Durable;
use mqtt_codec::{QoS, Version};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Feeds every hash of the node.
const SEED: u64 = 7;
const NOW: Now = Now {
    ms: 5_000,
    unix_ms: 1_700_000_000_000,
};

/// A client of the node, by its place in [`Node::clients`].
pub(crate) type ClientId = usize;

struct Client {
    shard: ShardId,
    conn: ConnId,
    version: Version,
    /// What it will send next.
    answers: Vec<u8>,
}

/// What happens to a shard in its next turn.
#[derive(Default)]
struct Inbox {
    durable: Option<u64>,
    mails: Vec<Mail>,
    auth: Vec<AuthReply>,
    touched: bool,
}

pub(crate) struct Node {
    shared: Arc<Shared>,
    shards: Vec<Shard>,
    inboxes: Vec<Inbox>,
    clients: Vec<Client>,
    by_conn: BTreeMap<(usize, ConnId), ClientId>,
    /// Clients that have something to answer.
    answering: Vec<ClientId>,
    turn: Turn,
    /// PUBLISH packets that clients have received.
    received: u32,
}

impl Node {
    pub(crate) fn new(shards: ShardId) -> Self {
        let shared = Arc::new(Shared::new(shards, SEED));
        let settings = Arc::new(Settings {
            limits: Limits::default(),
            mqtt: MqttSettings::default(),
            policy: Policy::AllowAll,
        });
        let shard = |id| Shard::new(id, Arc::clone(&shared), Arc::clone(&settings), SEED);
        Node {
            shards: (0..shards).map(shard).collect(),
            inboxes: (0..shards).map(|_| Inbox::default()).collect(),
            clients: Vec::new(),
            by_conn: BTreeMap::new(),
            answering: Vec::new(),
            turn: Turn::default(),
            received: 0,
            shared,
        }
    }

    /// A client whose session lives on this shard.
    pub(crate) fn connect(
        &mut self,
        shard: ShardId,
        version: Version,
        persistent: bool,
    ) -> ClientId {
        let client = self.open(shard, version);
        let name = (0..u32::MAX)
            .map(|n| format!("client-{client}-{n}"))
            .find(|name| self.shared.home_of(name) == shard)
            .expect("a shard is the home of some name");
        let connect = client::connect(version, &name, persistent);
        self.send(&Meter::OFF, client, &connect);
        client
    }

    /// A connection that says nothing yet.
    pub(crate) fn open(&mut self, shard: ShardId, version: Version) -> ClientId {
        let peer = Peer {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 1883,
            listener: 0,
            transport: Transport::Tcp,
            credential: None,
        };
        let at = usize::from(shard);
        let conn = self.shards[at].open(peer, NOW);
        let client = self.clients.len();
        self.clients.push(Client {
            shard,
            conn,
            version,
            answers: Vec::new(),
        });
        self.by_conn.insert((at, conn), client);
        client
    }

    pub(crate) fn subscribe(&mut self, client: ClientId, qos: QoS, filters: &[&str]) {
        let subscribe = client::subscribe(self.clients[client].version, qos, filters);
        self.send(&Meter::OFF, client, &subscribe);
    }

    /// The client is gone without a word.
    pub(crate) fn lose(&mut self, client: ClientId) {
        let Client { shard, conn, .. } = self.clients[client];
        self.shards[usize::from(shard)].on_closed(conn, "it is gone", NOW);
        self.inboxes[usize::from(shard)].touched = true;
        self.settle(&Meter::OFF);
    }

    /// The client's bytes come in one read; then turns until all is quiet. How many messages clients received.
    pub(crate) fn send(&mut self, meter: &Meter, client: ClientId, bytes: &[u8]) -> u32 {
        self.hand_in(meter, client, bytes);
        self.settle(meter);
        std::mem::take(&mut self.received)
    }

    fn hand_in(&mut self, meter: &Meter, client: ClientId, bytes: &[u8]) {
        let Client { shard, conn, .. } = self.clients[client];
        let at = usize::from(shard);
        meter.count(|| self.shards[at].on_bytes(conn, bytes, NOW));
        self.inboxes[at].touched = true;
    }

    fn settle(&mut self, meter: &Meter) {
        while self.inboxes.iter().any(|inbox| inbox.touched) {
            for at in 0..self.shards.len() {
                if std::mem::take(&mut self.inboxes[at].touched) {
                    self.hand_over(meter, at);
                    self.end_turn(meter, at);
                }
            }
            for client in std::mem::take(&mut self.answering) {
                let answers = std::mem::take(&mut self.clients[client].answers);
                self.hand_in(meter, client, &answers);
            }
        }
    }

    /// Ends a shard's turn and carries out what it says.
    fn end_turn(&mut self, meter: &Meter, at: usize) {
        let Node {
            shards,
            turn,
            inboxes,
            ..
        } = self;
        meter.count(|| shards[at].end_turn(NOW, turn));
        if let Some(last) = turn.ops.drain(..).next_back() {
            inboxes[at].durable = Some(last.seq);
            inboxes[at].touched = true;
        }
        for (to, mails) in turn.mails.drain(..) {
            let inbox = &mut inboxes[usize::from(to)];
            inbox.mails.extend(mails);
            inbox.touched = true;
        }
        for request in turn.auth.drain(..) {
            let outcome = AuthOutcome::Accept {
                user: None,
                data: None,
            };
            let conn = request.conn;
            inboxes[at].auth.push(AuthReply { conn, outcome });
            inboxes[at].touched = true;
        }
        assert!(
            turn.moves.is_empty(),
            "clients connect where they are at home"
        );
        assert!(turn.reads.is_empty(), "nothing is read from the log");
        turn.events.clear();
        turn.reading.clear();
        for conn in std::mem::take(&mut turn.dirty) {
            self.write(meter, at, conn);
        }
        for conn in std::mem::take(&mut self.turn.closing) {
            self.shards[at].release(conn);
        }
    }

    /// A client receives all that waits for it.
    fn write(&mut self, meter: &Meter, at: usize, conn: ConnId) {
        let shard = &mut self.shards[at];
        let sent = shard.outbox(conn);
        if let Some(&id) = self.by_conn.get(&(at, conn)) {
            let client = &mut self.clients[id];
            self.received += client::answer(client.version, sent, &mut client.answers);
            if !client.answers.is_empty() {
                self.answering.push(id);
            }
        }
        let n = sent.len();
        meter.count(|| shard.wrote(conn, n, NOW));
        self.inboxes[at].touched = true;
    }

    /// What the shard is told by the log, other shards and the authenticator.
    fn hand_over(&mut self, meter: &Meter, at: usize) {
        let inbox = &mut self.inboxes[at];
        let (durable, mails, auth) = (
            inbox.durable.take(),
            std::mem::take(&mut inbox.mails),
            std::mem::take(&mut inbox.auth),
        );
        let shard = &mut self.shards[at];
        meter.count(|| {
            if let Some(upto) = durable {
                shard.on_durable(&Durable::all(at as ShardId, upto), NOW);
            }
            for mail in mails {
                shard.on_mail(mail, NOW);
            }
            for reply in auth {
                shard.on_auth(reply, NOW);
            }
        });
    }
}
