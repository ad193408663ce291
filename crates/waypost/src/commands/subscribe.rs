//! `waypost sub`: receive messages and print them.
//!
//! Owns what is still to be waited for. Output is written before what was printed is acknowledged.

use super::connection::{Connection, Opened, ended, qos};
use super::json::{self, Payload};
use super::pattern_format::Format;
use crate::client::{
    Event, Message, PropertyPlace, Publication, Subscription, Version, Wake, reason_name,
};
use crate::failure::{Failure, TIMED_OUT};
use crate::output::Output;
use clap::Args;
use jiff::Zoned;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// QoS 1 messages that --remove-retained has under way at once.
const MAX_INFLIGHT: u16 = 100;

/// Subscribe to topics and print what arrives.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
#[command(after_help = "Examples:
  waypost sub -t 'sensors/#' -v                        topic and payload
  waypost sub -t sensors/1 -C 1 -W 10                  one message, or exit code 27 after 10 s
  waypost sub -t 'a/#' -F '%I %t %q %p'                time, topic, QoS and payload
  waypost sub -t 'a/#' -q 1 -c -i me                   with a session that is kept
  waypost sub -L ws://127.0.0.1:8083/mqtt -t '#' --json
  waypost sub -L mqtts://broker.example -t '#' --cert me.pem --key me.key
  waypost sub -t 'a/#' --remove-retained --retained-only -W 2

Formats (-F): %t topic, %p payload, %x %X payload in hexadecimal, %l its length, %q QoS, %r retained,
%m message id, %j JSON, %J JSON with the payload as JSON, %I local time, %U Unix time, %A topic alias,
%C content type, %D correlation data, %E message expiry, %F payload format, %P user properties,
%R response topic, %S subscription ids, %% a percent sign; %10t %-10t %010l %.10t widths as in printf;
@Y @m @d ... as in strftime, @N nanoseconds, @@; \\\\ \\0 \\a \\e \\n \\r \\t \\v

Exit codes: 0 done, 1 failed, 27 timed out (-W), 64 wrong usage")]
pub(crate) struct Options {
    #[command(flatten)]
    connection: Connection,
    /// Topic filter to subscribe to; may be repeated
    #[arg(short, long)]
    topic: Vec<String>,
    /// Topic filter to unsubscribe from, in a session that was kept; may be repeated
    #[arg(short = 'U', long)]
    unsubscribe: Vec<String>,
    /// Do not print topics that match this filter; may be repeated
    #[arg(short = 'T', long)]
    filter_out: Vec<String>,
    /// Highest quality of service to be served with: 0, 1 or 2
    #[arg(short, long, default_value_t = 0, value_parser = qos())]
    qos: u8,
    /// Exit after this many messages
    #[arg(short = 'C', value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Exit with code 27 after this many seconds
    #[arg(short = 'W', value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    timeout: Option<u32>,
    /// Exit when the subscriptions are acknowledged
    #[arg(short = 'E')]
    exit_when_subscribed: bool,
    /// Print the topic before the payload
    #[arg(short, long)]
    verbose: bool,
    /// Print in this format
    #[arg(short = 'F', value_name = "FORMAT", allow_hyphen_values = true)]
    format: Option<String>,
    /// Print a line of JSON for each message
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Spread JSON over lines
    #[arg(long)]
    pretty: bool,
    /// Print no end of line after a message
    #[arg(short = 'N')]
    no_newline: bool,
    /// Do not print retained messages
    #[arg(short = 'R', conflicts_with = "retained_only")]
    no_retained: bool,
    /// Print only retained messages; exit at the first that is not
    #[arg(long)]
    retained_only: bool,
    /// Clear every retained message that arrives and is not filtered out
    #[arg(long)]
    remove_retained: bool,
    /// Keep the retain flag as published (MQTT 5)
    #[arg(long)]
    retain_as_published: bool,
    /// Do not receive what this client publishes (MQTT 5)
    #[arg(long)]
    no_local: bool,
    /// Send retained messages: always, only for a new subscription (new) or never (MQTT 5)
    #[arg(long, default_value = "always", value_parser = ["always", "new", "never"])]
    retain_handling: String,
}

/// How a message is printed.
enum Style {
    Payload,
    Verbose,
    Json { pretty: bool },
    Format(Format),
}

struct Run<'a> {
    options: &'a Options,
    opened: Opened,
    out: Output,
    style: Style,
    left: Option<u64>,
    /// SUBACK and UNSUBACK that are still to come.
    answers: u32,
    /// Of the filters of SUBSCRIBE, how many were granted.
    granted: usize,
    buffer: Vec<u8>,
}

pub(crate) fn run(mut options: Options) -> Result<(), Failure> {
    options.connection.check()?;
    options.topic.extend(options.connection.url_topic()?);
    let style = check(&options)?;
    let quiet = options.connection.quiet;
    receive(&options, style).map_err(|failure| {
        if quiet {
            Failure::silent(failure.code)
        } else {
            failure
        }
    })
}

fn check(options: &Options) -> Result<Style, Failure> {
    if options.topic.is_empty() && options.unsubscribe.is_empty() {
        return Err(Failure::usage("a topic is needed: --topic"));
    }
    let filters = [&options.topic, &options.unsubscribe, &options.filter_out];
    for filter in filters.into_iter().flatten() {
        let checked = message::SharedFilter::parse(filter).and_then(|shared| {
            message::pattern::check_mqtt(shared.map_or(filter, |s| s.filter), 65_535)
        });
        checked.map_err(|e| Failure::usage(format!("{filter:?}: {e}")))?;
    }
    let v5 = options.connection.version() == Version::V5;
    if !v5
        && (options.retain_as_published || options.no_local || options.retain_handling != "always")
    {
        let what = "--retain-as-published, --no-local and --retain-handling need MQTT 5: -V 5";
        return Err(Failure::usage(what));
    }
    Ok(match &options.format {
        Some(format) => Style::Format(
            Format::parse(format, options.pretty)
                .map_err(|e| Failure::usage(format!("-F: {e}")))?,
        ),
        None if options.json => Style::Json {
            pretty: options.pretty,
        },
        None if options.verbose => Style::Verbose,
        None => Style::Payload,
    })
}

fn receive(options: &Options, style: Style) -> Result<(), Failure> {
    let opened = options.connection.open(MAX_INFLIGHT)?;
    let mut run = Run {
        options,
        opened,
        out: Output::new(options.connection.quiet),
        style,
        left: options.count,
        answers: 0,
        granted: 0,
        buffer: Vec::new(),
    };
    run.subscribe()?;
    let until = options
        .timeout
        .map(|s| Instant::now() + Duration::from_secs(s.into()));
    let mut timed_out = false;
    let mut leaving = false;
    while !(leaving && run.opened.driver.session.unfinished() == 0) {
        match run.opened.driver.wait(false, until)? {
            Wake::Event(Event::Message(message)) if !leaving => {
                leaving = run.on_message(&message)?.is_break();
            }
            Wake::Event(event) => leaving |= run.on_event(event)?.is_break(),
            Wake::Idle => run.out.flush()?,
            Wake::Input => {}
            Wake::Time => {
                timed_out = true;
                break;
            }
            Wake::Signal => break,
        }
    }
    run.out.flush()?;
    let goodbye = options.connection.properties(PropertyPlace::Disconnect);
    run.opened.driver.session.disconnect(&goodbye)?;
    run.opened.driver.close()?;
    if timed_out {
        return Err(Failure {
            code: TIMED_OUT,
            text: "timed out".into(),
        });
    }
    Ok(())
}

impl Run<'_> {
    fn subscribe(&mut self) -> Result<(), Failure> {
        let options = self.options;
        let connection = &options.connection;
        if !options.topic.is_empty() {
            self.opened.driver.session.subscribe(&Subscription {
                filters: options.topic.clone(),
                qos: options.qos,
                no_local: options.no_local,
                retain_as_published: options.retain_as_published,
                retain_handling: match options.retain_handling.as_str() {
                    "new" => 1,
                    "never" => 2,
                    _ => 0,
                },
                props: connection.properties(PropertyPlace::Subscribe),
            })?;
            self.answers += 1;
            connection.debug(|| {
                format!(
                    "subscribing to {:?} with QoS {}",
                    options.topic, options.qos
                )
            });
        }
        if !options.unsubscribe.is_empty() {
            let props = connection.properties(PropertyPlace::Unsubscribe);
            self.opened
                .driver
                .session
                .unsubscribe(&options.unsubscribe, &props)?;
            self.answers += 1;
            connection.debug(|| format!("unsubscribing from {:?}", options.unsubscribe));
        }
        Ok(())
    }

    fn on_event(&mut self, event: Event) -> Result<ControlFlow<()>, Failure> {
        let version = self.opened.version;
        match event {
            Event::Subscribed { codes, text } => self.on_subscribed(&codes, text.as_deref()),
            Event::Unsubscribed { codes } => {
                self.options
                    .connection
                    .debug(|| format!("unsubscribed: {codes:?}"));
                Ok(self.answered())
            }
            Event::Published { code, text, .. } if code >= 0x80 => {
                let what = "the server refused to clear a retained message";
                self.out.complain(&ended(what, version, code, text, None));
                Ok(ControlFlow::Continue(()))
            }
            Event::Disconnected {
                code,
                text,
                reference,
            } => {
                self.out.flush()?;
                let what = ended(
                    "the server ended the connection",
                    version,
                    code,
                    text,
                    reference,
                );
                Err(Failure::failed(what))
            }
            _ => Ok(ControlFlow::Continue(())),
        }
    }

    fn on_subscribed(
        &mut self,
        codes: &[u8],
        text: Option<&str>,
    ) -> Result<ControlFlow<()>, Failure> {
        let version = self.opened.version;
        self.granted = codes.iter().filter(|code| **code < 0x80).count();
        for (filter, code) in self.options.topic.iter().zip(codes) {
            if *code < 0x80 {
                self.options
                    .connection
                    .debug(|| format!("subscribed to {filter:?}: granted QoS {code}"));
                continue;
            }
            let mut what = format!(
                "the server refused to subscribe to {filter:?}: {}",
                reason_name(version, *code)
            );
            if let Some(text) = text {
                what.push_str(&format!(": {}", text.escape_debug()));
            }
            self.out.complain(&what);
        }
        if self.granted == 0 {
            return Err(Failure::failed("all subscription requests were denied"));
        }
        Ok(self.answered())
    }

    fn answered(&mut self) -> ControlFlow<()> {
        self.answers = self.answers.saturating_sub(1);
        match self.options.exit_when_subscribed && self.answers == 0 {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn on_message(&mut self, message: &Message) -> Result<ControlFlow<()>, Failure> {
        let options = self.options;
        options.connection.debug(|| {
            format!(
                "received {:?} ({} bytes, QoS {}, retain {}, dup {}, id {})",
                message.topic,
                message.payload.len(),
                message.qos,
                u8::from(message.retain),
                u8::from(message.dup),
                message.packet_id
            )
        });
        if options.exit_when_subscribed {
            return Ok(ControlFlow::Continue(()));
        }
        if options
            .filter_out
            .iter()
            .any(|f| message::pattern::matches(f, &message.topic))
        {
            return Ok(ControlFlow::Continue(()));
        }
        if options.retained_only && !message.retain {
            return Ok(ControlFlow::Break(()));
        }
        if options.remove_retained && message.retain && !message.payload.is_empty() {
            self.opened.driver.session.publish(Publication {
                topic: message.topic.clone(),
                qos: 1,
                retain: true,
                ..Publication::default()
            })?;
        }
        if options.no_retained && message.retain {
            return Ok(ControlFlow::Continue(()));
        }
        self.print(message)?;
        match &mut self.left {
            Some(left) => {
                *left -= 1;
                Ok(if *left == 0 {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                })
            }
            None => Ok(ControlFlow::Continue(())),
        }
    }

    fn print(&mut self, message: &Message) -> Result<(), Failure> {
        self.buffer.clear();
        let mut complaint = None;
        match &self.style {
            Style::Payload => self.buffer.extend_from_slice(&message.payload),
            Style::Verbose => {
                self.buffer.extend_from_slice(message.topic.as_bytes());
                self.buffer.push(b' ');
                let payload: &[u8] = if message.payload.is_empty() {
                    b"(null)"
                } else {
                    &message.payload
                };
                self.buffer.extend_from_slice(payload);
            }
            Style::Json { pretty } => {
                let value =
                    json::message(message, &Zoned::now(), Payload::Quoted).unwrap_or_default();
                let text = if *pretty {
                    format!("{value:#}")
                } else {
                    value.to_string()
                };
                self.buffer.extend_from_slice(text.as_bytes());
            }
            Style::Format(format) => {
                complaint = format.fill(message, &Zoned::now(), &mut self.buffer).err();
            }
        }
        if let Some(complaint) = complaint {
            self.out.flush()?;
            self.out.complain(&complaint);
        }
        // mosquitto_sub prints nothing at all for an empty payload alone.
        let nothing = matches!(self.style, Style::Payload) && message.payload.is_empty();
        if !self.options.no_newline && !nothing {
            self.buffer.push(b'\n');
        }
        self.out.write(&self.buffer)
    }
}
