//! What the peers in reach hold, and which of their histories ought to stand.
//!
//! Where groups meet that were founded apart, or the two sides of a takeover, one history goes on and the others are given
//! up. Which one, everybody finds out from what everybody says of its log ([`Standing`]), by the same rule:
//!
//! 1. One whose quorum is in reach, before any that has none: the dead do not outrank the living.
//! 2. Of one foundation, the latest takeover: a person's word stands.
//! 3. The one that most of those in reach are of; then the one in which most is decided; then the leader's; then the greater.
//!
//! Nothing rests on this view being right, or the same at everybody: it says who is to lead (a member of that history) and
//! no more. A history is given up only for a leader that has shown that it has a quorum.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::entry::{Config, Peer};
use super::message::Standing;
use super::quorum::Weight;
use crate::{Ballot, Regime};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Standings<P> {
    of: BTreeMap<P, Standing<P>>,
    /// How many are of each history.
    counts: BTreeMap<Option<Regime<P>>, usize>,
    /// When each was last told in answer what this peer holds.
    answered: BTreeMap<P, Instant>,
}

/// A history, and who is of it.
struct Contender<'a, P> {
    regime: Regime<P>,
    members: BTreeSet<P>,
    /// The one that knows the most of it.
    foremost: &'a Standing<P>,
    /// The one whose accepted log is the greatest: a leader would go on with it.
    greatest: &'a Standing<P>,
}

impl<P: Peer> Standings<P> {
    pub(super) fn new() -> Self {
        Self { of: BTreeMap::new(), counts: BTreeMap::new(), answered: BTreeMap::new() }
    }

    /// A peer in reach says what it holds.
    pub(super) fn note(&mut self, peer: P, standing: Standing<P>) {
        self.remove(peer);
        *self.counts.entry(standing.regime()).or_default() += 1;
        self.of.insert(peer, standing);
    }

    /// The peer is out of reach.
    pub(super) fn forget(&mut self, peer: P) {
        self.remove(peer);
        self.answered.remove(&peer);
    }

    /// Whether a peer is to be told in answer what this one holds: not again within a pause. Two that each lead a history of
    /// their own would answer each other's answers without end.
    pub(super) fn answers(&mut self, peer: P, now: Instant, pause: Duration) -> bool {
        let is_due = self.answered.get(&peer).is_none_or(|at| *at + pause <= now);
        if is_due {
            self.answered.insert(peer, now);
        }
        is_due
    }

    fn remove(&mut self, peer: P) {
        if let Some(standing) = self.of.remove(&peer)
            && let Entry::Occupied(mut count) = self.counts.entry(standing.regime())
        {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }

    /// How many have said what they hold.
    pub(super) fn len(&self) -> usize {
        self.of.len()
    }

    pub(super) fn get(&self, peer: P) -> Option<&Standing<P>> {
        self.of.get(&peer)
    }

    /// The greatest ballot that anybody in reach has seen.
    pub(super) fn seen(&self) -> Option<Ballot<P>> {
        self.of.values().filter_map(|standing| standing.seen).max()
    }

    /// Whether a peer is known to be of another history than this.
    pub(super) fn is_elsewhere(&self, peer: P, regime: Option<Regime<P>>) -> bool {
        let theirs = self.of.get(&peer).and_then(Standing::regime);
        theirs.is_some() && theirs != regime
    }

    /// Whether anybody in reach is of another history than this.
    pub(super) fn any_elsewhere(&self, regime: Option<Regime<P>>) -> bool {
        self.counts.keys().any(|of| of.is_some() && *of != regime)
    }

    /// Those that are of this history, in order.
    pub(super) fn members(&self, regime: Regime<P>) -> impl Iterator<Item = P> {
        self.of.iter().filter(move |(_, standing)| standing.regime() == Some(regime)).map(|(peer, _)| *peer)
    }

    /// The history that ought to stand: none, if no history has a quorum in reach.
    pub(super) fn best(&self, me: P, mine: &Standing<P>, leader: Option<Regime<P>>) -> Option<Regime<P>> {
        let contenders = self.contenders(me, mine);
        let mut latest: Vec<&Contender<'_, P>> = Vec::new();
        for contender in contenders.values().filter(|contender| contender.is_eligible()) {
            match latest.iter_mut().find(|other| other.foremost.lineage.is_kin_of(&contender.foremost.lineage)) {
                Some(other) if other.regime.number < contender.regime.number => *other = contender,
                Some(other) if other.regime.number > contender.regime.number => {}
                Some(other) => {
                    *other = if other.weight(leader) < contender.weight(leader) { contender } else { *other }
                }
                None => latest.push(contender),
            }
        }
        latest.into_iter().max_by_key(|contender| contender.weight(leader)).map(|contender| contender.regime)
    }

    /// The history to which one that has none leaves the lead, where none has a quorum in reach: a person may mend that one. None
    /// where something is decided: whoever has none learns that, and goes on leading.
    pub(super) fn largest(&self, me: P, mine: &Standing<P>) -> Option<Regime<P>> {
        let contenders = self.contenders(me, mine);
        let largest = contenders.values().max_by_key(|contender| contender.weight(None));
        largest.filter(|contender| contender.foremost.decided == 0).map(|contender| contender.regime)
    }

    /// Whether those in reach that are of this peer's history are a quorum there.
    pub(super) fn has_quorum(&self, me: P, mine: &Standing<P>) -> bool {
        let regime = mine.regime();
        let is_of = |voter: P| voter == me || self.of.get(&voter).and_then(Standing::regime) == regime;
        regime.is_some() && mine.config.as_ref().is_some_and(|config| config.carries(Weight::TieBroken, is_of))
    }

    fn contenders<'a>(&'a self, me: P, mine: &'a Standing<P>) -> BTreeMap<Regime<P>, Contender<'a, P>> {
        let mut contenders: BTreeMap<Regime<P>, Contender<'a, P>> = BTreeMap::new();
        for (peer, standing) in self.of.iter().map(|(peer, standing)| (*peer, standing)).chain([(me, mine)]) {
            let Some(regime) = standing.regime() else { continue };
            let known = contenders.entry(regime);
            let contender =
                known.or_insert(Contender { regime, members: BTreeSet::new(), foremost: standing, greatest: standing });
            contender.members.insert(peer);
            if contender.foremost.decided < standing.decided {
                contender.foremost = standing;
            }
            if contender.greatest.greatness() < standing.greatness() {
                contender.greatest = standing;
            }
        }
        contenders
    }
}

impl<P: Peer> Contender<'_, P> {
    /// Whether those of its voters that are here, and of it, are a quorum: of each configuration that would be live.
    fn is_eligible(&self) -> bool {
        let carries = |config: &Config<P>| config.carries(Weight::TieBroken, |voter| self.members.contains(&voter));
        let later = self.greatest.proposed.iter().filter(|(at, _)| self.foremost.decided < *at);
        self.foremost.config.as_ref().is_some_and(carries) && later.map(|(_, config)| config).all(carries)
    }

    fn weight(&self, leader: Option<Regime<P>>) -> (usize, u64, bool, Regime<P>) {
        (self.members.len(), self.foremost.decided, leader == Some(self.regime), self.regime)
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::RunningHash;
    use super::super::lineage::Lineage;
    use super::*;

    fn regime(number: u64, by: u8) -> Regime<u8> {
        Regime { number, by: std::cmp::Reverse(by) }
    }

    /// Of a history that `founder` began, in which these vote.
    fn founded(founder: u8, voters: &[u8], decided: u64) -> Standing<u8> {
        let lineage = Lineage::known_from(1, regime(0, founder));
        let config = Config::of(voters);
        Standing {
            lineage,
            decided,
            hash: RunningHash::default(),
            config,
            accepted: None,
            proposed: Vec::new(),
            seen: None,
        }
    }

    fn taken_over(founder: u8, by: u8, voters: &[u8], decided: u64) -> Standing<u8> {
        let mut standing = founded(founder, voters, decided);
        standing.lineage.push(5, regime(1, by));
        standing
    }

    /// Which history ought to stand, as peer 0 sees it.
    fn best(mine: &Standing<u8>, others: &[(u8, Standing<u8>)]) -> Option<Regime<u8>> {
        let mut standings = Standings::new();
        others.iter().cloned().for_each(|(peer, standing)| standings.note(peer, standing));
        standings.best(0, mine, None)
    }

    #[test]
    fn an_older_history_without_a_quorum_does_not_stand() {
        let sleeper = founded(0, &[0, 8, 9], 50);
        let healthy = founded(1, &[1, 2], 3);
        let others = [(1, healthy.clone()), (2, healthy.clone())];
        assert_eq!(best(&sleeper, &others), healthy.regime());
    }

    #[test]
    fn a_history_of_which_a_configuration_waits_for_voters_that_are_gone_does_not_stand() {
        let waits = Standing { proposed: vec![(51, Config::of(&[0, 8, 9]).unwrap())], ..founded(0, &[0], 50) };
        let healthy = founded(1, &[1], 3);
        assert_eq!(best(&waits, &[(1, healthy.clone())]), healthy.regime());
        // Another knows that it is decided, and what came of it.
        let knows = founded(0, &[0, 2], 52);
        assert_eq!(best(&waits, &[(1, healthy), (2, knows.clone())]), knows.regime());
    }

    #[test]
    fn where_none_has_a_quorum_none_stands() {
        assert_eq!(best(&founded(0, &[0, 8, 9], 50), &[(1, founded(1, &[1, 6, 7], 3))]), None);
    }

    #[test]
    fn a_takeover_stands_before_what_it_left_however_many_are_there() {
        let before = founded(0, &[0, 1, 2], 90);
        let after = taken_over(0, 3, &[3, 4], 7);
        let others = [(1, before.clone()), (2, before.clone()), (3, after.clone()), (4, after.clone())];
        assert_eq!(best(&before, &others), after.regime());
    }

    #[test]
    fn a_takeover_does_not_stand_before_a_larger_group_that_was_founded_apart() {
        let left = founded(0, &[0], 4);
        let after = taken_over(0, 3, &[3], 7);
        let apart = founded(5, &[5, 6], 2);
        let others = [(3, after), (5, apart.clone()), (6, apart.clone())];
        assert_eq!(best(&left, &others), apart.regime());
    }

    #[test]
    fn the_larger_stands_then_the_longer_and_not_the_older() {
        let (older, newer) = (founded(0, &[0], 9), founded(1, &[1, 2], 2));
        assert_eq!(best(&older, &[(1, newer.clone()), (2, newer.clone())]), newer.regime());
        assert_eq!(best(&founded(0, &[0], 2), &[(1, founded(1, &[1], 9))]), Some(regime(0, 1)));
    }

    #[test]
    fn a_voter_that_went_over_to_another_history_is_no_quorum_of_the_one_before() {
        let (mine, theirs) = (founded(0, &[0, 1, 2], 90), founded(7, &[7], 2));
        assert_eq!(best(&mine, &[(1, theirs.clone()), (7, theirs.clone())]), theirs.regime());
    }
}
