//! Who there is, who can be reached, and for how long that has been so.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::entry::Peer;
use super::limits::{GONE, SILENT, SILENT_OF_TWO, STEADY, STEADY_OF_FEW};

/// Why a peer can no longer be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Loss {
    /// It does not answer.
    Silent,
    /// Its process is known to have ended.
    Gone,
    /// It said good-bye.
    Left,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Members<P> {
    /// The highest first.
    ranked: Vec<P>,
    reachable: BTreeMap<P, Instant>,
    lost: BTreeMap<P, (Instant, Loss)>,
    /// In reach, and about to leave.
    leaving: BTreeSet<P>,
    /// When somebody last came in reach, or was lost.
    changed_at: Instant,
}

impl<P: Peer> Members<P> {
    pub(super) fn new(now: Instant) -> Self {
        let (reachable, lost) = (BTreeMap::new(), BTreeMap::new());
        Self { ranked: Vec::new(), reachable, lost, leaving: BTreeSet::new(), changed_at: now }
    }

    /// A voter that is no member any more is remembered for what became of it until it is no voter either.
    pub(super) fn rank(&mut self, ranked: &[P], voters: &BTreeSet<P>) {
        self.ranked = ranked.to_vec();
        self.lost.retain(|peer, _| ranked.contains(peer) || voters.contains(peer));
    }

    pub(super) fn reach(&mut self, peer: P, now: Instant) {
        if let Entry::Vacant(vacant) = self.reachable.entry(peer) {
            vacant.insert(now);
            self.changed_at = now;
        }
        self.lost.remove(&peer);
    }

    pub(super) fn lose(&mut self, peer: P, loss: Loss, now: Instant) {
        if self.reachable.remove(&peer).is_some() {
            self.changed_at = now;
        }
        self.leaving.remove(&peer);
        let lost = self.lost.entry(peer).or_insert((now, loss));
        if lost.1 < loss {
            *lost = (now, loss);
        }
    }

    /// Returns whether that is news.
    pub(super) fn leave(&mut self, peer: P) -> bool {
        self.is_reachable(peer) && self.leaving.insert(peer)
    }

    pub(super) fn is_leaving(&self, peer: P) -> bool {
        self.leaving.contains(&peer)
    }

    pub(super) fn is_reachable(&self, peer: P) -> bool {
        self.reachable.contains_key(&peer)
    }

    pub(super) fn reachable(&self) -> impl Iterator<Item = P> {
        self.reachable.keys().copied()
    }

    pub(super) fn changed_at(&self) -> Instant {
        self.changed_at
    }

    pub(super) fn ranked(&self) -> &[P] {
        &self.ranked
    }

    /// When a voter that is out of reach is to be removed; `None` while it is in reach.
    pub(super) fn remove_at(&self, voter: P, voters: usize, start: Instant) -> Option<Instant> {
        if self.is_reachable(voter) {
            return None;
        }
        let silent = if voters <= 2 { SILENT_OF_TWO } else { SILENT };
        // Of one that was never met, as long as of one that fell silent when this peer began to lead.
        let (since, loss) = self.lost.get(&voter).copied().unwrap_or((start, Loss::Silent));
        Some(match loss {
            Loss::Left => since,
            Loss::Gone => since + GONE,
            Loss::Silent => since.max(start) + silent,
        })
    }

    /// When a member has been reachable for long enough to become a voter.
    pub(super) fn add_at(&self, member: P, voters: usize) -> Option<Instant> {
        let steady: Duration = if voters < 3 { STEADY_OF_FEW } else { STEADY };
        Some(*self.reachable.get(&member)? + steady)
    }

    /// `voters`, the highest-ranked first; those without a rank last.
    pub(super) fn in_rank(&self, voters: &[P]) -> Vec<P> {
        let ranked = self.ranked.iter().copied().filter(|peer| voters.contains(peer));
        let others = voters.iter().copied().filter(|peer| !self.ranked.contains(peer));
        ranked.chain(others).collect()
    }
}
