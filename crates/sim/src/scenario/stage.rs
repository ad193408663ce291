//! The stage: a world, the clients on it, and the ledger of what they say.

use crate::client::{Client, Profile};
use crate::ledger::Ledger;
use crate::oracle;
use crate::rng::Rng;
use crate::world::{Config, Keep, Sock, World};
use broker::Settings;
use store::Folded;

/// Rounds after which everybody should have got what is owed.
const MAX_ROUNDS: usize = 5000;

pub struct Stage {
    /// The node's, as they were made.
    pub settings: Settings,
    pub world: World,
    pub ledger: Ledger,
    pub clients: Vec<Client>,
    /// What each client wants to be subscribed to.
    pub wishes: Vec<Vec<(String, u8)>>,
    pub rng: Rng,
    /// Clients subscribe to what they want as soon as they can.
    pub eager: bool,
    /// Connections that were left behind open, when another one took over.
    pub forsaken: Vec<Sock>,
}

impl Stage {
    pub fn new(config: &Config) -> Self {
        let world = World::new(config);
        Stage {
            settings: config.settings.clone(),
            rng: world.rng(),
            world,
            ledger: Ledger::default(),
            clients: Vec::new(),
            wishes: Vec::new(),
            eager: true,
            forsaken: Vec::new(),
        }
    }

    /// Adds a client that wants these subscriptions; its number.
    pub fn add(&mut self, profile: Profile, wishes: &[(&str, u8)]) -> usize {
        let no = self.clients.len();
        self.clients.push(Client::new(no, profile));
        self.wishes.push(
            wishes
                .iter()
                .map(|(filter, qos)| ((*filter).into(), *qos))
                .collect(),
        );
        no
    }

    pub fn connect(&mut self, no: usize, clean: bool) {
        let old = self.clients[no].connect(&self.world, &mut self.ledger, clean);
        self.forsaken.extend(old);
        for _ in 0..self.rng.below(3) {
            self.clients[no].ping(&self.world);
        }
    }

    pub fn cut(&mut self, no: usize) {
        self.clients[no].cut(&self.world, &mut self.ledger);
    }

    /// The node dies, with some of what was not synced.
    pub fn crash(&mut self) {
        self.world.crash(Keep::Some);
        self.died();
    }

    /// The node has died; clients read what still reaches them.
    pub fn died(&mut self) {
        self.world.settle();
        for client in &mut self.clients {
            client.node_died(&self.world, &mut self.ledger);
        }
        self.forsaken.clear();
        self.ledger.crashed();
    }

    /// The client reads, subscribes to what it wants, keeps itself alive.
    pub fn tend(&mut self, no: usize) {
        let client = &mut self.clients[no];
        client.read(&self.world, &mut self.ledger);
        client.ping_if_due(&self.world);
        if !client.is_online() || client.awaits_answer() {
            return;
        }
        if !self.eager && !self.rng.chance(20) {
            return;
        }
        for (filter, qos) in self.wishes[no].clone() {
            let known = self.ledger.subscription(no, &filter);
            let has = known.is_some_and(|s| s.acked_at.is_some() && s.left_at.is_none());
            if !has {
                self.clients[no].subscribe(&self.world, &mut self.ledger, &filter, qos);
            }
        }
    }

    pub fn acknowledge_one(&mut self, no: usize) {
        self.clients[no].acknowledge_one(&self.world, &mut self.ledger);
    }

    /// Everybody connects, reads and answers until nothing moves any more.
    pub fn come_to_rest(&mut self) {
        self.eager = true;
        self.world.hold_log(false);
        self.world.hold_reads(false);
        self.world.fill_disk(false);
        for sock in std::mem::take(&mut self.forsaken) {
            self.world.cut(sock);
        }
        for round in 0..MAX_ROUNDS {
            // What is held back goes on at a trickle, which needs time.
            if round % 2 == 1 {
                self.world.advance(50)
            } else {
                self.world.settle()
            };
            let before = (self.world.hash(), self.ledger.tick());
            for no in 0..self.clients.len() {
                if let Some(sock) = self.clients[no].sock() {
                    self.world.stall(sock, false);
                    self.world.slow(sock, 1 << 20, 1 << 20);
                }
                if self.clients[no].is_off() {
                    self.connect(no, false);
                }
                self.tend(no);
                while self.clients[no].owes() > 0 {
                    self.acknowledge_one(no);
                }
            }
            if self.clients.iter().all(Client::is_idle) && self.rests(before.1) {
                return;
            }
        }
        let busy: Vec<_> = self.clients.iter().filter(|c| !c.is_idle()).collect();
        let busy: Vec<_> = busy
            .iter()
            .map(|c| {
                format!(
                    "{} (online {}, unacknowledged {})",
                    c.profile.id,
                    c.is_online(),
                    c.unacknowledged()
                )
            })
            .collect();
        self.ledger
            .fault(format!("the clients do not come to rest: {busy:?}"));
    }

    /// Everybody who is connected reads and answers until all that was sent has been taken.
    pub fn catch_up(&mut self) {
        for _ in 0..100 {
            self.world.settle();
            for no in 0..self.clients.len() {
                self.tend(no);
                while self.clients[no].owes() > 0 {
                    self.acknowledge_one(no);
                }
            }
            if !self.world.step() && self.clients.iter().all(Client::is_idle) {
                return;
            }
        }
    }

    /// True where a while brings nothing new to anybody.
    fn rests(&mut self, before: u64) -> bool {
        self.world.advance(500);
        for no in 0..self.clients.len() {
            self.tend(no);
        }
        self.ledger.tick() == before + 2 - 1 && self.clients.iter().all(Client::is_idle)
    }

    /// Comes to rest, then asks the oracle, and whether the log has kept anything that nobody needs.
    pub fn judge(&mut self) {
        self.come_to_rest();
        self.ledger.faults.extend(oracle::judge(&self.ledger));
        self.check_log();
        self.ledger.faults.extend(self.world.wrong_levels());
        self.check_queues();
    }

    /// Nothing waits for anybody any more, and the shards' levels say so.
    fn check_queues(&mut self) {
        let counts = self.world.counts();
        let levels = (
            counts.queued_messages,
            counts.queued_bytes,
            counts.in_flight,
        );
        if levels != (0, 0, 0) {
            let text = format!("queued messages, bytes, and in flight at rest: {levels:?}");
            self.ledger.fault(text);
        }
    }

    fn check_log(&mut self) {
        let mut kept = Vec::new();
        self.world.log(|log| {
            let looked = log.scan(&mut |item| match item {
                Folded::Message(live) if !live.waiting.is_empty() || live.qos2_id.is_some() => {
                    kept.push(format!("{live:?}"));
                }
                Folded::Row(row @ message::record::Row::Inflight { .. }) => {
                    kept.push(format!("{row:?}"))
                }
                _ => {}
            });
            assert!(looked.is_ok(), "the log cannot be read");
        });
        if !kept.is_empty() {
            self.ledger
                .fault(format!("the log keeps for ever: {}", kept.join(", ")));
        }
    }
}
