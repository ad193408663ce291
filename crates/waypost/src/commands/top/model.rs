//! What the screen shows, and what keys do to it.
//!
//! Pure: samples and keys in, [`Action`]s out. Whoever runs the screen carries them out.

use super::rates::{History, Rates, RowRates};
use super::sample::{Row, Sample};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::cmp::Ordering;
use std::time::Duration;

/// The longest filter that can be typed.
const MAX_FILTER: usize = 128;
/// Rows that a page key moves by.
const PAGE: isize = 10;

/// What the list is ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Rate,
    In,
    Out,
    Bytes,
    Unsent,
    InFlight,
    Since,
    Client,
}

impl Order {
    pub(super) const ALL: [Order; 8] = [
        Order::Rate,
        Order::In,
        Order::Out,
        Order::Bytes,
        Order::Unsent,
        Order::InFlight,
        Order::Since,
        Order::Client,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Order::Rate => "rate",
            Order::In => "in",
            Order::Out => "out",
            Order::Bytes => "bytes",
            Order::Unsent => "unsent",
            Order::InFlight => "in flight",
            Order::Since => "since",
            Order::Client => "client",
        }
    }

    fn next(self) -> Order {
        let at = Order::ALL.iter().position(|order| *order == self);
        Order::ALL[(at.unwrap_or(0) + 1) % Order::ALL.len()]
    }

    /// What comes first, before the client id decides.
    fn compare(self, a: &Line, b: &Line) -> Ordering {
        let by = |of: fn(&Line) -> f64| of(b).total_cmp(&of(a));
        match self {
            Order::Rate => by(|l| l.rates.messages_in + l.rates.messages_out),
            Order::In => by(|l| l.rates.messages_in),
            Order::Out => by(|l| l.rates.messages_out),
            Order::Bytes => by(|l| l.rates.bytes_in + l.rates.bytes_out),
            Order::Unsent => b.row.outbox_bytes.cmp(&a.row.outbox_bytes),
            Order::InFlight => b.row.in_flight.cmp(&a.row.in_flight),
            Order::Since => b.row.connected_at.cmp(&a.row.connected_at),
            Order::Client => Ordering::Equal,
        }
    }
}

/// A connection with its rates.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) row: Row,
    pub(super) rates: Rates,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    List,
    /// A filter is being typed.
    Filter(String),
    /// Is this client to be disconnected?
    Confirm(String),
    Help,
}

/// What is to be done outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Quit,
    Kick(String),
    /// Ask for these clients from now on; empty is all.
    Filter(String),
}

#[derive(Debug)]
pub(super) struct Model {
    pub(super) url: String,
    pub(super) sample: Sample,
    pub(super) history: History,
    rates: RowRates,
    /// In the order in which they are shown.
    pub(super) lines: Vec<Line>,
    pub(super) order: Order,
    pub(super) reversed: bool,
    pub(super) filter: String,
    pub(super) mode: Mode,
    pub(super) paused: bool,
    /// The client id of the line that is selected.
    selected: Option<String>,
    /// The broker does not answer, and why.
    pub(super) trouble: Option<String>,
    /// How the last thing ended that was asked for.
    pub(super) notice: Option<String>,
}

impl Model {
    pub(super) fn new(url: &str, interval: Duration, first: Sample) -> Model {
        let mut model = Model {
            url: url.to_owned(),
            sample: first.clone(),
            history: History::new(interval),
            rates: RowRates::default(),
            lines: Vec::new(),
            order: Order::Rate,
            reversed: false,
            filter: String::new(),
            mode: Mode::List,
            paused: false,
            selected: None,
            trouble: None,
            notice: None,
        };
        model.on_sample(first);
        model
    }

    pub(super) fn on_sample(&mut self, sample: Sample) {
        self.trouble = None;
        if self.paused {
            return;
        }
        self.history.add(&sample);
        self.rates.add(&sample);
        self.sample = sample;
        self.lines = self.sample.rows.iter().map(|row| self.line(row)).collect();
        self.sort();
    }

    fn line(&self, row: &Row) -> Line {
        Line {
            row: row.clone(),
            rates: self.rates.of(&row.client_id).unwrap_or_default(),
        }
    }

    fn sort(&mut self) {
        let order = self.order;
        self.lines.sort_by(|a, b| {
            let by_name = || a.row.client_id.cmp(&b.row.client_id);
            order.compare(a, b).then_with(by_name)
        });
        if self.reversed {
            self.lines.reverse();
        }
    }

    /// The place of the line that is selected; a client that has gone is not selected any more.
    pub(super) fn selected(&self) -> Option<usize> {
        let client = self.selected.as_ref()?;
        self.lines
            .iter()
            .position(|line| line.row.client_id == *client)
    }

    /// Goes on from the line that is selected, or begins at an end of the list.
    fn select(&mut self, by: isize) {
        self.select_line(match self.selected() {
            Some(at) => at.saturating_add_signed(by),
            None if by < 0 => usize::MAX,
            None => 0,
        });
    }

    /// The line of this number, or the last one.
    fn select_line(&mut self, at: usize) {
        if let Some(last) = self.lines.len().checked_sub(1) {
            let client = &self.lines[at.min(last)].row.client_id;
            self.selected = Some(client.clone());
        }
    }

    pub(super) fn on_key(&mut self, key: KeyEvent) -> Option<Action> {
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        if ctrl && key.code == KeyCode::Char('c') {
            return Some(Action::Quit);
        }
        self.notice = None;
        match std::mem::replace(&mut self.mode, Mode::List) {
            Mode::List => self.on_list_key(key.code),
            Mode::Filter(text) => self.on_filter_key(text, key.code),
            Mode::Confirm(client) => match key.code {
                KeyCode::Char('y' | 'Y') => Some(Action::Kick(client)),
                _ => None,
            },
            // Any key closes it.
            Mode::Help => None,
        }
    }

    fn on_list_key(&mut self, code: KeyCode) -> Option<Action> {
        match code {
            KeyCode::Char('q') => return Some(Action::Quit),
            KeyCode::Char('s') => {
                self.order = self.order.next();
                self.sort();
            }
            KeyCode::Char('r') => {
                self.reversed = !self.reversed;
                self.sort();
            }
            KeyCode::Char('p' | ' ') => self.paused = !self.paused,
            KeyCode::Char('/' | 'f') => self.mode = Mode::Filter(self.filter.clone()),
            KeyCode::Char('?' | 'h') => self.mode = Mode::Help,
            KeyCode::Char('k') | KeyCode::Delete => match self.selected() {
                Some(at) => self.mode = Mode::Confirm(self.lines[at].row.client_id.clone()),
                None => self.notice = Some("select a connection first: up, down".into()),
            },
            KeyCode::Up => self.select(-1),
            KeyCode::Down => self.select(1),
            KeyCode::PageUp => self.select(-PAGE),
            KeyCode::PageDown => self.select(PAGE),
            KeyCode::Home => self.select_line(0),
            KeyCode::End => self.select_line(usize::MAX),
            KeyCode::Esc if self.selected.is_some() => self.selected = None,
            KeyCode::Esc if !self.filter.is_empty() => return self.filter_by(String::new()),
            _ => {}
        }
        None
    }

    fn on_filter_key(&mut self, mut text: String, code: KeyCode) -> Option<Action> {
        match code {
            KeyCode::Enter => return self.filter_by(text),
            KeyCode::Esc => return None,
            KeyCode::Backspace => drop(text.pop()),
            KeyCode::Char(c) if text.len() + c.len_utf8() <= MAX_FILTER => text.push(c),
            _ => {}
        }
        self.mode = Mode::Filter(text);
        None
    }

    fn filter_by(&mut self, text: String) -> Option<Action> {
        self.filter.clone_from(&text);
        // What is frozen could not be filtered.
        self.paused = false;
        Some(Action::Filter(text))
    }
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
