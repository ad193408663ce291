//! What a page holds, and what it must not.

use super::*;
use crate::report::{Latency, Measure, Unit};

fn report() -> Report {
    let sample = |at: f64| Sample {
        at,
        sent: 1000.0 * at,
        delivered: 990.0 * at,
        broker_cpu: Some(0.2),
        own_cpu: 0.1,
        resident: Some(5e6),
        latency: Some([50.0, 400.0, 1900.0]),
    };
    Report {
        mode: "latency".into(),
        target: "mqtt://h:1 <script>alert(1)</script>".into(),
        version: "mqtt5".into(),
        settings: vec![("rate".into(), "1000 a second".into())],
        measures: vec![Measure::new(
            "latency_p50",
            "latency p50",
            51.5,
            Unit::Microseconds,
        )],
        latency: Some(Latency {
            count: 100,
            curve: vec![(0.0, 20.0), (0.5, 50.0), (0.9, 100.0), (0.99, 900.0)],
        }),
        tables: Vec::new(),
        samples: (1..=5).map(|n| sample(f64::from(n))).collect(),
        faults: vec!["2 messages lost".into()],
        notes: vec!["generator-bound".into()],
    }
}

#[test]
fn a_page_has_everything_and_asks_nobody() {
    let report = report();
    let page = page(None, &[("", &report)]);
    assert_eq!(page.matches("<svg").count(), 5);
    for text in [
        "51.50 µs",
        "2 messages lost",
        "generator-bound",
        "99 %",
        "mqtt5",
    ] {
        assert!(page.contains(text), "{text}");
    }
    for outside in [
        "http:", "https:", "src=", "@import", "url(", "<script", "NaN", "inf",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn a_comparison_stands_above_the_charts_of_each() {
    let report = report();
    let rows = vec![
        vec![String::new(), "a".into(), "b".into()],
        vec!["rate".into(), "1".into(), "2".into()],
    ];
    let faults = vec!["b, round 1: something".to_owned()];
    let page = page(Some((&rows, &faults)), &[("a", &report), ("b", &report)]);
    let table = page.find("<table>").unwrap();
    assert!(table < page.find("<svg").unwrap());
    assert!(page.contains("b, round 1: something"));
    assert_eq!(page.matches("<svg").count(), 4);
    assert_eq!(page.matches("<span class=\"s1\">b</span>").count(), 4);
}

#[test]
fn a_run_without_samples_has_no_empty_charts() {
    let mut report = report();
    report.samples.clear();
    report.latency = None;
    assert_eq!(page(None, &[("", &report)]).matches("<svg").count(), 0);
}
