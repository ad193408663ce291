//! The configuration: read, checked, explained, reloaded.
//!
//! A [`Config`] is made by [`load`] from [`Sources`] and never changes; a reload makes a new one or
//! fails and leaves the old. Every key is declared once, in `keys.rs`. Nothing here binds a socket,
//! and a value that is wrong is never replaced by a default.

mod api_token;
mod error;
mod keys;
mod layers;
mod listener;
mod reference;
mod rule;
mod transport;
mod value;
mod values;

#[cfg(test)]
mod tests;

pub use api_token::{ApiToken, Role, TokenHash};
pub use error::{ConfigError, Origin, Problem};
pub use listener::{Listener, Scheme};
pub use reference::{ReferenceRow, reference, reference_rows};
pub use transport::{ClientAuth, IdentitySource, Mode, Network, TlsKeys, TlsVersion};
pub use value::Value;
pub use values::{AdminLimits, AuthFiles, Durability, LogFormat, LogLevel, ServerLimits, Values};

use crate::auth::{Anonymous, Authenticator, ByCertificate, PasswordFile};
use crate::tls::{self, Loaded, Terms};
use broker::auth::{Acl, Policy};
use broker::{Redirect, Settings};
use keys::{API_TOKEN_KEYS, KEYS, Key, LISTENER_KEYS};
use layers::{Entry, Layers, TokenEntry};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Where a configuration is read from, lowest first.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    pub file: Option<PathBuf>,
    /// Variables `WAYPOST__SECTION__KEY`; others are passed over.
    pub environment: Vec<(String, String)>,
    /// The words of `--set key=value`.
    pub set: Vec<String>,
    pub data_dir: Option<PathBuf>,
    /// The URLs of `--listen`; they replace every other listener.
    pub listen: Vec<String>,
}

impl Sources {
    /// These sources with the environment of this process.
    pub fn with_process_environment(mut self) -> Sources {
        self.environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| name.starts_with("WAYPOST__"))
            .map(|(name, value)| (name, value.to_string_lossy().into_owned()))
            .collect();
        self.environment.sort();
        self
    }
}

/// A checked configuration, with what it refers to (users, access lists) already read.
#[derive(Clone)]
pub struct Config {
    pub values: Values,
    /// In the order in which they are bound and announced.
    pub listeners: Vec<Listener>,
    /// The tokens of the HTTP API.
    pub api_tokens: Vec<ApiToken>,
    /// What the operator should be told at every start.
    pub warnings: Vec<String>,
    policy: Policy,
    authenticator: Arc<dyn Authenticator>,
    /// By listener; `None` where it speaks no TLS.
    tls: Vec<Option<Arc<Terms>>>,
    sources: Sources,
    entries: Vec<Entry>,
    tokens: Vec<TokenEntry>,
    origins: BTreeMap<&'static str, Origin>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("values", &self.values)
            .field("listeners", &self.listeners)
            .finish_non_exhaustive()
    }
}

/// What a reload brings.
#[derive(Clone, Debug)]
pub struct Reloaded {
    /// The new configuration; what needs a restart is in it as it is running.
    pub config: Config,
    /// Keys whose change takes effect only after a restart.
    pub needs_restart: Vec<&'static str>,
}

/// One line of `waypost config show`.
#[derive(Clone, Debug)]
pub struct Shown {
    pub key: String,
    pub value: Value,
    pub origin: Origin,
}

/// A bound, as a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Such as `limits.max_connections`.
    pub key: &'static str,
    /// `None` where it is unlimited.
    pub value: Option<u64>,
    /// `bytes`, `seconds`, `milliseconds`; empty for a count.
    pub unit: &'static str,
    pub origin: Origin,
}

/// Reads, checks and combines the sources.
pub fn load(sources: Sources) -> Result<Config, ConfigError> {
    Config::build(sources, None)
}

impl Config {
    /// What the shards are told.
    pub fn settings(&self) -> Settings {
        let mut mqtt = self.values.mqtt.clone();
        mqtt.redirect = self
            .values
            .server_reference
            .clone()
            .map(|server_reference| Redirect {
                server_reference,
                permanent: self.values.server_moved,
            });
        let mut limits = self.values.limits.clone();
        limits.max_packet_size_before_auth = limits
            .max_packet_size_before_auth
            .min(limits.max_packet_size);
        if self.values.durability == Durability::Memory {
            // There is nothing to read bodies back from.
            limits.queue_window_bytes = u64::MAX;
        }
        Settings {
            limits,
            mqtt,
            policy: self.policy.clone(),
        }
    }

    /// Who is let in.
    pub fn authenticator(&self) -> Arc<dyn Authenticator> {
        self.authenticator.clone()
    }

    /// What TLS agrees to on each listener.
    /// Whether a client without a name is let in, by listener.
    pub(crate) fn anonymous_listeners(&self) -> Vec<bool> {
        let users = self.values.auth.password_file.is_some();
        let let_in = |l: &Listener| {
            let open = l.insecure_anonymous || (!users && l.is_loopback());
            !l.scheme.is_admin() && open
        };
        self.listeners.iter().map(let_in).collect()
    }

    pub(crate) fn tls_terms(&self) -> &[Option<Arc<Terms>>] {
        &self.tls
    }

    /// Reads the same sources again. On an error nothing has changed.
    pub fn reload(&self) -> Result<Reloaded, ConfigError> {
        Config::build(self.sources.clone(), Some(self)).map(|mut config| {
            let mut needs_restart = Vec::new();
            let running = &self.values;
            if config.values.data_dir != running.data_dir {
                needs_restart.push("data_dir");
            }
            if config.values.durability != running.durability {
                needs_restart.push("durability");
            }
            if config.values.shards != running.shards {
                needs_restart.push("shards");
            }
            if config.listeners != self.listeners {
                needs_restart.push("listener");
            }
            if config.values.admin_limits.max_connections != running.admin_limits.max_connections {
                needs_restart.push("limits.max_admin_connections");
            }
            config.values.admin_limits.max_connections = running.admin_limits.max_connections;
            config.values.data_dir = running.data_dir.clone();
            config.values.durability = running.durability;
            config.values.shards = running.shards;
            config.listeners = self.listeners.clone();
            config.entries = self.entries.clone();
            Reloaded {
                config,
                needs_restart,
            }
        })
    }

    /// Every key with its value and where that comes from.
    pub fn show(&self) -> Vec<Shown> {
        let mut all = shown_of(KEYS, &self.values, &self.origins, "");
        for (i, entry) in self.entries.iter().enumerate() {
            let prefix = format!("listener[{i}].");
            let (listener, origins) = (&entry.listener, &entry.origins);
            all.extend(shown_of(LISTENER_KEYS, listener, origins, &prefix));
        }
        for (i, entry) in self.tokens.iter().enumerate() {
            let prefix = format!("api_token[{i}].");
            let (token, origins) = (&entry.token, &entry.origins);
            all.extend(shown_of(API_TOKEN_KEYS, token, origins, &prefix));
        }
        all
    }

    /// Every key of `[limits]`.
    pub fn bounds(&self) -> Vec<Bound> {
        let limits = KEYS.iter().filter(|key| key.name.starts_with("limits."));
        let bound = |key: &Key<Values>| {
            // What a key shows it also reads.
            let value = key.rule.shown_number(key.show(&self.values)).ok()?;
            Some(Bound {
                key: key.name,
                value,
                unit: key.rule.unit(),
                origin: origin_in(&self.origins, key.name),
            })
        };
        limits.filter_map(bound).collect()
    }

    /// `running` is given at a reload: its listeners go on being served whatever the sources say
    /// now, so they too are held against what is new.
    fn build(sources: Sources, running: Option<&Config>) -> Result<Config, ConfigError> {
        let mut layers = Layers::new();
        if let Some(path) = &sources.file {
            layers.file(path);
        }
        for (name, value) in &sources.environment {
            layers.environment(name, value);
        }
        for word in &sources.set {
            layers.set(word);
        }
        if let Some(path) = &sources.data_dir {
            layers.data_dir(path.clone());
        }
        if !sources.listen.is_empty() {
            layers.listen(&sources.listen, &Origin::Flag("--listen"));
        }
        let policy = read_acl(&mut layers);
        let users = read_users(&mut layers);
        let listeners: Vec<_> = layers
            .listeners
            .iter()
            .map(|e| e.listener.clone())
            .collect();
        let served = running.map_or(&layers.listeners, |r| &r.entries).clone();
        let (tls, tls_warnings) = read_tls(&mut layers, &served, running);
        check(&mut layers, &served);
        let (Ok(policy), Ok(users), true) = (policy, users, layers.problems.is_empty()) else {
            return Err(ConfigError {
                problems: layers.problems,
            });
        };
        let mut warnings = warnings(&layers.values, &listeners, users.is_some());
        warnings.extend(tls_warnings);
        let authenticator = authenticator(users, &served);
        Ok(Config {
            values: layers.values,
            listeners,
            warnings,
            policy,
            authenticator,
            tls,
            sources,
            entries: layers.listeners,
            api_tokens: layers.tokens.iter().map(|e| e.token.clone()).collect(),
            tokens: layers.tokens,
            origins: layers.origins,
        })
    }
}

fn shown_of<T>(
    keys: &'static [Key<T>],
    of: &T,
    origins: &BTreeMap<&'static str, Origin>,
    prefix: &str,
) -> Vec<Shown> {
    let one = |key: &Key<T>| Shown {
        key: format!("{prefix}{}", key.name),
        value: key.show(of),
        origin: origin_in(origins, key.name),
    };
    keys.iter().map(one).collect()
}

fn origin_in(origins: &BTreeMap<&'static str, Origin>, key: &str) -> Origin {
    origins.get(key).cloned().unwrap_or(Origin::Default)
}

/// A problem was written down.
struct Failed;

fn read_acl(layers: &mut Layers) -> Result<Policy, Failed> {
    let Some(path) = layers.values.auth.acl_file.clone() else {
        return Ok(Policy::AllowAll);
    };
    let key = "auth.acl_file";
    match std::fs::read_to_string(&path) {
        Err(e) => {
            let what = format!("{} cannot be read: {e}", path.display());
            layers.problem(layers.origin_of(key), key, what);
            Err(Failed)
        }
        Ok(text) => match Acl::parse(&text) {
            Ok(acl) => Ok(Policy::Acl(Arc::new(acl))),
            Err(e) => {
                layers.problem(Origin::File { path, line: e.line }, key, e.what);
                Err(Failed)
            }
        },
    }
}

fn read_users(layers: &mut Layers) -> Result<Option<PasswordFile>, Failed> {
    let Some(path) = layers.values.auth.password_file.clone() else {
        return Ok(None);
    };
    let key = "auth.password_file";
    match std::fs::read_to_string(&path) {
        Err(e) => {
            let what = format!("{} cannot be read: {e}", path.display());
            layers.problem(layers.origin_of(key), key, what);
            Err(Failed)
        }
        Ok(text) => match PasswordFile::parse(&text) {
            Ok(users) => Ok(Some(users)),
            Err(e) => {
                layers.problem(Origin::File { path, line: e.line }, key, e.what);
                Err(Failed)
            }
        },
    }
}

/// Reads the files of the listeners that are served, and looks at those of listeners to come.
fn read_tls(
    layers: &mut Layers,
    served: &[Entry],
    running: Option<&Config>,
) -> (Vec<Option<Arc<Terms>>>, Vec<String>) {
    let (mut tls, mut warnings) = (Vec::new(), Vec::new());
    let to_come = layers.listeners.clone();
    let to_come = to_come.iter().filter(|e| {
        let known = served.iter().any(|s| s.listener == e.listener);
        !known
    });
    for (n, entry) in served.iter().chain(to_come).enumerate() {
        let listener = &entry.listener;
        // What is missing altogether is said where the keys are held against each other.
        if !listener.scheme.is_secure() || !listener.contradictions().is_empty() {
            tls.push(None);
            continue;
        }
        let before = running.and_then(|r| r.tls.get(n)?.as_ref());
        match tls::load(listener, before) {
            Ok(Loaded { terms, warnings: w }) => {
                tls.push(Some(terms));
                warnings.extend(w.into_iter().map(|w| format!("{}: {w}", listener.url)));
            }
            Err((key, what)) => {
                tls.push(None);
                let origin = entry.origins.get(key).unwrap_or(&entry.origin).clone();
                layers.problem(origin, &format!("listener.{key}"), what);
            }
        }
    }
    tls.truncate(served.len());
    (tls, warnings)
}

fn authenticator(users: Option<PasswordFile>, served: &[Entry]) -> Arc<dyn Authenticator> {
    let on = |is: fn(&Listener) -> bool| served.iter().map(|e| is(&e.listener)).collect();
    let others: Arc<dyn Authenticator> = match users {
        Some(users) => Arc::new(users.with_anonymous(on(|l| l.insecure_anonymous))),
        None => Arc::new(Anonymous::new(
            on(Listener::is_loopback),
            on(|l| l.insecure_anonymous || l.requires_certificate()),
        )),
    };
    let named: Vec<bool> = on(|l| l.identity.is_some());
    if !named.contains(&true) {
        return others;
    }
    let required = on(|l| l.identity.is_some() && l.requires_certificate());
    Arc::new(ByCertificate::new(named, required, others))
}

/// Looks at what no key alone can say.
fn check(layers: &mut Layers, served: &[Entry]) {
    if layers.values.server_moved && layers.values.server_reference.is_none() {
        let key = "mqtt.server_moved";
        layers.problem(
            layers.origin_of(key),
            key,
            "needs mqtt.server_reference: moved to where?",
        );
    }
    if layers.listeners.is_empty() && layers.problems.is_empty() {
        layers.problem(Origin::Default, "listener", "there is no listener");
    }
    if layers.values.auth.password_file.is_some() {
        return;
    }
    for entry in served.iter().chain(&layers.listeners.clone()) {
        let listener = &entry.listener;
        // Whoever comes in at an admin listener needs a password or a token in any case.
        let open = listener.is_loopback() || listener.insecure_anonymous;
        if open || listener.requires_certificate() || listener.scheme.is_admin() {
            continue;
        }
        let what = format!(
            "{} can be reached from other machines, and no authenticator is configured. \
             Add users with `waypost passwd users.txt NAME` and set auth.password_file = \
             \"users.txt\" (or `--set auth.password_file=users.txt`), or ask for client \
             certificates with mqtts:// and client_ca; to let everybody in, add \
             ?insecure_anonymous=true to the URL",
            listener.url
        );
        let origin = entry.origins.get("url").unwrap_or(&entry.origin).clone();
        let problem = Problem {
            origin,
            key: "listener.url".into(),
            what,
        };
        if !layers.problems.contains(&problem) {
            layers.problems.push(problem);
        }
    }
}

fn warnings(values: &Values, listeners: &[Listener], users: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    if values.durability == Durability::Memory {
        warnings.push(
            "durability is \"memory\": no message, session or subscription survives the end of \
             this process"
                .to_owned(),
        );
    }
    for listener in listeners
        .iter()
        .filter(|l| l.insecure_anonymous && !l.is_loopback())
    {
        warnings.push(format!(
            "{} lets anybody in who can reach it (insecure_anonymous)",
            listener.url
        ));
    }
    for listener in listeners
        .iter()
        .filter(|l| l.scheme == Scheme::Http && !l.is_loopback())
    {
        warnings.push(format!(
            "{} can be reached from other machines, and passwords and tokens travel there as they \
             are: use https, or keep it to networks that you trust",
            listener.url
        ));
    }
    for listener in listeners
        .iter()
        .filter(|l| l.is_loopback() && !l.proxy_protocol.is_empty() && !users)
        .filter(|l| !l.requires_certificate())
    {
        warnings.push(format!(
            "{} takes connections from a proxy and no authenticator is configured: whoever \
              reaches the proxy is let in",
            listener.url
        ));
    }
    if values.auth.acl_file.is_some() && !users {
        warnings.push(
            "auth.acl_file is set without auth.password_file: a client on a loopback listener \
             may call itself by any name in it"
                .to_owned(),
        );
    }
    warnings
}
