//! What bounds a log, and why each number is what it is.

use std::time::Duration;

/// The most voters. Seven bear three failures; more would only make each confirmation wait for more disks.
pub const VOTERS_MAX: usize = 7;

/// The most weight of entries in one message, so that it never keeps a heartbeat waiting for long. One entry always fits.
pub const MESSAGE_BYTES: usize = 256 * 1024;

/// The most entries in one message: what a decoder has to allocate for before it sees them.
pub const MESSAGE_ENTRIES: usize = 8_192;

/// The most weight of entries that are not decided. The leader takes no more until some are: without a quorum this is
/// all that piles up here, and the pool bounds the rest.
pub(super) const UNDECIDED_BYTES: usize = 4 << 20;

/// The most weight of decided entries that a follower is sent along with the undecided ones. One that lacks more
/// fetches first.
pub(super) const SYNC_BYTES: usize = 4 << 20;

/// The most sessions in one piece of a snapshot: 40 bytes each.
pub(super) const SNAPSHOT_SESSIONS: usize = 8_192;

/// The most bytes of what a program above keeps in a snapshot: with a piece of the sessions it fits one message.
pub const STATE_BYTES: usize = 512 * 1024;

/// What an entry costs beside what it says.
pub(super) const ENTRY_OVERHEAD: usize = 64;

/// More entries and rounds than a group can live to see, and far below the end of the number.
pub(super) const NUMBER_MAX: u64 = 1 << 56;

/// The most configurations that a log has proposed and does not know to be decided, as far as others are told.
pub(super) const PROPOSED_MAX: usize = 8;

/// How long a voter's process is known to be gone before the voter is removed: a restart takes less, if it is quick.
pub(super) const GONE: Duration = Duration::from_millis(300);

/// How long a voter may be silent. It may come back with all that it accepted, so there is no hurry.
pub(super) const SILENT: Duration = Duration::from_secs(5);

/// How long the other voter of two may be silent: whoever removes it has no second copy left.
pub(super) const SILENT_OF_TWO: Duration = Duration::from_secs(10);

/// How long a member must have been reachable to become a voter.
pub(super) const STEADY: Duration = Duration::from_secs(3);

/// The same while there are fewer than three voters, when each more is worth the most.
pub(super) const STEADY_OF_FEW: Duration = Duration::from_millis(300);

/// How long a leaving voter waits for a configuration without it.
pub(super) const LEAVE: Duration = Duration::from_secs(2);

/// How long a takeover waits for reachable members that do not answer.
pub(super) const TAKEOVER: Duration = Duration::from_secs(2);

/// The settings of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LogConfig {
    /// How often a leader shows where the log is, and asks again for what was not answered. Default 250 ms.
    pub heartbeat: Duration,
    /// Decided entries kept in memory; older ones are read from the store, or left out of a newcomer's history.
    ///
    /// Default 100,000, what a member without a disk remembers. With a disk a few thousand are enough.
    pub keep_entries: usize,
    /// A snapshot is due after so many entries. Default 10,000.
    pub snapshot_entries: u64,
    /// Or after entries of this weight. Default 8 MiB.
    pub snapshot_bytes: usize,
    /// Whether [`Log::poll_read`](crate::Log::poll_read) is served, from a store that keeps all.
    pub has_store: bool,
    /// Whether a program above keeps state of its own, folded from what is decided. Then it is asked for that state when a
    /// snapshot is due ([`LogEvent::SnapshotDue`](crate::LogEvent::SnapshotDue)), and at a lead it puts its notes before the first lines
    /// ([`HistoryEvent::Leads`](crate::HistoryEvent::Leads)).
    pub has_state: bool,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(250),
            keep_entries: 100_000,
            snapshot_entries: 10_000,
            snapshot_bytes: 8 << 20,
            has_store: false,
            has_state: false,
        }
    }
}
