//! `waypost serve`: a node, from its start to the signal that stops it.
//!
//! Runs on the main thread, which does nothing but wait for signals and for threads that fail.

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::logging;
use crate::node::{Node, ServeError};
use crate::notify::{self, State};
use crate::wiring::Event;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::Write;

/// Serves until SIGTERM or SIGINT, then stops cleanly; reloads at SIGHUP. Prints `ready URL ...` on
/// standard output once every listener is bound. An error means exit code 1.
pub fn serve(config: Config) -> Result<(), ServeError> {
    logging::set_level(config.values.log_level).map_err(ServeError::Start)?;
    let ended = run(config);
    logging::flush();
    ended
}

fn run(config: Config) -> Result<(), ServeError> {
    let signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).map_err(ServeError::Start)?;
    let _ours_until_the_end = DataDir::take(&config.values.data_dir)?;
    let mut node = Node::start(config)?;
    watch(signals, &node)?;
    announce(node.urls()).map_err(ServeError::Start)?;
    notify::tell(State::Ready);
    loop {
        match node.next_event() {
            Event::Signal(SIGHUP) => {
                notify::tell(State::Reloading);
                node.reload();
                notify::tell(State::Ready);
            }
            Event::Signal(_) => break,
            Event::Failed(why) => return Err(ServeError::Failed(why)),
            Event::Drained => {}
        }
    }
    notify::tell(State::Stopping);
    tracing::info!("stopping");
    node.stop()
}

/// Passes signals on as events.
fn watch(mut signals: Signals, node: &Node) -> Result<(), ServeError> {
    let events = node.events();
    let watch = move || {
        for signal in signals.forever() {
            if events.send(Event::Signal(signal)).is_err() {
                break;
            }
        }
    };
    let thread = std::thread::Builder::new().name("signals".into());
    thread.spawn(watch).map_err(ServeError::Start)?;
    Ok(())
}

fn announce(urls: &[String]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "ready {}", urls.join(" "))?;
    out.flush()
}
