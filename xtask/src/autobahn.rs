//! `cargo xtask autobahn`: the Autobahn suite against the echo example of `ws-codec`.

use crate::process::{Outcome, run};
use crate::workspace::Workspace;

/// Builds the example and hands it to the runner beside the codec's tests, with further arguments.
pub(crate) fn command(args: &[String]) -> Outcome {
    let ws = Workspace::find()?;
    run(&mut ws.cargo(&["build", "--package", "ws-codec", "--example", "echo"]))?;
    let reports = ws.target.join("autobahn-reports");
    run(ws
        .command("python3")
        .arg("crates/ws-codec/tests/autobahn.py")
        .arg(ws.target.join("autobahn"))
        .arg(ws.target.join("debug").join("examples").join("echo"))
        .arg("--reports")
        .arg(&reports)
        .args(args))?;
    println!("reports: {}", reports.display());
    Ok(())
}
