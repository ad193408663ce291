//! `waypost admin`: who may use the HTTP API. Works on files, so it also helps where nobody can log in.

use super::serve::SourceOptions;
use super::user_file::{Change, change};
use crate::failure::Failure;
use crate::output::{Output, note};
use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser;
use clap::{Args, Subcommand};
use serde_json::json;
use server::config::Role;
use server::{AdminUsers, NewSecret, admin_user_entry};

/// Users and tokens of the HTTP API.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_help = "Examples:
  waypost admin passwd ann --role operator --data-dir /var/lib/waypost
  waypost admin passwd ann --delete
  waypost admin token grafana --role viewer

Exit codes: 0 done, 1 failed, 64 wrong usage, 78 wrong configuration")]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add a user, change a password or a role, or delete a user
    #[command(after_help = "Examples:
  waypost admin passwd admin                          asks twice
  echo secret | waypost admin passwd ann --role viewer --password-stdin

The users are in the file admin-users of the data directory, which is found as `waypost serve` finds
it. A running broker reads the file again on SIGHUP; logins of users that have changed end then.")]
    Passwd {
        #[command(flatten)]
        change: Change,
        /// What the user may do
        #[arg(long, value_parser = roles(), default_value = "admin")]
        role: Role,
        #[command(flatten)]
        sources: SourceOptions,
    },
    /// Make a token for a program, and print the lines of the configuration that let it in
    #[command(after_help = "Example:\n  waypost admin token grafana --role viewer >> waypost.toml")]
    Token {
        /// Who will hold it
        name: String,
        /// What the holder may do
        #[arg(long, value_parser = roles(), default_value = "viewer")]
        role: Role,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

fn roles() -> impl TypedValueParser<Value = Role> {
    let names = Role::ALL.map(Role::as_str);
    // Every name that is let through is one of a role.
    PossibleValuesParser::new(names).map(|name| Role::parse(&name).unwrap_or_default())
}

pub(crate) fn run(options: Options) -> Result<(), Failure> {
    match options.action {
        Action::Passwd {
            change: wanted,
            role,
            sources,
        } => {
            let path = AdminUsers::path(&sources.data_dir()?);
            let check = |text: &str| AdminUsers::parse(text).map(|_| ());
            change(&path, &wanted, check, |password| {
                admin_user_entry(role, password)
            })
        }
        Action::Token { name, role, json } => token(&name, role, json),
    }
}

fn token(name: &str, role: Role, as_json: bool) -> Result<(), Failure> {
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(Failure::usage("a token needs the name of who will hold it"));
    }
    let NewSecret { secret, sha256 } = NewSecret::new().map_err(Failure::failed)?;
    let mut out = Output::new(false);
    if as_json {
        let role = role.as_str();
        let token = json!({ "name": name, "role": role, "token": secret, "sha256": sha256 });
        out.line(&token.to_string())?;
        return out.flush();
    }
    // The token itself goes past a redirection into the configuration.
    note(&format!("the token is shown only now: {secret}"));
    // A JSON string is a basic string of TOML as well.
    let name = serde_json::Value::from(name);
    out.line("[[api_token]]")?;
    out.line(&format!("name = {name}"))?;
    out.line(&format!("role = \"{role}\""))?;
    out.line(&format!("sha256 = \"{sha256}\""))?;
    out.flush()
}
