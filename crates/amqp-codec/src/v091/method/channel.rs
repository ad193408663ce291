//! Class `channel` (20): opening, pausing and closing one. Never on channel 0.

class_table! {
    /// Methods of class `channel`.
    Channel<'a> = 20;

    10 "channel.open" Open Client => 11 {
        _: ShortBytes,
    }
    11 "channel.open-ok" OpenOk Server {
        _: &[u8],
    }
    20 "channel.flow" Flow Both => 21 {
        active: bool,
    }
    21 "channel.flow-ok" FlowOk Both {
        active: bool,
    }
    40 "channel.close" Close<'a> Both => 41 {
        reply_code: u16,
        reply_text: &'a str,
        /// Of the method that is to blame, 0 without one.
        class_id: u16,
        method_id: u16,
    }
    41 "channel.close-ok" CloseOk Both {}
}
