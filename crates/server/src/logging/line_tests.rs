//! Lines made from hostile strings, read again by a strict reader.

use super::*;
use proptest::prelude::*;
use std::sync::{Arc, Mutex};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

const TIME: Timestamp = Timestamp::constant(1_785_542_400, 7_000_000);

/// The lines of what is logged in `events`.
fn lines(style: Style, events: impl FnOnce()) -> Vec<String> {
    struct Capture(Style, Arc<Mutex<Vec<String>>>);
    impl<S: Subscriber> Layer<S> for Capture {
        fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
            let mut line = Line::new(*event.metadata().level(), self.0);
            event.record(&mut line);
            self.1.lock().unwrap().push(line.finish(TIME));
        }
    }
    let lines = Arc::new(Mutex::new(Vec::new()));
    let subscriber = tracing_subscriber::registry().with(Capture(style, lines.clone()));
    tracing::subscriber::with_default(subscriber, events);
    std::mem::take(&mut lines.lock().unwrap())
}

const TEXT: Style = Style::Text { colour: false };

#[test]
fn a_text_line_is_for_people() {
    let lines = lines(TEXT, || {
        tracing::info!(
            client = "heard of",
            user = None::<&str>,
            address = %"[::1]:5",
            listener = %"mqtt://127.0.0.1:1883",
            count = 7,
            resumed = true,
            "client connected"
        );
        tracing::warn!("durability is \"memory\"");
    });
    assert_eq!(
        lines,
        [
            "2026-08-01T00:00:00.007Z  INFO client connected client=\"heard of\" address=[::1]:5 \
             listener=mqtt://127.0.0.1:1883 count=7 resumed=true\n",
            "2026-08-01T00:00:00.007Z  WARN durability is \"memory\"\n",
        ]
    );
}

#[test]
fn a_json_line_is_one_object() {
    let lines = lines(Style::Json, || {
        tracing::error!(
            client = "a\"b\\c",
            count = 7,
            ok = false,
            "client \"x\"\nrefused"
        );
    });
    assert_eq!(
        lines,
        [
            r#"{"time":"2026-08-01T00:00:00.007Z","level":"error","message":"client \"x\"\nrefused","client":"a\"b\\c","count":7,"ok":false}"#
                .to_owned()
                + "\n"
        ]
    );
}

#[test]
fn only_the_level_is_coloured() {
    let lines = lines(Style::Text { colour: true }, || {
        tracing::warn!(client = "\u{1b}[0m", "client refused");
    });
    assert_eq!(
        lines,
        [
            "2026-08-01T00:00:00.007Z \u{1b}[33m WARN\u{1b}[0m client refused client=\"\\u{1b}[0m\"\n"
        ]
    );
}

#[test]
fn lengths_are_bounded() {
    let long = "ä".repeat(70_000);
    for style in [TEXT, Style::Json] {
        let lines = lines(style, || {
            tracing::info!(client = long, reason = %long, "{long}");
        });
        assert!(lines[0].len() < MAX_SENTENCE + 2 * MAX_VALUE + 200);
        assert_eq!(lines[0].matches(CUT).count(), 3);
    }
}

/// What stands in a text behind `rest`'s first quote; the rest behind the quote that closes it.
fn unquote(rest: &str) -> (String, &str) {
    let mut text = String::new();
    let mut chars = rest.strip_prefix('"').unwrap().chars();
    loop {
        match chars.next().unwrap() {
            '"' => return (text, chars.as_str()),
            '\\' => match chars.next().unwrap() {
                'n' => text.push('\n'),
                'r' => text.push('\r'),
                't' => text.push('\t'),
                'u' => {
                    let (code, after) = chars.as_str()[1..].split_once('}').unwrap();
                    let code = u32::from_str_radix(code, 16).unwrap();
                    text.push(char::from_u32(code).unwrap());
                    chars = after.chars();
                }
                c => text.push(c),
            },
            c => text.push(c),
        }
    }
}

/// As the line must hold it.
fn cut(value: &str) -> String {
    if value.len() <= MAX_VALUE {
        return value.to_owned();
    }
    let end = value.floor_char_boundary(MAX_VALUE);
    format!("{}{CUT}", &value[..end])
}

/// Strings that try hard: pieces of lines, quotes, escapes, overrides, and anything.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\n2026-01-01T00:00:00.000Z ERROR forged".to_owned()),
        Just("\" user=\"root".to_owned()),
        Just("\\\" user=\\\"root".to_owned()),
        Just("\",\"user\":\"root".to_owned()),
        Just("\u{1b}[2J\u{9b}31m\u{7}\0\r".to_owned()),
        Just("\u{2028}\u{2029}\u{202e}\u{2066}\u{200b}\u{85}".to_owned()),
        "\\PC{0,20}",
        any::<String>(),
        ".{0,300}",
    ];
    proptest::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

fn check_line(line: &str) -> Result<&str, TestCaseError> {
    let inside = line.strip_suffix('\n').unwrap();
    prop_assert!(inside.chars().all(is_printable), "{inside:?}");
    Ok(inside)
}

proptest! {
    #[test]
    fn a_text_line_cannot_be_forged(client in hostile(), reason in hostile()) {
        let lines = lines(TEXT, || {
            tracing::info!(client, reason, count = 7, "client refused");
        });
        prop_assert_eq!(lines.len(), 1);
        let rest = check_line(&lines[0])?;
        let rest = rest.strip_prefix("2026-08-01T00:00:00.007Z  INFO client refused client=").unwrap();
        let (read, rest) = unquote(rest);
        prop_assert_eq!(read, cut(&client));
        let (read, rest) = unquote(rest.strip_prefix(" reason=").unwrap());
        prop_assert_eq!(read, cut(&reason));
        prop_assert_eq!(rest, " count=7");
    }

    /// Values that show themselves without quotes, and sentences.
    #[test]
    fn a_bare_value_and_a_sentence_stay_in_their_place(value in hostile()) {
        let lines = lines(TEXT, || {
            tracing::info!(address = %value, "{value}");
        });
        let rest = check_line(&lines[0])?;
        let (_, field) = rest.rsplit_once(" address=").unwrap();
        let quoted = field.starts_with('"');
        prop_assert!(quoted || !field.contains([' ', '"', '=']), "{}", field);
        if quoted && !value.contains(" address=") {
            prop_assert_eq!(unquote(field), (cut(&value), ""));
        }
    }

    #[test]
    fn a_json_line_cannot_be_forged(client in hostile(), reason in hostile()) {
        let lines = lines(Style::Json, || {
            tracing::info!(client, reason = %reason, "{}", client);
        });
        prop_assert_eq!(lines.len(), 1);
        let object: serde_json::Value = serde_json::from_str(check_line(&lines[0])?).unwrap();
        let object = object.as_object().unwrap();
        prop_assert_eq!(object.len(), 5);
        prop_assert_eq!(&object["level"], "info");
        prop_assert_eq!(&object["client"], &cut(&client));
        prop_assert_eq!(&object["reason"], &cut(&reason));
        prop_assert_eq!(lines[0].matches("\"client\":").count(), 1);
    }
}
