//! The seldom things happen in the suite (I15): what never happens is not tested.

use std::ops::AddAssign;

use node::{Event, ProposalState};

use super::Verdict;

/// How often each of them happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Coverage {
    /// A frame was passed on by a neighbour.
    pub relayed: u64,
    /// Two groups met.
    pub merges: u64,
    /// A leader handed over.
    pub yields: u64,
    /// A process that was stopped suspected itself.
    pub suspicions: u64,
    /// A member was renamed.
    pub renames: u64,
    /// A line came again, and was ignored.
    pub duplicates: u64,
    /// Half of the voters went on without the other half.
    pub tie_broken: u64,
    /// A sync took entries away.
    pub truncations: u64,
    /// A log was established in which a configuration was undecided.
    pub two_configurations: u64,
    /// A member left a lesser regime for a greater.
    pub switches: u64,
    /// A proposal was accepted.
    pub accepted: u64,
    /// One was rejected.
    pub rejected: u64,
    /// One failed.
    pub failed: u64,
}

impl Coverage {
    /// An owner is told this.
    pub fn note(&mut self, event: &Event) {
        match event {
            Event::Proposal(proposal) => match proposal.state {
                ProposalState::Open => {}
                ProposalState::Accepted => self.accepted += 1,
                ProposalState::Rejected => self.rejected += 1,
                ProposalState::Failed => self.failed += 1,
            },
            Event::Renamed { .. } => self.renames += 1,
            Event::Leader(Some(leader)) => {
                let reason = &leader.reason;
                self.merges += u64::from(reason.starts_with("two parts met"));
                self.yields += u64::from(reason.contains(" handed over") || reason.contains(" was outranked"));
                self.suspicions += u64::from(reason.starts_with("this process was stopped"));
            }
            _ => {}
        }
    }

    /// Whether all of it happened.
    ///
    /// # Errors
    ///
    /// What did not.
    pub fn check(&self) -> Verdict {
        let Self { relayed, merges, yields, suspicions, renames, duplicates, .. } = *self;
        let Self { tie_broken, truncations, two_configurations, switches, accepted, rejected, failed, .. } = *self;
        let all = [
            ("relayed frame", relayed),
            ("merge of two groups", merges),
            ("yield", yields),
            ("self-suspicion", suspicions),
            ("rename", renames),
            ("ignored duplicate", duplicates),
            ("tie-broken shrink", tie_broken),
            ("truncating sync", truncations),
            ("establishment in two configurations", two_configurations),
            ("switch of regimes", switches),
            ("accepted proposal", accepted),
            ("rejected proposal", rejected),
            ("failed proposal", failed),
        ];
        match all.iter().find(|(_, count)| *count == 0) {
            Some((what, _)) => Err(format!("not one {what} happened in the whole suite: {self:?}")),
            None => Ok(()),
        }
    }
}

impl AddAssign for Coverage {
    fn add_assign(&mut self, other: Self) {
        self.relayed += other.relayed;
        self.merges += other.merges;
        self.yields += other.yields;
        self.suspicions += other.suspicions;
        self.renames += other.renames;
        self.duplicates += other.duplicates;
        self.tie_broken += other.tie_broken;
        self.truncations += other.truncations;
        self.two_configurations += other.two_configurations;
        self.switches += other.switches;
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.failed += other.failed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_happened_is_seen() {
        let all = Coverage {
            relayed: 1,
            merges: 1,
            yields: 1,
            suspicions: 1,
            renames: 1,
            duplicates: 1,
            tie_broken: 1,
            truncations: 1,
            two_configurations: 1,
            switches: 1,
            accepted: 1,
            rejected: 1,
            failed: 1,
        };
        all.check().unwrap();
        for lacking in [
            Coverage { relayed: 0, ..all },
            Coverage { merges: 0, ..all },
            Coverage { yields: 0, ..all },
            Coverage { suspicions: 0, ..all },
            Coverage { renames: 0, ..all },
            Coverage { duplicates: 0, ..all },
            Coverage { tie_broken: 0, ..all },
            Coverage { truncations: 0, ..all },
            Coverage { two_configurations: 0, ..all },
            Coverage { switches: 0, ..all },
            Coverage { accepted: 0, ..all },
            Coverage { rejected: 0, ..all },
            Coverage { failed: 0, ..all },
        ] {
            assert!(lacking.check().is_err(), "{lacking:?}");
        }
    }
}
