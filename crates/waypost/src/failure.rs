//! How a command fails: what is said, and the exit code.
//!
//! 0 done, 1 failed, 27 timed out (as mosquitto_sub has it), 64 wrong usage, 78 wrong configuration.

use std::fmt;

#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    /// Empty where everything is said already.
    pub(crate) text: String,
}

pub(crate) const FAILED: u8 = 1;
pub(crate) const TIMED_OUT: u8 = 27;
pub(crate) const USAGE: u8 = 64;
pub(crate) const CONFIG: u8 = 78;

impl Failure {
    pub(crate) fn failed(what: impl fmt::Display) -> Failure {
        Failure {
            code: FAILED,
            text: what.to_string(),
        }
    }

    pub(crate) fn usage(what: impl fmt::Display) -> Failure {
        Failure {
            code: USAGE,
            text: what.to_string(),
        }
    }

    pub(crate) fn config(what: impl fmt::Display) -> Failure {
        Failure {
            code: CONFIG,
            text: what.to_string(),
        }
    }

    /// Nothing more to say.
    pub(crate) fn silent(code: u8) -> Failure {
        Failure {
            code,
            text: String::new(),
        }
    }
}

impl From<crate::client::ClientError> for Failure {
    fn from(e: crate::client::ClientError) -> Failure {
        Failure::failed(e)
    }
}
