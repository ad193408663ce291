//! The broker's HTTP API, as the commands use it.
//!
//! An [`Api`] is one broker, reached by one URL as one user. Owns the connections to it; keeps nothing
//! of what it is told but the login that `waypost login` asks to be stored. No command has another way
//! to a running broker than this and the protocols of messages.

mod credentials;
mod error;
mod http;
mod options;
mod path;
mod token_store;

pub(crate) use error::ApiError;
pub(crate) use http::Api;
pub(crate) use options::ApiOptions;
pub(crate) use path::{Query, path};
pub(crate) use token_store::{StoredToken, TokenStore};
