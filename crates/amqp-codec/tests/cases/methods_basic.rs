//! Methods of class `basic` with their bytes.

use super::{MethodCase, case, table};
use amqp_codec::v091::{Table, basic::*};

pub fn all() -> Vec<MethodCase> {
    let mut all = consuming();
    all.extend(with_content());
    all.extend(settling());
    all
}

fn consuming() -> Vec<MethodCase> {
    vec![
        case(
            Qos {
                prefetch_size: 0,
                prefetch_count: 300,
                global: true,
            },
            "003c 000a 00000000 012c 01",
        ),
        case(QosOk {}, "003c 000b"),
        case(
            Consume {
                queue: "work",
                consumer_tag: "ctag1",
                no_local: true,
                no_ack: false,
                exclusive: true,
                no_wait: false,
                arguments: table("0a'x-priority' 'b' ff"),
            },
            "003c 0014 0000 04'work' 05'ctag1' 05 0000000d 0a'x-priority' 'b' ff",
        ),
        case(
            Consume {
                queue: "work",
                consumer_tag: "",
                no_local: false,
                no_ack: true,
                exclusive: false,
                no_wait: true,
                arguments: Table::EMPTY,
            },
            "003c 0014 0000 04'work' 00 0a 00000000",
        ),
        case(
            ConsumeOk {
                consumer_tag: "ctag1",
            },
            "003c 0015 05'ctag1'",
        ),
        case(
            Cancel {
                consumer_tag: "ctag1",
                no_wait: true,
            },
            "003c 001e 05'ctag1' 01",
        ),
        case(
            CancelOk {
                consumer_tag: "ctag1",
            },
            "003c 001f 05'ctag1'",
        ),
        case(
            Get {
                queue: "work",
                no_ack: true,
            },
            "003c 0046 0000 04'work' 01",
        ),
        case(GetEmpty {}, "003c 0048 00"),
    ]
}

fn with_content() -> Vec<MethodCase> {
    vec![
        case(
            Publish {
                exchange: "",
                routing_key: "work",
                mandatory: false,
                immediate: false,
            },
            "003c 0028 0000 00 04'work' 00",
        ),
        case(
            Publish {
                exchange: "amq.topic",
                routing_key: "a.b",
                mandatory: true,
                immediate: false,
            },
            "003c 0028 0000 09'amq.topic' 03'a.b' 01",
        ),
        case(
            Publish {
                exchange: "",
                routing_key: "",
                mandatory: false,
                immediate: true,
            },
            "003c 0028 0000 00 00 02",
        ),
        case(
            Return {
                reply_code: 312,
                reply_text: "NO_ROUTE",
                exchange: "logs",
                routing_key: "x",
            },
            "003c 0032 0138 08'NO_ROUTE' 04'logs' 01'x'",
        ),
        case(
            Deliver {
                consumer_tag: "ctag1",
                delivery_tag: 0x0102_0304_0506_0708,
                redelivered: true,
                exchange: "logs",
                routing_key: "a.b",
            },
            "003c 003c 05'ctag1' 0102030405060708 01 04'logs' 03'a.b'",
        ),
        case(
            GetOk {
                delivery_tag: 1,
                redelivered: false,
                exchange: "",
                routing_key: "work",
                message_count: 41,
            },
            "003c 0047 0000000000000001 00 00 04'work' 00000029",
        ),
    ]
}

fn settling() -> Vec<MethodCase> {
    vec![
        case(
            Ack {
                delivery_tag: 9,
                multiple: true,
            },
            "003c 0050 0000000000000009 01",
        ),
        case(
            Reject {
                delivery_tag: u64::MAX,
                requeue: true,
            },
            "003c 005a ffffffffffffffff 01",
        ),
        case(
            Nack {
                delivery_tag: 2,
                multiple: false,
                requeue: true,
            },
            "003c 0078 0000000000000002 02",
        ),
        case(
            Nack {
                delivery_tag: 0,
                multiple: true,
                requeue: false,
            },
            "003c 0078 0000000000000000 01",
        ),
        case(RecoverAsync { requeue: true }, "003c 0064 01"),
        case(Recover { requeue: false }, "003c 006e 00"),
        case(RecoverOk {}, "003c 006f"),
    ]
}
