//! What stands in a line about the history: its events, and pages of it.

use node::{Entry, Index, Line, MessageId, Name, Page};
use serde::{Serialize, Serializer};

use super::line::{Shown, line};

/// A line has its place.
pub(crate) fn confirmed(id: &MessageId, index: Index) -> String {
    line("confirmed", Confirmed { id: Shown(id), index: index.number() })
}

/// A line lost its place.
pub(crate) fn unconfirmed(id: &MessageId, was: Index) -> String {
    line("unconfirmed", Unconfirmed { id: Shown(id), was: was.number() })
}

/// Whether lines can be confirmed.
pub(crate) fn quorum(held: bool, missing: &[Name]) -> String {
    line("quorum", Quorum { held, missing: names(missing) })
}

/// A program's own entry has its place.
pub(crate) fn entry(Entry { index, id, from, kind, bytes }: &Entry) -> String {
    let (id, from_id) = (Shown(id), Shown(from));
    line("entry", EntryEvent { id, index: index.number(), from_id, kind: *kind, bytes: Hex(bytes) })
}

/// Whether the disk takes what is written.
pub(crate) fn disk(trouble: Option<&str>) -> String {
    line("disk", Disk { fit: trouble.is_none(), trouble })
}

/// The answer to `history` and `search`.
pub(crate) fn page(page: &Page) -> impl Serialize {
    PageBody { entries: page.lines.iter().map(LineBody::new).collect(), more: page.more }
}

/// Names, as they are.
pub(crate) fn names(names: &[Name]) -> Vec<&str> {
    names.iter().map(Name::as_str).collect()
}

#[derive(Serialize)]
struct Confirmed<'a> {
    id: Shown<'a>,
    index: u64,
}

#[derive(Serialize)]
struct Unconfirmed<'a> {
    id: Shown<'a>,
    was: u64,
}

#[derive(Serialize)]
struct Quorum<'a> {
    held: bool,
    missing: Vec<&'a str>,
}

#[derive(Serialize)]
struct EntryEvent<'a> {
    id: Shown<'a>,
    index: u64,
    from_id: Shown<'a>,
    kind: u16,
    bytes: Hex<'a>,
}

#[derive(Serialize)]
struct Disk<'a> {
    fit: bool,
    trouble: Option<&'a str>,
}

#[derive(Serialize)]
struct PageBody<'a> {
    entries: Vec<LineBody<'a>>,
    more: bool,
}

#[derive(Serialize)]
struct LineBody<'a> {
    index: Option<u64>,
    id: Shown<'a>,
    from: Shown<'a>,
    from_id: Shown<'a>,
    text: &'a str,
    sent_at: Shown<'a>,
}

impl<'a> LineBody<'a> {
    fn new(Line { index, message }: &'a Line) -> Self {
        Self {
            index: index.map(Index::number),
            id: Shown(&message.id),
            from: Shown(&message.from),
            from_id: Shown(&message.from_id),
            text: &message.text,
            sent_at: Shown(&message.sent_at),
        }
    }
}

/// Bytes as a text of two lower-case digits each.
struct Hex<'a>(&'a [u8]);

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digit = |value: u8| char::from_digit(value.into(), 16).expect("half a byte is one digit");
        let digits: String = self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
        serializer.serialize_str(&digits)
    }
}
