//! `cargo xtask torture`: the broker killed again and again, and the bugs that tests must catch.
//!
//! Without `--mutants` the release binary is killed a thousand times under load, judged by `crates/waypost/tests/torture`.
//! With it, each sub-stage of [`MUTANTS`] plants its bugs one by one and shows by name which were caught.

use crate::process::{self, Failure, Outcome, failed};
use crate::workspace::Workspace;
use std::process::Command;

const USAGE: &str = "usage: cargo xtask torture [--cycles N] [--seed S] | --mutants";
const CYCLES: u64 = 1000;

/// Something that has planted bugs, and its test of each.
struct Mutants {
    name: &'static str,
    /// The tests under this module are one for each bug, named after it.
    module: &'static str,
    /// `cargo` with these arguments builds and runs its tests.
    cargo: &'static [&'static str],
}

const MUTANTS: [Mutants; 1] = [Mutants {
    name: "store",
    module: "planted_bugs_are_caught::",
    cargo: &["test", "--quiet", "--package", "store", "--lib"],
}];

#[derive(Debug, PartialEq, Eq)]
enum Options {
    Kill { cycles: u64, seed: Option<u64> },
    Mutants,
}

pub(crate) fn command(args: &[String]) -> Outcome {
    let ws = Workspace::find()?;
    match parse(args)? {
        Options::Kill { cycles, seed } => kill(&ws, cycles, seed),
        Options::Mutants => mutants(&ws),
    }
}

fn parse(args: &[String]) -> Outcome<Options> {
    let usage = || Failure::Usage(USAGE.into());
    if args == ["--mutants"] {
        return Ok(Options::Mutants);
    }
    let (mut cycles, mut seed) = (CYCLES, None);
    for pair in args.chunks(2) {
        let [option, number] = pair else {
            return Err(usage());
        };
        let number = number.parse().map_err(|_| usage())?;
        match option.as_str() {
            "--cycles" => cycles = number,
            "--seed" => seed = Some(number),
            _ => return Err(usage()),
        }
    }
    Ok(Options::Kill { cycles, seed })
}

fn kill(ws: &Workspace, cycles: u64, seed: Option<u64>) -> Outcome {
    process::run(&mut ws.cargo(&["build", "--release", "--package", "waypost"]))?;
    let mut test = ws.cargo(&[
        "test",
        "--quiet",
        "--package",
        "waypost",
        "--test",
        "torture",
    ]);
    test.args(["--", "--nocapture"])
        .env("TORTURE_BIN", ws.target.join("release").join("waypost"))
        .env("TORTURE_CYCLES", cycles.to_string());
    match seed {
        Some(seed) => test.env("TORTURE_SEED", seed.to_string()),
        None => test.env_remove("TORTURE_SEED"),
    };
    process::run(&mut test)
}

fn mutants(ws: &Workspace) -> Outcome {
    let mut missed = Vec::new();
    for stage in &MUTANTS {
        println!("\n== planted bugs of {}", stage.name);
        for test in tests(ws, stage)? {
            let bug = test.rsplit("::").next().unwrap_or(&test);
            let mut one = ws.cargo(stage.cargo);
            one.args(["--", "--exact", &test]);
            let caught = process::succeeds(&mut one);
            println!("{bug:<32} {}", if caught { "caught" } else { "NOT CAUGHT" });
            if !caught {
                missed.push(format!("{} {bug}", stage.name));
            }
        }
    }
    if missed.is_empty() {
        Ok(())
    } else {
        failed(format!("not caught: {}", missed.join(", ")))
    }
}

/// The full names of a sub-stage's tests. There being none is a failure: nothing would be looked for.
fn tests(ws: &Workspace, stage: &Mutants) -> Outcome<Vec<String>> {
    let mut list = ws.cargo(stage.cargo);
    list.args(["--", "--list", stage.module]);
    let names = names(&output(&mut list)?);
    if names.is_empty() {
        return failed(format!("{} has no test in {}", stage.name, stage.module));
    }
    Ok(names)
}

fn output(command: &mut Command) -> Outcome<String> {
    let shown = process::shown(command);
    match command.output() {
        Ok(out) if out.status.success() => Ok(String::from_utf8_lossy(&out.stdout).into_owned()),
        Ok(out) => failed(format!(
            "`{shown}`: {}",
            String::from_utf8_lossy(&out.stderr)
        )),
        Err(e) => failed(format!("cannot start `{shown}`: {e}")),
    }
}

/// Of lines such as `a::b: test`, without the one that sees to the list being whole.
fn names(list: &str) -> Vec<String> {
    let tests = list.lines().filter_map(|line| line.strip_suffix(": test"));
    tests
        .filter(|test| !test.ends_with("::none_is_left_out"))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{CYCLES, Options, names, parse};

    #[test]
    fn options_are_read() {
        let parsed = |line: &str| {
            let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            parse(&args).ok()
        };
        let kill = |cycles, seed| Some(Options::Kill { cycles, seed });
        assert_eq!(parsed(""), kill(CYCLES, None));
        assert_eq!(parsed("--seed 7"), kill(CYCLES, Some(7)));
        assert_eq!(parsed("--cycles 20 --seed 7"), kill(20, Some(7)));
        assert_eq!(parsed("--mutants"), Some(Options::Mutants));
        for wrong in ["--cycles", "--cycles many", "--mutants 3", "20"] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn tests_are_found_in_a_list() {
        let list =
            "a::planted::one: test\na::planted::none_is_left_out: test\n\n2 tests, 0 benchmarks\n";
        assert_eq!(names(list), ["a::planted::one"]);
    }
}
