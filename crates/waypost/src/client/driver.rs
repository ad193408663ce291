//! Runs a [`Session`] on a [`Link`], on one thread, with standard input beside it where wanted.
//!
//! Owns both. Sleeps in one `poll` until the socket, the input, a signal or the time has something.

use super::session::{ConnectOptions, Event, Session};
use super::{ClientError, Dialer, Link};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// How long the last bytes may take to be written at the end.
const GOODBYE: Duration = Duration::from_secs(5);
/// How long the server may take to close after DISCONNECT.
const LINGER: Duration = Duration::from_secs(2);

/// How TLS says that it was not spoken to in TLS. No server's MQTT begins so.
const TLS_ALERT: &[u8] = &[21, 3];

/// Why [`Driver::wait`] came back.
#[derive(Debug)]
pub(crate) enum Wake {
    Event(Event),
    /// All that has come is dealt with. Comes before acknowledgements are written: what must be safe
    /// before them is made so now.
    Idle,
    /// Standard input has something, or is at its end.
    Input,
    /// The time given is over.
    Time,
    /// The user or the system wants this to end.
    Signal,
}

pub(crate) struct Driver {
    link: Link,
    pub(crate) session: Session,
    inbound: Vec<u8>,
    /// How much of `inbound` is used up.
    used: usize,
    /// An event was told since the last [`Wake::Idle`].
    busy: bool,
    signals: UnixStream,
    /// The stream has ended; what was read before is still to be told.
    ended: bool,
}

impl Driver {
    /// Connects and says CONNECT.
    pub(crate) fn open(
        dialer: &mut Dialer,
        options: &ConnectOptions,
        signals: UnixStream,
    ) -> Result<Driver, ClientError> {
        let link = Link::open(dialer, Some(signals.as_fd()))?;
        let session = Session::new(options, Instant::now())?;
        Ok(Driver::over(link, session, signals))
    }

    fn over(link: Link, session: Session, signals: UnixStream) -> Driver {
        Driver {
            link,
            session,
            inbound: Vec::new(),
            used: 0,
            busy: false,
            signals,
            ended: false,
        }
    }

    /// Bytes that the socket has not taken yet.
    pub(crate) fn unsent(&self) -> usize {
        self.link.unsent()
    }

    /// Sleeps until something happens. `input`: whether standard input counts.
    pub(crate) fn wait(
        &mut self,
        input: bool,
        until: Option<Instant>,
    ) -> Result<Wake, ClientError> {
        loop {
            if let Some(event) = self.session.next_event() {
                self.busy = true;
                return Ok(Wake::Event(event));
            }
            let rest = self.inbound.get(self.used..).unwrap_or_default();
            self.used += match self.session.on_bytes(rest) {
                Err(_) if rest.starts_with(TLS_ALERT) => return Err(wants_tls()),
                taken => taken?,
            };
            if self.session.has_event() {
                continue;
            }
            if std::mem::take(&mut self.busy) {
                return Ok(Wake::Idle);
            }
            if self.ended {
                return Err(ClientError::Closed(""));
            }
            self.session.on_time(Instant::now())?;
            self.flush()?;
            if self.ended {
                continue;
            }
            if until.is_some_and(|at| Instant::now() >= at) {
                return Ok(Wake::Time);
            }
            let limit = [until, self.session.next_time()]
                .into_iter()
                .flatten()
                .min();
            let woken = self.poll(input, limit)?;
            if woken.signal {
                return Ok(Wake::Signal);
            }
            if woken.socket {
                self.read()?;
            }
            if woken.input {
                return Ok(Wake::Input);
            }
        }
    }

    /// Writes what is left, closes, and waits for the server to have read it all.
    pub(crate) fn close(&mut self) -> Result<(), ClientError> {
        let until = Instant::now() + GOODBYE;
        self.flush()?;
        while self.link.wants_write() && !self.ended && Instant::now() < until {
            self.poll(false, Some(until))?;
            self.flush()?;
        }
        self.link.finish();
        // A socket closed with unread bytes would reset the connection under what was just sent.
        let until = Instant::now() + LINGER;
        while !self.ended && Instant::now() < until {
            let woken = self.poll(false, Some(until))?;
            if woken.signal {
                break;
            }
            if woken.socket {
                self.inbound.clear();
                match self.link.read(&mut self.inbound) {
                    Ok(true) => {}
                    _ => break,
                }
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ClientError> {
        if !self.session.output().is_empty() {
            self.link.push(self.session.output());
            self.session.on_written(Instant::now());
        }
        if self.link.wants_write()
            && let Err(e) = self.link.write()
        {
            // The server may have said why before it closed.
            let before = self.inbound.len() - self.used;
            let read = self.read();
            self.ended = true;
            if let Err(said @ ClientError::Tls { .. }) = read {
                return Err(said);
            }
            if read.is_err() || self.inbound.len() == before {
                return Err(e);
            }
        }
        Ok(())
    }

    fn read(&mut self) -> Result<(), ClientError> {
        self.inbound.drain(..self.used);
        self.used = 0;
        match self.link.read(&mut self.inbound) {
            Ok(more) => self.ended = !more,
            Err(ClientError::Broken(e)) if e.kind() == ErrorKind::ConnectionReset => {
                self.ended = true
            }
            Err(e) => return Err(e),
        }
        Ok(())
    }

    fn poll(&mut self, input: bool, until: Option<Instant>) -> Result<Woken, ClientError> {
        let mut wanted = PollFlags::IN;
        if self.link.wants_write() {
            wanted |= PollFlags::OUT;
        }
        let stdin = std::io::stdin();
        let mut fds = vec![
            PollFd::from_borrowed_fd(self.link.as_fd(), wanted),
            PollFd::from_borrowed_fd(self.signals.as_fd(), PollFlags::IN),
        ];
        if input {
            fds.push(PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN));
        }
        let mut timeout = until.map(|at| at.saturating_duration_since(Instant::now()));
        if self.link.has_unread() {
            timeout = Some(Duration::ZERO);
        }
        let timeout = timeout.map(|t| Timespec {
            tv_sec: i64::try_from(t.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: t.subsec_nanos().into(),
        });
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(std::io::Error::from(e).into()),
        }
        let ready = |at: usize| fds.get(at).is_some_and(|fd| !fd.revents().is_empty());
        Ok(Woken {
            socket: ready(0) || self.link.has_unread(),
            signal: ready(1),
            input: ready(2),
        })
    }
}

fn wants_tls() -> ClientError {
    let what = "it speaks TLS on this port; say mqtts://, or give --cafile FILE";
    ClientError::Protocol(what.into())
}

struct Woken {
    socket: bool,
    signal: bool,
    input: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Version;
    use crate::client::link::tests::{open, pair};
    use crate::client::session_tests::options;

    #[test]
    fn what_the_server_said_in_tls_counts_more_than_that_writing_failed() {
        let (mut link, mut far) = pair(Some(&rustls::version::TLS13), false);
        open(&mut link, &mut far, false, usize::MAX);
        far.choke();
        far.send(usize::MAX);
        drop(far);
        let (signals, _there) = UnixStream::pair().unwrap();
        let session = Session::new(&options(Version::V5), Instant::now()).unwrap();
        let mut driver = Driver::over(link, session, signals);
        let said = driver.wait(false, None).unwrap_err().to_string();
        assert!(said.contains("the server ended TLS"), "{said}");
    }
}
