//! Lines of input: which command each is, if it is one.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

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
    /// Leaves the group.
    Leave,
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
        "leave" => Ok(Action::Leave),
        _ => Err(format!("there is no command {named:?}: say, msg, members, leader, status and leave are known")),
    }
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
            (r#"{"ref":7,"do":"calc","expression":"1"}"#, "\"calc\""),
            (r#"{"ref":7,"do":"say"}"#, "\"text\""),
            (r#"{"ref":7,"do":"say","text":null}"#, "\"text\""),
            (r#"{"ref":7,"do":"say","text":"\ud800"}"#, "\"text\""),
            (r#"{"ref":7,"do":"msg","text":"Hi"}"#, "\"to\""),
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
