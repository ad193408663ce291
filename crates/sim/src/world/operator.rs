//! Operators of a world: their commands, and looks into its shards between turns.

use super::{Letter, World};
use broker::inspect::{Answer, Counts, Cursor, Page, Question, Scan};
use broker::inspect::{ConnectionRow, SessionRow, SubscriptionRow};
use broker::operator::{Command, Done};
use message::ShardId;

/// Rows of a page: few, so that scans take several.
const ROWS: usize = 3;

impl World {
    /// Gives a command to the shard that it concerns. What came of it is in [`World::done`] later.
    pub fn command(&self, command: Command) {
        let shard = match &command {
            Command::Kick { client_id } | Command::DeleteSession { client_id } => {
                self.0.shared.home_of(client_id)
            }
            Command::DeleteRetained { .. } | Command::Publish(_) => {
                self.0.rng.borrow_mut().below(self.0.shards.len()) as ShardId
            }
        };
        self.0.event(("command", shard));
        self.0.post(shard, Letter::Command(command));
    }

    /// What came of the oldest command that has been done and not been asked for yet.
    pub fn done(&self) -> Option<Done> {
        self.0.done.borrow_mut().pop_front()
    }

    /// Asks each shard.
    fn ask(&self, question: &Question) -> Vec<Answer> {
        let now = self.0.node_now();
        let shards = self.0.shards.iter();
        shards.map(|s| s.borrow().inspect(question, now)).collect()
    }

    /// All shards added up.
    pub fn counts(&self) -> Counts {
        let mut sum = Counts::default();
        for answer in self.ask(&Question::Counts) {
            if let Answer::Counts(counts) = answer {
                sum.add(&counts);
            }
        }
        sum
    }

    pub fn connections(&self) -> Vec<ConnectionRow> {
        self.scan(Question::Connections, |answer| match answer {
            Answer::Connections(page) => Some(page),
            _ => None,
        })
    }

    pub fn sessions(&self) -> Vec<SessionRow> {
        self.scan(Question::Sessions, |answer| match answer {
            Answer::Sessions(page) => Some(page),
            _ => None,
        })
    }

    pub fn subscriptions(&self) -> Vec<SubscriptionRow> {
        self.scan(Question::Subscriptions, |answer| match answer {
            Answer::Subscriptions(page) => Some(page),
            _ => None,
        })
    }

    /// How many rows and messages the log keeps.
    pub fn records(&self) -> usize {
        let mut kept = 0;
        self.log(|log| {
            let looked = log.scan(&mut |_| kept += 1);
            assert!(looked.is_ok(), "the log cannot be read");
        });
        kept
    }

    /// The topics of retained messages that clients or operators have made.
    pub fn retained_topics(&self) -> Vec<String> {
        let (mut topics, mut from) = (Vec::new(), None);
        loop {
            let (found, next) = self.0.shared.retained_page(None, from.as_deref(), ROWS);
            let theirs = found
                .iter()
                .filter(|m| !broker::sys_topics::is_sys(&m.topic));
            topics.extend(theirs.map(|m| m.topic.to_string()));
            match next {
                Some(next) => from = Some(next),
                None => return topics,
            }
        }
    }

    /// All pages of all shards, as they are now.
    fn scan<T>(
        &self,
        question: fn(Scan) -> Question,
        page: fn(Answer) -> Option<Page<T>>,
    ) -> Vec<T> {
        let mut rows = Vec::new();
        for shard in &self.0.shards {
            let mut from = Some(Cursor::default());
            while let Some(cursor) = from {
                let scan = Scan {
                    from: cursor,
                    at_most: ROWS,
                };
                let answer = shard.borrow().inspect(&question(scan), self.0.node_now());
                let Some(page) = page(answer) else {
                    return rows;
                };
                rows.extend(page.rows);
                from = page.next;
            }
        }
        rows
    }

    /// Where a level that shards keep is not what a count of their rows comes to.
    pub fn wrong_levels(&self) -> Vec<String> {
        let counts = self.counts();
        let (connections, sessions) = (self.connections(), self.sessions());
        let subscriptions = self.subscriptions();
        let shared = subscriptions.iter().filter(|s| s.share.is_some()).count();
        let of_version = |at: usize| {
            let version = broker::inspect::Version::ALL[at];
            connections.iter().filter(|c| c.version == version).count() as u64
        };
        let queued = sessions.iter().map(|s| s.queued_messages).sum::<u64>();
        let bytes = sessions.iter().map(|s| s.queued_bytes).sum::<u64>();
        // What waits for a group is in no session's queue.
        let groups = |of: u64| if shared > 0 { of } else { 0 };
        let connected = sessions.iter().filter(|s| s.connected).count();
        let stats = &counts.stats;
        let levels = [
            ("mqtt31", counts.connections[0], of_version(0)),
            ("mqtt311", counts.connections[1], of_version(1)),
            ("mqtt5", counts.connections[2], of_version(2)),
            ("connected", counts.connected(), connected as u64),
            ("sessions", counts.sessions, sessions.len() as u64),
            (
                "subscriptions",
                counts.subscriptions,
                subscriptions.len() as u64,
            ),
            ("shared", counts.shared_subscriptions, shared as u64),
            (
                "in flight",
                counts.in_flight,
                sessions.iter().map(|s| s.in_flight).sum(),
            ),
            (
                "queued",
                counts.queued_messages,
                queued + groups(counts.queued_messages - queued),
            ),
            (
                "queued bytes",
                counts.queued_bytes,
                bytes + groups(counts.queued_bytes - bytes),
            ),
            (
                "publishes sent",
                stats.sent_packets[3],
                stats.publishes_sent(),
            ),
            (
                "retained",
                self.0.shared.retained_totals().0 as u64,
                self.retained_topics().len() as u64,
            ),
        ];
        let wrong = levels
            .into_iter()
            .filter(|(_, kept, counted)| kept != counted);
        wrong
            .map(|(what, kept, counted)| format!("{what}: kept as {kept}, counted as {counted}"))
            .collect()
    }
}
