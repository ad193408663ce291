//! Any packet of any version: what one needs, generated, and the packet made of it. Checks nothing.

use mqtt_codec::{
    Ack, Auth, Connack, Connect, Disconnect, Packet, PacketType, Properties, PropertiesBuf,
    Property, PropertyId, PropertyPlace, Publish, QoS, ReasonCode, RetainHandling, SubOptions,
    Suback, Subscribe, Unsubscribe, Version, Will,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// The ingredients of a packet of each type; a packet uses those it has a field for.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    pub(crate) version: Version,
    packet_type: PacketType,
    props: PropertiesBuf,
    will_props: PropertiesBuf,
    flags: [bool; 3],
    qos: QoS,
    packet_id: u16,
    keep_alive: u16,
    reason: ReasonCode,
    codes: Vec<u8>,
    texts: [String; 2],
    user: Option<String>,
    password: Option<Vec<u8>>,
    payload: Vec<u8>,
    has_will: bool,
    filters: Vec<(String, SubOptions)>,
}

pub(crate) fn version() -> impl Strategy<Value = Version> {
    select(&Version::ALL[..])
}

fn packet_type(version: Version) -> impl Strategy<Value = PacketType> {
    let last = if version == Version::V5 { 15 } else { 14 };
    (1_u8..=last).prop_map(|nibble| PacketType::from_first_byte(nibble << 4).unwrap())
}

fn text() -> impl Strategy<Value = String> {
    "[a-z/+#$é€😀]{0,40}"
}

fn place(packet_type: PacketType) -> PropertyPlace {
    match packet_type {
        PacketType::Connect => PropertyPlace::Connect,
        PacketType::Connack => PropertyPlace::Connack,
        PacketType::Puback => PropertyPlace::Puback,
        PacketType::Pubrec => PropertyPlace::Pubrec,
        PacketType::Pubrel => PropertyPlace::Pubrel,
        PacketType::Pubcomp => PropertyPlace::Pubcomp,
        PacketType::Subscribe => PropertyPlace::Subscribe,
        PacketType::Suback => PropertyPlace::Suback,
        PacketType::Unsubscribe => PropertyPlace::Unsubscribe,
        PacketType::Unsuback => PropertyPlace::Unsuback,
        PacketType::Disconnect => PropertyPlace::Disconnect,
        PacketType::Auth => PropertyPlace::Auth,
        PacketType::Publish | PacketType::Pingreq | PacketType::Pingresp => PropertyPlace::Publish,
    }
}

/// Any section that is valid at `place`.
pub(crate) fn props_of(place: PropertyPlace) -> impl Strategy<Value = PropertiesBuf> {
    let allowed: Vec<PropertyId> = PropertyId::ALL
        .into_iter()
        .filter(|id| id.allowed_in(place))
        .collect();
    let value = (any::<u32>(), text(), text(), vec(any::<u8>(), 0..20));
    vec((any::<Index>(), value), 0..8).prop_map(move |picks| {
        let mut buf = PropertiesBuf::new();
        for (pick, (number, first, second, bytes)) in &picks {
            let id = allowed[pick.index(allowed.len())];
            let props = buf.as_props();
            let repeated = props.has(id) && !id.may_repeat_in(place);
            let orphan = id == PropertyId::AuthenticationData
                && !props.has(PropertyId::AuthenticationMethod);
            if !repeated && !orphan {
                buf.push(property(id, *number, first, second, bytes));
            }
        }
        buf
    })
}

fn property<'a>(
    id: PropertyId,
    number: u32,
    text: &'a str,
    other: &'a str,
    bytes: &'a [u8],
) -> Property<'a> {
    use PropertyId as Id;
    let flag = number % 2 == 1;
    let short = number as u16;
    match id {
        Id::PayloadFormatIndicator => Property::PayloadFormatIndicator(flag),
        Id::MessageExpiryInterval => Property::MessageExpiryInterval(number),
        Id::ContentType => Property::ContentType(text),
        Id::ResponseTopic => Property::ResponseTopic(text),
        Id::CorrelationData => Property::CorrelationData(bytes),
        Id::SubscriptionIdentifier => {
            Property::SubscriptionIdentifier((number % 268_435_455).max(1))
        }
        Id::SessionExpiryInterval => Property::SessionExpiryInterval(number),
        Id::AssignedClientIdentifier => Property::AssignedClientIdentifier(text),
        Id::ServerKeepAlive => Property::ServerKeepAlive(short),
        Id::AuthenticationMethod => Property::AuthenticationMethod(text),
        Id::AuthenticationData => Property::AuthenticationData(bytes),
        Id::RequestProblemInformation => Property::RequestProblemInformation(flag),
        Id::WillDelayInterval => Property::WillDelayInterval(number),
        Id::RequestResponseInformation => Property::RequestResponseInformation(flag),
        Id::ResponseInformation => Property::ResponseInformation(text),
        Id::ServerReference => Property::ServerReference(text),
        Id::ReasonString => Property::ReasonString(text),
        Id::ReceiveMaximum => Property::ReceiveMaximum(short.max(1)),
        Id::TopicAliasMaximum => Property::TopicAliasMaximum(short),
        Id::TopicAlias => Property::TopicAlias(short.max(1)),
        Id::MaximumQos => Property::MaximumQos(QoS::from_bits(u8::from(flag)).unwrap()),
        Id::RetainAvailable => Property::RetainAvailable(flag),
        Id::UserProperty => Property::UserProperty(text, other),
        Id::MaximumPacketSize => Property::MaximumPacketSize(number.max(1)),
        Id::WildcardSubscriptionAvailable => Property::WildcardSubscriptionAvailable(flag),
        Id::SubscriptionIdentifiersAvailable => Property::SubscriptionIdentifiersAvailable(flag),
        Id::SharedSubscriptionAvailable => Property::SharedSubscriptionAvailable(flag),
    }
}

fn qos() -> impl Strategy<Value = QoS> {
    (0_u8..3).prop_map(|bits| QoS::from_bits(bits).unwrap())
}

fn options(version: Version) -> impl Strategy<Value = SubOptions> {
    let handling = select(
        &[
            RetainHandling::Send,
            RetainHandling::SendIfNew,
            RetainHandling::DontSend,
        ][..],
    );
    (qos(), any::<bool>(), any::<bool>(), handling).prop_map(
        move |(qos, local, as_is, handling)| match version {
            Version::V5 => SubOptions {
                qos,
                no_local: local,
                retain_as_published: as_is,
                retain_handling: handling,
            },
            Version::V31 | Version::V311 => SubOptions::with_qos(qos),
        },
    )
}

fn section(version: Version, place: PropertyPlace) -> BoxedStrategy<PropertiesBuf> {
    match version {
        Version::V5 => props_of(place).boxed(),
        Version::V31 | Version::V311 => Just(PropertiesBuf::new()).boxed(),
    }
}

/// The codes that may stand in a packet.
fn reasons(version: Version, packet_type: PacketType) -> Vec<ReasonCode> {
    if version != Version::V5 {
        return vec![ReasonCode::Success];
    }
    let allowed: Vec<ReasonCode> = ReasonCode::ALL
        .into_iter()
        .filter(|reason| reason.allowed_in(packet_type))
        .collect();
    if allowed.is_empty() {
        vec![ReasonCode::Success]
    } else {
        allowed
    }
}

pub(crate) fn recipe() -> impl Strategy<Value = Recipe> {
    version()
        .prop_flat_map(|version| (Just(version), packet_type(version)))
        .prop_flat_map(|(version, packet_type)| {
            let reason = select(reasons(version, packet_type));
            (
                section(version, place(packet_type)),
                section(version, PropertyPlace::Will),
                (any::<[bool; 3]>(), any::<bool>(), qos()),
                (1_u16.., any::<u16>()),
                (reason.clone(), vec(reason, 1..5)),
                [text(), text()],
                (option::of(text()), option::of(vec(any::<u8>(), 0..20))),
                vec(any::<u8>(), 0..300),
                vec((text(), options(version)), 1..5),
            )
                .prop_map(
                    move |(
                        props,
                        will_props,
                        bits,
                        numbers,
                        reasons,
                        texts,
                        login,
                        payload,
                        filters,
                    )| {
                        Recipe {
                            version,
                            packet_type,
                            props,
                            will_props,
                            flags: bits.0,
                            has_will: bits.1,
                            qos: bits.2,
                            packet_id: numbers.0,
                            keep_alive: numbers.1,
                            reason: reasons.0,
                            codes: reasons.1.iter().map(|reason| reason.as_u8()).collect(),
                            texts,
                            user: login.0,
                            password: login.1,
                            payload,
                            filters,
                        }
                    },
                )
        })
}

impl Recipe {
    /// The packet borrows from the recipe and from what is built here.
    pub(crate) fn with_packet(&self, visit: impl FnOnce(Packet<'_>)) {
        let mut scratch = Vec::new();
        let props = self.props.as_props();
        let packet_id = self.packet_id;
        let ack = Ack {
            packet_id,
            reason: self.reason,
            props,
        };
        let v5 = self.version == Version::V5;
        let codes = if v5 || self.packet_type == PacketType::Suback {
            self.codes.as_slice()
        } else {
            &[]
        };
        let suback = Suback {
            packet_id,
            props,
            codes,
        };
        let filters: Vec<(&str, SubOptions)> = self
            .filters
            .iter()
            .map(|(filter, options)| (filter.as_str(), *options))
            .collect();
        let names: Vec<&str> = filters.iter().map(|(filter, _)| *filter).collect();
        visit(match self.packet_type {
            PacketType::Connect => Packet::Connect(self.connect()),
            PacketType::Connack => Packet::Connack(Connack {
                session_present: self.flags[0]
                    && self.reason == ReasonCode::Success
                    && self.version != Version::V31,
                code: self.reason.as_u8(),
                props,
            }),
            PacketType::Publish => Packet::Publish(self.publish()),
            PacketType::Puback => Packet::Puback(ack),
            PacketType::Pubrec => Packet::Pubrec(ack),
            PacketType::Pubrel => Packet::Pubrel(ack),
            PacketType::Pubcomp => Packet::Pubcomp(ack),
            PacketType::Subscribe => Packet::Subscribe(
                Subscribe::build(packet_id, props, &filters, &mut scratch).unwrap(),
            ),
            PacketType::Suback => Packet::Suback(suback),
            PacketType::Unsubscribe => Packet::Unsubscribe(
                Unsubscribe::build(packet_id, props, &names, &mut scratch).unwrap(),
            ),
            PacketType::Unsuback => Packet::Unsuback(suback),
            PacketType::Pingreq => Packet::Pingreq,
            PacketType::Pingresp => Packet::Pingresp,
            PacketType::Disconnect => Packet::Disconnect(Disconnect {
                reason: self.reason,
                props,
            }),
            PacketType::Auth => Packet::Auth(self.auth()),
        });
    }

    /// AUTH needs a method unless it says nothing at all.
    fn auth(&self) -> Auth<'_> {
        let props = self.props.as_props();
        if props.has(PropertyId::AuthenticationMethod) {
            return Auth {
                reason: self.reason,
                props,
            };
        }
        Auth {
            reason: ReasonCode::Success,
            props: Properties::EMPTY,
        }
    }

    fn publish(&self) -> Publish<'_> {
        let [dup, retain, _] = self.flags;
        let quiet = self.qos == QoS::AtMostOnce;
        let props = self.props.as_props();
        let aliased = props.has(PropertyId::TopicAlias);
        let topic = match self.texts[0].as_str() {
            "" if !aliased => "t",
            topic => topic,
        };
        Publish {
            dup: dup && !quiet,
            qos: self.qos,
            retain,
            topic,
            packet_id: if quiet { 0 } else { self.packet_id },
            props,
            payload: &self.payload,
        }
    }

    fn connect(&self) -> Connect<'_> {
        let [clean, bridge, retain] = self.flags;
        let may_have_password = self.version == Version::V5 || self.user.is_some();
        Connect {
            version: self.version,
            bridge: bridge && self.version != Version::V5,
            clean,
            keep_alive: self.keep_alive,
            props: self.props.as_props(),
            client_id: &self.texts[0],
            will: self.has_will.then(|| Will {
                qos: self.qos,
                retain,
                topic: &self.texts[1],
                payload: &self.payload,
                props: self.will_props.as_props(),
            }),
            user: self.user.as_deref(),
            password: self.password.as_deref().filter(|_| may_have_password),
        }
    }
}
