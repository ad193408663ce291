//! What a connection passes on its way in, by listener: a proxy's header, TLS, the WebSocket upgrade.
//!
//! Made at start and shared by all threads. Only the TLS terms and the deadline change, at a reload;
//! each has its own small lock or atomic, touched once for a connection and never in the data path.

use crate::config::{Config, Listener, Network};
use crate::tls::{Begun, Terms};
use crate::websocket::Upgrade;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The entrance of one listener.
pub(crate) struct Entrance {
    /// Where those are whose word on a client's address is taken.
    proxies: Vec<Network>,
    /// `None` where no TLS is spoken.
    terms: Option<Mutex<Arc<Terms>>>,
    /// `None` where no WebSocket is spoken.
    pub(crate) upgrade: Option<Arc<Upgrade>>,
    named_by_certificate: bool,
}

impl Entrance {
    fn new(listener: &Listener, terms: Option<Arc<Terms>>) -> Self {
        Entrance {
            proxies: listener.proxy_protocol.clone(),
            terms: terms.map(Mutex::new),
            upgrade: Upgrade::of(listener),
            named_by_certificate: listener.identity.is_some(),
        }
    }

    /// True where a connection from here must begin with a PROXY header.
    pub(crate) fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|n| n.contains(address))
    }

    /// The address that a connection is counted by before anything of it is read: none of its own
    /// for a proxy's, until its header tells.
    pub(crate) fn counted(&self, address: IpAddr) -> IpAddr {
        if self.is_proxy(address) {
            Ipv4Addr::LOCALHOST.into()
        } else {
            address
        }
    }

    /// Begins TLS by the terms of now; `None` where the listener has none.
    pub(crate) fn begin_tls(&self) -> Result<Option<Begun>, rustls::Error> {
        let Some(terms) = &self.terms else {
            return Ok(None);
        };
        let terms = terms.lock().unwrap_or_else(PoisonError::into_inner).clone();
        terms.begin().map(Some)
    }

    /// The TLS of now, for a listener that is not a shard's.
    pub(crate) fn tls_config(&self) -> Option<Arc<rustls::ServerConfig>> {
        let terms = self.terms.as_ref()?;
        Some(
            terms
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .config(),
        )
    }

    /// True where the name in a certificate is of interest.
    pub(crate) fn named_by_certificate(&self) -> bool {
        self.named_by_certificate
    }
}

/// The entrances of a node, by the number of the listener.
pub(crate) struct Entrances {
    entrances: Vec<Entrance>,
    timeout_ms: AtomicU64,
}

impl Entrances {
    pub(crate) fn new(config: &Config) -> Self {
        let listeners = config.listeners.iter().zip(config.tls_terms());
        Entrances {
            entrances: listeners
                .map(|(listener, terms)| Entrance::new(listener, terms.clone()))
                .collect(),
            timeout_ms: AtomicU64::new(config.values.server_limits.tls_handshake_timeout_ms),
        }
    }

    pub(crate) fn get(&self, listener: u16) -> Option<&Entrance> {
        self.entrances.get(usize::from(listener))
    }

    /// How long a connection may take to come through.
    pub(crate) fn timeout_ms(&self) -> u64 {
        self.timeout_ms.load(Ordering::Relaxed)
    }

    /// Handshakes that begin from here on go by `config`; what has begun goes on as it is.
    pub(crate) fn reload(&self, config: &Config) {
        let timeout_ms = config.values.server_limits.tls_handshake_timeout_ms;
        self.timeout_ms.store(timeout_ms, Ordering::Relaxed);
        for (entrance, terms) in self.entrances.iter().zip(config.tls_terms()) {
            if let (Some(current), Some(new)) = (&entrance.terms, terms) {
                *current.lock().unwrap_or_else(PoisonError::into_inner) = new.clone();
            }
        }
    }
}
