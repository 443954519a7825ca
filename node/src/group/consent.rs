//! Proposals and votes: said as lines are, and what the leader notes beside them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use history::{Ballot, MessageId};
use tracing::{info, warn};
use transport::PeerId;

use super::{Group, Now, Output};
use crate::api::{ProposeError, VoteError};
use crate::event::{Event, LeftReason};
use crate::name::Name;
use crate::proposals::{Change, Fold, NOTE, Note, OPEN_FOR, Proposal, ProposalState};
use crate::wire::Body;

/// How long a proposal or a vote may take to be confirmed before its author is told that there is no quorum.
const LIMIT: Duration = Duration::from_secs(5);

/// How long a vote may wait for a proposal that this member does not know: whoever proposed it may be a step ahead.
const UNKNOWN_LIMIT: Duration = Duration::from_secs(1);

/// How many such votes wait. One more is told at once that there is no such proposal.
const MOST_EARLY: usize = 64;

/// How many decided proposals it is remembered of that they were told, in case they are taken back.
const MOST_TOLD: usize = 128;

/// How many dropped members are remembered while something is open.
const MOST_DROPPED: usize = 1_024;

/// What is known of the proposals beside the log.
#[derive(Clone, Debug, Default)]
pub(super) struct Consent {
    pub(super) fold: Fold,
    /// One's own proposals and votes that are not confirmed.
    said: BTreeMap<MessageId, Said>,
    /// One's own votes on what is not known yet.
    early: Vec<EarlyVote>,
    /// How what was decided was told, the last at the end.
    told: VecDeque<(MessageId, ProposalState)>,
    /// Since when each has been seen open: a day is measured by one's own clock.
    open_since: BTreeMap<MessageId, Instant>,
    /// As the leader: what is on its way into the log, under which ballot.
    noted: BTreeSet<(MessageId, Kind)>,
    noted_under: Option<Ballot<PeerId>>,
    /// Why members were dropped, while something is open.
    dropped: BTreeMap<PeerId, LeftReason>,
}

#[derive(Clone, Copy, Debug)]
struct Said {
    request: u64,
    deadline: Instant,
    /// The proposal that it votes on; none: it is one.
    votes_on: Option<MessageId>,
}

#[derive(Clone, Copy, Debug)]
struct EarlyVote {
    request: u64,
    deadline: Instant,
    proposal: MessageId,
    consent: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    Electors,
    Changed,
    Expired,
}

impl Consent {
    pub(super) fn new(fold: Fold) -> Self {
        Self { fold, ..Self::default() }
    }

    /// A member is dropped from the roster.
    pub(super) fn note_dropped(&mut self, peer: PeerId, why: LeftReason) {
        if self.dropped.len() < MOST_DROPPED && !self.fold.proposals().open_ones().is_empty() {
            self.dropped.insert(peer, why);
        }
    }

    /// How it stands is told. How it was decided before, if it is otherwise: in a history that gave way to another.
    fn note_told(&mut self, proposal: &Proposal) -> Option<ProposalState> {
        let Proposal { id, state, .. } = proposal;
        let told = self.told.iter().position(|(told, _)| told == id).and_then(|at| self.told.remove(at));
        if *state != ProposalState::Open {
            self.told.push_back((*id, *state));
            if self.told.len() > MOST_TOLD {
                self.told.pop_front();
            }
        }
        told.map(|(_, was)| was).filter(|was| was != state)
    }

    pub(super) fn poll_timeout(&self, leads: bool) -> Option<Instant> {
        let early = self.early.iter().map(|vote| vote.deadline);
        let late = self.said.values().map(|said| said.deadline).chain(early);
        let expires = self.open_since.values().filter(|_| leads).map(|since| *since + OPEN_FOR);
        late.chain(expires).min()
    }

    pub(super) fn len(&self) -> usize {
        self.said.len()
    }
}

impl Group {
    /// Puts a proposal, whose text was checked, to all members. [`Output::Proposed`] follows with the same number.
    pub fn propose(&mut self, request: u64, text: String, now: Now) {
        if !self.consent.fold.proposals().has_room() {
            return self.outputs.push_back(Output::Proposed(request, Err(ProposeError::TooMany)));
        }
        let body = Body::Open { from: self.me.id, name: self.name.clone(), sent_at: now.wall, text };
        match self.put(&body, now) {
            Ok(id) => self.await_confirmation(id, request, None, now),
            Err(full) => self.outputs.push_back(Output::Proposed(request, Err(full.into()))),
        }
    }

    /// Consents to a proposal, or rejects it. [`Output::Voted`] follows with the same number.
    pub fn vote(&mut self, request: u64, proposal: MessageId, consent: bool, now: Now) {
        match self.may_vote(proposal) {
            Ok(None) => {}
            Err(VoteError::UnknownProposal(_)) if self.consent.early.len() < MOST_EARLY => {
                let deadline = now.instant + UNKNOWN_LIMIT;
                return self.consent.early.push(EarlyVote { request, deadline, proposal, consent });
            }
            Ok(Some(state)) => return self.outputs.push_back(Output::Voted(request, Ok(state))),
            Err(error) => return self.outputs.push_back(Output::Voted(request, Err(error))),
        }
        let body = Body::Vote { proposal, from: self.me.id, name: self.name.clone(), consent };
        match self.put(&body, now) {
            Ok(id) => self.await_confirmation(id, request, Some(proposal), now),
            Err(full) => self.outputs.push_back(Output::Voted(request, Err(full.into()))),
        }
    }

    /// The proposals that are open, and the last that were decided, by their numbers.
    pub fn proposals(&self) -> Vec<Proposal> {
        self.consent.fold.proposals().views()
    }

    /// How a proposal stands that is decided already: a vote would do nothing.
    fn may_vote(&self, proposal: MessageId) -> Result<Option<ProposalState>, VoteError> {
        let proposals = self.consent.fold.proposals();
        let Some(open) = proposals.open_ones().iter().find(|open| open.id() == proposal) else {
            return proposals.view(proposal).map(|view| Some(view.state)).ok_or(VoteError::UnknownProposal(proposal));
        };
        let is_elector = |electors: Vec<(PeerId, &Name)>| electors.iter().any(|(peer, _)| *peer == self.me.id);
        if open.electors().is_none_or(is_elector) { Ok(None) } else { Err(VoteError::NotAnElector) }
    }

    /// Nothing is to be told of what was confirmed in the same moment as it was said.
    fn await_confirmation(&mut self, id: MessageId, request: u64, votes_on: Option<MessageId>, now: Now) {
        let said = Said { request, deadline: now.instant + LIMIT, votes_on };
        if self.history.log().applied().next(id.session) > id.number {
            self.tell_said(id, said);
        } else {
            self.consent.said.insert(id, said);
        }
    }

    fn tell_said(&mut self, id: MessageId, said: Said) {
        self.outputs.push_back(match said.votes_on {
            None => Output::Proposed(said.request, Ok(id)),
            Some(proposal) => {
                let view = self.consent.fold.proposals().view(proposal);
                let state = view.map(|view| view.state).ok_or(VoteError::UnknownProposal(proposal));
                Output::Voted(said.request, state)
            }
        });
    }

    /// One's own proposal or vote may be what was confirmed.
    pub(super) fn answer_said(&mut self, id: MessageId) {
        if let Some(said) = self.consent.said.remove(&id) {
            self.tell_said(id, said);
        }
    }

    /// What was voted on before it was known may be known.
    fn cast_early_votes(&mut self) {
        let proposals = self.consent.fold.proposals();
        let is_known = |vote: &EarlyVote| proposals.view(vote.proposal).is_some();
        let (known, unknown) = std::mem::take(&mut self.consent.early).into_iter().partition(is_known);
        self.consent.early = unknown;
        let known: Vec<EarlyVote> = known;
        for vote in known {
            self.vote(vote.request, vote.proposal, vote.consent, self.now);
        }
    }

    pub(super) fn give_up_late_votes(&mut self, now: Now) {
        let unknown = |vote: &mut EarlyVote| vote.deadline <= now.instant;
        for vote in self.consent.early.extract_if(.., unknown) {
            let error = VoteError::UnknownProposal(vote.proposal);
            self.outputs.push_back(Output::Voted(vote.request, Err(error)));
        }
        let late = self.consent.said.iter().filter(|(_, said)| said.deadline <= now.instant);
        for id in late.map(|(id, _)| *id).collect::<Vec<_>>() {
            let Some(Said { request, votes_on, .. }) = self.consent.said.remove(&id) else { continue };
            self.outputs.push_back(match votes_on {
                None => Output::Proposed(request, Err(ProposeError::NoQuorum)),
                Some(_) => Output::Voted(request, Err(VoteError::NoQuorum)),
            });
        }
    }

    /// These proposals are not as they were.
    pub(super) fn tell_proposals(&mut self, changed: Vec<MessageId>, quietly: bool) {
        if changed.is_empty() {
            return;
        }
        let now = self.now.instant;
        let open: BTreeSet<_> = self.consent.fold.proposals().open_ones().iter().map(|open| open.id()).collect();
        self.consent.open_since.retain(|id, _| open.contains(id));
        for id in &open {
            self.consent.open_since.entry(*id).or_insert(now);
        }
        self.consent.noted.retain(|(id, _)| open.contains(id));
        if open.is_empty() {
            self.consent.dropped.clear();
        }
        for id in changed {
            if quietly {
                let view = self.consent.fold.proposals().view(id);
                view.into_iter().for_each(|proposal| _ = self.consent.note_told(&proposal));
            } else {
                self.tell_proposal(id);
            }
        }
        self.cast_early_votes();
    }

    fn tell_proposal(&mut self, id: MessageId) {
        let proposals = self.consent.fold.proposals();
        // It is put to all when it is known who they are.
        let is_put = proposals.open_ones().iter().find(|open| open.id() == id).is_none_or(|open| open.is_put());
        if let Some(mut proposal) = proposals.view(id).filter(|_| is_put) {
            proposal.was = self.consent.note_told(&proposal);
            info!(number = proposal.number, state = proposal.state.as_str(), reason = proposal.reason, "proposal");
            self.tell(Event::Proposal(proposal));
        }
    }

    /// What is open: for a member that has just learnt what was before it.
    pub(super) fn tell_open_proposals(&mut self) {
        for open in self.consent.fold.proposals().open_ones().iter().map(|open| open.id()).collect::<Vec<_>>() {
            self.consent.open_since.entry(open).or_insert(self.now.instant);
            self.tell_proposal(open);
        }
    }

    /// As the leader: notes what is due, each once under one ballot. What was noted may be lost with a leader, and is
    /// noted again by the next.
    pub(super) fn pursue_proposals(&mut self, now: Now) {
        if self.consent.fold.proposals().open_ones().is_empty() || !self.leads() {
            return;
        }
        let Some(ballot) = self.history.log().established() else { return };
        if self.consent.noted_under != Some(ballot) {
            self.consent.noted_under = Some(ballot);
            self.consent.noted.clear();
        }
        for (kind, note) in self.due_notes(now) {
            let proposal = match &note {
                Note::Electors { proposal, .. } | Note::Changed { proposal, .. } | Note::Expired { proposal } => {
                    *proposal
                }
            };
            let body = transport::encode(&note).expect("a roster fits a message, and so does who is in it");
            if self.history.note(NOTE, body.into(), now.instant) {
                self.consent.noted.insert((proposal, kind));
            } else {
                warn!(%proposal, ?kind, "there is no room for a note");
            }
        }
    }

    fn due_notes(&self, now: Now) -> Vec<(Kind, Note)> {
        let peers = self.peers();
        let open = self.consent.fold.proposals().open_ones().iter();
        let due = open.filter_map(|open| {
            let proposal = open.id();
            let since = self.consent.open_since.get(&proposal);
            let note = match open.electors() {
                _ if since.is_some_and(|since| *since + OPEN_FOR <= now.instant) => {
                    (Kind::Expired, Note::Expired { proposal })
                }
                None => {
                    let electors = peers.iter().map(|(peer, name)| (*peer, (*name).clone())).collect();
                    (Kind::Electors, Note::Electors { proposal, electors })
                }
                Some(electors) => {
                    let (what, peer, name) = self.change(&electors, &peers)?;
                    (Kind::Changed, Note::Changed { proposal, what, peer, name: name.clone() })
                }
            };
            Some(note)
        });
        due.filter(|(kind, note)| {
            let (Note::Electors { proposal, .. } | Note::Changed { proposal, .. } | Note::Expired { proposal }) = note;
            !self.consent.noted.contains(&(*proposal, *kind))
        })
        .collect()
    }

    /// Who is to consent to what is put to all at this moment.
    fn peers(&self) -> Vec<(PeerId, &Name)> {
        let roster = self.roster.iter().flat_map(|roster| roster.by_seniority());
        roster.map(|(peer, entry)| (peer, &entry.name)).collect()
    }

    /// The first difference between who is to consent and who is a member.
    fn change<'a>(
        &self,
        electors: &[(PeerId, &'a Name)],
        peers: &[(PeerId, &'a Name)],
    ) -> Option<(Change, PeerId, &'a Name)> {
        let ids = |all: &[(PeerId, &Name)]| all.iter().map(|(peer, _)| *peer).collect::<BTreeSet<_>>();
        let (are, were) = (ids(peers), ids(electors));
        if let Some((peer, name)) = electors.iter().find(|(peer, _)| !are.contains(peer)) {
            let why = self.consent.dropped.get(peer).copied().unwrap_or(LeftReason::Failed);
            return Some((why.into(), *peer, name));
        }
        let joined = peers.iter().find(|(peer, _)| !were.contains(peer));
        joined.map(|(peer, name)| (Change::Joined, *peer, *name))
    }
}
