//! The ledger: what simulated clients said and were told, in the order in which they did.
//!
//! Written by clients, read by the oracle. Times are a count of entries, so "before" means that a
//! client knew.

/// A client of the scenario, by its place.
pub type ClientNo = usize;
/// A message, by its place in [`Ledger::messages`]; its payload says it too.
pub type MessageNo = usize;

#[derive(Clone, Debug)]
pub struct Message {
    pub publisher: ClientNo,
    pub topic: String,
    pub qos: u8,
    pub retain: bool,
    /// A retained message with an empty payload.
    pub clears: bool,
    pub will: bool,
    /// It is a will whose client has lost its connection.
    pub due: bool,
    /// First sent; a will: when it was announced.
    pub sent_at: u64,
    pub last_sent_at: u64,
    pub sends: u32,
    /// PUBACK, or PUBREC, without an error.
    pub acked_at: Option<u64>,
    /// Its record was durable when it was acknowledged.
    pub acked_synced: bool,
    pub refused: bool,
}

#[derive(Clone, Debug)]
pub struct Subscription {
    pub client: ClientNo,
    pub filter: String,
    pub qos: u8,
    pub asked_at: u64,
    /// How many times it was asked for.
    pub asks: usize,
    pub acked_at: Option<u64>,
    /// UNSUBSCRIBE was sent, or the session may have ended.
    pub left_at: Option<u64>,
    /// UNSUBACK came, or a CONNACK without the session.
    pub gone_at: Option<u64>,
    /// It ended with its session.
    pub session_ended: bool,
    pub durable: bool,
}

#[derive(Clone, Debug)]
pub struct Delivery {
    pub client: ClientNo,
    pub message: MessageNo,
    pub qos: u8,
    pub dup: bool,
    pub retain: bool,
    pub at: u64,
    /// Counts the client's connections, and its sessions.
    pub connection: u32,
    pub session: u32,
    /// That session outlives its connections.
    pub durable: bool,
    /// PUBACK or PUBREC was sent.
    pub acked: bool,
}

#[derive(Default)]
pub struct Ledger {
    clock: u64,
    pub messages: Vec<Message>,
    pub subscriptions: Vec<Subscription>,
    pub deliveries: Vec<Delivery>,
    /// When the node died.
    pub crashes: Vec<u64>,
    /// What must never happen, and did.
    pub faults: Vec<String>,
}

impl Ledger {
    /// The time of a new entry.
    pub fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    pub fn crashed(&mut self) {
        let at = self.tick();
        self.crashes.push(at);
    }

    /// The node has died since the message was first sent.
    pub fn crashed_since(&self, message: &Message) -> bool {
        self.crashes.iter().any(|at| *at > message.sent_at)
    }

    /// The session that got this ended with the node, before the message was acknowledged: both the
    /// message and its receiver were forgotten.
    pub fn forgotten(&self, delivery: &Delivery) -> bool {
        let acked = self.messages[delivery.message].acked_at.unwrap_or(u64::MAX);
        let between = |at: &u64| delivery.at < *at && *at < acked;
        !delivery.durable && self.crashes.iter().any(between)
    }

    pub fn fault(&mut self, text: String) {
        self.faults.push(text);
    }

    pub fn new_message(
        &mut self,
        publisher: ClientNo,
        topic: &str,
        qos: u8,
        retain: bool,
    ) -> MessageNo {
        let sent_at = self.tick();
        self.messages.push(Message {
            publisher,
            topic: topic.into(),
            qos,
            retain,
            clears: false,
            will: false,
            due: false,
            sent_at,
            last_sent_at: sent_at,
            sends: 1,
            acked_at: None,
            acked_synced: false,
            refused: false,
        });
        self.messages.len() - 1
    }

    pub fn sent_again(&mut self, message: MessageNo) {
        let at = self.tick();
        let message = &mut self.messages[message];
        message.last_sent_at = at;
        message.sends += 1;
    }

    pub fn acknowledged(&mut self, message: MessageNo, synced: bool) {
        let at = self.tick();
        let message = &mut self.messages[message];
        if message.acked_at.is_none() {
            message.acked_at = Some(at);
            message.acked_synced = synced;
        }
    }

    /// The subscription that is open, or may be.
    pub fn subscription(&mut self, client: ClientNo, filter: &str) -> Option<&mut Subscription> {
        let open =
            |s: &&mut Subscription| s.client == client && s.filter == filter && s.gone_at.is_none();
        self.subscriptions.iter_mut().rev().find(open)
    }

    pub fn subscribing(&mut self, client: ClientNo, filter: &str, qos: u8, durable: bool) {
        let asked_at = self.tick();
        if let Some(known) = self
            .subscription(client, filter)
            .filter(|s| s.left_at.is_none())
        {
            known.asks += 1;
            return;
        }
        self.subscriptions.push(Subscription {
            client,
            filter: filter.into(),
            qos,
            asked_at,
            asks: 1,
            acked_at: None,
            left_at: None,
            gone_at: None,
            session_ended: false,
            durable,
        });
    }

    pub fn subscribed(&mut self, client: ClientNo, filter: &str) {
        let at = self.tick();
        if let Some(s) = self.subscription(client, filter) {
            s.acked_at.get_or_insert(at);
        }
    }

    pub fn unsubscribing(&mut self, client: ClientNo, filter: &str) {
        let at = self.tick();
        if let Some(s) = self.subscription(client, filter) {
            s.left_at.get_or_insert(at);
        }
    }

    pub fn unsubscribed(&mut self, client: ClientNo, filter: &str) {
        let at = self.tick();
        let mine =
            |s: &&mut Subscription| s.client == client && s.filter == filter && s.left_at.is_some();
        for s in self.subscriptions.iter_mut().filter(mine) {
            s.gone_at.get_or_insert(at);
        }
    }

    /// The client's session may end from now on.
    pub fn session_ends(&mut self, client: ClientNo) {
        let at = self.tick();
        for s in self.subscriptions.iter_mut().filter(|s| s.client == client) {
            s.left_at.get_or_insert(at);
            // Also of one that was left before: what it was still owed ends too.
            s.session_ended = true;
        }
    }

    /// The client was told that there is no session of before.
    pub fn session_ended(&mut self, client: ClientNo) {
        self.session_ends(client);
        let at = self.tick();
        for s in self.subscriptions.iter_mut().filter(|s| s.client == client) {
            s.gone_at.get_or_insert(at);
        }
    }
}
