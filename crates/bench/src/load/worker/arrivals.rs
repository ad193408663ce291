//! What comes to the connections of a worker, packet by packet.
//!
//! Changes the worker's clients and counts; sends nothing by itself but acknowledgements.

use super::{Role, Worker, list};
use crate::BenchError;
use crate::load::Loop;
use crate::load::shared::Phase;
use crate::net::client::Client;
use crate::net::hub::Handler;
use mqtt_codec::{AckKind, Packet};
use std::io;
use std::sync::atomic::Ordering;

impl Handler for Worker<'_> {
    fn ready(&mut self, who: usize, client: &mut Client, _now: u64) -> Result<(), BenchError> {
        match self.roles[who] {
            Role::Publisher(index) => {
                self.publishers[index].ready(self.shared, client);
                self.ready += 1;
            }
            Role::Subscriber(_) if self.shared.bare => self.ready += 1,
            Role::Subscriber(index) => self.subscribers[index].subscribe(self.shared, client)?,
        }
        Ok(())
    }

    fn packet(
        &mut self,
        who: usize,
        client: &mut Client,
        packet: &Packet<'_>,
        now: u64,
    ) -> Result<(), BenchError> {
        let (kind, ack) = match (packet, self.roles[who]) {
            (Packet::Publish(publish), Role::Subscriber(index)) => {
                let stamp = self.subscribers[index].take(
                    self.shared,
                    client,
                    publish,
                    &mut self.groups,
                    &mut self.tally,
                );
                if let Some(stamp) = stamp {
                    self.arrived(stamp.publisher, stamp.intended, now);
                }
                return Ok(());
            }
            (Packet::Pubrel(ack), Role::Subscriber(index)) => {
                self.subscribers[index].release(client, ack.packet_id);
                return Ok(());
            }
            (Packet::Suback(suback), Role::Subscriber(index)) => {
                if let Some(code) = suback.codes.iter().find(|code| **code > 2) {
                    let what = format!("the broker refused a subscription: code 0x{code:02x}");
                    return Err(self.wrong(who, &what));
                }
                self.ready += u64::from(self.subscribers[index].subscribed());
                return Ok(());
            }
            (Packet::Puback(ack), Role::Publisher(_)) => (AckKind::Puback, ack),
            (Packet::Pubrec(ack), Role::Publisher(_)) => (AckKind::Pubrec, ack),
            (Packet::Pubcomp(ack), Role::Publisher(_)) => (AckKind::Pubcomp, ack),
            _ => return Err(self.wrong(who, "the broker sent a packet that was not expected")),
        };
        let Role::Publisher(index) = self.roles[who] else {
            return Ok(());
        };
        let refused = self.publishers[index].ack(client, kind, ack);
        self.refused += u64::from(refused.map_err(|what| self.wrong(who, what))?);
        self.moved = true;
        if self.publishers[index].may_send() {
            list(&mut self.publishers[index], index, &mut self.listed);
        }
        Ok(())
    }

    fn lost(&mut self, who: usize, why: &io::Error) -> Result<(), BenchError> {
        if self.phase == Phase::Close {
            return Ok(());
        }
        Err(self.shared.target.lost(&self.name(who), why))
    }
}

impl Worker<'_> {
    fn arrived(&mut self, publisher: u32, intended: u64, now: u64) {
        self.moved = true;
        if let Loop::Open { .. } = self.shared.plan.pacing {
            if intended >= self.shared.measure_from.load(Ordering::Relaxed) {
                self.recent.record(now.saturating_sub(intended));
            }
            return;
        }
        match self.ours.get(publisher as usize) {
            Some(Some(index)) => {
                let index = *index as usize;
                list(&mut self.publishers[index], index, &mut self.listed);
            }
            _ => self.touched |= 1 << self.shared.home_of_publisher(publisher),
        }
    }
}
