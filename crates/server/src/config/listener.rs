//! Listeners: where clients are waited for.
//!
//! Owned by the configuration; the server binds them in order, and a connection's
//! [`listener`](broker::auth::Peer) is the index here. Nothing here opens a socket.

use super::transport::{IdentitySource, Mode, Network, TlsKeys};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};

/// What is spoken on a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// MQTT over TCP.
    Mqtt,
    /// MQTT over TLS.
    Mqtts,
    /// MQTT over WebSocket.
    Ws,
    /// MQTT over WebSocket over TLS.
    Wss,
    /// MQTT over a socket in the file system.
    Unix,
    /// The HTTP API, metrics and health.
    Http,
    /// The same over TLS.
    Https,
}

/// What `--listen` and `url` may begin with.
const SPOKEN: &str = "mqtt, mqtts, ws, wss, unix, http and https";

impl Scheme {
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Mqtt => "mqtt",
            Scheme::Mqtts => "mqtts",
            Scheme::Ws => "ws",
            Scheme::Wss => "wss",
            Scheme::Unix => "unix",
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    /// True where operators come in, not clients.
    pub fn is_admin(self) -> bool {
        matches!(self, Scheme::Http | Scheme::Https)
    }

    pub fn is_secure(self) -> bool {
        matches!(self, Scheme::Mqtts | Scheme::Wss | Scheme::Https)
    }

    pub fn is_websocket(self) -> bool {
        matches!(self, Scheme::Ws | Scheme::Wss)
    }

    fn default_port(self) -> u16 {
        match self {
            Scheme::Mqtt => 1883,
            Scheme::Mqtts => 8883,
            Scheme::Ws => 8083,
            Scheme::Wss => 8084,
            Scheme::Unix => 0,
            Scheme::Http => 18083,
            Scheme::Https => 18084,
        }
    }
}

/// One listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// As written, its query taken off.
    pub url: String,
    pub scheme: Scheme,
    /// The address to bind; port 0 picks a free one. Without meaning for a Unix socket.
    pub address: SocketAddr,
    /// The path that WebSocket clients ask for, or that of the Unix socket; else empty.
    pub path: String,
    pub insecure_anonymous: bool,
    pub origins: Vec<String>,
    pub max_connections: usize,
    pub tls: TlsKeys,
    pub identity: Option<IdentitySource>,
    /// Where proxies are that say for whom they speak.
    pub proxy_protocol: Vec<Network>,
    /// Of the Unix socket.
    pub mode: Mode,
}

impl Default for Listener {
    fn default() -> Self {
        Listener {
            url: String::new(),
            scheme: Scheme::Mqtt,
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            path: String::new(),
            insecure_anonymous: false,
            origins: Vec::new(),
            max_connections: usize::MAX,
            tls: TlsKeys::default(),
            identity: None,
            proxy_protocol: Vec::new(),
            mode: Mode::default(),
        }
    }
}

/// The listeners where none is configured.
pub(super) const DEFAULT_URLS: &[&str] = &[
    "mqtt://127.0.0.1:1883",
    "ws://127.0.0.1:8083/mqtt",
    "http://127.0.0.1:18083",
];

/// Schemes of the design that this build does not speak.
const LATER: &[&str] = &["amqp", "amqps"];

/// The longest path that a socket can have, by the size of its address.
const MAX_SOCKET_PATH: usize = 107;

impl Listener {
    /// True where only this machine can connect.
    pub fn is_loopback(&self) -> bool {
        self.address.ip().to_canonical().is_loopback()
    }

    /// The URL with the address that was really bound.
    pub fn bound_url(&self, bound: SocketAddr) -> String {
        format!("{}://{}{}", self.scheme.as_str(), bound, self.path)
    }

    /// Fills in what `self.url` says and returns the options of its query.
    pub(super) fn resolve(&mut self) -> Result<Vec<(String, String)>, String> {
        let (url, query) = match self.url.split_once('?') {
            Some((url, query)) => (url.to_owned(), query.to_owned()),
            None => (self.url.clone(), String::new()),
        };
        let rest = self.take_scheme(&url)?;
        if self.scheme == Scheme::Unix {
            self.path = socket_path(rest)?;
            self.url = format!("unix:{}", self.path);
            return Ok(options(&query));
        }
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err(format!("a listener has no user or password: {url}"));
        }
        self.path = match (self.scheme, path) {
            (scheme, "") if scheme.is_websocket() => "/mqtt".into(),
            (scheme, path) if scheme.is_websocket() => path.to_owned(),
            (_, "" | "/") => String::new(),
            (scheme, _) => {
                let scheme = scheme.as_str();
                return Err(format!("{scheme}:// listeners have no path: {url}"));
            }
        };
        self.address = self.address_of(authority)?;
        self.url = url;
        Ok(options(&query))
    }

    fn take_scheme<'a>(&mut self, url: &'a str) -> Result<&'a str, String> {
        let scheme = url.split(':').next().unwrap_or_default();
        if LATER.contains(&scheme) {
            return Err(format!("{scheme} is not in this build; it serves {SPOKEN}"));
        }
        if let Some(path) = url.strip_prefix("unix:") {
            self.scheme = Scheme::Unix;
            return Ok(path);
        }
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(format!("{url:?} is no URL such as mqtt://127.0.0.1:1883"));
        };
        let known = [
            Scheme::Mqtt,
            Scheme::Mqtts,
            Scheme::Ws,
            Scheme::Wss,
            Scheme::Http,
            Scheme::Https,
        ];
        self.scheme = match known.into_iter().find(|s| s.as_str() == scheme) {
            Some(scheme) => scheme,
            None => {
                return Err(format!(
                    "unknown scheme {scheme:?}; this build serves {SPOKEN}"
                ));
            }
        };
        Ok(rest)
    }

    fn address_of(&self, authority: &str) -> Result<SocketAddr, String> {
        // The last colon begins the port, unless it is inside the brackets of an IPv6 address.
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => {
                let port = port
                    .parse()
                    .map_err(|_| format!("{port:?} is no port from 0 to 65535"))?;
                (host, port)
            }
            _ => (authority, self.scheme.default_port()),
        };
        let host = host
            .strip_prefix('[')
            .and_then(|h| h.strip_suffix(']'))
            .unwrap_or(host);
        if host.is_empty() {
            return Err("a listener needs a host; 0.0.0.0 is every address of the machine".into());
        }
        let found = (host, port)
            .to_socket_addrs()
            .map_err(|e| format!("{host}: {e}"))?;
        let found: Vec<_> = found.collect();
        let v4 = found.iter().find(|a| a.is_ipv4());
        v4.or(found.first())
            .copied()
            .ok_or_else(|| format!("{host} has no address"))
    }
}

/// The options of a query.
fn options(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|option| !option.is_empty())
        .map(|option| option.split_once('=').unwrap_or((option, "true")))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// The path in `unix:/path` or `unix:///path`.
fn socket_path(rest: &str) -> Result<String, String> {
    let path = match rest.strip_prefix("//") {
        Some(path) if path.starts_with('/') => path,
        _ => rest,
    };
    if !path.starts_with('/') || path.starts_with("//") || path.ends_with('/') {
        let what = "needs the whole path of a socket, such as unix:/run/waypost/mqtt.sock";
        return Err(format!("unix:{rest} {what}"));
    }
    if path.len() > MAX_SOCKET_PATH || path.contains('\0') {
        return Err(format!(
            "the path of a socket has at most {MAX_SOCKET_PATH} bytes, none of them 0: {path:?}"
        ));
    }
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(url: &str) -> Result<(Listener, Vec<(String, String)>), String> {
        let mut listener = Listener {
            url: url.into(),
            ..Listener::default()
        };
        let options = listener.resolve()?;
        Ok((listener, options))
    }

    #[test]
    fn urls() {
        for (url, address, path) in [
            ("mqtt://127.0.0.1:1884", "127.0.0.1:1884", ""),
            ("mqtt://127.0.0.1", "127.0.0.1:1883", ""),
            ("mqtt://[::1]:0", "[::1]:0", ""),
            ("mqtt://[::1]", "[::1]:1883", ""),
            ("ws://127.0.0.1:8083/mqtt", "127.0.0.1:8083", "/mqtt"),
            ("ws://127.0.0.1", "127.0.0.1:8083", "/mqtt"),
            ("ws://127.0.0.1:80/", "127.0.0.1:80", "/"),
            ("mqtt://localhost:1", "127.0.0.1:1", ""),
            ("http://127.0.0.1", "127.0.0.1:18083", ""),
            ("http://127.0.0.1:80/", "127.0.0.1:80", ""),
            ("mqtts://127.0.0.1", "127.0.0.1:8883", ""),
            ("wss://127.0.0.1", "127.0.0.1:8084", "/mqtt"),
        ] {
            let (listener, _) = resolve(url).unwrap();
            assert_eq!(listener.address, address.parse().unwrap(), "{url}");
            assert_eq!(listener.path, path, "{url}");
            assert!(listener.is_loopback(), "{url}");
        }
        assert!(!resolve("mqtt://0.0.0.0").unwrap().0.is_loopback());
        assert!(!resolve("mqtt://[::]:1883").unwrap().0.is_loopback());
        let (_, options) = resolve("mqtt://127.0.0.1?insecure_anonymous=true&x").unwrap();
        assert_eq!(options[0], ("insecure_anonymous".into(), "true".into()));
        assert_eq!(options[1], ("x".into(), "true".into()));
    }

    #[test]
    fn offences() {
        for (url, what) in [
            ("127.0.0.1:1883", "no URL"),
            ("amqps://127.0.0.1", "not in this build"),
            ("unix:waypost.sock", "needs the whole path"),
            ("unix://run/waypost.sock", "needs the whole path"),
            ("unix:/run/", "needs the whole path"),
            ("unix:", "needs the whole path"),
            ("mqtts://127.0.0.1/x", "no path"),
            ("gopher://x", "unknown scheme"),
            ("mqtt://:1883", "needs a host"),
            ("mqtt://127.0.0.1:70000", "no port"),
            ("mqtt://127.0.0.1/x", "no path"),
            ("http://127.0.0.1/api", "no path"),
            ("amqp://127.0.0.1", "not in this build"),
            ("mqtt://u:p@127.0.0.1", "no user"),
        ] {
            let error = resolve(url).unwrap_err();
            assert!(error.contains(what), "{url}: {error}");
        }
    }

    #[test]
    fn sockets() {
        for url in ["unix:/run/w.sock?mode=0600", "unix:///run/w.sock?mode=0600"] {
            let (listener, options) = resolve(url).unwrap();
            assert_eq!(listener.url, "unix:/run/w.sock");
            assert_eq!(listener.path, "/run/w.sock");
            assert_eq!(options, [("mode".into(), "0600".into())]);
            assert!(listener.is_loopback());
        }
        let long = format!("unix:/{}", "x".repeat(MAX_SOCKET_PATH));
        assert!(resolve(&long).unwrap_err().contains("at most 107 bytes"));
        assert!(resolve(&long[..long.len() - 1]).is_ok());
    }

    #[test]
    fn bound_urls() {
        let (listener, _) = resolve("ws://127.0.0.1:0/mqtt").unwrap();
        assert_eq!(
            listener.bound_url("127.0.0.1:5".parse().unwrap()),
            "ws://127.0.0.1:5/mqtt"
        );
    }
}
