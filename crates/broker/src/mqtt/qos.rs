//! QoS on the wire and QoS in the core: the same three, two types, so that neither knows the other.

/// The core's QoS for MQTT's.
pub(crate) fn neutral(qos: mqtt_codec::QoS) -> message::QoS {
    match qos {
        mqtt_codec::QoS::AtMostOnce => message::QoS::AtMostOnce,
        mqtt_codec::QoS::AtLeastOnce => message::QoS::AtLeastOnce,
        mqtt_codec::QoS::ExactlyOnce => message::QoS::ExactlyOnce,
    }
}

/// MQTT's QoS for the core's.
pub(super) fn wire(qos: message::QoS) -> mqtt_codec::QoS {
    match qos {
        message::QoS::AtMostOnce => mqtt_codec::QoS::AtMostOnce,
        message::QoS::AtLeastOnce => mqtt_codec::QoS::AtLeastOnce,
        message::QoS::ExactlyOnce => mqtt_codec::QoS::ExactlyOnce,
    }
}
