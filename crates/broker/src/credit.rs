//! Credit: what bounds the inboxes between shards.
//!
//! A push to an inbox never fails and never waits. Instead the sender counts what is on its way to
//! each target, and admits no further publish from a socket while a target is above its limit; the
//! target returns the credit once it has dealt with the mails: with the next mail that it has for the
//! sender anyway, or by itself where it is much. A mail that brings nothing but a little credit would
//! wake a thread for nothing. Owned by the sending shard.

use message::ShardId;

/// Credit goes back by itself when it is this part of what there is. A sender that is out of credit has
/// spent all of it, so what comes back to it is never held up: all that is dealt with is more than a part.
const PART: u64 = 4;

#[derive(Clone, Copy, Default)]
struct Account {
    bytes: u64,
    messages: u64,
}

pub(crate) struct Credit {
    /// On the way to each shard.
    spent: Vec<Account>,
    /// Dealt with this turn, to be returned to each shard.
    owed: Vec<Account>,
    max_bytes: u64,
    max_messages: u64,
}

impl Credit {
    pub(crate) fn new(shards: ShardId, max_bytes: u64, max_messages: u64) -> Self {
        let none = vec![Account::default(); usize::from(shards)];
        Credit {
            spent: none.clone(),
            owed: none,
            max_bytes,
            max_messages,
        }
    }

    pub(crate) fn set_limits(&mut self, max_bytes: u64, max_messages: u64) {
        self.max_bytes = max_bytes;
        self.max_messages = max_messages;
    }

    /// A message leaves for `to`.
    pub(crate) fn spend(&mut self, to: ShardId, bytes: u64) {
        if let Some(account) = self.spent.get_mut(usize::from(to)) {
            account.bytes += bytes;
            account.messages += 1;
        }
    }

    /// `by` has dealt with that much.
    pub(crate) fn returned(&mut self, by: ShardId, bytes: u64, messages: u64) {
        if let Some(account) = self.spent.get_mut(usize::from(by)) {
            account.bytes = account.bytes.saturating_sub(bytes);
            account.messages = account.messages.saturating_sub(messages);
        }
    }

    /// True where some target is above its limit: nothing more is admitted.
    pub(crate) fn exhausted(&self) -> bool {
        self.spent
            .iter()
            .any(|a| a.bytes >= self.max_bytes || a.messages >= self.max_messages)
    }

    /// Messages from `from` have been dealt with.
    pub(crate) fn owe(&mut self, from: ShardId, bytes: u64, messages: u64) {
        if let Some(account) = self.owed.get_mut(usize::from(from)) {
            account.bytes += bytes;
            account.messages += messages;
        }
    }

    /// What is to be returned to `shard`, which has mail anyway or not.
    pub(crate) fn settle(&mut self, shard: ShardId, has_mail: bool) -> Option<(u64, u64)> {
        let account = self.owed.get_mut(usize::from(shard))?;
        let much =
            account.bytes >= self.max_bytes / PART || account.messages >= self.max_messages / PART;
        if account.messages == 0 || !(has_mail || much) {
            return None;
        }
        let Account { bytes, messages } = std::mem::take(account);
        Some((bytes, messages))
    }
}
