//! Starting other programs: each command line is shown before it runs, a failure says what failed.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Why a command of xtask did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something that was run or checked did not pass; exit code 1.
    Failed(String),
    /// The command line was wrong; exit code 64.
    Usage(String),
}

/// What every command of xtask returns.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Failed(why) | Failure::Usage(why) => f.write_str(why),
        }
    }
}

/// Shorthand for a [`Failure::Failed`].
pub(crate) fn failed<T>(why: impl Into<String>) -> Outcome<T> {
    Err(Failure::Failed(why.into()))
}

/// The command line as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        let arg = arg.to_string_lossy();
        line.push(' ');
        if arg.is_empty() || arg.contains([' ', '"', '\'', '#', '$', '*']) {
            line.push_str(&format!("'{arg}'"));
        } else {
            line.push_str(&arg);
        }
    }
    line
}

/// Shows and runs `command`; anything but exit code 0 is a failure.
pub(crate) fn run(command: &mut Command) -> Outcome {
    println!("$ {}", shown(command));
    let status = match command.stdin(Stdio::null()).status() {
        Ok(status) => status,
        Err(e) => return failed(format!("cannot start `{}`: {e}", shown(command))),
    };
    if status.success() {
        Ok(())
    } else {
        failed(format!("`{}` ended with {status}", shown(command)))
    }
}

/// Runs `command`, shows its standard output line by line and gives it back with whether the exit
/// code was 0.
pub(crate) fn run_and_read(command: &mut Command) -> Outcome<(Vec<String>, bool)> {
    println!("$ {}", shown(command));
    let started = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .and_then(|mut child| {
            let mut lines = Vec::new();
            if let Some(out) = child.stdout.take() {
                for line in BufReader::new(out).split(b'\n') {
                    let line = String::from_utf8_lossy(&line?).into_owned();
                    println!("{line}");
                    lines.push(line);
                }
            }
            Ok((lines, child.wait()?.success()))
        });
    match started {
        Ok(done) => Ok(done),
        Err(e) => failed(format!("cannot run `{}`: {e}", shown(command))),
    }
}

/// True where `command` can be started and ends with exit code 0; its output is not shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
