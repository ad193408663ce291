//! The limit of open files of this process, raised to what a run needs.

use crate::BenchError;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors besides connections: polls, timers, files.
const OTHERS: u64 = 128;

/// Makes room for `connections`, or says how to.
pub(crate) fn make_room(connections: u64) -> Result<(), BenchError> {
    let needed = connections + OTHERS;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|now| now >= needed) {
        return Ok(());
    }
    let maximum = match limit.maximum {
        // Raising the hard limit needs a privilege; without it the answer below says what to do.
        Some(maximum) if maximum < needed => Some(needed),
        other => other,
    };
    let wanted = Rlimit {
        current: Some(needed),
        maximum,
    };
    setrlimit(Resource::Nofile, wanted).map_err(|_| {
        BenchError::failed(format!(
            "{connections} connections need {needed} open files, and this process may have {}: raise the hard \
             limit (`ulimit -Hn {needed}` as root, or /etc/security/limits.conf)",
            limit.maximum.unwrap_or(u64::MAX)
        ))
    })
}
