//! `/metrics` as Prometheus reads it, held against the page that describes it, and against what clients
//! have done.

mod wire;

use std::collections::BTreeMap;
use wire::http::Api;
use wire::mqtt5::{Client, Connect};
use wire::{PINGREQ, PINGRESP, address, connected, expect, wait_until};

const PAGE: &str = include_str!("../../../docs/metrics.md");

/// The samples by name and labels.
type Samples = BTreeMap<String, f64>;

fn scrape(api: &Api) -> (String, Samples) {
    let answer = api.ask("GET", "/metrics", &[], "");
    assert_eq!(answer.status, 200);
    let kind = "content-type: text/plain; version=0.0.4";
    assert!(answer.head.contains(kind), "{}", answer.head);
    let samples = answer.body.lines().filter(|line| !line.starts_with('#'));
    let split = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    };
    let samples = samples.map(split).collect();
    (answer.body, samples)
}

/// Names, kinds and meanings of the metrics of a scrape.
fn families(text: &str) -> Vec<(String, String, String)> {
    let mut all = Vec::new();
    let mut help = String::new();
    for line in text.lines() {
        let mut words = line.splitn(4, ' ').skip(1);
        match words.next() {
            Some("HELP") => help = words.nth(1).unwrap().to_owned(),
            Some("TYPE") => {
                let name = words.next().unwrap().to_owned();
                all.push((name, words.next().unwrap().to_owned(), help.clone()));
            }
            _ => {}
        }
    }
    all
}

#[test]
fn the_page_is_what_is_served() {
    let api = Api::start("");
    let (text, _) = scrape(&api);
    let rows = PAGE.lines().filter(|line| line.starts_with("| `"));
    let cells = |row: &str| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        (
            cells[0].trim_matches('`').into(),
            cells[1].into(),
            cells[3].into(),
        )
    };
    let described: Vec<(String, String, String)> = rows.map(cells).collect();
    assert_eq!(families(&text), described, "docs/metrics.md");
    for (name, kind, _) in described {
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
    }
    api.stop();
}

#[test]
fn what_clients_do_is_counted() {
    let api = Api::start("");
    let connect = Connect {
        id: "five",
        keep: Some(60),
        ..Connect::default()
    };
    let mut five = Client::connect(&address(&api.node, 0), connect);
    five.subscribe("a/#");
    let mut three = connected(&api.node, "three");
    use std::io::Write;
    three.write_all(PINGREQ).unwrap();
    expect(&mut three, PINGRESP);
    let connect = Connect {
        id: "publisher",
        ..Connect::default()
    };
    let mut publisher = Client::connect(&address(&api.node, 0), connect);
    publisher.say("a/1", "one");
    assert_eq!(five.heard().0, "a/1");
    publisher.say("nobody", "two");
    let expected = [
        ("waypost_ready", 1.0),
        ("waypost_connections{protocol=\"mqtt5\"}", 2.0),
        ("waypost_connections{protocol=\"mqtt311\"}", 1.0),
        ("waypost_connections{protocol=\"mqtt31\"}", 0.0),
        ("waypost_sessions", 3.0),
        ("waypost_subscriptions", 1.0),
        ("waypost_clients_connected_total{protocol=\"mqtt5\"}", 2.0),
        (
            "waypost_messages_received_total{protocol=\"mqtt5\",qos=\"1\"}",
            2.0,
        ),
        (
            "waypost_messages_sent_total{protocol=\"mqtt5\",qos=\"1\"}",
            1.0,
        ),
        ("waypost_messages_accepted_total", 2.0),
        ("waypost_received_payload_bytes_total", 6.0),
        ("waypost_sent_payload_bytes_total", 3.0),
        ("waypost_packets_received_total{type=\"connect\"}", 3.0),
        ("waypost_packets_received_total{type=\"pingreq\"}", 1.0),
        ("waypost_packets_sent_total{type=\"pingresp\"}", 1.0),
        ("waypost_kicked_total", 0.0),
    ];
    let (_, samples) = scrape(&api);
    for (name, value) in expected {
        assert_eq!(samples.get(name), Some(&value), "{name}: {samples:#?}");
    }
    let url = &api.node.urls()[0];
    let listener = format!("waypost_listener_connections{{listener=\"{url}\"}}");
    assert_eq!(samples[&listener], 3.0);
    assert!(samples["process_resident_memory_bytes"] > 1e6);
    assert!(
        samples
            .keys()
            .all(|name| !name.contains("five") && !name.contains("a/"))
    );

    let kick = api.as_user("operator", "DELETE", "/api/v1/connections/five", "");
    assert_eq!(kick.status, 204);
    drop((three, publisher));
    wait_until("all have gone", 20, || {
        scrape(&api).1["waypost_sockets"] == 0.0
    });
    let (_, samples) = scrape(&api);
    assert_eq!(samples["waypost_kicked_total"], 1.0);
    assert_eq!(samples["waypost_sessions"], 1.0, "one is kept");
    api.stop();
}
