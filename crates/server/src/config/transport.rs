//! What a listener says about the way to it: TLS, certificates, the proxies in front.
//!
//! Plain values of the configuration and what they must be to make sense together. Reads no file and
//! opens no socket.

use super::listener::{Listener, Scheme};
use super::rule::{Given, Rule, Setting, choose};
use super::value::{Node, Value};
use std::net::IpAddr;
use std::path::PathBuf;

/// What is asked of a client's certificate where there is a `client_ca`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    Required,
    Optional,
}

/// The oldest TLS that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersion {
    #[default]
    V12,
    V13,
}

/// Where a client's user name comes from, if not from its CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentitySource {
    /// The common name of its certificate's subject.
    CommonName,
}

pub(super) const CLIENT_AUTHS: &[&str] = &["required", "optional"];
pub(super) const TLS_VERSIONS: &[&str] = &["1.2", "1.3"];
pub(super) const IDENTITY_SOURCES: &[&str] = &["cn"];

/// The keys of a listener that are about TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsKeys {
    pub cert: Option<PathBuf>,
    pub key: Option<PathBuf>,
    pub client_ca: Option<PathBuf>,
    pub client_auth: Option<ClientAuth>,
    pub crl: Vec<PathBuf>,
    pub min_version: TlsVersion,
}

/// A network that a proxy may be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    pub fn parse(text: &str) -> Result<Network, String> {
        let wrong = || format!("{text:?} is no address or network such as 10.0.0.0/8");
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let bits = bits_of(address);
        let prefix = match prefix {
            None => bits,
            Some(prefix) => prefix
                .parse()
                .ok()
                .filter(|n| *n <= bits)
                .ok_or_else(wrong)?,
        };
        Ok(Network { address, prefix })
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let host_bits = bits_of(self.address) - self.prefix;
        match (self.address, address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits())
                .checked_shr(host_bits.into())
                .is_none_or(|differs| differs == 0),
            (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits())
                .checked_shr(host_bits.into())
                .is_none_or(|differs| differs == 0),
            _ => false,
        }
    }
}

fn bits_of(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// The permissions of a Unix socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(pub u32);

impl Default for Mode {
    fn default() -> Self {
        Mode(0o660)
    }
}

impl Listener {
    /// True where a client without a certificate of our authorities does not get in.
    pub fn requires_certificate(&self) -> bool {
        self.tls.client_ca.is_some() && self.tls.client_auth != Some(ClientAuth::Optional)
    }

    /// Keys that an admin listener has been given and that are for clients only.
    fn keys_of_clients(&self) -> impl Iterator<Item = &'static str> {
        let given = [
            ("insecure_anonymous", self.insecure_anonymous),
            ("origins", !self.origins.is_empty()),
            ("identity_from_certificate", self.identity.is_some()),
            ("proxy_protocol", !self.proxy_protocol.is_empty()),
            ("max_connections", self.max_connections != usize::MAX),
        ];
        let admin = self.scheme.is_admin();
        let given = given.into_iter().filter(move |(_, given)| admin && *given);
        given.map(|(key, _)| key)
    }

    /// What no key alone can say: the key meant, and what is wrong.
    pub(super) fn contradictions(&self) -> Vec<(&'static str, String)> {
        let (tls, scheme) = (&self.tls, self.scheme.as_str());
        let mut wrong = Vec::new();
        let mut say = |key, what: String| wrong.push((key, what));
        for key in self.keys_of_clients() {
            let what = match key {
                "max_connections" => "an admin listener is bounded by limits.max_admin_connections",
                _ => "an admin listener has no clients: take it out",
            };
            say(key, what.to_owned());
        }
        if self.scheme.is_secure() {
            for (key, path) in [("cert", &tls.cert), ("key", &tls.key)] {
                if path.is_none() {
                    let what = format!(
                        "{scheme} needs a certificate and its key: set cert = \"chain.pem\" and \
                         key = \"key.pem\""
                    );
                    say(key, what);
                }
            }
        } else {
            let given = [
                ("cert", tls.cert.is_some()),
                ("key", tls.key.is_some()),
                ("client_ca", tls.client_ca.is_some()),
                ("client_auth", tls.client_auth.is_some()),
                ("crl", !tls.crl.is_empty()),
                ("tls_min_version", tls.min_version != TlsVersion::default()),
            ];
            for (key, _) in given.into_iter().filter(|(_, given)| *given) {
                say(
                    key,
                    format!("only mqtts, wss and https have it; this listener is {scheme}"),
                );
            }
        }
        if tls.client_ca.is_none() && self.scheme.is_secure() {
            for (key, given) in [
                ("client_auth", tls.client_auth.is_some()),
                ("crl", !tls.crl.is_empty()),
            ] {
                if given {
                    say(
                        key,
                        "needs client_ca: the authorities of the clients".into(),
                    );
                }
            }
        }
        if self.identity.is_some() && tls.client_ca.is_none() && self.proxy_protocol.is_empty() {
            let what = "needs client_ca (or proxy_protocol, from a proxy that verifies clients)";
            say("identity_from_certificate", what.into());
        }
        if self.scheme == Scheme::Unix && !self.proxy_protocol.is_empty() {
            say("proxy_protocol", "a Unix socket has no addresses".into());
        }
        if self.scheme != Scheme::Unix && self.mode != Mode::default() {
            say(
                "mode",
                format!("only unix has it; this listener is {scheme}"),
            );
        }
        wrong
    }
}

impl Setting for Option<ClientAuth> {
    fn read(given: &Given<'_>, rule: &Rule) -> Result<Self, String> {
        choose(given, rule, &[ClientAuth::Required, ClientAuth::Optional]).map(Some)
    }

    fn show(&self, _: &Rule) -> Value {
        Value::Text(self.map_or("", |a| CLIENT_AUTHS[a as usize]).into())
    }
}

impl Setting for TlsVersion {
    fn read(given: &Given<'_>, rule: &Rule) -> Result<Self, String> {
        // On a command line, 1.3 looks like a number.
        let node = Node {
            value: Value::Text(String::read(given, rule)?),
            ..given.node.clone()
        };
        let given = Given {
            node: &node,
            base: None,
        };
        choose(&given, rule, &[TlsVersion::V12, TlsVersion::V13])
    }

    fn show(&self, _: &Rule) -> Value {
        Value::Text(TLS_VERSIONS[*self as usize].into())
    }
}

impl Setting for Option<IdentitySource> {
    fn read(given: &Given<'_>, rule: &Rule) -> Result<Self, String> {
        choose(given, rule, &[IdentitySource::CommonName]).map(Some)
    }

    fn show(&self, _: &Rule) -> Value {
        Value::Text(self.map_or("", |s| IDENTITY_SOURCES[s as usize]).into())
    }
}

impl Setting for Vec<Network> {
    fn read(given: &Given<'_>, rule: &Rule) -> Result<Self, String> {
        let texts = <Vec<String>>::read(given, rule)?;
        texts.iter().map(|text| Network::parse(text)).collect()
    }

    fn show(&self, _: &Rule) -> Value {
        let shown = |n: &Network| Node::new(Value::Text(format!("{}/{}", n.address, n.prefix)));
        Value::List(self.iter().map(shown).collect())
    }
}

impl Setting for Vec<PathBuf> {
    fn read(given: &Given<'_>, rule: &Rule) -> Result<Self, String> {
        let texts = <Vec<String>>::read(given, rule)?;
        let path = |text: &String| {
            let node = Node::new(Value::Text(text.clone()));
            let base = given.base;
            PathBuf::read(&Given { node: &node, base }, rule)
        };
        texts.iter().map(path).collect()
    }

    fn show(&self, rule: &Rule) -> Value {
        Value::List(self.iter().map(|path| Node::new(path.show(rule))).collect())
    }
}

impl Setting for Mode {
    fn read(given: &Given<'_>, rule: &Rule) -> Result<Self, String> {
        let text = String::read(given, rule)?;
        let digits = text.strip_prefix("0o").unwrap_or(&text);
        match u32::from_str_radix(digits, 8) {
            Ok(mode) if mode <= 0o777 => Ok(Mode(mode)),
            _ => Err(format!(
                "expected permissions such as \"0660\", got {text:?}"
            )),
        }
    }

    fn show(&self, _: &Rule) -> Value {
        Value::Text(format!("{:04o}", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        let contains = |network: &str, address: &str| {
            let network = Network::parse(network).unwrap();
            network.contains(address.parse().unwrap())
        };
        assert!(contains("10.0.0.0/8", "10.255.0.1"));
        assert!(
            contains("10.0.0.0/8", "::ffff:10.0.0.1"),
            "an IPv4 address in IPv6 clothes"
        );
        assert!(!contains("10.0.0.0/8", "11.0.0.1"));
        assert!(contains("127.0.0.1", "127.0.0.1") && !contains("127.0.0.1", "127.0.0.2"));
        assert!(contains("0.0.0.0/0", "203.0.113.9") && !contains("0.0.0.0/0", "::1"));
        assert!(contains("2001:db8::/33", "2001:db8:7fff::1"));
        assert!(!contains("2001:db8::/33", "2001:db8:8000::1"));
        assert!(contains("::/0", "2001:db8::1") && contains("::1", "::1"));
        for wrong in [
            "",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0/8",
            "::/129",
            "localhost",
        ] {
            assert!(Network::parse(wrong).is_err(), "{wrong}");
        }
    }
}
