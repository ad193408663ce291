//! Options of the loads with publishers and subscribers: throughput, latency, relay.

use super::broker::BrokerOptions;
use super::outcome::OutcomeOptions;
use crate::failure::Failure;
use bench::{LoadPlan, Loop, Plan, Span, Topology};
use clap::{ArgAction, Args};
use std::time::Duration;

/// As fast as it goes with nothing dropped: a closed loop
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost bench throughput
      one publisher, one subscriber, QoS 0, 64 bytes, for ten seconds, at localhost:1883
  waypost bench throughput --topology fan-out --subs 100 --qos 1 --pid auto
      one publisher, a hundred subscribers, with what a message costs the broker
  waypost bench throughput --pubs 16 --subs 16 --threads 4
      sixteen pairs, each with a topic of its own, from four threads

A publisher never has more than --window messages on their way that its slowest subscriber has not got, nor
more that the broker has not acknowledged. Every message is numbered: loss, repetition (but at QoS 1) and
disorder end in exit code 1.")]
pub(super) struct ThroughputOptions {
    #[command(flatten)]
    pub(super) broker: BrokerOptions,
    #[command(flatten)]
    shape: ShapeOptions,
    #[command(flatten)]
    messages: MessageOptions,
    #[command(flatten)]
    pub(super) outcome: OutcomeOptions,
}

/// Latency at a fixed rate: an open loop
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost bench latency --rate 1000 --seconds 60
      a thousand messages a second from one publisher to one subscriber
  waypost bench latency --rate 5000 --pubs 1000 --subs 1000 --qos 1 --pid auto --html latency.html
      five thousand a second over a thousand pairs, with charts

Each message has a time at which it is due, whatever the broker does, and its latency counts from there: a
stall shows in every message that it held up.")]
pub(super) struct LatencyOptions {
    #[command(flatten)]
    pub(super) broker: BrokerOptions,
    /// Messages a second, by all publishers together
    #[arg(long, default_value_t = 1000.0, value_name = "NUMBER")]
    rate: f64,
    #[command(flatten)]
    shape: ShapeOptions,
    #[command(flatten)]
    messages: MessageOptions,
    #[command(flatten)]
    pub(super) outcome: OutcomeOptions,
}

/// The floor: the same load through a bare relay of this program, with no broker
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
#[command(after_help = "Examples:
  waypost bench relay
      what a message costs where nothing is done but to pass it on
  waypost bench relay --payload 16KiB --seconds 5

The relay is a thread that copies the frames of each publisher to the subscribers of its topic. No broker on
this machine can be cheaper; compare `broker CPU for each delivered`.")]
pub(super) struct RelayOptions {
    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
    /// Messages a second, by all publishers together; without it as fast as it goes
    #[arg(long, value_name = "NUMBER")]
    rate: Option<f64>,
    #[command(flatten)]
    shape: ShapeOptions,
    #[command(flatten)]
    messages: MessageOptions,
    #[command(flatten)]
    pub(super) outcome: OutcomeOptions,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Topology")]
struct ShapeOptions {
    /// 1:1, N:N (pairs with a topic each), fan-in (many to one), fan-out (one to many), shared (each
    /// message to one of the subscribers), or numbers as in 16:16; options below change its numbers
    #[arg(long, value_name = "SHAPE", value_parser = parse_shape)]
    topology: Option<Shape>,
    /// Publishers
    #[arg(long, value_name = "N")]
    pubs: Option<u32>,
    /// Subscribers
    #[arg(long, value_name = "M")]
    subs: Option<u32>,
    /// Topics; publisher and subscriber number n have topic n modulo K [default: as many as the
    /// smaller of N and M]
    #[arg(long, value_name = "K")]
    topics: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Pairs,
    FanIn,
    FanOut,
    Shared,
    Numbers(u32, u32),
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Messages")]
struct MessageOptions {
    /// Quality of service: 0, 1 or 2
    #[arg(short, long, default_value_t = 0, value_parser = crate::commands::connection::qos())]
    qos: u8,
    /// Bytes of each payload, at least 24; also as 16KiB, 1MiB
    #[arg(long, default_value = "64", value_parser = parse_size)]
    payload: usize,
    /// Messages of a publisher on their way [default: 1000 at QoS 0, 100 at QoS 1 and 2]
    #[arg(long, value_name = "N")]
    window: Option<u32>,
    /// Keep sessions beyond the connection; they are ended with the run
    #[arg(long)]
    persistent: bool,
    /// Seconds that are measured
    #[arg(long, default_value_t = 10.0, value_parser = parse_seconds)]
    seconds: f64,
    /// Messages that are measured, in place of --seconds
    #[arg(long, value_name = "N", conflicts_with = "seconds")]
    messages: Option<u64>,
    /// Seconds of load before anything is measured
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS", value_parser = parse_seconds)]
    warmup: f64,
    /// Threads of the generator
    #[arg(long, default_value_t = 1, value_name = "N")]
    threads: usize,
    /// Seconds in which nothing moves before what is missing counts as lost
    #[arg(long, default_value_t = 10.0, value_name = "SECONDS", value_parser = parse_seconds)]
    patience: f64,
}

impl ThroughputOptions {
    pub(super) fn plan(&self) -> Result<Plan, Failure> {
        let plan = self.messages.plan(&self.shape, Loop::Closed)?;
        Ok(Plan::Load(plan))
    }
}

impl LatencyOptions {
    pub(super) fn plan(&self) -> Result<Plan, Failure> {
        let pacing = Loop::Open { rate: self.rate };
        Ok(Plan::Load(self.messages.plan(&self.shape, pacing)?))
    }
}

impl RelayOptions {
    pub(super) fn plan(&self) -> Result<Plan, Failure> {
        let pacing = self.rate.map_or(Loop::Closed, |rate| Loop::Open { rate });
        Ok(Plan::Relay(self.messages.plan(&self.shape, pacing)?))
    }
}

impl ShapeOptions {
    fn topology(&self) -> Result<Topology, Failure> {
        let shape = self.topology.unwrap_or(Shape::Numbers(1, 1));
        let (publishers, subscribers) = match shape {
            Shape::Pairs => {
                let n = self.pubs.or(self.subs).unwrap_or(10);
                (n, n)
            }
            Shape::FanIn => (50, 1),
            Shape::FanOut => (1, 100),
            Shape::Shared => (10, 10),
            Shape::Numbers(n, m) => (n, m),
        };
        let publishers = self.pubs.unwrap_or(publishers);
        let subscribers = self.subs.unwrap_or(subscribers);
        let wrong = match shape {
            Shape::Pairs => publishers != subscribers,
            Shape::FanIn => subscribers != 1,
            Shape::FanOut => publishers != 1,
            Shape::Shared | Shape::Numbers(..) => false,
        };
        if wrong {
            return Err(Failure::usage(format!(
                "--pubs {publishers} and --subs {subscribers} are not the topology that is asked for: leave out \
                 --topology, or one of them"
            )));
        }
        let shared = shape == Shape::Shared;
        let topics = if shared {
            1
        } else {
            publishers.min(subscribers).max(1)
        };
        Ok(Topology {
            publishers,
            subscribers,
            topics: self.topics.unwrap_or(topics),
            shared,
        })
    }
}

impl MessageOptions {
    fn plan(&self, shape: &ShapeOptions, pacing: Loop) -> Result<LoadPlan, Failure> {
        let seconds = Duration::from_secs_f64;
        Ok(LoadPlan {
            topology: shape.topology()?,
            pacing,
            qos: self.qos,
            payload: self.payload,
            window: self
                .window
                .unwrap_or(if self.qos == 0 { 1000 } else { 100 }),
            persistent: self.persistent,
            span: match self.messages {
                Some(messages) => Span::Messages(messages),
                None => Span::For(seconds(self.seconds)),
            },
            warmup: seconds(self.warmup),
            threads: self.threads,
            patience: seconds(self.patience),
        })
    }
}

fn parse_shape(text: &str) -> Result<Shape, String> {
    match text {
        "N:N" | "n:n" => return Ok(Shape::Pairs),
        "fan-in" => return Ok(Shape::FanIn),
        "fan-out" => return Ok(Shape::FanOut),
        "shared" => return Ok(Shape::Shared),
        _ => {}
    }
    let numbers = text.split_once(':');
    let numbers = numbers.and_then(|(n, m)| Some((n.parse().ok()?, m.parse().ok()?)));
    match numbers {
        Some((n, m)) => Ok(Shape::Numbers(n, m)),
        None => Err("one of 1:1, N:N, fan-in, fan-out, shared, or numbers as in 16:16".into()),
    }
}

/// Seconds, with a fraction where one is wanted, up to a day.
pub(super) fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds: Option<f64> = text.parse().ok();
    seconds
        .filter(|s| (0.0..=86_400.0).contains(s))
        .ok_or_else(|| "seconds, 0 to 86400".into())
}

/// Bytes, or KiB and MiB of them.
pub(super) fn parse_size(text: &str) -> Result<usize, String> {
    let units = [("KiB", 10), ("MiB", 20), ("k", 10), ("", 0)];
    let found = units.iter().find_map(|(unit, shift)| {
        let number: usize = text.strip_suffix(unit)?.trim_end().parse().ok()?;
        number.checked_mul(1 << shift)
    });
    found.ok_or_else(|| "a number of bytes, as 64, 16KiB or 1MiB".into())
}
