//! Rules about crates: who may depend on whom, on what else never, and which lints they inherit.

use super::Finding;
use super::source::{Source, Tree};
use toml::{Table, Value};

/// A crate of ours, and which others of ours it may name.
struct Layer {
    name: &'static str,
    below: &'static [&'static str],
    /// Tests of the top crates may use anything below them.
    tests_use_all: bool,
}

const fn layer(name: &'static str, below: &'static [&'static str]) -> Layer {
    Layer {
        name,
        below,
        tests_use_all: false,
    }
}

const fn top(name: &'static str, below: &'static [&'static str]) -> Layer {
    Layer {
        name,
        below,
        tests_use_all: true,
    }
}

const CODECS_AND_RULES: [&str; 4] = ["mqtt-codec", "amqp-codec", "ws-codec", "rules"];

/// The diagram of the architecture, from the bottom up: a crate may only name crates above its line.
const LAYERS: [Layer; 14] = [
    layer("message", &[]),
    layer("mqtt-codec", &[]),
    layer("amqp-codec", &[]),
    layer("ws-codec", &[]),
    layer("rules", &["message"]),
    layer("store", &["message"]),
    layer(
        "broker",
        &["message", "mqtt-codec", "amqp-codec", "ws-codec", "rules"],
    ),
    layer(
        "sim",
        &["broker", "store", "message", "mqtt-codec", "amqp-codec"],
    ),
    layer(
        "hot-paths",
        &["broker", "store", "message", "mqtt-codec", "ws-codec"],
    ),
    top(
        "server",
        &[
            "broker",
            "store",
            "message",
            "rules",
            "mqtt-codec",
            "amqp-codec",
            "ws-codec",
        ],
    ),
    top("bench", &["mqtt-codec", "amqp-codec"]),
    top(
        "waypost",
        &[
            "server",
            "bench",
            "mqtt-codec",
            "amqp-codec",
            "ws-codec",
            "message",
        ],
    ),
    layer("xtask", &[]),
    layer(
        "fuzz",
        &[
            "message",
            "mqtt-codec",
            "amqp-codec",
            "ws-codec",
            "rules",
            "broker",
            "store",
            // Its configuration and password files: nothing runs it.
            "server",
        ],
    ),
];

/// Crates that touch no socket, clock, file, thread or randomness.
fn is_pure(name: &str) -> bool {
    matches!(name, "message" | "broker") || CODECS_AND_RULES.contains(&name)
}

/// What brings one of those in.
const IMPURE: [&str; 36] = [
    "async-io",
    "async-std",
    "chrono",
    "crossbeam",
    "crossbeam-channel",
    "fastrand",
    "flume",
    "fs2",
    "futures",
    "getrandom",
    "hyper",
    "io-uring",
    "jiff",
    "libc",
    "memmap2",
    "mio",
    "nix",
    "parking_lot",
    "polling",
    "quanta",
    "rand",
    "rand_chacha",
    "rand_core",
    "rayon",
    "reqwest",
    "rustix",
    "rustls",
    "signal-hook",
    "smol",
    "socket2",
    "tempfile",
    "time",
    "tokio",
    "tokio-util",
    "ureq",
    "uuid",
];

/// Runtimes and sockets, which the log does without.
const NOT_IN_STORE: [&str; 8] = [
    "async-std",
    "futures",
    "hyper",
    "mio",
    "smol",
    "socket2",
    "tokio",
    "tokio-util",
];

/// One line of a manifest's dependency tables.
struct Dependency {
    name: String,
    for_tests: bool,
    line: usize,
}

/// A crate's manifest.
struct Manifest<'a> {
    file: &'a Source,
    name: String,
    table: Table,
}

impl<'a> Manifest<'a> {
    fn all(tree: &'a Tree) -> impl Iterator<Item = Manifest<'a>> {
        tree.files
            .iter()
            .filter(|file| file.path.ends_with("/Cargo.toml"))
            .filter_map(|file| {
                let table: Table = file.text.parse().ok()?;
                let folder = file.path.trim_end_matches("/Cargo.toml");
                // The folder's name is the crate's name, as in the architecture.
                let name = folder.rsplit('/').next().unwrap_or(folder).to_string();
                table
                    .contains_key("package")
                    .then_some(Manifest { file, name, table })
            })
    }

    fn layer(&self) -> Option<&'static Layer> {
        LAYERS.iter().find(|layer| layer.name == self.name)
    }

    fn dependencies(&self) -> Vec<Dependency> {
        let mut all = Vec::new();
        self.collect(&self.table, &mut all);
        if let Some(Value::Table(targets)) = self.table.get("target") {
            for target in targets.values() {
                if let Value::Table(target) = target {
                    self.collect(target, &mut all);
                }
            }
        }
        all
    }

    fn collect(&self, table: &Table, all: &mut Vec<Dependency>) {
        let kinds = [
            ("dependencies", false),
            ("build-dependencies", false),
            ("dev-dependencies", true),
        ];
        for (kind, for_tests) in kinds {
            let Some(Value::Table(listed)) = table.get(kind) else {
                continue;
            };
            for (key, value) in listed {
                // `alias = { package = "name" }`
                let package = value.get("package").and_then(Value::as_str);
                let name = package.unwrap_or(key).to_string();
                all.push(Dependency {
                    name,
                    for_tests,
                    line: self.line_of(kind, key),
                });
            }
        }
    }

    /// The line of `key` in the section `kind`.
    fn line_of(&self, kind: &str, key: &str) -> usize {
        let mut inside = false;
        for (index, line) in self.file.text.lines().enumerate() {
            if line.starts_with('[') {
                inside = line.contains(kind);
            }
            let rest = line.trim_start().strip_prefix(key);
            if inside && rest.is_some_and(|rest| rest.starts_with([' ', '=', '.'])) {
                return index + 1;
            }
        }
        1
    }
}

/// Crates depend on crates as the architecture draws it.
pub(super) fn layering(tree: &Tree) -> Vec<Finding> {
    let mut all = Vec::new();
    for manifest in Manifest::all(tree) {
        let path = &manifest.file.path;
        let Some(layer) = manifest.layer() else {
            let advice = format!(
                "crate `{}` has no place in the architecture: give it one in LAYERS of tidy",
                manifest.name
            );
            all.push(Finding::new(path, 1, advice));
            continue;
        };
        for dependency in manifest.dependencies() {
            let name = dependency.name.as_str();
            let ours = LAYERS.iter().any(|other| other.name == name);
            let free = layer.tests_use_all && dependency.for_tests && is_below(name, layer.name);
            if ours && !free && !layer.below.contains(&name) {
                let allowed = match layer.below {
                    [] => "no crate of ours".to_string(),
                    names => names.join(", "),
                };
                let advice = format!(
                    "`{}` may not depend on `{name}` (allowed: {allowed}): move the code that \
                     needs it, or pass a value",
                    layer.name
                );
                all.push(Finding::new(path, dependency.line, advice));
            }
        }
    }
    all
}

fn is_below(name: &str, upper: &str) -> bool {
    let place = |name: &str| LAYERS.iter().position(|layer| layer.name == name);
    place(name) < place(upper)
}

/// Pure crates have no impure dependency, the store no runtime; their tests neither.
pub(super) fn forbidden(tree: &Tree) -> Vec<Finding> {
    let mut all = Vec::new();
    for manifest in Manifest::all(tree) {
        let (list, what): (&[&str], _) = if is_pure(&manifest.name) {
            (&IMPURE, "pure: time, seeds and bytes are arguments")
        } else if manifest.name == "store" {
            (&NOT_IN_STORE, "threads and files alone")
        } else {
            continue;
        };
        for dependency in manifest.dependencies() {
            if list.contains(&dependency.name.as_str()) {
                let advice = format!(
                    "`{}` is {what}; it may not depend on `{}`",
                    manifest.name, dependency.name
                );
                all.push(Finding::new(&manifest.file.path, dependency.line, advice));
            }
        }
    }
    all
}

/// Every crate inherits the lints of the workspace.
pub(super) fn lints(tree: &Tree) -> Vec<Finding> {
    Manifest::all(tree)
        .filter(|manifest| manifest.name != "fuzz")
        .filter(|manifest| {
            let inherited = manifest
                .table
                .get("lints")
                .and_then(|lints| lints.get("workspace"));
            inherited.and_then(Value::as_bool) != Some(true)
        })
        .map(|manifest| {
            let advice = "add `[lints]` with `workspace = true`";
            Finding::new(&manifest.file.path, 1, advice)
        })
        .collect()
}

/// Every pure crate has the same `clippy.toml`, which makes impurity a compile error.
pub(super) fn pure_clippy(tree: &Tree) -> Vec<Finding> {
    let model = tree
        .file("crates/message/clippy.toml")
        .map(|file| file.text.as_str());
    Manifest::all(tree)
        .filter(|manifest| is_pure(&manifest.name))
        .filter_map(|manifest| {
            let path = manifest.file.path.replace("Cargo.toml", "clippy.toml");
            let advice = match (tree.file(&path), model) {
                (None, _) => "missing: copy the clippy.toml of crates/message, pure crates need it",
                (Some(own), Some(model)) if own.text == model => return None,
                (Some(_), _) => "differs from that of crates/message: keep all pure crates' alike",
            };
            Some(Finding::new(&path, 1, advice))
        })
        .collect()
}
