//! What a person reads of proposals.

use node::text::escape;
use node::{Name, Proposal, ProposalState};

use super::quorum::list;

/// The line for a proposal that does not stand as it did.
pub(super) fn event(proposal: &Proposal) -> String {
    let Proposal { number, from, state, consents, waiting, .. } = proposal;
    let text = escape(&proposal.text);
    match state {
        ProposalState::Open if consents.len() == 1 => {
            format!("**{from} proposes #{number}: {text}** (type @consent {number} or @reject {number})")
        }
        ProposalState::Open => {
            let all = consents.len() + waiting.len();
            format!("**proposal #{number}: {} of {all} consent, {} to go**", consents.len(), list(waiting))
        }
        ProposalState::Accepted => format!("**proposal #{number} is accepted: {text}**"),
        ProposalState::Rejected => format!("**proposal #{number} is rejected: {}**", reason(proposal)),
        ProposalState::Failed => format!("**proposal #{number} has failed: {}**", reason(proposal)),
    }
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
        }
    }

    #[test]
    fn each_state_is_told_in_one_line() {
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
            assert_eq!(event(&proposal), line);
        }
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
