//! `cargo xtask test`: the stages, their order, their time.
//!
//! A stage that fails does not keep the later ones from running: one run shows all that is wrong.

use crate::process::{self, Failure, Outcome, failed, succeeds};
use crate::workspace::Workspace;
use crate::{e2e, install, instructions, tidy};
use std::process::Command;
use std::time::{Duration, Instant};

const CARGO_DENY: &str = "0.20.2";

struct Stage {
    name: &'static str,
    run: fn(&mut Run) -> Outcome,
}

/// What the stages of one run share.
struct Run {
    ws: Workspace,
    /// What the end-to-end stage counted.
    summary: Option<e2e::Summary>,
}

const STAGES: [Stage; 7] = [
    Stage {
        name: "fmt",
        run: fmt,
    },
    Stage {
        name: "clippy",
        run: clippy,
    },
    Stage {
        name: "tidy",
        run: tidy_tree,
    },
    Stage {
        name: "deny",
        run: deny,
    },
    Stage {
        name: "unit",
        run: unit,
    },
    Stage {
        name: "perf",
        run: instruction_counts,
    },
    Stage {
        name: "e2e",
        run: end_to_end,
    },
];

/// Runs the stages that `names` lists, all where it is empty; always in the order of [`STAGES`].
pub(crate) fn run(names: &[String]) -> Outcome {
    for name in names {
        if !STAGES.iter().any(|stage| stage.name == name) {
            let all: Vec<&str> = STAGES.iter().map(|stage| stage.name).collect();
            return Err(Failure::Usage(format!(
                "there is no stage {name:?}; stages: {}",
                all.join(" ")
            )));
        }
    }
    let mut all = Run {
        ws: Workspace::find()?,
        summary: None,
    };
    let mut report = Vec::new();
    for stage in STAGES
        .iter()
        .filter(|stage| names.is_empty() || names.iter().any(|name| name == stage.name))
    {
        println!("\n== {}", stage.name);
        let begun = Instant::now();
        let outcome = (stage.run)(&mut all);
        if let Err(why) = &outcome {
            eprintln!("{}: {why}", stage.name);
        }
        report.push((stage.name, begun.elapsed(), outcome.is_ok()));
    }
    close(&report, all.summary)
}

/// The table of stages; the end-to-end counts stand on the last line.
fn close(report: &[(&'static str, Duration, bool)], summary: Option<e2e::Summary>) -> Outcome {
    println!("\nstage     minutes");
    for (name, took, passed) in report {
        let state = if *passed { "ok" } else { "FAILED" };
        println!("{name:<9} {:>7.2}  {state}", took.as_secs_f64() / 60.0);
    }
    let total: Duration = report.iter().map(|(_, took, _)| *took).sum();
    println!("all       {:>7.2}", total.as_secs_f64() / 60.0);
    let bad: Vec<&str> = report
        .iter()
        .filter(|(_, _, passed)| !passed)
        .map(|(name, _, _)| *name)
        .collect();
    if let Some(summary) = summary {
        println!("{summary}");
    }
    if bad.is_empty() {
        Ok(())
    } else {
        failed(format!("failed: {}", bad.join(", ")))
    }
}

fn fmt(Run { ws, .. }: &mut Run) -> Outcome {
    run_all(&mut [ws.cargo(&["fmt", "--all", "--check"])])
}

fn clippy(Run { ws, .. }: &mut Run) -> Outcome {
    let mut clippy = ws.cargo(&["clippy", "--workspace", "--all-targets", "--locked"]);
    clippy.args(["--", "-D", "warnings"]);
    run_all(&mut [clippy])
}

fn tidy_tree(Run { ws, .. }: &mut Run) -> Outcome {
    tidy::check(&ws.root)
}

/// Licences, bans and sources always; advisories where their database can be had.
fn deny(Run { ws, .. }: &mut Run) -> Outcome {
    let tool = install::cargo_tool(ws, "cargo-deny", CARGO_DENY)?;
    process::run(
        ws.command(&tool)
            .args(["check", "licenses", "bans", "sources"]),
    )?;
    if succeeds(ws.command(&tool).args(["fetch", "db"])) {
        process::run(ws.command(&tool).args(["check", "advisories"]))?;
    } else {
        println!("NOT CHECKED: advisories. Their database could not be fetched from here;");
        println!("where it can be, this stage checks them: `cargo xtask test deny`.");
    }
    Ok(())
}

fn unit(Run { ws, .. }: &mut Run) -> Outcome {
    if !succeeds(&mut ws.cargo(&["nextest", "--version"])) {
        return run_all(&mut [ws.cargo(&["test", "--workspace", "--locked", "--no-fail-fast"])]);
    }
    let mut nextest = ws.cargo(&["nextest", "run", "--workspace", "--locked"]);
    nextest.args(["--no-fail-fast", "--no-tests=pass", "--status-level=slow"]);
    let doc = ws.cargo(&["test", "--workspace", "--locked", "--doc"]);
    run_all(&mut [nextest, doc])
}

/// The part of `cargo xtask perf` that no noise reaches.
fn instruction_counts(Run { ws, .. }: &mut Run) -> Outcome {
    if let Err(why) = instructions::supported() {
        println!("NOT CHECKED: instruction counts. {why}");
        return Ok(());
    }
    instructions::compare(ws, "")
}

fn end_to_end(all: &mut Run) -> Outcome {
    let summary = e2e::run(&all.ws, None)?;
    all.summary = Some(summary);
    summary.verdict()
}

/// Runs every command, whatever the others did; the first failure is the stage's.
fn run_all(commands: &mut [Command]) -> Outcome {
    let outcomes: Vec<Outcome> = commands.iter_mut().map(process::run).collect();
    outcomes.into_iter().collect()
}
