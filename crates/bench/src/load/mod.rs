//! Publishers and subscribers in a topology: as fast as nothing is dropped, or at a fixed rate.
//!
//! `worker` is one thread with its connections, `shared` what the threads have in common, `conductor` takes
//! them from phase to phase and reports. The closed loop never has more on its way than a window for each
//! publisher; the open loop sends when a message is due, whatever the broker does.

mod conductor;
mod inflight;
mod publisher;
pub(crate) mod schedule;
mod shared;
mod subscriber;
mod summary;
mod worker;

use crate::stamp::MIN_PAYLOAD;
use crate::{BenchError, Topology};
pub(crate) use conductor::{run, run_on};
pub(crate) use inflight::{InFlight, Step};
use mqtt_codec::QoS;
use std::time::Duration;
pub(crate) use subscriber::Receiver;

/// How a run decides when the next message goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loop {
    /// When fewer than a window are on their way.
    Closed,
    /// So many a second, by all publishers together, each at its time.
    Open { rate: f64 },
}

/// How long a run measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    For(Duration),
    /// So many messages, over all publishers.
    Messages(u64),
}

#[derive(Clone, Debug)]
pub struct LoadPlan {
    pub topology: Topology,
    pub pacing: Loop,
    pub qos: u8,
    /// Bytes of each payload.
    pub payload: usize,
    /// Messages of one publisher that its slowest subscriber has not got, and that the broker has not
    /// acknowledged.
    pub window: u32,
    pub persistent: bool,
    pub span: Span,
    /// Load that is not measured, before.
    pub warmup: Duration,
    pub threads: usize,
    /// How long nothing may move before the run is over.
    pub patience: Duration,
}

/// Threads of a run.
pub(crate) const MAX_THREADS: usize = 64;
const MAX_PAYLOAD: usize = 16 << 20;
const MAX_WINDOW: u32 = 1 << 20;
const MAX_RATE: f64 = 100_000_000.0;
/// The longest span and warm-up: a day.
const MAX_SPAN: Duration = Duration::from_secs(86_400);

impl LoadPlan {
    pub(crate) fn check(&self) -> Result<(), BenchError> {
        self.topology.check()?;
        check_payload(self.payload)?;
        let wrong = |what: String| Err(BenchError::Usage(what));
        if self.threads == 0 || self.threads > MAX_THREADS {
            return wrong(format!("--threads is 1 to {MAX_THREADS}"));
        }
        if self.window == 0 || self.window > MAX_WINDOW {
            return wrong(format!("--window is 1 to {MAX_WINDOW}"));
        }
        if let Loop::Open { rate } = self.pacing
            && !(rate > 0.0 && rate <= MAX_RATE)
        {
            return wrong(format!("--rate is above 0 and at most {MAX_RATE}"));
        }
        let span = match self.span {
            Span::For(span) => span,
            Span::Messages(_) => Duration::ZERO,
        };
        if span > MAX_SPAN || self.warmup > MAX_SPAN {
            return wrong(format!("at most {} seconds", MAX_SPAN.as_secs()));
        }
        if self.topology.subscribers == 0 && self.qos == 0 && self.pacing == Loop::Closed {
            return wrong(
                "without subscribers nothing bounds a closed loop at QoS 0: take --qos 1, or --subs 1"
                    .into(),
            );
        }
        Ok(())
    }

    pub(crate) fn quality(&self) -> Result<QoS, BenchError> {
        quality(self.qos)
    }
}

pub(crate) fn quality(qos: u8) -> Result<QoS, BenchError> {
    QoS::from_bits(qos).ok_or_else(|| BenchError::Usage("--qos is 0, 1 or 2".into()))
}

pub(crate) fn check_payload(payload: usize) -> Result<(), BenchError> {
    if (MIN_PAYLOAD..=MAX_PAYLOAD).contains(&payload) {
        return Ok(());
    }
    Err(BenchError::Usage(format!(
        "--payload is {MIN_PAYLOAD} (what a message's number and time take) to {MAX_PAYLOAD} bytes"
    )))
}
