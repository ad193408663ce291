//! A second driver of Waypost's shards and log: fake time, simulated sockets, seeded interleaving.
//!
//! [`world`] is a node whose every step a seed decides. [`script`] runs protocol scripts against it;
//! [`scenario`] sets simulated [`client`]s on it, whose [`ledger`] an [`oracle`] judges.

pub mod client;
pub mod ledger;
pub mod oracle;
pub mod rng;
pub mod scenario;
pub mod script;
pub mod world;
