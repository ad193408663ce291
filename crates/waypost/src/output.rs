//! Everything that the commands print.
//!
//! The only module that writes to standard output and standard error, but for the screen of `top`. Output is gathered and written
//! when a command says so or would wait. Colour only on a terminal, and not where `NO_COLOR` is set.

use crate::failure::Failure;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, StdoutLock, Write};

pub(crate) struct Output {
    out: BufWriter<StdoutLock<'static>>,
    quiet: bool,
}

impl Output {
    /// `quiet`: no errors of the run are printed.
    pub(crate) fn new(quiet: bool) -> Output {
        Output {
            out: BufWriter::with_capacity(64 << 10, io::stdout().lock()),
            quiet,
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.write_all(bytes).map_err(|e| broken(&e))
    }

    pub(crate) fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.write(text.as_bytes())?;
        self.write(b"\n")
    }

    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(|e| broken(&e))
    }

    /// Something that went wrong without ending the run.
    pub(crate) fn complain(&self, text: &str) {
        if !self.quiet {
            error("Error", text);
        }
    }
}

/// One line on standard error that says how it goes: rewritten on a terminal, one below the other else.
pub(crate) struct Progress {
    quiet: bool,
    terminal: bool,
    written: bool,
}

impl Progress {
    pub(crate) fn new(quiet: bool) -> Progress {
        Progress {
            quiet,
            terminal: io::stderr().is_terminal(),
            written: false,
        }
    }

    pub(crate) fn tell(&mut self, line: &str) {
        if self.quiet {
            return;
        }
        self.written = true;
        let mut err = io::stderr().lock();
        // Nobody may be listening any more.
        let _ = if self.terminal {
            let width = rustix::termios::tcgetwinsize(&err).map_or(0, |size| size.ws_col);
            // Some terminals do not say.
            let width = if width == 0 { 80 } else { width };
            // A line that wraps could not be rewritten.
            let fits: String = line.chars().take(usize::from(width) - 1).collect();
            write!(err, "\r\u{1b}[2K{fits}").and_then(|()| err.flush())
        } else {
            writeln!(err, "{line}")
        };
    }

    /// Takes the line away, so that what comes next stands alone.
    pub(crate) fn finish(&mut self) {
        if self.terminal && self.written {
            let _ = write!(io::stderr().lock(), "\r\u{1b}[2K");
        }
    }
}

/// A reader that has gone away, as in `waypost sub | head -1`, is no error to speak of.
fn broken(e: &io::Error) -> Failure {
    if e.kind() == ErrorKind::BrokenPipe {
        Failure::silent(crate::failure::FAILED)
    } else {
        Failure::failed(format!("cannot write: {e}"))
    }
}

/// Says why a command failed.
pub(crate) fn failure(failure: &Failure) {
    if !failure.text.is_empty() {
        error("Error", &failure.text);
    }
}

/// A line for `--debug`.
pub(crate) fn debug(text: &str) {
    // Nobody may be listening any more.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// True where somebody can be asked.
pub(crate) fn is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// Says something that the user should know although the command goes on.
pub(crate) fn warn(text: &str) {
    labelled("Warning", "\u{1b}[33m", text);
}

/// Says something about what was printed that is no part of it.
pub(crate) fn note(text: &str) {
    labelled("Note", "", text);
}

/// Asks for a line; `None` where there is nobody to ask, or no answer.
pub(crate) fn ask(prompt: &str) -> Result<Option<String>, Failure> {
    if !is_terminal() {
        return Ok(None);
    }
    let mut err = io::stderr().lock();
    // Without the question an answer is as good.
    let _ = write!(err, "{prompt}").and_then(|()| err.flush());
    let mut line = String::new();
    io::stdin().read_line(&mut line).map_err(Failure::failed)?;
    let line = line.trim();
    Ok((!line.is_empty()).then(|| line.to_owned()))
}

/// How wide the terminal is that the output goes to; `None` where it goes elsewhere.
pub(crate) fn width() -> Option<usize> {
    let out = io::stdout();
    if !out.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(&out).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// What makes titles stand out, before and behind them; nothing where colours are not wanted.
pub(crate) fn bold() -> (&'static str, &'static str) {
    if io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        ("\u{1b}[1m", "\u{1b}[0m")
    } else {
        ("", "")
    }
}

fn error(label: &str, text: &str) {
    labelled(label, "\u{1b}[31m", text);
}

fn labelled(label: &str, colour: &str, text: &str) {
    let mut err = io::stderr().lock();
    let (on, off) = if err.is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        (colour, "\u{1b}[0m")
    } else {
        ("", "")
    };
    // Nobody may be listening any more.
    let _ = writeln!(err, "{on}{label}:{off} {text}");
}
