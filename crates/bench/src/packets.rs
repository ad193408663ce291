//! The packets of a load: CONNECT, SUBSCRIBE, and PUBLISH made once and stamped for each message.
//!
//! Encodes with `mqtt-codec`; owns no connection.

use crate::BenchError;
use crate::stamp::{MIN_PAYLOAD, Stamp};
use crate::target::Login;
use mqtt_codec::{
    Connack, Connect, Outgoing, Packet, Properties, PropertiesBuf, Property, QoS, ReasonCode,
    SubOptions, Subscribe, Version,
};

/// How a session begins, and how long it lasts after its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// Begins empty and ends with the connection.
    Clean,
    /// Goes on where it was, and outlives the connection.
    Persistent,
}

/// Seconds that MQTT 5 sessions outlive their connection where they shall: a run that is killed leaves them
/// behind no longer.
const SESSION_EXPIRY: u32 = 3600;

fn refused(e: impl std::fmt::Display) -> BenchError {
    BenchError::Usage(format!("cannot be sent: {e}"))
}

pub(crate) fn connect(
    version: Version,
    id: &str,
    login: &Login,
    keeping: Keeping,
    keep_alive: u16,
) -> Result<Vec<u8>, BenchError> {
    let mut props = PropertiesBuf::new();
    if version.is_v5() && keeping == Keeping::Persistent {
        props.push(Property::SessionExpiryInterval(SESSION_EXPIRY));
    }
    let connect = Packet::Connect(Connect {
        version,
        bridge: false,
        clean: keeping == Keeping::Clean,
        keep_alive,
        props: props.as_props(),
        client_id: id,
        will: None,
        user: login.user.as_deref(),
        password: login.password.as_deref(),
    });
    let mut out = Vec::new();
    mqtt_codec::encode(&connect, version, &mut out).map_err(refused)?;
    Ok(out)
}

/// Appends a SUBSCRIBE.
pub(crate) fn subscribe(
    out: &mut Vec<u8>,
    version: Version,
    id: u16,
    filters: &[(&str, SubOptions)],
) -> Result<(), BenchError> {
    let mut scratch = Vec::new();
    let packet = Subscribe::build(id, Properties::EMPTY, filters, &mut scratch).map_err(refused)?;
    mqtt_codec::encode(&Packet::Subscribe(packet), version, out).map_err(refused)
}

/// A PUBLISH up to its payload, to be copied for each message.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    bytes: Box<[u8]>,
    id_at: Option<u32>,
}

impl Head {
    pub(crate) fn new(
        version: Version,
        qos: QoS,
        retain: bool,
        topic: &str,
        payload: usize,
    ) -> Result<Head, BenchError> {
        let publish = Outgoing {
            dup: false,
            qos,
            retain,
            topic,
            packet_id: 1,
            payload: &vec![0; payload],
            forward: &[],
            expiry: None,
            alias: None,
            subscription_ids: &[],
        };
        let mut bytes = Vec::new();
        let id_at =
            mqtt_codec::encode_publish(&mut bytes, version, &publish, u32::MAX).map_err(refused)?;
        bytes.truncate(bytes.len() - payload);
        Ok(Head {
            bytes: bytes.into(),
            // Within a topic's length.
            id_at: id_at.and_then(|at| u32::try_from(at).ok()),
        })
    }

    /// Appends a message whose payload is the stamp and `filling`.
    pub(crate) fn write(&self, out: &mut Vec<u8>, id: u16, stamp: Stamp, filling: &[u8]) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        if let Some(at) = self.id_at {
            let at = start + at as usize;
            if let Some(place) = out.get_mut(at..at + 2) {
                place.copy_from_slice(&id.to_be_bytes());
            }
        }
        out.extend_from_slice(&stamp.to_bytes());
        out.extend_from_slice(filling);
    }
}

/// What follows the stamp in a payload of `len` bytes.
pub(crate) fn filling(len: usize) -> Vec<u8> {
    (0..len.saturating_sub(MIN_PAYLOAD))
        .map(|i| b'a' + (i % 26) as u8)
        .collect()
}

/// A CONNACK that is none, in words.
pub(crate) fn refusal(version: Version, connack: &Connack<'_>) -> String {
    let reason = if version.is_v5() {
        let name = ReasonCode::ALL.iter().find(|r| r.as_u8() == connack.code);
        name.map_or_else(String::new, |name| format!("{name:?}"))
    } else {
        match connack.code {
            1 => "it does not speak this version of MQTT: see --protocol",
            2 => "it does not take the client id",
            3 => "it is not available",
            4 => "bad user name or password: see -u and -P",
            5 => "not authorized: see -u and -P",
            _ => "unknown",
        }
        .to_owned()
    };
    let text = connack.props.reason_string().unwrap_or_default();
    let line = format!(
        "the broker refused the connection: {reason} (0x{:02x}) {text}",
        connack.code
    );
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mqtt_codec::Framed;

    #[test]
    fn a_head_makes_whole_packets() {
        for version in Version::ALL {
            for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
                let head = Head::new(version, qos, true, "a/b", 300).unwrap();
                let stamp = Stamp {
                    run: 1,
                    publisher: 2,
                    number: 3,
                    intended: 4,
                };
                let mut out = vec![9];
                head.write(&mut out, 0x1234, stamp, &filling(300));
                let framed = mqtt_codec::frame(&out[1..], u32::MAX).unwrap();
                let Framed::Packet { first, body, len } = framed else {
                    panic!("{framed:?}")
                };
                assert_eq!(len + 1, out.len());
                let packet = mqtt_codec::decode(version, first, body).unwrap();
                let Packet::Publish(publish) = packet else {
                    panic!("{packet:?}")
                };
                assert_eq!((publish.topic, publish.qos), ("a/b", qos));
                assert!(publish.retain);
                assert_eq!(publish.payload.len(), 300);
                assert_eq!(Stamp::read(publish.payload), Some(stamp));
                let id = if qos == QoS::AtMostOnce { 0 } else { 0x1234 };
                assert_eq!(publish.packet_id, id);
            }
        }
    }
}
