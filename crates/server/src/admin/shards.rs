//! Asking the shards: a letter there, an answer back, within a time.
//!
//! Owns nothing but the way to them. A shard is never waited for longer than [`ANSWER_WITHIN`], and
//! each question is a bounded look.

use super::problem::Problem;
use crate::inbox::Letter;
use crate::reply::Reply;
use crate::wiring::Wiring;
use broker::inspect::{Answer, Counts, Question};
use broker::operator::{Command, Done};
use message::ShardId;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long a shard may take to answer. It answers between turns, so much less is usual.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// See the module.
pub(super) struct Shards {
    wiring: Arc<Wiring>,
}

impl Shards {
    pub(super) fn new(wiring: Arc<Wiring>) -> Self {
        Shards { wiring }
    }

    pub(super) fn count(&self) -> ShardId {
        ShardId::try_from(self.wiring.shards.len()).unwrap_or(ShardId::MAX)
    }

    pub(super) async fn ask(&self, shard: ShardId, question: Question) -> Result<Answer, Problem> {
        let (reply, answer) = reply();
        self.push(shard, Letter::Inspect(question, reply))?;
        within(shard, answer).await
    }

    /// Has a command done; it is durable when this returns.
    pub(super) async fn command(&self, shard: ShardId, command: Command) -> Result<Done, Problem> {
        let (reply, answer) = reply();
        self.push(shard, Letter::Command(command, Some(reply)))?;
        within(shard, answer).await
    }

    /// Has commands done in this order, and asks for no answer.
    pub(super) fn tell(&self, shard: ShardId, commands: impl IntoIterator<Item = Command>) {
        if let Some(inbox) = self.wiring.shards.get(usize::from(shard)) {
            let letters = commands.into_iter();
            let mut letters = letters.map(|c| Letter::Command(c, None)).collect();
            inbox.push_all(&mut letters);
        }
    }

    /// The counts of each shard, all asked at the same time.
    pub(super) async fn each_counts(&self) -> Vec<Result<Counts, Problem>> {
        let asked: Vec<_> = (0..self.count())
            .map(|shard| {
                let (reply, answer) = reply();
                let sent = self.push(shard, Letter::Inspect(Question::Counts, reply));
                (shard, sent, answer)
            })
            .collect();
        let mut all = Vec::with_capacity(asked.len());
        for (shard, sent, answer) in asked {
            let answer = match sent {
                Ok(()) => within(shard, answer).await,
                Err(problem) => Err(problem),
            };
            all.push(answer.and_then(|answer| match answer {
                Answer::Counts(counts) => Ok(*counts),
                _ => Err(mismatched()),
            }));
        }
        all
    }

    /// The counts of all shards, added up.
    pub(super) async fn counts(&self) -> Result<Counts, Problem> {
        let mut sum = Counts::default();
        for counts in self.each_counts().await {
            sum.add(&counts?);
        }
        Ok(sum)
    }

    fn push(&self, shard: ShardId, letter: Letter) -> Result<(), Problem> {
        let inbox = self.wiring.shards.get(usize::from(shard));
        let inbox = inbox.ok_or_else(|| Problem::internal(format!("there is no shard {shard}")))?;
        inbox.push(letter);
        Ok(())
    }
}

/// An answer to another question than was asked: a fault of the broker's own.
pub(super) fn mismatched() -> Problem {
    Problem::internal("a shard has answered something else than it was asked")
}

fn reply<T: Send + 'static>() -> (Reply<T>, oneshot::Receiver<T>) {
    let (sender, receiver) = oneshot::channel();
    let reply = Reply::new(move |answer| {
        // Whoever asked may have given up.
        let _ = sender.send(answer);
    });
    (reply, receiver)
}

async fn within<T>(shard: ShardId, answer: oneshot::Receiver<T>) -> Result<T, Problem> {
    match timeout(ANSWER_WITHIN, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(Problem::unavailable(format!("shard {shard} has stopped"))),
        Err(_) => Err(Problem::unavailable(format!(
            "shard {shard} has not answered within {} s: try again",
            ANSWER_WITHIN.as_secs()
        ))),
    }
}
