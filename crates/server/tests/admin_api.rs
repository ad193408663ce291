//! What the HTTP API shows of clients and messages, and what it does to them, seen by MQTT clients.

mod wire;

use serde_json::{Value, json};
use std::collections::BTreeSet;
use wire::address;
use wire::http::Api;
use wire::mqtt5::{Client, Connect, Publish};

fn client(api: &Api, id: &str, keep: Option<u32>) -> Client {
    let connect = Connect {
        id,
        keep,
        ..Connect::default()
    };
    Client::connect(&address(&api.node, 0), connect)
}

fn column(list: &Value, field: &str) -> Vec<String> {
    let items = list["items"].as_array().unwrap();
    let text = |row: &Value| match &row[field] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    items.iter().map(text).collect()
}

#[test]
fn lists_have_pages_filters_and_orders_over_all_shards() {
    let api = Api::start("");
    let ids: Vec<_> = (0..30).map(|n| format!("client-{n:02}")).collect();
    let mut clients: Vec<_> = ids.iter().map(|id| client(&api, id, Some(60))).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.subscribe(&format!("group/{}/#", n % 3));
        client.subscribe("$share/all/group/+/x");
    }
    for list in ["connections", "sessions"] {
        let mut all = Vec::new();
        for offset in (0..30).step_by(7) {
            let page = api.get(&format!("/api/v1/{list}?limit=7&offset={offset}"));
            assert_eq!(page["total"], 30, "{list}");
            all.extend(column(&page, "client_id"));
        }
        assert_eq!(all, ids, "{list}: each once, in order");
        let last = api.get(&format!("/api/v1/{list}?sort=-client_id&limit=2"));
        assert_eq!(column(&last, "client_id"), ["client-29", "client-28"]);
        let found = api.get(&format!("/api/v1/{list}?client_id=t-1"));
        assert_eq!(found["total"], 10);
    }
    let shared = api.get("/api/v1/subscriptions?filter=all&limit=1000");
    assert_eq!(shared["total"], 30);
    let of_one = api.get("/api/v1/subscriptions?topic=group/1/y");
    assert_eq!(of_one["total"], 10);
    api.stop();
}

#[test]
fn subscriptions_are_found_by_the_topics_that_they_match() {
    let api = Api::start("");
    let mut ann = client(&api, "ann", None);
    let mut bob = client(&api, "bob", None);
    for filter in ["a/+", "b", "$share/g/a/#"] {
        ann.subscribe(filter);
    }
    bob.subscribe("#");
    let find = |query: &str| {
        let found = api.get(&format!("/api/v1/subscriptions?{query}"));
        column(&found, "filter")
            .into_iter()
            .collect::<BTreeSet<_>>()
    };
    let set = |filters: &[&str]| {
        filters
            .iter()
            .map(|f| f.to_string())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(find("topic=a/1"), set(&["a/+", "$share/g/a/#", "#"]));
    assert_eq!(find("topic=b&client_id=ann"), set(&["b"]));
    assert_eq!(find("topic=$SYS/x"), set(&[]));
    assert_eq!(find("filter=share"), set(&["$share/g/a/#"]));
    let shared = api.get("/api/v1/subscriptions?filter=share");
    assert_eq!(shared["items"][0]["share"], "g");
    assert_eq!(shared["items"][0]["qos"], 1);
    let refused = api.as_user("viewer", "GET", "/api/v1/subscriptions?topic=a/%2B", "");
    assert_eq!(refused.status, 400, "{refused:?}");
    api.stop();
}

#[test]
fn a_connection_and_its_session_as_they_are() {
    let api = Api::start("");
    let mut ann = client(&api, "ann/1 %", Some(3600));
    ann.subscribe("in");
    ann.say("out", "x");
    let connection = api.get("/api/v1/connections/ann%2F1%20%25");
    assert_eq!(connection["client_id"], "ann/1 %");
    assert_eq!(connection["protocol"], "mqtt5");
    assert_eq!(connection["transport"], "tcp");
    assert_eq!(connection["listener"], api.node.urls()[0].as_str());
    assert_eq!(
        connection["address"],
        ann.socket.local_addr().unwrap().to_string()
    );
    assert_eq!(connection["received_messages"], 1);
    assert_eq!(connection["subscriptions"], 1);
    assert_eq!(connection["user"], Value::Null);
    let session = |api: &Api| api.get("/api/v1/sessions/ann%2F1%20%25");
    assert_eq!(session(&api)["connected"], true);
    assert_eq!(session(&api)["expiry_s"], 3600);
    drop(ann);
    wire::wait_until("the broker sees it go", 20, || {
        session(&api)["connected"] == false
    });
    let mut bob = client(&api, "bob", None);
    bob.say("in", "waits");
    assert_eq!(session(&api)["queued_messages"], 1);
    assert!(session(&api)["ends_in_ms"].as_u64().unwrap() <= 3_600_000);
    let away = api.get("/api/v1/sessions?connected=false");
    assert_eq!(column(&away, "client_id"), ["ann/1 %"]);
    let overview = api.get("/api/v1/overview");
    for (field, value) in [
        ("connections", json!(1)),
        (
            "connections_by_protocol",
            json!({"mqtt31": 0, "mqtt311": 0, "mqtt5": 1}),
        ),
        ("sessions", json!(2)),
        ("sessions_connected", json!(1)),
        ("subscriptions", json!(1)),
        ("queued_messages", json!(1)),
        ("published", json!(2)),
        ("shards", json!(2)),
        ("durability", json!("memory")),
    ] {
        assert_eq!(overview[field], value, "{field}: {overview}");
    }
    let listeners = api.get("/api/v1/listeners");
    assert_eq!(listeners[0]["connections"], 1, "{listeners}");
    assert_eq!(listeners[0]["anonymous"], true);
    assert_eq!(listeners[1]["transport"], "http");
    assert_eq!(listeners[1]["anonymous"], false);
    api.stop();
}

#[test]
fn a_client_is_closed_and_its_session_ended() {
    let api = Api::start("");
    let mut ann = client(&api, "ann", Some(3600));
    ann.subscribe("in");
    let kick = |who| api.as_user("operator", "DELETE", who, "").status;
    assert_eq!(kick("/api/v1/connections/ann"), 204);
    let (first, body) = ann.read();
    assert_eq!(
        (first, body[0]),
        (0xe0, 0x98),
        "DISCONNECT, administrative action"
    );
    assert!(ann.try_read().is_none());
    assert_eq!(kick("/api/v1/connections/ann"), 404);
    assert_eq!(
        api.get("/api/v1/sessions/ann")["subscriptions"],
        1,
        "the session stays"
    );

    let mut ann = client(&api, "ann", Some(3600));
    assert_eq!(kick("/api/v1/sessions/ann"), 204);
    assert_eq!(ann.read().0, 0xe0);
    assert_eq!(kick("/api/v1/sessions/ann"), 404);
    assert_eq!(api.get("/api/v1/overview")["sessions"], 0);
    api.stop();
}

#[test]
fn messages_are_published_shown_and_cleared() {
    let api = Api::start("");
    let mut ann = client(&api, "ann", None);
    ann.subscribe("told/#");
    let publish = |body: Value| {
        let answer = api.as_user("operator", "POST", "/api/v1/publish", &body.to_string());
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["receivers"] == true
    };
    assert!(!publish(json!({"topic": "elsewhere", "payload": "x"})));
    for n in 0..20 {
        assert!(publish(
            json!({"topic": "told/you", "payload": format!("{n}"), "qos": 1})
        ));
    }
    for n in 0..20 {
        assert_eq!(ann.heard(), ("told/you".to_owned(), format!("{n}")));
    }
    publish(json!({
        "topic": "told/kept", "payload_base64": "/wA=", "qos": 2, "retain": true, "expiry_s": 100,
        "content_type": "image/x", "response_topic": "answers", "correlation_data_base64": "AQI=",
        "user_properties": [["a", "1"], ["a", "2"]],
    }));
    assert_eq!(ann.message().topic, "told/kept");
    let kept = api.get("/api/v1/retained/told%2Fkept");
    for (field, value) in [
        ("topic", json!("told/kept")),
        ("qos", json!(2)),
        ("payload_base64", json!("/wA=")),
        ("payload_bytes", json!(2)),
        ("content_type", json!("image/x")),
        ("response_topic", json!("answers")),
        ("correlation_data_base64", json!("AQI=")),
        ("user_properties", json!([["a", "1"], ["a", "2"]])),
    ] {
        assert_eq!(kept[field], value, "{field}: {kept}");
    }
    assert!(
        (1..=100).contains(&kept["expiry_s"].as_u64().unwrap()),
        "{kept}"
    );
    assert!(kept.get("payload").is_none(), "{kept}");

    for n in 0..600 {
        let (topic, payload) = (format!("many/{n:03}"), b"x");
        ann.publish(Publish {
            topic: &topic,
            payload,
            retain: true,
            ..Publish::default()
        });
    }
    let many = api.get("/api/v1/retained?filter=many/%2B&limit=3&offset=597");
    assert_eq!(column(&many, "topic"), ["many/597", "many/598", "many/599"]);
    assert_eq!(many["total"], 600);
    assert_eq!(api.get("/api/v1/retained?topic=y/00")["total"], 10);
    let own = api.get("/api/v1/retained?sort=-payload_bytes&limit=1");
    assert_eq!(
        column(&own, "topic"),
        ["told/kept"],
        "$SYS is not among them"
    );
    wire::wait_until("$SYS is there", 20, || {
        let sys = api.get("/api/v1/retained?filter=$SYS/broker/version");
        sys["total"] == 1
    });
    let delete = || api.as_user("operator", "DELETE", "/api/v1/retained/told%2Fkept", "");
    assert_eq!(delete().status, 204);
    assert_eq!(delete().status, 404);
    assert_eq!(api.get("/api/v1/overview")["retained_messages"], 600);
    api.stop();
}

#[test]
fn limits_are_those_in_force() {
    let mut api = Api::start("[limits]\nmax_subscriptions_per_session = 7\n");
    let find = |api: &Api, key: &str| {
        let limits = api.get("/api/v1/limits");
        let limits = limits.as_array().unwrap();
        assert!(limits.len() > 20);
        limits
            .iter()
            .find(|limit| limit["key"] == key)
            .cloned()
            .unwrap()
    };
    let key = "limits.max_subscriptions_per_session";
    let limit = find(&api, key);
    assert_eq!(limit["value"], 7);
    assert!(
        limit["origin"].as_str().unwrap().contains("waypost.toml:"),
        "{limit}"
    );
    let packet = find(&api, "limits.max_packet_size");
    assert_eq!(
        (&packet["unit"], &packet["origin"]),
        (&json!("bytes"), &json!("default"))
    );
    let config = std::fs::read_to_string(api.folder.path("waypost.toml")).unwrap();
    api.folder
        .write("waypost.toml", &config.replace("= 7", "= 'unlimited'"));
    assert!(api.node.reload());
    assert_eq!(find(&api, key)["value"], Value::Null);
    api.stop();
}
