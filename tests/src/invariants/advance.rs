//! What is promised never goes back, on disks across crashes too; what is accepted and decided not within a run, save where a
//! history is given up for another (I2).

use std::collections::BTreeMap;

use history::{Ballot, Regime};
use transport::PeerId;

use super::Verdict;

/// How far a member's log is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// The history of what is decided.
    pub regime: Option<Regime<PeerId>>,
    /// How much is decided.
    pub decided: u64,
    /// Nothing below this is accepted.
    pub promised: Option<Ballot<PeerId>>,
    /// Under which ballot the log was accepted.
    pub accepted: Option<Ballot<PeerId>>,
    /// Under which one it went over to this history.
    pub left: Option<Ballot<PeerId>>,
    /// How long it is.
    pub len: u64,
    /// The ballot that it leads under.
    pub established: Option<Ballot<PeerId>>,
}

/// What a disk has promised, and under which ballot its peer went over to its history.
type Written = [Option<Ballot<PeerId>>; 2];

/// How far everybody was.
#[derive(Debug, Default)]
pub struct Advance {
    runs: BTreeMap<u32, Standing>,
    disks: BTreeMap<PeerId, Written>,
}

impl Advance {
    /// How far a process was when it was last looked at.
    pub fn last(&self, run: u32) -> Standing {
        self.runs.get(&run).copied().unwrap_or_default()
    }

    /// How far a process is.
    ///
    /// # Errors
    ///
    /// It was further.
    pub fn note(&mut self, run: u32, now: Standing) -> Verdict {
        let before = self.runs.insert(run, now).unwrap_or_default();
        let same_history = before.left == now.left;
        // A snapshot stands for all that was accepted.
        let stood_for = now.accepted.is_none() && now.len == now.decided && now.len >= before.len;
        for (goes_back, what) in [
            (now.left < before.left, "what it left"),
            (now.promised < before.promised, "what it promised"),
            (before.regime.is_some() && now.regime.is_none() && same_history, "its history"),
            (before.regime == now.regime && now.decided < before.decided, "what it decided"),
            (same_history && now.accepted < before.accepted && !stood_for, "its ballot"),
            (now.accepted.is_some() && now.accepted == before.accepted && now.len < before.len, "what it accepted"),
        ] {
            if goes_back {
                return Err(format!("{what} goes back, from {before:?} to {now:?}"));
            }
        }
        Ok(())
    }

    /// What a disk has.
    ///
    /// # Errors
    ///
    /// It had more.
    pub fn note_written(
        &mut self,
        id: PeerId,
        promised: Option<Ballot<PeerId>>,
        left: Option<Ballot<PeerId>>,
    ) -> Verdict {
        let before = self.disks.insert(id, [promised, left]).unwrap_or_default();
        if promised < before[0] || left < before[1] {
            return Err(format!("its disk goes back from {before:?} to {:?}", [promised, left]));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::forged::{ballot, peer, regime};
    use super::*;

    #[test]
    fn whatever_goes_back_is_seen() {
        let at = Standing {
            regime: Some(regime(1)),
            decided: 4,
            promised: Some(ballot(3, 1)),
            accepted: Some(ballot(2, 1)),
            left: Some(ballot(1, 1)),
            len: 6,
            established: None,
        };
        for back in [
            Standing { decided: 3, ..at },
            Standing { promised: Some(ballot(2, 1)), ..at },
            Standing { accepted: Some(ballot(1, 1)), ..at },
            Standing { accepted: None, ..at },
            Standing { len: 5, ..at },
            Standing { regime: None, ..at },
            Standing { left: None, ..at },
        ] {
            let mut advance = Advance::default();
            advance.note(1, at).unwrap();
            advance.note(2, back).unwrap();
            assert!(advance.note(1, back).is_err(), "{back:?}");
        }
    }

    #[test]
    fn a_disk_that_forgets_is_seen() {
        let mut advance = Advance::default();
        advance.note_written(peer(1), Some(ballot(2, 1)), Some(ballot(2, 1))).unwrap();
        assert!(advance.note_written(peer(1), Some(ballot(1, 1)), Some(ballot(2, 1))).is_err());
    }

    #[test]
    fn who_goes_over_to_another_history_may_begin_anew() {
        let mut advance = Advance::default();
        let at = Standing {
            regime: Some(regime(1)),
            decided: 4,
            accepted: Some(ballot(2, 1)),
            len: 6,
            ..Default::default()
        };
        advance.note(1, at).unwrap();
        let gone_over =
            Standing { regime: Some(regime(2)), decided: 1, left: Some(ballot(3, 2)), len: 1, ..Default::default() };
        advance.note(1, gone_over).unwrap();
    }
}
