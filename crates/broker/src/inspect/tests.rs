//! Tests of looks into a shard: what a scan shows, and that levels agree with a count.
