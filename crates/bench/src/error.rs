//! Why a run did not come to an end. Faults of the broker's delivery are no errors: they stand in the report.

use std::io;

#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// Options that contradict each other, or a value out of its bounds.
    #[error("{0}")]
    Usage(String),
    #[error("cannot reach {target}: {source}{}", hint(source))]
    Reach { target: String, source: io::Error },
    #[error("connection {client} to {target}: {what}")]
    Connection {
        client: String,
        target: String,
        what: String,
    },
    #[error("{what}: {source}")]
    Io {
        what: &'static str,
        source: io::Error,
    },
    #[error("{0}")]
    Failed(String),
}

impl BenchError {
    pub(crate) fn io(what: &'static str) -> impl FnOnce(io::Error) -> BenchError {
        move |source| BenchError::Io { what, source }
    }

    pub(crate) fn failed(what: impl Into<String>) -> BenchError {
        BenchError::Failed(what.into())
    }
}

/// What to do about it.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrNotAvailable => {
            "; an address has about 28,000 ports (net.ipv4.ip_local_port_range): give more addresses with \
             --bind 127.0.0.2,127.0.0.3"
        }
        io::ErrorKind::ConnectionRefused => "; is the broker running, and is this its port?",
        _ if error.raw_os_error() == Some(EMFILE) => {
            "; too many open files: raise the limit with `ulimit -n`"
        }
        _ => "",
    }
}

const EMFILE: i32 = 24;
