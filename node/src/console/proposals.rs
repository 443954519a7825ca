//! What a person reads of proposals.

use std::collections::VecDeque;

use node::text::escape;
use node::{MessageId, Name, Proposal, ProposalState};

use super::quorum::list;

/// How many proposals it is remembered of that a person read them: four times as many as may be open.
const MOST_READ: usize = 64;

/// The open proposals that a person has read.
#[derive(Debug, Default)]
pub(super) struct Read(VecDeque<MessageId>);

impl Read {
    /// The lines for a proposal that does not stand as it did.
    pub(super) fn event(&mut self, proposal: &Proposal) -> String {
        let Proposal { id, number, from, state, consents, waiting, was, .. } = proposal;
        let text = escape(&proposal.text);
        // It is put to other members then, and not as what this person read.
        let taken_back = was.map(|was| {
            self.0.retain(|read| read != id);
            format!(
                "**no longer {}: {text} (another history took the place of the one it was decided in)**\n",
                was.as_str()
            )
        });
        let line = match state {
            ProposalState::Open => {
                let how = if consents.len() == 1 { String::new() } else { format!("{}; ", so_far(consents, waiting)) };
                if self.is_new(*id) {
                    format!("**{from} proposes #{number}: {text}** ({how}type @consent {number} or @reject {number})")
                } else {
                    format!("**proposal #{number}: {}**", so_far(consents, waiting))
                }
            }
            ProposalState::Accepted => format!("**proposal #{number} is accepted: {text}**"),
            ProposalState::Rejected => format!("**proposal #{number} is rejected: {}**", reason(proposal)),
            ProposalState::Failed => format!("**proposal #{number} has failed: {}**", reason(proposal)),
        };
        taken_back.unwrap_or_default() + &line
    }

    fn is_new(&mut self, id: MessageId) -> bool {
        let is_new = !self.0.contains(&id);
        if is_new {
            self.0.push_back(id);
            if self.0.len() > MOST_READ {
                self.0.pop_front();
            }
        }
        is_new
    }
}

fn so_far(consents: &[Name], waiting: &[Name]) -> String {
    format!("{} of {} consent, {} to go", consents.len(), consents.len() + waiting.len(), list(waiting))
}

/// The answer to `@proposals`.
pub(super) fn all(proposals: &[Proposal]) -> String {
    if proposals.is_empty() {
        return "nothing was proposed yet: @propose TEXT puts something to all".into();
    }
    let line = |proposal: &Proposal| {
        let Proposal { number, from, state, .. } = proposal;
        let more = match state {
            ProposalState::Open => {
                format!(" (consent: {}; to go: {})", who(&proposal.consents), who(&proposal.waiting))
            }
            ProposalState::Accepted => format!(" (by {})", who(&proposal.consents)),
            ProposalState::Rejected | ProposalState::Failed => format!(" ({})", reason(proposal)),
        };
        format!("#{number} {}: {} [{from}]{more}", state.as_str(), escape(&proposal.text))
    };
    proposals.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn reason(proposal: &Proposal) -> String {
    escape(proposal.reason.as_deref().unwrap_or("nobody said why")).into_owned()
}

fn who(names: &[Name]) -> String {
    if names.is_empty() { "nobody".into() } else { list(names) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposal(state: ProposalState, consents: &[&str], waiting: &[&str], reason: Option<&str>) -> Proposal {
        let names = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
        Proposal {
            id: "00000000-0000-0000-0000-0000000000ab:7".parse().unwrap(),
            number: 2,
            from: "Ann".parse().unwrap(),
            text: "tea\x1b?".into(),
            state,
            consents: names(consents),
            waiting: names(waiting),
            reason: reason.map(ToOwned::to_owned),
            was: None,
        }
    }

    #[test]
    fn each_state_is_told_in_one_line() {
        let mut read = Read::default();
        let changed = Some("the number of members has changed: Dave left");
        for (proposal, line) in [
            (
                proposal(ProposalState::Open, &["Ann"], &["Bob", "Carol"], None),
                "**Ann proposes #2: tea\\u{1b}?** (type @consent 2 or @reject 2)",
            ),
            (
                proposal(ProposalState::Open, &["Ann", "Bob"], &["Carol"], None),
                "**proposal #2: 2 of 3 consent, Carol to go**",
            ),
            (proposal(ProposalState::Accepted, &["Ann", "Bob"], &[], None), "**proposal #2 is accepted: tea\\u{1b}?**"),
            (
                proposal(ProposalState::Rejected, &["Ann"], &["Bob"], Some("Bob rejected it")),
                "**proposal #2 is rejected: Bob rejected it**",
            ),
            (
                proposal(ProposalState::Failed, &["Ann"], &["Bob"], changed),
                "**proposal #2 has failed: the number of members has changed: Dave left**",
            ),
        ] {
            assert_eq!(read.event(&proposal), line);
        }
    }

    #[test]
    fn what_others_consented_to_already_is_told_with_its_text_the_first_time() {
        let mut read = Read::default();
        let open = proposal(ProposalState::Open, &["Ann", "Bob"], &["Carol"], None);
        let first = "**Ann proposes #2: tea\\u{1b}?** (2 of 3 consent, Carol to go; type @consent 2 or @reject 2)";
        assert_eq!(read.event(&open), first);
        assert_eq!(read.event(&open), "**proposal #2: 2 of 3 consent, Carol to go**");
    }

    #[test]
    fn a_decision_that_is_taken_back_is_said_to_be_and_is_read_anew() {
        let mut read = Read::default();
        read.event(&proposal(ProposalState::Open, &["Ann"], &["Bob"], None));
        read.event(&proposal(ProposalState::Accepted, &["Ann", "Bob"], &[], None));
        let mut again = proposal(ProposalState::Open, &["Ann", "Bob"], &["Carol"], None);
        again.was = Some(ProposalState::Accepted);
        assert_eq!(
            read.event(&again),
            "**no longer accepted: tea\\u{1b}? (another history took the place of the one it was decided in)**\n\
             **Ann proposes #2: tea\\u{1b}?** (2 of 3 consent, Carol to go; type @consent 2 or @reject 2)"
        );
    }

    #[test]
    fn the_list_says_how_each_stands() {
        let open = proposal(ProposalState::Open, &["Ann"], &["Bob"], None);
        let rejected = proposal(ProposalState::Rejected, &["Ann"], &["Bob"], Some("Bob rejected it"));
        assert_eq!(
            all(&[open, rejected]),
            "#2 open: tea\\u{1b}? [Ann] (consent: Ann; to go: Bob)\n#2 rejected: tea\\u{1b}? [Ann] (Bob rejected it)"
        );
        assert!(all(&[]).contains("nothing was proposed"));
    }
}
