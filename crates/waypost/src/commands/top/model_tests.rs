//! Keys and samples, and what comes of them.

use super::super::fixture::{key, row, sample};
use super::*;
use std::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// Three clients: `a` sends most, `b` gets most, `c` neither.
fn model() -> (Model, Instant) {
    let start = Instant::now();
    let first = sample(
        start,
        0,
        0,
        vec![row("c", 5, 5), row("b", 0, 0), row("a", 0, 0)],
    );
    let mut model = Model::new("http://b", SECOND, first);
    let rows = vec![row("c", 5, 5), row("b", 10, 90), row("a", 50, 0)];
    model.on_sample(sample(start + SECOND, 100, 200, rows));
    (model, start + SECOND)
}

fn order(model: &Model) -> String {
    model.lines.iter().map(|l| l.row.client.as_str()).collect()
}

fn press(model: &mut Model, keys: &str) -> Option<Action> {
    keys.chars()
        .map(|c| model.on_key(key(KeyCode::Char(c))))
        .last()?
}

#[test]
fn the_list_is_ordered_by_rate_first() {
    let (mut model, _) = model();
    assert_eq!(order(&model), "bac");
    let mut seen = Vec::new();
    for _ in Order::ALL {
        seen.push((model.order.name(), order(&model)));
        press(&mut model, "s");
    }
    assert_eq!(seen[1], ("in", "abc".into()));
    assert_eq!(seen[2], ("out", "bac".into()));
    assert_eq!(seen[7], ("client", "abc".into()));
    assert_eq!(model.order, Order::Rate);
    press(&mut model, "r");
    assert_eq!(order(&model), "cab");
}

#[test]
fn a_selection_stays_with_its_client() {
    let (mut model, at) = model();
    assert_eq!(press(&mut model, "k"), None);
    assert!(model.notice.is_some(), "nothing is selected yet");
    model.on_key(key(KeyCode::Down));
    assert_eq!(model.selected(), Some(0));
    model.on_key(key(KeyCode::End));
    assert_eq!(model.selected(), Some(2));
    model.on_key(key(KeyCode::Down));
    assert_eq!(model.selected(), Some(2));
    model.on_key(key(KeyCode::Home));
    model.on_key(key(KeyCode::Up));
    assert_eq!(model.selected(), Some(0), "b");
    // `a` is faster now, and `b` is where it was.
    let rows = vec![row("a", 5000, 0), row("b", 10, 90)];
    model.on_sample(sample(at + SECOND, 100, 200, rows));
    assert_eq!((order(&model).as_str(), model.selected()), ("ab", Some(1)));
    model.on_sample(sample(at + 2 * SECOND, 100, 200, vec![row("a", 5000, 0)]));
    assert_eq!(model.selected(), None, "it has gone");
}

#[test]
fn disconnecting_takes_a_yes() {
    let (mut model, _) = model();
    model.on_key(key(KeyCode::Down));
    for no in [
        KeyCode::Char('n'),
        KeyCode::Esc,
        KeyCode::Enter,
        KeyCode::Char('q'),
    ] {
        press(&mut model, "k");
        assert_eq!(model.mode, Mode::Confirm("b".into()));
        assert_eq!(model.on_key(key(no)), None);
        assert_eq!(model.mode, Mode::List);
    }
    assert_eq!(press(&mut model, "ky"), Some(Action::Kick("b".into())));
    assert_eq!(model.mode, Mode::List);
}

#[test]
fn the_client_that_is_asked_about_is_the_one_disconnected() {
    let (mut model, at) = model();
    model.on_key(key(KeyCode::Down));
    press(&mut model, "k");
    // The list moves while the question stands.
    model.on_sample(sample(
        at + SECOND,
        100,
        200,
        vec![row("a", 5000, 0), row("c", 5, 5)],
    ));
    assert_eq!(press(&mut model, "y"), Some(Action::Kick("b".into())));
}

#[test]
fn a_filter_is_typed_and_taken_back() {
    let (mut model, _) = model();
    press(&mut model, "/sq");
    model.on_key(key(KeyCode::Backspace));
    assert_eq!(press(&mut model, "ö"), None);
    assert_eq!(model.mode, Mode::Filter("sö".into()));
    let action = model.on_key(key(KeyCode::Enter));
    assert_eq!(action, Some(Action::Filter("sö".into())));
    press(&mut model, "/x");
    model.on_key(key(KeyCode::Esc));
    assert_eq!(model.filter, "sö", "not taken");
    let action = model.on_key(key(KeyCode::Esc));
    assert_eq!(action, Some(Action::Filter(String::new())));
    press(&mut model, "/");
    for _ in 0..1000 {
        press(&mut model, "x");
    }
    assert!(matches!(&model.mode, Mode::Filter(text) if text.len() == MAX_FILTER));
}

#[test]
fn a_pause_freezes_and_a_look_after_it_is_exact() {
    let (mut model, at) = model();
    press(&mut model, "p");
    model.on_sample(sample(at + SECOND, 900, 0, vec![]));
    assert_eq!(
        (order(&model).as_str(), model.history.now.messages_in),
        ("bac", 100.0)
    );
    press(&mut model, "p");
    model.on_sample(sample(at + 10 * SECOND, 1100, 0, vec![]));
    assert_eq!(model.history.now.messages_in, 100.0);
}

#[test]
fn trouble_goes_with_the_next_answer() {
    let (mut model, at) = model();
    model.trouble = Some("gone".into());
    press(&mut model, "p");
    model.on_sample(sample(at + SECOND, 900, 0, vec![]));
    assert_eq!(model.trouble, None);
}

#[test]
fn every_way_out() {
    let (mut model, _) = model();
    assert_eq!(press(&mut model, "q"), Some(Action::Quit));
    let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    for before in ["", "/ab", "?"] {
        press(&mut model, before);
        assert_eq!(model.on_key(ctrl_c), Some(Action::Quit), "{before}");
    }
}
