//! The screen as text, at the sizes that terminals have.

use super::super::fixture::{key, row, sample};
use super::*;
use message::printable::is_printable;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::KeyCode;
use std::time::{Duration, Instant};

const LOOK: Look = Look { colour: true };

fn screen(model: &Model, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let now = "2026-05-06T22:01:30Z".parse().unwrap();
    terminal
        .draw(|frame| draw(frame, model, LOOK, now))
        .unwrap();
    let buffer = terminal.backend().buffer();
    let line = |y| {
        (0..width)
            .map(|x| buffer[(x, y)].symbol())
            .collect::<String>()
    };
    (0..height).map(|y| line(y).trim_end().to_owned()).collect()
}

fn model() -> Model {
    let start = Instant::now();
    let rows = |n| {
        vec![
            row("sensor-7", n, 0),
            row("dash\u{1b}[31m\u{202e}board", 0, 12 * n),
        ]
    };
    let mut model = Model::new(
        "http://127.0.0.1:18083",
        Duration::from_secs(1),
        sample(start, 0, 0, rows(0)),
    );
    for n in 1..=60 {
        let at = start + Duration::from_secs(n);
        model.on_sample(sample(at, n * n * 10, n * 1200, rows(n * 100)));
    }
    model
}

#[test]
fn a_whole_screen_of_80_by_24() {
    let screen = screen(&model(), 80, 24);
    let text = screen.join("\n");
    assert_eq!(screen[0], "Waypost 0.1.0  http://127.0.0.1:18083  up 1h 2m");
    assert!(screen[1].contains(" In 1,190/s  116 KiB/s "), "{text}");
    assert!(screen[1].contains(" Out 1,200/s  117 KiB/s "), "{text}");
    assert!(screen[2..5].iter().any(|line| line.contains('█')), "{text}");
    for (line, facts) in [
        (
            6,
            [
                "Connections 2  mqtt5 2  mqtt311 1",
                "CPU         59 %  2 shards",
            ],
        ),
        (
            7,
            [
                "Sessions    1,500  subscriptions 4,321  retained 12",
                "Memory      34 MiB",
            ],
        ),
        (
            8,
            [
                "Queued      77  10 KiB  in flight 9",
                "Files       40  of 1,024",
            ],
        ),
        (9, ["Dropped     362  +12/s  queue_full 360  expired 2", ""]),
    ] {
        for fact in facts {
            assert!(screen[line].contains(fact), "{fact:?} is not in\n{text}");
        }
    }
    let words = |line: &str| {
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        words(&screen[10]),
        [
            "CLIENT", "PROTOCOL", "IN/s", "OUT/s", "BYTES/s", "UNSENT", "FLIGHT", "SINCE"
        ]
    );
    let first = words(&screen[11]);
    assert!(first[0].starts_with("dash\\u{1b}"), "{text}");
    assert_eq!(
        first[1..],
        [
            "mqtt5", "0", "1,200", "117", "KiB", "2.0", "KiB", "3", "1m", "30s"
        ]
    );
    assert_eq!(words(&screen[12])[..3], ["sensor-7", "mqtt5", "100"]);
    assert!(
        screen[23].starts_with("2 by rate ") && screen[23].ends_with("q quit"),
        "{text}"
    );
    assert!(text.chars().all(|c| c == '\n' || is_printable(c)));
}

#[test]
fn it_fits_every_size() {
    let mut model = model();
    for (width, height) in [
        (1, 1),
        (20, 5),
        (40, 12),
        (59, 17),
        (80, 18),
        (120, 40),
        (300, 80),
    ] {
        for code in ['?', 'x', '/', 'x'] {
            screen(&model, width, height);
            model.on_key(key(KeyCode::Char(code)));
        }
        model.on_key(key(KeyCode::Esc));
    }
    let wide = screen(&model, 120, 40);
    assert!(
        wide[10].contains("USER") && wide[10].contains("ADDRESS"),
        "{wide:#?}"
    );
    assert!(wide[11].contains("192.0.2.7:40112"));
    let small = screen(&model, 40, 11);
    assert!(small[1].starts_with("CLIENT"), "the list stays: {small:#?}");
}

#[test]
fn questions_and_troubles_are_seen() {
    let mut model = model();
    model.on_key(key(KeyCode::Down));
    model.on_key(key(KeyCode::Char('k')));
    let foot = |model: &Model| screen(model, 80, 24)[23].clone();
    assert_eq!(
        foot(&model),
        "disconnect dash\\u{1b}[31m\\u{202e}board? (y/n)"
    );
    model.on_key(key(KeyCode::Esc));
    model.on_key(key(KeyCode::Char('/')));
    model.on_key(key(KeyCode::Char('ö')));
    assert_eq!(foot(&model), "client id holds: ö_");
    model.on_key(key(KeyCode::Enter));
    assert!(foot(&model).starts_with("2 with \"ö\" by rate"));
    model.notice = Some("sensor-7 is disconnected".into());
    assert_eq!(foot(&model), "sensor-7 is disconnected");
    model.trouble = Some("cannot reach it".into());
    assert_eq!(foot(&model), "cannot reach it");
    assert!(screen(&model, 80, 24)[0].ends_with(" NO ANSWER"));
    model.trouble = None;
    model.on_key(key(KeyCode::Char('p')));
    assert!(screen(&model, 80, 24)[0].ends_with(" PAUSED"));
    model.on_key(key(KeyCode::Char('?')));
    let help = screen(&model, 80, 24).join("\n");
    for (_, what) in HELP {
        assert!(help.contains(what), "{what} is not in\n{help}");
    }
}

/// A list that is longer than the screen shows the line that is selected.
#[test]
fn the_list_follows_the_selection() {
    let rows = (0..200).map(|n| row(&format!("client-{n:03}"), 0, 0));
    let first = sample(Instant::now(), 0, 0, rows.collect());
    let mut model = Model::new("http://b", Duration::from_secs(1), first);
    assert!(screen(&model, 80, 24)[11].starts_with("client-000"));
    model.on_key(key(KeyCode::End));
    assert!(screen(&model, 80, 24)[22].starts_with("client-199"));
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    let now = Timestamp::UNIX_EPOCH;
    terminal
        .draw(|frame| draw(frame, &model, LOOK, now))
        .unwrap();
    let cell = &terminal.backend().buffer()[(0, 22)];
    assert!(cell.modifier.contains(Modifier::REVERSED));
}
