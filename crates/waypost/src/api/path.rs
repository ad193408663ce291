//! Paths and queries with strings of others in them.
//!
//! Pure. Whatever a client calls itself, its name is one segment of a path, or one value of a query.

use std::fmt::Write;

/// The path of `segments` below the API's version, each escaped.
pub(crate) fn path(segments: &[&str]) -> String {
    let mut path = String::from("/api/v1");
    for segment in segments {
        path.push('/');
        // A segment of dots alone would mean another place.
        let dots = segment.bytes().all(|b| b == b'.');
        escape(&mut path, segment, dots);
    }
    path
}

/// What follows the `?`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query(String);

impl Query {
    pub(crate) fn with(mut self, name: &str, value: &str) -> Query {
        self.0.push(if self.0.is_empty() { '?' } else { '&' });
        escape(&mut self.0, name, false);
        self.0.push('=');
        escape(&mut self.0, value, false);
        self
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Percent-encoding of all that is not unreserved (RFC 3986, section 2.3).
fn escape(out: &mut String, text: &str, dots: bool) {
    for b in text.bytes() {
        match b {
            b'.' if dots => out.push_str("%2E"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(b));
            }
            // A String takes everything.
            b => drop(write!(out, "%{b:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_stays_in_its_segment() {
        assert_eq!(path(&["connections"]), "/api/v1/connections");
        for (id, escaped) in [
            ("sensor-7_x.y~z", "sensor-7_x.y~z"),
            ("a/b?c#d%e", "a%2Fb%3Fc%23d%25e"),
            ("ä\n ", "%C3%A4%0A%20"),
            ("..", "%2E%2E"),
            (".", "%2E"),
        ] {
            assert_eq!(
                path(&["sessions", id]),
                format!("/api/v1/sessions/{escaped}")
            );
        }
    }

    #[test]
    fn a_query_has_names_and_values() {
        assert_eq!(Query::default().as_str(), "");
        let query = Query::default().with("limit", "5").with("a&b", "c=d e");
        assert_eq!(query.as_str(), "?limit=5&a%26b=c%3Dd%20e");
    }
}
