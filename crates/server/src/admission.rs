//! Who may have how many connections.
//!
//! One small lock, taken at accept, at a login's success and at a close; never in the data path, and
//! never together with another. Loopback counts in the total alone.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Bounds on connections; "unlimited" is the highest value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionLimits {
    pub(crate) max_connections: usize,
    pub(crate) max_connections_per_ip: usize,
    pub(crate) max_unauthenticated_per_ip: usize,
    /// Of each listener, by its number.
    pub(crate) listeners: Vec<usize>,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        ConnectionLimits {
            max_connections: usize::MAX,
            max_connections_per_ip: 1000,
            max_unauthenticated_per_ip: 64,
            listeners: Vec::new(),
        }
    }
}

/// Why a connection was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Refusal {
    Total,
    Listener,
    PerAddress,
    Unauthenticated,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::Total => "limits.max_connections is reached",
            Refusal::Listener => "max_connections of the listener is reached",
            Refusal::PerAddress => "limits.max_connections_per_ip is reached",
            Refusal::Unauthenticated => "limits.max_unauthenticated_per_ip is reached",
        })
    }
}

#[derive(Clone, Copy, Default)]
struct Counts {
    total: usize,
    unauthenticated: usize,
}

struct Table {
    limits: ConnectionLimits,
    total: usize,
    /// Of each listener that was ever used.
    by_listener: Vec<usize>,
    /// Addresses that have a connection: at most as many as there are connections.
    by_address: HashMap<IpAddr, Counts>,
}

impl Table {
    /// Counts a connection of an address in, or says why not.
    fn count(&mut self, address: IpAddr) -> Result<(), Refusal> {
        let Some(address) = counted(address) else {
            return Ok(());
        };
        // An entry that is made here has no count yet, so it is refused only by a limit of 0.
        let counts = self.by_address.entry(address).or_default();
        if counts.total >= self.limits.max_connections_per_ip {
            return Err(Refusal::PerAddress);
        }
        if counts.unauthenticated >= self.limits.max_unauthenticated_per_ip {
            return Err(Refusal::Unauthenticated);
        }
        counts.total += 1;
        counts.unauthenticated += 1;
        Ok(())
    }
}

/// The connections of a node, counted.
pub(crate) struct Admission(Mutex<Table>);

impl Admission {
    pub(crate) fn new(limits: ConnectionLimits) -> Self {
        let by_address = HashMap::new();
        Admission(Mutex::new(Table {
            limits,
            total: 0,
            by_listener: Vec::new(),
            by_address,
        }))
    }

    /// New limits hold for those who come from here on.
    pub(crate) fn set_limits(&self, limits: ConnectionLimits) {
        self.lock().limits = limits;
    }

    /// Counts a new connection in, not authenticated yet, or says why not.
    pub(crate) fn enter(&self, listener: u16, address: IpAddr) -> Result<(), Refusal> {
        let mut guard = self.lock();
        let table = &mut *guard;
        let limits = &table.limits;
        if table.total >= limits.max_connections {
            return Err(Refusal::Total);
        }
        let listener = usize::from(listener);
        if table.by_listener.len() <= listener {
            table.by_listener.resize(listener + 1, 0);
        }
        let at_listener = table.by_listener[listener];
        if limits
            .listeners
            .get(listener)
            .is_some_and(|max| at_listener >= *max)
        {
            return Err(Refusal::Listener);
        }
        table.count(address)?;
        table.by_listener[listener] += 1;
        table.total += 1;
        Ok(())
    }

    /// A connection that had no address of its own has this one now, not authenticated yet.
    pub(crate) fn appear(&self, address: IpAddr) -> Result<(), Refusal> {
        self.lock().count(address)
    }

    /// The client of a connection has been authenticated.
    pub(crate) fn authenticated(&self, address: IpAddr) {
        let Some(address) = counted(address) else {
            return;
        };
        if let Some(counts) = self.lock().by_address.get_mut(&address) {
            counts.unauthenticated = counts.unauthenticated.saturating_sub(1);
        }
    }

    /// A connection has gone.
    pub(crate) fn leave(&self, listener: u16, address: IpAddr, authenticated: bool) {
        let mut table = self.lock();
        table.total = table.total.saturating_sub(1);
        if let Some(n) = table.by_listener.get_mut(usize::from(listener)) {
            *n = n.saturating_sub(1);
        }
        let Some(address) = counted(address) else {
            return;
        };
        if let Some(counts) = table.by_address.get_mut(&address) {
            counts.total = counts.total.saturating_sub(1);
            if !authenticated {
                counts.unauthenticated = counts.unauthenticated.saturating_sub(1);
            }
            if counts.total == 0 {
                table.by_address.remove(&address);
            }
        }
    }

    /// The connections of a listener now.
    pub(crate) fn at(&self, listener: usize) -> usize {
        self.lock().by_listener.get(listener).copied().unwrap_or(0)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The address that limits go by; `None` for loopback.
pub(crate) fn counted(address: IpAddr) -> Option<IpAddr> {
    let address = address.to_canonical();
    (!address.is_loopback()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn limits_per_address() {
        let admission = Admission::new(ConnectionLimits {
            max_connections: 6,
            max_connections_per_ip: 3,
            max_unauthenticated_per_ip: 2,
            listeners: Vec::new(),
        });
        let enter = |address| admission.enter(0, ip(address));
        let (a, b) = ("192.0.2.1", "192.0.2.2");
        assert_eq!(enter(a), Ok(()));
        assert_eq!(enter(a), Ok(()));
        assert_eq!(enter(a), Err(Refusal::Unauthenticated));
        admission.authenticated(ip(a));
        assert_eq!(enter(a), Ok(()));
        admission.authenticated(ip(a));
        assert_eq!(enter(a), Err(Refusal::PerAddress));
        assert_eq!(enter("::ffff:192.0.2.1"), Err(Refusal::PerAddress));
        admission.leave(0, ip(a), true);
        assert_eq!(enter(a), Ok(()));
        assert_eq!(enter(b), Ok(()));
        admission.leave(0, ip(b), false);
        assert_eq!(admission.lock().by_address.len(), 1);
        for _ in 0..3 {
            assert_eq!(enter("127.0.0.1"), Ok(()));
        }
        assert_eq!(enter("::1"), Err(Refusal::Total));
        admission.leave(0, ip("127.0.0.1"), false);
        assert_eq!(enter("::1"), Ok(()));
    }

    #[test]
    fn limits_per_listener() {
        let admission = Admission::new(ConnectionLimits {
            listeners: vec![1, usize::MAX],
            ..ConnectionLimits::default()
        });
        let here = ip("127.0.0.1");
        assert_eq!(admission.enter(0, here), Ok(()));
        assert_eq!(admission.enter(0, here), Err(Refusal::Listener));
        assert_eq!(admission.enter(1, here), Ok(()));
        assert_eq!((admission.at(0), admission.at(1)), (1, 1));
        admission.leave(0, here, false);
        assert_eq!(admission.at(0), 0);
        assert_eq!(admission.enter(0, here), Ok(()));
    }
}
