//! Options of `bench` become the plan that they say.

use super::*;
use clap::Parser;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

fn plan(words: &str) -> Result<Plan, String> {
    let words = ["bench"].into_iter().chain(words.split_whitespace());
    let line = Line::try_parse_from(words).map_err(|e| e.to_string())?;
    let (plan, _, _) = line.options.mode.parts().map_err(|f| f.text)?;
    Ok(plan)
}

fn topology(words: &str) -> (u32, u32, u32, bool) {
    match plan(words) {
        Ok(Plan::Load(plan) | Plan::Relay(plan)) => {
            let t = plan.topology;
            (t.publishers, t.subscribers, t.topics, t.shared)
        }
        other => panic!("{words}: {other:?}"),
    }
}

#[test]
fn shapes() {
    for (words, expected) in [
        ("throughput", (1, 1, 1, false)),
        ("throughput --topology 1:1", (1, 1, 1, false)),
        ("throughput --topology N:N", (10, 10, 10, false)),
        ("throughput --topology N:N --pubs 16", (16, 16, 16, false)),
        ("throughput --topology 16:16", (16, 16, 16, false)),
        ("latency --topology fan-in --pubs 7", (7, 1, 1, false)),
        ("latency --topology fan-out --subs 9", (1, 9, 1, false)),
        ("relay --topology fan-out", (1, 100, 1, false)),
        ("throughput --topology shared --subs 3", (10, 3, 1, true)),
        ("throughput --pubs 5 --subs 2", (5, 2, 2, false)),
        ("throughput --pubs 2 --subs 2 --topics 7", (2, 2, 7, false)),
    ] {
        assert_eq!(topology(words), expected, "{words}");
    }
    for words in [
        "throughput --topology ring",
        "throughput --topology fan-in --subs 2",
        "throughput --topology N:N --pubs 2 --subs 3",
    ] {
        assert!(plan(words).is_err(), "{words}");
    }
}

#[test]
fn windows_sizes_and_spans() {
    let Ok(Plan::Load(load)) = plan("throughput --qos 1 --payload 16KiB --messages 5") else {
        panic!()
    };
    assert_eq!((load.window, load.payload), (100, 16_384));
    assert_eq!(load.span, bench::Span::Messages(5));
    for words in [
        "throughput --payload big",
        "throughput --seconds -1",
        "throughput --seconds 1 --messages 1",
        "throughput --pid me",
        "throughput --protocol 4",
        "throughput --compare nothing",
        "throughput --rounds 2",
        "subscriptions --steps 1,x",
        "latency --qos 3",
    ] {
        assert!(plan(words).is_err(), "{words}");
    }
}
