//! `cargo xtask autobahn`: the Autobahn suite against the echo example of `ws-codec`.

use crate::process::{Failure, Outcome, failed, run};
use crate::workspace::Workspace;

/// Builds the example and hands it to the runner beside the codec's tests.
pub(crate) fn command(args: &[String]) -> Outcome {
    if !args.is_empty() {
        return Err(Failure::Usage("usage: cargo xtask autobahn".into()));
    }
    let ws = Workspace::find()?;
    let runner = ws.root.join("crates/ws-codec/tests/autobahn.py");
    if !runner.is_file() {
        return failed(format!("{} does not exist", runner.display()));
    }
    run(&mut ws.cargo(&["build", "--package", "ws-codec", "--example", "echo"]))?;
    run(ws
        .command("python3")
        .arg(&runner)
        .arg("--echo")
        .arg(ws.target.join("debug").join("examples").join("echo"))
        .arg("--venv")
        .arg(ws.target.join("autobahn-venv")))
}
