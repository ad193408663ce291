//! The commands that speak to the HTTP API, each as a process, against a server that answers as the
//! API is specified.

mod credentials;
mod fake;
mod top;

use fake::{Answer, Fake, HOSTILE, HOSTILE_ESCAPED, ok, problem};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of its own as configuration of the user.
struct Home(PathBuf);

impl Home {
    fn new() -> Home {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("waypost-api-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Home(path)
    }

    /// `waypost` with these words, and nothing in its environment that says who we are.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
        command
            .args(words)
            .env("XDG_CONFIG_HOME", &self.0)
            .env("TZ", "UTC")
            .stdin(Stdio::null());
        for name in ["API", "TOKEN", "USER", "PASSWORD"] {
            command.env_remove(format!("WAYPOST_{name}"));
        }
        command
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // It may be in use by a process that still ends.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Exit code, standard output and standard error.
fn end(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    for text in [&out, &err] {
        let moves = |c: char| c != '\n' && !message::printable::is_printable(c);
        assert!(!text.contains(moves), "{text:?}");
    }
    (output.status.code().unwrap(), out, err)
}

/// Runs a command as an operator.
fn run_with_notes(fake: &Fake, words: &[&str]) -> (i32, String, String) {
    let home = Home::new();
    let mut command = home.command(words);
    command.args(["--api", &fake.url, "--token", "operator"]);
    end(&command.output().unwrap())
}

/// The same; it must succeed without a word on standard error.
fn run(fake: &Fake, words: &[&str]) -> String {
    let (code, out, err) = run_with_notes(fake, words);
    assert_eq!((code, err.as_str()), (0, ""), "{words:?}");
    out
}

/// It must fail; gives what it says.
fn fails(fake: &Fake, words: &[&str]) -> String {
    let (code, out, err) = run_with_notes(fake, words);
    assert_eq!((code, out.as_str()), (1, ""), "{words:?}: {err}");
    err
}

/// A line of a table by its words.
fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

#[test]
fn status_is_for_people_and_for_programs() {
    let fake = Fake::broker();
    let shown = run(&fake, &["status"]);
    let title = shown.lines().next().unwrap();
    assert_eq!(
        title,
        format!(
            "Waypost 0.1.0 at {}, up 1h 2m (since 2026-05-06 22:00:00 UTC)",
            fake.url
        )
    );
    for line in [
        "Connections    2  (mqtt5 2)",
        "Queued         17  (2.0 KiB)",
        "Dropped        3  (queue_full 3)",
        "Memory         34 MiB",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    let listener = shown.lines().last().unwrap();
    assert_eq!(
        words(listener),
        [
            "mqtt://127.0.0.1:1883",
            "tcp",
            "no",
            "yes",
            "2",
            "1,000,000"
        ]
    );
    let json: Value = serde_json::from_str(&run(&fake, &["status", "--json"])).unwrap();
    assert_eq!(json["subscriptions"], 4321);
    assert_eq!(json["listeners"][0]["scheme"], "mqtt");
}

#[test]
fn connections_are_listed_and_no_client_moves_the_terminal() {
    let fake = Fake::broker();
    let shown = run(&fake, &["connections"]);
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines.len(), 3, "{shown}");
    assert_eq!(
        words(lines[1])[..4],
        ["sensor-7", "ann", "192.0.2.7:40112", "mqtt5"]
    );
    assert!(
        words(lines[1]).ends_with(&["1,234", "7", "2.0", "KiB", "1"]),
        "{shown}"
    );
    let hostile = r"x\u{1b}[31m\u{9b}2J\u{202e}\n../a?b";
    assert!(lines[2].starts_with(hostile), "{shown}");
    assert_eq!(fake.last().target, "/api/v1/connections?limit=100&offset=0");

    let json: Value = serde_json::from_str(&run(&fake, &["connections", "--json"])).unwrap();
    assert_eq!(json["items"][1]["client_id"], HOSTILE);

    run(
        &fake,
        &[
            "connections",
            "--limit",
            "7",
            "--offset",
            "2",
            "--sort=-sent_messages",
            "--filter",
            "user=a&b",
            "--filter",
            "protocol=mqtt5",
        ],
    );
    assert_eq!(
        fake.last().target,
        "/api/v1/connections?limit=7&offset=2&sort=-sent_messages&user=a%26b&protocol=mqtt5"
    );
}

#[test]
fn one_connection_with_all_that_is_known() {
    let fake = Fake::broker();
    let shown = run(&fake, &["connections", HOSTILE]);
    let path = format!("/api/v1/connections/{HOSTILE_ESCAPED}");
    assert_eq!(fake.last().target, path);
    for line in [
        "outbox bytes       2.0 KiB",
        "keep alive s       1m",
        "durable            no",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    assert!(
        shown.contains("connected at       2026-05-06 22:00:00 UTC ("),
        "{shown}"
    );
    let error = fails(&fake, &["connections", "nobody"]);
    assert_eq!(error, "Error: there is no such \\u{1b}[31mthing\n");
    fails(&fake, &["connections", ".."]);
    assert_eq!(fake.last().target, "/api/v1/connections/%2E%2E");
}

#[test]
fn sessions_are_listed_shown_and_deleted() {
    let fake = Fake::broker();
    let (code, shown, note) = run_with_notes(&fake, &["sessions", "--limit", "1"]);
    assert_eq!(code, 0);
    let line = shown.lines().last().unwrap();
    assert_eq!(
        words(line),
        ["sensor-7", "-", "no", "1h", "2", "17", "2.0", "KiB", "1"]
    );
    assert_eq!(note, "Note: 1 to 1 of 250; go on with --offset 1\n");
    let shown = run(&fake, &["sessions", "sensor-7"]);
    assert!(shown.contains("expiry s    1h"), "{shown}");
    let done = run(&fake, &["sessions", "sensor-7", "--delete"]);
    assert_eq!(done, "the session of sensor-7 is deleted\n");
    assert!(fake.last().is("DELETE", "/api/v1/sessions/sensor-7"));
    assert_eq!(run_with_notes(&fake, &["sessions", "--delete"]).0, 64);
}

#[test]
fn subscriptions_of_a_topic() {
    let fake = Fake::broker();
    let shown = run(&fake, &["subscriptions", "a/b"]);
    let line = shown.lines().last().unwrap();
    assert_eq!(
        words(line),
        ["sensor-7", "$share/g/a/#", "1", "no", "yes", "0", "-"]
    );
    assert!(fake.last().target.ends_with("&topic=a%2Fb"));
}

#[test]
fn retained_messages_are_listed_shown_and_deleted() {
    let fake = Fake::broker();
    let shown = run(&fake, &["retained", "a/#"]);
    let line = shown.lines().last().unwrap();
    assert_eq!(words(line), ["a/b", "1", "2.0", "KiB", "never"]);
    assert!(fake.last().target.ends_with("&filter=a%2F%23"));
    assert!(run(&fake, &["retained", "a/b"]).contains("payload  21.5\\u{1b}"));
    run(&fake, &["retained", "a/b", "--delete"]);
    assert!(fake.last().is("DELETE", "/api/v1/retained/a%2Fb"));
    let asked = fake.requests().len();
    let (code, _, error) = run_with_notes(&fake, &["retained", "a/#", "--delete"]);
    assert_eq!((code, error.contains("one topic")), (64, true));
    assert_eq!(fake.requests().len(), asked, "nothing was sent");
}

#[test]
fn a_client_is_kicked() {
    let fake = Fake::broker();
    assert_eq!(
        run(&fake, &["kick", "sensor-7"]),
        "sensor-7 is disconnected\n"
    );
    assert!(fake.last().is("DELETE", "/api/v1/connections/sensor-7"));
}

#[test]
fn wrong_usage_is_64() {
    let fake = Fake::broker();
    for words in [
        &["connections", "--limit", "0"][..],
        &["connections", "--limit", "1001"],
        &["connections", "--filter", "user"],
        &["kick"],
        &["top", "--interval", "0"],
        &["top", "--interval", "NaN"],
        &["top"],
    ] {
        assert_eq!(run_with_notes(&fake, words).0, 64, "{words:?}");
    }
    let home = Home::new();
    for api in [
        "127.0.0.1:18083",
        "mqtt://127.0.0.1:1883",
        "http://a:b@127.0.0.1",
    ] {
        let output = home.command(&["status", "--api", api]).output().unwrap();
        let (code, _, error) = end(&output);
        assert_eq!((code, error.contains("--api")), (64, true), "{error}");
    }
}

#[test]
fn what_does_not_answer_is_named() {
    // Bound and never listened on again.
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let home = Home::new();
    let output = home.command(&["status", "--api", &url]).output().unwrap();
    let (code, _, error) = end(&output);
    assert_eq!(code, 1);
    assert!(
        error.contains(&url) && error.contains("WAYPOST_API"),
        "{error}"
    );
}

#[test]
fn another_program_is_told_from_a_broker() {
    let html = Answer {
        content_type: "text/html",
        body: "<h1>hello</h1>".into(),
        ..ok(&Value::Null)
    };
    let moved = Answer {
        status: 302,
        headers: "Location: http://127.0.0.1:1/\r\n",
        ..html.clone()
    };
    let missing = Answer {
        status: 404,
        ..html.clone()
    };
    for answer in [html, moved, missing] {
        let status = answer.status;
        let fake = Fake::answering(move |_| answer.clone());
        let error = fails(&fake, &["status"]);
        assert!(error.contains("another program"), "{status}: {error}");
        assert_eq!(fake.requests().len(), 1, "{status}: nothing is followed");
    }
}

#[test]
fn a_problem_is_shown_as_the_broker_tells_it() {
    let fake = Fake::answering(|_| problem(400, "Bad Request", "no field of that name: flavour"));
    let error = fails(&fake, &["connections", "--filter", "flavour=sweet"]);
    assert_eq!(
        error,
        "Error: the broker refused: no field of that name: flavour (status 400)\n"
    );
    let fake = Fake::answering(|_| Answer {
        status: 503,
        ..ok(&json!({"title": "a shard does not answer"}))
    });
    assert!(fails(&fake, &["status"]).contains("a shard does not answer (status 503)"));
}

#[test]
fn https_is_checked() {
    let fake = Fake::broker_with_tls();
    let home = Home::new();
    let status = |more: &[&str]| {
        let mut command = home.command(&["status", "--token", "operator", "--api", &fake.url]);
        end(&command.args(more).output().unwrap())
    };
    let ours = home.file("ours.pem", &fake.certificate);
    assert_eq!(status(&["--cafile", &ours]).0, 0);
    assert_eq!(status(&["--insecure"]).0, 0);
    let other = home.file("other.pem", &Fake::broker_with_tls().certificate);
    let (code, _, error) = status(&["--cafile", &other]);
    assert_eq!(code, 1);
    assert!(
        error.contains("TLS") && error.contains("--cafile"),
        "{error}"
    );
    let empty = home.file("empty.pem", "");
    let (code, _, error) = status(&["--cafile", &empty]);
    assert!(code == 1 && error.contains("BEGIN CERTIFICATE"), "{error}");
}
