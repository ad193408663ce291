//! `$SYS`: every few seconds what the broker counts is published as retained messages.
//!
//! Runs on the control thread; all messages go through one shard, so that they arrive in order.

use super::context::Context;
use super::process::Process;
use broker::operator::Command;
use broker::sys_topics::{Sample, SysTopics};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// How soon an interval that was 0 is looked at again.
const IDLE: Duration = Duration::from_secs(1);
/// The shard through which the messages go.
const THROUGH: message::ShardId = 0;

/// Publishes until told to stop.
pub(super) async fn publish(context: Arc<Context>, mut stopped: watch::Receiver<bool>) {
    let version = concat!("waypost version ", env!("CARGO_PKG_VERSION"));
    let mut topics = SysTopics::new(version, None);
    loop {
        let seconds = context.terms().sys_interval_s;
        if seconds > 0 {
            say(&context, &mut topics).await;
        }
        let pause = if seconds > 0 {
            Duration::from_secs(u64::from(seconds))
        } else {
            IDLE
        };
        let stop = stopped.wait_for(|stopped| *stopped);
        if timeout(pause, stop).await.is_ok() {
            return;
        }
    }
}

async fn say(context: &Context, topics: &mut SysTopics) {
    // A shard that does not answer is the watchdog's matter; the values stay what they were.
    let Ok(counts) = context.shards.counts().await else {
        return;
    };
    let (messages, bytes) = context.shared.retained_totals();
    let changed = topics.update(&Sample {
        counts: &counts,
        retained_messages: messages as u64,
        retained_bytes: bytes,
        heap_bytes: Process::now().resident_bytes,
        uptime_ms: context.wiring.clock.ms(),
    });
    let commands = changed.into_iter().map(|m| Command::Publish(Box::new(m)));
    context.shards.tell(THROUGH, commands);
}
