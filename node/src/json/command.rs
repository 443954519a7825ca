//! Lines of input: which command each is, if it is one.

use std::collections::BTreeMap;

use node::{HistoryQuery, Index, MessageId};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::pages::{MOST_LINES, USUAL_LINES};

/// The `ref` of a command, as it was written: it comes back with the answer, digit by digit.
pub(crate) type Reference = Option<Box<RawValue>>;

/// A command and what its answer is to be known by.
#[derive(Debug)]
pub(crate) struct Command {
    /// See [`Reference`].
    pub(crate) reference: Reference,
    /// What to do.
    pub(crate) action: Action,
}

/// What a command does.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Action {
    /// Says something to everyone.
    Say {
        /// What.
        text: String,
    },
    /// Says something to one member.
    Msg {
        /// To whom.
        to: String,
        /// What.
        text: String,
    },
    /// Asks for the leader's list.
    Members,
    /// Asks who leads.
    Leader,
    /// Asks how this member stands.
    Status,
    /// Asks for lines of the history.
    Lines(HistoryQuery),
    /// Goes on without voters that cannot be reached.
    Takeover {
        /// Their names.
        lost: Vec<String>,
    },
    /// Leaves the group.
    Leave,
    /// Asks the leader for the value of an expression.
    Calc {
        /// Which.
        expression: String,
    },
    /// Puts a proposal to all.
    Propose {
        /// What is proposed.
        text: String,
    },
    /// Consents to a proposal, or rejects it.
    Vote {
        /// Which.
        proposal: MessageId,
        /// Which of the two.
        consent: bool,
    },
    /// Asks for the proposals.
    Proposals,
}

impl Action {
    /// Whether others are asked, or the disk: such commands wait for their answers beside each other, so many at a time.
    pub(crate) fn is_long(&self) -> bool {
        match self {
            Self::Msg { .. }
            | Self::Members
            | Self::Lines(_)
            | Self::Calc { .. }
            | Self::Propose { .. }
            | Self::Vote { .. } => true,
            Self::Say { .. } | Self::Leader | Self::Status | Self::Takeover { .. } | Self::Leave | Self::Proposals => {
                false
            }
        }
    }
}

/// A line that is no command.
#[derive(Debug)]
pub(crate) struct Refused {
    /// See [`Reference`]; there is none when the line is not even an object.
    pub(crate) reference: Reference,
    /// Why it is none, for people.
    pub(crate) message: String,
}

/// Reads one line. Fields that no command has are ignored.
///
/// # Errors
///
/// It is no command.
pub(crate) fn parse(line: &str) -> Result<Command, Refused> {
    let mut fields: Fields = serde_json::from_str(line)
        .map_err(|error| Refused { reference: None, message: format!("the line is not a JSON object: {error}") })?;
    let reference = fields.remove("ref");
    match action(&fields) {
        Ok(action) => Ok(Command { reference, action }),
        Err(message) => Err(Refused { reference, message }),
    }
}

type Fields = BTreeMap<String, Box<RawValue>>;

fn action(fields: &Fields) -> Result<Action, String> {
    let named: String = field(fields, "do")?;
    match named.as_str() {
        "say" => Ok(Action::Say { text: field(fields, "text")? }),
        "msg" => Ok(Action::Msg { to: field(fields, "to")?, text: field(fields, "text")? }),
        "members" => Ok(Action::Members),
        "leader" => Ok(Action::Leader),
        "status" => Ok(Action::Status),
        "history" => history(fields).map(Action::Lines),
        "search" => Ok(Action::Lines(HistoryQuery::Search(field(fields, "words")?, last(fields)?))),
        "takeover" => Ok(Action::Takeover { lost: field(fields, "lost")? }),
        "leave" => Ok(Action::Leave),
        "calc" => Ok(Action::Calc { expression: field(fields, "expression")? }),
        "propose" => Ok(Action::Propose { text: field(fields, "text")? }),
        "consent" => Ok(Action::Vote { proposal: proposal(fields)?, consent: true }),
        "reject" => Ok(Action::Vote { proposal: proposal(fields)?, consent: false }),
        "proposals" => Ok(Action::Proposals),
        _ => Err(format!(
            "there is no command {named:?}: say, msg, members, leader, history, search, calc, propose, consent, reject, \
             proposals, takeover, status and leave are known"
        )),
    }
}

fn proposal(fields: &Fields) -> Result<MessageId, String> {
    let id: String = field(fields, "proposal")?;
    id.parse().map_err(|error| format!("the field \"proposal\" is not the id of one: {error}"))
}

fn history(fields: &Fields) -> Result<HistoryQuery, String> {
    match (fields.contains_key("last"), fields.contains_key("from")) {
        (true, true) => Err("the fields \"last\" and \"from\" exclude each other".into()),
        (_, false) => Ok(HistoryQuery::Last(last(fields)?)),
        (false, true) => {
            let from = Index::new(field(fields, "from")?).ok_or("the first place in the field \"from\" is 1")?;
            Ok(HistoryQuery::From(from, MOST_LINES))
        }
    }
}

/// How many lines are wanted: more than [`MOST_LINES`] are never given.
fn last(fields: &Fields) -> Result<usize, String> {
    let wanted = fields.contains_key("last").then(|| field::<u64>(fields, "last")).transpose()?;
    Ok(wanted.map_or(USUAL_LINES, |wanted| usize::try_from(wanted).unwrap_or(usize::MAX).min(MOST_LINES)))
}

fn field<T: DeserializeOwned>(fields: &Fields, name: &str) -> Result<T, String> {
    let value = fields.get(name).ok_or_else(|| format!("the field {name:?} is missing"))?;
    serde_json::from_str(value.get()).map_err(|error| format!("the field {name:?} is not what it should be: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(reference: &Reference) -> Option<&str> {
        reference.as_deref().map(RawValue::get)
    }

    #[test]
    fn each_command_is_read_with_its_fields() {
        let say = |text: &str| Action::Say { text: text.into() };
        for (line, action) in [
            (r#"{"do":"say","text":"Hi"}"#, say("Hi")),
            (r#" {"text":"","do":"say"} "#, say("")),
            (r#"{"do":"say","text":"a\nb\u00e4","later":[1]}"#, say("a\nbä")),
            (r#"{"do":"msg","to":"bob","text":"Hi"}"#, Action::Msg { to: "bob".into(), text: "Hi".into() }),
            (r#"{"do":"members"}"#, Action::Members),
            (r#"{"do":"leader"}"#, Action::Leader),
            (r#"{"do":"status"}"#, Action::Status),
            (r#"{"do":"leave"}"#, Action::Leave),
            (r#"{"do":"history"}"#, Action::Lines(HistoryQuery::Last(20))),
            (r#"{"do":"history","last":3}"#, Action::Lines(HistoryQuery::Last(3))),
            (r#"{"do":"history","last":18446744073709551615}"#, Action::Lines(HistoryQuery::Last(10_000))),
            (r#"{"do":"history","from":7}"#, Action::Lines(HistoryQuery::From(Index::new(7).unwrap(), 10_000))),
            (r#"{"do":"search","words":"a b"}"#, Action::Lines(HistoryQuery::Search("a b".into(), 20))),
            (r#"{"do":"search","words":"","last":1}"#, Action::Lines(HistoryQuery::Search(String::new(), 1))),
            (r#"{"do":"calc","expression":"1"}"#, Action::Calc { expression: "1".into() }),
            (r#"{"do":"propose","text":"tea?"}"#, Action::Propose { text: "tea?".into() }),
            (
                r#"{"do":"consent","proposal":"00000000-0000-0000-0000-0000000000ab:7"}"#,
                Action::Vote { proposal: "00000000-0000-0000-0000-0000000000ab:7".parse().unwrap(), consent: true },
            ),
            (
                r#"{"do":"reject","proposal":"00000000-0000-0000-0000-0000000000ab:7"}"#,
                Action::Vote { proposal: "00000000-0000-0000-0000-0000000000ab:7".parse().unwrap(), consent: false },
            ),
            (r#"{"do":"proposals"}"#, Action::Proposals),
            (r#"{"do":"takeover","lost":["bob"]}"#, Action::Takeover { lost: vec!["bob".into()] }),
        ] {
            assert_eq!(parse(line).unwrap().action, action, "{line}");
        }
    }

    #[test]
    fn a_reference_comes_back_as_it_was_written() {
        for value in ["1", "null", "\"x\\u0041\"", "[1, {\"a\":[]}]", "12345678901234567890123", "1.10", "false"] {
            let line = format!(r#"{{"ref":{value},"do":"members"}}"#);
            assert_eq!(reference(&parse(&line).unwrap().reference), Some(value));
        }
        assert_eq!(reference(&parse(r#"{"do":"members"}"#).unwrap().reference), None);
    }

    #[test]
    fn what_is_no_command_is_refused_with_its_reference_where_it_has_one() {
        for (line, says) in [
            ("", "not a JSON object"),
            ("x", "not a JSON object"),
            ("[]", "not a JSON object"),
            ("3", "not a JSON object"),
            ("null", "not a JSON object"),
            ("{}{}", "not a JSON object"),
            (r#"{"do":"say","text":"Hi""#, "not a JSON object"),
            (r#"{"ref":7}"#, "\"do\""),
            (r#"{"ref":7,"do":5}"#, "\"do\""),
            (r#"{"ref":7,"do":"dance"}"#, "\"dance\""),
            (r#"{"ref":7,"do":"calc","expression":1}"#, "\"expression\""),
            (r#"{"ref":7,"do":"consent","proposal":"1"}"#, "\"proposal\""),
            (r#"{"ref":7,"do":"reject"}"#, "\"proposal\""),
            (r#"{"ref":7,"do":"say"}"#, "\"text\""),
            (r#"{"ref":7,"do":"say","text":null}"#, "\"text\""),
            (r#"{"ref":7,"do":"say","text":"\ud800"}"#, "\"text\""),
            (r#"{"ref":7,"do":"msg","text":"Hi"}"#, "\"to\""),
            (r#"{"ref":7,"do":"history","last":-1}"#, "\"last\""),
            (r#"{"ref":7,"do":"history","last":null}"#, "\"last\""),
            (r#"{"ref":7,"do":"history","from":0}"#, "\"from\""),
            (r#"{"ref":7,"do":"history","from":1,"last":1}"#, "exclude"),
            (r#"{"ref":7,"do":"search"}"#, "\"words\""),
            (r#"{"ref":7,"do":"search","words":"a","last":"all"}"#, "\"last\""),
            (r#"{"ref":7,"do":"takeover"}"#, "\"lost\""),
            (r#"{"ref":7,"do":"takeover","lost":"bob"}"#, "\"lost\""),
        ] {
            let refused = parse(line).unwrap_err();
            assert!(refused.message.contains(says), "{line}: {}", refused.message);
            assert_eq!(reference(&refused.reference), line.contains("ref").then_some("7"), "{line}");
        }
    }

    #[test]
    fn a_reference_as_deep_as_a_line_is_long_does_no_harm() {
        let value = format!("{}1{}", "[".repeat(500_000), "]".repeat(500_000));
        let line = format!(r#"{{"ref":{value},"do":"leave"}}"#);
        assert_eq!(reference(&parse(&line).unwrap().reference), Some(&*value));
        assert!(parse(&format!(r#"{{"do":{value}}}"#)).is_err());
    }
}
