//! The simulator by hand: more seeds of a scenario, or some scripts.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: sim script FILE...";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        ["script", ref files @ ..] if !files.is_empty() => scripts(files),
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
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
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
