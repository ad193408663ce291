//! Class `basic` (60): publishing, consuming and settling; the only class whose methods have content.

class_table! {
    /// Methods of class `basic`.
    Basic<'a> = 60;

    10 "basic.qos" Qos Client => 11 {
        prefetch_size: u32,
        prefetch_count: u16,
        global: bool,
    }
    11 "basic.qos-ok" QosOk Server {}
    20 "basic.consume" Consume<'a> Client => 21 {
        _: u16,
        queue: &'a str,
        /// Empty where the server is to find one.
        consumer_tag: &'a str,
        no_local: bool,
        no_ack: bool,
        exclusive: bool,
        no_wait: bool,
        arguments: Table<'a>,
    }
    21 "basic.consume-ok" ConsumeOk<'a> Server {
        consumer_tag: &'a str,
    }
    /// From the server too, as RabbitMQ does it: the consumer's queue has gone.
    30 "basic.cancel" Cancel<'a> Both => 31 {
        consumer_tag: &'a str,
        no_wait: bool,
    }
    31 "basic.cancel-ok" CancelOk<'a> Both {
        consumer_tag: &'a str,
    }
    40 "basic.publish" Publish<'a> Client [content] {
        _: u16,
        exchange: &'a str,
        routing_key: &'a str,
        mandatory: bool,
        immediate: bool,
    }
    50 "basic.return" Return<'a> Server [content] {
        reply_code: u16,
        reply_text: &'a str,
        exchange: &'a str,
        routing_key: &'a str,
    }
    60 "basic.deliver" Deliver<'a> Server [content] {
        consumer_tag: &'a str,
        delivery_tag: u64,
        redelivered: bool,
        exchange: &'a str,
        routing_key: &'a str,
    }
    70 "basic.get" Get<'a> Client => 71 | 72 {
        _: u16,
        queue: &'a str,
        no_ack: bool,
    }
    71 "basic.get-ok" GetOk<'a> Server [content] {
        delivery_tag: u64,
        redelivered: bool,
        exchange: &'a str,
        routing_key: &'a str,
        message_count: u32,
    }
    72 "basic.get-empty" GetEmpty Server {
        _: ShortBytes,
    }
    /// From the server as well: a confirm.
    80 "basic.ack" Ack Both {
        delivery_tag: u64,
        multiple: bool,
    }
    90 "basic.reject" Reject Client {
        delivery_tag: u64,
        requeue: bool,
    }
    100 "basic.recover-async" RecoverAsync Client {
        requeue: bool,
    }
    110 "basic.recover" Recover Client => 111 {
        requeue: bool,
    }
    111 "basic.recover-ok" RecoverOk Server {}
    /// RabbitMQ's; from the server as well: a confirm that the publication is lost.
    120 "basic.nack" Nack Both {
        delivery_tag: u64,
        multiple: bool,
        requeue: bool,
    }
}
