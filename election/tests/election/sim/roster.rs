//! What the layer above the election does: it keeps a roster and admits newcomers, as far as an election notices.

use std::collections::BTreeMap;

use election::{Epoch, Rank};
use rand::RngExt;

use super::{Id, Input, MS, World};

/// Who the members are, as a leader says; the newer replaces the older whole.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roster {
    stamp: Option<(Epoch<Id>, u64)>,
    ranks: BTreeMap<Id, Rank<Id>>,
}

impl Roster {
    pub(crate) fn first(epoch: Epoch<Id>, ranks: &[Rank<Id>]) -> Self {
        Self { stamp: Some((epoch, 0)), ranks: ranks.iter().map(|&rank| (rank.peer, rank)).collect() }
    }

    pub(crate) fn ranks(&self) -> Vec<Rank<Id>> {
        self.ranks.values().copied().collect()
    }

    pub(crate) fn is_newer(&self, other: &Self) -> bool {
        self.stamp > other.stamp
    }

    /// Whether it was made in `epoch` or before: that of a leader not heard of yet is shown again.
    pub(crate) fn is_of(&self, epoch: Option<Epoch<Id>>) -> bool {
        self.stamp.map(|(made, _)| made) <= epoch
    }

    fn next_seniority(&self) -> u64 {
        let last = self.ranks.values().map(|rank| rank.seniority).max();
        last.map_or(0, |last| last + 1)
    }
}

impl World {
    /// Each leader admits whom it can reach and does not know, and shows everybody its roster.
    pub(crate) fn admit(&mut self) {
        let leaders: Vec<Id> = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.alive && !peer.paused && peer.bully.is_leader())
            .map(|(&id, _)| id)
            .collect();
        for leader in leaders {
            self.admit_as(leader);
        }
    }

    fn admit_as(&mut self, leader: Id) {
        let peer = &self.peers[&leader];
        let Some(epoch) = peer.bully.epoch() else { return };
        let mut roster = peer.roster.clone();
        let sees = peer.sees.clone();
        let mut changed = roster.stamp.is_none_or(|(known, _)| known != epoch);
        for &newcomer in sees.iter().chain([&leader]) {
            let known = roster.ranks.contains_key(&newcomer);
            let admitted = self.peers[&newcomer].bully.rank().is_some();
            if known && admitted {
                continue;
            }
            let rank =
                Rank { priority: self.peers[&newcomer].priority, seniority: roster.next_seniority(), peer: newcomer };
            roster.ranks.insert(newcomer, rank);
            changed = true;
            let at = self.now + self.rng.random_range(MS..10 * MS);
            self.at(at, newcomer, Input::Admitted(rank, epoch));
            let caught_up_at = at + self.rng.random_range(0..800 * MS);
            self.at(caught_up_at, newcomer, Input::CaughtUp(true));
        }
        if changed {
            let version = roster.stamp.map_or(0, |(_, version)| version + 1);
            roster.stamp = Some((epoch, version));
            self.apply(leader, Input::Roster(roster.clone()));
        }
        for to in sees {
            let at = self.now + self.rng.random_range(10 * MS..25 * MS);
            if self.peers[&to].roster.stamp < roster.stamp {
                self.at(at, to, Input::Roster(roster.clone()));
            }
        }
    }
}
