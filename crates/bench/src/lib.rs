//! Load against any MQTT broker, and what it costs.
//!
//! A [`Plan`] says what to do, a [`Target`] with which broker, a [`Stage`] where to tell of progress and when
//! to stop early; what comes of it is a [`Report`], which renders itself as a table, as JSON and as a page.
//!
//! Every thread here owns its connections and counts for itself; the threads share counters, the windows of
//! the publishers, and nothing else. Nothing prints, nothing reads options, and nothing knows a broker's
//! inside: a broker is an address, and perhaps a process whose CPU and memory can be looked at.

mod broker_process;
mod compare;
mod connections;
mod crowd;
mod error;
mod feeder;
mod histogram;
mod ledger;
mod load;
mod net;
mod observe;
mod offline;
mod packets;

mod relay;
mod report;
mod retained;
mod script;
mod sessions;
mod stage;
mod stamp;
mod subscriptions;
mod target;
mod topology;

pub use compare::{Comparison, Contender, compare};
pub use connections::ConnectionsPlan;
pub use error::BenchError;
pub use load::{LoadPlan, Loop, Span};
pub use net::carrier::Carrier;
pub use net::dial::{Dial, TcpDial, WebSocketDial};
pub use observe::{Watched, listener_of};
pub use offline::OfflinePlan;
pub use report::{Latency, Measure, Report, Row, Sample, Table};
pub use retained::RetainedPlan;
pub use stage::Stage;
pub use stamp::MIN_PAYLOAD;
pub use subscriptions::{PatternKind, SubscriptionsPlan};
pub use target::{Login, Target};
pub use topology::Topology;

/// What is to be measured.
#[derive(Clone, Debug)]
pub enum Plan {
    Load(LoadPlan),
    /// The same load through a bare relay of this process: what no broker can undercut.
    Relay(LoadPlan),
    Connections(ConnectionsPlan),
    Subscriptions(SubscriptionsPlan),
    Retained(RetainedPlan),
    Offline(OfflinePlan),
}

impl Plan {
    /// Runs against `target`, whose process `watched` tells of.
    pub fn run(
        &self,
        target: &Target,
        watched: &Watched,
        stage: &mut Stage<'_>,
    ) -> Result<Report, BenchError> {
        match self {
            Plan::Load(plan) => load::run(plan, target, watched, stage),
            Plan::Relay(plan) => relay::run(plan, target, stage),
            Plan::Connections(plan) => connections::run(plan, target, watched, stage),
            Plan::Subscriptions(plan) => subscriptions::run(plan, target, watched, stage),
            Plan::Retained(plan) => retained::run(plan, target, watched, stage),
            Plan::Offline(plan) => offline::run(plan, target, watched, stage),
        }
    }
}
