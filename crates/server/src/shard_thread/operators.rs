//! What operators ask of a shard, between turns.
//!
//! Questions are answered at once, from the shard as it is. A command is answered when all that it has
//! recorded is durable, as an acknowledgement is: what an operator was told survives a crash.

use super::ShardThread;
use crate::reply::Reply;
use broker::inspect::{Answer, Question};
use broker::operator::{Command, Done};

/// Commands that are done and wait for the log. As many as operators wait for: the admin side has a
/// bound on its requests, and the broker's own messages ask for no answer.
#[derive(Default)]
pub(super) struct Unsettled {
    answers: Vec<Unanswered>,
}

/// Waits for the store operations above `since`, up to `upto`.
struct Unanswered {
    since: u64,
    upto: u64,
    reply: Reply<Done>,
    done: Done,
}

impl Unsettled {
    /// Sends each answer whose operations are durable.
    pub(super) fn settle(&mut self, is_durable: impl Fn(u64, u64) -> bool) {
        let settled = |answer: &mut Unanswered| is_durable(answer.since, answer.upto);
        for answer in self.answers.extract_if(.., settled) {
            answer.reply.send(answer.done);
        }
    }
}

impl ShardThread {
    pub(super) fn inspect(&self, question: &Question, reply: Reply<Answer>) {
        reply.send(self.shard.inspect(question, self.now));
    }

    pub(super) fn command(&mut self, command: Command, reply: Option<Reply<Done>>) {
        let since = self.shard.emitted();
        let done = self.shard.command(command, self.now);
        let Some(reply) = reply else { return };
        let upto = self.shard.emitted();
        if self.shard.is_durable(since, upto) {
            return reply.send(done);
        }
        self.unsettled.answers.push(Unanswered {
            since,
            upto,
            reply,
            done,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::sync_channel;

    #[test]
    fn each_answer_waits_for_its_own_operations() {
        let (sender, answers) = sync_channel(4);
        let mut unsettled = Unsettled::default();
        for (since, upto, done) in [(0, 3, Done::Yes), (3, 5, Done::NotFound)] {
            let sender = sender.clone();
            unsettled.answers.push(Unanswered {
                since,
                upto,
                reply: Reply::new(move |done| sender.send(done).unwrap()),
                done,
            });
        }
        unsettled.settle(|_, upto| upto <= 2);
        assert!(answers.try_recv().is_err());
        // 2 is held back.
        unsettled.settle(|since, upto| upto <= 5 && since >= 2);
        assert_eq!(answers.try_recv(), Ok(Done::NotFound));
        assert!(answers.try_recv().is_err());
        unsettled.settle(|_, upto| upto <= 5);
        assert_eq!(answers.try_recv(), Ok(Done::Yes));
        assert!(unsettled.answers.is_empty());
    }
}
