//! Requests and answers: JSON over HTTP/1.1, plain or with TLS.
//!
//! Owns the agent with its connections. Follows no redirection and uses no proxy, so that what proves
//! who we are goes where the user said and nowhere else; takes no answer without a bound.

use super::credentials::{Credential, TokenFrom};
use super::error::{ApiError, problem};
use super::path::{Query, path};
use message::Printable;
use serde_json::{Value, json};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use ureq::Agent;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE};
use ureq::http::{Method, Request, Response};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

/// From the question to the end of the answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// The same where the broker copies all that it has.
const COPIED_WITHIN: Duration = Duration::from_secs(24 * 3600);
/// The largest answer that is taken: a page of 1,000 rows with long names fits many times.
const MAX_ANSWER: u64 = 64 << 20;
/// Connections that are kept for the next request.
const KEPT: usize = 2;

/// Whom to trust behind `https://`.
#[derive(Clone, Debug)]
pub(super) enum Trust {
    /// These authorities.
    Roots(Vec<Certificate<'static>>),
    /// Whoever answers.
    Everybody,
}

/// A broker's API, as one user.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    agent: Agent,
    /// Without a slash at its end.
    url: String,
    credential: Credential,
}

impl Api {
    pub(super) fn new(url: String, credential: Credential, trust: Trust) -> Api {
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let tls = match trust {
            Trust::Roots(roots) => tls.root_certs(RootCerts::Specific(Arc::new(roots))),
            Trust::Everybody => tls.disable_verification(true),
        };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .user_agent(concat!("waypost/", env!("CARGO_PKG_VERSION")))
            .max_idle_connections(KEPT)
            .tls_config(tls.build())
            .build();
        Api {
            agent: config.new_agent(),
            url,
            credential,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Asks for a token.
    pub(crate) fn log_in(&self, user: &str, password: &str) -> Result<Value, ApiError> {
        let body = json!({ "user": user, "password": password });
        let path = path(&["login"]);
        self.send(Method::POST, &path, Some(&body), ANSWER_WITHIN)
    }

    pub(crate) fn log_out(&self) -> Result<(), ApiError> {
        let path = path(&["logout"]);
        self.send(Method::POST, &path, None, ANSWER_WITHIN)
            .map(drop)
    }

    /// The same API for who asks often: with a token, where there is a password, which takes the
    /// broker long to check. Whoever gets one logs out.
    pub(crate) fn with_token(&self) -> Result<Option<Api>, ApiError> {
        let Credential::Password { user, password } = &self.credential else {
            return Ok(None);
        };
        let answer = self.log_in(user, password)?;
        let token = answer.get("token").and_then(Value::as_str);
        let token = token.ok_or_else(|| self.strange("a login without a token".into()))?;
        let credential = Credential::Token {
            token: token.to_owned(),
            from: TokenFrom::Given,
        };
        Ok(Some(Api {
            credential,
            ..self.clone()
        }))
    }

    pub(crate) fn get(&self, path: &str, query: &Query) -> Result<Value, ApiError> {
        let path = format!("{path}{}", query.as_str());
        self.send(Method::GET, &path, None, ANSWER_WITHIN)
    }

    pub(crate) fn delete(&self, path: &str) -> Result<Value, ApiError> {
        self.send(Method::DELETE, path, None, ANSWER_WITHIN)
    }

    /// Has the broker copy what it has on disk into a directory of its machine, however long that takes.
    pub(crate) fn back_up(&self, directory: &str) -> Result<Value, ApiError> {
        let body = json!({ "directory": directory });
        let path = path(&["backup"]);
        self.send(Method::POST, &path, Some(&body), COPIED_WITHIN)
    }

    /// One request; an answer without a body is `null`.
    fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        within: Duration,
    ) -> Result<Value, ApiError> {
        let run = |request| {
            let configured = self.agent.configure_request(request);
            let request = configured.timeout_global(Some(within)).build();
            self.agent.run(request)
        };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url));
        if let Some(header) = self.credential.header() {
            request = request.header(AUTHORIZATION, header);
        }
        let answer = match body {
            None => request.body(String::new()).map(run),
            Some(body) => request
                .header(CONTENT_TYPE, "application/json")
                .body(body.to_string())
                .map(run),
        };
        let mut answer = answer
            .map_err(|e| self.strange(e.to_string()))?
            .map_err(|e| self.failed(&e))?;
        let text = answer
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER)
            .read_to_vec()
            .map_err(|e| self.failed(&e))?;
        self.judge(&answer, &text)
    }

    fn judge<T>(&self, answer: &Response<T>, text: &[u8]) -> Result<Value, ApiError> {
        let status = answer.status();
        let body = match text {
            [] => Ok(Value::Null),
            text => serde_json::from_slice(text),
        };
        let detail = || problem(body.as_ref().unwrap_or(&Value::Null));
        match (status.as_u16(), &body) {
            (200..=299, Ok(_)) => {}
            (401, _) => return Err(self.unauthorized(detail())),
            (403, _) => return Err(ApiError::Forbidden { detail: detail() }),
            (404, Ok(_)) if !detail().is_empty() => {
                return Err(ApiError::NotFound { detail: detail() });
            }
            (status @ 400..=599, Ok(_)) if !detail().is_empty() => {
                let detail = detail();
                return Err(ApiError::Refused { status, detail });
            }
            (status, _) => {
                let kind = answer.headers().get(CONTENT_TYPE);
                let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or("none");
                let kind = Printable(kind);
                return Err(self.strange(format!("status {status}, content type {kind}")));
            }
        }
        body.map_err(|e| self.strange(e.to_string()))
    }

    fn unauthorized(&self, detail: String) -> ApiError {
        let url = self.url.clone();
        match self.credential.when_refused() {
            None => ApiError::LoginNeeded { url },
            Some((what, hint)) => ApiError::NotAccepted {
                url,
                what,
                detail,
                hint,
            },
        }
    }

    fn strange(&self, why: String) -> ApiError {
        ApiError::Strange {
            url: self.url.clone(),
            why,
        }
    }

    fn failed(&self, error: &ureq::Error) -> ApiError {
        let url = self.url.clone();
        match error {
            ureq::Error::Timeout(_) => ApiError::TimedOut {
                url,
                seconds: ANSWER_WITHIN.as_secs(),
            },
            ureq::Error::Rustls(e) => tls_failure(url, e),
            ureq::Error::Io(e) => match rustls_error(e) {
                Some(e) => tls_failure(url, e),
                None => ApiError::Unreachable {
                    url,
                    why: e.to_string(),
                },
            },
            ureq::Error::Protocol(_) | ureq::Error::BodyExceedsLimit(_) => {
                self.strange(error.to_string())
            }
            ureq::Error::HostNotFound => ApiError::Unreachable {
                url,
                why: "there is no host of this name".into(),
            },
            other => ApiError::Unreachable {
                url,
                why: other.to_string(),
            },
        }
    }
}

fn rustls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn tls_failure(url: String, error: &rustls::Error) -> ApiError {
    let hint = match error {
        rustls::Error::InvalidCertificate(_) => {
            "Name its authority with --cafile FILE, and the host as the certificate has it; --insecure \
             checks nothing"
        }
        _ => "Does an https:// listener answer there?",
    };
    ApiError::Tls {
        url,
        why: error.to_string(),
        hint,
    }
}
