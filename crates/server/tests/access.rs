//! Users and access lists from the files to the wire: every way to publish or to be given something,
//! and what a reload takes away again.
//!
//! "Nothing came" is never a wait: the next message of the same publisher is one that is allowed.

mod wire;

use std::net::Shutdown;
use std::time::{Duration, Instant};
use wire::mqtt5::{Client, Connect, NOT_AUTHORIZED, Publish};
use wire::site::{Site, users};
use wire::wait_until;

const OK: u8 = 0;
const GRANTED: u8 = 1;
const ACL: &str = "user ann\ntopic readwrite a/#\ntopic deny a/secret\ntopic write only/write\n\
                   user bob\ntopic read a/1\ntopic read a/2\ntopic readwrite own/bob\n\
                   user eve\ntopic read nothing/here\n\
                   user watch\ntopic readwrite #\n";
const USERS: &[(&str, &str)] = &[("ann", "pw"), ("bob", "pw"), ("eve", "pw"), ("watch", "pw")];

fn heard(client: &mut Client, topic: &str, payload: &str) {
    assert_eq!(client.heard(), (topic.to_owned(), payload.to_owned()));
}

fn as_user<'a>(user: &'a str, password: &'a str) -> Connect<'a> {
    Connect {
        id: user,
        user: Some(user),
        password: Some(password),
        ..Connect::default()
    }
}

#[test]
fn publish_and_subscribe() {
    let site = Site::start(ACL, USERS);
    let (mut ann, mut bob) = (site.client("ann"), site.client("bob"));
    for (filter, reason) in [
        ("a/1", GRANTED),
        ("a/+", GRANTED),
        ("a/3", NOT_AUTHORIZED),
        ("b/#", NOT_AUTHORIZED),
        ("$SYS/#", NOT_AUTHORIZED),
        ("$share/g/a/3", NOT_AUTHORIZED),
        ("$share/g/a/secret", NOT_AUTHORIZED),
    ] {
        assert_eq!(bob.subscribe(filter), reason, "{filter}");
    }
    assert_eq!(ann.say("a/3", "not for bob"), OK);
    assert_eq!(ann.say("a/secret", "for nobody"), NOT_AUTHORIZED);
    assert_eq!(ann.say("b/1", "elsewhere"), NOT_AUTHORIZED);
    assert_eq!(ann.say("$SYS/broker/version", "mine"), NOT_AUTHORIZED);
    assert_eq!(bob.say("a/1", "read only"), NOT_AUTHORIZED);
    assert_eq!(ann.say("a/2", "for bob"), OK);
    heard(&mut bob, "a/2", "for bob");
    assert_eq!(ann.subscribe("only/write"), NOT_AUTHORIZED);
    assert_eq!(ann.say("only/write", "x"), OK);
    site.stop();
}

#[test]
fn an_alias_stands_for_a_topic_that_is_checked_each_time() {
    let mut site = Site::start(ACL, USERS);
    let (mut ann, mut watch) = (site.client("ann"), site.client("watch"));
    watch.subscribe("#");
    let by_alias = |client: &mut Client, topic, payload: &[u8]| {
        client.publish(Publish {
            topic,
            payload,
            alias: Some(1),
            ..Publish::default()
        })
    };
    assert_eq!(by_alias(&mut ann, "a/1", b"named"), OK);
    assert_eq!(by_alias(&mut ann, "", b"by alias"), OK);
    // The alias now stands for what may not be published.
    assert_eq!(by_alias(&mut ann, "a/secret", b"x"), NOT_AUTHORIZED);
    assert_eq!(by_alias(&mut ann, "", b"x"), NOT_AUTHORIZED);
    assert_eq!(by_alias(&mut ann, "a/2", b"again"), OK);
    site.set_acl(&ACL.replace("deny a/secret", "deny a/2"));
    within_a_second("revoked", || {
        by_alias(&mut ann, "", b"old") == NOT_AUTHORIZED
    });
    assert_eq!(ann.say("a/9", "last"), OK);
    heard(&mut watch, "a/1", "named");
    heard(&mut watch, "a/1", "by alias");
    heard(&mut watch, "a/2", "again");
    let after = std::iter::from_fn(|| Some(watch.heard())).find(|(_, payload)| payload != "old");
    assert_eq!(after, Some(("a/9".into(), "last".into())));
    site.stop();
}

/// A revocation takes effect within a second.
fn within_a_second(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(1);
    while !done() {
        assert!(Instant::now() < deadline, "not within a second: {what}");
    }
}

#[test]
fn retained_messages() {
    let mut site = Site::start(ACL, USERS);
    let (mut ann, mut bob) = (site.client("ann"), site.client("bob"));
    let retain = |client: &mut Client, topic, payload: &[u8]| {
        client.publish(Publish {
            topic,
            payload,
            retain: true,
            ..Publish::default()
        })
    };
    for topic in ["a/1", "a/2", "a/3"] {
        assert_eq!(retain(&mut ann, topic, topic.as_bytes()), OK);
    }
    assert_eq!(retain(&mut ann, "b/1", b"x"), NOT_AUTHORIZED);
    assert_eq!(retain(&mut bob, "a/1", b""), NOT_AUTHORIZED);
    assert_eq!(bob.subscribe("a/#"), GRANTED);
    let mut both = [bob.heard().0, bob.heard().0];
    both.sort();
    assert_eq!(both, ["a/1", "a/2"]);
    assert_eq!(ann.say("a/3", "not for bob"), OK);
    assert_eq!(ann.say("a/1", "live"), OK);
    heard(&mut bob, "a/1", "live");

    site.set_acl(&ACL.replace("topic read a/1\n", ""));
    within_a_second("a/1 is replayed no more", || {
        !replayed(&mut bob, "a/#", "a/2").contains(&"a/1".to_owned())
    });
    let mut watch = site.client("watch");
    assert_eq!(watch.subscribe("#"), GRANTED);
    let mut all: Vec<_> = (0..3).map(|_| watch.heard().0).collect();
    all.sort();
    assert_eq!(all, ["a/1", "a/2", "a/3"]);
    assert_eq!(ann.say("a/4", "marker"), OK);
    heard(&mut watch, "a/4", "marker");
    site.stop();
}

/// Subscribes twice and returns the topics that are replayed, `sure` each time.
fn replayed(client: &mut Client, filter: &str, sure: &str) -> Vec<String> {
    let mut topics = Vec::new();
    for _ in 0..2 {
        client.send(&wire::mqtt5::subscribe(1, filter));
        let (mut acknowledged, mut seen) = (false, false);
        while !acknowledged || !seen {
            let packet = client.read();
            if packet.0 == 0x90 {
                assert_eq!(packet.1.last(), Some(&GRANTED));
                acknowledged = true;
            } else {
                let message = client.take(packet);
                assert!(message.retain, "{message:?}");
                seen |= message.topic == sure;
                topics.push(message.topic);
            }
        }
    }
    topics
}

#[test]
fn shared_subscriptions_give_a_message_to_those_who_may_read_it() {
    let site = Site::start(ACL, USERS);
    let mut ann = site.client("ann");
    let (mut bob, mut watch) = (site.client("bob"), site.client("watch"));
    assert_eq!(bob.subscribe("$share/g/a/#"), GRANTED);
    assert_eq!(watch.subscribe("$share/g/a/#"), GRANTED);
    for n in 0..20 {
        assert_eq!(ann.say("a/3", &n.to_string()), OK);
    }
    for n in 0..20 {
        assert_eq!(ann.say("a/1", &n.to_string()), OK);
    }
    // Bob is given nothing that he may not read, and nothing is lost.
    let wait = Some(Duration::from_millis(10));
    let (mut ones, mut threes) = (0, 0);
    let deadline = Instant::now() + Duration::from_secs(10);
    while (ones, threes) != (20, 20) {
        assert!(Instant::now() < deadline, "{ones} of a/1, {threes} of a/3");
        for (may, client) in [(false, &mut bob), (true, &mut watch)] {
            client.socket.set_read_timeout(wait).unwrap();
            while client.socket.peek(&mut [0]).is_ok() {
                let message = client.message();
                assert!(may || message.topic != "a/3", "bob was given a/3");
                ones += usize::from(message.topic == "a/1");
                threes += usize::from(message.topic == "a/3");
            }
        }
    }
    site.stop();
}

#[test]
fn wills_are_checked_at_connect_and_when_sent() {
    let mut site = Site::start(ACL, USERS);
    let mut watch = site.client("watch");
    watch.subscribe("#");
    for topic in ["a/secret", "b/1", "$SYS/x"] {
        let with_will = Connect {
            will: Some((topic, "x")),
            ..as_user("ann", "pw")
        };
        let (_, reason) = Client::try_connect(&site.address(), with_will);
        assert_eq!(reason, Some(NOT_AUTHORIZED), "{topic}");
    }
    let with_will = Connect {
        will: Some(("a/will", "gone")),
        will_retain: true,
        ..as_user("ann", "pw")
    };
    // Its successor is let in once the first has been seen off, will and all.
    let lost = site.connect(with_will);
    lost.socket.shutdown(Shutdown::Both).unwrap();
    let mut ann = site.client("ann");
    assert_eq!(ann.say("a/1", "marker"), OK);
    heard(&mut watch, "a/will", "gone");
    heard(&mut watch, "a/1", "marker");
    drop(ann);

    let lost = site.connect(with_will);
    site.set_acl(&ACL.replace("deny a/secret", "deny a/will"));
    all_shards_know(&site, "ann", |probe| {
        probe.say("a/will", "old") == NOT_AUTHORIZED
    });
    lost.socket.shutdown(Shutdown::Both).unwrap();
    let mut ann = site.client("ann");
    assert_eq!(ann.say("a/2", "marker"), OK);
    let next = std::iter::from_fn(|| Some(watch.heard())).find(|(_, payload)| payload != "old");
    assert_eq!(next, Some(("a/2".into(), "marker".into())));
    site.stop();
}

/// Waits until a user has lost a right in sessions of all shards.
fn all_shards_know(site: &Site, user: &str, lost: impl Fn(&mut Client) -> bool) {
    for id in ["p", "q", "r", "s", "t", "u", "v", "w"] {
        let mut probe = site.connect(Connect {
            id,
            ..as_user(user, "pw")
        });
        within_a_second("revoked", || lost(&mut probe));
    }
}

#[test]
fn what_is_queued_is_checked_again_at_delivery() {
    let mut site = Site::start(ACL, USERS);
    let kept = Connect {
        keep: Some(1000),
        ..as_user("bob", "pw")
    };
    let mut bob = site.connect(kept);
    assert_eq!(bob.subscribe("a/#"), GRANTED);
    bob.send(&[0xe0, 0]);
    assert_eq!(bob.try_read(), None);
    let mut ann = site.client("ann");
    for n in 0..10 {
        assert_eq!(ann.say("a/1", &format!("{n}")), OK);
        assert_eq!(ann.say("a/2", &format!("{n}")), OK);
    }
    site.set_acl(&ACL.replace("topic read a/1\n", ""));
    all_shards_know(&site, "bob", |probe| {
        probe.subscribe("a/1") == NOT_AUTHORIZED
    });
    let mut bob = site.connect(kept);
    for n in 0..10 {
        heard(&mut bob, "a/2", &format!("{n}"));
    }
    assert_eq!(ann.say("a/1", "late"), OK);
    assert_eq!(ann.say("a/2", "last"), OK);
    heard(&mut bob, "a/2", "last");
    site.stop();
}

#[test]
fn a_live_subscription_ends_within_a_second_of_the_reload() {
    let mut site = Site::start(ACL, USERS);
    let (mut ann, mut bob) = (site.client("ann"), site.client("bob"));
    assert_eq!(bob.subscribe("a/#"), GRANTED);
    let mut given = |round: &str| {
        assert_eq!(ann.say("a/1", round), OK);
        assert_eq!(ann.say("a/2", round), OK);
        let first = bob.heard();
        if first.0 == "a/1" {
            heard(&mut bob, "a/2", round);
        }
        first.0 == "a/1"
    };
    assert!(given("before"));
    site.set_acl(&ACL.replace("topic read a/1\n", ""));
    within_a_second("bob is no longer given a/1", || !given("after"));
    assert!(!given("for good"));
    // A list with a mistake changes nothing.
    site.set_acl("user bob\ntopic raed a/#\n");
    assert!(!given("bad list"));
    site.set_acl(ACL);
    within_a_second("bob is given a/1 again", || given("granted again"));
    // An empty one denies everybody everything.
    site.set_acl("# nothing\n");
    let mut eve = site.client("eve");
    within_a_second("denied", || eve.subscribe("nothing/here") == NOT_AUTHORIZED);
    within_a_second("ann too", || ann.say("a/1", "x") == NOT_AUTHORIZED);
    site.stop();
}

#[test]
fn users_come_and_go_with_the_password_file() {
    const BAD: Option<u8> = Some(0x86);
    let mut site = Site::start(ACL, &USERS[..2]);
    let address = site.address();
    let login = |user, password| Client::try_connect(&address, as_user(user, password)).1;
    assert_eq!(login("ann", "pw"), Some(0));
    assert_eq!(login("ann", "wrong"), BAD);
    assert_eq!(login("eve", "pw"), BAD);
    let nameless = || {
        Client::try_connect(
            &address,
            Connect {
                id: "x",
                ..Connect::default()
            },
        )
        .1
    };
    assert_eq!(nameless(), Some(NOT_AUTHORIZED));

    site.folder
        .write("users.txt", &users(&[("eve", "pw"), ("ann", "new")]));
    site.node.reload();
    wait_until("eve is known", 1, || login("eve", "pw") == Some(0));
    wait_until("ann has a new password", 1, || login("ann", "pw") == BAD);
    assert_eq!(login("ann", "new"), Some(0));
    wait_until("bob has gone", 1, || login("bob", "pw") == BAD);

    // A broken file keeps those who were there; an empty one lets nobody in.
    site.folder.write("users.txt", "eve:plain\n");
    site.node.reload();
    assert_eq!(login("ann", "new"), Some(0));
    std::fs::remove_file(site.folder.path("users.txt")).unwrap();
    site.node.reload();
    assert_eq!(login("ann", "new"), Some(0));
    site.folder.write("users.txt", "");
    site.node.reload();
    wait_until("nobody is let in", 1, || login("ann", "new") == BAD);
    assert_eq!(nameless(), Some(NOT_AUTHORIZED));
    site.stop();
}

#[test]
fn hostile_names_widen_nothing() {
    let patterns = "pattern readwrite dev/%u/#\npattern readwrite c/%c/+\npattern read %u/#\n\
                    pattern readwrite mix/x%u-%c/y\nuser watch\ntopic readwrite #\n";
    let site = Site::start(patterns, &[]);
    let mut watch = site.client("watch");
    watch.subscribe("dev/#");
    watch.subscribe("c/#");
    let elsewhere = ["dev/ann/x", "dev/b", "c/k1/x", "c/a/b/x", "mix/xann-k/y"];
    for user in [
        "+",
        "#",
        "a/b",
        "+/#",
        "ann/#",
        "$SYS",
        "%u",
        "%c",
        "/",
        "ann/../bob",
    ] {
        for id in ["+", "#", "a/b", "k/+", "%c", "%u", "$SYS"] {
            let mut client = site.connect(Connect {
                id,
                user: Some(user),
                ..Connect::default()
            });
            let whom = format!("user {user:?}, client {id:?}");
            for topic in elsewhere {
                assert_eq!(client.say(topic, "x"), NOT_AUTHORIZED, "{topic}, {whom}");
                assert_eq!(client.subscribe(topic), NOT_AUTHORIZED, "{topic}, {whom}");
            }
            for filter in [
                "dev/ann/#",
                "c/ann/+",
                "$SYS/#",
                "mix/+/z",
                "$share/g/dev/ann/#",
            ] {
                assert_eq!(client.subscribe(filter), NOT_AUTHORIZED, "{filter}, {whom}");
            }
            let wide = client.subscribe("#");
            let fits = |name: &str| !name.contains(['+', '#', '/']);
            // Granted where at least one topic may be read: that of a name that a level can hold.
            let readable = fits(user) || fits(id);
            assert_eq!(wide == GRANTED, readable, "#, {whom}");
        }
    }
    // Nobody has been given anything by a wide subscription, nor has anything been published.
    let mut percent = site.connect(Connect {
        id: "%u",
        user: Some("%c"),
        ..Connect::default()
    });
    assert_eq!(percent.subscribe("#"), GRANTED);
    let mut ann = site.client("ann");
    assert_eq!(ann.say("dev/ann/1", "ann's"), OK);
    assert_eq!(ann.say("c/ann/1", "ann's"), OK);
    let own = Publish {
        topic: "dev/%c/1",
        payload: b"own",
        ..Publish::default()
    };
    percent.send(&own.packet(None));
    assert_eq!(percent.heard(), ("dev/%c/1".into(), "own".into()));
    heard(&mut watch, "dev/ann/1", "ann's");
    heard(&mut watch, "c/ann/1", "ann's");
    heard(&mut watch, "dev/%c/1", "own");
    site.stop();
}
