//! What operators ask of a shard, between turns.
//!
//! Questions are answered at once, from the shard as it is. A command is answered when all that it has
//! recorded is durable, as an acknowledgement is: what an operator was told survives a crash.

use super::ShardThread;
use crate::reply::Reply;
use broker::inspect::{Answer, Question};
use broker::operator::{Command, Done};
use std::collections::VecDeque;

/// Commands that are done and wait for the log. As many as operators wait for: the admin side has a
/// bound on its requests, and the broker's own messages ask for no answer.
#[derive(Default)]
pub(super) struct Unsettled {
    /// All store operations up to here are durable.
    durable: u64,
    answers: VecDeque<(u64, Reply<Done>, Done)>,
}

impl Unsettled {
    /// Answers once operation `upto` is durable.
    fn add(&mut self, upto: u64, reply: Reply<Done>, done: Done) {
        if upto <= self.durable {
            reply.send(done);
        } else {
            self.answers.push_back((upto, reply, done));
        }
    }

    /// All operations up to `upto` are durable.
    pub(super) fn settle(&mut self, upto: u64) {
        self.durable = self.durable.max(upto);
        let durable = self.durable;
        while let Some((_, reply, done)) = self.answers.pop_front_if(|(at, ..)| *at <= durable) {
            reply.send(done);
        }
    }
}

impl ShardThread {
    pub(super) fn inspect(&self, question: &Question, reply: Reply<Answer>) {
        reply.send(self.shard.inspect(question, self.now));
    }

    pub(super) fn command(&mut self, command: Command, reply: Option<Reply<Done>>) {
        let done = self.shard.command(command, self.now);
        if let Some(reply) = reply {
            self.unsettled.add(self.shard.emitted(), reply, done);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::sync_channel;

    #[test]
    fn an_answer_waits_for_the_log_and_keeps_its_place() {
        let (sender, answers) = sync_channel(4);
        let reply = || {
            let sender = sender.clone();
            Reply::new(move |done| sender.send(done).unwrap())
        };
        let mut unsettled = Unsettled::default();
        unsettled.add(0, reply(), Done::NotFound);
        assert_eq!(
            answers.try_recv(),
            Ok(Done::NotFound),
            "nothing to wait for"
        );
        unsettled.add(3, reply(), Done::Yes);
        unsettled.add(5, reply(), Done::NotFound);
        unsettled.settle(2);
        assert!(answers.try_recv().is_err());
        unsettled.settle(4);
        assert_eq!(answers.try_recv(), Ok(Done::Yes));
        assert!(answers.try_recv().is_err());
        unsettled.add(4, reply(), Done::Yes);
        assert_eq!(answers.try_recv(), Ok(Done::Yes), "durable already");
        unsettled.settle(5);
        assert_eq!(answers.try_recv(), Ok(Done::NotFound));
    }
}
