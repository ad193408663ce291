//! What the keys are stored in, and their defaults.
//!
//! Made by [`load`](super::load), read by whoever serves. Limits and MQTT settings are the broker's
//! own structs, with the broker's own defaults: nothing is declared twice.

use super::rule::{Given, Rule, Setting, choose};
use super::value::Value;
use broker::{Limits, MqttSettings};
use std::path::PathBuf;

/// Everything that is configured, listeners aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values {
    pub data_dir: PathBuf,
    pub durability: Durability,
    pub shards: usize,
    pub limits: Limits,
    pub server_limits: ServerLimits,
    /// `redirect` in here is made of the two fields below, by [`super::Config::settings`].
    pub mqtt: MqttSettings,
    pub server_reference: Option<String>,
    pub server_moved: bool,
    pub auth: AuthFiles,
    pub admin_limits: AdminLimits,
    /// Everybody may read the metrics.
    pub public_metrics: bool,
    /// Seconds between two looks at what `$SYS` says; 0 for never.
    pub sys_interval_s: u32,
    pub log_level: LogLevel,
    pub log_format: LogFormat,
}

impl Default for Values {
    fn default() -> Self {
        Values {
            data_dir: PathBuf::from("waypost-data"),
            durability: Durability::Disk,
            shards: std::thread::available_parallelism().map_or(1, |n| n.get().min(256)),
            limits: Limits::default(),
            server_limits: ServerLimits::default(),
            mqtt: MqttSettings::default(),
            server_reference: None,
            server_moved: false,
            auth: AuthFiles::default(),
            admin_limits: AdminLimits::default(),
            public_metrics: false,
            sys_interval_s: 10,
            log_level: LogLevel::Info,
            log_format: LogFormat::Text,
        }
    }
}

/// Bounds that are kept where connections are accepted, before a shard sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    pub max_connections: usize,
    /// Not for loopback.
    pub max_connections_per_ip: usize,
    /// Not for loopback.
    pub max_unauthenticated_per_ip: usize,
    pub failed_logins_per_minute: u32,
    pub tls_handshake_timeout_ms: u64,
}

impl Default for ServerLimits {
    fn default() -> Self {
        ServerLimits {
            max_connections: 1_000_000,
            max_connections_per_ip: 1_000,
            max_unauthenticated_per_ip: 64,
            failed_logins_per_minute: 10,
            tls_handshake_timeout_ms: 5_000,
        }
    }
}

/// Bounds of the HTTP side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminLimits {
    /// Of all its listeners together.
    pub max_connections: usize,
    pub max_body_bytes: usize,
    /// From a connection's readiness for a request to the end of its headers.
    pub header_timeout_ms: u64,
    /// From there to the beginning of the answer.
    pub request_timeout_ms: u64,
    /// Tokens that logins were given, at one time.
    pub max_logins: usize,
    pub login_lifetime_s: u32,
}

impl Default for AdminLimits {
    fn default() -> Self {
        AdminLimits {
            max_connections: 256,
            max_body_bytes: 1 << 20,
            header_timeout_ms: 10_000,
            request_timeout_ms: 30_000,
            max_logins: 1_000,
            login_lifetime_s: 12 * 3600,
        }
    }
}

/// Where users and their rights are read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthFiles {
    pub password_file: Option<PathBuf>,
    pub acl_file: Option<PathBuf>,
}

/// What an acknowledgement promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// What is acknowledged is on the disk.
    Disk,
    /// Nothing survives the process.
    Memory,
}

pub(super) const DURABILITIES: &[&str] = &["disk", "memory"];

impl Setting for Durability {
    fn read(given: &Given<'_>, rule: &Rule) -> Result<Self, String> {
        choose(given, rule, &[Durability::Disk, Durability::Memory])
    }

    fn show(&self, _: &Rule) -> Value {
        Value::Text(DURABILITIES[*self as usize].into())
    }
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

pub(super) const LOG_LEVELS: &[&str] = &["error", "warn", "info", "debug", "trace"];

impl LogLevel {
    pub fn as_str(self) -> &'static str {
        LOG_LEVELS[self as usize]
    }
}

impl Setting for LogLevel {
    fn read(given: &Given<'_>, rule: &Rule) -> Result<Self, String> {
        use LogLevel::{Debug, Error, Info, Trace, Warn};
        choose(given, rule, &[Error, Warn, Info, Debug, Trace])
    }

    fn show(&self, _: &Rule) -> Value {
        Value::Text(self.as_str().into())
    }
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line, for programs.
    Json,
}

pub(super) const LOG_FORMATS: &[&str] = &["text", "json"];

impl Setting for LogFormat {
    fn read(given: &Given<'_>, rule: &Rule) -> Result<Self, String> {
        choose(given, rule, &[LogFormat::Text, LogFormat::Json])
    }

    fn show(&self, _: &Rule) -> Value {
        Value::Text(LOG_FORMATS[*self as usize].into())
    }
}
