//! Methods of every class but `basic`, with their bytes as the specification's field lists give them: class id and
//! method id, then field by field.

use super::{MethodCase, case, table};
use amqp_codec::v091::{Table, access, channel, confirm, connection, exchange, queue, tx};

pub fn all() -> Vec<MethodCase> {
    let mut all = connection();
    all.extend(channel());
    all.extend(exchange());
    all.extend(queue());
    all.extend(small_classes());
    all
}

fn connection() -> Vec<MethodCase> {
    use connection::*;
    vec![
        case(
            Start {
                version_major: 0,
                version_minor: 9,
                server_properties: table("07'product' 'S' 00000007'Waypost'"),
                mechanisms: b"PLAIN AMQPLAIN",
                locales: b"en_US",
            },
            "000a 000a 00 09 00000014 07'product' 'S' 00000007'Waypost' 0000000e'PLAIN AMQPLAIN' 00000005'en_US'",
        ),
        case(
            StartOk {
                client_properties: table(
                    "0c'capabilities' 'F' 00000015 12'publisher_confirms' 't'01",
                ),
                mechanism: "PLAIN",
                response: b"\0guest\0guest",
                locale: "en_US",
            },
            "000a 000b 00000027 0c'capabilities' 'F' 00000015 12'publisher_confirms' 't'01 \
             05'PLAIN' 0000000c 00'guest'00'guest' 05'en_US'",
        ),
        case(
            StartOk {
                client_properties: Table::EMPTY,
                mechanism: "EXTERNAL",
                response: b"",
                locale: "",
            },
            "000a 000b 00000000 08'EXTERNAL' 00000000 00",
        ),
        case(Secure { challenge: b"who?" }, "000a 0014 00000004'who?'"),
        case(SecureOk { response: b"me" }, "000a 0015 00000002'me'"),
        case(
            Tune {
                channel_max: 2047,
                frame_max: 131_072,
                heartbeat: 60,
            },
            "000a 001e 07ff 00020000 003c",
        ),
        case(
            TuneOk {
                channel_max: 1,
                frame_max: 4096,
                heartbeat: 0,
            },
            "000a 001f 0001 00001000 0000",
        ),
        case(
            Open {
                virtual_host: "/é"
            },
            "000a 0028 03'/é' 00 00",
        ),
        case(OpenOk {}, "000a 0029 00"),
        case(
            Close {
                reply_code: 541,
                reply_text: "INTERNAL_ERROR",
                class_id: 60,
                method_id: 40,
            },
            "000a 0032 021d 0e'INTERNAL_ERROR' 003c 0028",
        ),
        case(CloseOk {}, "000a 0033"),
        case(
            Blocked {
                reason: "low on memory",
            },
            "000a 003c 0d'low on memory'",
        ),
        case(Unblocked {}, "000a 003d"),
        case(
            UpdateSecret {
                new_secret: b"\xff\x00",
                reason: "expired",
            },
            "000a 0046 00000002 ff00 07'expired'",
        ),
        case(UpdateSecretOk {}, "000a 0047"),
    ]
}

fn channel() -> Vec<MethodCase> {
    use channel::*;
    vec![
        case(Open {}, "0014 000a 00"),
        case(OpenOk {}, "0014 000b 00000000"),
        case(Flow { active: true }, "0014 0014 01"),
        case(FlowOk { active: false }, "0014 0015 00"),
        case(
            Close {
                reply_code: 404,
                reply_text: "NOT_FOUND - no queue",
                class_id: 50,
                method_id: 10,
            },
            "0014 0028 0194 14'NOT_FOUND - no queue' 0032 000a",
        ),
        case(CloseOk {}, "0014 0029"),
    ]
}

fn exchange() -> Vec<MethodCase> {
    use exchange::*;
    vec![
        case(
            Declare {
                exchange: "logs",
                kind: "topic",
                passive: false,
                durable: true,
                auto_delete: false,
                internal: true,
                no_wait: false,
                arguments: table("12'alternate-exchange' 'S' 00000004'lost'"),
            },
            "0028 000a 0000 04'logs' 05'topic' 0a 0000001c 12'alternate-exchange' 'S' 00000004'lost'",
        ),
        case(
            Declare {
                exchange: "",
                kind: "direct",
                passive: true,
                durable: false,
                auto_delete: true,
                internal: false,
                no_wait: true,
                arguments: Table::EMPTY,
            },
            "0028 000a 0000 00 06'direct' 15 00000000",
        ),
        case(DeclareOk {}, "0028 000b"),
        case(
            Delete {
                exchange: "logs",
                if_unused: true,
                no_wait: false,
            },
            "0028 0014 0000 04'logs' 01",
        ),
        case(DeleteOk {}, "0028 0015"),
        case(
            Bind {
                destination: "d",
                source: "s",
                routing_key: "a.#",
                no_wait: true,
                arguments: Table::EMPTY,
            },
            "0028 001e 0000 01'd' 01's' 03'a.#' 01 00000000",
        ),
        case(BindOk {}, "0028 001f"),
        case(
            Unbind {
                destination: "d",
                source: "s",
                routing_key: "",
                no_wait: false,
                arguments: table("01'a' 'V'"),
            },
            "0028 0028 0000 01'd' 01's' 00 00 00000003 01'a' 'V'",
        ),
        case(UnbindOk {}, "0028 0033"),
    ]
}

fn queue() -> Vec<MethodCase> {
    use queue::*;
    vec![
        case(
            Declare {
                queue: "work",
                passive: false,
                durable: true,
                exclusive: false,
                auto_delete: false,
                no_wait: false,
                arguments: table("0c'x-max-length' 'I' 000003e8"),
            },
            "0032 000a 0000 04'work' 02 00000012 0c'x-max-length' 'I' 000003e8",
        ),
        case(
            Declare {
                queue: "",
                passive: true,
                durable: false,
                exclusive: true,
                auto_delete: true,
                no_wait: true,
                arguments: Table::EMPTY,
            },
            "0032 000a 0000 00 1d 00000000",
        ),
        case(
            DeclareOk {
                queue: "amq.gen-1",
                message_count: 3,
                consumer_count: 65_536,
            },
            "0032 000b 09'amq.gen-1' 00000003 00010000",
        ),
        case(
            Bind {
                queue: "work",
                exchange: "logs",
                routing_key: "*.error",
                no_wait: false,
                arguments: table("07'x-match' 'S' 00000003'any'"),
            },
            "0032 0014 0000 04'work' 04'logs' 07'*.error' 00 00000010 07'x-match' 'S' 00000003'any'",
        ),
        case(BindOk {}, "0032 0015"),
        case(
            Purge {
                queue: "work",
                no_wait: true,
            },
            "0032 001e 0000 04'work' 01",
        ),
        case(PurgeOk { message_count: 9 }, "0032 001f 00000009"),
        case(
            Delete {
                queue: "work",
                if_unused: false,
                if_empty: true,
                no_wait: true,
            },
            "0032 0028 0000 04'work' 06",
        ),
        case(
            DeleteOk {
                message_count: u32::MAX,
            },
            "0032 0029 ffffffff",
        ),
        case(
            Unbind {
                queue: "work",
                exchange: "logs",
                routing_key: "k",
                arguments: Table::EMPTY,
            },
            "0032 0032 0000 04'work' 04'logs' 01'k' 00000000",
        ),
        case(UnbindOk {}, "0032 0033"),
    ]
}

fn small_classes() -> Vec<MethodCase> {
    vec![
        case(
            access::Request {
                realm: "/data",
                exclusive: false,
                passive: true,
                active: true,
                write: false,
                read: true,
            },
            "001e 000a 05'/data' 16",
        ),
        case(access::RequestOk { ticket: 101 }, "001e 000b 0065"),
        case(confirm::Select { no_wait: true }, "0055 000a 01"),
        case(confirm::SelectOk {}, "0055 000b"),
        case(tx::Select {}, "005a 000a"),
        case(tx::SelectOk {}, "005a 000b"),
        case(tx::Commit {}, "005a 0014"),
        case(tx::CommitOk {}, "005a 0015"),
        case(tx::Rollback {}, "005a 001e"),
        case(tx::RollbackOk {}, "005a 001f"),
    ]
}
