//! A clean little tree, and one violation of each rule to plant into it.
//!
//! The tree is written to a folder and read back through git, as the real one is.

use super::{Finding, RULES};
use crate::process::{Failure, Outcome};
use crate::tidy::source::Tree;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What is planted: a file that replaces or joins those of the clean tree.
pub(super) struct Case {
    /// The one rule that must find it.
    pub(super) rule: &'static str,
    path: &'static str,
    text: &'static str,
}

const LINTS: &str = "[lints]\nworkspace = true\n";

/// Files of the clean tree, beside the manifests.
const CLEAN: [(&str, &str); 10] = [
    (".gitignore", "/target/\n"),
    ("crates/message/clippy.toml", "disallowed-methods = []\n"),
    ("crates/broker/clippy.toml", "disallowed-methods = []\n"),
    ("crates/ws-codec/clippy.toml", "disallowed-methods = []\n"),
    (
        "crates/message/src/lib.rs",
        "//! Messages of MQTT and AMQP.\n",
    ),
    // A variant of that name is no type, and comments may say what they like.
    (
        "crates/ws-codec/src/lib.rs",
        "//! Frames.\n/// Not a Session.\npub enum Event { Message }\n",
    ),
    (
        "crates/broker/src/lib.rs",
        "//! Shards.\npub struct Shard;\n#[cfg(test)]\nmod proofs;\n",
    ),
    (
        "crates/broker/src/queue/mod.rs",
        "//! Queues.\n/// Knows no MQTT.\npub struct Queue;\n",
    ),
    ("tests/e2e/harness.py", "import time\ntime.sleep(0.01)\n"),
    // Ignored by git, so not looked at.
    ("target/debug/build/out.rs", "fn f() { todo!() }\n"),
];

/// Crates of the clean tree, with their dependencies.
const CRATES: [(&str, &str); 6] = [
    ("message", ""),
    ("ws-codec", ""),
    (
        "broker",
        "[dependencies]\nmessage = { path = \"../message\" }\n",
    ),
    ("store", ""),
    (
        "sim",
        "[dependencies]\nbroker.workspace = true\nstore.workspace = true\n",
    ),
    (
        "server",
        "[dev-dependencies]\nsim = { path = \"../sim\" }\n",
    ),
];

macro_rules! case {
    ($rule:literal, $path:literal, $($text:expr),+) => {
        Case { rule: $rule, path: $path, text: concat!($($text),+) }
    };
}

/// Every rule has at least one; a rule with several parts has one for each.
pub(super) const CASES: &[Case] = &[
    case!("parse", "crates/store/src/lib.rs", "//! x\nfn {\n"),
    case!(
        "file-length",
        "crates/store/src/log.rs",
        "//! x\n",
        "@lines 500"
    ),
    case!("file-length", "ui/src/page.ts", "@lines 501"),
    case!(
        "function-length",
        "crates/store/src/log.rs",
        "//! x\nfn f() {\n",
        "@lines 69",
        "}\n"
    ),
    case!("module-name", "crates/store/src/utils.rs", "//! x\n"),
    case!("module-name", "crates/store/src/helpers/mod.rs", "//! x\n"),
    case!(
        "module-name",
        "crates/store/src/lib.rs",
        "//! x\nmod types { }\n"
    ),
    case!("module-doc", "crates/store/src/lib.rs", "fn f() {}\n"),
    case!("module-doc", "crates/store/tests/a.rs", "//!\nfn f() {}\n"),
    case!(
        "layering",
        "crates/message/Cargo.toml",
        "@crate",
        "[dependencies]\nstore = \"1\"\n"
    ),
    case!(
        "layering",
        "crates/broker/Cargo.toml",
        "@crate",
        "[dev-dependencies.store]\npath = \"x\"\n"
    ),
    case!(
        "layering",
        "crates/sim/Cargo.toml",
        "@crate",
        "[target.'cfg(unix)'.dependencies]\ns = { package = \"server\", path = \"x\" }\n"
    ),
    case!(
        "layering",
        "crates/server/Cargo.toml",
        "@crate",
        "[dev-dependencies]\nwaypost.workspace = true\n"
    ),
    case!("layering", "crates/glue/Cargo.toml", "@crate"),
    case!(
        "forbidden-dependency",
        "crates/broker/Cargo.toml",
        "@crate",
        "[dependencies]\ntokio = \"1\"\n"
    ),
    case!(
        "forbidden-dependency",
        "crates/message/Cargo.toml",
        "@crate",
        "[dev-dependencies]\nrand = \"1\"\n"
    ),
    case!(
        "forbidden-dependency",
        "crates/store/Cargo.toml",
        "@crate",
        "[dependencies]\ntokio = \"1\"\n"
    ),
    case!(
        "lints",
        "crates/store/Cargo.toml",
        "[package]\nname = \"store\"\n"
    ),
    case!(
        "pure-clippy",
        "crates/broker/clippy.toml",
        "disallowed-methods = [\"std::fs::read\"]\n"
    ),
    case!("pure-clippy", "crates/rules/Cargo.toml", "@crate"),
    case!(
        "protocol-in-core",
        "crates/broker/src/queue/q.rs",
        "//! x\nfn from_mqtt() {}\n"
    ),
    case!(
        "protocol-in-core",
        "crates/broker/src/routing/r.rs",
        "//! x\nconst A: &str = \"AMQP\";\n"
    ),
    case!(
        "codec-knows",
        "crates/ws-codec/src/a.rs",
        "//! x\nfn f(m: &crate::Message) {}\n"
    ),
    case!(
        "codec-knows",
        "crates/ws-codec/src/a.rs",
        "//! x\nstruct Session;\n"
    ),
    case!(
        "broker-async",
        "crates/broker/src/a.rs",
        "//! x\nimpl A { async fn f() {} }\n"
    ),
    case!(
        "broker-unsafe",
        "crates/broker/src/a.rs",
        "//! x\nfn f() { unsafe {} }\n"
    ),
    case!(
        "shard-generic",
        "crates/broker/src/a.rs",
        "//! x\npub struct Shard<T>(T);\n"
    ),
    case!(
        "unbounded",
        "crates/server/src/a.rs",
        "//! x\nfn f() { let (a, b) = std::sync::mpsc::channel::<u8>(); }\n"
    ),
    case!(
        "unbounded",
        "crates/server/src/a.rs",
        "//! x\nuse std::sync::mpsc::{Sender, channel};\n"
    ),
    case!(
        "unbounded",
        "crates/server/src/a.rs",
        "//! x\nfn f() { tokio::sync::mpsc::unbounded_channel(); }\n"
    ),
    case!(
        "test-sleep",
        "crates/store/tests/a.rs",
        "//! x\nfn f() { std::thread::sleep(d); }\n"
    ),
    case!(
        "test-sleep",
        "crates/broker/src/proofs.rs",
        "//! x\nfn f() { std::thread::sleep(d); }\n"
    ),
    case!(
        "test-sleep",
        "crates/store/src/a.rs",
        "//! x\n#[cfg(test)]\nmod tests { fn f() { tokio::time::sleep(d); } }\n"
    ),
    case!(
        "test-sleep",
        "tests/e2e/test_a.py",
        "import time\ntime.sleep(1)\n"
    ),
    case!(
        "test-sleep",
        "tests/e2e/a.mjs",
        "await new Promise(r => setTimeout(r, 100))\n"
    ),
    case!("test-sleep", "tests/run.sh", "sleep 1\n"),
    case!(
        "unfinished",
        "crates/store/src/a.rs",
        "//! x\nfn f() { todo!() }\n"
    ),
    case!(
        "unfinished",
        "crates/store/src/a.rs",
        "//! x\nfn f() { unimplemented!(\"later\") }\n"
    ),
    case!(
        "unfinished",
        "crates/store/src/a.rs",
        "//! x\n// FIX",
        "ME: wrong\n"
    ),
    case!("unfinished", "docs/a.md", "XX", "X\n"),
    case!(
        "unfinished",
        "tests/e2e/test_a.py",
        "# For ",
        "now it passes\n"
    ),
    case!("machine-path", "docs/a.md", "see /ho", "me/someone/notes\n"),
    case!("machine-path", "run.cfg", "dir=\"/wo", "rk/x\"\n"),
    case!(
        "registry-host",
        "docs/a.md",
        "from https://crates",
        ".io/crates/x\n"
    ),
];

/// What is wrong with tidy itself: a finding in the clean tree, a planted violation that its rule does
/// not find, or that another rule finds.
pub(super) fn problems(scratch: &Path) -> Outcome<Vec<String>> {
    let mut problems = Vec::new();
    for (rule, finding) in findings_with(scratch, None)? {
        problems.push(format!("clean tree: {rule} found {finding:?}"));
    }
    for case in CASES {
        let found = findings_with(scratch, Some(case))?;
        if !found
            .iter()
            .any(|(rule, f)| *rule == case.rule && f.path == case.finding_path())
        {
            problems.push(format!(
                "{}: missed what is planted in {}",
                case.rule, case.path
            ));
        }
        for (rule, finding) in found.iter().filter(|(rule, _)| *rule != case.rule) {
            problems.push(format!(
                "{} planted, but {rule} found {finding:?}",
                case.rule
            ));
        }
    }
    Ok(problems)
}

impl Case {
    /// Where the finding is: a missing file is found where it should be.
    fn finding_path(&self) -> &str {
        match (self.rule, self.path) {
            ("pure-clippy", "crates/rules/Cargo.toml") => "crates/rules/clippy.toml",
            (_, path) => path,
        }
    }

    /// The text to write; `@crate` stands for a manifest's beginning, `@lines N` for N lines.
    fn expanded(&self) -> String {
        let mut text = self.text.to_string();
        if let Some(rest) = self.text.strip_prefix("@crate") {
            text = manifest(self.path, rest);
        }
        if let Some((before, after)) = text.split_once("@lines ") {
            let digits = after.chars().take_while(char::is_ascii_digit).count();
            let count = after[..digits].parse().unwrap_or(0);
            text = format!("{before}{}{}", "//\n".repeat(count), &after[digits..]);
        }
        text
    }
}

fn manifest(path: &str, dependencies: &str) -> String {
    let name = path.split('/').nth(1).unwrap_or("x");
    format!("[package]\nname = \"{name}\"\n{dependencies}{LINTS}")
}

/// All findings in the clean tree, or in it with `case` planted.
fn findings_with(scratch: &Path, case: Option<&Case>) -> Outcome<Vec<(&'static str, Finding)>> {
    let mut files: Vec<(String, String)> = CLEAN
        .iter()
        .map(|(path, text)| (path.to_string(), text.to_string()))
        .collect();
    for (name, dependencies) in CRATES {
        let path = format!("crates/{name}/Cargo.toml");
        let text = manifest(&path, dependencies);
        files.push((path, text));
    }
    files.extend(case.map(|case| (case.path.to_string(), case.expanded())));
    let written = lay_out(scratch, &files);
    let tree = match written {
        Ok(()) => Tree::load(scratch)?,
        Err(e) => return Err(Failure::Failed(format!("{}: {e}", scratch.display()))),
    };
    let _ = fs::remove_dir_all(scratch);
    let of_rule = |rule: &'static super::Rule| {
        let found = (rule.check)(&tree);
        found
            .into_iter()
            .map(|finding| (rule.name, finding))
            .collect::<Vec<_>>()
    };
    Ok(RULES.iter().flat_map(of_rule).collect())
}

fn lay_out(root: &Path, files: &[(String, String)]) -> std::io::Result<()> {
    let _ = fs::remove_dir_all(root);
    for (path, text) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap_or(root))?;
        fs::write(path, text)?;
    }
    let made = Command::new("git")
        .args(["init", "--quiet"])
        .current_dir(root)
        .status()?;
    if made.success() {
        Ok(())
    } else {
        Err(std::io::Error::other("git init failed"))
    }
}
