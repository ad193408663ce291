//! Tests of access control lists: the format, the rules, and names that try to widen them.

use super::Action::{Publish, Read, Subscribe};
use super::*;
use message::pattern;
use proptest::prelude::*;

fn identity(user: &str, client_id: &str) -> Identity {
    let user = (user != "-").then(|| user.into());
    Identity {
        user,
        client_id: client_id.into(),
    }
}

/// Each line: user (`-` for none), client id, action, topic, answer.
fn check(acl: &str, cases: &[(&str, &str, Action, &str, bool)]) {
    let acl = Acl::parse(acl).unwrap();
    for (user, client_id, action, topic, expect) in cases {
        let answer = acl.allows(&identity(user, client_id), *action, topic);
        assert_eq!(answer, *expect, "{user} {client_id} {action:?} {topic}");
    }
}

#[test]
fn users_anonymous_clients_and_patterns() {
    let text = "# first those without a name\r\ntopic read news/#\r\n\r\n\
                user alice\n  topic a/+\n\ttopic\twrite\tw/with space\n\
                pattern read everybody\n\
                user bob the builder\ntopic b\nuser alice\ntopic read later\n";
    check(
        text,
        &[
            ("-", "c", Read, "news/x", true),
            ("-", "c", Publish, "news/x", false),
            ("alice", "c", Read, "news/x", false),
            ("alice", "c", Read, "a/x", true),
            ("alice", "c", Publish, "a/x", true),
            ("alice", "c", Publish, "w/with space", true),
            ("alice", "c", Read, "w/with space", false),
            ("alice", "c", Read, "later", true),
            ("bob the builder", "c", Publish, "b", true),
            ("bob", "c", Publish, "b", false),
            ("-", "c", Read, "everybody", true),
            ("carol", "c", Read, "everybody", true),
            ("bob the builder", "c", Read, "everybody", true),
        ],
    );
}

#[test]
fn an_empty_file_allows_nothing() {
    for text in ["", "# nothing\n\n", "user alice\n"] {
        check(
            text,
            &[
                ("alice", "c", Read, "a", false),
                ("-", "c", Subscribe, "#", false),
            ],
        );
    }
}

#[test]
fn a_denial_goes_first_wherever_it_stands() {
    let text =
        "user u\ntopic readwrite a/#\ntopic deny a/secret/#\npattern deny own/%c\npattern own/+\n";
    check(
        text,
        &[
            ("u", "c", Read, "a/x", true),
            ("u", "c", Read, "a/secret", false),
            ("u", "c", Publish, "a/secret/x", false),
            ("u", "c", Subscribe, "a/#", true),
            ("u", "c", Subscribe, "a/secret/+", false),
            ("u", "c", Subscribe, "a/+", true),
            ("u", "c", Read, "own/c", false),
            ("u", "c", Read, "own/d", true),
            ("u", "c", Subscribe, "own/c", false),
        ],
    );
}

#[test]
fn a_subscription_needs_one_topic_that_may_be_read() {
    let text =
        "topic read a/+/c\ntopic write w\ntopic read x/#\ntopic read $SYS/+\ntopic deny x/y/#\n";
    let yes = [
        "a/b/c", "a/#", "+/+/+", "#", "a/b/#", "+/b/c", "x", "x/#", "$SYS/#", "+/y/#", "a/+/c",
        "+/+/+/+",
    ];
    let no = [
        "a/b", "w", "b/#", "a/b/c/d", "a/+/d", "x/y/#", "x/y/z", "$SYS", "$SYS/+/a",
    ];
    let acl = Acl::parse(text).unwrap();
    for (filters, expect) in [(&yes[..], true), (&no[..], false)] {
        for filter in filters {
            assert_eq!(
                acl.allows(&identity("-", "c"), Subscribe, filter),
                expect,
                "{filter}"
            );
        }
    }
    check(
        "topic read #\ntopic deny +/#",
        &[
            ("-", "c", Subscribe, "#", false),
            ("-", "c", Read, "a", false),
        ],
    );
    check(
        "topic read +/x",
        &[
            ("-", "c", Subscribe, "$SYS/x", false),
            ("-", "c", Subscribe, "$SYS/#", false),
        ],
    );
}

#[test]
fn a_leading_wildcard_does_not_reach_the_brokers_own_topics() {
    check(
        "topic read $SYS/+\npattern read $p-%c/x\n",
        &[
            ("-", "c", Subscribe, "#", false),
            ("-", "c", Subscribe, "+/x", false),
            ("-", "c", Subscribe, "$SYS/#", true),
            ("-", "c", Subscribe, "$p-c/+", true),
            ("-", "c", Subscribe, "$p-d/+", false),
            ("-", "c", Read, "$p-c/x", true),
        ],
    );
}

#[test]
fn names_stand_for_one_level_and_never_more() {
    let text = "pattern read in/dev-%c/#\npattern write out/%u/%c\npattern %u.%c-%u/x\npattern read %c/#\n";
    check(
        text,
        &[
            ("u", "7", Read, "in/dev-7/a/b", true),
            ("u", "7", Read, "in/dev-8/a", false),
            ("u", "7", Publish, "out/u/7", true),
            ("-", "7", Publish, "out//7", false),
            ("", "7", Publish, "out//7", true),
            ("u", "7", Publish, "u.7-u/x", true),
            ("u", "7", Publish, "u.7-/x", false),
            ("u", "+", Subscribe, "in/+/a", false),
            ("u", "+", Read, "in/dev-x/a", false),
            ("u", "#", Read, "a/b", false),
            ("u", "#", Subscribe, "#", false),
            ("u", "a/b", Read, "in/dev-a/b", false),
            ("u", "a/b", Read, "a/b/c", false),
            ("x/y", "7", Publish, "out/x/y/7", false),
            ("+", "7", Publish, "out/+/7", false),
            ("u", "a\0", Read, "a\0/x", false),
            ("u", "$SYS", Read, "$SYS/x", false),
            ("u", "$SYS", Subscribe, "$SYS/#", false),
            ("u", "%u", Read, "%u/x", true),
            ("u", "%u", Read, "u/x", false),
        ],
    );
    // Outside of patterns the signs stand for themselves.
    check(
        "topic a/%c",
        &[
            ("-", "c", Read, "a/c", false),
            ("-", "c", Read, "a/%c", true),
        ],
    );
}

#[test]
fn offences_are_told_with_their_line() {
    for (text, line, part) in [
        ("topic a\n\nwrong x", 3, "unknown word \"wrong\""),
        ("topic", 1, "'topic' without a topic filter"),
        (
            "user u\r\ntopic read \r\n",
            2,
            "write: topic [read|write|readwrite|deny] FILTER",
        ),
        ("pattern", 1, "'pattern' without"),
        ("user   ", 1, "write: user NAME"),
        ("topic wirte a", 1, "unknown access \"wirte\""),
        ("topic read a/#/b", 1, "bad topic filter \"a/#/b\""),
        ("pattern read a/%c+", 1, "bad topic filter"),
        ("topics a", 1, "unknown word"),
    ] {
        let error = Acl::parse(text).unwrap_err();
        assert_eq!(error.line, line, "{text:?}");
        assert!(error.what.contains(part), "{text:?}: {error}");
    }
}

#[test]
fn identities_of_one_class_differ_only_in_what_no_rule_looks_at() {
    let key = |text: &str, user, client_id| {
        Acl::parse(text)
            .unwrap()
            .class_key(&identity(user, client_id))
    };
    let plain = "user alice\ntopic a\npattern read x";
    assert_eq!(key(plain, "bob", "1"), key(plain, "carol", "2"));
    assert_eq!(key(plain, "alice", "1"), key(plain, "alice", "2"));
    assert_ne!(key(plain, "alice", "1"), key(plain, "bob", "1"));
    assert_ne!(key(plain, "-", "1"), key(plain, "bob", "1"));
    assert_ne!(
        key("pattern %u", "bob", "1"),
        key("pattern %u", "carol", "1")
    );
    assert_ne!(
        key("pattern x%c", "bob", "1"),
        key("pattern x%c", "bob", "2")
    );
    assert_eq!(key("topic %c", "bob", "1"), key("topic %c", "bob", "2"));
}

/// A rule as a filter of names that fit in a level: what mosquitto does.
fn expanded(filter: &str, user: &str, client_id: &str) -> String {
    filter.replace("%u", user).replace("%c", client_id)
}

const FILTER: &str = "(a|b|\\+|%u|%c|x%c)(/(a|b|\\+|%u|%c|x%c)){0,3}(/#)?";

fn all_topics() -> Vec<String> {
    let words = ["a", "b", "xa", ""];
    let mut topics: Vec<String> = words.map(str::to_owned).to_vec();
    let mut last = topics.clone();
    for _ in 0..3 {
        last = last
            .iter()
            .flat_map(|t| words.map(|w| format!("{t}/{w}")))
            .collect();
        topics.extend(last.iter().cloned());
    }
    topics
}

proptest! {
    #[test]
    fn rules_agree_with_expanded_filters(
        allow in proptest::collection::vec(FILTER, 1..3), deny in proptest::option::of(FILTER),
        user in "[ab]", client_id in "[ab]", topic in "(a|b|xa|)(/(a|b|xa|)){0,4}",
    ) {
        let mut text: String = allow.iter().map(|f| format!("pattern read {f}\n")).collect();
        text.extend(deny.iter().map(|f| format!("pattern deny {f}\n")));
        let acl = Acl::parse(&text).unwrap();
        let selects = |f: &String| pattern::matches(&expanded(f, &user, &client_id), &topic);
        let expect = allow.iter().any(selects) && !deny.iter().any(selects);
        prop_assert_eq!(acl.allows(&identity(&user, &client_id), Read, &topic), expect);
    }

    /// Seen from the topics: one rule, one filter, every topic of up to four levels.
    #[test]
    fn subscriptions_agree_with_topics(
        rule in "(a|b|\\+)(/(a|b|\\+)){0,2}(/#)?", filter in "((a|b|\\+)(/(a|b|\\+)){0,2}(/#)?|#)"
    ) {
        let topics = all_topics();
        let mut both = topics.iter().filter(|t| pattern::matches(&filter, t)).map(|t| pattern::matches(&rule, t));
        let (some, all) = (both.clone().any(|m| m), both.all(|m| m));
        let who = identity("-", "c");
        let allow = Acl::parse(&format!("topic read {rule}")).unwrap();
        prop_assert_eq!(allow.allows(&who, Subscribe, &filter), some);
        let deny = Acl::parse(&format!("topic read #\ntopic deny {rule}")).unwrap();
        prop_assert_eq!(deny.allows(&who, Subscribe, &filter), !all);
    }

    /// Whatever a client calls itself, it gets no more than one level can hold.
    #[test]
    fn no_name_widens_access(client_id in "[ab+#/$\0]{0,4}", topic in "[ab$]{0,2}(/[ab$]{0,2}){0,3}") {
        let acl = Acl::parse("pattern p/%c/q\npattern %c/#").unwrap();
        let own = topic.split('/').collect::<Vec<_>>();
        let expect = matches!(own[..], ["p", own, "q"] if own == client_id)
            || (own[0] == client_id && !topic.starts_with('$'));
        prop_assert_eq!(acl.allows(&identity("-", &client_id), Publish, &topic), expect);
    }

    #[test]
    fn no_text_panics(text in "((topic|user|pattern|read|deny|%u|#|\\+|/| |\n|\r|x){0,3}){0,12}") {
        if let Ok(acl) = Acl::parse(&text) {
            acl.allows(&identity("x", "x"), Subscribe, "#");
        }
    }
}
