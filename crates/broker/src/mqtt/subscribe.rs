//! SUBSCRIBE: each filter checked, entered into the routing tables, answered once durable.

use super::qos;
use super::replay::Replay;
use super::reply::encode_within;
use super::subscriptions::Put;
use super::waiter::Waiter;
use crate::auth::{Action, authorize};
use crate::conn::ConnId;
use crate::mail::Letter;
use crate::routing::{Member, Subscription, Terms};
use crate::shard::Shard;
use crate::time::Now;
use message::record::{Record, Row};
use message::{QueueId, SharedFilter, pattern};
use mqtt_codec::{Packet, ReasonCode, RetainHandling, SubOptions, Suback, Subscribe, Version};

/// One filter of a SUBSCRIBE.
struct Wanted<'a> {
    /// As it came, `$share/NAME/` included.
    filter: &'a str,
    shared: Option<SharedFilter<'a>>,
    options: SubOptions,
    id: Option<u32>,
}

impl Shard {
    pub(super) fn on_subscribe(&mut self, id: ConnId, packet: &Subscribe<'_>, now: Now) {
        let Some(online) = self.conns.get(id).and_then(|c| c.online()) else {
            return;
        };
        let (slot, version) = (online.session, online.version);
        let sub_id = packet.props.subscription_identifier();
        if sub_id.is_some() && !self.settings.mqtt.subscription_identifiers {
            let why = "subscription identifiers are switched off";
            return self.offend(
                id,
                ReasonCode::SubscriptionIdentifiersNotSupported,
                why,
                now,
            );
        }
        // What closes the connection is looked for first, so that nothing is done by halves.
        for (filter, options) in packet.filters() {
            if let Err((reason, why)) = self.check_form(filter, options, version) {
                return self.offend(id, reason, &why, now);
            }
        }
        let durable = self.sessions.get(slot).is_some_and(|s| s.durable);
        let mut codes = Vec::with_capacity(packet.len());
        let emitted = self.tickets.latest();
        let mut stored = false;
        let mut refused = String::new();
        for (at, (filter, options)) in packet.filters().enumerate() {
            let shared = SharedFilter::parse(filter).ok().flatten();
            let wanted = Wanted {
                filter,
                shared,
                options,
                id: sub_id,
            };
            let code = match self.check_wanted(slot, &wanted, at) {
                Ok(()) => {
                    stored |= durable;
                    self.subscribe(slot, &wanted)
                }
                Err(reason) if version == Version::V5 => {
                    if refused.is_empty() {
                        refused = format!("{filter:?} is refused: {reason:?}");
                    }
                    reason as u8
                }
                // 3.1.1 has one failure code for all [MQTT-3.9.3-2 of 3.1.1].
                Err(_) => 0x80,
            };
            codes.push(code);
        }
        let props = self.reason_string(id, &refused);
        let suback = Packet::Suback(Suback {
            packet_id: packet.packet_id,
            props: props.as_props(),
            codes: &codes,
        });
        self.reply_when_durable(id, version, &suback, stored.then_some(emitted));
        self.start_replays(slot);
    }

    /// SUBACK or UNSUBACK: at once, or when what was recorded after `wait` is durable.
    pub(super) fn reply_when_durable(
        &mut self,
        id: ConnId,
        version: Version,
        packet: &Packet<'_>,
        wait: Option<u64>,
    ) {
        if wait.is_some() || self.must_wait(id) {
            let since = wait.unwrap_or_else(|| self.tickets.latest());
            let mut bytes = Vec::new();
            let max = self.conns.get(id).map_or(u32::MAX, |c| c.max_packet());
            if encode_within(&mut bytes, packet, version, max) {
                let bytes = bytes.into_boxed_slice();
                self.wait_for(id, since, Waiter::Bytes { conn: id, bytes });
            }
        } else {
            self.send(id, version, packet);
        }
    }

    /// Offences against the protocol itself.
    fn check_form(
        &self,
        filter: &str,
        options: SubOptions,
        version: Version,
    ) -> Result<(), (ReasonCode, String)> {
        let max = self.settings.limits.max_topic_bytes;
        let v5 = version == Version::V5;
        let shared = SharedFilter::parse(filter);
        if v5 && options.no_local && matches!(shared, Ok(Some(_))) {
            // [MQTT-3.8.3-4]
            return Err((
                ReasonCode::ProtocolError,
                "No Local on a shared subscription".into(),
            ));
        }
        let form = shared.and_then(|s| pattern::check_mqtt(s.map_or(filter, |s| s.filter), max));
        match form {
            // MQTT 5 has a reason code for it; MQTT 3 only knows closing [MQTT-4.7.1-2 of 3.1.1].
            Err(error) if !v5 => Err((ReasonCode::TopicFilterInvalid, error.to_string())),
            _ => Ok(()),
        }
    }

    /// Why a filter is not granted.
    fn check_wanted(&self, slot: u32, wanted: &Wanted<'_>, at: usize) -> Result<(), ReasonCode> {
        let (limits, mqtt) = (&self.settings.limits, &self.settings.mqtt);
        let Some(session) = self.sessions.get(slot) else {
            return Err(ReasonCode::UnspecifiedError);
        };
        let shared =
            SharedFilter::parse(wanted.filter).map_err(|_| ReasonCode::TopicFilterInvalid)?;
        let filter = shared.map_or(wanted.filter, |s| s.filter);
        pattern::check_mqtt(filter, limits.max_topic_bytes)
            .map_err(|_| ReasonCode::TopicFilterInvalid)?;
        if shared.is_some() && !mqtt.shared_subscriptions {
            return Err(ReasonCode::SharedSubscriptionsNotSupported);
        }
        if !mqtt.wildcard_subscriptions && pattern::has_wildcard(filter) {
            return Err(ReasonCode::WildcardSubscriptionsNotSupported);
        }
        let known = &session.subscriptions;
        let full = || {
            known.len() >= limits.max_subscriptions_per_session && !known.contains(wanted.filter)
        };
        if at >= limits.max_filters_per_subscribe || full() {
            return Err(ReasonCode::QuotaExceeded);
        }
        if !authorize(
            &self.settings.policy,
            &session.identity,
            Action::Subscribe,
            filter,
        ) {
            return Err(ReasonCode::NotAuthorized);
        }
        Ok(())
    }

    /// Enters one subscription everywhere; the granted QoS. Interest first, retained messages after.
    fn subscribe(&mut self, slot: u32, wanted: &Wanted<'_>) -> u8 {
        let maximum = qos::wire(self.settings.mqtt.maximum_qos);
        let options = SubOptions {
            qos: wanted.options.qos.min(maximum),
            ..wanted.options
        };
        let Some(session) = self.sessions.get_mut(slot) else {
            return 0x80;
        };
        let put = session.subscriptions.put(wanted.filter, options, wanted.id);
        let is_new = put.is_new;
        let (queue, durable) = (session.queue, session.durable);
        if is_new {
            self.gauges.subscribed(wanted.shared.is_some());
        }
        let group = wanted.shared.map(|shared| {
            let queue_if_new = self.shared.new_queue();
            self.join_group(slot, shared, options, wanted.id, queue_if_new)
        });
        if durable {
            let row = Row::Subscription {
                queue,
                filter: wanted.filter.into(),
                options: options.to_byte(),
                id: wanted.id,
                group,
            };
            self.store(Record::Put(row));
        }
        if group.is_none() {
            self.enter_interest(slot, wanted.filter, options, wanted.id, put);
            let wants = match options.retain_handling {
                RetainHandling::Send => true,
                RetainHandling::SendIfNew => is_new,
                RetainHandling::DontSend => false,
            };
            if wants {
                self.begin_replay(slot, wanted.filter, options, wanted.id, put);
            }
        }
        options.qos as u8
    }

    pub(super) fn enter_interest(
        &mut self,
        slot: u32,
        filter: &str,
        options: SubOptions,
        id: Option<u32>,
        put: Put,
    ) {
        let Some(session) = self.sessions.get(slot) else {
            return;
        };
        let (queue, durable, here) = (session.queue, session.durable, self.id);
        let place = if durable { u32::from(here) } else { slot };
        let terms = Terms {
            no_local: options.no_local,
            keep_retain: options.retain_as_published,
            id,
            mark: if durable { put.seq } else { 0 },
        };
        let qos = qos::neutral(options.qos);
        let subscription = Subscription::new(queue, place, qos, terms);
        if durable {
            self.shared
                .write_table(|table| table.subscribe(filter, subscription));
        } else {
            self.local.subscribe(filter, subscription);
            if put.is_new {
                self.shared
                    .write_table(|table| table.add_volatile(filter, here));
            }
        }
        self.shared.interest.changed(filter);
    }

    /// Notes which retained messages the client is owed. Live copies of what the replay will bring
    /// are left out, for a new subscription.
    fn begin_replay(
        &mut self,
        slot: u32,
        filter: &str,
        options: SubOptions,
        id: Option<u32>,
        put: Put,
    ) {
        let version = self.shared.read_retained(|tree| tree.version());
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let queue = session.queue;
        if put.is_new && version > 0 {
            if session.durable {
                session.subscriptions.set_barrier(put.seq, version);
            } else {
                self.local.set_mark(filter, queue, version);
            }
        }
        if version > 0 {
            let replay = Replay {
                filter: filter.into(),
                from: None,
                version,
                options,
                id,
            };
            session.replays.push(replay);
        }
    }

    /// Makes the session a member of a group; the group's queue, which is `queue_if_new` where it is
    /// the first one.
    pub(super) fn join_group(
        &mut self,
        slot: u32,
        shared: SharedFilter<'_>,
        options: SubOptions,
        id: Option<u32>,
        queue_if_new: QueueId,
    ) -> QueueId {
        let Some(session) = self.sessions.get(slot) else {
            return queue_if_new;
        };
        let member = Member {
            queue: session.queue,
            shard: self.id,
            identity: session.identity.clone(),
            durable: session.durable,
            online: session.live().is_some(),
            qos: qos::neutral(options.qos),
            keep_retain: options.retain_as_published,
            id,
        };
        let shards = self.shared.shards;
        let joined = self.shared.write_table(|table| {
            table.join(shared.group, shared.filter, member, queue_if_new, shards)
        });
        self.group_changed(shared.filter, joined.home, joined.queue);
        joined.queue
    }

    /// A group has other members than before: routes are stale, and its home must know.
    pub(super) fn group_changed(&mut self, filter: &str, home: message::ShardId, group: QueueId) {
        self.shared.interest.changed(filter);
        if home == self.id {
            self.changed_groups.push(group);
        } else {
            self.mail(home, Letter::GroupChanged { group });
        }
    }

    /// The session's memberships count, or don't: its client has come or gone.
    pub(super) fn announce_presence(&mut self, slot: u32, online: bool) {
        let Some(session) = self.sessions.get(slot) else {
            return;
        };
        let queue = session.queue;
        let filters: Vec<Box<str>> = session
            .subscriptions
            .iter()
            .filter(|s| s.filter.starts_with("$share/"))
            .map(|s| s.filter.clone())
            .collect();
        for filter in filters {
            let Ok(Some(shared)) = SharedFilter::parse(&filter) else {
                continue;
            };
            let group = self.shared.write_table(|table| {
                table.set_online(shared.group, shared.filter, queue, online);
                table.group(shared.group, shared.filter)
            });
            if let Some((group, home)) = group {
                self.group_changed(shared.filter, home, group);
            }
        }
    }
}
