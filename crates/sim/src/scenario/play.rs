//! Play: many small acts of clients and world, in an order that the seed decides.

use super::Stage;

/// What happens how often. Shares are relative to each other, except where a percentage is named.
#[derive(Clone, Debug)]
pub struct Mix {
    pub read: u32,
    pub acknowledge: u32,
    pub publish: u32,
    pub connect: u32,
    pub cut: u32,
    pub goodbye: u32,
    /// Connects again without ending the old connection.
    pub takeover: u32,
    /// Percentage of connects that end the session of before.
    pub clean: u32,
    pub stall: u32,
    pub unsubscribe: u32,
    pub hold_log: u32,
    /// The log stops reading bodies, or goes on.
    pub hold_reads: u32,
    /// Lets up to `tick_ms` pass.
    pub tick: u32,
    pub tick_ms: usize,
    /// Sets the wall clock.
    pub jump: u32,
    /// An operator closes a client's connection, or ends its session.
    pub kick: u32,
    pub delete_session: u32,
    /// The disk runs full, or has room again.
    pub fill_disk: u32,
    /// Of the publishes: topics, qualities, percentage retained, and of those the ones that clear.
    pub topics: Vec<String>,
    pub qos: Vec<u8>,
    pub retain: u32,
    pub clear: u32,
    pub max_size: usize,
    /// Clients that publish; all where it is empty.
    pub publishers: Vec<usize>,
    /// Clients that trouble never meets.
    pub calm: Vec<usize>,
    /// Clients that may be cut, but neither unsubscribe nor end their sessions.
    pub loyal: Vec<usize>,
}

impl Default for Mix {
    fn default() -> Self {
        Mix {
            read: 40,
            acknowledge: 40,
            publish: 25,
            connect: 10,
            cut: 0,
            goodbye: 0,
            takeover: 0,
            clean: 0,
            stall: 0,
            unsubscribe: 0,
            hold_log: 0,
            hold_reads: 0,
            tick: 0,
            tick_ms: 50,
            jump: 0,
            kick: 0,
            delete_session: 0,
            fill_disk: 0,
            topics: vec!["t/1".into(), "t/2".into(), "u/1".into()],
            qos: vec![0, 1, 2],
            retain: 0,
            clear: 30,
            max_size: 40,
            publishers: Vec::new(),
            calm: Vec::new(),
            loyal: Vec::new(),
        }
    }
}

#[derive(Clone, Copy)]
enum Act {
    Read,
    Acknowledge,
    Publish,
    Connect,
    Cut,
    Goodbye,
    Takeover,
    Stall,
    Unsubscribe,
    HoldLog,
    HoldReads,
    Tick,
    Jump,
    Kick,
    DeleteSession,
    FillDisk,
}

impl Mix {
    fn shares(&self) -> [(Act, u32); 16] {
        [
            (Act::Read, self.read),
            (Act::Acknowledge, self.acknowledge),
            (Act::Publish, self.publish),
            (Act::Connect, self.connect),
            (Act::Cut, self.cut),
            (Act::Goodbye, self.goodbye),
            (Act::Takeover, self.takeover),
            (Act::Stall, self.stall),
            (Act::Unsubscribe, self.unsubscribe),
            (Act::HoldLog, self.hold_log),
            (Act::HoldReads, self.hold_reads),
            (Act::Tick, self.tick),
            (Act::Jump, self.jump),
            (Act::Kick, self.kick),
            (Act::DeleteSession, self.delete_session),
            (Act::FillDisk, self.fill_disk),
        ]
    }
}

impl Stage {
    /// Plays so many acts, with steps of the world in between.
    pub fn play(&mut self, mix: &Mix, acts: usize) {
        self.eager = false;
        let shares = mix.shares();
        let total: u32 = shares.iter().map(|(_, share)| share).sum();
        for _ in 0..acts {
            for _ in 0..self.rng.below(6) {
                self.world.step();
            }
            let mut at = self.rng.below(total as usize) as u32;
            let act = shares.iter().find(|(_, share)| {
                let here = at < *share;
                at = at.saturating_sub(*share);
                here
            });
            if let Some((act, _)) = act {
                self.act(*act, mix);
            }
            if self.world.has_fallen() {
                self.died();
            }
            if !self.ledger.faults.is_empty() {
                return;
            }
        }
    }

    fn act(&mut self, act: Act, mix: &Mix) {
        let no = self.rng.below(self.clients.len());
        let troubled = !mix.calm.contains(&no);
        let fickle = troubled && !mix.loyal.contains(&no);
        match act {
            Act::Read => self.tend(no),
            Act::Acknowledge => self.acknowledge_one(no),
            Act::Publish => self.publish_some(mix),
            Act::Connect if self.clients[no].is_off() => {
                let clean = fickle && self.rng.chance(mix.clean);
                self.connect(no, clean);
            }
            Act::Takeover if troubled => self.connect(no, false),
            Act::Cut if troubled => match self.forsaken.pop() {
                Some(sock) if self.rng.chance(50) => self.world.cut(sock),
                _ => self.cut(no),
            },
            Act::Goodbye if troubled => {
                self.clients[no].disconnect(&self.world, &mut self.ledger);
            }
            Act::Stall if troubled => {
                if let Some(sock) = self.clients[no].sock() {
                    let (rate, window) = (self.rng.range(1, 100), self.rng.range(1, 500));
                    self.world.slow(sock, rate, window);
                    self.world.stall(sock, self.rng.chance(50));
                }
            }
            Act::Unsubscribe if fickle && !self.clients[no].awaits_answer() => {
                if let Some((filter, _)) = self.wishes[no].first().cloned() {
                    self.clients[no].unsubscribe(&self.world, &mut self.ledger, &filter);
                }
            }
            Act::HoldLog => {
                let held = self.rng.chance(50);
                self.world.hold_log(held);
            }
            Act::HoldReads => {
                let held = self.rng.chance(50);
                self.world.hold_reads(held);
            }
            Act::Tick => {
                let ms = self.rng.below(mix.tick_ms + 1);
                self.world.tick(ms as u64);
            }
            Act::Jump => {
                let by = self
                    .rng
                    .pick(&[3_600_000, -3_600_000, 86_400_000, -86_400_000]);
                self.world.jump_clock(by);
            }
            Act::FillDisk => {
                let full = self.rng.chance(60);
                self.world.fill_disk(full);
            }
            Act::Kick if troubled => self.kick(no),
            Act::DeleteSession if fickle => self.delete_session(no),
            _ => {}
        }
    }

    fn publish_some(&mut self, mix: &Mix) {
        let no = match mix.publishers[..] {
            [] => self.rng.below(self.clients.len()),
            ref some => self.rng.pick(some),
        };
        // `{}` in a topic stands for the publisher.
        let topic = mix.topics[self.rng.below(mix.topics.len())].replace("{}", &no.to_string());
        let qos = self.rng.pick(&mix.qos);
        let retain = self.rng.chance(mix.retain);
        let clears = retain && self.rng.chance(mix.clear);
        let size = if clears {
            0
        } else {
            self.rng.range(1, mix.max_size)
        };
        self.clients[no].publish(&self.world, &mut self.ledger, &topic, qos, retain, size);
    }

    /// Everybody connects and subscribes, before trouble begins.
    pub fn begin(&mut self) {
        for no in 0..self.clients.len() {
            self.connect(no, false);
        }
        for _ in 0..4 {
            self.world.settle();
            for no in 0..self.clients.len() {
                self.tend(no);
            }
        }
    }
}
