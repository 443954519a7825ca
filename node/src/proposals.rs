//! Proposals that all members consent to, or do not (pure): what the log amounts to, entry by entry.
//!
//! Somebody puts a proposal to all, which opens it and gives it the next number. The leader notes who the members are at that
//! moment: the *electors*. All of them must consent, of whom the author does by proposing. The first of these decides, for
//! good: an elector's rejection; a change of the members, which the leader notes; a day without an outcome, which it notes too; the
//! last missing consent.
//!
//! For good in one history, that is. Where a history gives way to another (a wrong takeover, or two groups that were founded apart meet), what
//! was confirmed in it waits for another place, the proposal and the votes as any line, and is decided anew by those that are members
//! then.
//!
//! Notes may stand in the log twice, or be missing where a leader died: a repeated one does nothing, and a missing one is put
//! there by the next leader. A vote that stands before the note of the electors counts once they are known.
//!
//! It reads no clock and knows no roster: every member that has folded the same entries has the same proposals.

mod fold;
#[cfg(test)]
mod tests;
mod view;

use std::collections::VecDeque;
use std::time::Duration;

use history::MessageId;
use serde::{Deserialize, Serialize};
use transport::PeerId;

use crate::event::LeftReason;
use crate::name::Name;

pub(crate) use self::fold::Fold;
pub use self::view::{Proposal, ProposalState};

/// How long a proposal may be open.
pub(crate) const OPEN_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// How many may be open at once.
pub(crate) const MOST_OPEN: usize = 16;

/// How much all that are open may take, with everybody who votes on them.
const OPEN_BYTES: usize = 192 * 1024;

/// How many of the decided ones are remembered.
const MOST_DECIDED: usize = 100;

/// How much they may take; the last one is remembered whatever it takes.
const DECIDED_BYTES: usize = 96 * 1024;

/// What one takes beside its texts, near enough for a bound.
const OVERHEAD: usize = 128;

/// The same for one elector.
const ELECTOR_OVERHEAD: usize = 32;

/// The [tag](history::Entry::Note) of what a leader notes.
pub(crate) const NOTE: u16 = 1;

/// What a leader notes in the log.
///
/// The order of the variants is part of the protocol between peers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Note {
    /// These are to consent.
    Electors { proposal: MessageId, electors: Vec<(PeerId, Name)> },
    /// The members are no longer the electors.
    Changed { proposal: MessageId, what: Change, peer: PeerId, name: Name },
    /// It was open for a day.
    Expired { proposal: MessageId },
}

/// How the members changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Change {
    Joined,
    Left,
    Failed,
}

/// What an entry of the log says of proposals.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Somebody proposes.
    Open { id: MessageId, from: PeerId, name: Name, text: String },
    /// Somebody consents, or rejects.
    Vote { proposal: MessageId, from: PeerId, consent: bool },
    /// The leader notes something.
    Note(Note),
}

/// All proposals, up to a place of the log.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Proposals {
    /// How many there ever were: the number of the last.
    opened: u64,
    /// The open ones, in the order of their numbers.
    open: Vec<Open>,
    /// The last that were decided, in the order of that.
    decided: VecDeque<Decided>,
}

/// A proposal that is not decided.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Open {
    id: MessageId,
    number: u64,
    from: PeerId,
    name: Name,
    text: String,
    voting: Voting,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Voting {
    /// Who is to consent is not noted yet; these have voted.
    Early(Vec<(PeerId, bool)>),
    /// These are to consent.
    Electors(Vec<Elector>),
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Elector {
    peer: PeerId,
    name: Name,
    consents: bool,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Decided {
    id: MessageId,
    number: u64,
    name: Name,
    text: String,
    consents: Vec<Name>,
    waiting: Vec<Name>,
    outcome: Outcome,
}

/// What became of a proposal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Outcome {
    Accepted,
    RejectedBy(Name),
    Changed(Change, Name),
    Expired,
    TooMany,
}

impl Proposals {
    /// Takes one step. The proposal that it changed, if it did.
    pub(crate) fn apply(&mut self, step: &Step) -> Option<MessageId> {
        match step {
            Step::Open { id, from, name, text } => self.open(*id, *from, name, text),
            Step::Vote { proposal, from, consent } => self.vote(*proposal, *from, *consent),
            Step::Note(Note::Electors { proposal, electors }) => self.elect(*proposal, electors),
            Step::Note(Note::Changed { proposal, what, name, .. }) => {
                self.decide(*proposal, Outcome::Changed(*what, name.clone()))
            }
            Step::Note(Note::Expired { proposal }) => self.decide(*proposal, Outcome::Expired),
        }
    }

    /// The open ones.
    pub(crate) fn open_ones(&self) -> &[Open] {
        &self.open
    }

    /// Whether one more may be opened.
    pub(crate) fn has_room(&self) -> bool {
        self.open.len() < MOST_OPEN
    }

    fn open(&mut self, id: MessageId, from: PeerId, name: &Name, text: &str) -> Option<MessageId> {
        self.opened += 1;
        let (number, name, text) = (self.opened, name.clone(), text.to_owned());
        self.open.push(Open { id, number, from, name, text, voting: Voting::Early(Vec::new()) });
        self.keep_within_bounds(id);
        Some(id)
    }

    fn vote(&mut self, proposal: MessageId, from: PeerId, consent: bool) -> Option<MessageId> {
        let has_space = self.open_weight() + ELECTOR_OVERHEAD <= OPEN_BYTES;
        let open = self.open.iter_mut().find(|open| open.id == proposal)?;
        match &mut open.voting {
            Voting::Early(votes) => {
                match votes.iter_mut().find(|(voter, _)| *voter == from) {
                    Some((_, consents)) => *consents &= consent,
                    None if has_space => votes.push((from, consent)),
                    None => {}
                }
                None
            }
            Voting::Electors(electors) => {
                let elector = electors.iter_mut().find(|elector| elector.peer == from)?;
                if !consent {
                    let by = elector.name.clone();
                    elector.consents = false;
                    return self.decide(proposal, Outcome::RejectedBy(by));
                }
                let news = !std::mem::replace(&mut elector.consents, true);
                let all = electors.iter().all(|elector| elector.consents);
                if all { self.decide(proposal, Outcome::Accepted) } else { news.then_some(proposal) }
            }
        }
    }

    fn elect(&mut self, proposal: MessageId, listed: &[(PeerId, Name)]) -> Option<MessageId> {
        let open = self.open.iter_mut().find(|open| open.id == proposal)?;
        let Voting::Early(early) = &mut open.voting else { return None };
        let (early, author) = (std::mem::take(early), open.from);
        let electors = listed.iter().map(|(peer, name)| {
            let vote = early.iter().find(|(voter, _)| voter == peer).map(|(_, consents)| *consents);
            let consents = vote.unwrap_or(*peer == author);
            (Elector { peer: *peer, name: name.clone(), consents }, vote == Some(false))
        });
        let (electors, rejects): (Vec<_>, Vec<_>) = electors.unzip();
        let rejected_by = electors.iter().zip(&rejects).find(|(_, rejects)| **rejects);
        let rejected_by = rejected_by.map(|(elector, _)| elector.name.clone());
        let has_author = electors.iter().any(|elector| elector.peer == author);
        let all = electors.iter().all(|elector| elector.consents);
        let name = open.name.clone();
        open.voting = Voting::Electors(electors);
        if !has_author {
            return self.decide(proposal, Outcome::Changed(Change::Left, name));
        }
        if let Some(by) = rejected_by {
            return self.decide(proposal, Outcome::RejectedBy(by));
        }
        if all {
            return self.decide(proposal, Outcome::Accepted);
        }
        self.keep_within_bounds(proposal);
        Some(proposal)
    }

    fn decide(&mut self, proposal: MessageId, outcome: Outcome) -> Option<MessageId> {
        let at = self.open.iter().position(|open| open.id == proposal)?;
        let open = self.open.remove(at);
        let (consents, waiting) = open.names();
        let Open { id, number, name, text, .. } = open;
        self.decided.push_back(Decided { id, number, name, text, consents, waiting, outcome });
        let too_much = |decided: &VecDeque<Decided>| {
            decided.len() > MOST_DECIDED || decided.iter().map(Decided::weight).sum::<usize>() > DECIDED_BYTES
        };
        while self.decided.len() > 1 && too_much(&self.decided) {
            self.decided.pop_front();
        }
        Some(proposal)
    }

    /// What does not fit fails at once, for everybody.
    fn keep_within_bounds(&mut self, newest: MessageId) {
        if self.open.len() > MOST_OPEN || self.open_weight() > OPEN_BYTES {
            self.decide(newest, Outcome::TooMany);
        }
    }

    fn open_weight(&self) -> usize {
        self.open.iter().map(Open::weight).sum()
    }
}

impl Open {
    pub(crate) fn id(&self) -> MessageId {
        self.id
    }

    /// Who is to consent, once that is noted.
    pub(crate) fn electors(&self) -> Option<Vec<(PeerId, &Name)>> {
        match &self.voting {
            Voting::Early(_) => None,
            Voting::Electors(electors) => Some(electors.iter().map(|elector| (elector.peer, &elector.name)).collect()),
        }
    }

    /// Who consents, and who is waited for.
    fn names(&self) -> (Vec<Name>, Vec<Name>) {
        let Voting::Electors(electors) = &self.voting else { return (vec![self.name.clone()], Vec::new()) };
        let (consents, waiting): (Vec<_>, Vec<_>) = electors.iter().partition(|elector| elector.consents);
        let names = |electors: Vec<&Elector>| electors.into_iter().map(|elector| elector.name.clone()).collect();
        (names(consents), names(waiting))
    }

    fn weight(&self) -> usize {
        let voting = match &self.voting {
            Voting::Early(votes) => votes.len() * ELECTOR_OVERHEAD,
            Voting::Electors(electors) => {
                electors.iter().map(|elector| ELECTOR_OVERHEAD + elector.name.as_str().len()).sum()
            }
        };
        OVERHEAD + self.text.len() + self.name.as_str().len() + voting
    }
}

impl Decided {
    fn weight(&self) -> usize {
        let names = self.consents.iter().chain(&self.waiting).map(|name| 8 + name.as_str().len());
        2 * OVERHEAD + self.text.len() + self.name.as_str().len() + names.sum::<usize>()
    }
}

impl From<LeftReason> for Change {
    fn from(reason: LeftReason) -> Self {
        match reason {
            LeftReason::Left => Self::Left,
            LeftReason::Failed => Self::Failed,
        }
    }
}
