//! What the threads of a node reach each other by.
//!
//! Made once at start and shared by `Arc`. Each part has its own lock or none; no two are ever held
//! at once.

use crate::admission::Admission;
use crate::clock::Clock;
use crate::entrance::Entrances;
use crate::inbox::Inbox;
use crate::log_thread::LogInbox;
use crate::login::LoginDesk;
use crate::watchdog::Pulse;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

/// What the node's owner is told.
#[derive(Debug)]
pub(crate) enum Event {
    Signal(i32),
    /// A shard that was told to shut down has no connection left.
    Drained,
    /// A thread cannot go on: the process must end.
    Failed(String),
}

/// See the module.
pub(crate) struct Wiring {
    pub(crate) clock: Clock,
    pub(crate) shards: Vec<Arc<Inbox>>,
    /// By the number of the shard.
    pub(crate) pulse: Vec<Pulse>,
    pub(crate) log: LogInbox,
    pub(crate) desk: LoginDesk,
    pub(crate) admission: Admission,
    pub(crate) entrances: Entrances,
    pub(crate) events: SyncSender<Event>,
    /// The URLs that are listened on, by the number of the listener.
    pub(crate) urls: Vec<String>,
}

impl Wiring {
    /// The URL of a listener, for the log.
    pub(crate) fn listener(&self, number: u16) -> &str {
        self.urls.get(usize::from(number)).map_or("", |url| url)
    }

    /// Tells the node's owner, without waiting. Where nobody listens any more, or nobody has for very
    /// long, the node is ending anyway.
    pub(crate) fn tell(&self, event: Event) {
        let _ = self.events.try_send(event);
    }
}
