//! The commands, one file or folder each. They own their options, and print through `output` alone.

pub(crate) mod admin;
pub(crate) mod bench;
pub(crate) mod config;
pub(crate) mod connection;
pub(crate) mod connections;
mod human;
mod json;
pub(crate) mod kick;
mod listing;
pub(crate) mod login;
pub(crate) mod passwd;
mod pattern_format;
mod payload_source;
pub(crate) mod property_words;
pub(crate) mod publish;
pub(crate) mod retained;
pub(crate) mod serve;
pub(crate) mod sessions;
mod shown;
pub(crate) mod status;
pub(crate) mod store;
pub(crate) mod subscribe;
pub(crate) mod subscriptions;
mod table;
mod tls;
pub(crate) mod top;
mod user_file;
