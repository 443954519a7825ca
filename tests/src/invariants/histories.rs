//! There are no more histories than foundations and takeovers (N7): each is begun by its founder, or by a person's word, and by
//! nothing else. That one of them is left in the end is for [`convergence`](super::convergence) to see.

use std::collections::{BTreeMap, BTreeSet};

use history::Regime;
use transport::PeerId;

/// Which histories there are, and what they may have begun with.
#[derive(Debug, Default)]
pub struct Histories {
    known: BTreeSet<Regime<PeerId>>,
    /// How often each peer was told to take over, and began.
    takeovers: BTreeMap<PeerId, usize>,
}

impl Histories {
    /// A person has told a peer to take over, and it begins.
    pub fn note_takeover(&mut self, by: PeerId) {
        *self.takeovers.entry(by).or_default() += 1;
    }

    /// A peer's log is of a history. Returns whether that is a takeover nobody was of before.
    ///
    /// # Errors
    ///
    /// Nobody began it.
    pub fn note(&mut self, id: PeerId, regime: Regime<PeerId>) -> Result<bool, String> {
        if !self.known.insert(regime) {
            return Ok(false);
        }
        let by = regime.by.0;
        let is_takeover = regime.number > 0;
        // What a taker began and another decided, that other may be the first to be of.
        let is_begun = is_takeover || by == id;
        let of_the_same = |known: &&Regime<PeerId>| known.number > 0 && known.by.0 == by;
        let takeovers = self.known.iter().filter(of_the_same).count();
        if !is_begun || takeovers > self.takeovers.get(&by).copied().unwrap_or(0) {
            return Err(format!("it is of {regime:?}, which nobody has begun"));
        }
        Ok(is_takeover)
    }
}

#[cfg(test)]
mod tests {
    use super::super::forged::{peer, regime};
    use super::*;

    #[test]
    fn a_history_that_neither_a_foundation_nor_a_takeover_began_is_seen() {
        let mut histories = Histories::default();
        assert_eq!(histories.note(peer(1), regime(1)), Ok(false));
        assert_eq!(histories.note(peer(2), regime(1)), Ok(false));
        assert!(histories.note(peer(2), regime(3)).is_err(), "its founder was not of it");
        let taken_over = regime(1).taken_over(peer(2));
        assert!(histories.note(peer(2), taken_over).is_err(), "nobody said so");
    }

    #[test]
    fn more_takeovers_than_a_person_asked_for_are_seen() {
        let (mut histories, first) = (Histories::default(), regime(1).taken_over(peer(2)));
        histories.note_takeover(peer(2));
        assert_eq!(histories.note(peer(2), first), Ok(true));
        assert!(histories.note(peer(2), first.taken_over(peer(2))).is_err());
    }
}
