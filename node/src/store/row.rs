//! One entry of the log as it stands in its table (pure).

use std::sync::Arc;

use bytes::Bytes;
use history::{Entry, Index, MessageId};
use transport::{DecodeError, PeerId};

use super::batch::ROW_OVERHEAD;
use crate::event::Message;
use crate::wire::{Body, Line};

/// One entry: what peers exchange, and beside it what people ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Its place.
    pub(super) index: Index,
    /// What sort of entry it is, for people who query: `line`, `entry` (a program's own), `proposal`, `vote`,
    /// `voters`, `note` or `skip`.
    pub(super) kind: String,
    /// The entry, encoded.
    pub(super) entry: Bytes,
    /// What was said, if that is what it is and it can be read.
    pub(super) line: Option<Message>,
}

impl Row {
    /// What is to be written of an entry. Fails for none that a batch was taken with.
    pub(super) fn new(index: Index, entry: &Entry<PeerId>) -> Result<Self, DecodeError> {
        let bytes = transport::encode(entry)?.into();
        let (kind, line) = match entry {
            Entry::Line(say) => match transport::decode(&say.body) {
                Ok(Body::Line(line)) => ("line", Some(message(say.id, line))),
                Ok(Body::Entry { .. }) => ("entry", None),
                Ok(Body::Open { .. }) => ("proposal", None),
                Ok(Body::Vote { .. }) => ("vote", None),
                // What this version cannot read is kept like any other.
                Err(_) => ("line", None),
            },
            Entry::Config(_) => ("voters", None),
            Entry::Note { .. } => ("note", None),
            Entry::Skip { .. } => ("skip", None),
        };
        Ok(Self { index, kind: kind.into(), entry: bytes, line })
    }

    /// The entry.
    pub(super) fn decode(&self) -> Result<Arc<Entry<PeerId>>, DecodeError> {
        transport::decode(&self.entry).map(Arc::new)
    }

    /// The bytes it takes to hold it, near enough for a bound.
    pub(super) fn weight(&self) -> usize {
        let line = self.line.as_ref().map_or(0, |line| line.text.len() + line.from.as_str().len());
        ROW_OVERHEAD + self.entry.len() + line
    }
}

fn message(id: MessageId, line: Line) -> Message {
    let Line { from, name, sent_at, text } = line;
    Message { id, from: name, from_id: from, text, sent_at, earlier: false }
}

#[cfg(test)]
mod tests {
    use history::{Say, Session};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_line_that_cannot_be_read_is_kept_without_its_text() {
        let id = MessageId { session: Session::new(Uuid::from_u128(7)), number: 1 };
        let body = Bytes::from_static(b"of a later version");
        let entry = Entry::Line(Say { id, lamport: 2, after: None, heads: vec![id], body });
        let row = Row::new(Index::FIRST, &entry).unwrap();
        assert_eq!((row.kind.as_str(), &row.line), ("line", &None));
        assert_eq!(*row.decode().unwrap(), entry);
    }
}
