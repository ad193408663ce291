//! The operator's log: lines on standard error, from a given level on, as text or as JSON.
//!
//! Set up once per process; level and format may change at a reload. A thread of its own writes, so
//! that a full pipe behind standard error never makes a shard wait: lines that find no room are
//! counted and dropped. What a client has said stands in fields, never in the sentence, and is escaped
//! and bounded where a line is made, in [`line`] alone.

mod line;

use crate::config::{LogFormat, LogLevel};
use broker::event::{LogEvent, What};
use jiff::Timestamp;
use line::{Line, Style};
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, reload};

/// Lines that may wait for standard error.
const MAX_WAITING_LINES: usize = 4096;
/// How long the end of the process waits for the last lines.
const FLUSH_WITHIN: Duration = Duration::from_secs(1);

static LOG: OnceLock<Log> = OnceLock::new();
static DROPPED: AtomicU64 = AtomicU64::new(0);
/// Lines are JSON, from the next one on.
static JSON: AtomicBool = AtomicBool::new(false);

struct Log {
    level: reload::Handle<LevelFilter, Registry>,
    lines: SyncSender<Item>,
}

enum Item {
    Line(Box<str>),
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

/// Starts to log, or changes level and format. Where the process logs in a way of its own, that stays.
pub(crate) fn set(level: LogLevel, format: LogFormat) -> io::Result<()> {
    JSON.store(format == LogFormat::Json, Ordering::Relaxed);
    if let Some(log) = LOG.get() {
        // It fails only where the subscriber has gone, and then nobody misses the level.
        let _ = log.level.modify(|now| *now = filter(level));
        return Ok(());
    }
    let (lines, receiver) = sync_channel(MAX_WAITING_LINES);
    let (level, handle) = reload::Layer::new(filter(level));
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let sink = Sink {
        lines: lines.clone(),
        colour,
    };
    let subscriber = tracing_subscriber::registry().with(level).with(sink);
    if subscriber.try_init().is_ok() {
        let thread = std::thread::Builder::new().name("stderr".into());
        thread.spawn(move || print(&receiver, &mut io::stderr(), colour))?;
        let _ = LOG.set(Log {
            level: handle,
            lines,
        });
    }
    Ok(())
}

/// Logs a moment in a client's life.
pub(crate) fn client_event(event: &LogEvent, listener: &str) {
    macro_rules! log {
        ($level:ident, $sentence:literal, $why:expr) => {
            tracing::$level!(
                client = event.client.as_deref(),
                user = event.user.as_deref(),
                address = %event.peer,
                %listener,
                protocol = event.version.map(|version| display(version.label())),
                reason = $why,
                $sentence
            )
        };
    }
    match &event.what {
        What::Connected { resumed: false } => log!(info, "client connected", None::<&str>),
        What::Connected { resumed: true } => log!(info, "client resumed", None::<&str>),
        What::Refused { why } => log!(warn, "client refused", &**why),
        What::Disconnected { why } => log!(info, "client disconnected", &**why),
    }
}

/// Has panics of any thread logged like everything else. Not where others own the process.
pub(crate) fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        tracing::error!(
            thread = thread.name().map(display),
            place = panic.location().map(display),
            reason = panic.payload_as_str(),
            "a thread panicked"
        );
        flush();
    }));
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

fn print(lines: &Receiver<Item>, out: &mut dyn Write, colour: bool) {
    while let Ok(item) = lines.recv() {
        // There is nowhere left to report that standard error is gone.
        let _ = match item {
            Item::Line(line) => out.write_all(line.as_bytes()),
            Item::Flush(done) => done.send(()).map_err(io::Error::other),
        };
        let dropped = DROPPED.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            let mut line = Line::new(Level::WARN, style(colour));
            line.say(&format_args!(
                "{dropped} lines were dropped here: nobody read them"
            ));
            let _ = out.write_all(line.finish(Timestamp::now()).as_bytes());
        }
    }
}

fn style(colour: bool) -> Style {
    if JSON.load(Ordering::Relaxed) {
        Style::Json
    } else {
        Style::Text { colour }
    }
}

/// Turns events into lines and leaves them to the thread.
struct Sink {
    lines: SyncSender<Item>,
    colour: bool,
}

impl Sink {
    fn push(&self, line: String) {
        if let Err(TrySendError::Full(_)) = self.lines.try_send(Item::Line(line.into())) {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl<S: Subscriber> Layer<S> for Sink {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::new(*event.metadata().level(), style(self.colour));
        event.record(&mut line);
        self.push(line.finish(Timestamp::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_drops_lines_and_says_so() {
        let (lines, receiver) = sync_channel(2);
        let sink = Sink {
            lines,
            colour: false,
        };
        for line in ["a\n", "b\n", "c\n", "d\n"] {
            sink.push(line.into());
        }
        drop(sink);
        let mut out = Vec::new();
        print(&receiver, &mut out, false);
        let out = String::from_utf8(out).unwrap();
        let lines: Vec<_> = out.lines().collect();
        assert_eq!((lines[0], lines[2], lines.len()), ("a", "b", 3), "{out}");
        assert!(
            lines[1].ends_with("WARN 2 lines were dropped here: nobody read them"),
            "{out}"
        );
    }
}
