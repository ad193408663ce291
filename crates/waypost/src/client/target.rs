//! Which server to talk to, and how: host, port, scheme, and what a URL may hold besides.

use std::fmt;

/// How bytes are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Tcp,
    WebSocket,
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) scheme: Scheme,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The path of a WebSocket.
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum UrlError {
    Wrong(String),
    /// A scheme of the design that this build does not speak.
    NotInThisBuild(String),
}

impl Target {
    /// Parses `mqtt://user:pw@host:port/topic` or `ws://user:pw@host:port/path`.
    ///
    /// A `ws` URL needs its path for the server, so its topic stands behind a `#`.
    pub(crate) fn parse_url(url: &str) -> Result<ParsedUrl, UrlError> {
        let wrong = |what: &str| UrlError::Wrong(format!("{what} in {:?}", without_password(url)));
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("no scheme"))?;
        let scheme = match scheme {
            "mqtt" => Scheme::Tcp,
            "ws" => Scheme::WebSocket,
            "mqtts" | "wss" => return Err(UrlError::NotInThisBuild(scheme.to_owned())),
            _ => return Err(wrong("the scheme is neither mqtt nor ws")),
        };
        let (rest, fragment) = match (scheme, rest.split_once('#')) {
            (Scheme::WebSocket, Some((rest, fragment))) => (rest, Some(fragment)),
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
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (
                host,
                Some(port.parse().map_err(|_| wrong("the port is no number"))?),
            ),
            _ => (place, None),
        };
        let host = host
            .strip_prefix('[')
            .and_then(|h| h.strip_suffix(']'))
            .unwrap_or(host);
        if host.is_empty() {
            return Err(wrong("no host"));
        }
        let decode = |text: &str| decode_percent(text).ok_or_else(|| wrong("a wrong %-escape"));
        let (path, topic) = match scheme {
            Scheme::Tcp => ("", path.strip_prefix('/').filter(|t| !t.is_empty())),
            Scheme::WebSocket => (if path.is_empty() { "/mqtt" } else { path }, fragment),
        };
        Ok(ParsedUrl {
            target: Target {
                scheme,
                host: host.to_owned(),
                port: port.unwrap_or(default_port(scheme)),
                path: path.to_owned(),
            },
            user: user.map(decode).transpose()?,
            password: password.map(decode).transpose()?,
            topic: topic.map(decode).transpose()?,
        })
    }
}

/// The port where none is given: that of the protocol, and of Waypost's own WebSocket listener.
pub(crate) fn default_port(scheme: Scheme) -> u16 {
    match scheme {
        Scheme::Tcp => 1883,
        Scheme::WebSocket => 8083,
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
        let scheme = match self.scheme {
            Scheme::Tcp => "mqtt",
            Scheme::WebSocket => "ws",
        };
        if self.host.contains(':') {
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
    fn offences() {
        let wrong = |url| match Target::parse_url(url) {
            Err(UrlError::Wrong(what)) => what,
            other => panic!("{url}: {other:?}"),
        };
        assert!(wrong("localhost").contains("no scheme"));
        assert!(wrong("mqtt://:1").contains("no host"));
        assert!(wrong("mqtt://h:x").contains("port"));
        assert!(wrong("http://h").contains("scheme"));
        assert!(!wrong("http://u:secret@h").contains("secret"));
        assert_eq!(
            Target::parse_url("wss://h"),
            Err(UrlError::NotInThisBuild("wss".into()))
        );
    }
}
