//! The terminal while it is a screen: taken, and always given back as it was.
//!
//! At the end, at an error, at a panic, and at a signal that ends the process.

use crate::failure::{FAILED, Failure};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::{self, Stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// From a signal to the end of the process, however it stands.
const END_WITHIN: Duration = Duration::from_secs(1);

/// The terminal is ours.
static TAKEN: AtomicBool = AtomicBool::new(false);

pub(super) struct Screen {
    pub(super) terminal: Terminal<CrosstermBackend<Stdout>>,
    ended: Arc<AtomicBool>,
}

impl Screen {
    pub(super) fn take() -> Result<Screen, Failure> {
        let ended = Arc::new(AtomicBool::new(false));
        end_on_signals(ended.clone()).map_err(Failure::failed)?;
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            hook(panic);
        }));
        TAKEN.store(true, Ordering::SeqCst);
        let taken = enable_raw_mode()
            .and_then(|()| execute!(io::stdout(), EnterAlternateScreen, Hide))
            .and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
        match taken {
            Ok(terminal) => Ok(Screen { terminal, ended }),
            Err(e) => {
                give_back();
                Err(failed(&e))
            }
        }
    }

    /// A signal wants the process to end.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }
}

/// Has the screen end at a signal. Where the terminal has gone, the library that reads it never
/// returns from doing so: then the process ends without it.
fn end_on_signals(ended: Arc<AtomicBool>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGHUP, SIGINT])?;
    let wait = move || {
        let mut arrived = signals.forever();
        if arrived.next().is_some() {
            ended.store(true, Ordering::Relaxed);
            std::thread::sleep(END_WITHIN);
            give_back();
            std::process::exit(FAILED.into());
        }
    };
    let thread = std::thread::Builder::new().name("signals".into());
    thread.spawn(wait).map(drop)
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

pub(super) fn failed(e: &io::Error) -> Failure {
    Failure::failed(format!("the terminal: {e}"))
}

/// Only once, however it ends: a second time would put the cursor where it was before all that was
/// written since. Where the terminal has gone there is nothing to give back.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let _ = disable_raw_mode();
        let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
    }
}
