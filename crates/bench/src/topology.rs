//! Who publishes to which topic, and who subscribes to it. Pure arithmetic over numbers; knows no connection.
//!
//! With N publishers, M subscribers and K topics: publisher p sends to topic p mod K, and where there are more
//! topics than publishers in turn to every topic t with t mod N = p. Subscribers likewise.

use crate::BenchError;

/// Pairs of publisher and subscriber that a run keeps count of.
const MAX_FLOWS: u64 = 50_000_000;
/// Connections of a run.
const MAX_CLIENTS: u64 = 4_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topology {
    pub publishers: u32,
    pub subscribers: u32,
    pub topics: u32,
    /// The subscribers of a topic share it: each message goes to one of them.
    pub shared: bool,
}

impl Topology {
    pub(crate) fn check(&self) -> Result<(), BenchError> {
        let usage = |what: String| Err(BenchError::Usage(what));
        if self.publishers == 0 || self.topics == 0 {
            return usage("at least one publisher and one topic are needed".into());
        }
        let clients = u64::from(self.publishers) + u64::from(self.subscribers);
        if clients > MAX_CLIENTS || u64::from(self.topics) > MAX_FLOWS {
            return usage(format!(
                "at most {MAX_CLIENTS} connections and {MAX_FLOWS} topics"
            ));
        }
        let per_subscriber = (0..self.subscribers.min(1)).map(|s| self.flows_of(s) as u64);
        let flows = per_subscriber.sum::<u64>() * u64::from(self.subscribers);
        if flows > MAX_FLOWS {
            return usage(format!(
                "{flows} pairs of publisher and subscriber; at most {MAX_FLOWS} can be kept count of: take \
                 more topics or fewer connections"
            ));
        }
        Ok(())
    }

    /// How many topics a publisher sends to.
    pub(crate) fn topics_of_publisher(&self, publisher: u32) -> u32 {
        if self.topics > self.publishers {
            (self.topics - publisher).div_ceil(self.publishers)
        } else {
            1
        }
    }

    /// The `index`th topic of a publisher.
    pub(crate) fn topic_of_publisher(&self, publisher: u32, index: u32) -> u32 {
        if self.topics > self.publishers {
            publisher + index * self.publishers
        } else {
            publisher % self.topics
        }
    }

    /// The topic of a publisher's message, and the message's number among those to that topic.
    pub(crate) fn place(&self, publisher: u32, number: u64) -> (u32, u64) {
        let topics = u64::from(self.topics_of_publisher(publisher));
        if topics == 1 {
            return (self.topic_of_publisher(publisher, 0), number);
        }
        // Below the number of topics, so it fits.
        let index = (number % topics) as u32;
        (self.topic_of_publisher(publisher, index), number / topics)
    }

    /// The reverse of [`Self::place`]: the publisher's own number of its `sequence`th message to `topic`.
    pub(crate) fn number(&self, publisher: u32, topic: u32, sequence: u64) -> u64 {
        let topics = u64::from(self.topics_of_publisher(publisher));
        if topics == 1 {
            sequence
        } else {
            sequence * topics + u64::from((topic - publisher) / self.publishers)
        }
    }

    pub(crate) fn topics_of_subscriber(&self, subscriber: u32) -> u32 {
        if self.topics > self.subscribers {
            (self.topics - subscriber).div_ceil(self.subscribers)
        } else {
            1
        }
    }

    pub(crate) fn topic_of_subscriber(&self, subscriber: u32, index: u32) -> u32 {
        if self.topics > self.subscribers {
            subscriber + index * self.subscribers
        } else {
            subscriber % self.topics
        }
    }

    /// How many copies of a message to `topic` are due.
    pub(crate) fn copies(&self, topic: u32) -> u32 {
        let subscribers = self.subscribers_of(topic);
        if self.shared {
            subscribers.min(1)
        } else {
            subscribers
        }
    }

    fn subscribers_of(&self, topic: u32) -> u32 {
        if self.subscribers == 0 {
            0
        } else if self.topics > self.subscribers {
            1
        } else {
            (self.subscribers - topic).div_ceil(self.topics)
        }
    }

    /// The most publishers that one topic has.
    fn publishers_per_topic(&self) -> u32 {
        self.publishers.div_ceil(self.topics)
    }

    /// How many pairs of topic and publisher a subscriber counts.
    pub(crate) fn flows_of(&self, subscriber: u32) -> usize {
        self.topics_of_subscriber(subscriber) as usize * self.publishers_per_topic() as usize
    }

    /// Which of a subscriber's flows a message belongs to; none where it is not meant for that subscriber.
    pub(crate) fn flow(&self, subscriber: u32, publisher: u32, topic: u32) -> Option<usize> {
        let index = if self.topics > self.subscribers {
            (topic % self.subscribers == subscriber).then_some(topic / self.subscribers)
        } else {
            (topic == subscriber % self.topics).then_some(0)
        }?;
        let among = if self.topics > self.publishers {
            0
        } else {
            publisher / self.topics
        };
        Some(index as usize * self.publishers_per_topic() as usize + among as usize)
    }

    /// Into how many parts the load falls whose clients mostly talk among themselves.
    pub(crate) fn parts(&self) -> u32 {
        self.topics
            .min(self.publishers)
            .min(self.subscribers.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topology(publishers: u32, subscribers: u32, topics: u32) -> Topology {
        Topology {
            publishers,
            subscribers,
            topics,
            shared: false,
        }
    }

    /// Every message of every publisher, against what subscribers expect.
    #[test]
    fn every_copy_has_one_flow_of_its_own() {
        for (n, m, k) in [
            (1, 1, 1),
            (1, 9, 1),
            (9, 1, 1),
            (4, 4, 4),
            (3, 7, 5),
            (2, 3, 11),
            (7, 2, 3),
            (5, 9, 2),
            (1, 1, 6),
        ] {
            let t = topology(n, m, k);
            t.check().unwrap();
            let mut per_topic = vec![0; k as usize];
            for s in 0..m {
                for index in 0..t.topics_of_subscriber(s) {
                    per_topic[t.topic_of_subscriber(s, index) as usize] += 1;
                }
            }
            for p in 0..n {
                for number in 0..40 {
                    let (topic, sequence) = t.place(p, number);
                    assert_eq!(t.number(p, topic, sequence), number, "{t:?}");
                    assert_eq!(t.copies(topic), per_topic[topic as usize], "{t:?} {topic}");
                    let takers = (0..m).filter_map(|s| Some((s, t.flow(s, p, topic)?)));
                    let takers: Vec<_> = takers.collect();
                    assert_eq!(takers.len() as u32, t.copies(topic), "{t:?} {topic}");
                    for (s, flow) in takers {
                        assert!(flow < t.flows_of(s), "{t:?} {p} {topic}");
                    }
                }
            }
        }
    }

    #[test]
    fn flows_of_different_publishers_and_topics_differ() {
        let t = topology(6, 2, 3);
        let mut seen = std::collections::BTreeSet::new();
        for p in 0..6 {
            let (topic, _) = t.place(p, 0);
            if let Some(flow) = t.flow(0, p, topic) {
                assert!(seen.insert(flow), "{p}");
            }
        }
    }

    #[test]
    fn too_much_is_refused() {
        let many = topology(20_000, 20_000, 1);
        assert!(matches!(many.check(), Err(BenchError::Usage(_))));
        assert!(topology(0, 1, 1).check().is_err());
        assert!(topology(1, 0, 1).check().is_ok());
    }
}
