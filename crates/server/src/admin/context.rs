//! What all requests share: the way to the shards, who may come in, what the configuration says now.
//!
//! Made with the node. What a reload changes is replaced as a whole behind a small lock that is never
//! held while anything is waited for; the rest never changes.

use super::access::Access;
use super::problem::Problem;
use super::shards::Shards;
use crate::config::{AdminLimits, Bound, Config, Durability, Listener};
use crate::wiring::Wiring;
use broker::Shared;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Lists that are made at one time: each holds rows, and each asks shards. More wait.
const MAX_SCANS: usize = 2;

/// How far the node has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Stage {
    Starting,
    Serving,
    Stopping,
}

/// What the configuration says, as of the last reload.
pub(super) struct Terms {
    pub(super) bounds: Vec<Bound>,
    pub(super) limits: AdminLimits,
    pub(super) max_topic_bytes: usize,
    pub(super) public_metrics: bool,
    pub(super) sys_interval_s: u32,
}

impl Terms {
    fn new(config: &Config) -> Self {
        Terms {
            bounds: config.bounds(),
            limits: config.values.admin_limits.clone(),
            max_topic_bytes: config.values.limits.max_topic_bytes,
            public_metrics: config.values.public_metrics,
            sys_interval_s: config.values.sys_interval_s,
        }
    }
}

/// See the module.
pub(crate) struct Context {
    pub(super) wiring: Arc<Wiring>,
    pub(super) shared: Arc<Shared>,
    pub(super) shards: Shards,
    pub(super) access: Access,
    /// In the order of the configuration, each with the URL that it is bound to.
    pub(super) listeners: Vec<(Listener, String)>,
    /// Clients without a name are let in, by listener.
    pub(super) anonymous: Vec<bool>,
    pub(super) durability: Durability,
    pub(super) started_unix_ms: u64,
    /// Connections of operators, by listener.
    visitors: Vec<AtomicUsize>,
    scans: Semaphore,
    terms: Mutex<Arc<Terms>>,
    stage: AtomicU8,
}

impl Context {
    pub(crate) fn new(
        config: &Config,
        wiring: Arc<Wiring>,
        shared: Arc<Shared>,
        access: Access,
    ) -> Self {
        let listeners = config.listeners.iter().cloned();
        Context {
            shards: Shards::new(wiring.clone()),
            shared,
            access,
            listeners: listeners.zip(wiring.urls.iter().cloned()).collect(),
            anonymous: config.anonymous_listeners(),
            durability: config.values.durability,
            started_unix_ms: wiring.clock.now().unix_ms,
            visitors: wiring.urls.iter().map(|_| AtomicUsize::new(0)).collect(),
            scans: Semaphore::new(MAX_SCANS),
            terms: Mutex::new(Arc::new(Terms::new(config))),
            stage: AtomicU8::new(Stage::Starting as u8),
            wiring,
        }
    }

    /// A reload: requests that begin from here on go by `config`.
    pub(crate) fn reload(&self, config: &Config) {
        *self.terms.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(Terms::new(config));
        let tokens = config.api_tokens.clone();
        self.access
            .reload(&config.values.data_dir, tokens, self.wiring.clock.ms());
    }

    pub(super) fn terms(&self) -> Arc<Terms> {
        let terms = self.terms.lock();
        terms.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn stage(&self) -> Stage {
        match self.stage.load(Ordering::SeqCst) {
            0 => Stage::Starting,
            1 => Stage::Serving,
            _ => Stage::Stopping,
        }
    }

    pub(crate) fn enter(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::SeqCst);
    }

    /// Waits until another list may be made.
    pub(super) async fn scan_turn(&self) -> Result<SemaphorePermit<'_>, Problem> {
        let turn = self.scans.acquire().await;
        turn.map_err(|_| Problem::unavailable("the broker is stopping"))
    }

    /// Open connections of a listener, by its number.
    pub(super) fn connections_at(&self, listener: usize) -> usize {
        let operators = self.visitors.get(listener);
        let operators = operators.map_or(0, |n| n.load(Ordering::Relaxed));
        operators + self.wiring.admission.at(listener)
    }

    /// Counts an operator's connection for as long as what this returns is held.
    pub(super) fn visitor(self: &Arc<Self>, listener: u16) -> Visitor {
        let visitor = Visitor(self.clone(), usize::from(listener));
        if let Some(n) = visitor.counter() {
            n.fetch_add(1, Ordering::Relaxed);
        }
        visitor
    }
}

/// An operator's connection, counted.
pub(super) struct Visitor(Arc<Context>, usize);

impl Visitor {
    fn counter(&self) -> Option<&AtomicUsize> {
        self.0.visitors.get(self.1)
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        if let Some(n) = self.counter() {
            n.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
