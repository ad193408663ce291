//! `cargo xtask tidy`: what the design says never happens, checked on every file that git would track.
//!
//! A rule is a function from the tree to findings, listed in [`RULES`]; each has planted violations in
//! `planted.rs`, without which a test fails. No rule reads a file by itself or changes one.

mod crates;
mod planted;
mod shape;
mod size;
mod source;
mod tests_only;
mod text;

use crate::process::{Failure, Outcome, failed};
use crate::workspace::Workspace;
use source::Tree;
use std::fmt;
use std::path::Path;

/// One violation: where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    line: usize,
    advice: String,
}

impl Finding {
    fn new(path: &str, line: usize, advice: impl Into<String>) -> Self {
        Finding {
            path: path.to_string(),
            line,
            advice: advice.into(),
        }
    }
}

/// A finding with the name of its rule, as it is printed.
struct Named<'a>(&'a str, &'a Finding);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Named(rule, Finding { path, line, advice }) = self;
        write!(f, "{path}:{line}: {rule}: {advice}")
    }
}

struct Rule {
    name: &'static str,
    check: fn(&Tree) -> Vec<Finding>,
}

/// Every rule. The names are what a finding prints and what `planted.rs` refers to.
const RULES: [Rule; 19] = [
    Rule {
        name: "parse",
        check: shape::parse,
    },
    Rule {
        name: "file-length",
        check: size::files,
    },
    Rule {
        name: "function-length",
        check: size::functions,
    },
    Rule {
        name: "module-name",
        check: shape::module_names,
    },
    Rule {
        name: "module-doc",
        check: shape::module_docs,
    },
    Rule {
        name: "layering",
        check: crates::layering,
    },
    Rule {
        name: "forbidden-dependency",
        check: crates::forbidden,
    },
    Rule {
        name: "lints",
        check: crates::lints,
    },
    Rule {
        name: "pure-clippy",
        check: crates::pure_clippy,
    },
    Rule {
        name: "protocol-in-core",
        check: shape::protocol_in_core,
    },
    Rule {
        name: "codec-knows",
        check: shape::codec_knows,
    },
    Rule {
        name: "broker-async",
        check: shape::broker_async,
    },
    Rule {
        name: "broker-unsafe",
        check: shape::broker_unsafe,
    },
    Rule {
        name: "shard-generic",
        check: shape::shard_generic,
    },
    Rule {
        name: "unbounded",
        check: shape::channels,
    },
    Rule {
        name: "test-sleep",
        check: tests_only::sleeps,
    },
    Rule {
        name: "unfinished",
        check: text::unfinished,
    },
    Rule {
        name: "machine-path",
        check: text::machine_paths,
    },
    Rule {
        name: "registry-host",
        check: text::registry_hosts,
    },
];

/// `cargo xtask tidy [--self-test]`.
pub(crate) fn command(args: &[String]) -> Outcome {
    let ws = Workspace::find()?;
    match args {
        [] => check(&ws.root),
        [flag] if flag == "--self-test" => self_test(&ws.target),
        _ => Err(Failure::Usage(
            "usage: cargo xtask tidy [--self-test]".into(),
        )),
    }
}

/// Checks the tree below `root`, prints what it finds.
pub(crate) fn check(root: &Path) -> Outcome {
    let tree = Tree::load(root)?;
    let mut count = 0;
    for rule in &RULES {
        for finding in (rule.check)(&tree) {
            println!("{}", Named(rule.name, &finding));
            count += 1;
        }
    }
    let (files, rules) = (tree.files.len(), RULES.len());
    if count == 0 {
        println!("tidy: {files} files, {rules} rules, nothing found");
        Ok(())
    } else {
        failed(format!("tidy: {count} findings in {files} files"))
    }
}

/// Plants each violation into a tree of its own and wants it found.
fn self_test(scratch: &Path) -> Outcome {
    let problems = planted::problems(&scratch.join("tidy-self-test"))?;
    for problem in &problems {
        println!("{problem}");
    }
    if problems.is_empty() {
        let (cases, rules) = (planted::CASES.len(), RULES.len());
        println!("tidy: {cases} planted violations of {rules} rules, each found");
        Ok(())
    } else {
        failed(format!("tidy --self-test: {} problems", problems.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::{RULES, planted};

    #[test]
    fn every_rule_has_a_planted_case() {
        for rule in &RULES {
            let planted = planted::CASES.iter().any(|case| case.rule == rule.name);
            assert!(planted, "plant a violation of {} in planted.rs", rule.name);
        }
    }

    #[test]
    fn every_planted_violation_is_found() {
        let scratch = std::env::temp_dir().join(format!("tidy-{}", std::process::id()));
        let problems = planted::problems(&scratch).expect("the scratch folder can be written");
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }
}
