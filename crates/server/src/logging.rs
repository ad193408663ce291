//! The operator's log: lines on standard error, from a given level on.
//!
//! Set up once per process; the level may change at a reload. A thread of its own writes, so that a
//! full pipe behind standard error never makes a shard wait: lines that find no room are counted and
//! dropped.

use crate::config::LogLevel;
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, reload};

/// Lines that may wait for standard error.
const MAX_WAITING_LINES: usize = 4096;
/// How long the end of the process waits for the last lines.
const FLUSH_WITHIN: Duration = Duration::from_secs(1);

static LOG: OnceLock<Log> = OnceLock::new();
static DROPPED: AtomicU64 = AtomicU64::new(0);

struct Log {
    level: reload::Handle<LevelFilter, Registry>,
    lines: SyncSender<Item>,
}

enum Item {
    Line(Box<[u8]>),
    /// Answered once everything before it is written.
    Flush(SyncSender<()>),
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

/// Starts to log, or changes the level. Where the process logs in a way of its own, that stays.
pub(crate) fn set_level(level: LogLevel) -> io::Result<()> {
    if let Some(log) = LOG.get() {
        // It fails only where the subscriber has gone, and then nobody misses the level.
        let _ = log.level.modify(|now| *now = filter(level));
        return Ok(());
    }
    let (sender, receiver) = sync_channel(MAX_WAITING_LINES);
    let (level, handle) = reload::Layer::new(filter(level));
    let lines = Lines(sender.clone());
    let lines = fmt::layer()
        .with_writer(move || lines.clone())
        .with_ansi(io::stderr().is_terminal())
        .with_target(false);
    let subscriber = tracing_subscriber::registry().with(level).with(lines);
    if subscriber.try_init().is_ok() {
        let thread = std::thread::Builder::new().name("stderr".into());
        thread.spawn(move || print(&receiver, &mut io::stderr()))?;
        let _ = LOG.set(Log {
            level: handle,
            lines: sender,
        });
    }
    Ok(())
}

/// Waits, not for long, until what was logged is written.
pub(crate) fn flush() {
    let Some(log) = LOG.get() else { return };
    let (sender, done) = sync_channel(1);
    if log.lines.try_send(Item::Flush(sender)).is_ok() {
        // A pipe that nobody reads does not hold up the end.
        let _ = done.recv_timeout(FLUSH_WITHIN);
    }
}

fn print(lines: &Receiver<Item>, out: &mut dyn Write) {
    while let Ok(item) = lines.recv() {
        // There is nowhere left to report that standard error is gone.
        let _ = match item {
            Item::Line(line) => out.write_all(&line),
            Item::Flush(done) => done.send(()).map_err(io::Error::other),
        };
        let dropped = DROPPED.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            let _ = writeln!(out, "{dropped} lines were dropped here: nobody read them");
        }
    }
}

#[derive(Clone)]
struct Lines(SyncSender<Item>);

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.0.try_send(Item::Line(line.into())) {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_drops_lines_and_says_so() {
        let (sender, receiver) = sync_channel(2);
        let mut lines = Lines(sender.clone());
        for line in ["a\n", "b\n", "c\n", "d\n"] {
            lines.write_all(line.as_bytes()).unwrap();
        }
        drop((sender, lines));
        let mut out = Vec::new();
        print(&receiver, &mut out);
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out, "a\n2 lines were dropped here: nobody read them\nb\n");
    }
}
