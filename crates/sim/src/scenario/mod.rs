//! Scenarios: simulated clients set on a node, each with its own kind of trouble, by seed.
//!
//! A scenario that fails is run again with text, so a failure shows the last lines of what happened.
//! The same seed gives the same run.

mod backpressure;
mod crash;
mod delivery;
mod groups;
mod operators;
mod play;
mod retained;
mod sessions;
mod stage;
mod stopping;
mod wills;

use crate::rng::Rng;
use crate::world::Config;
pub use play::Mix;
pub use stage::Stage;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Lines of the trace that a failure shows, where `SIM_TRACE` does not say another number.
const TRACE_LINES: usize = 80;

pub struct Scenario {
    pub name: &'static str,
    /// What may go wrong here.
    pub about: &'static str,
    /// Seeds that the tests run.
    pub seeds: u64,
    /// How the node is made.
    configure: fn(&mut Config, &mut Rng),
    /// What happens on it.
    play: fn(&mut Stage),
}

/// All of them.
pub const ALL: &[Scenario] = &[
    delivery::FAN_OUT,
    delivery::INTEREST,
    backpressure::SLOW_CONSUMERS,
    backpressure::CREDIT,
    sessions::TAKEOVER_STORM,
    sessions::PERSISTENCE,
    sessions::PAGING,
    sessions::CLOCK_JUMPS,
    groups::GROUPS,
    groups::GROUPS_EXACTLY_ONCE,
    retained::ONE_PUBLISHER,
    retained::MANY_PUBLISHERS,
    retained::EXACTLY_ONCE,
    wills::WILL_STORM,
    stopping::SHUTDOWN,
    operators::OPERATORS,
    crash::CRASH,
    crash::DISK,
    crash::DISK_FULL,
];

/// Runs one seed; the hash of the run, or what went wrong.
pub fn run(scenario: &Scenario, seed: u64) -> Result<u64, String> {
    let (faults, first) = once(scenario, seed, false);
    if faults.is_empty() {
        return Ok(first.world.hash());
    }
    let (_, again) = once(scenario, seed, true);
    let same = first.world.hash() == again.world.hash();
    let sameness = if same {
        ""
    } else {
        "THE RUN WAS NOT THE SAME WHEN REPEATED\n"
    };
    let shown = faults
        .iter()
        .take(5)
        .cloned()
        .collect::<Vec<_>>()
        .join("\n  ");
    let lines = std::env::var("SIM_TRACE").ok().and_then(|n| n.parse().ok());
    let trace = again
        .world
        .trace(lines.unwrap_or(TRACE_LINES))
        .join("\n    ");
    Err(format!(
        "scenario {} seed {seed}: {} faults\n  {shown}\n{sameness}  what happened last:\n    {trace}",
        scenario.name,
        faults.len()
    ))
}

fn once(scenario: &Scenario, seed: u64, verbose: bool) -> (Vec<String>, Stage) {
    let mut rng = Rng::new(seed);
    let mut config = Config::new(rng.range(1, 4) as u16, rng.draw());
    config.yield_percent = rng.pick(&[0, 20, 60]);
    config.verbose = verbose;
    config.settings.limits.queue_window_bytes = rng.pick(&[1, 500, 256 << 10, u64::MAX]);
    (scenario.configure)(&mut config, &mut rng);
    let mut stage = Stage::new(&config);
    let played = catch_unwind(AssertUnwindSafe(|| (scenario.play)(&mut stage)));
    let mut faults = std::mem::take(&mut stage.ledger.faults);
    if let Err(panic) = played {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
        faults.push(format!("panic: {}", text.unwrap_or_default()));
    }
    (faults, stage)
}
