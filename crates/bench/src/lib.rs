//! Load against any MQTT broker, and what it costs.
//!
//! A [`Plan`] says what to do, a [`Target`] with which broker, a [`Stage`] where to tell of progress and when
//! to stop early; what comes of it is a [`Report`], which renders itself as a table, as JSON and as a page.
//!
//! Every thread here owns its connections and counts for itself; the threads share counters, the windows of
//! the publishers, and nothing else. Nothing prints, nothing reads options, and nothing knows a broker's
//! inside: a broker is an address, and perhaps a process whose CPU and memory can be looked at.

mod error;
mod histogram;
mod ledger;
mod load;
mod net;
mod observe;
mod packets;

mod relay;
mod report;
mod sessions;
mod stage;
mod stamp;
mod target;
mod topology;

pub use error::BenchError;
pub use load::{LoadPlan, Loop, Span};
pub use net::carrier::Carrier;
pub use net::dial::{Dial, TcpDial, WebSocketDial};
pub use observe::{Watched, listener_of};
pub use report::{Latency, Measure, Report, Row, Sample, Table};
pub use stage::Stage;
pub use stamp::MIN_PAYLOAD;
pub use target::{Login, Target};
pub use topology::Topology;

/// What is to be measured.
#[derive(Clone, Debug)]
pub enum Plan {
    Load(LoadPlan),
    /// The same load through a bare relay of this process: what no broker can undercut.
    Relay(LoadPlan),
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
        }
    }
}
