//! Whether a page's origin is the host it talks to (RFC 6454 7, RFC 6455 10.2).
//!
//! Pure functions on two header values.

use std::net::Ipv6Addr;

/// Whether `origin` is a web page of the host named by the Host header, on any port. `null` is not.
pub(super) fn is_same_host(origin: &str, host_header: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else {
        return false;
    };
    if !(scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")) {
        return false;
    }
    match (host_of(authority), host_of(host_header)) {
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(b) || same_ipv6(a, b),
        _ => false,
    }
}

/// The host of `host` or `host:port`; `None` when it is neither.
pub(super) fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = if authority.starts_with('[') {
        let end = authority.find(']')?.checked_add(1)?;
        let (host, rest) = authority.split_at_checked(end)?;
        ipv6(host)?;
        (
            host,
            if rest.is_empty() {
                ""
            } else {
                rest.strip_prefix(':')?
            },
        )
    } else {
        authority.split_once(':').unwrap_or((authority, ""))
    };
    let is_name = host
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-._~[]:".contains(&b));
    (!host.is_empty() && is_name && port.bytes().all(|b| b.is_ascii_digit())).then_some(host)
}

fn same_ipv6(a: &str, b: &str) -> bool {
    matches!((ipv6(a), ipv6(b)), (Some(a), Some(b)) if a == b)
}

fn ipv6(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        let cases = [
            ("example.org", Some("example.org")),
            ("example.org:8083", Some("example.org")),
            ("example.org:", Some("example.org")),
            ("127.0.0.1:1", Some("127.0.0.1")),
            ("[::1]:8083", Some("[::1]")),
            ("[::1]", Some("[::1]")),
            ("[::1]x", None),
            ("[::1", None),
            ("[no]", None),
            ("", None),
            (":80", None),
            ("a:b", None),
            ("a:1:2", None),
            ("user@host", None),
            ("host/path", None),
            ("a b", None),
        ];
        for (authority, want) in cases {
            assert_eq!(host_of(authority), want, "{authority}");
        }
    }

    #[test]
    fn same_host() {
        for (origin, host) in [
            ("http://example.org", "example.org:8083"),
            ("https://EXAMPLE.org:8443", "example.ORG"),
            ("HTTP://localhost:3000", "localhost:8083"),
            ("http://[::1]:3000", "[0:0:0:0:0:0:0:1]:8083"),
            ("http://[fe80::A]", "[fe80::a]"),
        ] {
            assert!(is_same_host(origin, host), "{origin} {host}");
        }
        for (origin, host) in [
            ("null", "null"),
            ("example.org", "example.org"),
            ("file://", ""),
            ("file://example.org", "example.org"),
            ("http://evil.example", "example.org"),
            ("http://example.org.evil", "example.org"),
            ("http://example.org@evil.example", "example.org"),
            ("http://example.org/", "example.org"),
            ("http://example.org http://evil.example", "example.org"),
            ("http://[::2]", "[::1]"),
        ] {
            assert!(!is_same_host(origin, host), "{origin} {host}");
        }
    }
}
