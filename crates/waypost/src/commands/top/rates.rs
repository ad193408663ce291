//! From counters that only grow to rates: of the broker over the last minutes, and of each connection.
//!
//! Pure; owns the last counters and a bounded history.

use super::sample::{Overview, Row, Sample};
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// How far back the history goes.
pub(super) const HISTORY: Duration = Duration::from_secs(180);
/// The most points that it has, however short the interval.
const MAX_POINTS: usize = 1_800;

/// What moved in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rates {
    pub(super) messages_in: f64,
    pub(super) messages_out: f64,
    pub(super) bytes_in: f64,
    pub(super) bytes_out: f64,
}

/// Of the broker.
#[derive(Debug)]
pub(super) struct History {
    points: VecDeque<Rates>,
    most: usize,
    last: Option<(Instant, Overview)>,
    pub(super) now: Rates,
    pub(super) dropped: f64,
    /// Percent of one core.
    pub(super) cpu: f64,
}

fn per_second(before: u64, after: u64, seconds: f64) -> f64 {
    after.saturating_sub(before) as f64 / seconds
}

impl History {
    pub(super) fn new(interval: Duration) -> History {
        let most = HISTORY.as_millis() / interval.as_millis().max(1);
        History {
            points: VecDeque::new(),
            most: usize::try_from(most)
                .unwrap_or(MAX_POINTS)
                .clamp(1, MAX_POINTS),
            last: None,
            now: Rates::default(),
            dropped: 0.0,
            cpu: 0.0,
        }
    }

    pub(super) fn add(&mut self, sample: &Sample) {
        let new = &sample.overview;
        let last = self.last.replace((sample.at, new.clone()));
        let Some((at, old)) = last else { return };
        let seconds = (sample.at - at).as_secs_f64();
        if old.started_at != new.started_at || seconds <= 0.0 {
            // Another process counts from 0.
            return;
        }
        self.now = Rates {
            messages_in: per_second(old.published, new.published, seconds),
            messages_out: per_second(old.delivered, new.delivered, seconds),
            bytes_in: per_second(old.received_bytes, new.received_bytes, seconds),
            bytes_out: per_second(old.sent_bytes, new.sent_bytes, seconds),
        };
        self.dropped = per_second(old.dropped_in_all(), new.dropped_in_all(), seconds);
        self.cpu = (new.cpu_seconds - old.cpu_seconds).max(0.0) / seconds * 100.0;
        if self.points.len() == self.most {
            self.points.pop_front();
        }
        self.points.push_back(self.now);
    }

    /// Heights for a chart of `width` columns over the whole history, the newest at its right; each is
    /// the mean of what it stands for, in tenths.
    pub(super) fn chart(&self, width: usize, of: impl Fn(&Rates) -> f64) -> Vec<u64> {
        let width = width.max(1);
        let each = self.most.div_ceil(width);
        // From the newest back, so that a column keeps its points until it is full.
        let filled = self.points.len().div_ceil(each).min(width);
        let mut columns = vec![0; width];
        for column in 0..filled {
            let end = self.points.len() - column * each;
            let points = self.points.range(end.saturating_sub(each)..end);
            let mean = points.clone().map(&of).sum::<f64>() / points.len().max(1) as f64;
            columns[width - 1 - column] = (mean * 10.0).round() as u64;
        }
        columns
    }
}

/// Of each connection, between the last two samples.
#[derive(Debug, Default)]
pub(super) struct RowRates {
    last: Option<Instant>,
    counters: HashMap<(String, String), Row>,
    rates: HashMap<String, Rates>,
}

impl RowRates {
    pub(super) fn add(&mut self, sample: &Sample) {
        let seconds = self.last.map(|at| (sample.at - at).as_secs_f64());
        self.last = Some(sample.at);
        self.rates.clear();
        let mut counters = HashMap::with_capacity(sample.rows.len());
        for row in &sample.rows {
            // A client that has come back counts from 0.
            let key = (row.client_id.clone(), row.connected_at.clone());
            if let (Some(old), Some(seconds)) = (self.counters.get(&key), seconds)
                && seconds > 0.0
            {
                let rate = |of: fn(&Row) -> u64| per_second(of(old), of(row), seconds);
                let rates = Rates {
                    messages_in: rate(|r| r.received_messages),
                    messages_out: rate(|r| r.sent_messages),
                    bytes_in: rate(|r| r.received_bytes),
                    bytes_out: rate(|r| r.sent_bytes),
                };
                self.rates.insert(row.client_id.clone(), rates);
            }
            counters.insert(key, row.clone());
        }
        self.counters = counters;
    }

    /// `None` for a client that was not there a sample ago.
    pub(super) fn of(&self, client_id: &str) -> Option<Rates> {
        self.rates.get(client_id).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: Instant, published: u64, rows: Vec<Row>) -> Sample {
        let overview = Overview {
            published,
            cpu_seconds: published as f64 / 1000.0,
            ..Overview::default()
        };
        Sample {
            at,
            overview,
            rows,
            total: 0,
        }
    }

    #[test]
    fn rates_are_differences_by_time() {
        let start = Instant::now();
        let s = Duration::from_secs;
        let mut history = History::new(s(1));
        history.add(&sample(start, 1000, vec![]));
        assert_eq!(history.now, Rates::default(), "one look is none");
        history.add(&sample(start + s(2), 1400, vec![]));
        assert_eq!(history.now.messages_in, 200.0);
        assert!((history.cpu - 20.0).abs() < 1e-9);
        // A restart: counters and rates begin again.
        let mut again = sample(start + s(3), 5, vec![]);
        again.overview.started_at = "later".into();
        history.add(&again);
        assert_eq!(history.now.messages_in, 200.0, "no rate out of two lives");
        assert_eq!(history.points.len(), 1);
    }

    #[test]
    fn the_chart_covers_the_history_and_the_history_is_bounded() {
        let start = Instant::now();
        let mut history = History::new(Duration::from_secs(1));
        for n in 0..=400u64 {
            history.add(&sample(start + Duration::from_secs(n), n * n, vec![]));
        }
        assert_eq!(history.points.len(), 180);
        let chart = history.chart(36, |r| r.messages_in);
        assert_eq!(chart.len(), 36);
        assert!(chart.windows(2).all(|w| w[0] < w[1]), "{chart:?}");
        // The mean of the last five: 791, 793, 795, 797, 799 messages a second, in tenths.
        assert_eq!(chart.last(), Some(&7950));
        let mut young = History::new(Duration::from_secs(1));
        young.add(&sample(start, 0, vec![]));
        young.add(&sample(start + Duration::from_secs(1), 3, vec![]));
        assert_eq!(young.chart(4, |r| r.messages_in), [0, 0, 0, 30]);
    }

    #[test]
    fn a_client_that_came_back_has_no_rate_yet() {
        let start = Instant::now();
        let row = |client: &str, connected: &str, n| Row {
            client_id: client.into(),
            connected_at: connected.into(),
            received_messages: n,
            ..Row::default()
        };
        let mut rates = RowRates::default();
        rates.add(&sample(
            start,
            0,
            vec![row("a", "1", 10), row("b", "1", 10)],
        ));
        assert_eq!(rates.of("a"), None);
        let later = start + Duration::from_millis(500);
        rates.add(&sample(later, 0, vec![row("a", "1", 30), row("b", "2", 5)]));
        assert_eq!(rates.of("a").unwrap().messages_in, 40.0);
        assert_eq!(rates.of("b"), None);
        rates.add(&sample(later + Duration::from_secs(1), 0, vec![]));
        assert_eq!(rates.of("a"), None, "it has gone");
    }
}
