//! `waypost serve`: a node, from its start to the signal that stops it.
//!
//! Runs on the main thread, which does nothing but wait for signals and for threads that fail, and
//! tell systemd that all is well.

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::logging;
use crate::node::{Node, ServeError};
use crate::notify::{self, State};
use crate::watchdog::{Step, Watchdog};
use crate::wiring::Event;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::Write;
use std::time::{Duration, Instant};

/// Serves until SIGTERM or SIGINT, then stops cleanly; reloads at SIGHUP. Prints `ready URL ...` on
/// standard output once every listener is bound. An error means exit code 1.
pub fn serve(config: Config) -> Result<(), ServeError> {
    let values = &config.values;
    logging::set(values.log_level, values.log_format).map_err(ServeError::Start)?;
    logging::log_panics();
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
    let serving = format!("Serving {}", node.urls().join(" "));
    notify::tell(State::Ready, &serving);
    let mut watchdog = Watchdog::from_environment(Instant::now());
    loop {
        let wait = watchdog.as_mut().map(|dog| feed(dog, &node));
        match node.next_event(wait) {
            Some(Event::Signal(SIGHUP)) => {
                notify::tell(State::Reloading, "Reading the configuration again");
                let reloaded = node.reload();
                let how = if reloaded {
                    serving.clone()
                } else {
                    format!(
                        "{serving} (the configuration is wrong, see the log: the one before is in force)"
                    )
                };
                notify::tell(State::Ready, &how);
            }
            Some(Event::Signal(_)) => break,
            Some(Event::Failed(why)) => return Err(ServeError::Failed(why)),
            Some(Event::Drained) | None => {}
        }
    }
    notify::tell(State::Stopping, "Stopping");
    tracing::info!("stopping");
    node.stop()
}

/// Tells the supervisor that all is well, if it is. Gives how long nothing more is to be done.
fn feed(watchdog: &mut Watchdog, node: &Node) -> Duration {
    loop {
        match watchdog.step(Instant::now(), node.pulse()) {
            Step::Wait(time) => return time,
            Step::Alive { ping } => {
                notify::tell(State::Alive, "");
                node.ping(ping);
            }
            Step::Late { shards, since } => {
                let ms = since.as_millis();
                tracing::error!(?shards, "shards have not answered the watchdog for {ms} ms");
            }
        }
    }
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
