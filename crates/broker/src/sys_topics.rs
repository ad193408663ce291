//! What the broker says about itself: the values below `$SYS/broker`, in mosquitto's layout.

/// True for the topics that only the broker itself publishes to.
pub fn is_sys(topic: &str) -> bool {
    topic
        .strip_prefix("$SYS")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
