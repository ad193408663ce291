//! Class `exchange` (40): exchanges and, RabbitMQ's, what binds one to another.

class_table! {
    /// Methods of class `exchange`.
    Exchange<'a> = 40;

    10 "exchange.declare" Declare<'a> Client => 11 {
        _: u16,
        exchange: &'a str,
        /// The exchange type: `direct`, `topic` and so on.
        kind: &'a str,
        passive: bool,
        durable: bool,
        /// Of older versions and RabbitMQ's.
        auto_delete: bool,
        /// Of older versions and RabbitMQ's.
        internal: bool,
        no_wait: bool,
        arguments: Table<'a>,
    }
    11 "exchange.declare-ok" DeclareOk Server {}
    20 "exchange.delete" Delete<'a> Client => 21 {
        _: u16,
        exchange: &'a str,
        if_unused: bool,
        no_wait: bool,
    }
    21 "exchange.delete-ok" DeleteOk Server {}
    30 "exchange.bind" Bind<'a> Client => 31 {
        _: u16,
        destination: &'a str,
        source: &'a str,
        routing_key: &'a str,
        no_wait: bool,
        arguments: Table<'a>,
    }
    31 "exchange.bind-ok" BindOk Server {}
    40 "exchange.unbind" Unbind<'a> Client => 51 {
        _: u16,
        destination: &'a str,
        source: &'a str,
        routing_key: &'a str,
        no_wait: bool,
        arguments: Table<'a>,
    }
    /// Its id is no misprint: that of RabbitMQ's definition.
    51 "exchange.unbind-ok" UnbindOk Server {}
}
