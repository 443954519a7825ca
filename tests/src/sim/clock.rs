//! Simulated time: it begins somewhere and goes on when the simulator says so.

use std::time::{Duration, Instant};

use node::Timestamp;

/// What every wall clock shows when a run begins, in milliseconds since 1970.
const WALL_AT_START: u64 = 1_700_000_000_000;

/// The clock of one run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: Instant,
    pub(super) now: Instant,
}

impl Clock {
    pub(super) fn new() -> Self {
        // An `Instant` can be had from nowhere else. A day later, so that a machine that has just been started has room below it.
        let start = Instant::now() + Duration::from_secs(86_400);
        Self { start, now: start }
    }

    /// How long the run has lasted.
    pub(super) fn elapsed(&self) -> Duration {
        self.now.saturating_duration_since(self.start)
    }

    /// What a wall clock shows that was set by so many milliseconds.
    pub(super) fn wall(&self, offset_ms: i64) -> Timestamp {
        let elapsed = u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX);
        Timestamp::from_millis((WALL_AT_START + elapsed).saturating_add_signed(offset_ms))
    }
}
