//! The screen, drawn from the model.
//!
//! Pure: a frame in, cells out. All texts in the model are printable already but client ids that a
//! mode holds, which are escaped here.

use super::model::{Line as Row, Mode, Model};
use super::rates::Rates;
use crate::commands::human;
use crate::commands::table::fit;
use jiff::Timestamp;
use message::Printable;
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{
    Block, Borders, Cell, Clear, Paragraph, Sparkline, Table, TableState, Wrap,
};

/// Lines of a chart with its frame, and of the facts below.
const CHART: u16 = 5;
const FACTS: u16 = 4;
/// From this height on there is room for facts, and from this for charts as well.
const FACTS_FROM: u16 = 12;
const CHARTS_FROM: u16 = 18;
/// Columns of the facts about the process.
const PROCESS: u16 = 26;

const HELP: &[(&str, &str)] = &[
    (
        "s",
        "order by rate, in, out, bytes, unsent, in flight, since, client",
    ),
    ("r", "turn the order around"),
    ("/", "only clients whose id holds a text"),
    (
        "up down",
        "select a connection (also page up, page down, home, end)",
    ),
    (
        "k",
        "disconnect the client that is selected, after a question",
    ),
    ("p", "pause: the screen stays as it is"),
    ("esc", "select nothing, then show all clients"),
    ("q", "quit"),
];

/// How it may look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) colour: bool,
}

impl Look {
    fn of(self, colour: Color) -> Style {
        if self.colour {
            Style::new().fg(colour)
        } else {
            Style::new()
        }
    }
}

const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const DIM: Style = Style::new().add_modifier(Modifier::DIM);

pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, look: Look, now: Timestamp) {
    let area = frame.area();
    let charts = if area.height >= CHARTS_FROM { CHART } else { 0 };
    let facts = if area.height >= FACTS_FROM { FACTS } else { 0 };
    let [head, chart, fact, list, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(charts),
        Constraint::Length(facts),
        Constraint::Min(0),
        Constraint::Length(1),
    ])
    .areas(area);
    draw_head(frame, model, look, head);
    if charts > 0 {
        draw_charts(frame, model, look, chart);
    }
    if facts > 0 {
        draw_facts(frame, model, look, fact);
    }
    draw_list(frame, model, look, now, list);
    draw_foot(frame, model, look, foot);
    if model.mode == Mode::Help {
        draw_help(frame, area);
    }
}

fn draw_head(frame: &mut Frame<'_>, model: &Model, look: Look, area: Rect) {
    let overview = &model.sample.overview;
    let up = human::span(overview.uptime_s);
    let (state, style) = match (&model.trouble, model.paused) {
        (Some(_), _) => (
            " NO ANSWER ",
            look.of(Color::Red).add_modifier(Modifier::BOLD),
        ),
        (None, true) => (
            " PAUSED ",
            look.of(Color::Yellow).add_modifier(Modifier::BOLD),
        ),
        (None, false) => ("", Style::new()),
    };
    let [left, right] =
        Layout::horizontal([Constraint::Min(0), Constraint::Length(state.len() as u16)])
            .areas(area);
    let title = format!("Waypost {}", overview.version);
    let line = Line::from(vec![
        Span::styled(title, BOLD),
        Span::raw(format!("  {}  up {up}", model.url)),
    ]);
    frame.render_widget(line, left);
    frame.render_widget(Span::styled(state, style), right);
}

fn draw_charts(frame: &mut Frame<'_>, model: &Model, look: Look, area: Rect) {
    let halves = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]);
    let [left, right] = halves.areas(area);
    let now = model.history.now;
    let mut chart = |name, area: Rect, colour, of: fn(&Rates) -> f64, bytes: f64| {
        let title = Line::from(vec![
            Span::styled(format!(" {name} "), BOLD),
            Span::raw(format!("{}/s  {}/s ", human::rate(of(&now)), size(bytes))),
        ]);
        let block = Block::new().borders(Borders::ALL).title(title);
        let columns = usize::from(block.inner(area).width);
        let heights = model.history.chart(columns, of);
        let chart = Sparkline::default()
            .block(block)
            .style(look.of(colour))
            .data(heights);
        frame.render_widget(chart, area);
    };
    chart("In", left, Color::Green, |r| r.messages_in, now.bytes_in);
    chart("Out", right, Color::Cyan, |r| r.messages_out, now.bytes_out);
}

fn size(per_second: f64) -> String {
    human::bytes(per_second.round() as u64)
}

fn draw_facts(frame: &mut Frame<'_>, model: &Model, look: Look, area: Rect) {
    let o = &model.sample.overview;
    let [left, right] =
        Layout::horizontal([Constraint::Min(0), Constraint::Length(PROCESS)]).areas(area);
    let n = |n| human::count(n);
    let parts = |parts: &[(String, u64)]| {
        let texts: Vec<_> = parts
            .iter()
            .map(|(name, count)| format!("{name} {}", n(*count)))
            .collect();
        texts.join("  ")
    };
    let fact = |name: &str, value: String, more: String| {
        Line::from(vec![
            Span::styled(format!("{name:<12}"), DIM),
            Span::styled(value, BOLD),
            Span::raw(format!("  {more}")),
        ])
    };
    let sessions = format!(
        "subscriptions {}  retained {}",
        n(o.subscriptions),
        n(o.retained_messages)
    );
    let queued = format!(
        "{}  in flight {}",
        human::bytes(o.queued_bytes),
        n(o.in_flight)
    );
    let mut dropped = fact("Dropped", n(o.dropped_in_all()), parts(&o.dropped));
    if model.history.dropped > 0.0 {
        let rate = format!("  +{}/s", human::rate(model.history.dropped));
        dropped
            .spans
            .insert(2, Span::styled(rate, look.of(Color::Red)));
    }
    let broker = vec![
        fact("Connections", n(o.connections), parts(&o.by_protocol)),
        fact("Sessions", n(o.sessions), sessions),
        fact("Queued", n(o.queued_messages), queued),
        dropped,
    ];
    frame.render_widget(Paragraph::new(broker), left);
    let process = vec![
        fact(
            "CPU",
            format!("{:.0} %", model.history.cpu),
            format!("{} shards", o.shards),
        ),
        fact("Memory", human::bytes(o.memory_bytes), String::new()),
        fact(
            "Files",
            n(o.open_files),
            format!("of {}", n(o.max_open_files)),
        ),
    ];
    frame.render_widget(Paragraph::new(process), right);
}

/// A column of the list: title, width, what it shows.
type Column = (&'static str, Constraint, fn(&Row, Timestamp) -> String);

fn columns(width: u16) -> Vec<Column> {
    let mut columns: Vec<Column> =
        vec![("CLIENT", Constraint::Fill(1), |l, _| l.row.client.clone())];
    if width >= 114 {
        columns.push(("USER", Constraint::Length(12), |l, _| l.row.user.clone()));
    }
    if width >= 100 {
        columns.push(("ADDRESS", Constraint::Length(21), |l, _| {
            l.row.address.clone()
        }));
    }
    if width >= 60 {
        columns.push(("PROTOCOL", Constraint::Length(8), |l, _| {
            l.row.protocol.clone()
        }));
    }
    columns.push(("IN/s", Constraint::Length(7), |l, _| {
        human::rate(l.rates.messages_in)
    }));
    columns.push(("OUT/s", Constraint::Length(7), |l, _| {
        human::rate(l.rates.messages_out)
    }));
    if width >= 60 {
        let bytes = |l: &Row, _| size(l.rates.bytes_in + l.rates.bytes_out);
        columns.push(("BYTES/s", Constraint::Length(8), bytes));
        columns.push(("UNSENT", Constraint::Length(8), |l, _| {
            human::bytes(l.row.outbox_bytes)
        }));
        columns.push(("FLIGHT", Constraint::Length(6), |l, _| {
            human::count(l.row.in_flight)
        }));
        columns.push(("SINCE", Constraint::Length(7), |l, now| {
            let at = l.row.connected_at.parse();
            at.map_or_else(|_| "-".into(), |at| human::age(at, now))
        }));
    }
    columns
}

fn is_text(title: &str) -> bool {
    matches!(title, "CLIENT" | "USER" | "ADDRESS" | "PROTOCOL")
}

fn draw_list(frame: &mut Frame<'_>, model: &Model, look: Look, now: Timestamp, area: Rect) {
    let columns = columns(area.width);
    let cell = |title: &str, text: String| {
        let alignment = if is_text(title) {
            Alignment::Left
        } else {
            Alignment::Right
        };
        Cell::from(Line::from(text).alignment(alignment))
    };
    let head = columns
        .iter()
        .map(|(title, ..)| cell(title, (*title).into()));
    let head = ratatui::widgets::Row::new(head).style(BOLD.add_modifier(Modifier::REVERSED));
    let rows = model.lines.iter().map(|line| {
        let cells = columns
            .iter()
            .map(|(title, _, of)| cell(title, of(line, now)));
        let style = if line.row.held_back {
            look.of(Color::Yellow)
        } else {
            Style::new()
        };
        ratatui::widgets::Row::new(cells).style(style)
    });
    let widths: Vec<_> = columns.iter().map(|(_, width, _)| *width).collect();
    let table = Table::new(rows, widths)
        .header(head)
        .column_spacing(1)
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut state = TableState::default().with_selected(model.selected());
    frame.render_stateful_widget(table, area, &mut state);
}

fn draw_foot(frame: &mut Frame<'_>, model: &Model, look: Look, area: Rect) {
    let line = match (&model.mode, &model.trouble, &model.notice) {
        (Mode::Filter(text), ..) => Line::from(vec![
            Span::styled("client id holds: ", BOLD),
            Span::raw(Printable(text).to_string()),
            Span::raw("_"),
        ]),
        (Mode::Confirm(client), ..) => {
            let client = Printable(client).to_string();
            let room = usize::from(area.width).saturating_sub(25);
            let question = format!("disconnect {}? (y/n)", fit(&client, room.max(8)));
            Line::styled(question, look.of(Color::Red).add_modifier(Modifier::BOLD))
        }
        (_, Some(why), _) => Line::styled(why.clone(), look.of(Color::Red)),
        (_, None, Some(notice)) => Line::styled(notice.clone(), BOLD),
        _ => Line::from(foot(model)),
    };
    frame.render_widget(line, area);
}

fn foot(model: &Model) -> String {
    let shown = model.lines.len() as u64;
    let of = match model.sample.total {
        total if total > shown => format!("{} of {}", human::count(shown), human::count(total)),
        _ => human::count(shown),
    };
    let filter = match model.filter.as_str() {
        "" => String::new(),
        filter => format!(" with {:?}", Printable(filter).to_string()),
    };
    let turned = if model.reversed { " (turned)" } else { "" };
    let order = model.order.name();
    format!(
        "{of}{filter} by {order}{turned}   s order  / filter  k disconnect  p pause  ? help  q quit"
    )
}

fn draw_help(frame: &mut Frame<'_>, area: Rect) {
    let lines: Vec<_> = HELP
        .iter()
        .map(|(key, what)| {
            Line::from(vec![
                Span::styled(format!(" {key:<9}"), BOLD),
                Span::raw(*what),
            ])
        })
        .chain([
            Line::raw(""),
            Line::raw(" Yellow: the client waits, because the broker has more than it may hold."),
            Line::raw(" CPU is in percent of one core. Any key closes this."),
        ])
        .collect();
    let width = lines.iter().map(Line::width).max().unwrap_or(0) as u16 + 3;
    let height = lines.len() as u16 + 2;
    let [window] = Layout::horizontal([Constraint::Max(width)])
        .flex(ratatui::layout::Flex::Center)
        .areas(area);
    let [window] = Layout::vertical([Constraint::Max(height)])
        .flex(ratatui::layout::Flex::Center)
        .areas(window);
    let block = Block::new().borders(Borders::ALL).title(" Keys ");
    frame.render_widget(Clear, window);
    let help = Paragraph::new(lines)
        .block(block)
        .wrap(Wrap { trim: false });
    frame.render_widget(help, window);
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
