//! The judge: holds the ledger against what the broker has promised. Reads only; each finding is a line that names
//! the client, the message and the cycle.

use crate::ledger::{Incoming, Ledger, Outgoing, Receipt, Sent, Subscription, Tag};
use mqtt_codec::QoS;
use std::collections::{BTreeMap, HashMap, HashSet};

/// No more findings than this of each kind and client: one cause has many.
const MOST: usize = 5;

/// Pages of the ledger that nobody writes any more, or a copy of them.
pub(crate) struct Judge<'a> {
    outgoing: BTreeMap<u16, &'a Outgoing>,
    incoming: Vec<&'a Incoming>,
}

/// Runs `look` with a judge while nobody writes.
pub(crate) fn with<T>(ledger: &Ledger, look: impl FnOnce(&Judge<'_>) -> T) -> T {
    let outgoing = ledger.outgoing.lock().unwrap();
    let incoming = ledger.incoming.lock().unwrap();
    let sent: Vec<_> = outgoing
        .iter()
        .map(|(n, page)| (*n, page.lock().unwrap()))
        .collect();
    let received: Vec<_> = incoming.iter().map(|page| page.lock().unwrap()).collect();
    look(&Judge {
        outgoing: sent.iter().map(|(n, page)| (*n, &**page)).collect(),
        incoming: received.iter().map(|page| &**page).collect(),
    })
}

impl Judge<'_> {
    fn sent(&self, tag: Tag) -> Option<&Sent> {
        self.outgoing
            .get(&tag.publisher)?
            .sent
            .get(tag.seq as usize)
    }

    fn all_sent(&self) -> impl Iterator<Item = (Tag, &Sent)> {
        self.outgoing.iter().flat_map(|(publisher, page)| {
            page.sent.iter().enumerate().map(|(seq, sent)| {
                let seq = u32::try_from(seq).expect("few messages");
                let publisher = *publisher;
                (Tag { publisher, seq }, sent)
            })
        })
    }

    fn named(&self, tag: Tag) -> String {
        let Some(sent) = self.sent(tag) else {
            return format!("{tag:?}");
        };
        let name = &self.outgoing[&tag.publisher].name;
        let Sent {
            topic,
            qos,
            cycle,
            acked_at,
            ..
        } = sent;
        let acked = if acked_at.is_some() {
            "acknowledged"
        } else {
            "not acknowledged"
        };
        format!(
            "message {} of {name} on {topic} ({qos:?}, cycle {cycle}, {acked})",
            tag.seq
        )
    }

    /// Acknowledged messages that have not come to where they are owed.
    pub(crate) fn missing(&self) -> Vec<String> {
        let mut findings = Vec::new();
        let mut groups: HashMap<&str, Vec<&Incoming>> = HashMap::new();
        for page in &self.incoming {
            match page.group {
                Some(group) => groups.entry(group).or_default().push(page),
                None => findings.extend(self.missing_at(&[page])),
            }
        }
        for members in groups.values() {
            findings.extend(self.missing_at(members));
        }
        findings
    }

    fn missing_at(&self, members: &[&Incoming]) -> Vec<String> {
        let received = members.iter().flat_map(|page| &page.received);
        let received: HashSet<Tag> = received.map(|receipt| receipt.tag).collect();
        let owed = |sent: &Sent| {
            members
                .iter()
                .any(|page| page.subscriptions.iter().any(|it| owes(it, sent)))
        };
        let mut lost = Findings::default();
        for (tag, sent) in self.all_sent() {
            if !received.contains(&tag) && owed(sent) {
                let who = &members[0].name;
                lost.add(|| format!("LOST at {who}: {}", self.named(tag)));
            }
        }
        lost.close("lost")
    }

    /// Everything but what is missing.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let mut findings = Vec::new();
        let mut group_once: HashMap<&str, HashMap<Tag, &str>> = HashMap::new();
        for page in &self.incoming {
            findings.extend(self.duplicates(page, &mut group_once));
            findings.extend(self.unwanted(page));
            if page.group.is_none() {
                findings.extend(self.disorder(page));
            }
        }
        findings
    }

    /// What was sent and came at QoS 2 comes once to a session, and to one member of a group.
    fn duplicates<'a>(
        &self,
        page: &'a Incoming,
        groups: &mut HashMap<&'a str, HashMap<Tag, &'a str>>,
    ) -> Vec<String> {
        let mut found = Findings::default();
        let mut alone = HashMap::new();
        let seen = match page.group {
            Some(group) => groups.entry(group).or_default(),
            None => &mut alone,
        };
        for receipt in &page.received {
            let twice = self
                .sent(receipt.tag)
                .is_some_and(|sent| sent.qos == QoS::ExactlyOnce);
            if !twice || receipt.qos != QoS::ExactlyOnce {
                continue;
            }
            if let Some(before) = seen.insert(receipt.tag, &page.name) {
                let (who, cycle) = (&page.name, receipt.cycle);
                let what = self.named(receipt.tag);
                found.add(|| format!("TWICE at {before} and in cycle {cycle} at {who}: {what}"));
            }
        }
        found.close("twice")
    }

    /// What nobody sent, nobody asked for any more, or came at another QoS than it should.
    fn unwanted(&self, page: &Incoming) -> Vec<String> {
        let mut found = Findings::default();
        let who = &page.name;
        for receipt in &page.received {
            let cycle = receipt.cycle;
            let Some(sent) = self.sent(receipt.tag) else {
                found.add(|| format!("NEVER SENT, at {who} in cycle {cycle}: {:?}", receipt.tag));
                continue;
            };
            let may = page
                .subscriptions
                .iter()
                .filter(|it| may_bring(it, sent, receipt));
            let Some(most) = may.map(|it| it.qos.min(sent.qos)).max() else {
                let what = self.named(receipt.tag);
                found.add(|| format!("UNASKED at {who} in cycle {cycle}: {what}"));
                continue;
            };
            let owing = page.subscriptions.iter().filter(|it| owes(it, sent));
            let least = owing.map(|it| it.qos.min(sent.qos)).max();
            if receipt.qos > most || least.is_some_and(|least| receipt.qos < least) {
                let (qos, what) = (receipt.qos, self.named(receipt.tag));
                found.add(|| format!("QOS {qos:?} at {who} in cycle {cycle}: {what}"));
            }
        }
        found.close("unwanted")
    }

    /// First receptions keep the order of each publisher's topic and QoS.
    fn disorder(&self, page: &Incoming) -> Vec<String> {
        let mut found = Findings::default();
        let mut last: HashMap<(u16, &str, QoS), Tag> = HashMap::new();
        let mut seen = HashSet::new();
        for receipt in page
            .received
            .iter()
            .filter(|receipt| seen.insert(receipt.tag))
        {
            let Some(sent) = self.sent(receipt.tag) else {
                continue;
            };
            let lane = (receipt.tag.publisher, &*sent.topic, sent.qos);
            let before = last.insert(lane, receipt.tag);
            if let Some(before) = before.filter(|before| before.seq > receipt.tag.seq) {
                let (who, cycle) = (&page.name, receipt.cycle);
                let (what, before) = (self.named(receipt.tag), before.seq);
                found
                    .add(|| format!("ORDER at {who} in cycle {cycle}: after {before} came {what}"));
            }
        }
        found.close("out of order")
    }

    /// A new subscriber is shown the last acknowledged value of each topic, or what was sent later.
    pub(crate) fn retained(&self, shown: &[(String, Tag)]) -> Vec<String> {
        let mut findings = Vec::new();
        let mut topics: BTreeMap<&str, Vec<(Tag, &Sent)>> = BTreeMap::new();
        for (tag, sent) in self.all_sent().filter(|(_, sent)| sent.retain) {
            topics.entry(&sent.topic).or_default().push((tag, sent));
        }
        for (topic, sent) in &topics {
            let last_acked = sent.iter().rposition(|(_, sent)| sent.acked_at.is_some());
            let possible = &sent[last_acked.unwrap_or(0)..];
            let values: Vec<Tag> = shown
                .iter()
                .filter(|(on, _)| on == topic)
                .map(|it| it.1)
                .collect();
            let right = match values[..] {
                [] => last_acked.is_none() || possible.iter().any(|(_, sent)| sent.clears),
                [value] => possible
                    .iter()
                    .any(|(tag, sent)| *tag == value && !sent.clears),
                _ => false,
            };
            if !right {
                let sets = |(tag, sent): &(Tag, &Sent)| {
                    if sent.clears {
                        "none".to_owned()
                    } else {
                        tag.seq.to_string()
                    }
                };
                let wanted: Vec<String> = possible.iter().map(sets).collect();
                let wanted = wanted.join(" or ");
                findings.push(format!(
                    "RETAINED on {topic}: shown {values:?}, not {wanted}"
                ));
            }
        }
        for (topic, tag) in shown
            .iter()
            .filter(|(topic, _)| !topics.contains_key(&**topic))
        {
            findings.push(format!("RETAINED on {topic}: {tag:?}, which nobody sent"));
        }
        findings
    }
}

/// The message is owed: subscribed before it was sent, and still when it was acknowledged.
fn owes(subscription: &Subscription, sent: &Sent) -> bool {
    let (Some(since), Some(acked_at)) = (subscription.since, sent.acked_at) else {
        return false;
    };
    since < sent.sent_at
        && subscription
            .leaving_at
            .is_none_or(|leaving| acked_at < leaving)
        && !sent.clears
        && matches(&subscription.filter, &sent.topic)
}

/// The subscription may have brought it: it had not ended when the message was sent.
fn may_bring(subscription: &Subscription, sent: &Sent, receipt: &Receipt) -> bool {
    subscription.asked_at < receipt.at
        && subscription.until.is_none_or(|until| sent.sent_at < until)
        && matches(&subscription.filter, &sent.topic)
}

fn matches(filter: &str, topic: &str) -> bool {
    let filter = match filter.strip_prefix("$share/") {
        Some(shared) => shared.split_once('/').map_or("", |(_, filter)| filter),
        None => filter,
    };
    let (mut levels, mut names) = (filter.split('/'), topic.split('/'));
    loop {
        match (levels.next(), names.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(level), Some(name)) if level == name => {}
            _ => return false,
        }
    }
}

#[derive(Default)]
struct Findings {
    lines: Vec<String>,
    count: usize,
}

impl Findings {
    fn add(&mut self, line: impl FnOnce() -> String) {
        self.count += 1;
        if self.lines.len() < MOST {
            self.lines.push(line());
        }
    }

    fn close(mut self, what: &str) -> Vec<String> {
        if self.count > self.lines.len() {
            self.lines.push(format!("... {} {what} in all", self.count));
        }
        self.lines
    }
}
