//! Waypost on real threads and sockets.
//!
//! Drives the pure shards of `broker`: one OS thread each with a plain readiness loop, an acceptor, a
//! thread for the log and a few that answer logins. What a client or a message means is decided in
//! `broker`, what survives in `store`; here is only how bytes, letters and time get to them. Nothing
//! depends on this crate but the binary.

mod acceptor;
mod admin;
mod admission;
pub mod auth;
mod clock;
pub mod config;
mod data_dir;
mod doors;
mod entrance;
mod inbox;
mod link;
mod listen;
mod logging;
mod login;
mod node;
mod node_log;
mod notify;
pub mod proxy_protocol;
mod reply;
mod serve;
mod shard_thread;
mod stopped_log;
mod tls;
mod unix_socket;
mod watchdog;
mod websocket;
mod wiring;

pub use admin::{AdminUsers, AdminUsersError, NewSecret, admin_user_entry};
pub use node::{Node, ServeError};
pub use serve::serve;
pub use stopped_log::StoppedLog;
pub use store::offline::{Inspection, Loss, SegmentReport, Walk};
