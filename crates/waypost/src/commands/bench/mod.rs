//! `waypost bench`: load against any MQTT broker, and what it costs.
//!
//! Turns options into a plan and a target for the crate `bench`, which does everything else; prints what
//! comes back. Owns no connection.

mod broker;
mod carrier;
mod load;
mod outcome;
mod scripted;

use crate::failure::Failure;
use bench::Plan;
use broker::BrokerOptions;
use clap::{Args, Subcommand};
use load::{LatencyOptions, RelayOptions, ThroughputOptions};
use outcome::OutcomeOptions;
use scripted::{ConnectionsOptions, OfflineOptions, RetainedOptions, SubscriptionsOptions};

/// Put load on an MQTT broker, and measure what it does and costs
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(after_help = "Examples:
  waypost bench throughput --url mqtt://broker:1883 --seconds 30
      as fast as nothing is dropped, one publisher and one subscriber
  waypost bench latency --rate 5000 --pubs 1000 --subs 1000 --qos 1 --pid auto --html latency.html
      latency percentiles at a fixed rate, with the broker's CPU and memory
  waypost bench connections --count 20000 --hold 60 --pid auto
      what an idle connection takes
  waypost bench throughput --compare waypost='waypost serve --listen mqtt://127.0.0.1:{port} --data-dir {dir}' \\
                           --compare mosquitto='mosquitto -p {port}'
      two brokers in turn, medians and ratios

Only put load on brokers that are yours. Ctrl-C ends a run early and still prints its report.

Exit codes: 0 done, 1 failed or messages lost, repeated or out of order, 64 wrong usage")]
pub(crate) struct Options {
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Debug, Subcommand)]
enum Mode {
    Throughput(Box<ThroughputOptions>),
    Latency(Box<LatencyOptions>),
    Connections(Box<ConnectionsOptions>),
    Subscriptions(Box<SubscriptionsOptions>),
    Retained(Box<RetainedOptions>),
    Offline(Box<OfflineOptions>),
    Relay(Box<RelayOptions>),
}

impl Mode {
    /// What is to be measured, with which broker, and how it is shown.
    fn parts(&self) -> Result<(Plan, Option<&BrokerOptions>, &OutcomeOptions), Failure> {
        Ok(match self {
            Mode::Throughput(o) => (o.plan()?, Some(&o.broker), &o.outcome),
            Mode::Latency(o) => (o.plan()?, Some(&o.broker), &o.outcome),
            Mode::Connections(o) => (o.plan()?, Some(&o.broker), &o.outcome),
            Mode::Subscriptions(o) => (o.plan()?, Some(&o.broker), &o.outcome),
            Mode::Retained(o) => (o.plan()?, Some(&o.broker), &o.outcome),
            Mode::Offline(o) => (o.plan()?, Some(&o.broker), &o.outcome),
            Mode::Relay(o) => (o.plan()?, None, &o.outcome),
        })
    }
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let (plan, broker, outcome) = options.mode.parts()?;
    outcome.run(&plan, broker)
}

#[cfg(test)]
mod tests;
