//! The one list of configuration keys: name, type, bounds, what it does.
//!
//! File, environment, `--set`, `config show` and the reference page all come from these tables.
//! Owns nothing; defaults are those of [`Values`] and [`Listener`]. A key that is not here is an
//! error wherever it is used.

use super::api_token::{ApiToken, HASH, ROLES};
use super::listener::Listener;
use super::rule::{Given, Kind, Rule, Setting};
use super::transport::{CLIENT_AUTHS, IDENTITY_SOURCES, TLS_VERSIONS};
use super::value::Value;
use super::values::{DURABILITIES, LOG_FORMATS, LOG_LEVELS, Values};

/// A key of `T`.
pub(super) struct Key<T: 'static> {
    /// The full name, such as `limits.receive_maximum`.
    pub(super) name: &'static str,
    /// What it does, for the reference page.
    doc: &'static str,
    pub(super) rule: Rule,
    put: fn(&mut T, &Given<'_>, &Rule) -> Result<(), String>,
    show: fn(&T, &Rule) -> Value,
}

impl<T> Key<T> {
    pub(super) fn put(&self, target: &mut T, given: &Given<'_>) -> Result<(), String> {
        (self.put)(target, given, &self.rule)
    }

    pub(super) fn show(&self, target: &T) -> Value {
        (self.show)(target, &self.rule)
    }

    pub(super) fn doc(&self) -> &'static str {
        self.doc.trim()
    }
}

macro_rules! keys {
    ($target:ty { $( $(#[doc = $doc:literal])+ $name:literal => $($place:ident).+ : $rule:expr; )+ }) => {
        &[ $( Key {
            name: $name,
            doc: concat!($($doc),+),
            rule: $rule,
            put: |target: &mut $target, given, rule| {
                target.$($place).+ = Setting::read(given, rule)?;
                Ok(())
            },
            show: |target: &$target, rule| Setting::show(&target.$($place).+, rule),
        } ),+ ]
    };
}

const COUNT: Rule = Rule::limit(Kind::Count);
const BYTES: Rule = Rule::limit(Kind::Bytes);
const FLAG: Rule = Rule::of(Kind::Flag);
const TEXT: Rule = Rule::of(Kind::Text);
const PATH: Rule = Rule::of(Kind::Path);
/// The largest packet that MQTT can express: 268,435,455 bytes behind a header of 5.
const PACKET_MAX: u64 = 268_435_460;

/// Every key but those of `[[listener]]`.
pub(super) const KEYS: &[Key<Values>] = keys!(Values {
    /// The directory of everything that lasts. Made where it is not there; one broker at a time may
    /// use it. Relative to the file that says it, else to where the broker was started. Needs a
    /// restart.
    "data_dir" => data_dir: PATH;
    /// `disk`: what is acknowledged was written to the log in the data directory and synced before.
    /// `memory`: nothing survives the end of the process; this is said loudly at start. Needs a
    /// restart.
    "durability" => durability: Rule::of(Kind::Choice(DURABILITIES));
    /// Threads that serve clients, each with its own share of the sessions. Needs a restart.
    "shards" => shards: Rule::of(Kind::Count).from(1).to(256).default_text("number of cores");
    /// How often the broker's own topics below `$SYS` are brought up to date. 0: never.
    "sys_interval_s" => sys_interval_s: Rule::of(Kind::Seconds).to(86_400);

    /// Largest packet that is accepted; MQTT 5 clients are told. A larger one ends the connection.
    "limits.max_packet_size" => limits.max_packet_size: BYTES.from(32).to(PACKET_MAX);
    /// Largest packet accepted of a client that has not authenticated yet; never more than
    /// `max_packet_size`.
    "limits.max_packet_size_before_auth" => limits.max_packet_size_before_auth: BYTES.from(32).to(PACKET_MAX);
    /// Longest topic name or filter.
    "limits.max_topic_bytes" => limits.max_topic_bytes: BYTES.to(65_535);
    /// Longest client id.
    "limits.max_client_id_bytes" => limits.max_client_id_bytes: BYTES.from(23).to(65_535);
    /// QoS 1 and 2 messages that a client may have sent and not yet been acknowledged. MQTT 5
    /// clients are told; MQTT 3 clients are not read from while they are at it. `"unlimited"` is
    /// 65,535.
    "limits.receive_maximum" => limits.receive_maximum: COUNT;
    /// QoS 1 and 2 messages on their way to a client that it has not acknowledged; a client may
    /// ask for fewer.
    "limits.max_inflight" => limits.max_inflight: COUNT;
    /// Topic aliases that an MQTT 5 client may set. 0: none.
    "limits.topic_alias_maximum" => limits.topic_alias_maximum: COUNT.from(0);
    /// Topic aliases that the broker sets towards an MQTT 5 client that allows them. 0: none.
    "limits.topic_alias_maximum_outgoing" => limits.topic_alias_maximum_outgoing: COUNT.from(0);
    /// Filters in one SUBSCRIBE or UNSUBSCRIBE packet.
    "limits.max_filters_per_subscribe" => limits.max_filters_per_subscribe: COUNT;
    /// Subscriptions of one session; a further one is refused with "quota exceeded".
    "limits.max_subscriptions_per_session" => limits.max_subscriptions_per_session: COUNT;
    /// Messages waiting for one session or shared group.
    "limits.max_queued_messages" => limits.max_queued_messages: COUNT;
    /// Bytes of the messages waiting for one session or shared group.
    "limits.max_queued_bytes" => limits.max_queued_bytes: BYTES;
    /// Of the messages that wait for one session or shared group, bytes that are kept in memory while
    /// a client is there to take them; the others are read from the log when their turn comes. With
    /// `durability = "memory"` all are kept.
    "limits.queue_window_bytes" => limits.queue_window_bytes: BYTES;
    /// Bytes written for a client that it has not read yet; above it, QoS 0 messages to it are
    /// dropped and counted.
    "limits.max_outbox_bytes" => limits.max_outbox_bytes: BYTES.from(1024);
    /// Longest time that a session may outlive its connection; MQTT 5 clients that ask for more
    /// are told. 0: sessions end with their connection.
    "limits.max_session_expiry_s" => limits.max_session_expiry_s: Rule::limit(Kind::Seconds).from(0);
    /// Sessions, connected or not.
    "limits.max_sessions" => limits.max_sessions: COUNT;
    /// Retained messages.
    "limits.max_retained_messages" => limits.max_retained_messages: COUNT;
    /// Bytes of all retained messages.
    "limits.max_retained_bytes" => limits.max_retained_bytes: BYTES;
    /// Bytes on their way from one thread to another, or to the disk, before publishers are made to wait.
    "limits.in_flight_bytes" => limits.in_flight_bytes: BYTES.from(1024);
    /// Messages on their way from one thread to another before publishers are made to wait.
    "limits.in_flight_messages" => limits.in_flight_messages: COUNT;
    /// Memory for the queued messages of the whole broker; above it publishers are made to wait.
    "limits.memory_bytes" => limits.memory_bytes: BYTES.from(1 << 20);
    /// From a client's first byte to its complete CONNECT; then it is disconnected.
    "limits.connect_timeout_ms" => limits.connect_timeout_ms: Rule::limit(Kind::Millis).from(100);
    /// Topics whose receivers each thread remembers.
    "limits.max_cached_routes" => limits.max_cached_routes: COUNT;
    /// Connections in all.
    "limits.max_connections" => server_limits.max_connections: COUNT;
    /// Connections of one address; the machine itself (loopback) is not counted.
    "limits.max_connections_per_ip" => server_limits.max_connections_per_ip: COUNT;
    /// Connections of one address that have not authenticated yet; loopback is not counted.
    "limits.max_unauthenticated_per_ip" => server_limits.max_unauthenticated_per_ip: COUNT;
    /// From a connection's first moment to the end of what comes before MQTT and WebSocket: the
    /// PROXY protocol's header and the TLS handshake together.
    "limits.tls_handshake_timeout_ms" => server_limits.tls_handshake_timeout_ms: Rule::limit(Kind::Millis).from(100);
    /// Failed logins of one address in a minute; after them its connections are refused until the
    /// minute is over.
    "limits.failed_logins_per_minute" => server_limits.failed_logins_per_minute: COUNT;
    /// HTTP connections of all admin listeners together; more wait until one ends. Needs a restart.
    "limits.max_admin_connections" => admin_limits.max_connections: Rule::of(Kind::Count).from(1).to(65_536);
    /// Largest body of a request to the admin side.
    "limits.max_admin_body" => admin_limits.max_body_bytes: Rule::of(Kind::Bytes).from(1024).to(PACKET_MAX * 2);
    /// How long an HTTP connection may take to send the headers of its next request.
    "limits.admin_header_timeout_ms" => admin_limits.header_timeout_ms: Rule::of(Kind::Millis).from(100).to(3_600_000);
    /// How long an HTTP request may take, its body included.
    "limits.admin_request_timeout_ms" => admin_limits.request_timeout_ms: Rule::of(Kind::Millis).from(100).to(3_600_000);
    /// Logins to the HTTP API that are valid at one time; one more ends the oldest.
    "limits.max_admin_logins" => admin_limits.max_logins: Rule::of(Kind::Count).from(1).to(100_000);
    /// How long a login to the HTTP API is valid.
    "limits.admin_login_lifetime_s" => admin_limits.login_lifetime_s: Rule::of(Kind::Seconds).from(1).to(31_536_000);

    /// Longest keep alive. An MQTT 5 client that asks for none or for more is told this one; MQTT 3
    /// clients cannot be told and keep theirs.
    "mqtt.max_keep_alive" => mqtt.max_keep_alive_s: Rule::limit(Kind::Seconds);
    /// Highest quality of service; MQTT 5 clients are told.
    "mqtt.maximum_qos" => mqtt.maximum_qos: Rule::of(Kind::Choice(&["0", "1", "2"]));
    /// Whether retained messages are kept.
    "mqtt.retain_available" => mqtt.retain_available: FLAG;
    /// Whether filters may hold `+` and `#`.
    "mqtt.wildcard_subscriptions" => mqtt.wildcard_subscriptions: FLAG;
    /// Whether `$share/NAME/FILTER` is offered.
    "mqtt.shared_subscriptions" => mqtt.shared_subscriptions: FLAG;
    /// Whether MQTT 5 subscription identifiers are offered.
    "mqtt.subscription_identifiers" => mqtt.subscription_identifiers: FLAG;
    /// The topic prefix for answers, sent to MQTT 5 clients that ask for Response Information;
    /// `%c` is the client id. Empty: none is sent.
    "mqtt.response_information" => mqtt.response_information: TEXT;
    /// Send clients to another server: their CONNECT is refused with this Server Reference. Empty:
    /// they are served here.
    "mqtt.server_reference" => server_reference: TEXT;
    /// With `server_reference`: they should stay there (0x9D, server moved), not only this time
    /// (0x9C, use another server).
    "mqtt.server_moved" => server_moved: FLAG;

    /// The users, one `user:$argon2id$...` a line, written by `waypost passwd`. Empty: no
    /// authenticator, and only loopback listeners are served.
    "auth.password_file" => auth.password_file: PATH;
    /// Who may publish and subscribe what, in mosquitto's format. Empty: everybody everything.
    "auth.acl_file" => auth.acl_file: PATH;

    /// Let everybody who reaches an admin listener read `/metrics`, not this machine alone.
    "metrics.public" => public_metrics: FLAG;

    /// How much is logged on standard error.
    "log.level" => log_level: Rule::of(Kind::Choice(LOG_LEVELS));
    /// How it looks: `text` is a line for people, `json` an object a line with `time`, `level`,
    /// `message` and what else is known, such as `client`, `user`, `address` and `reason`.
    "log.format" => log_format: Rule::of(Kind::Choice(LOG_FORMATS));
});

/// The keys of a `[[listener]]`; each but `url` may also be an option in the URL's query.
pub(super) const LISTENER_KEYS: &[Key<Listener>] = keys!(Listener {
    /// Where to listen: `mqtt://HOST:PORT`, `ws://HOST:PORT/PATH`, the same with TLS as `mqtts` and
    /// `wss`, `unix:/PATH` for MQTT on a socket in the file system, or `http://HOST:PORT` and
    /// `https` for the HTTP API, metrics and health. Port 0 picks a free one;
    /// `0.0.0.0` is every address of the machine. Needs a restart.
    "url" => url: TEXT.default_text("see above");
    /// Let clients without a user name in, on a listener that other machines reach or although
    /// there is an authenticator. Needs a restart.
    "insecure_anonymous" => insecure_anonymous: FLAG;
    /// WebSocket: origins of pages, such as `https://app.example.org`, that may connect beside
    /// those of the same host. Needs a restart.
    "origins" => origins: Rule::of(Kind::List);
    /// Connections of this listener. Needs a restart.
    "max_connections" => max_connections: COUNT;
    /// `mqtts` and `wss`: the certificate to show and those between it and its authority, as PEM,
    /// its own first. A reload reads this file again, as it does those of the next four keys; other
    /// paths need a restart.
    "cert" => tls.cert: PATH;
    /// Its private key, as PEM (PKCS#8, PKCS#1 or SEC1), readable by the broker alone.
    "key" => tls.key: PATH;
    /// The authorities whose certificates clients show, as PEM. Empty: none is asked for.
    "client_ca" => tls.client_ca: PATH;
    /// With `client_ca`: whether a client needs a certificate. Needs a restart.
    "client_auth" => tls.client_auth: Rule::of(Kind::Choice(CLIENT_AUTHS)).default_text("`\"required\"`");
    /// With `client_ca`: lists of revoked certificates, as PEM. With any, each authority needs one
    /// that is in force.
    "crl" => tls.crl: Rule::of(Kind::Paths);
    /// The oldest TLS that is spoken. Needs a restart.
    "tls_min_version" => tls.min_version: Rule::of(Kind::Choice(TLS_VERSIONS));
    /// `cn`: the common name of a client's certificate is its user name, and no password is asked.
    /// Needs a restart.
    "identity_from_certificate" => identity: Rule::of(Kind::Choice(IDENTITY_SOURCES));
    /// Addresses and networks of proxies, such as `10.0.0.0/8`, that begin each connection with a
    /// PROXY protocol header, version 1 or 2. Needs a restart.
    "proxy_protocol" => proxy_protocol: Rule::of(Kind::List);
    /// `unix`: the permissions of the socket. Needs a restart.
    "mode" => mode: TEXT;
});

/// The keys of an `[[api_token]]`.
pub(super) const API_TOKEN_KEYS: &[Key<ApiToken>] = keys!(ApiToken {
    /// Who holds the token, for the log.
    "name" => name: TEXT;
    /// `viewer` looks; `operator` also disconnects clients, deletes sessions and retained messages
    /// and publishes; `admin` may do everything.
    "role" => role: Rule::of(Kind::Choice(ROLES));
    /// The SHA-256 of the token in hexadecimal digits; `waypost admin token` prints both.
    "sha256" => sha256: HASH.default_text("required");
});

/// Sections and keys that the design has and this build does not speak yet.
pub(super) const LATER: &[&str] = &["acl", "rule", "schema"];
