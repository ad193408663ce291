//! `waypost`: the broker and its tools in one binary.
//!
//! Reads the command line, runs one command, turns its end into an exit code. Has no door into the
//! broker but `server::serve`, the public protocols and the HTTP API.

mod api;
mod client;
mod commands;
mod failure;
mod output;
mod replace_file;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use failure::{Failure, USAGE};
use std::process::ExitCode;

/// A message broker for devices: MQTT over TCP and WebSocket.
#[derive(Debug, Parser)]
#[command(
    name = "waypost",
    version,
    disable_help_subcommand = true,
    arg_required_else_help = true
)]
#[command(after_help = "Example:
  waypost serve                        a broker on 127.0.0.1
  waypost sub -t 'sensors/#' -v        in a second terminal: print what arrives
  waypost pub -t sensors/1 -m 21.5     in a third: send something")]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(commands::serve::Options),
    Pub(Box<commands::publish::Options>),
    Sub(Box<commands::subscribe::Options>),
    Passwd(commands::passwd::Options),
    Admin(commands::admin::Options),
    Config(commands::config::Options),
    Store(commands::store::Options),
    Status(commands::status::Options),
    Connections(Box<commands::connections::Options>),
    Sessions(Box<commands::sessions::Options>),
    Subscriptions(Box<commands::subscriptions::Options>),
    Retained(Box<commands::retained::Options>),
    Kick(commands::kick::Options),
    Top(commands::top::Options),
    Login(commands::login::LoginOptions),
    Logout(commands::login::LogoutOptions),
    Bench(commands::bench::Options),
}

fn main() -> ExitCode {
    let words = match commands::property_words::gather(std::env::args_os().collect()) {
        Ok(words) => words,
        Err(what) => return end(&Failure::usage(what)),
    };
    let line = match CommandLine::try_parse_from(words) {
        Ok(line) => line,
        Err(e) => return misused(&e),
    };
    let result = match line.command {
        Command::Serve(options) => commands::serve::run(options),
        Command::Pub(options) => commands::publish::run(&options),
        Command::Sub(options) => commands::subscribe::run(*options),
        Command::Passwd(options) => commands::passwd::run(&options),
        Command::Admin(options) => commands::admin::run(options),
        Command::Config(options) => commands::config::run(options),
        Command::Store(options) => commands::store::run(options),
        Command::Status(options) => commands::status::run(&options),
        Command::Connections(options) => commands::connections::run(&options),
        Command::Sessions(options) => commands::sessions::run(&options),
        Command::Subscriptions(options) => commands::subscriptions::run(*options),
        Command::Retained(options) => commands::retained::run(*options),
        Command::Kick(options) => commands::kick::run(&options),
        Command::Top(options) => commands::top::run(&options),
        Command::Login(options) => commands::login::login(&options),
        Command::Logout(options) => commands::login::logout(&options),
        Command::Bench(options) => commands::bench::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => end(&failure),
    }
}

fn end(failure: &Failure) -> ExitCode {
    output::failure(failure);
    ExitCode::from(failure.code)
}

/// Help and version are no misuse, everything else that the parser refuses is.
fn misused(e: &clap::Error) -> ExitCode {
    // Where the terminal is gone there is nobody to tell.
    let _ = e.print();
    match e.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(USAGE),
    }
}

/// The words of a command line, for tests.
#[cfg(test)]
fn parse(words: &[&str]) -> Result<CommandLine, clap::Error> {
    let words = words.iter().map(std::ffi::OsString::from).collect();
    CommandLine::try_parse_from(commands::property_words::gather(words).unwrap_or_default())
}

#[cfg(test)]
mod tests;
