//! `cargo xtask`: what a developer of Waypost runs. Each command installs what it needs.
//!
//! It starts other programs and reads the source tree; it links no crate of the product, so it builds
//! in seconds and still runs when the product does not compile.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program talks to its terminal"
)]

mod autobahn;
mod e2e;
mod fuzz;
mod install;
mod instructions;
mod live_broker;
mod perf;
mod process;
mod stages;
mod suites;
mod tidy;
mod torture;
mod workspace;

use process::{Failure, Outcome};
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test [STAGE...]           all stages, or those named: fmt clippy tidy deny unit perf e2e
  tidy [--self-test]        the rules of the tree; --self-test plants a violation of each
  e2e [FILTER]              end-to-end tests with real clients (FILTER as in pytest -k)
  suites DIR [--only NAME] [-- SERVE-ARGS]
                            outside suites of a folder, a fresh broker for each
  fuzz [SECONDS] [TARGET]   every fuzz target, or TARGET, for SECONDS (60) each
  autobahn [ARGS]           the Autobahn suite against the echo example of ws-codec
                            (ARGS as of crates/ws-codec/tests/autobahn.py: --python, --cases)
  sim [SEEDS] [FIRST]       the simulator, SEEDS (1000) from FIRST on
  torture [--cycles N] [--seed S]
                            the release binary killed N (1000) times under load, nothing acknowledged lost
  torture --mutants         each planted bug, by name: caught or not
  perf [FILTER]             CPU per message beside mosquitto, with `waypost bench`
  perf --guard [--record] [FILTER]
                            instructions per message of the hot paths against the recorded ones;
                            --record writes what is found into the record

example: cargo xtask test fmt clippy tidy
exit codes: 0 done, 1 failed, 64 wrong usage";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let rest = args.get(1..).unwrap_or_default();
    let outcome = match args.first().map(String::as_str) {
        Some("test") => stages::run(rest),
        Some("tidy") => tidy::command(rest),
        Some("e2e") => e2e::command(rest),
        Some("suites") => suites::command(rest),
        Some("fuzz") => fuzz::command(rest),
        Some("autobahn") => autobahn::command(rest),
        Some("perf") => perf::command(rest),
        Some("sim") => simulate(rest),
        Some("torture") => torture::command(rest),
        Some("help" | "--help" | "-h") => {
            println!("{USAGE}");
            Ok(())
        }
        Some(other) => Err(Failure::Usage(format!(
            "there is no command {other:?}\n\n{USAGE}"
        ))),
        None => Err(Failure::Usage(USAGE.to_string())),
    };
    finish(outcome)
}

/// More seeds than the tests run; each scenario shows its progress.
fn simulate(args: &[String]) -> Outcome {
    let ws = workspace::Workspace::find()?;
    let seeds = args.first().map_or("1000", String::as_str);
    let first = args.get(1).map_or("0", String::as_str);
    process::run(&mut ws.cargo(&["run", "--quiet", "-p", "sim", "--", "all", seeds, first]))
}

fn finish(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Failed(why)) => {
            eprintln!("xtask: {why}");
            ExitCode::from(1)
        }
        Err(Failure::Usage(why)) => {
            eprintln!("xtask: {why}");
            ExitCode::from(64)
        }
    }
}
