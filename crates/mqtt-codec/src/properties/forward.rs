//! What of a PUBLISH's or will's properties travels on to subscribers as it came. Never reorders.

use super::id::IdSet;
use super::{Properties, PropertyId};

/// Those that mean something on one connection only, or that a broker counts down.
const TAKEN_OUT: IdSet = IdSet::EMPTY
    .with(PropertyId::MessageExpiryInterval)
    .with(PropertyId::TopicAlias)
    .with(PropertyId::SubscriptionIdentifier)
    .with(PropertyId::WillDelayInterval);

/// The bytes to forward verbatim: payload format indicator, content type, response topic, correlation data and user
/// properties, in their order. [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18]
/// [MQTT-3.3.2-20]
///
/// Borrowed from `props` if nothing has to be taken out, else copied to `scratch`, which is overwritten.
pub fn forwardable<'a>(props: Properties<'a>, scratch: &'a mut Vec<u8>) -> &'a [u8] {
    if !props.present.intersects(TAKEN_OUT) {
        return props.raw;
    }
    scratch.clear();
    let mut properties = props.iter();
    while let Some((property, bytes)) = properties.next_raw() {
        if !TAKEN_OUT.contains(property.id()) {
            scratch.extend_from_slice(bytes);
        }
    }
    scratch
}
