//! Runs a plan, once or as a comparison, and shows what comes of it.

use super::broker::BrokerOptions;
use crate::failure::{FAILED, Failure, USAGE};
use crate::output::{Output, Progress};
use bench::{BenchError, Contender, Login, Plan, Stage, Target, TcpDial, Watched, compare};
use clap::Args;
use serde_json::Value;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

#[derive(Debug, Args)]
#[command(next_help_heading = "Report")]
pub(super) struct OutcomeOptions {
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// Write the report as one page with charts, too
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// No progress on standard error
    #[arg(long)]
    quiet: bool,
    /// Start this broker, measure it, stop it: a name and a command line in which {port} and {dir} are
    /// filled in; repeat for others to compare with the first
    #[arg(long, value_name = "NAME=CMD", value_parser = parse_contender)]
    compare: Vec<Contender>,
    /// Rounds of a comparison
    #[arg(long, default_value_t = 3, value_name = "N", requires = "compare")]
    rounds: usize,
}

/// What is shown, whatever was run.
struct Shown {
    text: String,
    json: Value,
    html: String,
    faults: Vec<String>,
}

impl OutcomeOptions {
    /// `broker` is none for the plan that needs none.
    pub(super) fn run(&self, plan: &Plan, broker: Option<&BrokerOptions>) -> Result<(), Failure> {
        let stop = stop_flag().map_err(Failure::failed)?;
        let mut progress = Progress::new(self.quiet);
        let shown = {
            let mut tell = |line: &str| progress.tell(line);
            let mut stage = Stage::new(&mut tell, &stop);
            if self.compare.is_empty() {
                self.run_once(plan, broker, &mut stage)
            } else {
                self.run_comparison(plan, broker, &mut stage)
            }
        };
        progress.finish();
        self.show(&shown?)
    }

    fn run_once(
        &self,
        plan: &Plan,
        broker: Option<&BrokerOptions>,
        stage: &mut Stage<'_>,
    ) -> Result<Shown, Failure> {
        let (target, watched) = match broker {
            Some(broker) => (broker.target()?, broker.watched()?),
            None => (nowhere(), Watched::Nothing),
        };
        let report = plan.run(&target, &watched, stage)?;
        Ok(Shown {
            text: report.text(),
            json: report.to_json(),
            html: report.html(),
            faults: report.faults,
        })
    }

    fn run_comparison(
        &self,
        plan: &Plan,
        broker: Option<&BrokerOptions>,
        stage: &mut Stage<'_>,
    ) -> Result<Shown, Failure> {
        let Some(broker) = broker else {
            let what = "a relay is no broker that could be started: leave out --compare";
            return Err(Failure::usage(what));
        };
        broker.check_for_comparison()?;
        let target = |port| {
            let target = broker.target_on(port);
            target.map_err(|failure| match failure.code {
                USAGE => BenchError::Usage(failure.text),
                _ => BenchError::Failed(failure.text),
            })
        };
        let comparison = compare(&self.compare, self.rounds, plan, &target, stage)?;
        Ok(Shown {
            text: comparison.text(),
            json: comparison.to_json(),
            html: comparison.html(),
            faults: comparison.faults(),
        })
    }

    fn show(&self, shown: &Shown) -> Result<(), Failure> {
        if let Some(path) = &self.html {
            std::fs::write(path, &shown.html)
                .map_err(|e| Failure::failed(format!("{}: {e}", path.display())))?;
        }
        let mut out = Output::new(false);
        if self.json {
            out.line(&format!("{:#}", shown.json))?;
        } else {
            out.write(shown.text.as_bytes())?;
        }
        out.flush()?;
        match shown.faults.as_slice() {
            [] => Ok(()),
            // The table has them already.
            _ if !self.json => Err(Failure::silent(FAILED)),
            faults => Err(Failure::failed(faults.join("; "))),
        }
    }
}

impl From<BenchError> for Failure {
    fn from(e: BenchError) -> Failure {
        match e {
            BenchError::Usage(what) => Failure::usage(what),
            other => Failure::failed(other),
        }
    }
}

/// A relay brings its own address.
fn nowhere() -> Target {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Target {
        dial: Arc::new(TcpDial { address }),
        name: String::new(),
        version: mqtt_codec::Version::V311,
        login: Login::default(),
        binds: Vec::new(),
        keep_alive: 0,
        id_prefix: String::new(),
        topic_prefix: "bench".into(),
    }
}

/// Set by the first SIGINT or SIGTERM; the second ends the program.
fn stop_flag() -> std::io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, i32::from(FAILED), flag.clone())?;
        signal_hook::flag::register(signal, flag.clone())?;
    }
    Ok(flag)
}

fn parse_contender(text: &str) -> Result<Contender, String> {
    match text.split_once('=') {
        Some((name, command)) if !name.is_empty() && !command.is_empty() => Ok(Contender {
            name: name.into(),
            command: command.into(),
        }),
        _ => Err("a name, `=`, and a command line: mosquitto='mosquitto -p {port}'".into()),
    }
}
