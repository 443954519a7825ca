//! What was ever decided is in every log that is established later, in the same regime (I4).

use std::collections::BTreeMap;

use history::{Ballot, Regime, RunningHash};
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

    /// A log is established, with these running hashes after `from`.
    ///
    /// # Errors
    ///
    /// It lacks something.
    pub fn note_established(&mut self, ballot: Ballot<PeerId>, from: u64, hashes: &[RunningHash]) -> Verdict {
        let greatest = self.greatest.entry(ballot.regime).or_insert(ballot);
        *greatest = ballot.max(*greatest);
        let places = self.decided.range((ballot.regime, from + 1)..=(ballot.regime, u64::MAX));
        for ((_, place), known) in places.filter(|(_, known)| known.by < Some(ballot)) {
            let at = usize::try_from(place - from - 1).unwrap_or(usize::MAX);
            if hashes.get(at) != Some(&known.hash) {
                return Err(format!("it establishes a log without what was decided at {place}, under {ballot:?}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::forged::{ballot, hash, regime};
    use super::*;

    #[test]
    fn a_log_that_lacks_what_was_decided_is_seen() {
        let story = || {
            let mut kept = Kept::default();
            kept.note_established(ballot(1, 1), 0, &[]).unwrap();
            kept.note_decided(regime(1), 1, hash(1));
            kept.note_decided(regime(1), 2, hash(2));
            kept
        };
        story().note_established(ballot(2, 2), 0, &[hash(1), hash(2), hash(3)]).unwrap();
        story().note_established(ballot(2, 2), 1, &[hash(2)]).unwrap();
        assert!(story().note_established(ballot(2, 2), 0, &[hash(1)]).is_err(), "it is too short");
        assert!(story().note_established(ballot(2, 2), 0, &[hash(1), hash(9)]).is_err(), "it is another");
    }
}
