//! Bugs that tests plant, to see that they would be caught.
//!
//! In a build for use [`Planted`] is empty and every question to it is answered "no" at compile time.

/// One bug, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// A batch is said to be durable when it has been handed out to be written.
    AcknowledgeBeforeSync,
    /// Names of new segments are not synced.
    DirectoryNotSynced,
    /// The check sum of a batch is not looked at.
    CheckSumIgnored,
    /// A settle is dropped where its message is on its way to be copied.
    SettleDroppedDuringCopy,
    /// Segments are unlinked before a batch is durable that says so.
    UnlinkBeforeFirstSegment,
    /// A sync that failed is tried again and believed.
    SyncRetried,
    /// A copy names the destinations that its record named first.
    CopyNamesSettled,
    /// A batch that is torn is taken for what is left of it.
    TornTailAccepted,
    /// The check sum of an index file is not looked at.
    IndexFileTrusted,
}

impl Bug {
    pub const ALL: [Bug; 9] = [
        Bug::AcknowledgeBeforeSync,
        Bug::DirectoryNotSynced,
        Bug::CheckSumIgnored,
        Bug::SettleDroppedDuringCopy,
        Bug::UnlinkBeforeFirstSegment,
        Bug::SyncRetried,
        Bug::CopyNamesSettled,
        Bug::TornTailAccepted,
        Bug::IndexFileTrusted,
    ];
}

/// The bug that is planted, if any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Planted {
    #[cfg(any(test, feature = "planted-bugs"))]
    bug: Option<Bug>,
}

impl Planted {
    #[cfg(any(test, feature = "planted-bugs"))]
    pub fn bug(bug: Bug) -> Self {
        Planted { bug: Some(bug) }
    }

    #[cfg(any(test, feature = "planted-bugs"))]
    pub(crate) fn has(self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    #[cfg(not(any(test, feature = "planted-bugs")))]
    pub(crate) fn has(self, _: Bug) -> bool {
        false
    }
}
