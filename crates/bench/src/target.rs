//! The broker under load: how it is reached, who we say we are, and which names a run uses there.
//!
//! Holds no connection.

use crate::BenchError;
use crate::net::carrier::Carrier;
use crate::net::clock::Clock;
use crate::net::dial::Dial;
use crate::packets::{self, Keeping};
use mqtt_codec::Version;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// User name and password.
#[derive(Clone, Debug, Default)]
pub struct Login {
    pub user: Option<String>,
    pub password: Option<Vec<u8>>,
}

#[derive(Clone)]
pub struct Target {
    pub dial: Arc<dyn Dial>,
    /// How the broker is called in reports and errors.
    pub name: String,
    pub version: Version,
    pub login: Login,
    /// Connect from these in turn; from any where there are none.
    pub binds: Vec<IpAddr>,
    /// Seconds; 0 for none.
    pub keep_alive: u16,
    /// What client ids begin with.
    pub id_prefix: String,
    /// What topics begin with.
    pub topic_prefix: String,
}

impl Target {
    pub(crate) fn dial(&self, client: usize) -> Result<Box<dyn Carrier>, BenchError> {
        let from = match self.binds.as_slice() {
            [] => None,
            binds => binds.get(client % binds.len()).copied(),
        };
        self.dial.dial(from).map_err(|source| BenchError::Reach {
            target: self.name.clone(),
            source,
        })
    }

    pub(crate) fn hello(&self, id: &str, keeping: Keeping) -> Result<Vec<u8>, BenchError> {
        packets::connect(self.version, id, &self.login, keeping, self.keep_alive)
    }

    pub(crate) fn lost(&self, client: &str, why: &std::io::Error) -> BenchError {
        // Before the connection stands, the kernel's own word on it is what helps.
        let refused = matches!(
            why.kind(),
            std::io::ErrorKind::ConnectionRefused | std::io::ErrorKind::AddrNotAvailable
        );
        if refused {
            return BenchError::Reach {
                target: self.name.clone(),
                source: std::io::Error::from(why.kind()),
            };
        }
        // How a closed connection shows depends on which side was about to write.
        let closed = matches!(
            why.kind(),
            std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe
        );
        BenchError::Connection {
            client: client.to_owned(),
            target: self.name.clone(),
            what: if closed {
                format!("the broker closed the connection: {why}")
            } else {
                why.to_string()
            },
        }
    }
}

/// Names that nobody else uses, and the clock that all threads of the run read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) number: u32,
    pub(crate) clock: Clock,
}

impl Run {
    pub(crate) fn begin() -> Run {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = since.map_or(0, |since| since.as_nanos() as u64);
        let seed = now ^ (u64::from(std::process::id()) << 32);
        // Spread over all bits, so that two runs of one moment differ too.
        let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Run {
            number: (mixed as u32).wrapping_add(count),
            clock: Clock::start(),
        }
    }

    /// `kind` is one letter: MQTT 3.1 allows a client id 23 characters.
    pub(crate) fn client_id(&self, target: &Target, kind: char, number: usize) -> String {
        format!("{}{:08x}{kind}{number}", target.id_prefix, self.number)
    }

    pub(crate) fn topic(&self, target: &Target, rest: impl std::fmt::Display) -> String {
        format!("{}/{:08x}/{rest}", target.topic_prefix, self.number)
    }
}
