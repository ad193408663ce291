//! Reports as one page: tables and charts, with everything inside it, so that it asks no host for anything.

use super::chart::{Axis, Chart, Series, escaped};
use super::table::{bytes, rate};
use super::{Report, Sample};
use std::fmt::Write;

const STYLE: &str = "
:root { color-scheme: light dark; --fg: #1b2733; --dim: #66788a; --line: #d9e0e6; --bg: #fff; --bad: #b3261e;
  --c0: #1668c7; --c1: #c2571a; --c2: #6b3fa0; --c3: #1b7f4d; }
@media (prefers-color-scheme: dark) { :root { --fg: #e4e9ee; --dim: #93a3b3; --line: #35414d; --bg: #14191f;
  --bad: #ff8a80; --c0: #6db0ff; --c1: #ffa25e; --c2: #c8a2ff; --c3: #66d39b; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--fg); background: var(--bg); margin: 2rem auto;
  max-width: 1000px; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
.settings { color: var(--dim); margin-top: .2rem; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
td, th { padding: .2rem .9rem .2rem 0; border-bottom: 1px solid var(--line); text-align: right; font-weight: 400; }
td:first-child, th:first-child { text-align: left; } th { color: var(--dim); }
figure { margin: 1.6rem 0; } figcaption { font-weight: 600; margin-bottom: .3rem; }
svg { width: 100%; height: auto; } svg text { fill: var(--dim); font-size: 12px; }
svg .grid { stroke: var(--line); stroke-width: 1; } svg path { fill: none; stroke-width: 2; }
.legend { margin: .2rem 0 0 4.8rem; } .legend span::before { content: ''; display: inline-block; width: 1.2em;
  height: .25em; margin: 0 .4em .22em 0; background: currentColor; }
.legend span { margin-right: 1.2em; }
.s0 { stroke: var(--c0); } .s1 { stroke: var(--c1); } .s2 { stroke: var(--c2); } .s3 { stroke: var(--c3); }
.legend .s0 { color: var(--c0); } .legend .s1 { color: var(--c1); } .legend .s2 { color: var(--c2); }
.legend .s3 { color: var(--c3); }
.fault { color: var(--bad); font-weight: 600; } .note { color: var(--dim); }
";

/// Rows of a comparison, and its faults.
type Compared<'a> = (&'a [Vec<String>], &'a [String]);

/// One page of all reports; of a comparison where there is one.
pub(crate) fn page(
    comparison: Option<(&Vec<Vec<String>>, &Vec<String>)>,
    reports: &[(&str, &Report)],
) -> String {
    let mut out = String::new();
    let comparison = comparison.map(|(rows, faults)| (rows.as_slice(), faults.as_slice()));
    // Writing to a string does not fail.
    let _ = write_page(&mut out, comparison, reports);
    out
}

impl Report {
    /// The report as a page.
    pub fn html(&self) -> String {
        page(None, &[("", self)])
    }
}

fn write_page(
    out: &mut String,
    comparison: Option<Compared<'_>>,
    reports: &[(&str, &Report)],
) -> std::fmt::Result {
    let mode = reports
        .first()
        .map_or("", |(_, report)| report.mode.as_str());
    let title = format!("waypost bench {}", escaped(mode));
    write!(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head><body><h1>{title}</h1>"
    )?;
    if let Some((_, report)) = reports.first() {
        let settings = report.settings.iter().map(|(k, v)| format!("{k} {v}"));
        let settings = settings.collect::<Vec<_>>().join(" · ");
        write!(out, "<p class=\"settings\">{}</p>", escaped(&settings))?;
    }
    if let Some((rows, faults)) = comparison {
        write_table(out, rows)?;
        for fault in faults {
            write!(out, "<p class=\"fault\">{}</p>", escaped(fault))?;
        }
    }
    match (comparison, reports) {
        (None, [(_, report)]) => {
            let (target, version) = (escaped(&report.target), escaped(&report.version));
            write!(out, "<h2>{target} <small>{version}</small></h2>")?;
            write_report(out, report)?;
        }
        // The table above has the values; what is left is how they came to be.
        _ => write_charts(out, &compared_charts(reports))?,
    }
    out.push_str("</body></html>\n");
    Ok(())
}

fn write_table(out: &mut String, rows: &[Vec<String>]) -> std::fmt::Result {
    out.push_str("<table>");
    for (index, row) in rows.iter().enumerate() {
        let tag = if index == 0 { "th" } else { "td" };
        out.push_str("<tr>");
        for cell in row {
            write!(out, "<{tag}>{}</{tag}>", escaped(cell))?;
        }
        out.push_str("</tr>");
    }
    out.push_str("</table>");
    Ok(())
}

fn write_report(out: &mut String, report: &Report) -> std::fmt::Result {
    for fault in &report.faults {
        write!(out, "<p class=\"fault\">{}</p>", escaped(fault))?;
    }
    for note in &report.notes {
        write!(out, "<p class=\"note\">{}</p>", escaped(note))?;
    }
    let head = vec![vec!["measure".to_owned(), "value".to_owned()]];
    let rows = report.measures.iter();
    let rows = rows.map(|m| vec![m.label.clone(), m.shown()]);
    write_table(out, &head.into_iter().chain(rows).collect::<Vec<_>>())?;
    for table in &report.tables {
        write!(out, "<p>{}</p>", escaped(&table.title))?;
        write_table(out, &table.text_rows())?;
    }
    write_charts(out, &charts(report))
}

fn write_charts(out: &mut String, charts: &[Chart]) -> std::fmt::Result {
    for chart in charts {
        out.push_str(&chart.svg());
    }
    Ok(())
}

/// The charts of several reports, a line for each.
fn compared_charts(reports: &[(&str, &Report)]) -> Vec<Chart> {
    let mut charts: Vec<Chart> = percentiles(reports).into_iter().collect();
    let lines = |of: &dyn Fn(&Sample) -> Option<f64>| {
        let line = |(name, report): &(&str, &Report)| Series {
            name: (*name).into(),
            points: report.samples.iter().map(|s| (s.at, of(s))).collect(),
        };
        reports.iter().map(line).collect::<Vec<_>>()
    };
    charts.extend(over_time(
        "Delivered a second",
        &rate,
        lines(&|s| Some(s.delivered)),
    ));
    charts.extend(over_time(
        "Broker CPU, in cores",
        &|v| format!("{v:.2}"),
        lines(&|s| s.broker_cpu),
    ));
    charts.extend(over_time(
        "Broker resident memory",
        &bytes,
        lines(&|s| s.resident),
    ));
    charts
}

/// The charts that a report has values for.
fn charts(report: &Report) -> Vec<Chart> {
    let mut charts: Vec<Chart> = percentiles(&[("latency", report)]).into_iter().collect();
    let line = |name: &str, of: &dyn Fn(&Sample) -> Option<f64>| Series {
        name: name.into(),
        points: report.samples.iter().map(|s| (s.at, of(s))).collect(),
    };
    charts.extend(over_time(
        "Messages a second",
        &rate,
        vec![
            line("sent", &|s| Some(s.sent)),
            line("delivered", &|s| Some(s.delivered)),
        ],
    ));
    charts.extend(latency_over_time(report));
    charts.extend(over_time(
        "CPU, in cores",
        &|v| format!("{v:.2}"),
        vec![
            line("broker", &|s| s.broker_cpu),
            line("generator", &|s| Some(s.own_cpu)),
        ],
    ));
    charts.extend(over_time(
        "Broker resident memory",
        &bytes,
        vec![line("memory", &|s| s.resident)],
    ));
    charts
}

fn largest(series: &[Series]) -> Option<f64> {
    let values = series
        .iter()
        .flat_map(|s| s.points.iter().filter_map(|p| p.1));
    values.reduce(f64::max)
}

fn time_axis(series: &[Series]) -> Axis {
    let ends = series.iter().filter_map(|s| s.points.last());
    let end = ends.map(|p| p.0).fold(0.0, f64::max);
    let mut axis = Axis::linear(end, &rate);
    // A chart over time ends where the run did.
    axis.ticks.retain(|(value, _)| *value <= end);
    axis.max = end.max(1e-9);
    axis
}

/// A chart over time; none where there is no value. Lines without values are left out.
fn over_time(title: &str, label: &dyn Fn(f64) -> String, mut series: Vec<Series>) -> Option<Chart> {
    // A single point is no line.
    series.retain(|s| s.points.iter().filter(|p| p.1.is_some()).count() > 1);
    let max = largest(&series)?;
    Some(Chart {
        title: title.into(),
        x: time_axis(&series),
        x_name: "seconds".into(),
        y: Axis::linear(max, label),
        series,
    })
}

fn latency_over_time(report: &Report) -> Option<Chart> {
    let line = |name: &str, index: usize| Series {
        name: name.into(),
        points: report
            .samples
            .iter()
            .map(|s| (s.at, s.latency.and_then(|l| l.get(index).copied())))
            .collect(),
    };
    let mut series = vec![line("p50", 0), line("p99", 1), line("max", 2)];
    series.retain(|s| s.points.iter().filter(|p| p.1.is_some()).count() > 1);
    let values = || {
        series
            .iter()
            .flat_map(|s| s.points.iter().filter_map(|p| p.1))
    };
    let (min, max) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
    Some(Chart {
        title: "Latency of each second (logarithmic)".into(),
        x: time_axis(&series),
        x_name: "seconds".into(),
        y: Axis::log(min, max, &short_time),
        series,
    })
}

/// Latency by percentile, with the tail stretched: each step to the right is ten times rarer.
fn percentiles(reports: &[(&str, &Report)]) -> Option<Chart> {
    let rarity = |quantile: f64| 1.0 / (1.0 - quantile).max(1e-9);
    let line = |(name, report): &(&str, &Report)| {
        let curve = &report.latency.as_ref()?.curve;
        Some(Series {
            name: (*name).into(),
            points: curve
                .iter()
                .map(|(q, us)| (rarity(*q), Some(*us)))
                .collect(),
        })
    };
    let series: Vec<Series> = reports.iter().filter_map(line).collect();
    let points = || series.iter().flat_map(|s| s.points.iter().copied());
    let last = points().map(|p| p.0).reduce(f64::max)?;
    let first = points().filter_map(|p| p.1).reduce(f64::min)?;
    let names = [
        "0",
        "90 %",
        "99 %",
        "99.9 %",
        "99.99 %",
        "99.999 %",
        "99.9999 %",
    ];
    let mut x = Axis::log(1.0, last, &|_| String::new());
    for (tick, name) in x.ticks.iter_mut().zip(names) {
        tick.1 = name.into();
    }
    Some(Chart {
        title: "Latency by percentile (logarithmic)".into(),
        x,
        x_name: "share of messages that were at least as quick".into(),
        y: Axis::log(first, largest(&series)?, &short_time),
        series,
    })
}

fn short_time(us: f64) -> String {
    if us < 1000.0 {
        format!("{us} µs")
    } else if us < 1e6 {
        format!("{} ms", us / 1000.0)
    } else {
        format!("{} s", us / 1e6)
    }
}

#[cfg(test)]
#[path = "html_tests.rs"]
mod tests;
