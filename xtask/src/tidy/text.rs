//! Rules about words in any text file: nothing unfinished, no place of one machine.

use super::Finding;
use super::source::{Kind, Source, Tree};

/// Where remarks to oneself are looked for.
const REMARKS_IN: [&str; 14] = [
    "rs", "py", "sh", "js", "mjs", "ts", "tsx", "svelte", "css", "html", "toml", "md", "yml", "acl",
];

/// Written in pieces, so that this file passes.
const REMARKS: [&str; 4] = [
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("TO", "DO"),
    concat!("for ", "now"),
];

const MACROS: [&str; 2] = ["todo", "unimplemented"];

const MACHINE_FOLDERS: [&str; 3] = [
    concat!("/wo", "rk/"),
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
];

const REGISTRY_HOSTS: [&str; 5] = [
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("npmjs", ".org"),
    concat!("deb.debian", ".org"),
];

/// Nothing says of itself that it is not done.
pub(super) fn unfinished(tree: &Tree) -> Vec<Finding> {
    let mut all = Vec::new();
    for file in tree
        .files
        .iter()
        .filter(|file| REMARKS_IN.contains(&file.ending()))
    {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(remark) = REMARKS.iter().find(|remark| has_word(line, remark)) {
                let advice = format!("\"{remark}\": finish it, or say what holds and why");
                all.push(Finding::new(&file.path, index + 1, advice));
            }
        }
    }
    for (file, rust) in tree.rust() {
        for pair in rust.tokens.windows(2) {
            let [name, bang] = pair else { continue };
            let named = name.kind == Kind::Word && MACROS.contains(&name.text.as_str());
            if named && bang.text == "!" {
                let advice = format!("`{}!`: write the code, or return an error", name.text);
                all.push(Finding::new(&file.path, name.line, advice));
            }
        }
    }
    all
}

/// True where `word` stands in `line` with nothing alphanumeric beside it. Lower-case words are found in
/// any case.
fn has_word(line: &str, word: &str) -> bool {
    let lower = line.to_lowercase();
    let any_case = word.chars().all(|c| !c.is_uppercase()) && lower.len() == line.len();
    let line = if any_case { lower.as_str() } else { line };
    let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        !joins(before.chars().next_back()) && !joins(after.chars().next())
    })
}

/// No file names a folder that only one machine has.
pub(super) fn machine_paths(tree: &Tree) -> Vec<Finding> {
    let begins = |before: &str| {
        let last = before.chars().next_back();
        !last.is_some_and(|c| c.is_alphanumeric() || "._-$+#}/".contains(c))
    };
    let mut all = Vec::new();
    for (file, index, line) in lines(tree) {
        for folder in MACHINE_FOLDERS {
            if line
                .match_indices(folder)
                .any(|(at, _)| begins(&line[..at]))
            {
                let advice = format!("\"{folder}\": use a path relative to the repository");
                all.push(Finding::new(&file.path, index + 1, advice));
            }
        }
    }
    all
}

/// No file names a registry's host: package clients know where they fetch from. Lock files, which
/// those clients write, aside.
pub(super) fn registry_hosts(tree: &Tree) -> Vec<Finding> {
    lines(tree)
        .filter(|(file, _, _)| file.ending() != "lock")
        .filter_map(|(file, index, line)| {
            let host = REGISTRY_HOSTS.iter().find(|host| line.contains(**host))?;
            let advice = format!("\"{host}\": name the package alone");
            Some(Finding::new(&file.path, index + 1, advice))
        })
        .collect()
}

/// Every line of every file, numbered from 0.
fn lines(tree: &Tree) -> impl Iterator<Item = (&Source, usize, &str)> {
    tree.files.iter().flat_map(|file| {
        file.text
            .lines()
            .enumerate()
            .map(move |(i, line)| (file, i, line))
    })
}
