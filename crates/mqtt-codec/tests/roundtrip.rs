//! What holds for any packet and any bytes: encoding and decoding undo each other, framing does not depend on how
//! the bytes arrive, and nothing panics.

mod cases;
mod recipe;

use mqtt_codec::{
    Framed, MAX_PACKET_SIZE, Outgoing, Packet, Properties, PropertiesBuf, Property, PropertyId,
    PropertyPlace, QoS, Version, decode, encode, encode_publish, forwardable, frame, outgoing_len,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use recipe::{props_of, recipe, version};

fn encoded(packet: &Packet<'_>, version: Version) -> Vec<u8> {
    let mut out = Vec::new();
    encode(packet, version, &mut out).expect("what has been generated can be encoded");
    out
}

/// Decodes one packet; what decodes must survive another turn.
fn check_fixpoint(version: Version, first: u8, body: &[u8]) {
    let Ok(packet) = decode(version, first, body) else {
        return;
    };
    let wire = encoded(&packet, version);
    let Ok(Framed::Packet { first, body, len }) = frame(&wire, MAX_PACKET_SIZE) else {
        panic!("{packet:?} was encoded to {wire:?}");
    };
    assert_eq!(len, wire.len());
    assert_eq!(decode(version, first, body), Ok(packet));
}

proptest! {
    #[test]
    fn decode_undoes_encode(recipe in recipe()) {
        recipe.with_packet(|packet| {
            let wire = encoded(&packet, recipe.version);
            let Ok(Framed::Packet { first, body, len }) = frame(&wire, MAX_PACKET_SIZE) else {
                panic!("{packet:?} was encoded to {wire:?}");
            };
            assert_eq!(len, wire.len());
            assert_eq!(decode(recipe.version, first, body), Ok(packet));
        });
    }

    #[test]
    fn any_bytes_decode_or_err(
        version in version(),
        first: u8,
        body in vec(any::<u8>(), 0..200),
    ) {
        check_fixpoint(version, first, &body);
        let _ = frame(&body, 100);
    }

    #[test]
    fn damaged_packets_decode_or_err(
        recipe in recipe(),
        damage in vec((any::<Index>(), any::<u8>()), 1..4),
        cut in any::<Index>(),
    ) {
        recipe.with_packet(|packet| {
            let mut wire = encoded(&packet, recipe.version);
            for (at, value) in &damage {
                let at = at.index(wire.len());
                wire[at] = *value;
            }
            if let Ok(Framed::Packet { first, body, .. }) = frame(&wire, MAX_PACKET_SIZE) {
                check_fixpoint(recipe.version, first, body);
            }
            let body = &wire[1..];
            check_fixpoint(recipe.version, wire[0], &body[..cut.index(body.len())]);
        });
    }

    #[test]
    fn framing_does_not_depend_on_the_splits(
        recipes in vec(recipe(), 1..6),
        chunks in vec(1_usize..40, 1..20),
    ) {
        let mut wires = Vec::new();
        for recipe in &recipes {
            recipe.with_packet(|packet| wires.push(encoded(&packet, recipe.version)));
        }
        let stream = wires.concat();
        let mut arrived = 0;
        let mut start = 0;
        let mut found = Vec::new();
        let mut sizes = chunks.iter().cycle();
        while start < stream.len() {
            match frame(&stream[start..arrived], MAX_PACKET_SIZE) {
                Ok(Framed::Packet { len, .. }) => {
                    found.push(stream[start..start + len].to_vec());
                    start += len;
                }
                Ok(Framed::Incomplete { need }) => {
                    prop_assert!(need > arrived - start);
                    prop_assert!(start + need <= stream.len());
                    arrived = stream.len().min(arrived + sizes.next().unwrap());
                }
                Err(error) => prop_assert!(false, "{error}"),
            }
        }
        prop_assert_eq!(found, wires);
    }

    #[test]
    fn a_forwarded_publish_is_one_that_decodes(
        version in version(),
        topic in "[a-zé/]{1,200}",
        packet_id in 1_u16..,
        qos in 0_u8..3,
        (dup, retain) in any::<(bool, bool)>(),
        payload in vec(any::<u8>(), 0..300),
        forward in props_of(PropertyPlace::Publish),
        expiry: Option<u32>,
        alias in proptest::option::of(1_u16..),
        subscription_ids in vec(1_u32..=268_435_455, 0..4),
    ) {
        let mut scratch = Vec::new();
        let forward = forwardable(forward.as_props(), &mut scratch);
        let qos = QoS::from_bits(qos).unwrap();
        let outgoing = Outgoing {
            dup, qos, retain, topic: &topic, packet_id, payload: &payload, forward, expiry, alias,
            subscription_ids: &subscription_ids,
        };
        let mut out = vec![1, 2, 3];
        let size = outgoing_len(version, &outgoing);
        prop_assert!(encode_publish(&mut out, version, &outgoing, size as u32 - 1).is_err());
        prop_assert_eq!(&out, &[1, 2, 3]);
        let id_at = encode_publish(&mut out, version, &outgoing, size as u32).unwrap();
        let wire = &out[3..];
        prop_assert_eq!(wire.len(), size);
        prop_assert_eq!(id_at.map(|at| wire[at..at + 2].to_vec()), (qos != QoS::AtMostOnce).then(|| packet_id.to_be_bytes().to_vec()));
        let Ok(Framed::Packet { first, body, .. }) = frame(wire, size as u32) else {
            panic!("{wire:?}");
        };
        let Ok(Packet::Publish(publish)) = decode(version, first, body) else {
            panic!("{wire:?}");
        };
        prop_assert_eq!(publish.dup, dup && qos != QoS::AtMostOnce);
        prop_assert_eq!((publish.qos, publish.retain), (qos, retain));
        prop_assert_eq!((publish.topic, publish.payload), (topic.as_str(), payload.as_slice()));
        if version == Version::V5 {
            prop_assert_eq!(publish.props.message_expiry_interval(), expiry);
            prop_assert_eq!(publish.props.topic_alias(), alias);
            let ids: Vec<u32> = publish.props.subscription_identifiers().collect();
            prop_assert_eq!(ids, subscription_ids);
            prop_assert!(publish.props.raw().starts_with(forward));
        } else {
            prop_assert!(publish.props.is_empty());
        }
    }

    #[test]
    fn forwarding_takes_out_what_is_not_the_receivers(
        publish in props_of(PropertyPlace::Publish),
        will in props_of(PropertyPlace::Will),
    ) {
        for (buf, place) in [(&publish, PropertyPlace::Publish), (&will, PropertyPlace::Will)] {
            let taken_out = [
                PropertyId::MessageExpiryInterval,
                PropertyId::TopicAlias,
                PropertyId::SubscriptionIdentifier,
                PropertyId::WillDelayInterval,
            ];
            let mut scratch = Vec::new();
            let raw = forwardable(buf.as_props(), &mut scratch);
            let left = Properties::parse(raw, place).unwrap();
            let kept: Vec<Property<'_>> = buf
                .as_props()
                .iter()
                .filter(|property| !taken_out.contains(&property.id()))
                .collect();
            prop_assert_eq!(left.iter().collect::<Vec<_>>(), kept);
        }
    }

    #[test]
    fn a_built_section_is_what_parsing_it_gives(buf in props_of(PropertyPlace::Connack)) {
        let built = buf.as_props();
        let parsed = Properties::parse(built.raw(), PropertyPlace::Connack).unwrap();
        prop_assert_eq!(parsed, built);
        for id in PropertyId::ALL {
            prop_assert_eq!(parsed.has(id), built.has(id));
            prop_assert_eq!(parsed.has(id), built.iter().any(|property| property.id() == id));
        }
        let mut again = PropertiesBuf::new();
        for property in built {
            again.push(property);
        }
        prop_assert_eq!(again.as_props().raw(), built.raw());
    }
}
