//! A fence that a leader gives is no less than any that was given before and that a member in reach had seen (N8): a database
//! that follows fences would refuse the healthy side otherwise.
//!
//! Fences of two sides that cannot reach each other are not compared. Where two sides have just met, they have a moment to tell each other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use history::Ballot;
use transport::PeerId;

use super::Verdict;

/// How long a member must have been in reach, and have seen a fence, for its leader to know of it.
pub const SETTLED: Duration = Duration::from_secs(2);

/// Which fences were given, and what everybody has seen.
#[derive(Debug, Default)]
pub struct Fences {
    given: BTreeSet<Ballot<PeerId>>,
    /// The greatest ballot that each process has seen, and since when.
    seen: BTreeMap<u32, (Ballot<PeerId>, Instant)>,
}

impl Fences {
    /// A process has seen this ballot, and none that is greater.
    pub fn note_seen(&mut self, run: u32, ballot: Option<Ballot<PeerId>>, now: Instant) {
        if let Some(ballot) = ballot
            && self.seen.get(&run).is_none_or(|(known, _)| *known != ballot)
        {
            self.seen.insert(run, (ballot, now));
        }
    }

    /// A leader gives its ballot for a fence, while these are in reach, and have been for long.
    ///
    /// # Errors
    ///
    /// One of them has seen a greater fence.
    pub fn note_given(&mut self, ballot: Ballot<PeerId>, in_reach: &[u32], now: Instant) -> Verdict {
        self.given.insert(ballot);
        for run in in_reach {
            let Some((seen, _)) = self.seen.get(run).filter(|(_, since)| *since + SETTLED <= now) else { continue };
            if let Some(greater) = self.given.range(..=seen).next_back().filter(|greater| ballot < **greater) {
                return Err(format!("it gives {ballot:?} for a fence, and process {run} has seen {greater:?}"));
            }
        }
        Ok(())
    }

    /// A process has ended.
    pub fn ended(&mut self, run: u32) {
        self.seen.remove(&run);
    }
}

#[cfg(test)]
mod tests {
    use super::super::forged::{ballot, start};
    use super::*;

    #[test]
    fn a_fence_that_is_less_than_one_that_a_member_has_seen_is_seen() {
        let (mut fences, now) = (Fences::default(), start());
        fences.note_seen(2, Some(ballot(3, 2)), now);
        fences.note_given(ballot(1, 1), &[2], now + SETTLED).unwrap();
        fences.note_given(ballot(3, 2), &[], now + SETTLED).unwrap();
        fences.note_given(ballot(1, 1), &[3], now + SETTLED).unwrap();
        fences.note_given(ballot(4, 1), &[2], now + SETTLED).unwrap();
        fences.note_given(ballot(1, 1), &[2], now).unwrap();
        assert!(fences.note_given(ballot(1, 1), &[2], now + SETTLED).is_err());
    }
}
