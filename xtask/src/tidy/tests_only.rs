//! Rules about tests: they wait for events with a deadline, never for time to pass.

use super::Finding;
use super::source::{Kind, Source, Tree};

/// The files that may wait a little between two looks at something, up to a deadline.
const HARNESS: [&str; 2] = ["tests/e2e/harness.py", "tests/e2e/harness.mjs"];

const ADVICE: &str = "a test sleeps: wait for the event it expects, with a deadline";

/// Calls that let time pass, for each ending of a file's name.
const SLEEPS: [(&str, &[&str]); 5] = [
    ("py", &["time.sleep(", "asyncio.sleep(", "import sleep"]),
    ("js", &["setTimeout(", "timers/promises", "waitForTimeout("]),
    (
        "mjs",
        &["setTimeout(", "timers/promises", "waitForTimeout("],
    ),
    ("html", &["setTimeout("]),
    ("sh", &["sleep "]),
];

/// No test sleeps.
pub(super) fn sleeps(tree: &Tree) -> Vec<Finding> {
    let mut all = rust_sleeps(tree);
    let scripts = tree.files.iter().filter(|file| file.in_test_folder());
    for file in scripts.filter(|file| !HARNESS.contains(&file.path.as_str())) {
        all.extend(script_sleeps(file));
    }
    all
}

fn rust_sleeps(tree: &Tree) -> Vec<Finding> {
    let mut all = Vec::new();
    for (file, rust) in tree.rust() {
        for token in rust.tokens.iter().filter(|token| rust.is_test(token.line)) {
            let sleeps = matches!(token.text.as_str(), "sleep" | "sleep_ms" | "sleep_until");
            if token.kind == Kind::Word && sleeps {
                all.push(Finding::new(&file.path, token.line, ADVICE));
            }
        }
    }
    all
}

fn script_sleeps(file: &Source) -> Vec<Finding> {
    let calls = SLEEPS.iter().find(|(ending, _)| *ending == file.ending());
    let Some((_, calls)) = calls else {
        return Vec::new();
    };
    let sleeps = |line: &str| calls.iter().any(|call| line.contains(call));
    let lines = file
        .text
        .lines()
        .enumerate()
        .filter(|(_, line)| sleeps(line));
    lines
        .map(|(index, _)| Finding::new(&file.path, index + 1, ADVICE))
        .collect()
}
