//! The watchdog: proof that every shard still turns, asked for by whoever supervises the process.
//!
//! Owned by the main thread. Rounds are numbered; in each, every shard is sent a ping, and answers it
//! in its [`Pulse`]. The supervisor is told that all is well when a round has been answered by all,
//! never otherwise: a shard that is stuck lets the supervisor's time run out. Nothing here sends
//! anything or reads a clock.

use std::ffi::OsStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A late answer is looked for this often in an interval.
const LOOKS: u32 = 16;

/// The last round that a shard has answered.
#[derive(Debug, Default)]
pub(crate) struct Pulse(AtomicU64);

impl Pulse {
    pub(crate) fn beat(&self, round: u64) {
        self.0.store(round, Ordering::Relaxed);
    }

    pub(crate) fn round(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Watchdog {
    interval: Duration,
    /// The round that is under way; 0 before the first.
    round: u64,
    /// When this round was begun.
    begun: Instant,
    /// When to look next.
    due: Instant,
    /// Shards that are late in this round have been named.
    named: bool,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing before this time has passed.
    Wait(Duration),
    /// Every shard has answered: say so, and ping all with the number of the next round.
    Alive { ping: u64 },
    /// These have not, for so long; said once in a round.
    Late { shards: Vec<usize>, since: Duration },
}

impl Watchdog {
    /// As the environment of the process asks for; `None` where nobody watches.
    pub(crate) fn from_environment(now: Instant) -> Option<Watchdog> {
        let usec = std::env::var_os("WATCHDOG_USEC")?;
        let pid = std::env::var_os("WATCHDOG_PID");
        let interval = interval(&usec, pid.as_deref(), std::process::id())?;
        Some(Watchdog::new(interval, now))
    }

    fn new(interval: Duration, now: Instant) -> Watchdog {
        Watchdog {
            interval,
            round: 0,
            begun: now,
            due: now,
            named: false,
        }
    }

    /// `answered`: the round that each shard has answered last.
    pub(crate) fn step(&mut self, now: Instant, answered: impl Iterator<Item = u64>) -> Step {
        if now < self.due {
            return Step::Wait(self.due - now);
        }
        let late = answered.enumerate().filter(|(_, r)| *r < self.round);
        let shards: Vec<_> = late.map(|(shard, _)| shard).collect();
        if shards.is_empty() {
            self.round += 1;
            self.begun = now;
            self.due = now + self.interval / 2;
            self.named = false;
            return Step::Alive { ping: self.round };
        }
        self.due = now + self.interval / LOOKS;
        if std::mem::replace(&mut self.named, true) {
            return Step::Wait(self.due - now);
        }
        let since = now - self.begun;
        Step::Late { shards, since }
    }
}

/// The interval that systemd asks for; of another process, or where it cannot be read, none.
fn interval(usec: &OsStr, pid: Option<&OsStr>, own_pid: u32) -> Option<Duration> {
    let own = pid.is_none_or(|pid| pid.to_str().and_then(|p| p.parse().ok()) == Some(own_pid));
    let usec: u64 = usec.to_str()?.parse().ok()?;
    (own && usec > 0).then(|| Duration::from_micros(usec))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_says_how_often_and_whom() {
        let interval =
            |usec: &str, pid: Option<&str>| interval(usec.as_ref(), pid.map(AsRef::as_ref), 77);
        assert_eq!(interval("1500000", None), Some(Duration::from_millis(1500)));
        assert_eq!(interval("1000", Some("77")), Some(Duration::from_millis(1)));
        for (usec, pid) in [
            ("1000", Some("78")),
            ("1000", Some("x")),
            ("0", None),
            ("-5", None),
            ("soon", None),
        ] {
            assert_eq!(interval(usec, pid), None, "{usec} {pid:?}");
        }
    }

    #[test]
    fn alive_twice_an_interval_while_all_answer() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        let mut dog = Watchdog::new(ms(1000), start);
        let all = |round: u64| [round; 2].into_iter();
        assert_eq!(dog.step(start, all(0)), Step::Alive { ping: 1 });
        assert_eq!(dog.step(start, all(0)), Step::Wait(ms(500)));
        assert_eq!(dog.step(start + ms(200), all(1)), Step::Wait(ms(300)));
        assert_eq!(dog.step(start + ms(500), all(1)), Step::Alive { ping: 2 });
        assert_eq!(dog.step(start + ms(1001), all(2)), Step::Alive { ping: 3 });
        assert_eq!(dog.step(start + ms(1001), all(2)), Step::Wait(ms(500)));
    }

    #[test]
    fn a_stuck_shard_silences_it_and_is_named_once() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        let mut dog = Watchdog::new(ms(1600), start);
        assert_eq!(dog.step(start, [0, 0].into_iter()), Step::Alive { ping: 1 });
        let stuck = || [1, 0].into_iter();
        let late = Step::Late {
            shards: vec![1],
            since: ms(800),
        };
        assert_eq!(dog.step(start + ms(800), stuck()), late);
        for at in (850..10_000).step_by(50) {
            let step = dog.step(start + ms(at), stuck());
            assert!(matches!(step, Step::Wait(wait) if wait <= ms(100)), "{at}");
        }
        // It moves again in time after all.
        let back = dog.step(start + ms(10_100), [1, 1].into_iter());
        assert_eq!(back, Step::Alive { ping: 2 });
    }
}
