//! `cargo xtask suites DIR`: outside suites from a folder where they lie, a fresh broker for each.

use crate::live_broker::LiveBroker;
use crate::process::{Failure, Outcome, failed, run_and_read};
use crate::workspace::Workspace;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const USAGE: &str = "usage: cargo xtask suites DIR [--only NAME] [-- ARGUMENTS OF SERVE]";

struct Suite {
    /// The runner's file name in the folder.
    file: &'static str,
    arguments: fn(&LiveBroker) -> Vec<String>,
    /// It reads a repository below `SUITES_MIRROR`.
    mirrored: bool,
}

const SUITES: [Suite; 4] = [
    Suite {
        file: "clients-smoke.py",
        arguments: |b| ["--mqtt", &b.mqtt, "--ws", &b.ws].map(String::from).into(),
        mirrored: false,
    },
    Suite {
        file: "ws-checks.py",
        arguments: |b| vec![b.ws_place().0.into(), b.ws_place().1.into()],
        mirrored: false,
    },
    Suite {
        file: "paho311.sh",
        arguments: |b| vec![b.mqtt_place().0.into(), b.mqtt_place().1.into()],
        mirrored: true,
    },
    Suite {
        file: "paho5.sh",
        arguments: |b| vec![b.mqtt_place().0.into(), b.mqtt_place().1.into()],
        mirrored: true,
    },
];

/// What one suite came to.
struct Row {
    name: &'static str,
    passed: u32,
    failed: u32,
    skipped: u32,
    took: Duration,
}

struct Options {
    dir: PathBuf,
    only: Option<String>,
    serve: Vec<String>,
}

/// Runs the suites, prints a table and the totals.
pub(crate) fn command(args: &[String]) -> Outcome {
    let options = parse(args)?;
    let ws = Workspace::find()?;
    let area = match std::env::var_os("SUITES_DIR") {
        Some(area) => PathBuf::from(area),
        None => ws.target.join("suites"),
    };
    let chosen: Vec<&Suite> = SUITES
        .iter()
        .filter(|s| {
            options
                .only
                .as_ref()
                .is_none_or(|only| s.file.contains(only))
        })
        .collect();
    if chosen.is_empty() {
        let all: Vec<&str> = SUITES.iter().map(|suite| suite.file).collect();
        return Err(Failure::Usage(format!(
            "no such suite; suites: {}",
            all.join(" ")
        )));
    }
    if chosen.iter().any(|suite| suite.mirrored) && std::env::var_os("SUITES_MIRROR").is_none() {
        return failed(
            "set SUITES_MIRROR to the folder that holds eclipse-paho+paho.mqtt.testing/repo \
             (a git repository), or choose others with --only clients or --only ws",
        );
    }
    let binary = ws.waypost()?;
    let mut rows = Vec::new();
    for suite in chosen {
        rows.push(one(&ws, &binary, suite, &options, &area)?);
    }
    report(&rows)
}

fn parse(args: &[String]) -> Outcome<Options> {
    let usage = || Failure::Usage(USAGE.into());
    let cut = args
        .iter()
        .position(|arg| arg == "--")
        .unwrap_or(args.len());
    let serve = args.get(cut + 1..).unwrap_or_default().to_vec();
    let (dir, only) = match &args[..cut] {
        [dir] => (dir, None),
        [dir, flag, name] if flag == "--only" => (dir, Some(name.clone())),
        _ => return Err(usage()),
    };
    match Path::new(dir).canonicalize() {
        Ok(dir) => Ok(Options { dir, only, serve }),
        Err(e) => failed(format!("{dir}: {e}")),
    }
}

fn one(
    ws: &Workspace,
    binary: &Path,
    suite: &Suite,
    options: &Options,
    area: &Path,
) -> Outcome<Row> {
    let runner = options.dir.join(suite.file);
    if !runner.is_file() {
        return failed(format!("{} has no {}", options.dir.display(), suite.file));
    }
    println!("\n== {}", suite.file);
    let broker = LiveBroker::start(ws, binary, suite.file, &options.serve)?;
    let begun = Instant::now();
    let interpreter = if suite.file.ends_with(".py") {
        "python3"
    } else {
        "bash"
    };
    let (lines, good) = run_and_read(
        Command::new(interpreter)
            .arg(&runner)
            .args((suite.arguments)(&broker))
            .env("SUITES_DIR", area)
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    )?;
    let (passed, mut failed, skipped) = lines
        .iter()
        .rev()
        .find_map(|line| counts(line))
        .unwrap_or((0, 1, 0));
    if !good && failed == 0 {
        failed = 1;
    }
    Ok(Row {
        name: suite.file,
        passed,
        failed,
        skipped,
        took: begun.elapsed(),
    })
}

/// Reads `N passed, N failed[, N skipped]`.
fn counts(line: &str) -> Option<(u32, u32, u32)> {
    let mut found = (None, None, Some(0));
    for part in line.trim().split(", ") {
        let (number, what) = part.split_once(' ')?;
        let number = Some(number.parse().ok()?);
        match what {
            "passed" => found.0 = number,
            "failed" => found.1 = number,
            "skipped" => found.2 = number,
            _ => return None,
        }
    }
    Some((found.0?, found.1?, found.2?))
}

fn report(rows: &[Row]) -> Outcome {
    println!("\nsuite              passed  failed  skipped  seconds");
    for row in rows {
        let (name, took) = (row.name, row.took.as_secs_f64());
        let (passed, bad, skipped) = (row.passed, row.failed, row.skipped);
        println!("{name:<18} {passed:>6}  {bad:>6}  {skipped:>7}  {took:>7.1}");
    }
    let sum = |pick: fn(&Row) -> u32| rows.iter().map(pick).sum::<u32>();
    let bad = sum(|row| row.failed);
    let (passed, skipped) = (sum(|row| row.passed), sum(|row| row.skipped));
    println!("{passed} passed, {bad} failed, {skipped} skipped");
    if bad == 0 {
        Ok(())
    } else {
        failed(format!("{bad} cases of outside suites failed"))
    }
}

#[cfg(test)]
mod tests {
    use super::counts;

    #[test]
    fn closing_lines_are_read() {
        assert_eq!(counts("35 passed, 0 failed"), Some((35, 0, 0)));
        assert_eq!(counts("8 passed, 1 failed, 1 skipped"), Some((8, 1, 1)));
        assert_eq!(counts("ok    handshake"), None);
        assert_eq!(counts("failed: a, b"), None);
    }
}
