//! A second driver of Waypost's shards and log: fake time, simulated sockets, seeded interleaving.
//!
//! [`world`] is a node whose every step a seed decides, [`script`] runs protocol scripts against it.

pub mod client;
pub mod ledger;
pub mod rng;
pub mod script;
pub mod world;
