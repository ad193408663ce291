//! Tests of the broker's own topics: which there are, when they are said again, and their averages.

use super::*;

fn sample(counts: &Counts, uptime_ms: u64) -> Sample<'_> {
    Sample {
        counts,
        retained_messages: 3,
        retained_bytes: 300,
        heap_bytes: None,
        uptime_ms,
    }
}

fn with_heap(counts: &Counts, heap: u64) -> Sample<'_> {
    Sample {
        heap_bytes: Some(heap),
        ..sample(counts, 1000)
    }
}

fn said(messages: &[OperatorMessage]) -> BTreeMap<String, String> {
    let pair = |m: &OperatorMessage| {
        assert!(m.retain && m.transient && is_sys(&m.topic));
        let value = String::from_utf8(m.payload.to_vec()).unwrap();
        (m.topic.replace("$SYS/broker/", ""), value)
    };
    messages.iter().map(pair).collect()
}

/// A load of `connections` where 30 CONNECTs came within half a minute of ten minutes.
#[test]
fn an_average_follows_its_rate_and_forgets_it() {
    let mut sys = SysTopics::new("waypost 1", None);
    let mut counts = Counts::default();
    let first = said(&sys.update(&sample(&counts, 0)));
    assert_eq!(first["load/connections/1min"], "0.00");
    counts.stats.received_packets[CONNECT] = 30;
    let risen = said(&sys.update(&sample(&counts, 30_000)));
    // 60 a minute over half a minute: 60 (1 - e^-0.5), 60 (1 - e^-0.1), 60 (1 - e^(-1/30)).
    assert_eq!(risen["load/connections/1min"], "23.61");
    assert_eq!(risen["load/connections/5min"], "5.71");
    assert_eq!(risen["load/connections/15min"], "1.97");
    for half_minute in 2..=20 {
        sys.update(&sample(&counts, half_minute * 30_000));
    }
    let fallen = said(&sys.update(&sample(&counts, 21 * 30_000)));
    // 23.608 e^-10, 5.7098 e^-2, 1.9671 e^(-2/3); the first was 0.00 before this call as well.
    assert_eq!(fallen.get("load/connections/1min"), None);
    assert_eq!(fallen["load/connections/5min"], "0.77");
    assert_eq!(fallen["load/connections/15min"], "1.01");
}

#[test]
fn a_steady_rate_is_what_all_averages_come_to() {
    let mut sys = SysTopics::new("waypost 1", None);
    let mut counts = Counts::default();
    sys.update(&sample(&counts, 0));
    let mut last = BTreeMap::new();
    for step in 1..=1000 {
        counts.stats.sent_bytes += 500;
        last.extend(said(&sys.update(&sample(&counts, step * 10_000))));
    }
    for window in ["1min", "5min", "15min"] {
        let average: f64 = last[&format!("load/bytes/sent/{window}")].parse().unwrap();
        assert!((average - 3000.0).abs() < 0.1, "{window}: {average}");
    }
}

#[test]
fn only_what_has_changed_is_said_again() {
    let mut sys = SysTopics::new("waypost 1", Some("2026-01-01T00:00:00Z"));
    let mut counts = Counts::default();
    let first = said(&sys.update(&sample(&counts, 1000)));
    assert_eq!(first["version"], "waypost 1");
    assert_eq!(first["timestamp"], "2026-01-01T00:00:00Z");
    assert_eq!(first["uptime"], "1 seconds");
    assert!(said(&sys.update(&sample(&counts, 1000))).is_empty());
    counts.subscriptions = 7;
    let again = said(&sys.update(&sample(&counts, 1999)));
    assert_eq!(
        again,
        BTreeMap::from([("subscriptions/count".into(), "7".into())])
    );
}

#[test]
fn maxima_stay_when_levels_fall() {
    let mut sys = SysTopics::new("waypost 1", None);
    let mut counts = Counts {
        connections: [1, 2, 3],
        sessions: 10,
        in_flight: 2,
        queued_messages: 4,
        queued_bytes: 50,
        ..Counts::default()
    };
    let high = said(&sys.update(&with_heap(&counts, 900)));
    for (topic, value) in [
        ("clients/connected", "6"),
        ("clients/active", "6"),
        ("clients/total", "10"),
        ("clients/disconnected", "4"),
        ("clients/inactive", "4"),
        ("clients/maximum", "6"),
        ("heap/current", "900"),
        ("heap/maximum", "900"),
        ("messages/stored", "9"),
        ("store/messages/count", "9"),
        ("store/messages/bytes", "350"),
    ] {
        assert_eq!(high[topic], value, "{topic}");
    }
    counts.connections = [0; 3];
    let low = said(&sys.update(&with_heap(&counts, 100)));
    assert_eq!(low["clients/connected"], "0");
    assert_eq!(low["heap/current"], "100");
    assert!(!low.contains_key("clients/maximum") && !low.contains_key("heap/maximum"));
}

/// Each row of `docs/sys-topics.md` begins with a topic; `{1min,5min,15min}` stands for three.
#[test]
fn the_page_lists_all_topics_and_no_other() {
    let page = include_str!("../../../docs/sys-topics.md");
    let mut listed = Vec::new();
    for row in page.lines().filter_map(|l| l.strip_prefix("| `")) {
        let topic = row.split('`').next().unwrap().replace("$SYS/broker/", "");
        match topic.split_once("{1min,5min,15min}") {
            Some((load, _)) => listed.extend(WINDOWS.map(|w| format!("{load}{w}min"))),
            None => listed.push(topic),
        }
    }
    listed.sort();
    let counts = Counts::default();
    let all = Sample {
        heap_bytes: Some(1),
        ..sample(&counts, 0)
    };
    let mut sys = SysTopics::new("waypost 1", Some("then"));
    let made: Vec<String> = said(&sys.update(&all)).into_keys().collect();
    assert_eq!(listed, made);
}

#[test]
fn the_brokers_own_topics() {
    for (topic, own) in [
        ("$SYS", true),
        ("$SYS/", true),
        ("$SYS/broker/x", true),
        ("$SYSTEM/x", false),
        ("$sys/x", false),
        ("a/$SYS/x", false),
    ] {
        assert_eq!(is_sys(topic), own, "{topic}");
    }
}
