//! What a member begins with that was kept on a disk.

use std::time::Instant;

use election::{Bully, Epoch};
use history::{Durable, History, HistoryEvent, Index, Limits, Lineage, LogConfig, LogEvent, Say, Session};
use transport::PeerId;

use super::confirmed::Confirmed;
use crate::proposals::Fold;

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

/// The history that a member begins with, what of it is confirmed, and what it amounts to.
pub(super) fn history(
    (me, session): (PeerId, Session),
    config: LogConfig,
    disk: Option<Restored>,
    seed: u64,
    now: Instant,
) -> (History<PeerId>, Confirmed, Fold) {
    let limits = Limits::default();
    let Some(Restored { log, pool, recent, .. }) = disk else {
        let history = History::join(me, session, limits, config, seed, now);
        return (history, Confirmed::new(false, (Lineage::default(), 0), Vec::new()), Fold::default());
    };
    let mut history = History::restore((me, session), limits, config, log, seed, now);
    history.resume(pool, now);
    // All of that was shown before, or is shown as earlier lines.
    let mut fold = Fold::default();
    while let Some(event) = history.poll_event() {
        let HistoryEvent::Log(event) = event else { continue };
        match event {
            LogEvent::Decided { index, entry, applies } => _ = fold.decide(index.number(), &entry, applies),
            LogEvent::Skipped { index, state } => _ = fold.restore(index.number(), &state),
            LogEvent::SnapshotDue { index } => _ = history.keep_state(index, fold.kept()),
            _ => {}
        }
    }
    let confirmed = Confirmed::new(true, (history.log().lineage().clone(), history.log().decided()), recent);
    (history, confirmed, fold)
}
