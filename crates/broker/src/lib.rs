//! The broker's core: pure state machines that turn events into actions.
//!
//! Nothing here touches a socket, a clock, a file, a thread or randomness; time and seeds are
//! arguments. `server` drives [`Shard`]s on real threads, `sim` drives the same ones in fake time.

mod admission;
pub mod auth;
pub mod conn;
mod conns;
mod content;
mod credit;
pub mod event;
mod fan_out;
mod groups;
pub mod inspect;
pub mod mail;
mod mqtt;
pub mod operator;
mod outbox;
pub mod paging;
mod parcel;
mod props;
mod queue;
pub mod recover;
mod retained;
mod retained_kept;
mod route;
mod routing;
pub mod settings;
mod shard;
pub mod shared;
pub mod stats;
pub mod sys_topics;
mod tickets;
pub mod time;
mod timers;
mod turn;

pub use conn::ConnId;
pub use paging::{Lost, Read};
pub use recover::{Recovered, Recovery, Seen};
pub use settings::{Limits, MqttSettings, Redirect, Settings};
pub use shard::Shard;
pub use shared::Shared;
pub use stats::Stats;
pub use time::Now;
pub use turn::Turn;
