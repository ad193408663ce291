//! Who we are to the API: a token, or a user and password, or nobody.
//!
//! Owns secrets and shows none. What is given on the command line goes before the environment, that
//! before what `waypost login` has stored.

use super::token_store::StoredToken;
use std::fmt;

/// What goes with a request.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) enum Credential {
    #[default]
    None,
    Token {
        token: String,
        from: TokenFrom,
    },
    Password {
        user: String,
        password: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenFrom {
    /// An option or a variable.
    Given,
    Stored,
}

/// What was said, by an option or a variable each.
#[derive(Clone, Default)]
pub(super) struct Said {
    pub(super) token: Option<String>,
    pub(super) user: Option<String>,
}

/// What is to be done with what was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Token(String),
    /// The password is still to be found.
    User(String),
    /// Look for a stored login.
    Stored,
}

/// The first of: token option, user option, token variable, user variable, the store.
pub(super) fn choose(options: Said, environment: Said) -> Choice {
    for said in [options, environment] {
        if let Some(token) = said.token {
            return Choice::Token(token);
        }
        if let Some(user) = said.user {
            return Choice::User(user);
        }
    }
    Choice::Stored
}

impl Credential {
    pub(super) fn stored(token: Option<StoredToken>) -> Credential {
        token.map_or(Credential::None, |stored| Credential::Token {
            token: stored.token,
            from: TokenFrom::Stored,
        })
    }

    /// The value of the header Authorization (RFC 6750, RFC 7617).
    pub(super) fn header(&self) -> Option<String> {
        match self {
            Credential::None => None,
            Credential::Token { token, .. } => Some(format!("Bearer {token}")),
            Credential::Password { user, password } => {
                let pair = format!("{user}:{password}");
                let encoded = data_encoding::BASE64.encode(pair.as_bytes());
                Some(format!("Basic {encoded}"))
            }
        }
    }

    /// What to call it, and what to do when it is not accepted; `None` where there was none.
    pub(super) fn when_refused(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Credential::None => None,
            Credential::Token {
                from: TokenFrom::Stored,
                ..
            } => Some(("the stored login any more", "Log in again: waypost login")),
            Credential::Token {
                from: TokenFrom::Given,
                ..
            } => Some(("this token", "Get a new one, or run `waypost login`")),
            Credential::Password { .. } => Some((
                "this user and password",
                "Users of the API are not those of MQTT clients",
            )),
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Credential::None => "None",
            Credential::Token { .. } => "Token(..)",
            Credential::Password { .. } => "Password(..)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(token: Option<&str>, user: Option<&str>) -> Said {
        Said {
            token: token.map(Into::into),
            user: user.map(Into::into),
        }
    }

    #[test]
    fn options_before_variables_before_the_store() {
        let all = said(Some("t"), Some("u"));
        for (options, environment, choice) in [
            (
                said(Some("a"), Some("b")),
                all.clone(),
                Choice::Token("a".into()),
            ),
            (said(None, Some("b")), all.clone(), Choice::User("b".into())),
            (said(None, None), all, Choice::Token("t".into())),
            (
                said(None, None),
                said(None, Some("u")),
                Choice::User("u".into()),
            ),
            (said(None, None), said(None, None), Choice::Stored),
        ] {
            assert_eq!(choose(options, environment), choice);
        }
    }

    #[test]
    fn headers_say_who_and_nothing_else_does() {
        let password = Credential::Password {
            user: "Aladdin".into(),
            password: "open sesame".into(),
        };
        // The example of RFC 7617.
        let header = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
        assert_eq!(password.header().as_deref(), Some(header));
        let token = Credential::Token {
            token: "secret".into(),
            from: TokenFrom::Given,
        };
        assert_eq!(token.header().as_deref(), Some("Bearer secret"));
        let shown = format!("{password:?} {token:?}");
        assert!(
            !shown.contains("secret") && !shown.contains("sesame"),
            "{shown}"
        );
    }
}
