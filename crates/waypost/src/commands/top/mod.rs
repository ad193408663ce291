//! `waypost top`: a broker as it runs, on a screen.
//!
//! Owns the terminal while it runs. The model knows what to show and what keys mean, the poller asks
//! the broker, `render` draws; here they meet.

#[cfg(test)]
mod fixture;
mod model;
mod poller;
mod rates;
mod render;
mod sample;
mod screen;

use crate::api::ApiOptions;
use crate::failure::Failure;
use crate::output;
use clap::Args;
use jiff::Timestamp;
use model::{Action, Model};
use poller::{Update, Wish};
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use render::Look;
use screen::{Screen, failed};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

/// How long a key may wait while an answer is looked for, and the other way round.
const TICK: Duration = Duration::from_millis(100);
/// Wishes that may wait for the poller, and answers for the screen.
const MAX_WAITING: usize = 8;

/// Watch the broker: rates, connections, queues, drops.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost top
  waypost top --interval 5 --api https://broker.example:18443

Keys: s order, r reverse, / filter by client id, up and down select, k disconnect the selected client
(asks first), p pause, h help, q quit

Exit codes: 0 done, 1 failed, 64 wrong usage")]
pub(crate) struct Options {
    /// Seconds between two looks, from 0.1
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = parse_interval)]
    interval: f64,
    #[command(flatten)]
    api: ApiOptions,
}

fn parse_interval(word: &str) -> Result<f64, String> {
    match word.parse::<f64>() {
        Ok(seconds) if (0.1..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("it is a number of seconds from 0.1 to 3600".into()),
    }
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    if output::width().is_none() || !output::is_terminal() {
        return Err(Failure::usage(
            "top needs a terminal; for programs there is `waypost status --json`",
        ));
    }
    let api = options.api.open()?;
    let own = api.with_token()?;
    let api = own.as_ref().unwrap_or(&api);
    let interval = Duration::from_secs_f64(options.interval);
    // What cannot work at all is said without a screen.
    let first = poller::look(api, "")?;
    let mut model = Model::new(api.url(), interval, first);
    let (wishes, taken) = sync_channel(MAX_WAITING);
    let (told, updates) = sync_channel(MAX_WAITING);
    let asking = api.clone();
    let poll = move || poller::run(&asking, interval, &taken, &told);
    let thread = std::thread::Builder::new().name("poller".into());
    thread.spawn(poll).map_err(Failure::failed)?;
    let ended = watch(&mut model, &wishes, &updates);
    if let Some(own) = own {
        // It expires anyway.
        let _ = own.log_out();
    }
    ended
}

fn watch(
    model: &mut Model,
    wishes: &SyncSender<Wish>,
    updates: &Receiver<Update>,
) -> Result<(), Failure> {
    let mut screen = Screen::take()?;
    let look = Look {
        colour: std::env::var_os("NO_COLOR").is_none(),
    };
    let mut changed = true;
    while !screen.has_ended() {
        loop {
            match updates.try_recv() {
                Ok(Update::Sample(sample)) => model.on_sample(*sample),
                Ok(Update::Trouble(why)) => model.trouble = Some(why),
                Ok(Update::Notice(how)) => model.notice = Some(how),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    return Err(Failure::failed("what asks the broker has failed"));
                }
            }
            changed = true;
        }
        if std::mem::take(&mut changed) {
            let now = Timestamp::now();
            let draw = |frame: &mut ratatui::Frame<'_>| render::draw(frame, model, look, now);
            screen.terminal.draw(draw).map_err(|e| failed(&e))?;
        }
        if !event::poll(TICK).map_err(|e| failed(&e))? {
            continue;
        }
        changed = true;
        let Event::Key(key) = event::read().map_err(|e| failed(&e))? else {
            continue;
        };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        let wish = match model.on_key(key) {
            Some(Action::Quit) => break,
            Some(Action::Kick(client)) => Wish::Kick(client),
            Some(Action::Filter(text)) => Wish::Filter(text),
            None => continue,
        };
        if wishes.try_send(wish).is_err() {
            model.notice = Some("the broker has not answered yet; try again".into());
        }
    }
    Ok(())
}
