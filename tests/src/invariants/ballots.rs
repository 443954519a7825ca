//! A ballot has one leader, and logs that were accepted under the same ballot are prefixes of each other (I3).

use std::collections::BTreeMap;

use history::Ballot;
use transport::PeerId;

use super::Verdict;

/// Who led under each ballot, and what was accepted under it.
#[derive(Debug, Default)]
pub struct Ballots {
    leaders: BTreeMap<Ballot<PeerId>, u32>,
    /// What stands at each place, as a number that is another for another entry.
    accepted: BTreeMap<(Ballot<PeerId>, u64), u64>,
}

impl Ballots {
    /// A process, of this peer, leads under a ballot.
    ///
    /// # Errors
    ///
    /// Another did, or the ballot is another's.
    pub fn note_leader(&mut self, run: u32, id: PeerId, ballot: Ballot<PeerId>) -> Verdict {
        let leader = *self.leaders.entry(ballot).or_insert(run);
        if leader != run || ballot.peer != id {
            return Err(format!("two processes lead under {ballot:?}, or the wrong one"));
        }
        Ok(())
    }

    /// An entry stands at a place of a log that was accepted under a ballot.
    ///
    /// # Errors
    ///
    /// Another entry stands there elsewhere.
    pub fn note_accepted(&mut self, ballot: Ballot<PeerId>, place: u64, entry: u64) -> Verdict {
        if *self.accepted.entry((ballot, place)).or_insert(entry) != entry {
            return Err(format!("two entries were accepted at place {place} under {ballot:?}"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::forged::{ballot, peer};
    use super::*;

    #[test]
    fn two_leaders_of_one_ballot_are_seen() {
        let mut ballots = Ballots::default();
        ballots.note_leader(1, peer(1), ballot(1, 1)).unwrap();
        ballots.note_leader(2, peer(2), ballot(1, 2)).unwrap();
        assert!(ballots.note_leader(3, peer(1), ballot(1, 1)).is_err(), "a later run of the same peer");
        assert!(ballots.note_leader(3, peer(3), ballot(2, 1)).is_err(), "another's ballot");
    }

    #[test]
    fn two_logs_under_one_ballot_are_seen() {
        let mut ballots = Ballots::default();
        ballots.note_accepted(ballot(1, 1), 5, 77).unwrap();
        ballots.note_accepted(ballot(2, 1), 5, 78).unwrap();
        assert!(ballots.note_accepted(ballot(1, 1), 5, 78).is_err());
    }
}
