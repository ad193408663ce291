//! `waypost config`: look at the configuration without serving.

use super::serve::SourceOptions;
use crate::failure::Failure;
use crate::output::Output;
use clap::{Args, Subcommand};
use serde_json::json;
use server::config::{Value, reference, reference_rows};

/// Check, show and explain the configuration.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_help = "Examples:
  waypost config check --config waypost.toml
  waypost config show --set limits.max_packet_size='4 MiB'
  waypost config reference > configuration.md

Exit codes: 0 fine, 64 wrong usage, 78 wrong configuration")]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Read everything, as `serve` would, and say what is wrong
    #[command(after_help = "Example:\n  waypost config check --config waypost.toml")]
    Check {
        #[command(flatten)]
        sources: SourceOptions,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print every key with its value and where that comes from
    #[command(after_help = "Example:\n  waypost config show --config waypost.toml --json")]
    Show {
        #[command(flatten)]
        sources: SourceOptions,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the reference of all keys, as Markdown
    #[command(after_help = "Example:\n  waypost config reference > configuration.md")]
    Reference {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn run(options: Options) -> Result<(), Failure> {
    let mut out = Output::new(false);
    match options.action {
        Action::Check { sources, json } => {
            let config = sources.load()?;
            if json {
                out.line(&json!({ "ok": true, "warnings": config.warnings }).to_string())?;
            } else {
                for warning in &config.warnings {
                    out.line(&format!("Warning: {warning}"))?;
                }
                out.line("The configuration is fine.")?;
            }
        }
        Action::Show { sources, json } => show(&mut out, sources, json)?,
        Action::Reference { json: false } => out.write(reference().as_bytes())?,
        Action::Reference { json: true } => {
            let rows = reference_rows().into_iter().map(|row| {
                json!({
                    "key": row.key,
                    "type": row.kind,
                    "default": row.default,
                    "unit": row.unit,
                    "description": row.doc,
                })
            });
            out.line(&serde_json::Value::from_iter(rows).to_string())?;
        }
    }
    out.flush()
}

fn show(out: &mut Output, sources: SourceOptions, json: bool) -> Result<(), Failure> {
    let shown = sources.load()?.show();
    if json {
        let rows = shown.iter().map(|row| {
            json!({ "key": row.key, "value": as_json(&row.value), "origin": row.origin.to_string() })
        });
        return out.line(&serde_json::Value::from_iter(rows).to_string());
    }
    let texts: Vec<_> = shown
        .iter()
        .map(|row| format!("{} = {}", row.key, row.value))
        .collect();
    let width = texts
        .iter()
        .map(|text| text.chars().count())
        .max()
        .unwrap_or(0)
        .min(60);
    for (text, row) in texts.iter().zip(&shown) {
        out.line(&format!("{text:width$}  # {}", row.origin))?;
    }
    Ok(())
}

fn as_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(b) => json!(b),
        Value::Int(i) => json!(i),
        Value::Float(x) => json!(x),
        Value::Text(s) | Value::Other(s) => json!(s),
        Value::List(items) => items.iter().map(|item| as_json(&item.value)).collect(),
        Value::Table(entries) => entries
            .iter()
            .map(|(key, node)| (key.clone(), as_json(&node.value)))
            .collect(),
    }
}
