//! The configuration from its sources to what arrives; each test owns its directory of files.

use super::*;
use crate::auth::hash_password;
use broker::auth::{AuthOutcome, AuthRequest, Peer, Transport};
use message::QoS;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory of one test, removed at its end.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Dir {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("waypost-config-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Dir(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn set(words: &[&str]) -> Result<Config, ConfigError> {
    load(Sources {
        set: words.iter().map(|w| (*w).to_owned()).collect(),
        ..Sources::default()
    })
}

fn listen(urls: &[&str]) -> Result<Config, ConfigError> {
    load(Sources {
        listen: urls.iter().map(|w| (*w).to_owned()).collect(),
        ..Sources::default()
    })
}

fn file(path: &Path) -> Result<Config, ConfigError> {
    load(Sources {
        file: Some(path.to_owned()),
        ..Sources::default()
    })
}

#[test]
fn nothing_configured() {
    let config = load(Sources::default()).unwrap();
    assert_eq!(config.values, Values::default());
    let urls: Vec<_> = config.listeners.iter().map(|l| l.url.as_str()).collect();
    let default = [
        "mqtt://127.0.0.1:1883",
        "ws://127.0.0.1:8083/mqtt",
        "http://127.0.0.1:18083",
    ];
    assert_eq!(urls, default);
    assert!(config.listeners.iter().all(Listener::is_loopback));
    let settings = config.settings();
    assert_eq!(settings.limits, broker::Limits::default());
    assert_eq!(settings.mqtt, broker::MqttSettings::default());
    assert!(matches!(settings.policy, Policy::AllowAll));
    assert_eq!(config.warnings, [""; 0]);
}

/// Sets a key and compares what arrives, for every key: a new one must be added here.
#[test]
fn every_key_arrives() {
    macro_rules! arrives {
        ($($key:literal = $raw:literal => $got:expr, $want:expr;)+) => {{
            $(
                let config = set(&[concat!($key, "=", $raw)]).unwrap();
                let got: fn(&Config) -> _ = $got;
                assert_eq!(got(&config), $want, $key);
                let before = load(Sources::default()).unwrap();
                assert_ne!(got(&before), $want, "{} is tested with its default", $key);
                let shown = config.show().into_iter().find(|s| s.key == $key).unwrap();
                assert_eq!(shown.origin, Origin::Set($key.into()));
            )+
            vec![$($key),+]
        }};
    }
    let mut tested = arrives! {
        "data_dir" = "/tmp/x" => |c| c.values.data_dir.clone(), PathBuf::from("/tmp/x");
        "durability" = "memory" => |c| c.values.durability, Durability::Memory;
        "shards" = "7" => |c| c.values.shards, 7;
        "limits.max_packet_size" = "2 MiB" => |c| c.settings().limits.max_packet_size, 2 << 20;
        "limits.max_packet_size_before_auth" = "4096" => |c| c.settings().limits.max_packet_size_before_auth, 4096;
        "limits.max_topic_bytes" = "200" => |c| c.settings().limits.max_topic_bytes, 200;
        "limits.max_client_id_bytes" = "64" => |c| c.settings().limits.max_client_id_bytes, 64;
        "limits.receive_maximum" = "unlimited" => |c| c.settings().limits.receive_maximum, 65_535;
        "limits.max_inflight" = "3" => |c| c.settings().limits.max_inflight, 3;
        "limits.topic_alias_maximum" = "0" => |c| c.settings().limits.topic_alias_maximum, 0;
        "limits.topic_alias_maximum_outgoing" = "5" => |c| c.settings().limits.topic_alias_maximum_outgoing, 5;
        "limits.max_filters_per_subscribe" = "6" => |c| c.settings().limits.max_filters_per_subscribe, 6;
        "limits.max_subscriptions_per_session" = "unlimited" => |c| c.settings().limits.max_subscriptions_per_session, usize::MAX;
        "limits.max_queued_messages" = "unlimited" => |c| c.settings().limits.max_queued_messages, usize::MAX;
        "limits.max_queued_bytes" = "1 GiB" => |c| c.settings().limits.max_queued_bytes, 1 << 30;
        "limits.queue_window_bytes" = "64 KiB" => |c| c.settings().limits.queue_window_bytes, 64 << 10;
        "limits.max_outbox_bytes" = "1 MB" => |c| c.settings().limits.max_outbox_bytes, 1_000_000;
        "limits.max_session_expiry_s" = "1d" => |c| c.settings().limits.max_session_expiry_s, 86_400;
        "limits.max_sessions" = "10" => |c| c.settings().limits.max_sessions, 10;
        "limits.max_retained_messages" = "11" => |c| c.settings().limits.max_retained_messages, 11;
        "limits.max_retained_bytes" = "12" => |c| c.settings().limits.max_retained_bytes, 12;
        "limits.in_flight_bytes" = "unlimited" => |c| c.settings().limits.in_flight_bytes, u64::MAX;
        "limits.in_flight_messages" = "13" => |c| c.settings().limits.in_flight_messages, 13;
        "limits.memory_bytes" = "2 GiB" => |c| c.settings().limits.memory_bytes, 2 << 30;
        "limits.connect_timeout_ms" = "3s" => |c| c.settings().limits.connect_timeout_ms, 3_000;
        "limits.max_cached_routes" = "14" => |c| c.settings().limits.max_cached_routes, 14;
        "limits.max_connections" = "15" => |c| c.values.server_limits.max_connections, 15;
        "limits.max_connections_per_ip" = "unlimited" => |c| c.values.server_limits.max_connections_per_ip, usize::MAX;
        "limits.max_unauthenticated_per_ip" = "16" => |c| c.values.server_limits.max_unauthenticated_per_ip, 16;
        "limits.tls_handshake_timeout_ms" = "3s" => |c| c.values.server_limits.tls_handshake_timeout_ms, 3_000;
        "limits.failed_logins_per_minute" = "17" => |c| c.values.server_limits.failed_logins_per_minute, 17;
        "mqtt.max_keep_alive" = "unlimited" => |c| c.settings().mqtt.max_keep_alive_s, None;
        "mqtt.maximum_qos" = "1" => |c| c.settings().mqtt.maximum_qos, QoS::AtLeastOnce;
        "mqtt.retain_available" = "false" => |c| c.settings().mqtt.retain_available, false;
        "mqtt.wildcard_subscriptions" = "false" => |c| c.settings().mqtt.wildcard_subscriptions, false;
        "mqtt.shared_subscriptions" = "false" => |c| c.settings().mqtt.shared_subscriptions, false;
        "mqtt.subscription_identifiers" = "false" => |c| c.settings().mqtt.subscription_identifiers, false;
        "mqtt.response_information" = "" => |c| c.settings().mqtt.response_information, None;
        "mqtt.server_reference" = "b.example:1883" => |c| c.settings().mqtt.redirect.map(|r| (r.server_reference, r.permanent)), Some(("b.example:1883".into(), false));
        "limits.max_admin_connections" = "18" => |c| c.values.admin_limits.max_connections, 18;
        "limits.max_admin_body" = "2 KiB" => |c| c.values.admin_limits.max_body_bytes, 2048;
        "limits.admin_header_timeout_ms" = "1s" => |c| c.values.admin_limits.header_timeout_ms, 1000;
        "limits.admin_request_timeout_ms" = "2s" => |c| c.values.admin_limits.request_timeout_ms, 2000;
        "limits.max_admin_logins" = "19" => |c| c.values.admin_limits.max_logins, 19;
        "limits.admin_login_lifetime_s" = "1h" => |c| c.values.admin_limits.login_lifetime_s, 3600;
        "metrics.public" = "true" => |c| c.values.public_metrics, true;
        "sys_interval_s" = "0" => |c| c.values.sys_interval_s, 0;
        "log.level" = "debug" => |c| c.values.log_level, LogLevel::Debug;
        "log.format" = "json" => |c| c.values.log_format, LogFormat::Json;
    };
    let moved = set(&["mqtt.server_reference=b", "mqtt.server_moved=true"]).unwrap();
    assert!(moved.settings().mqtt.redirect.unwrap().permanent);
    // In the tests of files below.
    tested.extend(["mqtt.server_moved", "auth.password_file", "auth.acl_file"]);
    for key in KEYS {
        assert!(tested.contains(&key.name), "{} has no test", key.name);
    }
}

/// Fails to compile, then to pass, where the broker has a limit that has no key.
#[test]
fn every_limit_of_the_broker_has_a_key() {
    let printed = format!("{:?}", broker::Limits::default());
    let fields: Vec<_> = printed
        .trim_end_matches(" }")
        .split(['{', ','])
        .skip(1)
        .collect();
    assert!(fields.len() > 10);
    for field in fields {
        let name = field.split(':').next().unwrap().trim();
        let key = format!("limits.{name}");
        assert!(KEYS.iter().any(|k| k.name == key), "{key} is missing");
    }
}

#[test]
fn every_limit_accepts_unlimited_and_none_takes_zero_for_it() {
    // What operators may take of the control thread always has a bound.
    let bounded = |name: &str| name.contains("admin");
    let limits = KEYS.iter().filter(|k| k.name.starts_with("limits."));
    for key in limits.filter(|k| !bounded(k.name)) {
        let config = set(&[&format!("{}=unlimited", key.name)]).unwrap();
        assert_eq!(
            key.show(&config.values),
            Value::Text("unlimited".into()),
            "{}",
            key.name
        );
        match set(&[&format!("{}=0", key.name)]) {
            Ok(config) => assert_eq!(key.show(&config.values), Value::Int(0), "{}", key.name),
            Err(e) => assert!(e.to_string().contains("0 does not mean that"), "{e}"),
        }
    }
}

#[test]
fn order_of_sources() {
    let dir = Dir::new();
    let path = dir.write(
        "w.toml",
        "shards = 2\n[limits]\nmax_sessions = 2\nmax_inflight = 2\n",
    );
    let sources = Sources {
        file: Some(path.clone()),
        environment: vec![
            ("WAYPOST__LIMITS__MAX_SESSIONS".into(), "3".into()),
            ("WAYPOST__LIMITS__MAX_INFLIGHT".into(), "3".into()),
            ("PATH".into(), "/bin".into()),
        ],
        set: vec!["limits.max_inflight=4".into(), "data_dir=elsewhere".into()],
        data_dir: Some("here".into()),
        listen: Vec::new(),
    };
    let config = load(sources).unwrap();
    assert_eq!(config.values.shards, 2);
    assert_eq!(config.values.limits.max_sessions, 3);
    assert_eq!(config.values.limits.max_inflight, 4);
    assert_eq!(config.values.data_dir, PathBuf::from("here"));
    let shown = config.show();
    let origin = |key: &str| {
        shown
            .iter()
            .find(|s| s.key == key)
            .unwrap()
            .origin
            .to_string()
    };
    assert_eq!(origin("shards"), format!("{}:1", path.display()));
    assert_eq!(
        origin("limits.max_sessions"),
        "environment WAYPOST__LIMITS__MAX_SESSIONS"
    );
    assert_eq!(origin("limits.max_inflight"), "--set limits.max_inflight");
    assert_eq!(origin("data_dir"), "--data-dir");
    assert_eq!(origin("log.level"), "default");
    assert_eq!(origin("listener[0].url"), "default");
}

#[test]
fn every_problem_names_its_origin_and_unknown_keys_the_nearest() {
    let dir = Dir::new();
    let text = "shard = 2\n\n[limits]\nmax_packet_sise = 1\nreceive_maximum = 0\n\
                [auht]\nx = 1\n[mqtt]\nmax_inflight = 3\n";
    let path = dir.write("w.toml", text);
    let sources = Sources {
        file: Some(path.clone()),
        environment: vec![("WAYPOST__LOG__LEVEL".into(), "loud".into())],
        set: vec!["limits.max_queued_messages=many".into(), "nonsense".into()],
        ..Sources::default()
    };
    let error = load(sources).unwrap_err().to_string();
    let at = |line: usize| format!("{}:{line}: ", path.display());
    for expected in [
        format!("{}shard: unknown key; did you mean \"shards\"?", at(1)),
        format!(
            "{}limits.max_packet_sise: unknown key; did you mean \"limits.max_packet_size\"?",
            at(4)
        ),
        format!("{}limits.receive_maximum: 0 is", at(5)),
        format!("{}auht: unknown key; did you mean \"auth\"?", at(6)),
        format!(
            "{}mqtt.max_inflight: unknown key; did you mean \"limits.max_inflight\"?",
            at(9)
        ),
        "environment WAYPOST__LOG__LEVEL: log.level: expected one of error, warn".to_owned(),
        "--set limits.max_queued_messages: limits.max_queued_messages: expected a whole number"
            .to_owned(),
        "--set nonsense: expected key=value".to_owned(),
    ] {
        assert!(error.contains(&expected), "{expected}\nis not in\n{error}");
    }
}

#[test]
fn wrong_files() {
    let dir = Dir::new();
    let error = file(&dir.write("w.toml", "shards = 2\nx = = 1\n"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("w.toml:2: "), "{error}");
    let error = file(&dir.0.join("none.toml")).unwrap_err().to_string();
    assert!(error.contains("none.toml: cannot be read"), "{error}");
    let error = file(&dir.write("s.toml", "limits = 3\n"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("write [limits]"), "{error}");
}

#[test]
fn what_this_build_does_not_speak_is_said() {
    let dir = Dir::new();
    for text in [
        "[[acl]]\nallow = 1\n",
        "[[rule]]\nname = \"x\"\n",
        "[[schema]]\n",
    ] {
        let error = file(&dir.write("w.toml", text)).unwrap_err().to_string();
        assert!(error.contains("not in this build"), "{text}: {error}");
    }
    for url in ["amqp://127.0.0.1", "amqps://127.0.0.1"] {
        let error = listen(&[url]).unwrap_err().to_string();
        assert!(error.contains("not in this build"), "{url}: {error}");
        assert!(error.contains("--listen"), "{url}: {error}");
    }
}

#[test]
fn listeners_of_a_file_and_of_the_command_line() {
    let dir = Dir::new();
    let text = "[[listener]]\nurl = \"mqtt://127.0.0.1:7\"\nmax_connections = 5\n\n\
                [[listener]]\nurl = \"ws://0.0.0.0:8/x?insecure_anonymous=true\"\norigins = [\"https://a\"]\n";
    let path = dir.write("w.toml", text);
    let config = file(&path).unwrap();
    assert_eq!(config.listeners.len(), 2);
    assert_eq!(config.listeners[0].max_connections, 5);
    assert_eq!(config.listeners[1].origins, ["https://a"]);
    assert!(config.listeners[1].insecure_anonymous);
    assert_eq!(config.listeners[1].path, "/x");
    assert!(
        config
            .warnings
            .iter()
            .any(|w| w.contains("insecure_anonymous"))
    );
    let urls = vec!["mqtt://127.0.0.1:0".to_owned()];
    let config = load(Sources {
        file: Some(path),
        listen: urls,
        ..Sources::default()
    })
    .unwrap();
    assert_eq!(config.listeners.len(), 1, "--listen replaces them all");
    let config = set(&["listener=[{url=\"mqtt://127.0.0.1:9\"}]"]).unwrap();
    assert_eq!(config.listeners[0].address.port(), 9);

    let text = "[[listener]]\nport = 1\n[[listener]]\nurl = \"mqtt://127.0.0.1\"\norigin = \"x\"\n";
    let error = file(&dir.write("x.toml", text)).unwrap_err().to_string();
    assert!(error.contains("a listener needs a url"), "{error}");
    assert!(error.contains("did you mean \"origins\""), "{error}");
    let error = listen(&["mqtt://127.0.0.1?insecure_anonymus=true"])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("did you mean \"insecure_anonymous\""),
        "{error}"
    );
}

#[test]
fn an_open_listener_needs_an_authenticator() {
    let error = listen(&["mqtt://0.0.0.0:1883"]).unwrap_err().to_string();
    for word in [
        "other machines",
        "waypost passwd",
        "auth.password_file",
        "insecure_anonymous",
    ] {
        assert!(error.contains(word), "{word} is not in {error}");
    }
    assert!(listen(&["mqtt://0.0.0.0:1883?insecure_anonymous=true"]).is_ok());
    let dir = Dir::new();
    let users = dir.write("users", &format!("a:{}\n", hash_password(b"b").unwrap()));
    let sources = Sources {
        set: vec![format!("auth.password_file={}", users.display())],
        listen: vec!["mqtt://0.0.0.0:1883".into()],
        ..Sources::default()
    };
    assert!(load(sources).is_ok());
}

fn asks(config: &Config, user: Option<&str>, password: &str) -> bool {
    let request = AuthRequest {
        conn: broker::ConnId {
            index: 0,
            generation: 0,
        },
        peer: Peer {
            address: [127, 0, 0, 1].into(),
            port: 1,
            listener: 0,
            transport: Transport::Tcp,
            credential: None,
        },
        client_id: "c".into(),
        user: user.map(Into::into),
        password: Some(password.as_bytes().into()),
        method: None,
        data: None,
        step: 0,
        again: false,
    };
    matches!(
        config.authenticator().authenticate(&request),
        AuthOutcome::Accept { .. }
    )
}

#[test]
fn users_and_access_lists_are_read_beside_the_file() {
    let dir = Dir::new();
    dir.write("users", &format!("a:{}\n", hash_password(b"b").unwrap()));
    dir.write("acl", "user a\ntopic readwrite x/#\n");
    let text = "data_dir = \"data\"\n[auth]\npassword_file = \"users\"\nacl_file = \"acl\"\n";
    let config = file(&dir.write("w.toml", text)).unwrap();
    assert_eq!(config.values.data_dir, dir.0.join("data"));
    assert!(matches!(config.settings().policy, Policy::Acl(_)));
    assert!(asks(&config, Some("a"), "b"));
    assert!(!asks(&config, Some("a"), "c"));
    assert!(!asks(&config, None, ""), "no name, no way in");
    assert!(
        asks(&load(Sources::default()).unwrap(), None, ""),
        "nothing configured: loopback is open"
    );

    dir.write("users", "a:plain\n");
    let error = file(&dir.0.join("w.toml")).unwrap_err().to_string();
    assert!(error.contains("users:1: auth.password_file: "), "{error}");
    std::fs::remove_file(dir.0.join("acl")).unwrap();
    let error = file(&dir.0.join("w.toml")).unwrap_err().to_string();
    assert!(error.contains("w.toml:4: auth.acl_file: "), "{error}");
}

#[test]
fn a_reload_is_whole_or_not_at_all() {
    let dir = Dir::new();
    let hash = hash_password(b"b").unwrap();
    dir.write("users", &format!("a:{hash}\n"));
    let auth = "[auth]\npassword_file = \"users\"\n";
    let path = dir.write("w.toml", &format!("shards = 2\n{auth}"));
    let config = file(&path).unwrap();

    dir.write("users", &format!("z:{hash}\n"));
    dir.write(
        "w.toml",
        &format!("shards = 3\n{auth}[limits]\nmax_inflight = 9\n"),
    );
    let reloaded = config.reload().unwrap();
    assert_eq!(reloaded.needs_restart, ["shards"]);
    assert_eq!(reloaded.config.values.shards, 2, "as it is running");
    assert_eq!(reloaded.config.settings().limits.max_inflight, 9);
    assert!(asks(&reloaded.config, Some("z"), "b") && !asks(&reloaded.config, Some("a"), "b"));

    dir.write(
        "w.toml",
        &format!("{auth}[limits]\nmax_inflight = 0\nmax_sessions = 5\n"),
    );
    let error = config.reload().unwrap_err().to_string();
    assert!(error.contains("limits.max_inflight"), "{error}");
    assert_eq!(config.settings().limits, broker::Limits::default());
}

#[test]
fn a_reload_never_opens_what_is_being_served() {
    let dir = Dir::new();
    dir.write("users", &format!("a:{}\n", hash_password(b"b").unwrap()));
    let open = "[[listener]]\nurl = \"mqtt://0.0.0.0:1883\"\n[auth]\npassword_file = \"users\"\n";
    let path = dir.write("w.toml", open);
    let config = file(&path).unwrap();
    dir.write("w.toml", "[[listener]]\nurl = \"mqtt://127.0.0.1:1883\"\n");
    let error = config.reload().unwrap_err().to_string();
    assert!(
        error.contains("other machines"),
        "the socket on 0.0.0.0 is still served: {error}"
    );
}

#[test]
fn values_that_contradict_each_other() {
    let error = set(&["mqtt.server_moved=true"]).unwrap_err().to_string();
    assert!(error.contains("needs mqtt.server_reference"), "{error}");
    let small = set(&["limits.max_packet_size=1 KiB"]).unwrap();
    assert_eq!(
        small.settings().limits.max_packet_size_before_auth,
        1024,
        "nobody loses by logging in"
    );
}

#[test]
fn the_reference_page_is_written_from_the_keys() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == reference(),
        "docs/configuration.md is old: waypost config reference > docs/configuration.md"
    );
}
