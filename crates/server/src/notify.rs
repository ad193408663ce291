//! Telling systemd how the service is: datagrams to the socket that `NOTIFY_SOCKET` names.
//!
//! Owns nothing. Without that variable nothing happens; where the socket is gone, the log says so.

#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// States that a service manager is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Ready,
    /// Not ready yet, and nothing is wrong: it may wait another half a minute.
    Starting,
    Reloading,
    Stopping,
    /// Everything still moves.
    Alive,
}

/// Tells the service manager, if there is one; `status` is a line for whoever asks it how we are, and
/// stays the last one where it is empty.
pub(crate) fn tell(state: State, status: &str) {
    if let Some(name) = std::env::var_os("NOTIFY_SOCKET") {
        send(name.as_encoded_bytes(), state, status);
    }
}

fn send(name: &[u8], state: State, status: &str) {
    let mut text = match state {
        State::Ready => "READY=1".to_owned(),
        State::Starting => "EXTEND_TIMEOUT_USEC=30000000".to_owned(),
        State::Stopping => "STOPPING=1".to_owned(),
        State::Alive => "WATCHDOG=1".to_owned(),
        State::Reloading => {
            let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
            let us = now.tv_sec * 1_000_000 + now.tv_nsec / 1000;
            format!("RELOADING=1\nMONOTONIC_USEC={us}")
        }
    };
    if let Some(line) = status.lines().next() {
        text += "\nSTATUS=";
        text += line;
    }
    let address = match name.strip_prefix(b"@") {
        #[cfg(target_os = "linux")]
        Some(name) => SocketAddr::from_abstract_name(name),
        _ => std::str::from_utf8(name)
            .map_or_else(|e| Err(std::io::Error::other(e)), SocketAddr::from_pathname),
    };
    let sent = address.and_then(|to| UnixDatagram::unbound()?.send_to_addr(text.as_bytes(), &to));
    if let Err(error) = sent {
        tracing::warn!("the service manager was not told {state:?}: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_with_the_state() {
        let name = format!("waypost-notify-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        let told = |state, status| {
            send(format!("@{name}").as_bytes(), state, status);
            let mut text = [0; 200];
            let n = manager.recv(&mut text).unwrap();
            String::from_utf8(text[..n].to_vec()).unwrap()
        };
        assert_eq!(told(State::Ready, ""), "READY=1");
        assert_eq!(told(State::Alive, ""), "WATCHDOG=1");
        assert_eq!(
            told(State::Stopping, "Stopping\nREADY=1"),
            "STOPPING=1\nSTATUS=Stopping"
        );
        let reloading = told(State::Reloading, "Reloading");
        let us = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=");
        let us = us.unwrap().strip_suffix("\nSTATUS=Reloading").unwrap();
        assert!(us.parse::<u64>().is_ok_and(|us| us > 0), "{reloading}");
    }
}
