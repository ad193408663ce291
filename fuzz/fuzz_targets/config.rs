//! Hostile files: a configuration, settings of a command line or an environment, an access list, users. No panic; what
//! is wrong is named with a line that the file has; what is shown can be set again.
#![no_main]

use broker::auth::{Acl, Action, Identity, Policy, authorize};
use libfuzzer_sys::fuzz_target;
use server::auth::PasswordFile;
use server::config::{Config, ConfigError, Origin, Sources, load};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    std::env::temp_dir().join(format!("waypost-fuzz-{}.toml", std::process::id()))
});

fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(rest) else {
        return;
    };
    let lines = text.lines().count();
    match kind % 4 {
        0 => access_list(text, lines),
        1 => match PasswordFile::parse(text) {
            Ok(users) => assert!(users.len() <= lines),
            Err(error) => assert!((1..=lines).contains(&error.line)),
        },
        2 if stays_here(text) => {
            std::fs::write(&*FILE, text).expect("the temporary directory can be written to");
            let file = Some(FILE.clone());
            // A mistake at the end of the text is in the line behind it.
            check(
                load(Sources {
                    file,
                    ..Sources::default()
                }),
                lines + 1,
            );
        }
        3 if stays_here(text) => {
            let set = text.lines().map(Into::into).collect();
            check(
                load(Sources {
                    set,
                    ..Sources::default()
                }),
                0,
            );
            let pairs = text.lines().filter_map(|line| line.split_once('='));
            let environment = pairs.map(|(key, value)| (format!("WAYPOST__{key}"), value.into()));
            let environment = environment.collect();
            check(
                load(Sources {
                    environment,
                    ..Sources::default()
                }),
                0,
            );
        }
        _ => {}
    }
});

/// What names a file that is read.
const FILE_KEYS: &[&str] = &["_file", "cert", "key", "client_ca", "crl"];

/// Names are not looked up and other files not read: that would measure the network and the machine.
fn stays_here(text: &str) -> bool {
    let numeric = |rest: &str| {
        let host = rest
            .split(['/', '?', '\'', '"', '\n'])
            .next()
            .unwrap_or_default();
        host.chars()
            .all(|c| c.is_ascii_digit() || ".:[]".contains(c))
    };
    text.split("://").skip(1).all(numeric)
        && !(FILE_KEYS.iter().any(|key| text.contains(key)) && text.contains(['/', '\\']))
}

fn access_list(text: &str, lines: usize) {
    let acl = match Acl::parse(text) {
        Ok(acl) => Policy::Acl(Arc::new(acl)),
        Err(error) => return assert!((1..=lines).contains(&error.line)),
    };
    let words = text.split_ascii_whitespace().take(8);
    for topic in words.chain(["a/b", "a/+/#", "$SYS/x"]) {
        for name in ["ann", "+", "#", "a/b", "%u", ""] {
            let user = (!name.is_empty()).then(|| name.into());
            let identity = Identity {
                user,
                client_id: name.into(),
            };
            let may = |action| authorize(&acl, &identity, action, topic);
            let plain = !topic.contains(['+', '#']);
            if plain && may(Action::Read) {
                assert!(
                    may(Action::Subscribe),
                    "{topic:?} may be read but not be subscribed"
                );
            }
            may(Action::Publish);
        }
    }
}

fn check(loaded: Result<Config, ConfigError>, lines: usize) {
    let config = match loaded {
        Ok(config) => config,
        Err(error) => {
            assert!(!error.problems.is_empty());
            for problem in &error.problems {
                assert!(!problem.what.is_empty());
                if let Origin::File { line, .. } = problem.origin {
                    assert!(line <= lines, "{problem} of {lines} lines");
                }
            }
            return;
        }
    };
    let shown: Vec<_> = config.show();
    let own = shown.iter().filter(|row| !row.key.starts_with("listener["));
    let set = own
        .map(|row| format!("{}={}", row.key, row.value))
        .collect();
    // One with TLS needs its files too.
    let plain = config.listeners.iter().filter(|l| !l.scheme.is_secure());
    let listen: Vec<_> = plain
        .map(|l| format!("{}?insecure_anonymous=true", l.url))
        .collect();
    match load(Sources {
        set,
        listen,
        ..Sources::default()
    }) {
        Ok(again) => assert_eq!(again.values, config.values),
        Err(error) => panic!("what is shown cannot be set: {error}"),
    }
}
