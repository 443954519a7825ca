//! What a member begins with that was kept on a disk.

use std::time::Instant;

use election::{Bully, Epoch};
use history::{Durable, History, Index, Limits, LogConfig, Say, Session};
use transport::PeerId;

use super::confirmed::Confirmed;

/// Confirmed entries kept in memory by a member that has a disk: what others usually lack.
const KEPT_WITH_DISK: usize = 4_096;

/// What was kept.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    /// The log, from its last snapshot on.
    pub log: Durable<PeerId>,
    /// The lines that waited to be confirmed.
    pub pool: Vec<Say>,
    /// The last confirmed lines, by their places.
    pub recent: Vec<(Index, Say)>,
    /// The newest epoch that it had seen.
    pub epoch: Option<Epoch<PeerId>>,
}

/// The election of a member that may have taken part before.
pub(super) fn bully(me: PeerId, config: election::Config, disk: Option<&Restored>, now: Instant) -> Bully<PeerId> {
    let mut bully = Bully::new(me, config, now);
    if let Some(epoch) = disk.and_then(|disk| disk.epoch) {
        bully.handle_restored(epoch);
    }
    bully
}

/// The history that a member begins with, and what of it is confirmed.
pub(super) fn history(
    (me, session): (PeerId, Session),
    config: LogConfig,
    disk: Option<Restored>,
    seed: u64,
    now: Instant,
) -> (History<PeerId>, Confirmed) {
    let limits = Limits::default();
    let Some(Restored { log, pool, recent, .. }) = disk else {
        return (History::join(me, session, limits, config, seed, now), Confirmed::new(false, (None, 0), Vec::new()));
    };
    let config = LogConfig { keep_entries: KEPT_WITH_DISK, has_store: true, ..config };
    let mut history = History::restore((me, session), limits, config, log, seed, now);
    history.resume(pool, now);
    // All of that was shown before, or is shown as earlier lines.
    while history.poll_event().is_some() {}
    let confirmed = Confirmed::new(true, (history.log().regime(), history.log().decided()), recent);
    (history, confirmed)
}
