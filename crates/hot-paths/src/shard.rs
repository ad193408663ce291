//! A message's way through shards: decoded, routed, delivered, encoded, acknowledged, settled. Counted for each message
//! published, with everything that it causes.

use crate::client::{self, TOPIC};
use crate::mqtt::properties;
use crate::node::{ClientId, Node};
use crate::path::{Batch, Path};
use message::ShardId;
use mqtt_codec::{QoS, Version};

/// Messages in one read: below the receive maximum and the window of the default limits.
const BATCH: u16 = 50;

pub(crate) fn paths() -> [Path; 17] {
    let path = |name, prepare| Path::new(name, u32::from(BATCH), prepare);
    [
        path("shard.qos0.1-1", || Flow::of(QoS::AtMostOnce).prepare()),
        Path::new("shard.qos0.1-1.alone", 1, || {
            Flow::of(QoS::AtMostOnce).batch(1).prepare()
        }),
        path("shard.qos0.1-1.v5.properties", || {
            Flow::of(QoS::AtMostOnce).v5().prepare()
        }),
        path("shard.qos0.1-100", || {
            Flow::of(QoS::AtMostOnce).to(100).prepare()
        }),
        path("shard.qos0.1-1.other-shard", || {
            Flow::of(QoS::AtMostOnce).across().prepare()
        }),
        path("shard.qos1.1-1", || Flow::of(QoS::AtLeastOnce).prepare()),
        Path::new("shard.qos1.1-1.alone", 1, || {
            Flow::of(QoS::AtLeastOnce).batch(1).prepare()
        }),
        path("shard.qos1.1-1.v5.properties", || {
            Flow::of(QoS::AtLeastOnce).v5().prepare()
        }),
        path("shard.qos1.1-100", || {
            Flow::of(QoS::AtLeastOnce).to(100).prepare()
        }),
        path("shard.qos1.1-1.other-shard", || {
            Flow::of(QoS::AtLeastOnce).across().prepare()
        }),
        path("shard.qos1.1-1.persistent", || {
            Flow::of(QoS::AtLeastOnce).persistent().prepare()
        }),
        path("shard.qos1.1-1.away", || {
            Flow::of(QoS::AtLeastOnce).away().prepare()
        }),
        path("shard.qos1.1-4.group", || {
            Flow::of(QoS::AtLeastOnce).to(4).group().prepare()
        }),
        path("shard.qos2.1-1", || Flow::of(QoS::ExactlyOnce).prepare()),
        path("shard.qos2.1-100", || {
            Flow::of(QoS::ExactlyOnce).to(100).prepare()
        }),
        path("shard.qos2.1-1.persistent", || {
            Flow::of(QoS::ExactlyOnce).persistent().prepare()
        }),
        path("shard.qos1.retained", || {
            Flow::of(QoS::AtLeastOnce).to(0).retained().prepare()
        }),
    ]
}

/// What is published, and to whom.
struct Flow {
    version: Version,
    qos: QoS,
    batch: u16,
    subscribers: u32,
    persistent: bool,
    /// Subscribers are gone when messages come.
    away: bool,
    /// Subscribers share one subscription.
    group: bool,
    retained: bool,
    /// Where the subscribers are; the publisher is on shard 0.
    shard: ShardId,
}

impl Flow {
    fn of(qos: QoS) -> Flow {
        Flow {
            version: Version::V311,
            qos,
            batch: BATCH,
            subscribers: 1,
            persistent: false,
            away: false,
            group: false,
            retained: false,
            shard: 0,
        }
    }

    fn batch(self, batch: u16) -> Flow {
        Flow { batch, ..self }
    }

    fn v5(self) -> Flow {
        let version = Version::V5;
        Flow { version, ..self }
    }

    fn to(self, subscribers: u32) -> Flow {
        Flow {
            subscribers,
            ..self
        }
    }

    fn across(self) -> Flow {
        Flow { shard: 1, ..self }
    }

    fn persistent(self) -> Flow {
        Flow {
            persistent: true,
            ..self
        }
    }

    fn away(self) -> Flow {
        Flow {
            persistent: true,
            away: true,
            ..self
        }
    }

    fn group(self) -> Flow {
        Flow {
            group: true,
            ..self
        }
    }

    fn retained(self) -> Flow {
        Flow {
            retained: true,
            ..self
        }
    }

    fn prepare(self) -> Batch {
        let mut node = Node::new(self.shard + 1);
        let publisher = node.connect(0, self.version, false);
        for _ in 0..self.subscribers {
            let subscriber = node.connect(self.shard, self.version, self.persistent);
            node.subscribe(subscriber, self.qos, &[&self.filter()]);
            if self.away {
                node.lose(subscriber);
            }
        }
        let received = match (self.away, self.group) {
            (true, _) => 0,
            (false, true) => u32::from(self.batch),
            (false, false) => u32::from(self.batch) * self.subscribers,
        };
        walk(node, publisher, self.bytes(), received)
    }

    fn filter(&self) -> String {
        if self.group {
            format!("$share/group/{TOPIC}")
        } else {
            TOPIC.to_owned()
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let forward = properties();
        let mut bytes = Vec::new();
        for id in 1..=self.batch {
            let start = bytes.len();
            client::publish(&mut bytes, self.version, self.qos, TOPIC, id, &forward);
            bytes[start] |= u8::from(self.retained);
        }
        bytes
    }
}

fn walk(mut node: Node, publisher: ClientId, bytes: Vec<u8>, received: u32) -> Batch {
    Box::new(move |meter| {
        let arrived = node.send(meter, publisher, &bytes);
        assert_eq!(arrived, received, "each is delivered once");
    })
}
