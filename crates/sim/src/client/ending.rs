//! How a client's connections end: it breaks off, says goodbye, is closed by the broker, or the node dies.

use super::{Client, Link};
use crate::ledger::Ledger;
use crate::world::{Sock, World};
use mqtt_codec::{Packet, PropertiesBuf, ReasonCode};

impl Client {
    /// True while a CONNECT is under way that may end a session at any time: a client that turned to
    /// another connection now could find its session gone later.
    pub(super) fn is_ending_a_session(&self) -> bool {
        self.profile.persistent && self.opening_clean && matches!(self.link, Link::Opening(_))
    }

    /// Breaks the connection.
    pub fn cut(&mut self, world: &World, ledger: &mut Ledger) {
        if let Some(sock) = self.sock().filter(|_| !self.is_ending_a_session()) {
            world.cut(sock);
            self.lost(ledger);
        }
    }

    /// Says goodbye.
    pub fn disconnect(&mut self, world: &World, ledger: &mut Ledger) {
        if let Link::Online(sock) = self.link {
            let props = PropertiesBuf::new();
            let packet = mqtt_codec::Disconnect {
                reason: ReasonCode::Success,
                props: props.as_props(),
            };
            self.send(world, &Packet::Disconnect(packet));
            world.close(sock);
            self.will = None;
            self.lost(ledger);
        }
    }

    /// The node has died: what it had written last is read, and all connections are over.
    pub fn node_died(&mut self, world: &World, ledger: &mut Ledger) {
        self.end_in_doubt |= self.is_ending_a_session();
        self.read(world, ledger);
        self.lost(ledger);
        self.ghosts = 0;
        self.incoming.node_died();
    }

    pub(super) fn lost(&mut self, ledger: &mut Ledger) {
        if self.link == Link::Off {
            return;
        }
        self.ghosts += usize::from(matches!(self.link, Link::Opening(_)));
        if let Some(will) = self.will() {
            ledger.messages[will].due = true;
        }
        self.link = Link::Off;
        self.buffer.clear();
        self.requests.clear();
        self.pings = 0;
        self.incoming.connection_lost();
        if !self.profile.persistent {
            ledger.session_ends(self.no);
        }
    }

    pub(super) fn on_end(&mut self, world: &World, ledger: &mut Ledger, sock: Sock) {
        if world.crashed(sock) {
            world.note(|| format!("{}: the node is down", self.profile.id));
        } else if self.ghosts > 0 {
            self.ghosts -= 1;
        } else if !self.profile.may_be_closed {
            self.fault(ledger, "the broker closed the connection".into());
        }
        world.close(sock);
        self.lost(ledger);
    }
}
