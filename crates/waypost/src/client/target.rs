//! Which server to talk to, and how: host, port, scheme, and what a URL may hold besides.

use std::fmt;

/// How bytes are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Tcp,
    Tls,
    WebSocket,
    SecureWebSocket,
    /// A socket of this machine, named by a path.
    Unix,
}

impl Scheme {
    pub(crate) fn is_secured(self) -> bool {
        matches!(self, Scheme::Tls | Scheme::SecureWebSocket)
    }

    pub(super) fn is_web_socket(self) -> bool {
        matches!(self, Scheme::WebSocket | Scheme::SecureWebSocket)
    }

    fn name(self) -> &'static str {
        match self {
            Scheme::Tcp => "mqtt",
            Scheme::Tls => "mqtts",
            Scheme::WebSocket => "ws",
            Scheme::SecureWebSocket => "wss",
            Scheme::Unix => "unix",
        }
    }

    fn of_name(name: &str) -> Option<Scheme> {
        let all = [
            Scheme::Tcp,
            Scheme::Tls,
            Scheme::WebSocket,
            Scheme::SecureWebSocket,
            Scheme::Unix,
        ];
        all.into_iter().find(|scheme| scheme.name() == name)
    }
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) scheme: Scheme,
    /// Empty for a Unix socket.
    pub(crate) host: String,
    /// 0 for a Unix socket.
    pub(crate) port: u16,
    /// The path of a WebSocket, or of a Unix socket.
    pub(crate) path: String,
}

/// What a URL says, besides where the server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParsedUrl {
    pub(crate) target: Target,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) topic: Option<String>,
}

/// What is wrong with a URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UrlError(String);

impl Target {
    /// Parses `mqtt://user:pw@host:port/topic`, `ws://user:pw@host:port/path#topic` and
    /// `unix:/path#topic` or `unix://user:pw@/path#topic`. `mqtts` is as `mqtt`, `wss` as `ws`.
    pub(crate) fn parse_url(url: &str) -> Result<ParsedUrl, UrlError> {
        let wrong = |what: &str| UrlError(format!("{what} in {:?}", without_password(url)));
        let unix = url.strip_prefix("unix:").filter(|r| !r.starts_with("//"));
        let (scheme, rest) = match unix {
            Some(path) => ("unix", path),
            None => url.split_once("://").ok_or_else(|| wrong("no scheme"))?,
        };
        let scheme = Scheme::of_name(scheme)
            .ok_or_else(|| wrong("the scheme is none of mqtt, mqtts, ws, wss and unix"))?;
        // Where the path is needed for the server, the topic stands behind a `#`.
        let topic_is_path = matches!(scheme, Scheme::Tcp | Scheme::Tls);
        let (rest, fragment) = match rest.split_once('#') {
            Some((rest, fragment)) if !topic_is_path => (rest, Some(fragment)),
            _ => (rest, None),
        };
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let (login, place) = match authority.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, authority),
        };
        let (user, password) =
            match login.map(|l| l.split_once(':').map_or((l, None), |(u, p)| (u, Some(p)))) {
                Some((user, password)) => (Some(user), password),
                None => (None, None),
            };
        let decode = |text: &str| decode_percent(text).ok_or_else(|| wrong("a wrong %-escape"));
        let (host, port) = if scheme == Scheme::Unix {
            match (place, path) {
                ("", "" | "/") => return Err(wrong("no path of a socket")),
                ("", _) => (String::new(), 0),
                _ => return Err(wrong("a host, where unix:/PATH has none,")),
            }
        } else {
            host_and_port(place, scheme).map_err(wrong)?
        };
        let path = match scheme {
            Scheme::Tcp | Scheme::Tls => String::new(),
            Scheme::Unix => decode(path)?,
            _ if path.is_empty() => "/mqtt".to_owned(),
            _ => path.to_owned(),
        };
        let topic = match topic_is_path {
            true => rest_of_path(rest),
            false => fragment,
        };
        Ok(ParsedUrl {
            target: Target {
                scheme,
                host,
                port,
                path,
            },
            user: user.map(decode).transpose()?,
            password: password.map(decode).transpose()?,
            topic: topic.map(decode).transpose()?,
        })
    }
}

fn rest_of_path(rest: &str) -> Option<&str> {
    let (_, topic) = rest.split_once('/')?;
    Some(topic).filter(|topic| !topic.is_empty())
}

fn host_and_port(place: &str, scheme: Scheme) -> Result<(String, u16), &'static str> {
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => {
            (host, port.parse().map_err(|_| "the port is no number")?)
        }
        _ => (place, default_port(scheme)),
    };
    let host = host
        .strip_prefix('[')
        .and_then(|h| h.strip_suffix(']'))
        .unwrap_or(host);
    match host {
        "" => Err("no host"),
        host => Ok((host.to_owned(), port)),
    }
}

/// The port where none is given: that of the protocol, but for `ws` that of Waypost's own listener.
pub(crate) fn default_port(scheme: Scheme) -> u16 {
    match scheme {
        Scheme::Tcp => 1883,
        Scheme::Tls => 8883,
        Scheme::WebSocket => 8083,
        Scheme::SecureWebSocket => 443,
        Scheme::Unix => 0,
    }
}

fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://...@{rest}"),
        _ => url.to_owned(),
    }
}

fn decode_percent(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let high = char::from(bytes.next()?).to_digit(16)?;
        let low = char::from(bytes.next()?).to_digit(16)?;
        out.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(out).ok()
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme.name();
        if self.scheme == Scheme::Unix {
            write!(f, "{scheme}:{}", self.path)
        } else if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}{}", self.host, self.port, self.path)
        } else {
            write!(f, "{scheme}://{}:{}{}", self.host, self.port, self.path)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let url = Target::parse_url("mqtt://u%40x:p:w@host:77/a/b%23").unwrap();
        assert_eq!(url.target.to_string(), "mqtt://host:77");
        assert_eq!(url.user.as_deref(), Some("u@x"));
        assert_eq!(url.password.as_deref(), Some("p:w"));
        assert_eq!(url.topic.as_deref(), Some("a/b#"));
        let url = Target::parse_url("ws://[::1]#a/b").unwrap();
        assert_eq!(url.target.to_string(), "ws://[::1]:8083/mqtt");
        assert_eq!(url.topic.as_deref(), Some("a/b"));
        let url = Target::parse_url("ws://[::1]/x#a/b").unwrap();
        assert_eq!(url.target.to_string(), "ws://[::1]:8083/x");
        let url = Target::parse_url("mqtt://h").unwrap();
        assert_eq!((url.target.port, url.topic, url.user), (1883, None, None));
    }

    #[test]
    fn urls_of_every_scheme() {
        let shown = |url: &str| {
            let url = Target::parse_url(url).unwrap();
            (url.target.to_string(), url.user, url.topic)
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            shown("mqtts://u@h/a/b"),
            ("mqtts://h:8883".into(), some("u"), some("a/b"))
        );
        assert_eq!(
            shown("wss://h#a"),
            ("wss://h:443/mqtt".into(), None, some("a"))
        );
        assert_eq!(
            shown("unix:/run/x%20y.sock#a/b"),
            ("unix:/run/x y.sock".into(), None, some("a/b"))
        );
        assert_eq!(
            shown("unix://u:p@/run/x"),
            ("unix:/run/x".into(), some("u"), None)
        );
        assert_eq!(shown("unix:///run/x").0, "unix:/run/x");
    }

    #[test]
    fn offences() {
        let wrong = |url| match Target::parse_url(url) {
            Err(UrlError(what)) => what,
            other => panic!("{url}: {other:?}"),
        };
        assert!(wrong("localhost").contains("no scheme"));
        assert!(wrong("mqtt://:1").contains("no host"));
        assert!(wrong("mqtt://h:x").contains("port"));
        assert!(wrong("http://h").contains("scheme"));
        assert!(!wrong("http://u:secret@h").contains("secret"));
        assert!(wrong("unix:").contains("no path"));
        assert!(wrong("unix://h/path").contains("a host"));
    }
}
