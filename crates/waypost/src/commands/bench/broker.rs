//! Which broker is measured: options, resolved into the target of a run and the process to look at.

use super::carrier::LinkDial;
use crate::client::{Scheme, Target as Place};
use crate::commands::tls::Tls;
use crate::failure::Failure;
use bench::{Dial, Login, Target, TcpDial, Watched, WebSocketDial, listener_of};
use clap::{ArgAction, Args};
use mqtt_codec::Version;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

/// How long one of several addresses of a host may take to show whether anybody is there.
const PROBE: Duration = Duration::from_secs(3);

#[derive(Debug, Args)]
#[command(disable_help_flag = true, next_help_heading = "Broker")]
pub(super) struct BrokerOptions {
    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
    /// Host of the broker
    #[arg(short = 'h', long, default_value = "localhost")]
    host: String,
    /// Port of the broker; 8883 means TLS [default: 1883, or 8883 with an option of TLS]
    #[arg(short, long)]
    port: Option<u16>,
    /// Broker, and what else the URL says: mqtt://USER:PASSWORD@HOST:PORT (mqtts with TLS),
    /// ws://USER:PASSWORD@HOST:PORT/PATH (wss) or unix:/PATH; with --compare it may hold {port}
    #[arg(short = 'L', long, conflicts_with_all = ["host", "port"])]
    url: Option<String>,
    /// User name
    #[arg(short, long, allow_hyphen_values = true)]
    username: Option<String>,
    /// Password; other users of this machine can see it in the list of processes
    #[arg(
        short = 'P',
        long = "pw",
        visible_alias = "password",
        allow_hyphen_values = true
    )]
    password: Option<String>,
    /// Version of MQTT: 3.1, 3.1.1 or 5
    #[arg(short = 'V', long, default_value = "3.1.1", value_parser = parse_version)]
    protocol: Version,
    /// Seconds between signs of life; 0: none
    #[arg(short, long, default_value_t = 60)]
    keepalive: u16,
    /// Connect from these addresses in turn, for more than about 28,000 connections:
    /// 127.0.0.2,127.0.0.3
    #[arg(short = 'A', long, value_name = "ADDRESS,...", value_delimiter = ',')]
    bind: Vec<IpAddr>,
    /// What client ids begin with
    #[arg(long, default_value = "wb", value_name = "TEXT")]
    id_prefix: String,
    /// What topics begin with
    #[arg(long, default_value = "bench", value_name = "TOPIC")]
    topic_prefix: String,
    /// Process of the broker on this machine, for its CPU and memory; `auto` looks for who listens
    /// on the port
    #[arg(long, value_name = "PID|auto", value_parser = parse_pid)]
    pid: Option<BrokerPid>,
    #[command(flatten)]
    tls: Tls,
}

#[derive(Clone, Copy, Debug)]
enum BrokerPid {
    Auto,
    Is(u32),
}

/// Where a broker is, and who we are there.
struct Broker {
    place: Place,
    login: Login,
}

impl BrokerOptions {
    /// The broker that the options name.
    pub(super) fn target(&self) -> Result<Target, Failure> {
        let broker = self.broker(None)?;
        self.target_of(broker)
    }

    /// A broker that a comparison has started on `port`.
    pub(super) fn target_on(&self, port: u16) -> Result<Target, Failure> {
        let broker = self.broker(Some(port))?;
        self.target_of(broker)
    }

    /// What a comparison does not take.
    pub(super) fn check_for_comparison(&self) -> Result<(), Failure> {
        let elsewhere = self.port.is_some() || self.pid.is_some() || self.host != "localhost";
        let fixed = self.url.as_ref().is_some_and(|url| !url.contains("{port}"));
        if elsewhere || fixed {
            return Err(Failure::usage(
                "--compare starts the brokers itself, on ports of its own: leave out --host, --port and --pid, \
                 and write {port} in --url",
            ));
        }
        Ok(())
    }

    /// Whose CPU and memory is looked at.
    pub(super) fn watched(&self) -> Result<Watched, Failure> {
        let pid = match self.pid {
            None => return Ok(Watched::Nothing),
            Some(BrokerPid::Is(pid)) => pid,
            Some(BrokerPid::Auto) => {
                let place = self.broker(None)?.place;
                if place.scheme == Scheme::Unix {
                    let what =
                        "--pid auto looks at ports, and a Unix socket has none: give the --pid";
                    return Err(Failure::usage(what));
                }
                let port = place.port;
                listener_of(port).ok_or_else(|| {
                    Failure::failed(format!(
                        "no process of this machine that may be looked at listens on port {port}: give its \
                         --pid, or run as its user or root"
                    ))
                })?
            }
        };
        let watched = Watched::Process(pid);
        watched.check().map_err(Failure::failed)?;
        Ok(watched)
    }

    fn broker(&self, port: Option<u16>) -> Result<Broker, Failure> {
        let mut login = Login {
            user: self.username.clone(),
            password: self.password.clone().map(String::into_bytes),
        };
        let url = match (&self.url, port) {
            (Some(url), Some(port)) => Some(url.replace("{port}", &port.to_string())),
            (Some(url), None) => Some(url.clone()),
            (None, Some(port)) => Some(format!("mqtt://127.0.0.1:{port}")),
            (None, None) => None,
        };
        let place = match url {
            None => self.tls.target(&self.host, self.port),
            Some(url) => {
                let url = Place::parse_url(&url).map_err(Failure::usage)?;
                login.user = login.user.or(url.user);
                login.password = login.password.or(url.password.map(String::into_bytes));
                url.target
            }
        };
        self.tls.check(&place)?;
        if place.scheme == Scheme::Unix && !self.bind.is_empty() {
            let what = "--bind is for connections over a network, not for a Unix socket";
            return Err(Failure::usage(what));
        }
        if login.password.is_some() && login.user.is_none() && !self.protocol.is_v5() {
            let what = "a password without a user name needs MQTT 5: --protocol 5";
            return Err(Failure::usage(what));
        }
        Ok(Broker { place, login })
    }

    fn target_of(&self, broker: Broker) -> Result<Target, Failure> {
        let name = broker.place.to_string();
        Ok(Target {
            dial: self.dial(&broker.place)?,
            name,
            version: self.protocol,
            login: broker.login,
            binds: self.bind.clone(),
            keep_alive: self.keepalive,
            id_prefix: self.id_prefix.clone(),
            topic_prefix: self.topic_prefix.clone(),
        })
    }

    /// How connections to `place` are begun.
    fn dial(&self, place: &Place) -> Result<Arc<dyn Dial>, Failure> {
        Ok(match place.scheme {
            Scheme::Tcp => Arc::new(TcpDial {
                address: resolve(place)?,
            }),
            Scheme::WebSocket => Arc::new(WebSocketDial {
                address: resolve(place)?,
                host: host_header(place),
                path: place.path.clone(),
                subprotocol: match self.protocol {
                    Version::V31 => "mqttv3.1",
                    Version::V311 | Version::V5 => "mqtt",
                },
            }),
            Scheme::Tls | Scheme::SecureWebSocket | Scheme::Unix => {
                let dial = LinkDial::new(place, self.protocol, &self.tls.options())?;
                Arc::new(dial)
            }
        })
    }
}

fn host_header(place: &Place) -> String {
    if place.host.contains(':') {
        format!("[{}]:{}", place.host, place.port)
    } else {
        format!("{}:{}", place.host, place.port)
    }
}

/// The address of a host: where it has several, one at which somebody answers.
fn resolve(place: &Place) -> Result<SocketAddr, Failure> {
    let found = (place.host.as_str(), place.port).to_socket_addrs();
    let found = found.map_err(|e| Failure::failed(format!("cannot resolve {place}: {e}")))?;
    let all: Vec<SocketAddr> = found.collect();
    let answers = |address: &&SocketAddr| TcpStream::connect_timeout(address, PROBE).is_ok();
    let chosen = match all.as_slice() {
        [] => None,
        [only] => Some(only),
        several => several.iter().find(answers).or(several.first()),
    };
    let none = || Failure::failed(format!("{place} has no address"));
    chosen.copied().ok_or_else(none)
}

fn parse_version(text: &str) -> Result<Version, String> {
    match text.trim_start_matches("mqttv") {
        "5" | "5.0" => Ok(Version::V5),
        "3.1.1" | "311" => Ok(Version::V311),
        "3.1" | "31" => Ok(Version::V31),
        _ => Err("one of 3.1, 3.1.1, 5".into()),
    }
}

fn parse_pid(text: &str) -> Result<BrokerPid, String> {
    match text {
        "auto" => Ok(BrokerPid::Auto),
        _ => text
            .parse()
            .map(BrokerPid::Is)
            .map_err(|_| "a process id, or `auto`".into()),
    }
}
