//! The clients of a scripted run: any number of receivers, and perhaps a feeder.
//!
//! Owns their protocol state; what a message means is its [`Taker`]'s.

use crate::BenchError;
use crate::feeder::Feeder;
use crate::load::Receiver;
use crate::net::client::Client;
use crate::net::hub::Handler;
use crate::target::Target;
use mqtt_codec::{Packet, Publish};
use std::io;

/// Judges what comes.
pub(crate) trait Taker {
    fn take(&mut self, who: usize, publish: &Publish<'_>);
}

/// Where nothing is to come, each message is one too many.
#[derive(Debug, Default)]
pub(crate) struct Nothing {
    pub(crate) came: u64,
}

impl Taker for Nothing {
    fn take(&mut self, _who: usize, _publish: &Publish<'_>) {
        self.came += 1;
    }
}

pub(crate) struct Crowd<'a, T> {
    target: &'a Target,
    receivers: Vec<Receiver>,
    pub(crate) feeder: Option<Feeder>,
    pub(crate) taker: T,
    /// Connections that stand.
    pub(crate) ready: u64,
    /// Of those, sessions that the broker remembered.
    pub(crate) remembered: u64,
    /// Subscriptions that were granted.
    pub(crate) granted: u64,
    /// Anything that has come: a sign of life.
    pub(crate) moves: u64,
}

impl<'a, T: Taker> Crowd<'a, T> {
    pub(crate) fn new(target: &'a Target, taker: T) -> Self {
        Crowd {
            target,
            receivers: Vec::new(),
            feeder: None,
            taker,
            ready: 0,
            remembered: 0,
            granted: 0,
            moves: 0,
        }
    }

    fn fault(&self, who: usize, what: &str) -> BenchError {
        let why = io::Error::new(io::ErrorKind::InvalidData, what);
        self.target.lost(&format!("number {who}"), &why)
    }
}

impl<T: Taker> Handler for Crowd<'_, T> {
    fn ready(&mut self, who: usize, client: &mut Client, _now: u64) -> Result<(), BenchError> {
        if self.receivers.len() <= who {
            self.receivers.resize_with(who + 1, Receiver::default);
        }
        self.ready += 1;
        self.moves += 1;
        self.remembered += u64::from(client.session_present);
        Ok(())
    }

    fn packet(
        &mut self,
        who: usize,
        client: &mut Client,
        packet: &Packet<'_>,
        _now: u64,
    ) -> Result<(), BenchError> {
        self.moves += 1;
        match packet {
            Packet::Publish(publish) => {
                let receiver = self.receivers.get_mut(who);
                if receiver.is_none_or(|receiver| receiver.publish(client, publish)) {
                    self.taker.take(who, publish);
                }
                Ok(())
            }
            Packet::Pubrel(ack) => {
                if let Some(receiver) = self.receivers.get_mut(who) {
                    receiver.release(client, ack.packet_id);
                }
                Ok(())
            }
            Packet::Suback(suback) => {
                if let Some(code) = suback.codes.iter().find(|code| **code > 2) {
                    let what = format!("the broker refused a subscription: code 0x{code:02x}");
                    return Err(self.fault(who, &what));
                }
                self.granted += suback.codes.len() as u64;
                Ok(())
            }
            other => {
                let feeder = self.feeder.as_mut().filter(|feeder| feeder.who == who);
                if feeder.is_some_and(|feeder| feeder.ack(client, other)) {
                    Ok(())
                } else {
                    Err(self.fault(who, "the broker sent a packet that was not expected"))
                }
            }
        }
    }

    fn lost(&mut self, who: usize, why: &io::Error) -> Result<(), BenchError> {
        Err(self.target.lost(&format!("number {who}"), why))
    }
}
