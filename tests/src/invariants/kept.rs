//! What was ever decided in a history is in every log that is established later in it, or in one that descends from it (I4, N2).

use std::collections::BTreeMap;

use history::{Ballot, Lineage, Regime, RunningHash};
use transport::PeerId;

use super::Verdict;

/// A place that somebody has decided.
#[derive(Clone, Copy, Debug)]
struct Place {
    hash: RunningHash,
    /// The greatest ballot that was established by then: a log established under a lesser one need not have it.
    by: Option<Ballot<PeerId>>,
}

/// What was decided, and under which ballots logs were established.
#[derive(Debug, Default)]
pub struct Kept {
    decided: BTreeMap<(Regime<PeerId>, u64), Place>,
    greatest: BTreeMap<Regime<PeerId>, Ballot<PeerId>>,
}

impl Kept {
    /// Somebody has decided a place.
    pub fn note_decided(&mut self, regime: Regime<PeerId>, place: u64, hash: RunningHash) {
        let by = self.greatest.get(&regime).copied();
        self.decided.entry((regime, place)).or_insert(Place { hash, by });
    }

    /// Whether anybody has decided a place.
    pub fn is_decided(&self, regime: Regime<PeerId>, place: u64) -> bool {
        self.decided.contains_key(&(regime, place))
    }

    /// A log of these histories is established, with these running hashes after `from`.
    ///
    /// # Errors
    ///
    /// It lacks something.
    pub fn note_established(
        &mut self,
        ballot: Ballot<PeerId>,
        lineage: &Lineage<PeerId>,
        from: u64,
        hashes: &[RunningHash],
    ) -> Verdict {
        let Some(regime) = lineage.regime() else { return Ok(()) };
        let greatest = self.greatest.entry(regime).or_insert(ballot);
        *greatest = ballot.max(*greatest);
        let end = from + hashes.len() as u64;
        let lacks = self.decided.iter().find(|((of, place), known)| {
            let is_in_it = *place > from && lineage.at(*place) == Some(*of) && known.by < Some(ballot);
            let at = usize::try_from(place.saturating_sub(from + 1)).unwrap_or(usize::MAX);
            is_in_it && (*place > end || hashes.get(at) != Some(&known.hash))
        });
        match lacks {
            Some(((_, place), _)) => {
                Err(format!("it establishes a log without what was decided at {place}, under {ballot:?}"))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::forged::{ballot, hash, peer, regime};
    use super::*;

    #[test]
    fn a_log_that_lacks_what_was_decided_is_seen() {
        let (of, other) = (Lineage::known_from(1, regime(1)), Lineage::known_from(1, regime(2)));
        let story = || {
            let mut kept = Kept::default();
            kept.note_established(ballot(1, 1), &of, 0, &[]).unwrap();
            kept.note_decided(regime(1), 1, hash(1));
            kept.note_decided(regime(1), 2, hash(2));
            kept
        };
        story().note_established(ballot(2, 2), &of, 0, &[hash(1), hash(2), hash(3)]).unwrap();
        story().note_established(ballot(2, 2), &of, 1, &[hash(2)]).unwrap();
        assert!(story().note_established(ballot(2, 2), &of, 0, &[hash(1)]).is_err(), "it is too short");
        assert!(story().note_established(ballot(2, 2), &of, 0, &[hash(1), hash(9)]).is_err(), "it is another");
        story().note_established(ballot(2, 2), &other, 0, &[]).unwrap();
    }

    #[test]
    fn a_takeover_that_lacks_what_was_decided_before_it_is_seen() {
        let before = Lineage::known_from(1, regime(1));
        let after = before.then(&[(3, regime(1).taken_over(peer(2)))]);
        let story = || {
            let mut kept = Kept::default();
            kept.note_established(ballot(1, 1), &before, 0, &[]).unwrap();
            (1..=4).for_each(|place| kept.note_decided(regime(1), place, hash(u16::try_from(place).unwrap())));
            kept
        };
        story().note_established(ballot(2, 2), &after, 0, &[hash(1), hash(2), hash(8), hash(9)]).unwrap();
        assert!(story().note_established(ballot(2, 2), &after, 0, &[hash(1), hash(9), hash(8), hash(9)]).is_err());
    }
}
