//! What stands in a line about proposals: the event, and the answers to what is asked of them and of the leader.

use node::{MessageId, Proposal, ProposalState};
use serde::{Serialize, Serializer};

use super::history::names;
use super::line::{Shown, line};

/// The greatest whole number up to which each has its own value.
const WHOLE: f64 = 9_007_199_254_740_992.0;

/// A proposal does not stand as it did.
pub(crate) fn event(proposal: &Proposal) -> String {
    line("proposal", ProposalBody::new(proposal))
}

/// The answer to `propose`.
pub(crate) fn proposed(id: &MessageId) -> impl Serialize {
    Proposed { proposal: Shown(id) }
}

/// The answer to `consent` and `reject`.
pub(crate) fn voted(state: ProposalState) -> impl Serialize {
    Voted { state: state.as_str() }
}

/// The answer to `proposals`.
pub(crate) fn list(proposals: &[Proposal]) -> impl Serialize {
    List { proposals: proposals.iter().map(ProposalBody::new).collect() }
}

/// The answer to `calc`.
pub(crate) fn value(value: f64) -> impl Serialize {
    Calculated { value: Number(value) }
}

#[derive(Serialize)]
struct ProposalBody<'a> {
    id: Shown<'a>,
    number: u64,
    from: Shown<'a>,
    text: &'a str,
    state: &'static str,
    consents: Vec<&'a str>,
    waiting: Vec<&'a str>,
    reason: Option<&'a str>,
    was: Option<&'static str>,
}

impl<'a> ProposalBody<'a> {
    fn new(proposal: &'a Proposal) -> Self {
        let Proposal { id, number, from, text, state, consents, waiting, reason, was } = proposal;
        Self {
            id: Shown(id),
            number: *number,
            from: Shown(from),
            text,
            state: state.as_str(),
            consents: names(consents),
            waiting: names(waiting),
            reason: reason.as_deref(),
            was: was.map(ProposalState::as_str),
        }
    }
}

#[derive(Serialize)]
struct Proposed<'a> {
    proposal: Shown<'a>,
}

#[derive(Serialize)]
struct Voted {
    state: &'static str,
}

#[derive(Serialize)]
struct List<'a> {
    proposals: Vec<ProposalBody<'a>>,
}

#[derive(Serialize)]
struct Calculated {
    value: Number,
}

/// A number, without a fraction if it has none.
struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(value) = *self;
        if value.fract() == 0.0 && value.abs() < WHOLE {
            // Nothing is lost: it is whole, and far from the ends of the type.
            serializer.serialize_i64(value as i64)
        } else {
            serializer.serialize_f64(value)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_proposal_has_the_fields_of_the_interface() {
        let proposal = Proposal {
            id: "00000000-0000-0000-0000-0000000000ab:7".parse().unwrap(),
            number: 3,
            from: "ann".parse().unwrap(),
            text: "tea?".into(),
            state: ProposalState::Failed,
            consents: vec!["ann".parse().unwrap()],
            waiting: vec!["bob".parse().unwrap()],
            reason: Some("the number of members has changed: dave left".into()),
            was: Some(ProposalState::Accepted),
        };
        let mut read: Value = serde_json::from_str(&event(&proposal)).unwrap();
        read.as_object_mut().unwrap().remove("at");
        let expected = json!({
            "event": "proposal", "id": "00000000-0000-0000-0000-0000000000ab:7", "number": 3, "from": "ann",
            "text": "tea?", "state": "failed", "consents": ["ann"], "waiting": ["bob"],
            "reason": "the number of members has changed: dave left", "was": "accepted",
        });
        assert_eq!(read, expected);
    }

    #[test]
    fn a_value_is_a_number_as_people_write_it() {
        for (value, written) in [(14.0, "14"), (-3.0, "-3"), (0.5, "0.5"), (1e300, "1e+300"), (0.0, "0")] {
            let body = serde_json::to_string(&super::value(value)).unwrap();
            assert_eq!(body, format!("{{\"value\":{written}}}"));
        }
    }
}
