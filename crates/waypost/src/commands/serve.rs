//! `waypost serve`: the broker.
//!
//! Loads the configuration and hands it to `server::serve`, which owns everything from there.

use crate::failure::Failure;
use clap::Args;
use server::config::{Config, Sources, load};
use std::path::PathBuf;

/// Run the broker.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost serve
      MQTT on mqtt://127.0.0.1:1883, WebSocket on ws://127.0.0.1:8083/mqtt, the HTTP API on
      http://127.0.0.1:18083 (the first start prints its password)
  waypost serve --listen mqtt://0.0.0.0:1883 --set auth.password_file=users.txt
      for other machines too, with users made by `waypost passwd users.txt NAME`
  waypost serve --listen 'mqtts://127.0.0.1:8883?cert=chain.pem&key=key.pem' --listen unix:/run/mqtt.sock
      over TLS, and over a socket of this machine
  waypost serve --config /etc/waypost.toml
      see `waypost config reference` for what can be in it

Prints one line `ready URL ...` when it serves; logs go to standard error. SIGHUP reads the
configuration again, SIGTERM and SIGINT stop it.

Exit codes: 0 stopped, 1 failed, 64 wrong usage, 78 wrong configuration")]
pub(crate) struct Options {
    #[command(flatten)]
    sources: SourceOptions,
}

/// Where the configuration comes from; `serve` and `config` share it.
#[derive(Debug, Args)]
pub(crate) struct SourceOptions {
    /// Read the configuration from this TOML file
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Keep everything that lasts in this directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Listen here, in place of the default listeners; may be repeated
    #[arg(long, value_name = "URL")]
    listen: Vec<String>,
    /// Set a configuration key; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl SourceOptions {
    /// The data directory that `serve` would use.
    pub(crate) fn data_dir(self) -> Result<PathBuf, Failure> {
        Ok(self.load()?.values.data_dir)
    }

    pub(crate) fn load(self) -> Result<Config, Failure> {
        let sources = Sources {
            file: self.config,
            environment: Vec::new(),
            set: self.set,
            data_dir: self.data_dir,
            listen: self.listen,
        };
        load(sources.with_process_environment()).map_err(Failure::config)
    }
}

pub(crate) fn run(options: Options) -> Result<(), Failure> {
    let config = options.sources.load()?;
    server::serve(config).map_err(Failure::failed)
}
