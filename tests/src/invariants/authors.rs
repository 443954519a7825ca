//! What is shown is what was said, in the name of who said it; and what was said to one is shown to that one alone.
//!
//! A gateway's user says nothing itself: its host says it, in its name.

use std::collections::BTreeMap;

use node::{Message, MessageId, Name, Private};
use transport::PeerId;

use super::Verdict;

/// Something that was said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    /// Who said it.
    pub author: PeerId,
    /// What that one was called.
    pub name: Name,
    /// In which words.
    pub text: String,
    /// To whom alone.
    pub to: Option<PeerId>,
    /// Whether a gateway's user said it.
    pub by_guest: bool,
    /// Whether it was said to a gateway's user alone.
    pub to_guest: bool,
}

/// All that was said.
#[derive(Debug, Default)]
pub struct Authors(BTreeMap<MessageId, Said>);

impl Authors {
    /// Somebody says something.
    pub fn note_said(&mut self, id: MessageId, said: Said) {
        self.0.insert(id, said);
    }

    /// What was said under an id.
    pub fn said(&self, id: MessageId) -> Option<&Said> {
        self.0.get(&id)
    }

    /// A line is shown.
    ///
    /// # Errors
    ///
    /// It was not said so.
    pub fn note_shown(&self, message: &Message) -> Verdict {
        let Message { id, from, from_id, text, .. } = message;
        let same = |said: &Said| (said.author, &said.name, &said.text, said.to) == (*from_id, from, text, None);
        match self.0.get(id) {
            Some(said) if same(said) => Ok(()),
            said => Err(format!("{message:?} is shown, and {said:?} was said")),
        }
    }

    /// What was said to one member is shown to this one.
    ///
    /// # Errors
    ///
    /// It was not said so, or to another.
    pub fn note_private(&self, shown_to: PeerId, private: &Private) -> Verdict {
        let Private { id, from, from_id, text, .. } = private;
        let same =
            |said: &Said| (said.author, &said.name, &said.text, said.to) == (*from_id, from, text, Some(shown_to));
        match self.0.get(id) {
            Some(said) if same(said) => Ok(()),
            said => Err(format!("{private:?} is shown to {shown_to}, and {said:?} was said")),
        }
    }
}

#[cfg(test)]
mod tests {
    use node::Timestamp;

    use super::super::forged::{line, peer};
    use super::*;

    fn said(to: Option<PeerId>) -> Authors {
        let mut authors = Authors::default();
        let (name, text) = ("dora".parse().unwrap(), "Hi".into());
        authors.note_said(line(0), Said { author: peer(7), name, text, to, by_guest: true, to_guest: false });
        authors
    }

    fn message() -> Message {
        let (from, text, sent_at) = ("dora".parse().unwrap(), "Hi".into(), Timestamp::default());
        Message { id: line(0), from, from_id: peer(7), text, sent_at, earlier: false }
    }

    #[test]
    fn a_line_in_the_name_of_another_or_in_other_words_is_seen() {
        let authors = said(None);
        authors.note_shown(&message()).unwrap();
        assert!(authors.note_shown(&Message { from_id: peer(1), ..message() }).is_err());
        assert!(authors.note_shown(&Message { from: "bob".parse().unwrap(), ..message() }).is_err());
        assert!(authors.note_shown(&Message { text: "Ho".into(), ..message() }).is_err());
        assert!(authors.note_shown(&Message { id: line(1), ..message() }).is_err());
        assert!(said(Some(peer(2))).note_shown(&message()).is_err(), "it was said to one alone");
    }

    #[test]
    fn what_was_said_to_another_alone_is_seen() {
        let Message { id, from, from_id, text, sent_at, .. } = message();
        let private = Private { id, from, from_id, to: "bob".parse().unwrap(), text, sent_at };
        said(Some(peer(2))).note_private(peer(2), &private).unwrap();
        assert!(said(Some(peer(2))).note_private(peer(3), &private).is_err());
        assert!(said(None).note_private(peer(2), &private).is_err());
    }
}
