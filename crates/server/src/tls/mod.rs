//! TLS: what a listener agrees to, and the layer that a connection has for it.
//!
//! [`Terms`] are made with the configuration and replaced as a whole at a reload; a connection keeps
//! those that it began with. [`TlsStream`] belongs to its connection. Nothing here knows MQTT, and
//! nothing waits: rustls is given bytes and gives bytes.

mod certificate;
mod pem;
mod stream;
mod terms;

pub(crate) use stream::TlsStream;
pub(crate) use terms::{Begun, Loaded, Terms, load};
