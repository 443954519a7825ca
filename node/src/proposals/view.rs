//! A proposal as its readers see it.

use history::MessageId;

use super::{Change, Decided, Open, Outcome, Proposals, Voting};
use crate::name::Name;

/// A proposal, and how it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposal {
    /// Unique for ever.
    pub id: MessageId,
    /// 1, 2, ... in the order of the history.
    pub number: u64,
    /// Who proposed it.
    pub from: Name,
    /// What is proposed, as it was written: escape it before it is shown.
    pub text: String,
    /// How it stands.
    pub state: ProposalState,
    /// Who consents, the author included.
    pub consents: Vec<Name>,
    /// Who has not said anything. Nobody, for a moment, until the leader has noted who the members are.
    pub waiting: Vec<Name>,
    /// Why it is not accepted, if it is decided and is not.
    pub reason: Option<String>,
    /// In an event: how it was decided before, in a history that gave way to another, and no longer is. `None` otherwise.
    pub was: Option<ProposalState>,
}

/// How a proposal stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProposalState {
    /// Somebody is waited for.
    Open,
    /// All consented.
    Accepted,
    /// Somebody rejected it.
    Rejected,
    /// The members changed meanwhile, or nothing came of it in time.
    Failed,
}

impl ProposalState {
    /// The word for it in JSON and lists.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }
}

impl Proposals {
    /// All that are open or remembered, by their numbers.
    pub(crate) fn views(&self) -> Vec<Proposal> {
        let mut views: Vec<_> =
            self.open.iter().map(Open::view).chain(self.decided.iter().map(Decided::view)).collect();
        views.sort_unstable_by_key(|proposal| proposal.number);
        views
    }

    /// One of them.
    pub(crate) fn view(&self, id: MessageId) -> Option<Proposal> {
        let open = self.open.iter().find(|open| open.id == id).map(Open::view);
        open.or_else(|| self.decided.iter().rev().find(|decided| decided.id == id).map(Decided::view))
    }
}

impl Open {
    pub(crate) fn view(&self) -> Proposal {
        let (consents, waiting) = self.names();
        Proposal {
            id: self.id,
            number: self.number,
            from: self.name.clone(),
            text: self.text.clone(),
            state: ProposalState::Open,
            consents,
            waiting,
            reason: None,
            was: None,
        }
    }

    /// Whether the leader has noted who is to consent.
    pub(crate) fn is_put(&self) -> bool {
        matches!(self.voting, Voting::Electors(_))
    }
}

impl Decided {
    fn view(&self) -> Proposal {
        let (state, reason) = match &self.outcome {
            Outcome::Accepted => (ProposalState::Accepted, None),
            Outcome::RejectedBy(name) => (ProposalState::Rejected, Some(format!("{name} rejected it"))),
            Outcome::Changed(change, name) => {
                let what = match change {
                    Change::Joined => "joined",
                    Change::Left => "left",
                    Change::Failed => "failed",
                };
                (ProposalState::Failed, Some(format!("the number of members has changed: {name} {what}")))
            }
            Outcome::Expired => (ProposalState::Failed, Some("it was open for 24 hours".to_owned())),
            Outcome::TooMany => {
                (ProposalState::Failed, Some("too much is open already: decide some of it first".into()))
            }
        };
        Proposal {
            id: self.id,
            number: self.number,
            from: self.name.clone(),
            text: self.text.clone(),
            state,
            consents: self.consents.clone(),
            waiting: self.waiting.clone(),
            reason,
            was: None,
        }
    }
}
