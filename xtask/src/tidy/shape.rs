//! Rules about modules and about what the code of the core and the codecs may say.

use super::Finding;
use super::source::{Kind, Rust, Source, Tree, line};
use syn::visit::{self, Visit};

/// Names under which anything could lie.
const VAGUE: [&str; 5] = ["utils", "types", "common", "helpers", "manager"];

/// Where the protocol-neutral core of the broker lies.
const CORE: [&str; 4] = [
    "crates/broker/src/routing/",
    "crates/broker/src/routing.rs",
    "crates/broker/src/queue/",
    "crates/broker/src/queue.rs",
];

/// What no codec may know, as a type.
const ABOVE_CODECS: [&str; 2] = ["Session", "Message"];

/// Every Rust file parses, else the other rules would be blind.
pub(super) fn parse(tree: &Tree) -> Vec<Finding> {
    let broken = |(file, rust): (&Source, &Rust)| {
        let (line, error) = rust.syntax.as_ref().err()?;
        let advice = format!("not read as Rust ({error}): mend it, no other rule can see it");
        Some(Finding::new(&file.path, *line, advice))
    };
    tree.rust().filter_map(broken).collect()
}

/// No module has a name that says nothing.
pub(super) fn module_names(tree: &Tree) -> Vec<Finding> {
    let advice = |name: &str| format!("a module named `{name}` says nothing: name its one concept");
    let mut all = Vec::new();
    for (file, rust) in tree.rust() {
        for name in file.path.trim_end_matches(".rs").split('/') {
            if VAGUE.contains(&name) {
                all.push(Finding::new(&file.path, 1, advice(name)));
            }
        }
        for pair in rust.tokens.windows(3) {
            let [first, name, brace] = pair else { continue };
            if first.text == "mod" && brace.text == "{" && VAGUE.contains(&name.text.as_str()) {
                all.push(Finding::new(&file.path, name.line, advice(&name.text)));
            }
        }
    }
    all
}

/// Every Rust file begins with its module documentation.
pub(super) fn module_docs(tree: &Tree) -> Vec<Finding> {
    tree.rust()
        .filter(|(file, _)| {
            let first = file.text.lines().next().unwrap_or("");
            first.trim_start_matches("//!").trim().is_empty() || !first.starts_with("//!")
        })
        .map(|(file, _)| {
            let advice = "begin it with `//!`: what it is, who owns its state, what it never does";
            Finding::new(&file.path, 1, advice)
        })
        .collect()
}

/// `routing/` and `queue/` name no protocol, in words or in strings.
pub(super) fn protocol_in_core(tree: &Tree) -> Vec<Finding> {
    let mut all = Vec::new();
    for (file, rust) in tree.rust() {
        if !CORE.iter().any(|place| file.path.starts_with(place)) {
            continue;
        }
        for token in rust.shipped_tokens() {
            let text = token.text.to_lowercase();
            if text.contains("mqtt") || text.contains("amqp") {
                let advice = format!(
                    "`{}` names a protocol: pass it in as a neutral value, or move it to the adapter",
                    token.text
                );
                all.push(Finding::new(&file.path, token.line, advice));
            }
        }
    }
    all
}

/// No codec has a type `Session` or `Message`, nor uses one.
pub(super) fn codec_knows(tree: &Tree) -> Vec<Finding> {
    let mut all = Vec::new();
    for (file, rust) in tree.rust() {
        let of_codec = file
            .path
            .strip_prefix("crates/")
            .and_then(|p| p.split_once('/'));
        let Some((name, inside)) = of_codec else {
            continue;
        };
        if !name.ends_with("-codec") || !inside.starts_with("src/") {
            continue;
        }
        if let Ok(syntax) = &rust.syntax {
            let mut seen = TypeNames(Vec::new());
            seen.visit_file(syntax);
            for (line, name) in seen.0 {
                if !rust.is_test(line) {
                    let advice = format!("a codec knows no `{name}`: speak of packets or frames");
                    all.push(Finding::new(&file.path, line, advice));
                }
            }
        }
    }
    all
}

/// Collects where names of [`ABOVE_CODECS`] stand for types.
struct TypeNames(Vec<(usize, String)>);

impl TypeNames {
    fn see(&mut self, name: &syn::Ident) {
        let text = name.to_string();
        if ABOVE_CODECS.contains(&text.as_str()) {
            self.0.push((line(name.span()), text));
        }
    }
}

impl<'ast> Visit<'ast> for TypeNames {
    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.see(&item.ident);
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.see(&item.ident);
        visit::visit_item_enum(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.see(&item.ident);
        visit::visit_item_trait(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.see(&item.ident);
        visit::visit_item_type(self, item);
    }

    fn visit_use_name(&mut self, name: &'ast syn::UseName) {
        self.see(&name.ident);
    }

    fn visit_use_rename(&mut self, name: &'ast syn::UseRename) {
        self.see(&name.ident);
    }

    fn visit_type_path(&mut self, path: &'ast syn::TypePath) {
        if let Some(last) = path.path.segments.last() {
            self.see(&last.ident);
        }
        visit::visit_type_path(self, path);
    }
}

/// The broker has no `async`.
pub(super) fn broker_async(tree: &Tree) -> Vec<Finding> {
    let advice = "no async in the broker: a state machine with `on_event` and `on_timeout` instead";
    broker_keyword(tree, "async", advice)
}

/// The broker has no `unsafe`.
pub(super) fn broker_unsafe(tree: &Tree) -> Vec<Finding> {
    broker_keyword(
        tree,
        "unsafe",
        "no unsafe in the broker: there is a safe way, or another crate",
    )
}

fn broker_keyword(tree: &Tree, keyword: &str, advice: &str) -> Vec<Finding> {
    let mut all = Vec::new();
    for (file, rust) in tree.rust().filter(|(file, _)| in_broker(file)) {
        let found = rust
            .tokens
            .iter()
            .filter(|t| t.kind == Kind::Word && t.text == keyword);
        all.extend(found.map(|token| Finding::new(&file.path, token.line, advice)));
    }
    all
}

fn in_broker(file: &Source) -> bool {
    file.path.starts_with("crates/broker/")
}

/// `Shard` is one plain type.
pub(super) fn shard_generic(tree: &Tree) -> Vec<Finding> {
    let mut all = Vec::new();
    for (file, rust) in tree.rust().filter(|(file, _)| in_broker(file)) {
        for window in rust.tokens.windows(3) {
            let [first, name, mark] = window else {
                continue;
            };
            if first.text == "struct" && name.text == "Shard" && mark.text == "<" {
                let advice =
                    "no generic parameter on `Shard`: pass what varies as a value or an event";
                all.push(Finding::new(&file.path, name.line, advice));
            }
        }
    }
    all
}

/// No channel without a bound, tests aside.
pub(super) fn channels(tree: &Tree) -> Vec<Finding> {
    let advice = "an unbounded channel: use a bounded one and give its bound a name in `Limits`";
    let mut all = Vec::new();
    for (file, rust) in tree.rust() {
        let tokens: Vec<_> = rust.shipped_tokens().collect();
        for (at, token) in tokens.iter().enumerate() {
            let text = |offset: usize| tokens.get(at + offset).map_or("", |t| t.text.as_str());
            let before = |back: usize| at.checked_sub(back).map_or("", |i| tokens[i].text.as_str());
            let named = matches!(token.text.as_str(), "unbounded" | "unbounded_channel");
            // `std::sync::mpsc::channel()`; tokio's of the same name takes a bound.
            let bare = token.text == "channel" && before(3) == "mpsc" && {
                let opens = (1..20).find(|offset| text(*offset) == "(");
                opens.is_some_and(|offset| text(offset + 1) == ")")
            };
            let imported = token.text == "channel" && std_channel_is_imported(&tokens, at);
            if token.kind == Kind::Word && (named || bare || imported) {
                all.push(Finding::new(&file.path, token.line, advice));
            }
        }
    }
    all
}

/// True where `channel` at `at` stands in a `use std::sync::...` declaration.
fn std_channel_is_imported(tokens: &[&super::source::Token], at: usize) -> bool {
    let begin = tokens[..at]
        .iter()
        .rposition(|t| t.text == ";")
        .map_or(0, |i| i + 1);
    let words: Vec<&str> = tokens[begin..at].iter().map(|t| t.text.as_str()).collect();
    words.contains(&"use") && words.contains(&"std") && words.contains(&"mpsc")
}
