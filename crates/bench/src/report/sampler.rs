//! Rates, CPU and memory over time, from counters that only grow.
//!
//! Keeps a bounded number of samples: when they are too many, every second one goes, and they come half as
//! often from there.

use super::table::{bytes, rate};
use crate::histogram::Latencies;
use crate::net::clock::SECOND;
use crate::observe::Usage;

const MAX_SAMPLES: usize = 2000;

/// What happened since the sample before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Seconds since the first counters were read.
    pub at: f64,
    /// A second.
    pub sent: f64,
    pub delivered: f64,
    /// In cores.
    pub broker_cpu: Option<f64>,
    pub own_cpu: f64,
    pub resident: Option<f64>,
    /// p50, p99 and the largest, in microseconds.
    pub latency: Option<[f64; 3]>,
}

/// Counters at one moment.
pub(crate) struct Reading<'a> {
    pub(crate) now: u64,
    pub(crate) sent: u64,
    pub(crate) delivered: u64,
    pub(crate) usage: Option<Usage>,
    pub(crate) own_cpu_ns: u64,
    pub(crate) latencies: Option<&'a Latencies>,
}

#[derive(Clone, Copy, Default)]
struct Last {
    now: u64,
    sent: u64,
    delivered: u64,
    usage: Option<Usage>,
    own_cpu_ns: u64,
}

pub(crate) struct Sampler {
    samples: Vec<Sample>,
    first: Option<u64>,
    last: Last,
    every: u64,
}

impl Sampler {
    pub(crate) fn new() -> Sampler {
        Sampler {
            samples: Vec::new(),
            first: None,
            last: Last::default(),
            every: SECOND,
        }
    }

    pub(crate) fn is_due(&self, now: u64) -> bool {
        now.saturating_sub(self.last.now) >= self.every
    }

    /// Takes a sample, keeps it if told to, and says it in a line.
    pub(crate) fn take(&mut self, reading: &Reading<'_>, keep: bool) -> String {
        let last = self.last;
        let seconds = (reading.now.saturating_sub(last.now)).max(1) as f64 / 1e9;
        let per_second = |now: u64, then: u64| now.saturating_sub(then) as f64 / seconds;
        let cpu = match (reading.usage, last.usage) {
            (Some(now), Some(then)) => Some(per_second(now.cpu_ns, then.cpu_ns) / 1e9),
            _ => None,
        };
        let first = if keep {
            *self.first.get_or_insert(last.now)
        } else {
            last.now
        };
        let us = |ns: u64| ns as f64 / 1000.0;
        let latency = reading.latencies.filter(|l| l.count() > 0);
        let sample = Sample {
            at: reading.now.saturating_sub(first) as f64 / 1e9,
            sent: per_second(reading.sent, last.sent),
            delivered: per_second(reading.delivered, last.delivered),
            broker_cpu: cpu,
            own_cpu: per_second(reading.own_cpu_ns, last.own_cpu_ns) / 1e9,
            resident: reading.usage.and_then(|u| u.resident).map(|r| r as f64),
            latency: latency.map(|l| [us(l.at(0.5)), us(l.at(0.99)), us(l.max())]),
        };
        self.last = Last {
            now: reading.now,
            sent: reading.sent,
            delivered: reading.delivered,
            usage: reading.usage,
            own_cpu_ns: reading.own_cpu_ns,
        };
        if keep {
            self.keep(sample);
        }
        line(&sample)
    }

    fn keep(&mut self, sample: Sample) {
        if self.samples.len() >= MAX_SAMPLES {
            let mut odd = false;
            self.samples.retain(|_| {
                odd = !odd;
                odd
            });
            self.every *= 2;
        }
        self.samples.push(sample);
    }

    pub(crate) fn into_samples(self) -> Vec<Sample> {
        self.samples
    }
}

fn line(sample: &Sample) -> String {
    let mut line = format!(
        "sent {}/s, delivered {}/s",
        rate(sample.sent),
        rate(sample.delivered)
    );
    if let Some([p50, p99, max]) = sample.latency {
        line += &format!("; latency p50 {p50:.0} µs, p99 {p99:.0} µs, max {max:.0} µs");
    }
    if let Some(cpu) = sample.broker_cpu {
        line += &format!("; broker {:.0} % CPU", cpu * 100.0);
    }
    if let Some(resident) = sample.resident {
        line += &format!(", {}", bytes(resident));
    }
    line += &format!("; own {:.0} % CPU", sample.own_cpu * 100.0);
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(second: u64, sent: u64) -> Reading<'static> {
        Reading {
            now: second * SECOND,
            sent,
            delivered: sent * 2,
            usage: Some(Usage {
                cpu_ns: second * SECOND / 2,
                resident: Some(1 << 20),
            }),
            own_cpu_ns: second * SECOND / 4,
            latencies: None,
        }
    }

    #[test]
    fn samples_are_differences() {
        let mut sampler = Sampler::new();
        sampler.take(&reading(1, 100), false);
        assert!(!sampler.is_due(SECOND + 1));
        assert!(sampler.is_due(2 * SECOND));
        let line = sampler.take(&reading(2, 350), true);
        assert!(line.contains("sent 250/s, delivered 500/s"), "{line}");
        assert!(line.contains("broker 50 % CPU, 1.0 MiB"), "{line}");
        assert!(line.contains("own 25 % CPU"), "{line}");
        let samples = sampler.into_samples();
        assert_eq!(samples.len(), 1);
        assert_eq!((samples[0].at, samples[0].sent), (1.0, 250.0));
    }

    #[test]
    fn there_are_never_too_many() {
        let mut sampler = Sampler::new();
        for second in 1..10_000 {
            sampler.take(&reading(second, second), true);
        }
        assert!(sampler.samples.len() <= MAX_SAMPLES);
        assert!(sampler.samples.is_sorted_by(|a, b| a.at < b.at));
        assert!(sampler.every > SECOND);
    }
}
