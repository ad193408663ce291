//! `waypost login` and `waypost logout`: a token of the API, kept for the commands that follow.

use super::human;
use super::shown::json;
use crate::api::{ApiError, ApiOptions, StoredToken, TokenStore};
use crate::failure::Failure;
use crate::output::{self, Output};
use clap::Args;
use jiff::Timestamp;
use message::Printable;
use serde_json::{Value, json as value};

/// Log in at a broker's API; the commands that follow are that user.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost login                                       asks for user and password
  waypost login --api https://broker.example:18443 --user ann

The token is kept in $XDG_CONFIG_HOME/waypost/token (else ~/.config/waypost/token), one for each API,
readable by you alone. The password is not kept.

Exit codes: 0 done, 1 failed, 64 wrong usage")]
pub(crate) struct LoginOptions {
    /// Print JSON (without the token)
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiOptions,
}

/// End a login: the token is forgotten here and at the broker.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost logout

Exit codes: 0 done, 1 failed, 64 wrong usage")]
pub(crate) struct LogoutOptions {
    #[command(flatten)]
    api: ApiOptions,
}

pub(crate) fn login(options: &LoginOptions) -> Result<(), Failure> {
    let store = TokenStore::of_this_user().ok_or_else(|| {
        Failure::failed("neither XDG_CONFIG_HOME nor HOME says where to keep the login")
    })?;
    let (api, user, password) = options.api.open_to_log_in()?;
    let answer = match api.log_in(&user, &password) {
        Err(ApiError::LoginNeeded { url }) => {
            return Err(Failure::failed(format!(
                "{url} does not accept this user and password. Users of the API are not those of MQTT \
                 clients"
            )));
        }
        answer => answer?,
    };
    let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
    let Some(token) = text("token") else {
        let url = api.url();
        return Err(Failure::failed(format!(
            "{url} has answered without a token"
        )));
    };
    let stored = StoredToken {
        token,
        user,
        expires_at: text("expires_at").unwrap_or_default(),
    };
    store.put(api.url(), &stored)?;
    let role = text("role").unwrap_or_default();
    let mut out = Output::new(false);
    if options.json {
        out.line(&json(&value!({
            "api": api.url(),
            "user": stored.user,
            "role": role,
            "expires_at": stored.expires_at,
        })))?;
    } else {
        let until: Option<Timestamp> = stored.expires_at.parse().ok();
        let until = until.map_or(String::new(), |at| format!(", until {}", human::moment(at)));
        let (user, role) = (Printable(&stored.user), Printable(&role));
        out.line(&format!(
            "{user} ({role}) is logged in at {}{until}",
            api.url()
        ))?;
    }
    out.flush()
}

pub(crate) fn logout(options: &LogoutOptions) -> Result<(), Failure> {
    let Some((api, store)) = options.api.open_stored()? else {
        return Err(Failure::failed("there is no login to end"));
    };
    let told = api.log_out();
    // Here it ends in any case.
    store.remove(api.url())?;
    match told {
        // A login that the broker does not know any more is what was wanted.
        Ok(()) | Err(ApiError::NotAccepted { .. }) => {}
        Err(e) => output::warn(&format!("the broker was not told: {e}")),
    }
    let mut out = Output::new(false);
    out.line(&format!("logged out of {}", api.url()))?;
    out.flush()
}
