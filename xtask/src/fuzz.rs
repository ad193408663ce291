//! `cargo xtask fuzz`: the fuzz targets of `fuzz/`, each for a while, without a sanitizer.

use crate::install;
use crate::process::{Failure, Outcome, failed, run};
use crate::workspace::Workspace;
use std::fs;

const CARGO_FUZZ: &str = "0.13.2";
const DEFAULT_SECONDS: u32 = 60;

/// `cargo xtask fuzz [SECONDS] [TARGET]`.
pub(crate) fn command(args: &[String]) -> Outcome {
    let ws = Workspace::find()?;
    let targets = targets(&ws)?;
    let (seconds, chosen) = parse(args, &targets)?;
    let tool = install::cargo_tool(&ws, "cargo-fuzz", CARGO_FUZZ)?;
    for target in &chosen {
        println!("\n== fuzz {target}");
        // Coverage counters need an unstable flag of the stable compiler, a sanitizer more than that.
        run(ws
            .command(&tool)
            .args(["run", "--sanitizer", "none", target, "--"])
            .arg(format!("-max_total_time={seconds}"))
            .arg("-timeout=1")
            .env("RUSTC_BOOTSTRAP", "1"))?;
    }
    println!("{} targets, {seconds} s each, no crash", chosen.len());
    Ok(())
}

/// The targets are the files of `fuzz/fuzz_targets`.
fn targets(ws: &Workspace) -> Outcome<Vec<String>> {
    let dir = ws.root.join("fuzz").join("fuzz_targets");
    let Ok(entries) = fs::read_dir(&dir) else {
        return failed("there is no fuzz/fuzz_targets: no fuzz target exists yet");
    };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "rs"))
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}

fn parse(args: &[String], targets: &[String]) -> Outcome<(u32, Vec<String>)> {
    let wrong = |why: String| {
        Err(Failure::Usage(format!(
            "{why}; targets: {}",
            targets.join(" ")
        )))
    };
    let (seconds, rest) = match args.first().map(|first| first.parse::<u32>()) {
        Some(Ok(seconds)) => (seconds, &args[1..]),
        _ => (DEFAULT_SECONDS, args),
    };
    match rest {
        [] => Ok((seconds, targets.to_vec())),
        [one] if targets.contains(one) => Ok((seconds, vec![one.clone()])),
        [one] => wrong(format!("there is no fuzz target {one:?}")),
        _ => wrong("usage: cargo xtask fuzz [SECONDS] [TARGET]".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn seconds_and_target_are_both_optional() {
        let targets = ["a".to_string(), "b".to_string()];
        let args = |words: &[&str]| words.iter().map(|w| w.to_string()).collect::<Vec<_>>();
        let parsed = |words: &[&str]| parse(&args(words), &targets).ok();
        assert_eq!(parsed(&[]), Some((60, targets.to_vec())));
        assert_eq!(parsed(&["5"]), Some((5, targets.to_vec())));
        assert_eq!(parsed(&["b"]), Some((60, args(&["b"]))));
        assert_eq!(parsed(&["5", "a"]), Some((5, args(&["a"]))));
        assert_eq!(parsed(&["5", "c"]), None);
    }
}
