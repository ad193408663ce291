//! `waypost store`: the log of a broker that does not run, and a copy of one that does.
//!
//! Looks into it, checks it, and cuts off what is damaged, which is kept beside it. A copy is made by
//! the broker, over its API.

use super::human;
use super::serve::SourceOptions;
use crate::api::ApiOptions;
use crate::failure::{FAILED, Failure};
use crate::output::{Output, is_terminal};
use clap::{Args, Subcommand};
use serde_json::json;
use server::{Inspection, Loss, SegmentReport, StoppedLog, Walk};
use std::io::BufRead;
use std::path::{Path, PathBuf};

/// Look into the log of a stopped broker, check it, repair it; copy that of a running one.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_help = "Examples:
  waypost store inspect --data-dir /var/lib/waypost
  waypost store verify --data-dir /var/lib/waypost
  waypost store repair --data-dir /var/lib/waypost
  waypost store backup /var/backups/waypost-1

For all but backup the broker must not run. The data directory is found as `waypost serve` finds it.

Exit codes: 0 fine, 1 damaged or failed, 64 wrong usage, 78 wrong configuration")]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say what is in the log: sessions, messages, segments
    #[command(after_help = "Example:\n  waypost store inspect --data-dir ./waypost-data --json")]
    Inspect(Look),
    /// Go through every byte of the log and say whether it is whole
    #[command(after_help = "Example:\n  waypost store verify --data-dir ./waypost-data")]
    Verify(Look),
    /// Cut a damaged log where its damage begins; what is cut off is kept beside it
    #[command(after_help = "Example:\n  waypost store repair --data-dir ./waypost-data")]
    Repair {
        #[command(flatten)]
        look: Look,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Copy what a running broker has on disk, as of one moment
    #[command(after_help = "Example:
  waypost store backup /var/backups/waypost-1
  waypost serve --data-dir /var/backups/waypost-1      goes on from the copy

Needs the role admin at the broker's API.")]
    Backup {
        /// A directory of the broker's machine that is not there yet
        directory: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        api: ApiOptions,
    },
}

#[derive(Debug, Args)]
struct Look {
    #[command(flatten)]
    sources: SourceOptions,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Look {
    fn open(self) -> Result<StoppedLog, Failure> {
        StoppedLog::open(&self.sources.data_dir()?).map_err(Failure::failed)
    }
}

pub(crate) fn run(options: Options) -> Result<(), Failure> {
    match options.action {
        Action::Inspect(look) => inspect(look),
        Action::Verify(look) => verify(look),
        Action::Repair { look, yes } => repair(look, yes),
        Action::Backup {
            directory,
            json,
            api,
        } => backup(&directory, json, &api),
    }
}

/// What there is to say ends as a success, unless the log is damaged.
fn end(mut out: Output, walk: &Walk) -> Result<(), Failure> {
    out.flush()?;
    match walk.damage {
        Some(_) => Err(Failure::silent(FAILED)),
        None => Ok(()),
    }
}

fn backup(directory: &Path, as_json: bool, api: &ApiOptions) -> Result<(), Failure> {
    let directory = std::path::absolute(directory).map_err(Failure::failed)?;
    let Some(directory) = directory.to_str() else {
        return Err(Failure::usage("the path is no UTF-8 text"));
    };
    let made = api.open()?.back_up(directory)?;
    let mut out = Output::new(false);
    if as_json {
        out.line(&made.to_string())?;
    } else {
        let bytes = made.get("bytes").and_then(serde_json::Value::as_u64);
        let bytes = human::bytes(bytes.unwrap_or(0));
        out.line(&format!("{directory} is a copy of {bytes}"))?;
    }
    out.flush()
}

fn inspect(look: Look) -> Result<(), Failure> {
    let json = look.json;
    let log = look.open()?;
    let found = log.inspect().map_err(Failure::failed)?;
    let mut out = Output::new(false);
    if json {
        out.line(&inspection_json(&log, &found).to_string())?;
        return end(out, &found.walk);
    }
    let rows = [
        ("Sessions", found.sessions),
        ("Subscriptions", found.subscriptions),
        ("Messages", found.messages),
        ("  owed to sessions", found.owed),
        ("  retained", found.retained),
        ("In flight at QoS 2", found.in_flight),
        ("Received at QoS 2, not released", found.received),
        ("Wills", found.wills),
        ("Starts", found.epoch),
        ("Bytes", found.bytes),
        ("  of them alive", found.live_bytes),
    ];
    out.line(&format!("{}", log.path().display()))?;
    for (name, count) in rows {
        out.line(&format!("{name:<32} {count:>16}"))?;
    }
    segments(&mut out, &found.walk)?;
    end(out, &found.walk)
}

fn verify(look: Look) -> Result<(), Failure> {
    let json = look.json;
    let log = look.open()?;
    let walk = log.verify().map_err(Failure::failed)?;
    let mut out = Output::new(false);
    if json {
        out.line(&walk_json(&walk).to_string())?;
    } else {
        segments(&mut out, &walk)?;
    }
    end(out, &walk)
}

fn segments(out: &mut Output, walk: &Walk) -> Result<(), Failure> {
    if !walk.segments.is_empty() {
        let heads = [
            "Segment",
            "Bytes",
            "Batches",
            "Records",
            "First batch",
            "Last batch",
        ];
        let [a, b, c, d, e, f] = heads;
        out.line(&format!("{a:>10} {b:>12} {c:>10} {d:>12} {e:>14} {f:>14}"))?;
    }
    for s in &walk.segments {
        let (a, b, c, d, e, f) = (
            s.segment,
            s.end,
            s.batches,
            s.records,
            s.first_batch,
            s.last_batch,
        );
        let torn = if s.torn {
            "  torn tail: the next start cuts it"
        } else {
            ""
        };
        out.line(&format!(
            "{a:>10} {b:>12} {c:>10} {d:>12} {e:>14} {f:>14}{torn}"
        ))?;
    }
    match &walk.damage {
        Some(damage) if walk.harmless => out.line(&format!(
            "{} is damaged at byte {}: {}. Nothing that lives is there: the broker starts, nothing is lost, \
             nothing is to be repaired. Look at the disk.",
            damage.file, damage.at, damage.what
        )),
        Some(damage) => out.line(&damage.to_string()),
        None => out.line("The log is whole."),
    }
}

fn repair(look: Look, yes: bool) -> Result<(), Failure> {
    let json = look.json;
    let mut log = look.open()?;
    let mut out = Output::new(false);
    let Some(loss) = log.what_repair_loses().map_err(Failure::failed)? else {
        out.line(&if json {
            json!({ "repaired": false }).to_string()
        } else {
            "Nothing that lives is damaged: nothing was changed.".to_owned()
        })?;
        return out.flush();
    };
    if !yes {
        tell_loss(&mut out, &loss)?;
        out.flush()?;
        confirm(&mut out)?;
    }
    log.repair().map_err(Failure::failed)?;
    if json {
        out.line(&json!({ "repaired": true, "lost": loss_json(&loss) }).to_string())?;
    } else {
        let path = log.path().display();
        out.line(&format!("Repaired. What was cut off is in {path}/*.cut"))?;
    }
    out.flush()
}

fn tell_loss(out: &mut Output, loss: &Loss) -> Result<(), Failure> {
    let damage = &loss.damage;
    out.line(&format!(
        "{} is damaged at byte {}: {}",
        damage.file, damage.at, damage.what
    ))?;
    out.line(&format!(
        "Cutting it there takes {} bytes out of the log, {} segments as a whole among them. Behind the \
         damage {} batches with {} records are readable and would be lost: acknowledged messages, \
         sessions and what was settled since. What is cut off is kept beside the log.",
        loss.bytes,
        loss.segments.len(),
        loss.batches,
        loss.records
    ))
}

fn confirm(out: &mut Output) -> Result<(), Failure> {
    if !is_terminal() {
        return Err(Failure::usage(
            "standard input is no terminal: say --yes if that is what you want",
        ));
    }
    out.write(b"Do it? Type yes: ")?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(Failure::failed)?;
    match answer.trim() {
        "yes" => Ok(()),
        _ => Err(Failure::failed("nothing was changed")),
    }
}

fn inspection_json(log: &StoppedLog, found: &Inspection) -> serde_json::Value {
    json!({
        "path": log.path().display().to_string(),
        "sessions": found.sessions,
        "subscriptions": found.subscriptions,
        "messages": found.messages,
        "owed": found.owed,
        "retained": found.retained,
        "in_flight": found.in_flight,
        "received": found.received,
        "wills": found.wills,
        "starts": found.epoch,
        "bytes": found.bytes,
        "live_bytes": found.live_bytes,
        "log": walk_json(&found.walk),
    })
}

fn walk_json(walk: &Walk) -> serde_json::Value {
    let segment = |s: &SegmentReport| {
        json!({
            "segment": s.segment,
            "bytes": s.end,
            "batches": s.batches,
            "records": s.records,
            "first_batch": s.first_batch,
            "last_batch": s.last_batch,
            "torn": s.torn,
        })
    };
    let damage = walk
        .damage
        .as_ref()
        .map(|d| json!({ "file": d.file.to_string(), "at": d.at, "what": d.what }));
    json!({
        "whole": walk.damage.is_none(),
        "segments": walk.segments.iter().map(segment).collect::<Vec<_>>(),
        "damage": damage,
        "harmless": walk.harmless,
        "behind": walk.behind,
    })
}

fn loss_json(loss: &Loss) -> serde_json::Value {
    json!({
        "file": loss.damage.file.to_string(),
        "at": loss.damage.at,
        "what": loss.damage.what,
        "bytes": loss.bytes,
        "batches": loss.batches,
        "records": loss.records,
        "segments": loss.segments,
    })
}
