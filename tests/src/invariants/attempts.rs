//! Two attempts of one history, each under a ballot of its own, never both decide different things at a place (N4).

use std::collections::BTreeMap;

use history::{Ballot, Regime, RunningHash};
use transport::PeerId;

use super::Verdict;

/// What the leaders of each history have decided, and under which ballot the first of them did.
#[derive(Debug, Default)]
pub struct Attempts(BTreeMap<(Regime<PeerId>, u64), (Ballot<PeerId>, RunningHash)>);

impl Attempts {
    /// A leader has decided a place under its ballot.
    ///
    /// # Errors
    ///
    /// Another attempt has decided something else there.
    pub fn note(&mut self, regime: Regime<PeerId>, place: u64, ballot: Ballot<PeerId>, hash: RunningHash) -> Verdict {
        let (first, known) = *self.0.entry((regime, place)).or_insert((ballot, hash));
        if known != hash {
            return Err(format!(
                "place {place} of {regime:?} is decided under {first:?} and otherwise under {ballot:?}"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::forged::{ballot, hash, regime};
    use super::*;

    #[test]
    fn two_attempts_that_decide_different_things_are_seen() {
        let mut attempts = Attempts::default();
        attempts.note(regime(1), 9, ballot(1, 1), hash(1)).unwrap();
        attempts.note(regime(1), 9, ballot(2, 2), hash(1)).unwrap();
        attempts.note(regime(2), 9, ballot(2, 3), hash(2)).unwrap();
        assert!(attempts.note(regime(1), 9, ballot(2, 2), hash(2)).is_err());
    }
}
