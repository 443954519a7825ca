//! Lines of output: how one is put together.

use std::fmt::Display;
use std::time::SystemTime;

use node::Timestamp;
use serde::{Serialize, Serializer};

use super::command::Reference;

/// One line of output: `body` as an event of the given kind, which happened just now.
pub(crate) fn line(event: &str, body: impl Serialize) -> String {
    let at = Timestamp::from(SystemTime::now());
    serde_json::to_string(&Line { event, at: Shown(&at), body }).expect("a line is made of texts, numbers and lists")
}

/// One line of output that answers a command: a `reply` or an `error`.
pub(crate) fn answer(event: &str, reference: &Reference, body: impl Serialize) -> String {
    line(event, Answer { reference, body })
}

/// The line that says what went wrong: `code` is a stable word, `message` a sentence for people.
pub(crate) fn error(reference: &Reference, code: &str, message: &dyn Display) -> String {
    answer("error", reference, Wrong { code, message: Shown(message) })
}

/// Something that is a text in JSON: what it is shown as.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'a>(pub(crate) &'a dyn Display);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

#[derive(Serialize)]
struct Line<'a, B> {
    event: &'a str,
    at: Shown<'a>,
    #[serde(flatten)]
    body: B,
}

#[derive(Serialize)]
struct Answer<'a, B> {
    #[serde(rename = "ref")]
    reference: &'a Reference,
    #[serde(flatten)]
    body: B,
}

#[derive(Serialize)]
struct Wrong<'a> {
    code: &'a str,
    message: Shown<'a>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::command::parse;
    use super::*;

    #[test]
    fn a_line_says_what_it_is_first_and_when_it_was() {
        let line = line("bye", json!({ "reason": "left" }));
        assert!(line.starts_with(r#"{"event":"bye","at":"20"#) && line.ends_with(r#"Z","reason":"left"}"#), "{line}");
        assert!(!line.contains('\n'));
    }

    #[test]
    fn an_answer_carries_the_reference_of_its_command_and_null_without_one() {
        let command = parse(r#"{"do":"leave","ref":{"a":[1.10]}}"#).unwrap();
        let line = answer("reply", &command.reference, json!({ "x": 1 }));
        assert!(line.ends_with(r#""ref":{"a":[1.10]},"x":1}"#), "{line}");
        let line: Value = serde_json::from_str(&error(&None, "too_long", &"a\nb")).unwrap();
        assert_eq!(
            (&line["event"], &line["code"], &line["message"]),
            (&"error".into(), &"too_long".into(), &"a\nb".into())
        );
        assert!(line.as_object().unwrap().contains_key("ref") && line["ref"].is_null());
    }
}
