//! Ends persistent sessions: each client connects once more, clean, and goes.
//!
//! What a run leaves at the broker otherwise would weigh on the next one.

use crate::BenchError;
use crate::net::client::Client;
use crate::net::hub::{Handler, Hub};
use crate::packets::Keeping;
use crate::target::{Run, Target};
use mqtt_codec::Packet;
use std::io;
use std::time::Duration;

const OPENING_AT_MOST: usize = 100;
/// The longest that no session ends.
const PATIENCE: u64 = 30_000_000_000;

struct Leaving {
    ready: Vec<usize>,
}

impl Handler for Leaving {
    fn ready(&mut self, who: usize, _client: &mut Client, _now: u64) -> Result<(), BenchError> {
        self.ready.push(who);
        Ok(())
    }

    fn packet(
        &mut self,
        _who: usize,
        _client: &mut Client,
        _packet: &Packet<'_>,
        _now: u64,
    ) -> Result<(), BenchError> {
        Ok(())
    }

    fn lost(&mut self, who: usize, _why: &io::Error) -> Result<(), BenchError> {
        // Whatever the broker still keeps of it, it says itself.
        self.ready.push(who);
        Ok(())
    }
}

pub(crate) fn forget(
    target: &Target,
    run: &Run,
    ids: impl Iterator<Item = String>,
) -> Result<(), BenchError> {
    let mut hub = Hub::new(run.clock, 0, 0)?;
    let mut leaving = Leaving { ready: Vec::new() };
    let mut ids = ids.peekable();
    let mut moved = run.clock.now();
    while ids.peek().is_some() || hub.opening() > 0 {
        while hub.opening() < OPENING_AT_MOST {
            let Some(id) = ids.next() else { break };
            let hello = target.hello(&id, Keeping::Clean)?;
            let carrier = target.dial(hub.len())?;
            hub.open(carrier, target.version, hello)?;
        }
        hub.turn(Duration::from_millis(100), &mut leaving)?;
        for who in leaving.ready.drain(..) {
            moved = run.clock.now();
            hub.close(who);
        }
        if run.clock.now() - moved > PATIENCE {
            return Err(BenchError::failed(
                "the broker no longer answers: the run's persistent sessions stay where they are",
            ));
        }
    }
    Ok(())
}
