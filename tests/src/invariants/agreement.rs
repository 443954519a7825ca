//! Any two members agree on every place that both have decided, in the same history (I1, N1).

use std::collections::BTreeMap;

use history::{Regime, RunningHash};
use transport::PeerId;

use super::Verdict;

/// What stands at a place, and at all before it: by the running hash, which says both.
#[derive(Debug, Default)]
pub struct Agreement(BTreeMap<(Regime<PeerId>, u64), RunningHash>);

impl Agreement {
    /// A member has decided a place.
    ///
    /// # Errors
    ///
    /// Another has decided something else there.
    pub fn note(&mut self, regime: Regime<PeerId>, place: u64, hash: RunningHash) -> Verdict {
        if *self.0.entry((regime, place)).or_insert(hash) != hash {
            return Err(format!("place {place} of {regime:?} or one before it is decided differently elsewhere"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::forged::{hash, regime};
    use super::*;

    #[test]
    fn two_entries_at_one_place_are_seen() {
        let mut agreement = Agreement::default();
        agreement.note(regime(1), 4, hash(1)).unwrap();
        agreement.note(regime(1), 4, hash(1)).unwrap();
        agreement.note(regime(2), 4, hash(2)).unwrap();
        assert!(agreement.note(regime(1), 4, hash(2)).is_err());
    }
}
