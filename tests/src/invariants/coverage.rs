//! The seldom things happen in the suite (I15): what never happens is not tested.

use std::ops::AddAssign;

use node::{Event, ProposalState};

use super::Verdict;

/// What random plans make so seldom that a schedule has to: `session_half_in_the_loser` sees to it.
const BY_SCHEDULE: [&str; 1] = ["decided skip"];

/// What is counted, and what one of it is called.
macro_rules! coverage {
    ($($(#[$doc:meta])* $field:ident: $what:literal,)*) => {
        /// How often each of them happened.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub struct Coverage {
            $($(#[$doc])* pub $field: u64,)*
        }

        impl Coverage {
            fn all(&self) -> [(&'static str, u64); [$($what),*].len()] {
                [$(($what, self.$field)),*]
            }

            fn all_mut(&mut self) -> [&mut u64; [$($what),*].len()] {
                [$(&mut self.$field),*]
            }
        }
    };
}

coverage! {
    /// A frame was passed on by a neighbour.
    relayed: "relayed frame",
    /// Two groups met.
    merges: "merge of two groups",
    /// A leader handed over.
    yields: "yield",
    /// A process that was stopped suspected itself.
    suspicions: "self-suspicion",
    /// A member was renamed.
    renames: "rename",
    /// A gateway's user was renamed, because another one has its name.
    guest_renames: "rename of one of two guests of one name",
    /// A line of a gateway's user was confirmed.
    guest_lines: "confirmed line of a guest",
    /// What a gateway's user said to one member was delivered.
    private_by_guest: "delivered private message of a guest",
    /// What was said to a gateway's user alone was delivered.
    private_to_guest: "delivered private message to a guest",
    /// A gateway's user did not read what was said to it alone, and is gone.
    unread: "private message that a guest did not take",
    /// A line came again, and was ignored.
    duplicates: "ignored duplicate",
    /// Half of the voters went on without the other half.
    tie_broken: "tie-broken shrink",
    /// A sync took entries away.
    truncations: "truncating sync",
    /// A log was established in which a configuration was undecided.
    two_configurations: "establishment in two configurations",
    /// A member left a lesser regime for a greater.
    switches: "switch of regimes",
    /// A leader whose history was not to stand handed the lead over.
    hand_overs: "leader of another history that handed over",
    /// A member took back what was confirmed in its history, for another.
    given_up: "history given up",
    /// A person's takeover began a history.
    takeovers: "takeover",
    /// A leader took a ballot above a takeover that came to nothing.
    dead_takeovers: "lead above a dead takeover",
    /// The lines of a session that nobody has were passed over.
    skips: "decided skip",
    /// A member was given a snapshot in place of a log.
    snapshots: "snapshot in place of a log",
    /// And with it a proposal that was decided.
    snapshots_with_proposals: "snapshot with a decided proposal",
    /// And with it a proposal that was open.
    snapshots_with_open: "snapshot with an open proposal",
    /// A process began with a snapshot that was on its disk.
    restarts: "restart from a snapshot on a disk",
    /// A proposal was accepted.
    accepted: "accepted proposal",
    /// One was rejected.
    rejected: "rejected proposal",
    /// One failed.
    failed: "failed proposal",
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
        match self.all().iter().find(|(what, count)| *count == 0 && !BY_SCHEDULE.contains(what)) {
            Some((what, _)) => Err(format!("not one {what} happened in the whole suite: {self:?}")),
            None => Ok(()),
        }
    }
}

impl AddAssign for Coverage {
    fn add_assign(&mut self, other: Self) {
        for (mine, (_, theirs)) in self.all_mut().into_iter().zip(other.all()) {
            *mine += theirs;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_happened_is_seen() {
        let mut all = Coverage::default();
        all.all_mut().into_iter().for_each(|count| *count = 1);
        all.check().unwrap();
        for at in 0..all.all().len() {
            let mut lacking = all;
            *lacking.all_mut()[at] = 0;
            let by_schedule = BY_SCHEDULE.contains(&all.all()[at].0);
            assert_eq!(lacking.check().is_ok(), by_schedule, "{lacking:?}");
        }
    }

    #[test]
    fn what_happened_here_and_there_is_added_up() {
        let mut all = Coverage { relayed: 1, ..Coverage::default() };
        all += Coverage { relayed: 2, failed: 3, ..Coverage::default() };
        assert_eq!(all, Coverage { relayed: 3, failed: 3, ..Coverage::default() });
    }
}
