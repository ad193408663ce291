//! The reference page, written from the table of keys.
//!
//! Pure. `docs/configuration.md` is this text; a test holds them together.

use super::api_token::ApiToken;
use super::keys::{API_TOKEN_KEYS, KEYS, Key, LISTENER_KEYS};
use super::listener::Listener;
use super::values::Values;
use std::fmt::Write;

/// One key of the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceRow {
    pub key: String,
    pub kind: String,
    pub default: String,
    /// The unit of a bare number; empty where there is none.
    pub unit: &'static str,
    pub doc: &'static str,
}

/// Every key, in the order of the page.
pub fn reference_rows() -> Vec<ReferenceRow> {
    let values = Values::default();
    let listener = Listener::default();
    let token = ApiToken::default();
    let own = KEYS.iter().map(|key| row(key, &values, ""));
    let listeners = LISTENER_KEYS.iter();
    let listeners = listeners.map(|key| row(key, &listener, "listener."));
    let tokens = API_TOKEN_KEYS.iter();
    let tokens = tokens.map(|key| row(key, &token, "api_token."));
    own.chain(listeners).chain(tokens).collect()
}

fn row<T>(key: &Key<T>, defaults: &T, prefix: &str) -> ReferenceRow {
    let default = match key.rule.default_text {
        Some(text) => text.to_owned(),
        None => match key.show(defaults).to_string().as_str() {
            "\"\"" => "none".to_owned(),
            "[]" => "none".to_owned(),
            text => format!("`{text}`"),
        },
    };
    ReferenceRow {
        key: format!("{prefix}{}", key.name),
        kind: key.rule.type_name(),
        default,
        unit: key.rule.unit(),
        doc: key.doc(),
    }
}

const INTRO: &str = "\
# Configuration

<!-- Written by `waypost config reference`; change the keys, not this page. -->

`waypost serve` needs no configuration. What is set, is set in four places; each wins over the one
before it:

1. the defaults below;
2. a TOML file: `waypost serve --config waypost.toml`;
3. environment variables: `WAYPOST__SECTION__KEY`, for example `WAYPOST__LIMITS__RECEIVE_MAXIMUM=200`
   or `WAYPOST__DATA_DIR=/var/lib/waypost`;
4. the command line: `--set limits.receive_maximum=200`, `--listen URL`, `--data-dir DIR`.

In the last two, a value is a TOML value where it can be read as one, else a string, so
`--set limits.max_packet_size=4MiB` and `--set 'limits.max_packet_size=\"4 MiB\"'` say the same. A
relative path is relative to the file that says it; elsewhere, to where the command is run.

- **Sizes** are bytes, or texts such as `\"64 KiB\"`, `\"64 MiB\"` (powers of 1,024) or `\"64 MB\"`
  (powers of 1,000).
- **Times** are in the key's unit, or texts such as `\"500ms\"`, `\"10s\"`, `\"5min\"`, `\"2h\"`, `\"7d\"`.
- **Unlimited** is the word `\"unlimited\"`. 0 never means it; where 0 makes no sense it is an error.

A key that does not exist is an error that names the nearest one, and so is a value out of its
range; the message names the file and line, the variable or the option. `waypost config check`
looks without starting, and `waypost config show` prints every value with its origin.

`SIGHUP` reads everything again. Users, access lists, certificates, limits, MQTT settings and the log
change at once and together; when anything is wrong, the old configuration stays. Keys that say \"Needs a
restart\" keep their value until then, and the log names them.
";

/// The page, as Markdown.
pub fn reference() -> String {
    let mut page = INTRO.to_owned();
    let mut section = None;
    for row in reference_rows() {
        let name = row
            .key
            .split_once('.')
            .map_or("", |(section, _)| section)
            .to_owned();
        if section.as_ref() != Some(&name) {
            page.push_str(&heading(&name));
            section = Some(name);
        }
        let kind = row.kind.replace('|', "\\|");
        let mut in_list = ["listener.", "api_token."].iter();
        let in_list = in_list.find_map(|list| row.key.strip_prefix(list));
        let key = in_list.unwrap_or(&row.key);
        // Writing to a String cannot fail.
        let _ = writeln!(
            page,
            "| `{key}` | {kind} | {} | {} | {} |",
            row.default,
            row.unit,
            row.doc.replace('|', "\\|")
        );
    }
    page
}

fn heading(section: &str) -> String {
    let text = match section {
        "" => "The broker",
        "listener" => {
            "`[[listener]]`\n\nOne block for each listener. A block, a list in an environment \
             variable, or a `--listen` replaces the\ndefault listeners, `mqtt://127.0.0.1:1883`, \
             `ws://127.0.0.1:8083/mqtt` and\n`http://127.0.0.1:18083`. Options may be given as a\nquery: `--listen \
             'mqtt://0.0.0.0:1883?insecure_anonymous=true'`.\n\nA listener that other machines can \
             reach does not start while no authenticator is configured,\nunless it says \
             `insecure_anonymous` or asks for client certificates. [Transports](transports.md) explains \
             the keys of TLS,\nUnix sockets and proxies.\n\n```toml\n[[listener]]\nurl = \"mqtt://0.0.0.0:1883\"\n\n\
             [[listener]]\nurl = \"ws://0.0.0.0:8083/mqtt\"\norigins = \
             [\"https://app.example.org\"]\n\n[auth]\npassword_file = \"users.txt\"\n```"
        }
        "limits" => {
            "`[limits]`\n\nWhat the broker holds itself and its clients to. Each limit is there so \
             that no client can take more\nthan its share of memory or time."
        }
        "mqtt" => "`[mqtt]`\n\nWhat MQTT clients are offered.",
        "auth" => {
            "`[auth]`\n\nWho is let in, and what they may do: see [access control](access-control.md)."
        }
        "api_token" => {
            "`[[api_token]]`\n\nTokens of the [HTTP API](admin-api.md) for programs; people log in \
             with a password instead. `waypost admin\ntoken` makes a token and prints the block to \
             put here. All three keys are needed.\n\n```toml\n[[api_token]]\nname = \
             \"prometheus\"\nrole = \"viewer\"\nsha256 = \
             \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"\n```"
        }
        "metrics" => "`[metrics]`\n\nSee [metrics](metrics.md).",
        "log" => "`[log]`",
        other => other,
    };
    format!(
        "\n## {text}\n\n| key | type | default | unit | what it does |\n|---|---|---|---|---|\n"
    )
}
