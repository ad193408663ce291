//! A report as JSON: numbers in base units (seconds, bytes), microseconds where a key says so.

use super::{Report, Table, Unit};
use serde_json::{Map, Value, json};

impl Unit {
    /// What stands behind a key, so that no number is without its unit.
    fn suffix(self) -> &'static str {
        match self {
            Unit::Count => "",
            Unit::PerSecond => "_per_second",
            Unit::Seconds => "_s",
            Unit::Microseconds => "_us",
            Unit::Bytes => "_bytes",
            Unit::Percent => "_percent",
        }
    }
}

/// A key and its unit, without saying it twice.
pub(crate) fn named(key: &str, unit: Unit) -> String {
    match unit {
        Unit::PerSecond => format!("{}_per_second", key.trim_end_matches("_rate")),
        Unit::Seconds if key.ends_with("seconds") => key.to_owned(),
        _ => format!("{key}{}", unit.suffix()),
    }
}

/// Whole numbers as such.
pub(crate) fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        json!(value as i64)
    } else {
        json!(value)
    }
}

impl Table {
    fn to_json(&self) -> Value {
        let row = |row: &Vec<Option<f64>>| {
            let cells = self.columns.iter().zip(row);
            let cells = cells.map(|((key, _, unit), value)| {
                (named(key, *unit), value.map_or(Value::Null, number))
            });
            Value::Object(cells.collect())
        };
        json!({ "title": self.title, "rows": self.rows.iter().map(row).collect::<Vec<_>>() })
    }
}

impl Report {
    pub fn to_json(&self) -> Value {
        let settings: Map<String, Value> = self
            .settings
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        let measures: Map<String, Value> = self
            .measures
            .iter()
            .map(|m| (named(&m.key, m.unit), number(m.value)))
            .collect();
        let samples = self.samples.iter().map(|s| {
            json!({
                "at_s": s.at,
                "sent_per_second": s.sent,
                "delivered_per_second": s.delivered,
                "broker_cpu_cores": s.broker_cpu,
                "own_cpu_cores": s.own_cpu,
                "broker_resident_bytes": s.resident,
                "latency_us": s.latency.map(|[p50, p99, max]| json!({"p50": p50, "p99": p99, "max": max})),
            })
        });
        let mut out = json!({
            "mode": self.mode,
            "target": self.target,
            "protocol": self.version,
            "settings": settings,
            "measures": measures,
            "samples": samples.collect::<Vec<_>>(),
            "notes": self.notes,
            "faults": self.faults,
        });
        if let Some(latency) = &self.latency {
            let curve = latency
                .curve
                .iter()
                .map(|(quantile, us)| json!([quantile, us]));
            out["latency"] = json!({
                "count": latency.count,
                "quantiles_us": curve.collect::<Vec<_>>(),
            });
        }
        if !self.tables.is_empty() {
            out["tables"] = self.tables.iter().map(Table::to_json).collect();
        }
        out
    }
}
