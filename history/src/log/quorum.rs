//! Who has to agree: majorities, and the half that has the tie-breaker.

use super::entry::{Config, Peer};
use super::limits::VOTERS_MAX;

/// What has to be carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// A line or a note: more than half.
    Strict,
    /// A configuration or a prepare: half with the tie-breaker is enough. Any two such halves share the tie-breaker, and
    /// each shares somebody with any majority, so nothing that either carried is missed.
    TieBroken,
}

impl<P: Peer> Config<P> {
    /// A configuration of these, of whom the first is the highest-ranked.
    pub(super) fn of(ranked: &[P]) -> Option<Self> {
        let tie_breaker = *ranked.first()?;
        let mut voters = ranked.to_vec();
        voters.sort_unstable();
        voters.dedup();
        Some(Self { voters, tie_breaker, fork: None })
    }

    /// Whether those for whom `agrees` holds carry it.
    pub(super) fn carries(&self, weight: Weight, agrees: impl Fn(P) -> bool) -> bool {
        let agreed = self.voters.iter().filter(|voter| agrees(**voter)).count();
        let half = self.voters.len();
        match weight {
            _ if 2 * agreed > half => true,
            Weight::TieBroken => 2 * agreed == half && agrees(self.tie_breaker),
            Weight::Strict => false,
        }
    }

    /// The greatest length that is carried, given how far each voter has acknowledged.
    pub(super) fn carried(&self, weight: Weight, acked: impl Fn(P) -> u64) -> u64 {
        let lengths = self.voters.iter().map(|voter| acked(*voter));
        let carried = lengths.filter(|len| self.carries(weight, |voter| acked(voter) >= *len));
        carried.max().unwrap_or(0)
    }

    pub(super) fn has(&self, peer: P) -> bool {
        self.voters.binary_search(&peer).is_ok()
    }

    /// Whether an honest leader could have made it.
    pub(super) fn is_sound(&self) -> bool {
        (1..=VOTERS_MAX).contains(&self.voters.len())
            && self.voters.is_sorted_by(|a, b| a < b)
            && self.has(self.tie_breaker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn four() -> Config<u8> {
        Config::of(&[3, 1, 2, 4]).expect("four voters")
    }

    #[test]
    fn a_line_needs_more_than_half() {
        assert!(!four().carries(Weight::Strict, |voter| voter == 3 || voter == 1));
        assert!(four().carries(Weight::Strict, |voter| voter != 3));
    }

    #[test]
    fn half_with_the_tie_breaker_carries_a_configuration_and_the_other_half_does_not() {
        assert!(four().carries(Weight::TieBroken, |voter| voter == 3 || voter == 1));
        assert!(!four().carries(Weight::TieBroken, |voter| voter == 2 || voter == 4));
    }

    #[test]
    fn an_acknowledgement_of_somebody_else_counts_for_nothing() {
        assert!(!four().carries(Weight::TieBroken, |voter| voter > 4));
    }

    #[test]
    fn carried_is_the_greatest_length_that_enough_have() {
        let acked = |voter: u8| [0, 9, 7, 5, 3][usize::from(voter)];
        assert_eq!(four().carried(Weight::Strict, acked), 5);
        assert_eq!(four().carried(Weight::TieBroken, acked), 5);
        assert_eq!(four().carried(Weight::TieBroken, |voter| if voter == 3 { 9 } else { acked(voter) }), 9);
    }

    #[test]
    fn what_no_leader_makes_is_not_sound() {
        let config = |voters: &[u8], tie_breaker| Config { voters: voters.to_vec(), tie_breaker, fork: None };
        assert!(config(&[1, 2], 2).is_sound());
        for unsound in [config(&[], 1), config(&[2, 1], 1), config(&[1, 1], 1), config(&[1, 2], 3)] {
            assert!(!unsound.is_sound(), "{unsound:?}");
        }
        assert!(!config(&[1, 2, 3, 4, 5, 6, 7, 8], 1).is_sound());
    }
}
