//! Telling systemd how the service is: one datagram to the socket that `NOTIFY_SOCKET` names.
//!
//! Without that variable, or where the socket is gone, nothing happens.

#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// States that a service manager is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Ready,
    Reloading,
    Stopping,
}

/// Tells the service manager, if there is one.
pub(crate) fn tell(state: State) {
    if let Some(name) = std::env::var_os("NOTIFY_SOCKET") {
        send(name.as_encoded_bytes(), state);
    }
}

fn send(name: &[u8], state: State) {
    let text = match state {
        State::Ready => "READY=1".to_owned(),
        State::Stopping => "STOPPING=1".to_owned(),
        State::Reloading => {
            let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
            let us = now.tv_sec * 1_000_000 + now.tv_nsec / 1000;
            format!("RELOADING=1\nMONOTONIC_USEC={us}")
        }
    };
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
        let mut text = [0; 100];
        let name = format!("@{name}");
        send(name.as_bytes(), State::Ready);
        let n = manager.recv(&mut text).unwrap();
        assert_eq!(&text[..n], b"READY=1");
        send(name.as_bytes(), State::Reloading);
        let n = manager.recv(&mut text).unwrap();
        assert!(text[..n].starts_with(b"RELOADING=1\nMONOTONIC_USEC="));
    }
}
