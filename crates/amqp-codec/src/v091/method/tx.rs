//! Class `tx` (90): transactions of one channel.

class_table! {
    /// Methods of class `tx`.
    Tx = 90;

    10 "tx.select" Select Client => 11 {}
    11 "tx.select-ok" SelectOk Server {}
    20 "tx.commit" Commit Client => 21 {}
    21 "tx.commit-ok" CommitOk Server {}
    30 "tx.rollback" Rollback Client => 31 {}
    31 "tx.rollback-ok" RollbackOk Server {}
}
