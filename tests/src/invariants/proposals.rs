//! A proposal's state is the fold of the log; accepted means that the members did not change and all consented (I12).

use std::collections::{BTreeMap, BTreeSet};

use election::Epoch;
use history::{Ballot, Regime};
use node::group::{Group, Task};
use node::{MessageId, Proposal, ProposalState};
use transport::PeerId;

use super::Verdict;

/// Which roster a leader has, and how long a log.
type Lead = (Option<(Epoch<PeerId>, u64)>, u64);

/// What is known of proposals.
#[derive(Debug, Default)]
pub struct Proposals {
    /// What the log amounts to at a place, as the first told that had it.
    folds: BTreeMap<(Regime<PeerId>, u64), Vec<Proposal>>,
    /// How far each process was looked at.
    at: BTreeMap<u32, (Regime<PeerId>, u64)>,
    /// Which roster and how long a log each leader had when it was looked at.
    led: BTreeMap<u32, Lead>,
    /// Whose owners consented, ever.
    consents: BTreeMap<MessageId, BTreeSet<PeerId>>,
    rejects: BTreeSet<MessageId>,
    /// Under which ballot, and with how long a log, a leader had other members than a proposal's electors.
    changed: BTreeMap<(u32, MessageId), (Ballot<PeerId>, u64)>,
    /// Which requests of programs each process has begun.
    begun: BTreeSet<(u32, PeerId, u64)>,
}

impl Proposals {
    /// An owner votes.
    pub fn note_vote(&mut self, proposal: MessageId, by: PeerId, consent: bool) {
        if consent {
            self.consents.entry(proposal).or_default().insert(by);
        } else {
            self.rejects.insert(proposal);
        }
    }

    /// A process begins what a program's request wants.
    ///
    /// # Errors
    ///
    /// It has begun that before.
    pub fn note_begun(&mut self, run: u32, task: &Task) -> Verdict {
        if !self.begun.insert((run, task.from, task.id)) {
            return Err(format!("request {} of {} is done twice by one leader", task.id, task.from));
        }
        Ok(())
    }

    /// A process has ended.
    pub fn ended(&mut self, run: u32) {
        self.at.remove(&run);
        self.led.remove(&run);
        self.begun.retain(|(of, ..)| *of != run);
        self.changed.retain(|(of, _), _| *of != run);
    }

    /// Looks at a process after a step, if its log has moved, or it leads while something is open.
    ///
    /// # Errors
    ///
    /// What does not hold.
    pub fn look(&mut self, run: u32, group: &Group) -> Verdict {
        let log = group.history().log();
        let Some(regime) = log.regime() else { return Ok(()) };
        let here = (regime, log.decided());
        let before = self.at.insert(run, here);
        let leads = group.believes_to_lead() && group.roster_version().map(|(epoch, _)| epoch) == group.newest_epoch();
        let ballot = log.established().filter(|_| leads);
        let lead = (group.roster_version(), log.accepted_len());
        let moved = ballot.is_some() && self.led.insert(run, lead) != Some(lead);
        if before == Some(here) && !moved {
            return Ok(());
        }
        let proposals = group.proposals();
        if before != Some(here) {
            self.note_fold(here, &proposals)?;
            self.note_outcomes(run, before, ballot, &proposals)?;
        }
        if let Some(ballot) = ballot {
            let members = group.roster().count();
            let open = proposals.iter().filter(|proposal| proposal.state == ProposalState::Open);
            for proposal in open.filter(|proposal| !proposal.waiting.is_empty()) {
                if proposal.consents.len() + proposal.waiting.len() != members {
                    self.note_changed(run, proposal.id, ballot, log.accepted_len());
                }
            }
        }
        Ok(())
    }

    /// A leader has other members than a proposal was put to, and has put that into its log.
    pub fn note_changed(&mut self, run: u32, proposal: MessageId, ballot: Ballot<PeerId>, len: u64) {
        let known = self.changed.entry((run, proposal)).or_insert((ballot, len));
        if known.0 != ballot {
            *known = (ballot, len);
        }
    }

    /// What a process makes of the log up to a place.
    ///
    /// # Errors
    ///
    /// Another makes something else of it.
    pub fn note_fold(&mut self, at: (Regime<PeerId>, u64), proposals: &[Proposal]) -> Verdict {
        let known = self.folds.entry(at).or_insert_with(|| proposals.to_vec());
        if known != proposals {
            return Err(format!("the log up to {} amounts to {proposals:?}, elsewhere to {known:?}", at.1));
        }
        Ok(())
    }

    /// What became of proposals at a process, since it was looked at before.
    ///
    /// # Errors
    ///
    /// One is accepted though somebody did not consent, or the members had changed; or rejected though nobody did.
    pub fn note_outcomes(
        &mut self,
        run: u32,
        before: Option<(Regime<PeerId>, u64)>,
        ballot: Option<Ballot<PeerId>>,
        proposals: &[Proposal],
    ) -> Verdict {
        let was = before.and_then(|at| self.folds.get(&at)).cloned().unwrap_or_default();
        for proposal in proposals.iter().filter(|proposal| !was.contains(proposal)) {
            let Proposal { id, state, consents, waiting, .. } = proposal;
            let said = self.consents.get(id).map_or(0, BTreeSet::len);
            match state {
                ProposalState::Open | ProposalState::Failed => {}
                ProposalState::Accepted => {
                    // Its author consents by proposing.
                    if !waiting.is_empty() || consents.len() > said + 1 {
                        return Err(format!("{proposal:?} is accepted, to which {said} and its author consented"));
                    }
                    let changed = self.changed.get(&(run, *id)).filter(|(under, _)| Some(*under) == ballot);
                    if let (Some((_, len)), Some((_, decided))) = (changed, before)
                        && decided >= *len
                    {
                        return Err(format!("{proposal:?} is accepted after the members had changed"));
                    }
                }
                ProposalState::Rejected => {
                    if !self.rejects.contains(id) {
                        return Err(format!("{proposal:?} is rejected, which nobody did"));
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::forged::{ballot, line, peer, regime};
    use super::*;

    fn proposal(state: ProposalState, consents: usize, waiting: usize) -> Proposal {
        let names = |count: usize| (0..count).map(|n| format!("n{n}").parse().unwrap()).collect();
        Proposal {
            id: line(0),
            number: 1,
            from: "n0".parse().unwrap(),
            text: "tea?".into(),
            state,
            consents: names(consents),
            waiting: names(waiting),
            reason: None,
            was: None,
        }
    }

    #[test]
    fn two_that_make_different_things_of_one_log_are_seen() {
        let mut proposals = Proposals::default();
        let open = [proposal(ProposalState::Open, 1, 1)];
        proposals.note_fold((regime(1), 4), &open).unwrap();
        proposals.note_fold((regime(1), 4), &open).unwrap();
        proposals.note_fold((regime(2), 4), &[]).unwrap();
        assert!(proposals.note_fold((regime(1), 4), &[proposal(ProposalState::Open, 2, 0)]).is_err());
    }

    #[test]
    fn an_acceptance_that_somebody_did_not_consent_to_is_seen() {
        let accepted = [proposal(ProposalState::Accepted, 3, 0)];
        let mut proposals = Proposals::default();
        proposals.note_vote(line(0), peer(2), true);
        assert!(proposals.note_outcomes(1, None, None, &accepted).is_err());
        proposals.note_vote(line(0), peer(3), true);
        proposals.note_outcomes(1, None, None, &accepted).unwrap();
        assert!(proposals.note_outcomes(1, None, None, &[proposal(ProposalState::Accepted, 1, 1)]).is_err());
    }

    #[test]
    fn an_acceptance_after_the_members_have_changed_is_seen() {
        let accepted = [proposal(ProposalState::Accepted, 1, 0)];
        let at = |decided: u64| Some((regime(1), decided));
        let mut proposals = Proposals::default();
        proposals.note_changed(1, line(0), ballot(3, 1), 7);
        proposals.note_outcomes(1, at(6), Some(ballot(3, 1)), &accepted).unwrap();
        proposals.note_outcomes(1, at(7), Some(ballot(4, 1)), &accepted).unwrap();
        assert!(proposals.note_outcomes(1, at(7), Some(ballot(3, 1)), &accepted).is_err());
    }

    #[test]
    fn a_rejection_by_nobody_is_seen() {
        let rejected = [proposal(ProposalState::Rejected, 1, 1)];
        let mut proposals = Proposals::default();
        assert!(proposals.note_outcomes(1, None, None, &rejected).is_err());
        proposals.note_vote(line(0), peer(2), false);
        proposals.note_outcomes(1, None, None, &rejected).unwrap();
    }

    #[test]
    fn a_request_that_one_leader_does_twice_is_seen() {
        let task = Task { from: peer(1), id: 7, name: "job".into(), bytes: Default::default(), ballot: ballot(1, 1) };
        let mut proposals = Proposals::default();
        proposals.note_begun(1, &task).unwrap();
        proposals.note_begun(2, &task).unwrap();
        assert!(proposals.note_begun(1, &task).is_err());
    }
}
