//! Puts sources on top of each other: defaults < file < environment < `--set` and flags.
//!
//! Lives for one [`load`](super::load). It collects every problem instead of stopping at the first,
//! and remembers where each value comes from.

use super::api_token::ApiToken;
use super::error::{Origin, Problem};
use super::keys::{API_TOKEN_KEYS, KEYS, Key, LATER, LISTENER_KEYS};
use super::listener::{DEFAULT_URLS, Listener};
use super::rule::Given;
use super::value::{Node, Value, parse_file, parse_word};
use super::values::Values;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A listener, and where each of its keys was set.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) listener: Listener,
    pub(super) origins: BTreeMap<&'static str, Origin>,
    pub(super) origin: Origin,
}

/// An API token, and where it was set.
#[derive(Clone, Debug)]
pub(super) struct TokenEntry {
    pub(super) token: ApiToken,
    pub(super) origins: BTreeMap<&'static str, Origin>,
}

/// What the sources say together.
#[derive(Debug)]
pub(super) struct Layers {
    pub(super) values: Values,
    pub(super) origins: BTreeMap<&'static str, Origin>,
    pub(super) listeners: Vec<Entry>,
    pub(super) tokens: Vec<TokenEntry>,
    pub(super) problems: Vec<Problem>,
}

/// The source that is being applied.
#[derive(Clone, Copy)]
struct Source<'a> {
    /// With the line left open for a file.
    origin: &'a Origin,
    base: Option<&'a Path>,
}

impl Source<'_> {
    fn origin(&self, node: &Node) -> Origin {
        match self.origin {
            Origin::File { path, .. } => Origin::File {
                path: path.clone(),
                line: node.line,
            },
            other => other.clone(),
        }
    }
}

impl Layers {
    pub(super) fn new() -> Layers {
        let mut layers = Layers {
            values: Values::default(),
            origins: BTreeMap::new(),
            listeners: Vec::new(),
            tokens: Vec::new(),
            problems: Vec::new(),
        };
        let urls: Vec<String> = DEFAULT_URLS.iter().map(|url| (*url).to_owned()).collect();
        layers.listen(&urls, &Origin::Default);
        layers
    }

    pub(super) fn problem(&mut self, origin: Origin, key: &str, what: impl Into<String>) {
        self.problems.push(Problem {
            origin,
            key: key.to_owned(),
            what: what.into(),
        });
    }

    /// Where the value of a top-level key comes from.
    pub(super) fn origin_of(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or(Origin::Default)
    }

    pub(super) fn file(&mut self, path: &Path) {
        let origin = Origin::File {
            path: path.to_owned(),
            line: 0,
        };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) => return self.problem(origin, "", format!("cannot be read: {e}")),
        };
        match parse_file(&text) {
            Err(e) => {
                let origin = Origin::File {
                    path: path.to_owned(),
                    line: e.line,
                };
                self.problem(origin, "", e.what);
            }
            Ok(nodes) => {
                let source = Source {
                    origin: &origin,
                    base: path.parent(),
                };
                self.table("", &nodes, source);
            }
        }
    }

    /// A variable `WAYPOST__SECTION__KEY`.
    pub(super) fn environment(&mut self, name: &str, value: &str) {
        let Some(rest) = name.strip_prefix("WAYPOST__") else {
            return;
        };
        let key = rest.to_ascii_lowercase().replace("__", ".");
        let origin = Origin::Environment(name.to_owned());
        self.assign(
            &key,
            parse_word(value),
            Source {
                origin: &origin,
                base: None,
            },
        );
    }

    /// A `--set key=value`.
    pub(super) fn set(&mut self, word: &str) {
        let Some((key, value)) = word.split_once('=') else {
            let origin = Origin::Set(word.to_owned());
            return self.problem(origin, "", "expected key=value");
        };
        let key = key.trim();
        let origin = Origin::Set(key.to_owned());
        self.assign(
            key,
            parse_word(value.trim()),
            Source {
                origin: &origin,
                base: None,
            },
        );
    }

    pub(super) fn data_dir(&mut self, path: PathBuf) {
        self.values.data_dir = path;
        self.origins.insert("data_dir", Origin::Flag("--data-dir"));
    }

    /// Replaces every listener.
    pub(super) fn listen(&mut self, urls: &[String], origin: &Origin) {
        self.listeners.clear();
        for url in urls {
            let node = Node::new(Value::Text(url.clone()));
            let table = [("url".to_owned(), node)];
            self.listener(&table, Source { origin, base: None }, origin.clone());
        }
    }

    fn assign(&mut self, key: &str, node: Node, source: Source<'_>) {
        // A whole key is a table of its last part, in its section.
        let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
        if section.is_empty() || is_section(section) {
            self.table(section, &[(name.to_owned(), node)], source);
        } else {
            self.unknown(key, source.origin(&node));
        }
    }

    fn table(&mut self, section: &str, entries: &[(String, Node)], source: Source<'_>) {
        for (name, node) in entries {
            let key = if section.is_empty() {
                name.clone()
            } else {
                format!("{section}.{name}")
            };
            if key == "listener" {
                self.listener_list(node, source);
            } else if key == "api_token" {
                self.token_list(node, source);
            } else if let Some(found) = KEYS.iter().find(|k| k.name == key) {
                self.put(found, node, source);
            } else if is_section(&key) {
                match &node.value {
                    Value::Table(inner) => self.table(&key, inner, source),
                    _ => self.problem(
                        source.origin(node),
                        &key,
                        format!("is a section: write [{key}]"),
                    ),
                }
            } else {
                self.unknown(&key, source.origin(node));
            }
        }
    }

    fn put(&mut self, key: &'static Key<Values>, node: &Node, source: Source<'_>) {
        match key.put(
            &mut self.values,
            &Given {
                node,
                base: source.base,
            },
        ) {
            Ok(()) => {
                self.origins.insert(key.name, source.origin(node));
            }
            Err(what) => self.problem(source.origin(node), key.name, what),
        }
    }

    fn unknown(&mut self, key: &str, origin: Origin) {
        let section = key.split('.').next().unwrap_or(key);
        if LATER.contains(&section) {
            return self.problem(origin, key, format!("[{section}] is not in this build"));
        }
        let sections = KEYS
            .iter()
            .filter_map(|k| k.name.split_once('.'))
            .map(|(s, _)| s);
        let names = KEYS
            .iter()
            .map(|k| k.name)
            .chain(sections)
            .chain(["listener", "api_token"]);
        let hint = suggestion(key, names);
        self.problem(origin, key, format!("unknown key{hint}"));
    }

    fn listener_list(&mut self, node: &Node, source: Source<'_>) {
        self.listeners.clear();
        for (entries, origin) in self.tables("listener", "url", node, source) {
            self.listener(entries, source, origin);
        }
    }

    fn token_list(&mut self, node: &Node, source: Source<'_>) {
        self.tokens.clear();
        for (entries, origin) in self.tables("api_token", "sha256", node, source) {
            self.token(entries, source, &origin);
        }
    }

    /// The tables of a list such as `[[listener]]`, each with its place; `first` is a key that each has.
    fn tables<'n>(
        &mut self,
        key: &str,
        first: &str,
        node: &'n Node,
        source: Source<'_>,
    ) -> Vec<(&'n [(String, Node)], Origin)> {
        let items = match &node.value {
            Value::List(items) => items.iter().collect(),
            Value::Table(_) => vec![node],
            _ => {
                let what =
                    format!("is a list of tables: write [[{key}]] and under it {first} = \"...\"");
                self.problem(source.origin(node), key, what);
                return Vec::new();
            }
        };
        let mut tables = Vec::new();
        for item in items {
            match &item.value {
                Value::Table(entries) => tables.push((&entries[..], source.origin(item))),
                _ => self.problem(
                    source.origin(item),
                    key,
                    format!("expected a table with {first}"),
                ),
            }
        }
        tables
    }

    fn token(&mut self, entries: &[(String, Node)], source: Source<'_>, origin: &Origin) {
        let mut entry = TokenEntry {
            token: ApiToken::default(),
            origins: BTreeMap::new(),
        };
        for (name, node) in entries {
            let Some(key) = API_TOKEN_KEYS.iter().find(|k| k.name == name) else {
                let hint = suggestion(name, API_TOKEN_KEYS.iter().map(|k| k.name));
                let what = format!("unknown key{hint}");
                self.problem(source.origin(node), &format!("api_token.{name}"), what);
                continue;
            };
            let base = source.base;
            match key.put(&mut entry.token, &Given { node, base }) {
                Ok(()) => {
                    entry.origins.insert(key.name, source.origin(node));
                }
                Err(what) => {
                    self.problem(source.origin(node), &format!("api_token.{name}"), what);
                }
            }
        }
        for key in API_TOKEN_KEYS {
            if !entries.iter().any(|(name, _)| name == key.name) {
                let what = "is missing: a token has name, role and sha256";
                self.problem(origin.clone(), &format!("api_token.{}", key.name), what);
            }
        }
        self.tokens.push(entry);
    }

    fn listener(&mut self, entries: &[(String, Node)], source: Source<'_>, origin: Origin) {
        let mut entry = Entry {
            listener: Listener::default(),
            origins: BTreeMap::new(),
            origin: origin.clone(),
        };
        let before = self.problems.len();
        let Some((_, url)) = entries.iter().find(|(name, _)| name == "url") else {
            return self.problem(origin, "listener.url", "a listener needs a url");
        };
        self.listener_key(&mut entry, "url", url, source);
        if self.problems.len() > before {
            return;
        }
        match entry.listener.resolve() {
            Err(what) => return self.problem(source.origin(url), "listener.url", what),
            Ok(options) => {
                for (name, value) in options {
                    let node = Node {
                        line: url.line,
                        ..parse_word(&value)
                    };
                    if name == "url" {
                        self.unknown_option(&name, source.origin(&node));
                    } else {
                        self.listener_key(&mut entry, &name, &node, source);
                    }
                }
            }
        }
        for (name, node) in entries.iter().filter(|(name, _)| name != "url") {
            self.listener_key(&mut entry, name, node, source);
        }
        for (key, what) in entry.listener.contradictions() {
            let origin = entry.origins.get(key).unwrap_or(&entry.origin).clone();
            self.problem(origin, &format!("listener.{key}"), what);
        }
        self.listeners.push(entry);
    }

    fn listener_key(&mut self, entry: &mut Entry, name: &str, node: &Node, source: Source<'_>) {
        let origin = source.origin(node);
        let Some(key) = LISTENER_KEYS.iter().find(|k| k.name == name) else {
            return self.unknown_option(name, origin);
        };
        match key.put(
            &mut entry.listener,
            &Given {
                node,
                base: source.base,
            },
        ) {
            Ok(()) => {
                entry.origins.insert(key.name, origin);
            }
            Err(what) => self.problem(origin, &format!("listener.{name}"), what),
        }
    }

    fn unknown_option(&mut self, name: &str, origin: Origin) {
        let hint = suggestion(name, LISTENER_KEYS.iter().map(|k| k.name));
        let what = format!("unknown key{hint}");
        self.problem(origin, &format!("listener.{name}"), what);
    }
}

fn is_section(name: &str) -> bool {
    KEYS.iter().any(|k| {
        k.name
            .split_once('.')
            .is_some_and(|(section, _)| section == name)
    })
}

/// `; did you mean "..."?`, or nothing.
fn suggestion<'a>(key: &str, names: impl Iterator<Item = &'a str>) -> String {
    let last = |name: &'a str| name.rsplit('.').next().unwrap_or(name);
    let key_last = key.rsplit('.').next().unwrap_or(key);
    let best = names
        .map(|name| {
            // A right name in a wrong section is the likeliest slip.
            let own = strsim::normalized_damerau_levenshtein(key, name);
            let bare = strsim::normalized_damerau_levenshtein(key_last, last(name)) - 0.05;
            (own.max(bare), name)
        })
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((score, name)) if score > 0.6 => format!("; did you mean \"{name}\"?"),
        _ => String::new(),
    }
}
