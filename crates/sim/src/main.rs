//! The simulator by hand: more seeds of a scenario, or some scripts.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

use sim::scenario::{ALL, Scenario, run};
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "\
usage: sim SCENARIO SEEDS [FIRST]   runs so many seeds of a scenario, or of \"all\"
       sim script FILE...           runs protocol scripts
scenarios:";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        ["script", ref files @ ..] if !files.is_empty() => scripts(files),
        [name, seeds] => scenarios(name, seeds.parse().ok(), Some(1)),
        [name, seeds, first] => scenarios(name, seeds.parse().ok(), first.parse().ok()),
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    for scenario in ALL {
        eprintln!("  {:<20} {}", scenario.name, scenario.about);
    }
    ExitCode::from(2)
}

fn scenarios(name: &str, seeds: Option<u64>, first: Option<u64>) -> ExitCode {
    let (Some(seeds), Some(first)) = (seeds, first) else {
        return usage();
    };
    let chosen: Vec<&Scenario> = ALL
        .iter()
        .filter(|s| name == "all" || s.name == name)
        .collect();
    if chosen.is_empty() {
        return usage();
    }
    let mut failed = 0;
    for scenario in chosen {
        for (done, seed) in (first..first + seeds).enumerate() {
            if let Err(failure) = run(scenario, seed) {
                failed += 1;
                println!("{failure}\n");
            }
            if (done + 1) % 100 == 0 {
                eprintln!("{}: {} of {seeds}", scenario.name, done + 1);
            }
        }
        println!("{}: {seeds} seeds from {first}", scenario.name);
    }
    println!("{failed} failures");
    if failed > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn scripts(files: &[&str]) -> ExitCode {
    let mut failed = false;
    for file in files {
        let failures = sim::script::check(Path::new(file));
        failed |= !failures.is_empty();
        match failures[..] {
            [] => println!("{file}: ok"),
            _ => println!("{}", failures.join("\n\n")),
        }
    }
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
