//! `waypost pub`: send messages.
//!
//! Owns what is still to be sent. Done when every message is acknowledged as its QoS promises.

use super::connection::{Connection, Opened, ended, qos};
use super::payload_source::{Lines, read_file, read_input};
use crate::client::{Event, Property, PropertyPlace, Publication, Version, Wake, reason_name};
use crate::failure::Failure;
use crate::output::Output;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Messages of standard input that wait before more are read.
const WAITING_AT_MOST: usize = 1_000;
/// Bytes that wait for the socket before more are read.
const UNSENT_AT_MOST: usize = 1 << 20;

/// Publish messages.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
#[command(after_help = "Examples:
  waypost pub -t sensors/1 -m 21.5
  waypost pub -t sensors/1 -m 21.5 -q 1 -r            acknowledged, and kept for later subscribers
  tail -f log | waypost pub -t log -l -q 1            a message for each line
  waypost pub -L ws://127.0.0.1:8083/mqtt -t a -m b   over WebSocket
  waypost pub -L mqtts://broker.example -t a -m b     over TLS; -L wss://, -L unix:/PATH
  waypost pub -p 8883 --cafile ca.pem -t a -m b       trusting an authority of your own
  waypost pub -V 5 -t a -m '{}' -D publish content-type application/json

Exit codes: 0 sent (QoS 1 and 2: acknowledged), 1 failed, 64 wrong usage")]
pub(crate) struct Options {
    #[command(flatten)]
    connection: Connection,
    /// Topic to publish to
    #[arg(short, long)]
    topic: Option<String>,
    /// The payload
    #[arg(short, long, allow_hyphen_values = true, group = "payload")]
    message: Option<String>,
    /// The payload is the content of this file
    #[arg(short, long, group = "payload")]
    file: Option<PathBuf>,
    /// Each line of standard input is a message
    #[arg(short = 'l', long, group = "payload")]
    stdin_line: bool,
    /// The whole of standard input is one message
    #[arg(short = 's', long, group = "payload")]
    stdin_file: bool,
    /// An empty payload; with --retain it clears what is retained
    #[arg(short, long, group = "payload")]
    null_message: bool,
    /// Quality of service: 0, 1 or 2
    #[arg(short, long, default_value_t = 0, value_parser = qos())]
    qos: u8,
    /// Keep the message at the server for later subscribers
    #[arg(short, long)]
    retain: bool,
    /// Send the message this often
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    repeat: u64,
    /// Seconds between repeated messages
    #[arg(long, default_value_t = 0.0)]
    repeat_delay: f64,
    /// QoS 1 and 2 messages under way at once
    #[arg(short = 'M', long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    max_inflight: u16,
    /// Print a line of JSON for each message that is done
    #[arg(long)]
    json: bool,
}

/// What is still to be sent.
enum Source {
    Same {
        payload: Vec<u8>,
        left: u64,
        next: Instant,
        delay: Duration,
    },
    Lines(Lines),
}

struct Run<'a> {
    options: &'a Options,
    opened: Opened,
    out: Output,
    topic: String,
    props: Vec<Property>,
    source: Source,
    refused: bool,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    options.connection.check()?;
    let topic = options.topic.clone().or(options.connection.url_topic()?);
    let Some(topic) = topic else {
        return Err(Failure::usage("a topic is needed: --topic"));
    };
    message::topic::check(&topic, 65_535).map_err(|e| Failure::usage(format!("{topic:?}: {e}")))?;
    let delay = Duration::try_from_secs_f64(options.repeat_delay)
        .map_err(|_| Failure::usage("--repeat-delay takes seconds"))?;
    let source = source(options, delay)?;
    let quiet = options.connection.quiet;
    let result = send(options, topic, source);
    result.map_err(|failure| {
        if quiet {
            Failure::silent(failure.code)
        } else {
            failure
        }
    })
}

fn source(options: &Options, delay: Duration) -> Result<Source, Failure> {
    let payload = if let Some(text) = &options.message {
        text.clone().into_bytes()
    } else if let Some(path) = &options.file {
        read_file(path)?
    } else if options.stdin_file {
        read_input()?
    } else if options.null_message {
        Vec::new()
    } else if options.stdin_line {
        return Ok(Source::Lines(Lines::default()));
    } else {
        let what =
            "a message is needed: --message, --file, --null-message, --stdin-line or --stdin-file";
        return Err(Failure::usage(what));
    };
    Ok(Source::Same {
        payload,
        left: options.repeat,
        next: Instant::now(),
        delay,
    })
}

fn send(options: &Options, topic: String, source: Source) -> Result<(), Failure> {
    let mut run = Run {
        options,
        opened: options.connection.open(options.max_inflight)?,
        out: Output::new(options.connection.quiet),
        topic,
        props: options.connection.properties(PropertyPlace::Publish),
        source,
        refused: false,
    };
    let mut interrupted = false;
    while !run.is_done() {
        run.publish_due()?;
        let input = run.wants_input();
        let until = run.next_time();
        match run.opened.driver.wait(input, until)? {
            Wake::Event(event) => run.on_event(event)?,
            Wake::Idle => run.out.flush()?,
            Wake::Input => run.read_lines()?,
            Wake::Time => {}
            Wake::Signal => {
                interrupted = true;
                break;
            }
        }
    }
    run.out.flush()?;
    let goodbye = options.connection.properties(PropertyPlace::Disconnect);
    run.opened.driver.session.disconnect(&goodbye)?;
    run.opened.driver.close()?;
    if interrupted {
        return Err(Failure::failed("interrupted before everything was sent"));
    }
    if run.refused {
        Err(Failure::silent(crate::failure::FAILED))
    } else {
        Ok(())
    }
}

impl Run<'_> {
    fn is_done(&self) -> bool {
        let all = match &self.source {
            Source::Same { left, .. } => *left == 0,
            Source::Lines(lines) => lines.ended(),
        };
        let driver = &self.opened.driver;
        all && driver.session.unfinished() == 0 && !driver.session.has_event()
    }

    fn has_room(&self) -> bool {
        let driver = &self.opened.driver;
        driver.session.unfinished() < WAITING_AT_MOST && driver.unsent() < UNSENT_AT_MOST
    }

    fn wants_input(&self) -> bool {
        matches!(&self.source, Source::Lines(lines) if !lines.ended()) && self.has_room()
    }

    fn next_time(&self) -> Option<Instant> {
        match &self.source {
            Source::Same {
                left: 1.., next, ..
            } if self.has_room() => Some(*next),
            _ => None,
        }
    }

    fn publish_due(&mut self) -> Result<(), Failure> {
        let room = self.has_room();
        let payload = match &mut self.source {
            Source::Same {
                payload,
                left,
                next,
                delay,
            } if *left > 0 && room && *next <= Instant::now() => {
                *left -= 1;
                *next += *delay;
                payload.clone()
            }
            _ => return Ok(()),
        };
        self.publish(payload)
    }

    fn read_lines(&mut self) -> Result<(), Failure> {
        let Source::Lines(lines) = &mut self.source else {
            return Ok(());
        };
        for line in lines.read()? {
            self.publish(line)?;
        }
        Ok(())
    }

    fn publish(&mut self, payload: Vec<u8>) -> Result<(), Failure> {
        let size = payload.len();
        let number = self.opened.driver.session.publish(Publication {
            topic: self.topic.clone(),
            payload,
            qos: self.options.qos,
            retain: self.options.retain,
            props: self.props.clone(),
        })?;
        let topic = &self.topic;
        self.options
            .connection
            .debug(|| format!("publishing message {number} of {size} bytes to {topic:?}"));
        Ok(())
    }

    fn on_event(&mut self, event: Event) -> Result<(), Failure> {
        let version = self.opened.version;
        match event {
            Event::Published { number, code, text } => self.on_published(number, code, text),
            Event::Disconnected {
                code,
                text,
                reference,
            } => {
                let what = ended(
                    "the server ended the connection",
                    version,
                    code,
                    text,
                    reference,
                );
                Err(Failure::failed(what))
            }
            // Messages for subscriptions that a kept session has are not this command's.
            _ => Ok(()),
        }
    }

    fn on_published(&mut self, number: u64, code: u8, text: Option<String>) -> Result<(), Failure> {
        let version = self.opened.version;
        let reason = || {
            if version == Version::V5 {
                reason_name(version, code)
            } else {
                "success (0)".into()
            }
        };
        self.options
            .connection
            .debug(|| format!("message {number} is done: {}", reason()));
        if self.options.json {
            let line = json!({
                "number": number,
                "topic": self.topic,
                "qos": self.options.qos,
                "reason_code": code,
                "reason": reason(),
                "reason_string": text,
            });
            self.out.line(&line.to_string())?;
        }
        if code >= 0x80 {
            self.refused = true;
            self.out.complain(&ended(
                "the server refused the message",
                version,
                code,
                text,
                None,
            ));
        }
        Ok(())
    }
}
