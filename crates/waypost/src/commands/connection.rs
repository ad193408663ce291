//! The options that `pub` and `sub` share: which server, who we are, what the server should do should
//! we get lost. Named as in mosquitto_pub and mosquitto_sub.
//!
//! Turns them into a connected [`Driver`]; owns nothing after that.

use super::property_words::SEPARATOR;
use super::tls::Tls;
use crate::client::{
    ConnectOptions, Dialer, Driver, Event, Property, PropertyPlace, Scheme, Target,
};
use crate::client::{Version, Wake, Will, reason_name};
use crate::failure::Failure;
use crate::output;
use clap::{ArgAction, Args};
use std::net::IpAddr;
use std::os::unix::net::UnixStream;

const NEVER: u32 = u32::MAX;

/// Options of a connection.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Connection {
    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
    /// Host of the server
    #[arg(short = 'h', long, default_value = "localhost")]
    host: String,
    /// Port of the server; 8883 means TLS [default: 1883, or 8883 with an option of TLS]
    #[arg(short, long)]
    port: Option<u16>,
    /// Server, and what else the URL says: mqtt[s]://USER:PASSWORD@HOST:PORT/TOPIC,
    /// ws[s]://USER:PASSWORD@HOST:PORT/PATH#TOPIC or unix:/PATH#TOPIC
    #[arg(short = 'L', long, conflicts_with_all = ["host", "port", "unix"])]
    url: Option<String>,
    /// The server's socket on this machine
    #[arg(long, value_name = "PATH", conflicts_with_all = ["host", "port"])]
    unix: Option<String>,
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
    /// Client id
    #[arg(short, long, conflicts_with = "id_prefix")]
    id: Option<String>,
    /// Client id made of this and the process id
    #[arg(short = 'I', long)]
    id_prefix: Option<String>,
    /// Version of the protocol: 5, 311 or 31, also mqttv5, mqttv311, mqttv31 [default: 311, or 5
    /// where -D or -x is given]
    #[arg(short = 'V', long, value_parser = parse_version)]
    protocol_version: Option<Version>,
    /// Seconds between signs of life; 0: none
    #[arg(short, long, default_value_t = 60)]
    keepalive: u16,
    /// Keep the session at the server when the connection ends; needs --id
    #[arg(short = 'c', long = "disable-clean-session")]
    keep_session: bool,
    /// Seconds that the server keeps the session after the connection (MQTT 5); -1 is for ever
    #[arg(short = 'x', long, value_parser = parse_expiry, allow_hyphen_values = true)]
    session_expiry_interval: Option<u32>,
    /// Connect from this address
    #[arg(short = 'A', long = "bind", value_name = "ADDRESS")]
    bind: Option<IpAddr>,
    /// Accepted for compatibility: small packets are never held back
    #[arg(long)]
    nodelay: bool,
    /// An MQTT 5 property of a packet (connect, publish, subscribe, unsubscribe, disconnect, will):
    /// -D PACKET NAME VALUE, or -D PACKET user-property NAME VALUE
    #[arg(short = 'D', long, value_name = "PACKET NAME VALUE", value_parser = parse_property)]
    property: Vec<Given>,
    /// Topic that the server publishes to should this client get lost
    #[arg(long)]
    will_topic: Option<String>,
    /// Payload of the will
    #[arg(long, requires = "will_topic", allow_hyphen_values = true)]
    will_payload: Option<String>,
    /// QoS of the will
    #[arg(long, requires = "will_topic", default_value_t = 0, value_parser = qos())]
    will_qos: u8,
    /// The will is retained
    #[arg(long, requires = "will_topic")]
    will_retain: bool,
    /// Say on standard error what is sent and received
    #[arg(short, long)]
    debug: bool,
    /// Print no errors of the run
    #[arg(long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    tls: Tls,
    /// Not supported
    #[arg(long, value_name = "URL", hide = true)]
    proxy: Option<String>,
    /// Not supported
    #[arg(long, value_name = "KEY", hide = true)]
    psk: Option<String>,
    /// Not supported
    #[arg(long, value_name = "NAME", hide = true)]
    psk_identity: Option<String>,
}

/// A property and the packet it is for.
#[derive(Clone, Debug)]
struct Given {
    place: PropertyPlace,
    property: Property,
}

/// What [`Connection::open`] brings.
pub(crate) struct Opened {
    pub(crate) driver: Driver,
    pub(crate) version: Version,
}

impl Connection {
    /// The topic of the URL.
    pub(crate) fn url_topic(&self) -> Result<Option<String>, Failure> {
        Ok(self.place()?.2)
    }

    pub(crate) fn version(&self) -> Version {
        let v5 = !self.property.is_empty() || self.session_expiry_interval.is_some();
        self.protocol_version
            .unwrap_or(if v5 { Version::V5 } else { Version::V311 })
    }

    pub(crate) fn properties(&self, place: PropertyPlace) -> Vec<Property> {
        let own = self.property.iter().filter(|given| given.place == place);
        own.map(|given| given.property.clone()).collect()
    }

    pub(crate) fn debug(&self, text: impl FnOnce() -> String) {
        if self.debug {
            output::debug(&text());
        }
    }

    /// Looks at what can be wrong before anything is connected.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.proxy.is_some() {
            return Err(Failure::usage(
                "proxies (--proxy) are not supported; connect to the server itself",
            ));
        }
        if self.psk.is_some() || self.psk_identity.is_some() {
            return Err(Failure::usage(
                "pre-shared keys (--psk) are not supported; use certificates: --cafile, --cert, --key",
            ));
        }
        let forever = self.session_expiry_interval == Some(NEVER);
        if (self.keep_session || forever) && self.id.is_none() {
            return Err(Failure::usage(
                "a session that is kept needs a client id: --id",
            ));
        }
        if self.version() != Version::V5 {
            if !self.property.is_empty() {
                return Err(Failure::usage("properties (-D) need MQTT 5: -V 5"));
            }
            if self.session_expiry_interval.is_some() {
                return Err(Failure::usage("a session expiry (-x) needs MQTT 5: -V 5"));
            }
            if self.password.is_some() && self.username.is_none() && self.url.is_none() {
                return Err(Failure::usage(
                    "a password without a user name needs MQTT 5: -V 5",
                ));
            }
        }
        self.place().map(drop)
    }

    /// Connects, and waits for the server to agree.
    pub(crate) fn open(&self, max_inflight: u16) -> Result<Opened, Failure> {
        let (target, mut options, _) = self.place()?;
        options.max_inflight = max_inflight;
        let version = options.version;
        self.debug(|| format!("connecting to {target} as {:?}", options.client_id));
        let mut dialer = Dialer::new(&target, version, self.bind, &self.tls.options())?;
        let mut driver = Driver::open(&mut dialer, &options, signals()?)?;
        loop {
            match driver.wait(false, None)? {
                Wake::Event(Event::Connected {
                    session_present,
                    client_id,
                }) => {
                    let id = client_id.unwrap_or(options.client_id);
                    self.debug(|| {
                        format!("connected as {id:?}, session present: {session_present}")
                    });
                    return Ok(Opened { driver, version });
                }
                Wake::Event(Event::Refused {
                    code,
                    text,
                    reference,
                }) => {
                    let what = ended(
                        "the server refused the connection",
                        version,
                        code,
                        text,
                        reference,
                    );
                    return Err(Failure::failed(what));
                }
                Wake::Signal => return Err(Failure::failed("interrupted")),
                _ => {}
            }
        }
    }

    fn place(&self) -> Result<(Target, ConnectOptions, Option<String>), Failure> {
        let mut user = self.username.clone();
        let mut password = self.password.clone();
        let (target, topic) = match &self.url {
            None => (self.target(), None),
            Some(url) => {
                let url = Target::parse_url(url).map_err(Failure::usage)?;
                user = user.or(url.user);
                password = password.or(url.password);
                (url.target, url.topic)
            }
        };
        self.check_target(&target)?;
        let version = self.version();
        let mut props = self.properties(PropertyPlace::Connect);
        let expiry = self
            .session_expiry_interval
            .or(self.keep_session.then_some(NEVER));
        if let Some(expiry) = expiry.filter(|_| version == Version::V5) {
            let given = props.iter().any(Property::is_session_expiry);
            if !given {
                props.push(Property::session_expiry(expiry));
            }
        }
        let will = self.will_topic.as_ref().map(|topic| Will {
            topic: topic.clone(),
            payload: self.will_payload.clone().unwrap_or_default().into_bytes(),
            qos: self.will_qos,
            retain: self.will_retain,
            props: self.properties(PropertyPlace::Will),
        });
        let options = ConnectOptions {
            version,
            client_id: self.client_id(version),
            clean: !self.keep_session,
            keep_alive: self.keepalive,
            user,
            password: password.map(String::into_bytes),
            will,
            props,
            max_inflight: u16::MAX,
        };
        Ok((target, options, topic))
    }

    /// The server of --unix, or of --host and --port.
    fn target(&self) -> Target {
        if let Some(path) = &self.unix {
            return Target {
                scheme: Scheme::Unix,
                host: String::new(),
                port: 0,
                path: path.clone(),
            };
        }
        self.tls.target(&self.host, self.port)
    }

    /// Looks for options that the way to `target` has no use for.
    fn check_target(&self, target: &Target) -> Result<(), Failure> {
        self.tls.check(target)?;
        if self.bind.is_some() && target.scheme == Scheme::Unix {
            return Err(Failure::usage(
                "--bind is for connections over a network, not for a Unix socket",
            ));
        }
        Ok(())
    }

    fn client_id(&self, version: Version) -> String {
        match (&self.id, &self.id_prefix) {
            (Some(id), _) => id.clone(),
            (None, Some(prefix)) => format!("{prefix}{}", std::process::id()),
            // The server makes one up.
            (None, None) if version == Version::V5 => String::new(),
            (None, None) => {
                use std::hash::{BuildHasher, RandomState};
                // MQTT 3.1 allows 23 characters.
                format!(
                    "waypost-{:015x}",
                    RandomState::new().hash_one(std::process::id()) >> 4
                )
            }
        }
    }
}

/// "what: reason, the server's own words".
pub(crate) fn ended(
    what: &str,
    version: Version,
    code: u8,
    text: Option<String>,
    reference: Option<String>,
) -> String {
    let mut line = format!("{what}: {}", reason_name(version, code));
    if let Some(text) = text {
        line.push_str(&format!(": {}", text.escape_debug()));
    }
    if let Some(reference) = reference {
        line.push_str(&format!("; use {}", reference.escape_debug()));
    }
    line
}

/// The end of a stream that gets a byte when SIGINT or SIGTERM comes.
fn signals() -> Result<UnixStream, Failure> {
    let (here, there) = UnixStream::pair().map_err(Failure::failed)?;
    let other = there.try_clone().map_err(Failure::failed)?;
    signal_hook::low_level::pipe::register(signal_hook::consts::SIGINT, there)
        .map_err(Failure::failed)?;
    signal_hook::low_level::pipe::register(signal_hook::consts::SIGTERM, other)
        .map_err(Failure::failed)?;
    Ok(here)
}

pub(crate) fn qos() -> clap::builder::RangedI64ValueParser<u8> {
    clap::value_parser!(u8).range(0..=2)
}

fn parse_version(text: &str) -> Result<Version, String> {
    match text.trim_start_matches("mqttv") {
        "5" => Ok(Version::V5),
        "311" => Ok(Version::V311),
        "31" => Ok(Version::V31),
        _ => Err("one of 5, 311, 31, mqttv5, mqttv311, mqttv31".into()),
    }
}

fn parse_expiry(text: &str) -> Result<u32, String> {
    match text {
        "-1" | "\u{221e}" => Ok(NEVER),
        _ => text
            .parse()
            .map_err(|_| "seconds up to 4294967295, or -1 for ever".into()),
    }
}

fn parse_property(text: &str) -> Result<Given, String> {
    let parts: Vec<_> = text.split(SEPARATOR).collect();
    let [place, name, values @ ..] = parts.as_slice() else {
        return Err("expected PACKET NAME VALUE".into());
    };
    let place = PropertyPlace::parse(place)?;
    Ok(Given {
        place,
        property: Property::parse(place, name, values)?,
    })
}
