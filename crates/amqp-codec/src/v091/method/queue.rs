//! Class `queue` (50): queues and their bindings.

class_table! {
    /// Methods of class `queue`.
    Queue<'a> = 50;

    10 "queue.declare" Declare<'a> Client => 11 {
        _: u16,
        /// Empty where the server is to find a name.
        queue: &'a str,
        passive: bool,
        durable: bool,
        exclusive: bool,
        auto_delete: bool,
        no_wait: bool,
        arguments: Table<'a>,
    }
    11 "queue.declare-ok" DeclareOk<'a> Server {
        queue: &'a str,
        message_count: u32,
        consumer_count: u32,
    }
    20 "queue.bind" Bind<'a> Client => 21 {
        _: u16,
        queue: &'a str,
        exchange: &'a str,
        routing_key: &'a str,
        no_wait: bool,
        arguments: Table<'a>,
    }
    21 "queue.bind-ok" BindOk Server {}
    30 "queue.purge" Purge<'a> Client => 31 {
        _: u16,
        queue: &'a str,
        no_wait: bool,
    }
    31 "queue.purge-ok" PurgeOk Server {
        message_count: u32,
    }
    40 "queue.delete" Delete<'a> Client => 41 {
        _: u16,
        queue: &'a str,
        if_unused: bool,
        if_empty: bool,
        no_wait: bool,
    }
    41 "queue.delete-ok" DeleteOk Server {
        message_count: u32,
    }
    50 "queue.unbind" Unbind<'a> Client => 51 {
        _: u16,
        queue: &'a str,
        exchange: &'a str,
        routing_key: &'a str,
        arguments: Table<'a>,
    }
    51 "queue.unbind-ok" UnbindOk Server {}
}
