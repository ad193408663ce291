//! `pub` and `sub` against `serve`, all of them the real binary.

mod broker;
mod certificates;
mod relay;
mod transports;

use broker::{Broker, waypost};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn every_version_and_quality_over_both_transports() {
    let broker = Broker::start(&[]);
    for url in [&broker.mqtt, &broker.ws] {
        for version in ["31", "311", "5"] {
            let mut sub = broker.subscribe(
                url,
                &[
                    "-t", "v/#", "-q", "2", "-V", version, "-C", "3", "-F", "%t %q %p",
                ],
            );
            for qos in ["0", "1", "2"] {
                let sent = waypost(&[
                    "pub", "-L", url, "-V", version, "-q", qos, "-t", "v/x", "-m", "hello",
                ])
                .output();
                assert!(sent.unwrap().status.success(), "{url} {version} {qos}");
                assert_eq!(sub.line(), format!("v/x {qos} hello"), "{url} {version}");
            }
            assert_eq!(sub.code(), 0);
        }
    }
}

#[test]
fn properties_arrive_and_json_shows_them() {
    let broker = Broker::start(&[]);
    let options = [
        "-t",
        "p",
        "-V",
        "5",
        "-C",
        "1",
        "--json",
        "-D",
        "subscribe",
        "subscription-identifier",
        "9",
    ];
    let mut sub = broker.subscribe(&broker.mqtt, &options);
    let mut words = vec!["-t", "p", "-m", "{}", "-q", "1", "--json"];
    for property in [
        &["content-type", "application/json"][..],
        &["response-topic", "answer"],
        &["correlation-data", "-7"],
        &["payload-format-indicator", "1"],
        &["user-property", "k", "v"],
    ] {
        words.extend(["-D", "publish"]);
        words.extend(property);
    }
    let sent = broker.publish(&words);
    assert!(sent.status.success());
    let sent: serde_json::Value = serde_json::from_slice(&sent.stdout).unwrap();
    assert_eq!(sent["reason_code"], 0);
    let got: serde_json::Value = serde_json::from_str(&sub.line()).unwrap();
    assert_eq!(got["payload"], "{}");
    let props = &got["properties"];
    assert_eq!(props["content-type"], "application/json");
    assert_eq!(props["response-topic"], "answer");
    assert_eq!(props["correlation-data"], "-7");
    assert_eq!(props["payload-format-indicator"], 1);
    assert_eq!(props["subscription-identifier"], 9);
    assert_eq!(props["user-properties"]["k"], "v");
}

#[test]
fn lines_of_standard_input() {
    let broker = Broker::start(&[]);
    let mut sub = broker.subscribe(
        &broker.mqtt,
        &["-t", "l", "-q", "1", "-C", "502", "-F", "[%p]"],
    );
    let mut publisher = waypost(&["pub", "-L", &broker.mqtt, "-t", "l", "-l", "-q", "1"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = publisher.stdin.take().unwrap();
    input.write_all(b"first\n\n").unwrap();
    assert_eq!(
        (sub.line(), sub.line()),
        ("[first]".into(), "[]".into()),
        "before the input ends"
    );
    for i in 0..500 {
        writeln!(input, "{i}").unwrap();
    }
    drop(input);
    assert!(publisher.wait().unwrap().success());
    for i in 0..500 {
        assert_eq!(sub.line(), format!("[{i}]"));
    }
    assert_eq!(sub.code(), 0);
}

#[test]
fn a_kept_session_gives_each_message_once() {
    let broker = Broker::start(&[]);
    let sub = |words: &[&str]| {
        let own = [
            "sub",
            "-L",
            &broker.mqtt,
            "-t",
            "s/#",
            "-q",
            "1",
            "-c",
            "-i",
            "keeper",
        ];
        waypost(&own).args(words).output().unwrap()
    };
    assert!(sub(&["-E"]).status.success());
    for i in ["1", "2", "3"] {
        assert!(
            broker
                .publish(&["-t", "s/x", "-m", i, "-q", "1"])
                .status
                .success()
        );
    }
    assert_eq!(sub(&["-C", "1"]).stdout, b"1\n");
    assert_eq!(
        sub(&["-C", "2", "-W", "10"]).stdout,
        b"2\n3\n",
        "what was not printed was not acknowledged"
    );
}

#[test]
fn retained_messages_are_shown_hidden_and_removed() {
    let broker = Broker::start(&[]);
    assert!(
        broker
            .publish(&["-t", "r/1", "-m", "kept", "-r", "-q", "1"])
            .status
            .success()
    );
    let sub = |words: &[&str]| {
        waypost(&["sub", "-L", &broker.mqtt, "-t", "r/#", "-v"])
            .args(words)
            .output()
            .unwrap()
    };
    assert_eq!(sub(&["-C", "1"]).stdout, b"r/1 kept\n");
    let hidden = sub(&["-R", "-W", "1"]);
    assert_eq!((hidden.status.code(), hidden.stdout.len()), (Some(27), 0));
    let removed = sub(&["--remove-retained", "-C", "1"]);
    assert_eq!(removed.status.code(), Some(0));
    assert_eq!(sub(&["-W", "1"]).stdout, b"");
}

#[test]
fn a_will_is_sent_when_its_client_is_killed_and_not_when_it_is_asked_to_end() {
    let broker = Broker::start(&[]);
    let mut watcher = broker.subscribe(&broker.mqtt, &["-t", "will/#", "-v"]);
    let will = |topic: &str| {
        broker.subscribe(
            &broker.mqtt,
            &["-t", "x", "--will-topic", topic, "--will-payload", "gone"],
        )
    };
    let mut asked = will("will/asked");
    let pid = asked.child.id().to_string();
    assert!(Command::new("kill").arg(&pid).status().unwrap().success());
    asked.child.wait().unwrap();
    let mut killed = will("will/killed");
    killed.child.kill().unwrap();
    killed.child.wait().unwrap();
    assert_eq!(watcher.line(), "will/killed gone");
    watcher.child.kill().unwrap();
    watcher.child.wait().unwrap();
}

#[test]
fn time_runs_out_with_27() {
    let broker = Broker::start(&[]);
    let start = Instant::now();
    let output = waypost(&["sub", "-L", &broker.mqtt, "-t", "nothing", "-W", "1"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(27));
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[test]
fn users_of_a_password_file() {
    let broker = Broker::start(&[]);
    let users = broker.dir.join("users").display().to_string();
    let add = |user: &str| {
        let mut child = waypost(&["passwd", &users, user, "--password-stdin"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(b"secret\n").unwrap();
        assert!(child.wait().unwrap().success());
    };
    add("alice");
    add("bob");
    assert!(
        waypost(&["passwd", &users, "bob", "--delete"])
            .status()
            .unwrap()
            .success()
    );
    let guarded = Broker::start(&["--set", &format!("auth.password_file={users}")]);
    let login = |user: &str, password: &str| {
        let words = ["-u", user, "-P", password, "-t", "a", "-m", "b"];
        guarded.publish(&words)
    };
    assert_eq!(login("alice", "secret").status.code(), Some(0));
    let refused = login("alice", "wrong");
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        String::from_utf8(refused.stderr)
            .unwrap()
            .contains("bad user name or password")
    );
    assert_eq!(login("bob", "secret").status.code(), Some(1));
    assert_eq!(
        guarded.publish(&["-t", "a", "-m", "b"]).status.code(),
        Some(1)
    );
}

#[test]
fn exit_codes_and_what_is_said() {
    let run = |words: &[&str]| {
        let output = waypost(words).output().unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, text) = run(&["pub", "-h", "127.0.0.1", "-p", "1", "-t", "a", "-m", "b"]);
    assert_eq!(code, 1);
    assert!(text.contains("cannot reach mqtt://127.0.0.1:1"), "{text}");
    assert_eq!(
        run(&[
            "pub",
            "-h",
            "127.0.0.1",
            "-p",
            "1",
            "-t",
            "a",
            "-m",
            "b",
            "--quiet"
        ]),
        (1, String::new())
    );
    assert_eq!(run(&["pub", "-t", "a"]).0, 64);
    assert_eq!(run(&["dance"]).0, 64);
    let (code, text) = run(&["serve", "--set", "limits.receive_maximun=5"]);
    assert_eq!(code, 78);
    assert!(
        text.contains("did you mean \"limits.receive_maximum\""),
        "{text}"
    );
    let (code, text) = run(&["serve", "--listen", "mqtt://0.0.0.0:0"]);
    assert_eq!(code, 78);
    assert!(text.contains("insecure_anonymous"), "{text}");
    let (code, text) = run(&["config", "check", "--config", "/nonexistent/waypost.toml"]);
    assert_eq!(code, 78);
    assert!(text.contains("/nonexistent/waypost.toml"), "{text}");
}

#[test]
fn the_environment_configures_and_config_show_says_so() {
    let output = waypost(&["config", "show", "--json", "--set", "shards=2"])
        .env("WAYPOST__LIMITS__MAX_PACKET_SIZE", "4 MiB")
        .output()
        .unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let row = |key: &str| {
        shown
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["key"] == key)
            .unwrap()
    };
    assert_eq!(row("limits.max_packet_size")["value"], "4 MiB");
    assert_eq!(
        row("limits.max_packet_size")["origin"],
        "environment WAYPOST__LIMITS__MAX_PACKET_SIZE"
    );
    assert_eq!(row("shards")["origin"], "--set shards");
    assert_eq!(row("log.level")["origin"], "default");
    let output = waypost(&["config", "reference"]).output().unwrap();
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("limits.max_packet_size")
    );
}
