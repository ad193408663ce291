//! The hot paths, one program each: `cargo xtask perf --guard` runs them under callgrind and compares what they
//! take with what is recorded.
//!
//! `hot-paths` lists the paths, `hot-paths NAME` walks one and says over how many messages the count is to be spread.
//! Nothing here is random, reads a clock or has a thread, so that a path takes the same instructions in every run.

#![allow(
    clippy::print_stdout,
    reason = "a program whose output is read by xtask"
)]

mod client;
mod log;
mod meter;
mod mqtt;
mod node;
mod path;
mod routing;
mod shard;
mod websocket;

use meter::Meter;
use path::Path;
use std::process::ExitCode;

/// Batches before those that are counted: buffers have grown, caches know their topics.
const WARM: u32 = 10;
const COUNTED: u32 = 10;

fn paths() -> impl Iterator<Item = Path> {
    mqtt::paths()
        .into_iter()
        .chain(websocket::paths())
        .chain(shard::paths())
        .chain(routing::paths())
        .chain(log::paths())
}

fn main() -> ExitCode {
    let Some(name) = std::env::args().nth(1) else {
        paths().for_each(|path| println!("{}", path.name));
        return ExitCode::SUCCESS;
    };
    let Some(path) = paths().find(|path| path.name == name) else {
        println!("there is no path {name:?}; without an argument all are listed");
        return ExitCode::from(64);
    };
    let mut batch = (path.prepare)();
    (0..WARM).for_each(|_| batch(&Meter::OFF));
    (0..COUNTED).for_each(|_| batch(&Meter::ON));
    println!("messages {}", path.batch * COUNTED);
    ExitCode::SUCCESS
}
