//! The oracle: was everything that was promised kept? Judges a ledger once the world is quiet and every
//! client has been connected again.

use crate::ledger::{Delivery, Ledger, Message, MessageNo, Subscription};
use message::SharedFilter;
use message::pattern;
use std::collections::{BTreeMap, BTreeSet};

/// All that is wrong with a ledger, besides what clients noticed themselves.
pub fn judge(ledger: &Ledger) -> Vec<String> {
    let mut faults = Vec::new();
    lost(ledger, &mut faults);
    acknowledged_too_early(ledger, &mut faults);
    repeated(ledger, &mut faults);
    out_of_order(ledger, &mut faults);
    uninvited(ledger, &mut faults);
    groups(ledger, &mut faults);
    faults
}

fn shared_filter(filter: &str) -> Option<SharedFilter<'_>> {
    SharedFilter::parse(filter).ok().flatten()
}

fn matches(subscription: &Subscription, topic: &str) -> bool {
    let filter =
        shared_filter(&subscription.filter).map_or(subscription.filter.as_str(), |s| s.filter);
    pattern::matches(filter, topic)
}

/// Was the message, once acknowledged, owed to this subscription?
fn owed(message: &Message, subscription: &Subscription) -> bool {
    let (Some(acked), Some(subscribed)) = (message.acked_at, subscription.acked_at) else {
        return false;
    };
    let stayed = match subscription.left_at {
        None => true,
        // A durable destination is named when the message is acknowledged.
        Some(left) => subscription.durable && !subscription.session_ended && acked < left,
    };
    let wanted = message.qos > 0 && subscription.qos > 0 && matches(subscription, &message.topic);
    wanted && stayed && subscribed < message.sent_at
}

/// Messages that clients publish, rather than have published after them.
fn published(ledger: &Ledger) -> impl Iterator<Item = (MessageNo, &Message)> {
    ledger
        .messages
        .iter()
        .enumerate()
        .filter(|(_, m)| !m.will && !m.refused && !m.clears)
}

fn is_shared(subscription: &Subscription) -> bool {
    subscription.filter.starts_with("$share/")
}

/// Clients that share subscriptions: what comes back from one of them may come again to another, or to
/// its next session.
fn sharers(ledger: &Ledger) -> BTreeSet<usize> {
    ledger
        .subscriptions
        .iter()
        .filter(|s| is_shared(s))
        .map(|s| s.client)
        .collect()
}

fn lost(ledger: &Ledger, faults: &mut Vec<String>) {
    let delivered: BTreeSet<_> = ledger
        .deliveries
        .iter()
        .map(|d| (d.client, d.message))
        .collect();
    for (no, message) in published(ledger) {
        for s in ledger
            .subscriptions
            .iter()
            .filter(|s| !is_shared(s) && owed(message, s))
        {
            if !delivered.contains(&(s.client, no)) {
                faults.push(format!(
                    "m{no} was acknowledged and never reached client {}: {message:?}, {s:?}",
                    s.client
                ));
            }
        }
    }
}

/// What a durable destination wants, or what is retained, is acknowledged when it is durable.
fn acknowledged_too_early(ledger: &Ledger, faults: &mut Vec<String>) {
    for (no, message) in published(ledger) {
        let durable = |s: &Subscription| s.durable && s.left_at.is_none() && owed(message, s);
        let needed = message.retain || ledger.subscriptions.iter().any(durable);
        if message.acked_at.is_some() && needed && !message.acked_synced {
            let who: Vec<_> = ledger.subscriptions.iter().filter(|s| durable(s)).collect();
            faults.push(format!(
                "m{no} was acknowledged before it was durable: {message:?}, for {who:?}"
            ));
        }
    }
}

/// Live copies, by client and message.
fn copies(ledger: &Ledger) -> BTreeMap<(usize, MessageNo), Vec<&Delivery>> {
    let mut copies: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for d in ledger.deliveries.iter().filter(|d| !d.retain) {
        copies.entry((d.client, d.message)).or_default().push(d);
    }
    copies
}

fn repeated(ledger: &Ledger, faults: &mut Vec<String>) {
    let sharers = sharers(ledger);
    for ((client, no), copies) in copies(ledger) {
        if sharers.contains(&client) {
            continue;
        }
        let message = &ledger.messages[no];
        let crashed = ledger.crashed_since(message);
        if message.will && crashed {
            // The node may have died between saying it and knowing for good that it did.
            continue;
        }
        // A QoS 1 message that its publisher sent again is another one; so is one of QoS 2 to those who
        // take less, where the node has forgotten it.
        let may_be = if message.qos == 1 || crashed {
            message.sends as usize
        } else {
            1
        };
        let copies: Vec<_> = copies
            .into_iter()
            .filter(|d| !ledger.forgotten(d))
            .collect();
        let exactly = copies.iter().filter(|d| d.qos == 2).count();
        let fresh = copies.iter().filter(|d| !d.dup).count();
        let mut here: BTreeMap<u32, usize> = BTreeMap::new();
        copies
            .iter()
            .for_each(|d| *here.entry(d.connection).or_default() += 1);
        let at_once = here.values().copied().max().unwrap_or(0);
        if exactly > 1 || fresh > may_be || at_once > may_be {
            faults.push(format!(
                "m{no} reached client {client} too often: {message:?}, {copies:?}"
            ));
        }
    }
}

fn out_of_order(ledger: &Ledger, faults: &mut Vec<String>) {
    let mut last: BTreeMap<_, MessageNo> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    // Those who share a subscription are served in order, but not after one of them has gone.
    let sharers = sharers(ledger);
    for d in ledger
        .deliveries
        .iter()
        .filter(|d| !d.retain && !sharers.contains(&d.client))
    {
        let message = &ledger.messages[d.message];
        // What its publisher sent again may come after what followed it, where the first copy was not for
        // this subscriber, or was lost at QoS 0.
        let invited = |s: &Subscription| {
            let lasts = s.left_at.is_none_or(|left| left > d.at);
            s.client == d.client && lasts && s.acked_at.is_some_and(|at| at < message.sent_at)
        };
        let again = message.sends > 1 && (message.qos == 1 || ledger.crashed_since(message));
        if again && (d.qos == 0 || !ledger.subscriptions.iter().any(invited)) {
            continue;
        }
        if message.will || !seen.insert((d.client, d.session, d.message)) {
            continue;
        }
        let line = (
            d.client,
            d.session,
            message.publisher,
            &message.topic,
            message.qos,
        );
        let before = last.insert(line, d.message);
        if before.is_some_and(|before| before > d.message) {
            faults.push(format!(
                "m{} reached client {} after m{before:?}: {d:?}",
                d.message, d.client
            ));
        }
    }
}

/// A delivery needs a subscription that was asked for before, and not yet gone when it was sent.
fn uninvited(ledger: &Ledger, faults: &mut Vec<String>) {
    for d in &ledger.deliveries {
        let message = &ledger.messages[d.message];
        let invites = |s: &&Subscription| {
            let in_time = message.will || s.gone_at.is_none_or(|gone| message.sent_at < gone);
            s.client == d.client && s.asked_at < d.at && in_time && matches(s, &message.topic)
        };
        let granted = ledger
            .subscriptions
            .iter()
            .filter(invites)
            .map(|s| s.qos)
            .max();
        match granted {
            Some(granted) if d.qos <= granted.min(message.qos) => {}
            granted => faults.push(format!(
                "nobody asked for it (granted {granted:?}): {d:?}, {message:?}"
            )),
        }
    }
}

/// Each message goes to one member of a group, unless that one's session ends; QoS 2 never to another.
fn groups(ledger: &Ledger, faults: &mut Vec<String>) {
    let mut groups: BTreeMap<&str, Vec<&Subscription>> = BTreeMap::new();
    for s in ledger.subscriptions.iter().filter(|s| is_shared(s)) {
        groups.entry(&s.filter).or_default().push(s);
    }
    let copies = copies(ledger);
    for (filter, members) in groups {
        let clients: BTreeSet<_> = members.iter().map(|s| s.client).collect();
        for (no, message) in published(ledger) {
            if !members.iter().any(|s| matches(s, &message.topic)) || message.qos == 0 {
                continue;
            }
            let got = clients
                .iter()
                .filter_map(|c| Some((*c, copies.get(&(*c, no))?)));
            let got: Vec<_> = got.collect();
            let who: Vec<_> = got.iter().map(|(client, _)| *client).collect();
            // A member that left, or was still leaving, while the message may have been its own.
            let ended = members.iter().any(|s| {
                s.left_at.is_some() && s.gone_at.is_none_or(|gone| gone > message.sent_at)
            });
            let all = || got.iter().flat_map(|(_, copies)| copies.iter());
            let exactly = all().filter(|d| d.qos == 2 && !ledger.forgotten(d));
            let exactly = exactly.count();
            // What was acknowledged at QoS 1 just before the node died may come again, to anybody.
            let crashed = ledger.crashed_since(message);
            let resent = crashed || (message.qos == 1 && message.sends > 1);
            if exactly > 1 || (got.len() > 1 && !ended && !resent) {
                faults.push(format!(
                    "m{no} of {filter} reached clients {who:?}: {message:?}"
                ));
            }
            let stayed = members
                .iter()
                .any(|s| s.left_at.is_none() && owed(message, s));
            let acked = got.iter().any(|(_, d)| d.iter().any(|d| d.acked));
            // QoS 2 ends with the session that was chosen.
            let may_end = ended && message.qos == 2;
            if stayed && !may_end && !acked {
                faults.push(format!(
                    "m{no} of {filter} was served by nobody, though {who:?} had it: {message:?}"
                ));
            }
        }
    }
}

/// What may be the retained value of each topic now: `None` stands for none.
pub fn retained_values(ledger: &Ledger) -> BTreeMap<&str, BTreeSet<Option<MessageNo>>> {
    let mut topics: BTreeMap<&str, Vec<(MessageNo, &Message)>> = BTreeMap::new();
    for (no, m) in ledger
        .messages
        .iter()
        .enumerate()
        .filter(|(_, m)| m.retain && !m.refused)
    {
        topics.entry(&m.topic).or_default().push((no, m));
    }
    let values = topics.into_iter().map(|(topic, all)| {
        let settled = all.iter().any(|(_, m)| m.acked_at.is_some());
        let over = |m: &Message| {
            let acked = m.acked_at.unwrap_or(u64::MAX);
            all.iter()
                .any(|(_, later)| later.acked_at.is_some() && later.sent_at > acked)
        };
        let mut values: BTreeSet<Option<MessageNo>> = all
            .iter()
            .filter(|(_, m)| !over(m))
            .map(|(no, m)| (!m.clears).then_some(*no))
            .collect();
        if !settled {
            values.insert(None);
        }
        (topic, values)
    });
    values.collect()
}
