//! Directives of operators: commands with what must come of them, and counts.

use super::words;
use crate::world::World;
use broker::operator::{Command, Done, OperatorMessage};
use message::{Props, QoS};

/// Does what a directive says; `None` where it is none of these.
pub(super) fn direct(world: &World, words: &[&str]) -> Option<Result<(), String>> {
    match words {
        ["count", levels @ ..] => Some(levels.iter().try_for_each(|level| count(world, level))),
        [name, what @ .., "=>", wanted] => {
            let command = command(name, what)?;
            Some(command.and_then(|command| operate(world, command, wanted)))
        }
        _ => None,
    }
}

fn command(name: &str, what: &[&str]) -> Option<Result<Command, String>> {
    Some(match (name, what) {
        ("kick", [client]) => text(client).map(|client_id| Command::Kick { client_id }),
        ("delete_session", [client]) => {
            text(client).map(|client_id| Command::DeleteSession { client_id })
        }
        ("delete_retained", [topic]) => text(topic).map(|topic| Command::DeleteRetained { topic }),
        ("publish", [topic, fields @ ..]) => {
            publish(topic, fields).map(|message| Command::Publish(Box::new(message)))
        }
        _ => return None,
    })
}

fn text(word: &str) -> Result<Box<str>, String> {
    let text = String::from_utf8(words::value(word)?).map_err(|e| e.to_string())?;
    Ok(text.into())
}

fn publish(topic: &str, fields: &[&str]) -> Result<OperatorMessage, String> {
    let mut message = OperatorMessage {
        topic: text(topic)?,
        ..OperatorMessage::default()
    };
    let mut props = Props::default();
    for field in fields {
        let (name, value) = field
            .split_once('=')
            .ok_or("@publish TOPIC NAME=VALUE...")?;
        match name {
            "payload" => message.payload = words::value(value)?.into(),
            "qos" => message.qos = quality(value)?,
            "retain" => message.retain = value == "1",
            "transient" => message.transient = value == "1",
            "expiry" => message.expiry_s = Some(words::number(value)?),
            "format" => props.payload_is_utf8 = Some(value == "1"),
            "content_type" => props.content_type = Some(text(value)?),
            "response_topic" => props.reply_to = Some(text(value)?),
            "correlation" => props.correlation = Some(words::value(value)?.into()),
            "user" => {
                let (name, value) = value.split_once(':').ok_or("user=NAME:VALUE")?;
                props.user.push((text(name)?, text(value)?));
            }
            _ => return Err(format!("an operator's message has no {name}")),
        }
    }
    message.props = (!props.is_empty()).then(|| Box::new(props));
    Ok(message)
}

fn quality(word: &str) -> Result<QoS, String> {
    match word {
        "0" => Ok(QoS::AtMostOnce),
        "1" => Ok(QoS::AtLeastOnce),
        "2" => Ok(QoS::ExactlyOnce),
        _ => Err(format!("{word:?} is no QoS")),
    }
}

fn operate(world: &World, command: Command, wanted: &str) -> Result<(), String> {
    world.command(command);
    world.settle();
    let (came, why) = match world.done().ok_or("the command was not done")? {
        Done::Yes => ("yes", None),
        Done::NotFound => ("not_found", None),
        Done::Refused(why) => ("refused", Some(why)),
        Done::Published { receivers: true } => ("receivers", None),
        Done::Published { receivers: false } => ("none", None),
    };
    if came == wanted {
        return Ok(());
    }
    let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
    Err(format!(
        "the operator was to be told {wanted}, and was told {came}{why}"
    ))
}

/// `NAME=N`: what there is of something in the whole node.
fn count(world: &World, level: &str) -> Result<(), String> {
    let (name, wanted) = level.split_once('=').ok_or("@count NAME=N")?;
    let counts = world.counts();
    let there = match name {
        "connections" => counts.connected(),
        "sessions" => counts.sessions,
        "subscriptions" => counts.subscriptions,
        "shared_subscriptions" => counts.shared_subscriptions,
        "queued" => counts.queued_messages,
        "in_flight" => counts.in_flight,
        "kicked" => counts.stats.kicked,
        "retained" => world.retained_topics().len() as u64,
        // What the log keeps: rows and messages.
        "records" => world.records() as u64,
        _ => return Err(format!("{name} is not counted")),
    };
    if there == u64::from(words::number(wanted)?) {
        Ok(())
    } else {
        Err(format!("{level} expected, there are {there}"))
    }
}
