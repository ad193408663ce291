//! What came of a run, and how it is shown: a table, JSON, a page.
//!
//! A report is a plain value. Whether a run is good is its `faults`; `notes` say what to read it with.

pub(crate) mod chart;
mod html;
pub(crate) mod json;
pub(crate) mod sampler;
pub(crate) mod table;

use crate::target::Target;

pub(crate) use html::page;
pub use sampler::Sample;

/// Of what a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Count,
    PerSecond,
    Seconds,
    Microseconds,
    Bytes,
    /// Of one core.
    Percent,
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// Stable, for programs.
    pub key: String,
    pub label: String,
    pub value: f64,
    pub unit: Unit,
}

impl Measure {
    pub(crate) fn new(key: &str, label: &str, value: f64, unit: Unit) -> Measure {
        Measure {
            key: key.into(),
            label: label.into(),
            value,
            unit,
        }
    }

    /// The value as people read it.
    pub fn shown(&self) -> String {
        table::shown(self.value, self.unit)
    }
}

/// The distribution of latencies.
#[derive(Clone, Debug, PartialEq)]
pub struct Latency {
    pub count: u64,
    /// `(quantile, microseconds)`.
    pub curve: Vec<(f64, f64)>,
}

/// Values that come in steps, such as the cost at each number of subscriptions.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub title: String,
    /// Key, label and unit of each column.
    pub columns: Vec<(String, String, Unit)>,
    pub rows: Vec<Row>,
}

/// One value for each column; none where there is nothing to say.
pub type Row = Vec<Option<f64>>;

#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    pub mode: String,
    pub target: String,
    pub version: String,
    pub settings: Vec<(String, String)>,
    pub measures: Vec<Measure>,
    pub latency: Option<Latency>,
    pub tables: Vec<Table>,
    pub samples: Vec<Sample>,
    /// What must not be: a run that has any has failed.
    pub faults: Vec<String>,
    pub notes: Vec<String>,
}

impl Report {
    pub(crate) fn new(mode: &str, target: &Target) -> Report {
        Report {
            mode: mode.into(),
            target: target.name.clone(),
            version: target.version.label().into(),
            settings: Vec::new(),
            measures: Vec::new(),
            latency: None,
            tables: Vec::new(),
            samples: Vec::new(),
            faults: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(crate) fn setting(&mut self, name: &str, value: &impl ToString) {
        self.settings.push((name.into(), value.to_string()));
    }

    pub(crate) fn measure(&mut self, measure: Measure) {
        self.measures.push(measure);
    }

    pub(crate) fn count(&mut self, key: &str, label: &str, count: u64) {
        self.measure(Measure::new(key, label, count as f64, Unit::Count));
    }

    pub(crate) fn broker_cost(&mut self, us_each: f64, cores: f64) {
        let each = Measure::new(
            "broker_cpu",
            "broker CPU for each delivered",
            us_each,
            Unit::Microseconds,
        );
        self.measure(each);
        let load = Measure::new("broker_load", "broker CPU", cores * 100.0, Unit::Percent);
        self.measure(load);
    }

    pub(crate) fn own_cost(&mut self, us_each: f64, busiest: f64) {
        let each = Measure::new(
            "own_cpu",
            "generator CPU for each delivered",
            us_each,
            Unit::Microseconds,
        );
        self.measure(each);
        let load = Measure::new(
            "own_load",
            "generator's busiest thread",
            busiest * 100.0,
            Unit::Percent,
        );
        self.measure(load);
    }

    /// The value of a measure.
    pub fn value(&self, key: &str) -> Option<f64> {
        let found = self.measures.iter().find(|measure| measure.key == key)?;
        Some(found.value)
    }
}

/// Share of a core above which a thread of ours was what held the run up.
const BUSY: f64 = 0.9;

/// Says that the broker may be capable of more than was measured.
pub(crate) fn generator_bound(busiest: f64) -> Option<String> {
    (busiest > BUSY).then(|| {
        format!(
            "generator-bound: a thread of the generator used {:.0} % of a core, so the broker may be capable \
             of more; give it more --threads, or another machine",
            busiest * 100.0
        )
    })
}
