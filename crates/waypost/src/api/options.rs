//! Options that say which broker, and who we are to it.
//!
//! Owned by the command that they are given to. Asks for a password where there is somebody to ask.

use super::credentials::{Choice, Credential, Said, TokenFrom, choose};
use super::http::{Api, Trust};
use super::token_store::TokenStore;
use crate::failure::Failure;
use crate::output::{self, is_terminal};
use clap::Args;
use jiff::Timestamp;
use message::Printable;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use ureq::http::Uri;
use ureq::tls::{Certificate, PemItem, parse_pem};

/// Where a broker that was started without options has its API.
const DEFAULT_URL: &str = "http://127.0.0.1:18083";

/// Which broker, and who we are
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "The broker's API")]
pub(crate) struct ApiOptions {
    /// The broker's admin listener; else WAYPOST_API, else http://127.0.0.1:18083
    #[arg(long, value_name = "URL")]
    api: Option<String>,
    /// A token; it can be seen in the list of processes. Else WAYPOST_TOKEN
    #[arg(long, value_name = "TOKEN", conflicts_with_all = ["token_file", "user"])]
    token: Option<String>,
    /// A file whose first line is a token
    #[arg(long, value_name = "FILE", conflicts_with = "user")]
    token_file: Option<PathBuf>,
    /// A user of the API; else WAYPOST_USER, else what `waypost login` has stored
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Its password, which can be seen in the list of processes; else WAYPOST_PASSWORD, else it is asked
    #[arg(long, value_name = "PASSWORD", requires = "user")]
    password: Option<String>,
    /// Authorities to trust behind https://, in PEM; else those of the operating system
    #[arg(long, value_name = "FILE")]
    cafile: Option<PathBuf>,
    /// Do not check the certificate behind https://: whoever is in between can read and change everything
    #[arg(long, conflicts_with = "cafile")]
    insecure: bool,
}

/// A variable that is set, and not to nothing.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl ApiOptions {
    /// The API, as whoever the options, the environment or an earlier login say.
    pub(crate) fn open(&self) -> Result<Api, Failure> {
        let url = self.url()?;
        let credential = match choose(self.said()?, environment()) {
            Choice::Token(token) => Credential::Token {
                token,
                from: TokenFrom::Given,
            },
            Choice::User(user) => {
                let password = self.password(&user)?;
                Credential::Password { user, password }
            }
            Choice::Stored => {
                let stored = TokenStore::of_this_user().map(|store| store.get(&url));
                let stored = stored.transpose()?.flatten();
                if let Some(stored) = &stored
                    && stored.has_expired(Timestamp::now())
                {
                    let user = Printable(&stored.user);
                    return Err(Failure::failed(format!(
                        "the login of {user} at {url} has expired; log in again: waypost login"
                    )));
                }
                Credential::stored(stored)
            }
        };
        self.connect(url, credential)
    }

    /// The API with a user and a password, for a login. Both are asked for where they are not said.
    pub(crate) fn open_to_log_in(&self) -> Result<(Api, String, String), Failure> {
        if self.token.is_some() || self.token_file.is_some() {
            return Err(Failure::usage(
                "a login takes --user and a password, not a token",
            ));
        }
        let url = self.url()?;
        let user = match self.user.clone().or_else(|| variable("WAYPOST_USER")) {
            Some(user) => user,
            None => output::ask("User: ")?.ok_or_else(|| {
                Failure::usage("who? Standard input is no terminal: give --user or WAYPOST_USER")
            })?,
        };
        let password = self.password(&user)?;
        Ok((self.connect(url, Credential::None)?, user, password))
    }

    /// The API as the stored login; `None` where there is none.
    pub(crate) fn open_stored(&self) -> Result<Option<(Api, TokenStore)>, Failure> {
        let url = self.url()?;
        let Some(store) = TokenStore::of_this_user() else {
            return Ok(None);
        };
        match store.get(&url)? {
            None => Ok(None),
            token => Ok(Some((self.connect(url, Credential::stored(token))?, store))),
        }
    }

    fn connect(&self, url: String, credential: Credential) -> Result<Api, Failure> {
        if in_the_clear(&url) && credential != Credential::None {
            output::warn(&format!(
                "what proves who you are goes to {url} unencrypted; https:// keeps it secret"
            ));
        }
        let trust = if self.insecure {
            Trust::Everybody
        } else if let Some(path) = &self.cafile {
            Trust::Roots(read_authorities(path)?)
        } else if url.starts_with("https://") {
            Trust::Roots(authorities_of_the_system()?)
        } else {
            Trust::Roots(Vec::new())
        };
        Ok(Api::new(url, credential, trust))
    }

    fn url(&self) -> Result<String, Failure> {
        let given = self.api.clone().or_else(|| variable("WAYPOST_API"));
        check_url(given.as_deref().unwrap_or(DEFAULT_URL))
    }

    fn said(&self) -> Result<Said, Failure> {
        let token = match (&self.token, &self.token_file) {
            (Some(token), _) => Some(token.clone()),
            (None, Some(path)) => Some(read_token(path)?),
            (None, None) => None,
        };
        Ok(Said {
            token,
            user: self.user.clone(),
        })
    }

    fn password(&self, user: &str) -> Result<String, Failure> {
        if let Some(password) = self
            .password
            .clone()
            .or_else(|| variable("WAYPOST_PASSWORD"))
        {
            return Ok(password);
        }
        if !is_terminal() {
            return Err(Failure::usage(
                "standard input is no terminal to ask for the password: set WAYPOST_PASSWORD, or use a \
                 token (--token-file)",
            ));
        }
        let prompt = format!("Password of {}: ", Printable(user));
        rpassword::prompt_password(prompt).map_err(Failure::failed)
    }
}

fn environment() -> Said {
    Said {
        token: variable("WAYPOST_TOKEN"),
        user: variable("WAYPOST_USER"),
    }
}

/// `http://HOST[:PORT][/PREFIX]`, without a slash at its end.
fn check_url(given: &str) -> Result<String, Failure> {
    let wrong = |why: &str| {
        Err(Failure::usage(format!(
            "--api {}: {why}; it is like http://127.0.0.1:18083",
            Printable(given)
        )))
    };
    let Ok(uri) = given.parse::<Uri>() else {
        return wrong("this is no URL");
    };
    match (uri.scheme_str(), uri.authority()) {
        (Some("http" | "https"), Some(authority)) => {
            if authority.as_str().contains('@') {
                return wrong("users and passwords do not stand in it, but behind --user");
            }
            if uri.query().is_some() {
                return wrong("nothing stands behind a ?");
            }
            Ok(given.trim_end_matches('/').to_owned())
        }
        _ => wrong("it begins with http:// or https:// and a host"),
    }
}

/// Whether others on the way can read along.
fn in_the_clear(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else {
        return false;
    };
    let host = uri.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let local = host == "localhost" || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    uri.scheme_str() == Some("http") && !local
}

fn read_token(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| Failure::failed(format!("--token-file {}: {e}", path.display())))?;
    match text.lines().next().map(str::trim) {
        Some(token) if !token.is_empty() => Ok(token.to_owned()),
        _ => Err(Failure::failed(format!(
            "--token-file {}: its first line is empty",
            path.display()
        ))),
    }
}

fn read_authorities(path: &Path) -> Result<Vec<Certificate<'static>>, Failure> {
    let failed = |why: &dyn std::fmt::Display| {
        Failure::failed(format!("--cafile {}: {why}", path.display()))
    };
    let text = std::fs::read(path).map_err(|e| failed(&e))?;
    let mut found = Vec::new();
    for item in parse_pem(&text) {
        if let PemItem::Certificate(certificate) = item.map_err(|e| failed(&e))? {
            found.push(certificate);
        }
    }
    if found.is_empty() {
        return Err(failed(
            &"no certificate in PEM (-----BEGIN CERTIFICATE-----)",
        ));
    }
    Ok(found)
}

fn authorities_of_the_system() -> Result<Vec<Certificate<'static>>, Failure> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        return Err(Failure::failed(
            "the operating system knows no authorities to trust; install its CA certificates, or give \
             some with --cafile FILE",
        ));
    }
    let certs = found.certs.iter();
    Ok(certs
        .map(|der| Certificate::from_der(der).to_owned())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_checked() {
        let url = |given| check_url(given).map_err(|e| e.text);
        for good in ["http://127.0.0.1:18083", "https://broker.example/waypost"] {
            assert_eq!(url(good).as_deref(), Ok(good));
        }
        assert_eq!(url("http://[::1]:1/").as_deref(), Ok("http://[::1]:1"));
        for (bad, why) in [
            ("127.0.0.1:18083", "--api 127.0.0.1:18083: "),
            ("mqtt://127.0.0.1:1883", "http:// or https://"),
            ("http://", "no URL"),
            ("http://a:b@host", "--user"),
            ("http://host?x=1", "behind a ?"),
            ("a b", "no URL"),
        ] {
            let error = url(bad).unwrap_err();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }

    #[test]
    fn a_warning_where_others_can_read_along() {
        for (url, warned) in [
            ("http://127.0.0.1:18083", false),
            ("http://localhost", false),
            ("http://[::1]:18083", false),
            ("http://192.0.2.7:18083", true),
            ("http://broker.example", true),
            ("https://broker.example", false),
        ] {
            assert_eq!(in_the_clear(url), warned, "{url}");
        }
    }
}
