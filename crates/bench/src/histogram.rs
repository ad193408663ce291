//! Latencies: an HDR histogram of nanoseconds, and the percentiles that are reported.
//!
//! A plain value; whoever records owns it. Three digits are kept, an hour is the longest.

use hdrhistogram::Histogram;

const LONGEST: u64 = 3_600_000_000_000;
const SHORTEST: u64 = 1_000;
const DIGITS: u8 = 3;

/// The percentiles of each report.
pub(crate) const PERCENTILES: [(&str, f64); 5] = [
    ("p50", 0.5),
    ("p90", 0.9),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("p99.99", 0.9999),
];

#[derive(Clone, Debug)]
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(crate) fn new() -> Latencies {
        let histogram = Histogram::new_with_bounds(SHORTEST, LONGEST, DIGITS);
        Latencies(histogram.expect("the bounds are in order"))
    }

    pub(crate) fn record(&mut self, ns: u64) {
        self.0.saturating_record(ns);
    }

    pub(crate) fn add(&mut self, other: &Latencies) {
        // Of the same bounds, so it always fits.
        let _ = self.0.add(&other.0);
    }

    pub(crate) fn clear(&mut self) {
        self.0.reset();
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    pub(crate) fn at(&self, quantile: f64) -> u64 {
        if self.count() == 0 {
            return 0;
        }
        self.0.value_at_quantile(quantile)
    }

    pub(crate) fn max(&self) -> u64 {
        // An empty histogram would name the end of its first bucket.
        if self.count() == 0 { 0 } else { self.0.max() }
    }

    pub(crate) fn mean(&self) -> f64 {
        self.0.mean()
    }

    /// Points of the distribution, `(quantile, nanoseconds)`, finer towards the tail.
    pub(crate) fn curve(&self) -> Vec<(f64, u64)> {
        let mut points = Vec::new();
        let (mut below, mut step) = (0.0, 0.1);
        // A tail of one in a hundred million is the last that is drawn.
        for _ in 0..8 {
            for part in 0..9 {
                let quantile = below + step * f64::from(part);
                points.push((quantile, self.at(quantile)));
            }
            below = 1.0 - step;
            step /= 10.0;
            if (1.0 - below) * self.count() as f64 <= 1.0 {
                break;
            }
        }
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_and_the_curve_of_them() {
        let mut latencies = Latencies::new();
        for us in 1..=10_000 {
            latencies.record(us * 1000);
        }
        let near = |ns: u64, us: f64| (ns as f64 / 1000.0 / us - 1.0).abs() < 0.002;
        assert!(near(latencies.at(0.5), 5000.0), "{}", latencies.at(0.5));
        assert!(near(latencies.at(0.999), 9990.0));
        assert!(near(latencies.max(), 10_000.0));
        assert!(near(latencies.mean() as u64, 5000.0));
        let curve = latencies.curve();
        assert!(
            curve.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1),
            "{curve:?}"
        );
        assert!(curve.last().unwrap().0 > 0.999);
        let mut sum = Latencies::new();
        sum.add(&latencies);
        sum.record(u64::MAX);
        assert_eq!(sum.count(), 10_001);
        sum.clear();
        assert_eq!((sum.count(), sum.max()), (0, 0));
    }
}
