//! MQTT 3.1, 3.1.1 and 5: connections, sessions and the packets between them.
//!
//! Each file is one concept, most of them an `impl Shard` block that handles it; the state lies in
//! `session` and in the connection. Who decides what a message reaches is `fan_out`, which knows no
//! MQTT session; this module turns destinations into packets and packets into publications.

mod acks;
mod alias;
mod auth_exchange;
mod capabilities;
mod connect;
mod deliver;
mod disconnect;
mod inbound;
mod inflight;
mod layouts;
mod publish;
mod pump;
mod qos;
mod received;
mod replay;
mod reply;
mod restore;
mod session;
mod session_end;
mod stranger;
mod subscribe;
mod subscriptions;
mod takeover;
mod unsubscribe;
mod waiter;
mod welcome;
mod will;

pub(crate) use alias::Aliases;
pub(crate) use connect::{Connecting, Opening};
pub(crate) use inflight::Rings;
pub(crate) use layouts::Layouts;
pub(crate) use qos::neutral as neutral_qos;
pub(crate) use restore::{InFlight, Waiting};
pub(crate) use session::{NEVER, Sessions};
pub(crate) use subscriptions::Subscription;
pub(crate) use waiter::Waiter;
