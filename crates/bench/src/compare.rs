//! Several brokers under the same load, in turn and over several rounds: medians, and ratios to the first.
//!
//! Each round starts each broker afresh, so that none profits from what another left behind, and takes them
//! in turn, so that a noisy machine is noisy for all.

use crate::broker_process::BrokerProcess;
use crate::observe::Watched;
use crate::report::table::{aligned, rate, shown};
use crate::report::{Measure, Report, json, page};
use crate::{BenchError, Plan, Stage, Target};
use serde_json::{Value, json};

/// A broker of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contender {
    pub name: String,
    /// For the shell; `{port}` and `{dir}` are filled in.
    pub command: String,
}

/// What came of all rounds.
#[derive(Clone, Debug)]
pub struct Comparison {
    pub contenders: Vec<Contender>,
    /// For each contender its rounds.
    pub reports: Vec<Vec<Report>>,
}

const MAX_ROUNDS: usize = 100;

/// `target` makes the target on a port of 127.0.0.1.
pub fn compare(
    contenders: &[Contender],
    rounds: usize,
    plan: &Plan,
    target: &dyn Fn(u16) -> Result<Target, BenchError>,
    stage: &mut Stage<'_>,
) -> Result<Comparison, BenchError> {
    if contenders.is_empty() || rounds == 0 || rounds > MAX_ROUNDS {
        return Err(BenchError::Usage(format!(
            "at least one broker, and 1 to {MAX_ROUNDS} rounds"
        )));
    }
    let mut reports = vec![Vec::new(); contenders.len()];
    'rounds: for round in 1..=rounds {
        for (contender, reports) in contenders.iter().zip(&mut reports) {
            if stage.stopped() {
                break 'rounds;
            }
            stage.set_prefix(format!("{} {round}/{rounds}", contender.name));
            let broker = BrokerProcess::start(&contender.name, &contender.command)?;
            let target = target(broker.port)?;
            let watched = Watched::Process(broker.pid);
            let report = plan.run(&target, &watched, stage).map_err(|e| match e {
                BenchError::Usage(what) => BenchError::Usage(what),
                other => BenchError::Failed(format!("{}: {other}", contender.name)),
            })?;
            reports.push(report);
        }
    }
    stage.set_prefix(String::new());
    Ok(Comparison {
        contenders: contenders.to_vec(),
        reports,
    })
}

/// A measure of all contenders.
struct Line {
    measure: Measure,
    /// None where a contender has no such measure.
    medians: Vec<Option<f64>>,
}

impl Comparison {
    /// What must not be, with the broker and the round.
    pub fn faults(&self) -> Vec<String> {
        let mut all = Vec::new();
        for (contender, reports) in self.contenders.iter().zip(&self.reports) {
            for (round, report) in reports.iter().enumerate() {
                let faults = report.faults.iter();
                all.extend(
                    faults.map(|fault| format!("{}, round {}: {fault}", contender.name, round + 1)),
                );
            }
        }
        all
    }

    fn notes(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for (contender, reports) in self.contenders.iter().zip(&self.reports) {
            for note in reports.iter().flat_map(|report| &report.notes) {
                let line = format!("{}: {note}", contender.name);
                if !all.contains(&line) {
                    all.push(line);
                }
            }
        }
        all
    }

    fn lines(&self) -> Vec<Line> {
        let first = self.reports.iter().flatten().next();
        let measures = first.map(every_measure).unwrap_or_default();
        measures
            .into_iter()
            .map(|measure| {
                let of = |reports: &Vec<Report>| {
                    let values = reports.iter().filter_map(|report| {
                        let all = every_measure(report);
                        let same = all.into_iter().find(|other| other.key == measure.key)?;
                        Some(same.value)
                    });
                    median(values.collect())
                };
                let medians = self.reports.iter().map(of).collect();
                Line { measure, medians }
            })
            .collect()
    }

    pub fn text(&self) -> String {
        let mut out = String::new();
        if let Some(report) = self.reports.iter().flatten().next() {
            let settings = report.settings.iter().map(|(k, v)| format!("{k} {v}"));
            let settings: Vec<String> = settings.collect();
            out += &format!("{}: {}\n", report.mode, settings.join(", "));
        }
        let rounds = self.reports.iter().map(Vec::len).max().unwrap_or(0);
        out += &format!("medians of rounds: {rounds}\n\n{}", aligned(&self.rows()));
        for note in self.notes() {
            out += &format!("\nNote: {note}\n");
        }
        for fault in self.faults() {
            out += &format!("\nFault: {fault}\n");
        }
        out
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let mut head = vec![String::new()];
        head.extend(self.contenders.iter().map(|c| c.name.clone()));
        let others = self.contenders.iter().skip(1);
        head.extend(others.map(|c| format!("{} / {}", c.name, self.contenders[0].name)));
        let mut rows = vec![head];
        for line in self.lines() {
            let mut row = vec![line.measure.label.clone()];
            let cell = |value: &Option<f64>| {
                value.map_or("-".to_owned(), |value| shown(value, line.measure.unit))
            };
            row.extend(line.medians.iter().map(cell));
            let ratios = line.ratios();
            let ratio = |value: &Option<f64>| value.map_or("-".to_owned(), rate_of_two);
            row.extend(ratios.iter().skip(1).map(ratio));
            rows.push(row);
        }
        rows
    }

    pub fn to_json(&self) -> Value {
        let lines = self.lines();
        let contenders = self.contenders.iter().zip(&self.reports).enumerate();
        let contenders = contenders.map(|(at, (contender, reports))| {
            let pick = |of: &dyn Fn(&Line) -> Option<f64>| {
                let values = lines.iter().map(|line| {
                    let key = json::named(&line.measure.key, line.measure.unit);
                    (key, of(line).map_or(Value::Null, json::number))
                });
                Value::Object(values.collect())
            };
            json!({
                "name": contender.name,
                "command": contender.command,
                "medians": pick(&|line| line.medians.get(at).copied().flatten()),
                "ratios_to_first": pick(&|line| line.ratios().get(at).copied().flatten()),
                "runs": reports.iter().map(Report::to_json).collect::<Vec<_>>(),
            })
        });
        json!({
            "contenders": contenders.collect::<Vec<_>>(),
            "notes": self.notes(),
            "faults": self.faults(),
        })
    }

    /// One page: the table, then the charts of each broker's last round.
    pub fn html(&self) -> String {
        let last = self.contenders.iter().zip(&self.reports);
        let last = last.filter_map(|(c, reports)| Some((c.name.as_str(), reports.last()?)));
        page(
            Some((&self.rows(), &self.faults())),
            &last.collect::<Vec<_>>(),
        )
    }
}

impl Line {
    fn ratios(&self) -> Vec<Option<f64>> {
        let first = self.medians.first().copied().flatten();
        let ratio = |value: &Option<f64>| {
            let (value, first) = (*value.as_ref()?, first?);
            (first != 0.0).then_some(value / first)
        };
        self.medians.iter().map(ratio).collect()
    }
}

fn rate_of_two(value: f64) -> String {
    if value >= 100.0 {
        rate(value)
    } else {
        format!("{value:.2}")
    }
}

/// The measures of a report, the cells of its tables among them.
fn every_measure(report: &Report) -> Vec<Measure> {
    let mut all = report.measures.clone();
    for table in &report.tables {
        for row in &table.rows {
            let step = row.first().copied().flatten().unwrap_or(0.0);
            for ((key, label, unit), value) in table.columns.iter().zip(row).skip(1) {
                if let Some(value) = value {
                    let (key, label) = (
                        format!("{key}_at_{step:.0}"),
                        format!("{label}, at {}", rate(step)),
                    );
                    all.push(Measure::new(&key, &label, *value, *unit));
                }
            }
        }
    }
    all
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().checked_sub(1)? / 2, values.len() / 2);
    Some((values[low] + values[high]) / 2.0)
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
