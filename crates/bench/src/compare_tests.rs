//! Medians, ratios and faults of made-up rounds.

use super::*;
use crate::report::{Table, Unit};

fn report(cpu: f64, fault: bool) -> Report {
    Report {
        mode: "throughput".into(),
        target: "mqtt://h".into(),
        version: "mqtt311".into(),
        settings: vec![("qos".into(), "1".into())],
        measures: vec![
            Measure::new("broker_cpu", "broker CPU", cpu, Unit::Microseconds),
            Measure::new("lost", "lost", 0.0, Unit::Count),
        ],
        latency: None,
        tables: vec![Table {
            title: "t".into(),
            columns: vec![
                ("n".into(), "n".into(), Unit::Count),
                ("cost".into(), "cost".into(), Unit::Microseconds),
            ],
            rows: vec![
                vec![Some(1000.0), Some(cpu * 2.0)],
                vec![Some(2000.0), None],
            ],
        }],
        samples: Vec::new(),
        faults: if fault {
            vec!["3 lost".into()]
        } else {
            Vec::new()
        },
        notes: vec!["generator-bound".into()],
    }
}

fn comparison() -> Comparison {
    let contender = |name: &str| Contender {
        name: name.into(),
        command: format!("{name} -p {{port}}"),
    };
    Comparison {
        contenders: vec![contender("a"), contender("b")],
        reports: vec![
            vec![report(1.0, false), report(9.0, false), report(2.0, false)],
            vec![report(4.0, false), report(5.0, true), report(3.0, false)],
        ],
    }
}

#[test]
fn medians_and_ratios_to_the_first() {
    let json = comparison().to_json();
    let b = &json["contenders"][1];
    assert_eq!(b["medians"]["broker_cpu_us"], 4);
    assert_eq!(b["ratios_to_first"]["broker_cpu_us"], 2);
    assert_eq!(b["medians"]["cost_at_1000_us"], 8);
    assert_eq!(b["ratios_to_first"]["lost"], Value::Null);
    assert_eq!(b["runs"].as_array().map(Vec::len), Some(3));
    assert_eq!(json["contenders"][0]["ratios_to_first"]["broker_cpu_us"], 1);
}

#[test]
fn the_text_has_a_row_for_each_measure() {
    let text = comparison().text();
    assert!(text.contains("b / a"), "{text}");
    let line = text.lines().find(|l| l.starts_with("broker CPU")).unwrap();
    assert!(line.ends_with("2.00 µs  4.00 µs   2.00"), "{line:?}");
    assert!(text.contains("cost, at 1,000"), "{text}");
    assert!(text.contains("Fault: b, round 2: 3 lost"), "{text}");
    assert_eq!(text.matches("generator-bound").count(), 2, "{text}");
}

#[test]
fn medians() {
    assert_eq!(median(vec![]), None);
    assert_eq!(median(vec![4.0, 1.0]), Some(2.5));
    assert_eq!(median(vec![9.0, 1.0, 4.0]), Some(4.0));
}
