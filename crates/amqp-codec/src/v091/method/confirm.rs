//! Class `confirm` (85), RabbitMQ's: a channel whose publications are confirmed.

class_table! {
    /// Methods of class `confirm`.
    Confirm = 85;

    10 "confirm.select" Select Client => 11 {
        no_wait: bool,
    }
    11 "confirm.select-ok" SelectOk Server {}
}
