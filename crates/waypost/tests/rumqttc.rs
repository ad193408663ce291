//! rumqttc, versions 3.1.1 and 5, against the real binary on a port of its own.
//!
//! `E2E_BROKER=HOST:MQTTPORT:WSPORT` makes it speak to a broker that runs already.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How long anything expected may take.
const WAIT: Duration = Duration::from_secs(15);

/// A broker; ended when dropped.
struct Broker {
    /// With its data folder; none where the broker is not ours.
    child: Option<(Child, PathBuf)>,
    host: String,
    port: u16,
}

impl Broker {
    fn start() -> Broker {
        if let Ok(outside) = std::env::var("E2E_BROKER") {
            let mut parts = outside.split(':').map(String::from);
            let (host, port) = (parts.next().unwrap(), parts.next().unwrap());
            return Broker {
                child: None,
                host,
                port: port.parse().unwrap(),
            };
        }
        let data = std::env::temp_dir().join(unique("waypost-rumqttc"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_waypost"))
            .args(["serve", "--listen", "mqtt://127.0.0.1:0", "--data-dir"])
            .arg(&data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let port = line
            .trim()
            .trim_end_matches('/')
            .rsplit(':')
            .next()
            .unwrap();
        let port = port
            .parse()
            .unwrap_or_else(|_| panic!("not ready: {line:?}"));
        Broker {
            child: Some((child, data)),
            host: "127.0.0.1".into(),
            port,
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some((child, data)) = &mut self.child {
            child.kill().unwrap();
            child.wait().unwrap();
            // It may not have made any.
            let _ = std::fs::remove_dir_all(data);
        }
    }
}

/// A name that no other test uses.
fn unique(what: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{what}-{}-{count}", std::process::id())
}

/// The same tests for both versions: their types have the same names and lie in different modules.
macro_rules! version {
    ($name:ident, $root:path, $packets:path, $resume:expr) => {
        mod $name {
            use super::{Broker, WAIT, unique};
            use packets::Packet;
            use root::{Client, Connection, Event, MqttOptions};
            use $packets as packets;
            use $root as root;

            const LEVELS: [root::mqttbytes::QoS; 3] = [
                root::mqttbytes::QoS::AtMostOnce,
                root::mqttbytes::QoS::AtLeastOnce,
                root::mqttbytes::QoS::ExactlyOnce,
            ];

            fn connect(broker: &Broker, id: &str, clean: bool) -> (Client, Connection, bool) {
                let mut options = MqttOptions::new(id, &broker.host, broker.port);
                let resume: fn(&mut MqttOptions, bool) = $resume;
                resume(&mut options, clean);
                let (client, mut connection) = Client::new(options, 100);
                match next(&mut connection) {
                    Packet::ConnAck(ack) => (client, connection, ack.session_present),
                    other => panic!("{other:?} came before CONNACK"),
                }
            }

            /// The next packet that arrives.
            fn next(connection: &mut Connection) -> Packet {
                loop {
                    let event = connection.recv_timeout(WAIT).expect("a packet in time");
                    if let Event::Incoming(packet) = event.expect("a connection") {
                        return packet;
                    }
                }
            }

            /// Reads until `count` packets of the kind that `pick` selects have come.
            fn take<T>(
                connection: &mut Connection,
                count: usize,
                pick: fn(Packet) -> Option<T>,
            ) -> Vec<T> {
                let mut found = Vec::new();
                while found.len() < count {
                    found.extend(pick(next(connection)));
                }
                found
            }

            fn payload(packet: Packet) -> Option<Vec<u8>> {
                match packet {
                    Packet::Publish(publish) => Some(publish.payload.to_vec()),
                    _ => None,
                }
            }

            fn sub_ack(packet: Packet) -> Option<()> {
                matches!(packet, Packet::SubAck(_)).then_some(())
            }

            #[test]
            fn messages_come_back_in_order() {
                let broker = Broker::start();
                for qos in LEVELS {
                    let topic = unique("rumqttc/order");
                    let (client, mut connection, _) = connect(&broker, &unique("r"), true);
                    client.subscribe(&topic, qos).unwrap();
                    take(&mut connection, 1, sub_ack);
                    let sent: Vec<Vec<u8>> = (0..15u8).map(|i| vec![i; 300 * i as usize]).collect();
                    for body in &sent {
                        client.publish(&topic, qos, false, body.clone()).unwrap();
                    }
                    assert_eq!(take(&mut connection, sent.len(), payload), sent, "{qos:?}");
                    client.disconnect().unwrap();
                }
            }

            #[test]
            fn a_retained_message_waits_for_its_readers() {
                let broker = Broker::start();
                let topic = unique("rumqttc/retained");
                let (client, mut connection, _) = connect(&broker, &unique("r"), true);
                client
                    .publish(&topic, LEVELS[1], true, b"kept".to_vec())
                    .unwrap();
                take(&mut connection, 1, |p| {
                    matches!(p, Packet::PubAck(_)).then_some(())
                });
                let (reader, mut readings, _) = connect(&broker, &unique("r"), true);
                reader.subscribe(&topic, LEVELS[1]).unwrap();
                let got = take(&mut readings, 1, |packet| match packet {
                    Packet::Publish(publish) => Some((publish.payload.to_vec(), publish.retain)),
                    _ => None,
                });
                assert_eq!(got, [(b"kept".to_vec(), true)]);
                client.publish(&topic, LEVELS[1], true, Vec::new()).unwrap();
                take(&mut connection, 1, |p| {
                    matches!(p, Packet::PubAck(_)).then_some(())
                });
            }

            #[test]
            fn a_session_waits_for_its_client() {
                let broker = Broker::start();
                let (topic, id) = (unique("rumqttc/session"), unique("r"));
                let (client, mut connection, present) = connect(&broker, &id, false);
                assert!(!present);
                client.subscribe(&topic, LEVELS[2]).unwrap();
                take(&mut connection, 1, sub_ack);
                // Dropped without a DISCONNECT, as a device that loses its power.
                drop((client, connection));
                let (other, mut acks, _) = connect(&broker, &unique("r"), true);
                let sent: Vec<Vec<u8>> = (0..10u8).map(|i| vec![i]).collect();
                for body in &sent {
                    other
                        .publish(&topic, LEVELS[2], false, body.clone())
                        .unwrap();
                }
                take(&mut acks, sent.len(), |p| {
                    matches!(p, Packet::PubComp(_)).then_some(())
                });
                let (_client, mut connection, present) = connect(&broker, &id, false);
                assert!(present);
                assert_eq!(take(&mut connection, sent.len(), payload), sent);
            }
        }
    };
}

version!(v311, rumqttc, rumqttc, |options, clean| {
    options.set_clean_session(clean);
});
version!(
    v5,
    rumqttc::v5,
    rumqttc::v5::mqttbytes::v5,
    |options, clean| {
        options.set_clean_start(clean);
        options.set_session_expiry_interval((!clean).then_some(600));
    }
);

#[test]
fn version_3_1_1_and_5_talk_to_each_other() {
    let broker = Broker::start();
    let (topic, wait) = (unique("rumqttc/both"), WAIT);
    let options = rumqttc::MqttOptions::new(unique("r"), &broker.host, broker.port);
    let (old, mut readings) = rumqttc::Client::new(options, 10);
    old.subscribe(&topic, rumqttc::QoS::AtLeastOnce).unwrap();
    while !matches!(
        readings
            .recv_timeout(wait)
            .expect("SUBACK in time")
            .expect("a connection"),
        rumqttc::Event::Incoming(rumqttc::Packet::SubAck(_))
    ) {}
    let options = rumqttc::v5::MqttOptions::new(unique("r"), &broker.host, broker.port);
    let (new, mut acks) = rumqttc::v5::Client::new(options, 10);
    let properties = rumqttc::v5::mqttbytes::v5::PublishProperties {
        content_type: Some("text/plain".into()),
        user_properties: vec![("a".into(), "b".into())],
        ..Default::default()
    };
    let qos = rumqttc::v5::mqttbytes::QoS::AtLeastOnce;
    new.publish_with_properties(&topic, qos, false, "21.5", properties)
        .unwrap();
    while !matches!(
        acks.recv_timeout(wait)
            .expect("PUBACK in time")
            .expect("a connection"),
        rumqttc::v5::Event::Incoming(rumqttc::v5::mqttbytes::v5::Packet::PubAck(_))
    ) {}
    loop {
        let event = readings.recv_timeout(wait).expect("a message in time");
        if let rumqttc::Event::Incoming(rumqttc::Packet::Publish(got)) =
            event.expect("a connection")
        {
            assert_eq!(
                (got.topic.as_str(), &got.payload[..]),
                (topic.as_str(), &b"21.5"[..])
            );
            break;
        }
    }
}
