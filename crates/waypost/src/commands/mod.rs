//! The commands, one file or folder each. They own their options, and print through `output` alone.

pub(crate) mod bench;
pub(crate) mod config;
pub(crate) mod connection;
mod json;
pub(crate) mod passwd;
mod pattern_format;
mod payload_source;
pub(crate) mod property_words;
pub(crate) mod publish;
pub(crate) mod serve;
pub(crate) mod store;
pub(crate) mod subscribe;
mod tls;
