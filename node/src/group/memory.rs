//! How much of the confirmed log a member keeps in memory.

use history::LogConfig;

/// Confirmed entries kept in memory by a member that has a disk: what others usually lack.
const WITH_DISK: usize = 4_096;

/// How much of the confirmed log a mind keeps in memory. What is older is on its disk, or stands in a snapshot only, which is what a
/// newcomer is given that lacks it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Memory {
    /// Entries kept; with a disk at most 4,096 of them. Default 100,000.
    pub entries: usize,
    /// A snapshot is made after so many. Default 10,000: it costs as much as the exactly-once table is long.
    pub snapshot: u64,
}

impl Default for Memory {
    fn default() -> Self {
        let LogConfig { keep_entries, snapshot_entries, .. } = LogConfig::default();
        Self { entries: keep_entries, snapshot: snapshot_entries }
    }
}

impl Memory {
    /// The settings of a log that keeps so much.
    pub(super) fn log(self, has_disk: bool) -> LogConfig {
        LogConfig {
            keep_entries: if has_disk { self.entries.min(WITH_DISK) } else { self.entries },
            snapshot_entries: self.snapshot,
            has_store: has_disk,
            has_state: true,
            ..LogConfig::default()
        }
    }
}
