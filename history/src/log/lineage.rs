//! Which histories led to a log: where each began.

use serde::{Deserialize, Serialize};

use super::entry::Peer;
use crate::Regime;

/// The most regimes that a lineage names. Takeovers are a person's word, so there are few; of more, the oldest but the first
/// are left out, and two logs then count as different from an earlier place on than they are.
const REGIMES_MAX: usize = 64;

/// The regimes of a log, each with the place where it began: a foundation, then one takeover after the other.
///
/// Two logs agree at every place at which they are of one regime. So two lineages tell where two logs part: where the one has
/// begun a regime and the other has not.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Lineage<P>(Vec<(u64, Regime<P>)>);

impl<P> Default for Lineage<P> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<P: Peer> Lineage<P> {
    /// Of a log of which nothing is known but that it was of `regime` at this place.
    pub fn known_from(place: u64, regime: Regime<P>) -> Self {
        Self(vec![(place, regime)])
    }

    /// The regime of the whole log: `None` of one that has not begun.
    pub fn regime(&self) -> Option<Regime<P>> {
        self.0.last().map(|(_, regime)| *regime)
    }

    /// The regime at a place, as far as is known.
    pub fn at(&self, place: u64) -> Option<Regime<P>> {
        self.0.iter().rev().find(|(from, _)| *from <= place).map(|(_, regime)| *regime)
    }

    /// Whether logs of both lineages are the same up to this place, if they are that long.
    pub fn agrees(&self, other: &Self, place: u64) -> bool {
        self.at(place) == other.at(place)
    }

    /// Up to which place a log of this lineage and one of the other are the same, if both are that long. `u64::MAX`: the one
    /// goes on where the other ends.
    pub fn shared(&self, other: &Self) -> u64 {
        if self.regime() == other.regime() {
            return u64::MAX;
        }
        let same = self.0.iter().zip(&other.0).take_while(|(mine, theirs)| mine == theirs).count();
        let next = [self, other].into_iter().filter_map(|lineage| lineage.0.get(same));
        if same == 0 { 0 } else { next.map(|(from, _)| from.saturating_sub(1)).min().unwrap_or(u64::MAX) }
    }

    /// The lineage of a log that goes on with these, each at its place.
    #[must_use]
    pub fn then(&self, later: &[(u64, Regime<P>)]) -> Self {
        let mut lineage = self.clone();
        later.iter().for_each(|(place, regime)| lineage.push(*place, *regime));
        lineage
    }

    /// Whether both began with the same foundation.
    pub fn is_kin_of(&self, other: &Self) -> bool {
        matches!((self.0.first(), other.0.first()), (Some(mine), Some(theirs)) if mine == theirs)
    }

    /// A regime begins.
    pub(super) fn push(&mut self, place: u64, regime: Regime<P>) {
        if self.0.len() == REGIMES_MAX {
            self.0.remove(1);
        }
        self.0.push((place, regime));
    }

    /// Of the log up to a place only.
    pub(super) fn cut(&mut self, len: u64) {
        self.0.retain(|(from, _)| *from <= len);
    }

    /// Whether an honest log could have it.
    pub(super) fn is_sound(&self) -> bool {
        let is_place = |(place, _): &(u64, Regime<P>)| (1..super::limits::NUMBER_MAX).contains(place);
        self.0.len() <= REGIMES_MAX && self.0.is_sorted_by(|a, b| a.0 < b.0) && self.0.iter().all(is_place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(regimes: &[(u64, u64, u8)]) -> Lineage<u8> {
        let regime = |number, by| Regime { number, by: std::cmp::Reverse(by) };
        Lineage(regimes.iter().map(|(place, number, by)| (*place, regime(*number, *by))).collect())
    }

    #[test]
    fn logs_that_were_founded_apart_have_nothing_in_common() {
        assert_eq!(of(&[(1, 0, 1)]).shared(&of(&[(1, 0, 2)])), 0);
        assert!(!of(&[(1, 0, 1)]).is_kin_of(&of(&[(1, 0, 2)])));
    }

    #[test]
    fn a_takeover_parts_from_the_history_before_it_where_it_began() {
        let (before, after) = (of(&[(1, 0, 1)]), of(&[(1, 0, 1), (9, 1, 2)]));
        assert_eq!((before.shared(&after), after.shared(&before)), (8, 8));
        assert!(before.is_kin_of(&after));
    }

    #[test]
    fn of_two_takeovers_the_earlier_is_where_they_part() {
        let (one, other) = (of(&[(1, 0, 1), (9, 1, 2)]), of(&[(1, 0, 1), (12, 1, 3)]));
        assert_eq!(one.shared(&other), 8);
    }

    #[test]
    fn logs_of_one_lineage_are_one_log() {
        let lineage = of(&[(1, 0, 1), (9, 1, 2)]);
        assert_eq!(lineage.shared(&lineage), u64::MAX);
        assert_eq!((lineage.at(8), lineage.at(9)), (of(&[(1, 0, 1)]).regime(), lineage.regime()));
    }

    #[test]
    fn what_is_cut_off_leaves_its_regime() {
        let mut lineage = of(&[(1, 0, 1), (9, 1, 2)]);
        lineage.cut(8);
        assert_eq!(lineage, of(&[(1, 0, 1)]));
        lineage.cut(0);
        assert_eq!(lineage.regime(), None);
    }

    #[test]
    fn more_takeovers_than_are_kept_only_bring_the_parting_nearer() {
        let mut lineage = of(&[(1, 0, 1)]);
        for n in 1..=100 {
            lineage.push(10 * n, Regime { number: n, by: std::cmp::Reverse(1) });
        }
        assert!(lineage.is_sound());
        assert_eq!(lineage.regime().map(|regime| regime.number), Some(100));
        assert!(lineage.is_kin_of(&of(&[(1, 0, 1)])));
    }
}
