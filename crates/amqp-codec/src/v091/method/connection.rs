//! Class `connection` (10): from the greeting to the goodbye. Only ever on channel 0.

class_table! {
    /// Methods of class `connection`.
    Connection<'a> = 10;

    10 "connection.start" Start<'a> Server => 11 {
        version_major: u8,
        version_minor: u8,
        server_properties: Table<'a>,
        /// Separated by blanks.
        mechanisms: &'a [u8],
        /// Separated by blanks.
        locales: &'a [u8],
    }
    11 "connection.start-ok" StartOk<'a> Client {
        client_properties: Table<'a>,
        mechanism: &'a str,
        response: &'a [u8],
        locale: &'a str,
    }
    20 "connection.secure" Secure<'a> Server => 21 {
        challenge: &'a [u8],
    }
    21 "connection.secure-ok" SecureOk<'a> Client {
        response: &'a [u8],
    }
    30 "connection.tune" Tune Server => 31 {
        channel_max: u16,
        frame_max: u32,
        heartbeat: u16,
    }
    31 "connection.tune-ok" TuneOk Client {
        channel_max: u16,
        frame_max: u32,
        heartbeat: u16,
    }
    40 "connection.open" Open<'a> Client => 41 {
        virtual_host: &'a str,
        _: ShortBytes,
        _: bool,
    }
    41 "connection.open-ok" OpenOk Server {
        _: ShortBytes,
    }
    50 "connection.close" Close<'a> Both => 51 {
        reply_code: u16,
        reply_text: &'a str,
        /// Of the method that is to blame, 0 without one.
        class_id: u16,
        method_id: u16,
    }
    51 "connection.close-ok" CloseOk Both {}
    /// RabbitMQ's: the server takes no publications until it says otherwise.
    60 "connection.blocked" Blocked<'a> Server {
        reason: &'a str,
    }
    /// RabbitMQ's.
    61 "connection.unblocked" Unblocked Server {}
    /// RabbitMQ's: a new secret for credentials that expire.
    70 "connection.update-secret" UpdateSecret<'a> Client => 71 {
        new_secret: &'a [u8],
        reason: &'a str,
    }
    /// RabbitMQ's.
    71 "connection.update-secret-ok" UpdateSecretOk Server {}
}
