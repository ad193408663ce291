//! One publisher: which message goes next, and whether it may.
//!
//! Owned by the worker of its connection. Allocates nothing for a message.

use super::inflight::{InFlight, Step};
use super::shared::Shared;
use super::{Loop, quality};
use crate::BenchError;
use crate::histogram::Latencies;
use crate::ledger::Tally;
use crate::net::client::Client;
use crate::packets::Head;
use crate::stamp::Stamp;
use mqtt_codec::{Ack, AckKind};

/// Bytes that wait for the socket before nothing more is made.
const OUT_AT_MOST: usize = 128 << 10;

pub(super) struct Publisher {
    number: u32,
    pub(super) who: usize,
    /// One for each topic.
    heads: Vec<Head>,
    sent: u64,
    /// All below have reached every subscriber.
    base: u64,
    /// How many may be sent by now: those that are due, or the quota.
    pub(super) limit: u64,
    inflight: Option<InFlight>,
    /// It stands in its worker's list of those that may have something to send.
    pub(super) listed: bool,
}

/// What one filling of a publisher's connection may use.
pub(super) struct Supply<'a> {
    pub(super) shared: &'a Shared<'a>,
    pub(super) filling: &'a [u8],
    pub(super) tally: &'a mut Tally,
    pub(super) lag: &'a mut Latencies,
    pub(super) now: u64,
    /// The intended time of this publisher's nth message, in an open loop.
    pub(super) intended: &'a dyn Fn(u64) -> u64,
}

impl Publisher {
    pub(super) fn new(shared: &Shared<'_>, number: u32, who: usize) -> Result<Self, BenchError> {
        let plan = shared.plan;
        let topics = plan.topology.topics_of_publisher(number);
        let head = |index| {
            let topic = plan.topology.topic_of_publisher(number, index);
            let topic = shared.run.topic(shared.target, topic);
            let qos = quality(plan.qos)?;
            Head::new(shared.target.version, qos, false, &topic, plan.payload)
        };
        Ok(Publisher {
            number,
            who,
            heads: (0..topics).map(head).collect::<Result<_, _>>()?,
            sent: 0,
            base: 0,
            limit: 0,
            inflight: None,
            listed: false,
        })
    }

    /// The server has said how much it takes.
    pub(super) fn ready(&mut self, shared: &Shared<'_>, client: &Client) {
        if shared.plan.qos > 0 {
            let window = match shared.plan.pacing {
                Loop::Closed => u16::try_from(shared.plan.window).unwrap_or(u16::MAX),
                // What is due goes, as far as the protocol allows.
                Loop::Open { .. } => u16::MAX,
            };
            self.inflight = Some(InFlight::new(window.min(client.receive_max).max(1)));
        }
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Its part of `messages` that `publishers` send together.
    pub(super) fn share(&self, messages: u64, publishers: u64) -> u64 {
        let part = |n: u64| (u128::from(messages) * u128::from(n) / u128::from(publishers)) as u64;
        let number = u64::from(self.number);
        part(number + 1) - part(number)
    }

    /// Nothing of it waits for the broker.
    pub(super) fn is_quiet(&self) -> bool {
        self.inflight.as_ref().is_none_or(InFlight::is_empty)
    }

    /// How many are due and not sent.
    pub(super) fn unsent(&self) -> u64 {
        self.limit.saturating_sub(self.sent)
    }

    /// Appends what may go; true where the connection's buffer alone was in the way.
    pub(super) fn fill(&mut self, client: &mut Client, supply: &mut Supply<'_>) -> bool {
        let topology = &supply.shared.plan.topology;
        let Some(window) = supply.shared.windows.get(self.number as usize) else {
            return false;
        };
        let closed = supply.shared.plan.pacing == Loop::Closed;
        let width = u64::from(supply.shared.plan.window);
        let before = self.sent;
        let mut full = false;
        while self.sent < self.limit {
            if closed {
                while self.base < self.sent {
                    let (topic, _) = topology.place(self.number, self.base);
                    if !window.clear_if_done(self.base, topology.copies(topic)) {
                        break;
                    }
                    self.base += 1;
                }
                if self.sent - self.base >= width {
                    break;
                }
            }
            if client.unwritten() >= OUT_AT_MOST {
                full = true;
                break;
            }
            let id = match self.inflight.as_mut().map(InFlight::take) {
                None => 0,
                Some(Some(id)) => id,
                Some(None) => break,
            };
            let intended = if closed {
                supply.now
            } else {
                let intended = (supply.intended)(self.sent);
                supply.lag.record(supply.now.saturating_sub(intended));
                intended
            };
            let stamp = Stamp {
                run: supply.shared.run.number,
                publisher: self.number,
                number: self.sent,
                intended,
            };
            let (topic, _) = topology.place(self.number, self.sent);
            let index = self.sent % self.heads.len() as u64;
            if let Some(head) = self.heads.get(index as usize) {
                head.write(client.out(), id, stamp, supply.filling);
            }
            self.sent += 1;
            supply.tally.expected += u64::from(topology.copies(topic));
        }
        if self.sent > before {
            supply.tally.sent += self.sent - before;
            window.set_sent(self.sent);
        }
        full
    }

    /// Takes an acknowledgement, and answers it; true where the broker refused the message.
    pub(super) fn ack(
        &mut self,
        client: &mut Client,
        kind: AckKind,
        ack: &Ack<'_>,
    ) -> Result<bool, &'static str> {
        let refused = ack.reason.as_u8() >= 0x80;
        let Some(inflight) = &mut self.inflight else {
            return Err("an acknowledgement of a message that asks for none");
        };
        match inflight.ack(kind, ack.packet_id, refused) {
            Step::Release => client.ack(AckKind::Pubrel, ack.packet_id),
            Step::Done => {}
            Step::Unexpected => return Err("an acknowledgement that nothing waits for"),
        }
        Ok(refused)
    }

    /// Nothing more than what is sent already.
    pub(super) fn stop(&mut self) {
        self.limit = self.sent;
    }

    /// There is something to send, and an id for it.
    pub(super) fn may_send(&self) -> bool {
        self.sent < self.limit && self.inflight.as_ref().is_none_or(|ids| !ids.is_full())
    }
}
