//! Options of the runs that are not a load of messages: connections, subscriptions, retained, offline.

use super::broker::BrokerOptions;
use super::load::{parse_seconds, parse_size};
use super::outcome::OutcomeOptions;
use crate::failure::Failure;
use bench::{ConnectionsPlan, OfflinePlan, PatternKind, Plan, RetainedPlan, SubscriptionsPlan};
use clap::{Args, ValueEnum};
use std::time::Duration;

/// Many idle connections: how quickly they come, and what each takes
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost bench connections --count 10000 --pid auto
      connect ten thousand, hold them for ten seconds: rate, time each, memory each
  waypost bench connections --count 100000 --bind 127.0.0.2,127.0.0.3,127.0.0.4,127.0.0.5 --keepalive 30
      more than one address of this machine has ports for

Raises its own limit of open files where it may; the broker needs as many.")]
pub(super) struct ConnectionsOptions {
    #[command(flatten)]
    pub(super) broker: BrokerOptions,
    /// Connections
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    count: u32,
    /// Connections that are begun at a time
    #[arg(long, default_value_t = 100, value_name = "N")]
    at_once: usize,
    /// Seconds that they are held, with their keep-alive
    #[arg(long, default_value_t = 10.0, value_name = "SECONDS", value_parser = parse_seconds)]
    hold: f64,
    /// Seconds in which nothing moves before the run fails
    #[arg(long, default_value_t = 30.0, value_name = "SECONDS", value_parser = parse_seconds)]
    patience: f64,
    #[command(flatten)]
    pub(super) outcome: OutcomeOptions,
}

impl ConnectionsOptions {
    pub(super) fn plan(&self) -> Result<Plan, Failure> {
        Ok(Plan::Connections(ConnectionsPlan {
            count: self.count,
            at_once: self.at_once,
            hold: Duration::from_secs_f64(self.hold),
            patience: Duration::from_secs_f64(self.patience),
        }))
    }
}

/// Many subscriptions: rate, memory each, and what a publish costs as they become more
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost bench subscriptions --steps 1000,100000,1000000 --pattern plus --pid auto
      the broker's CPU for a publish that matches one of so many
  waypost bench subscriptions --steps 50000 --sessions 1
      all of them in one session

Each subscription has a topic of its own: `.../device/N/value` (exact), `.../+/N/value` (plus), `.../device/N/#`
(hash).")]
pub(super) struct SubscriptionsOptions {
    #[command(flatten)]
    pub(super) broker: BrokerOptions,
    /// Numbers of subscriptions at which publishes are measured
    #[arg(
        long,
        default_value = "1000,10000,100000",
        value_delimiter = ',',
        value_name = "N,..."
    )]
    steps: Vec<u64>,
    /// Which patterns they have
    #[arg(long, value_enum, default_value_t = Pattern::Exact)]
    pattern: Pattern,
    /// Clients that they are spread over
    #[arg(long, default_value_t = 1000, value_name = "N")]
    sessions: u32,
    /// Publishes at each step
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    publishes: u64,
    /// Bytes of each payload, at least 24; also as 16KiB
    #[arg(long, default_value = "64", value_parser = parse_size)]
    payload: usize,
    /// Messages on their way
    #[arg(long, default_value_t = 1000, value_name = "N")]
    window: u32,
    /// Seconds in which nothing moves before what is missing counts as lost
    #[arg(long, default_value_t = 30.0, value_name = "SECONDS", value_parser = parse_seconds)]
    patience: f64,
    #[command(flatten)]
    pub(super) outcome: OutcomeOptions,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Pattern {
    Exact,
    Plus,
    Hash,
    /// A third of each
    Mixed,
}

impl SubscriptionsOptions {
    pub(super) fn plan(&self) -> Result<Plan, Failure> {
        Ok(Plan::Subscriptions(SubscriptionsPlan {
            steps: self.steps.clone(),
            kind: match self.pattern {
                Pattern::Exact => PatternKind::Exact,
                Pattern::Plus => PatternKind::Plus,
                Pattern::Hash => PatternKind::Hash,
                Pattern::Mixed => PatternKind::Mixed,
            },
            sessions: self.sessions,
            publishes: self.publishes,
            payload: self.payload,
            window: self.window,
            patience: Duration::from_secs_f64(self.patience),
        }))
    }
}

/// Retained messages: how quickly they are stored and read back, and what each takes
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost bench retained --count 100000 --readers 10 --pid auto
      store a hundred thousand, then ten subscribers read all of them
  waypost bench retained --count 1000000 --keep
      leave them there

What was stored is deleted at the end, unless --keep is given.")]
pub(super) struct RetainedOptions {
    #[command(flatten)]
    pub(super) broker: BrokerOptions,
    /// Retained messages, each on a topic of its own
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    count: u64,
    /// Subscribers that read all of them
    #[arg(long, default_value_t = 1, value_name = "N")]
    readers: u32,
    /// Leave the messages at the broker
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    flow: FlowOptions,
    #[command(flatten)]
    pub(super) outcome: OutcomeOptions,
}

impl RetainedOptions {
    pub(super) fn plan(&self) -> Result<Plan, Failure> {
        Ok(Plan::Retained(RetainedPlan {
            count: self.count,
            readers: self.readers,
            qos: self.flow.qos,
            payload: self.flow.payload,
            window: self.flow.window,
            keep: self.keep,
            patience: Duration::from_secs_f64(self.flow.patience),
        }))
    }
}

/// Sessions that are away: messages queued for them, and how they come when the clients return
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost bench offline --sessions 100 --messages 1000 --pid auto
      queue a thousand for each of a hundred clients that are away, then let them return
  waypost bench offline --sessions 1 --messages 100000 --qos 2

Brokers bound what they queue: lift that bound first, or see what is lost. The sessions are ended with the run.")]
pub(super) struct OfflineOptions {
    #[command(flatten)]
    pub(super) broker: BrokerOptions,
    /// Sessions that are away, each with a topic of its own
    #[arg(long, default_value_t = 100, value_name = "N")]
    sessions: u32,
    /// Messages for each of them
    #[arg(long, default_value_t = 100, value_name = "N")]
    messages: u64,
    #[command(flatten)]
    flow: FlowOptions,
    #[command(flatten)]
    pub(super) outcome: OutcomeOptions,
}

impl OfflineOptions {
    pub(super) fn plan(&self) -> Result<Plan, Failure> {
        Ok(Plan::Offline(OfflinePlan {
            sessions: self.sessions,
            messages: self.messages,
            qos: self.flow.qos,
            payload: self.flow.payload,
            window: self.flow.window,
            patience: Duration::from_secs_f64(self.flow.patience),
        }))
    }
}

#[derive(Debug, Args)]
struct FlowOptions {
    /// Quality of service: 1 or 2
    #[arg(short, long, default_value_t = 1, value_parser = crate::commands::connection::qos())]
    qos: u8,
    /// Bytes of each payload, at least 24; also as 16KiB
    #[arg(long, default_value = "64", value_parser = parse_size)]
    payload: usize,
    /// Messages that the broker has not acknowledged
    #[arg(long, default_value_t = 100, value_name = "N")]
    window: u32,
    /// Seconds in which nothing moves before what is missing counts as lost
    #[arg(long, default_value_t = 30.0, value_name = "SECONDS", value_parser = parse_seconds)]
    patience: f64,
}
