//! What the owner can look up of the history.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use history::{Entry, Index, Lineage, Say};
use transport::PeerId;

use super::Group;
use crate::api::{HistoryError, Line, Page};
use crate::event;
use crate::name::Name;
use crate::store::words::words;
use crate::text;
use crate::wire::Body;

/// Which lines of the history are wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HistoryQuery {
    /// The last ones, unconfirmed ones included.
    Last(usize),
    /// Those from a place on: this many at most.
    From(Index, usize),
    /// The last of those that have all these words.
    Search(String, usize),
}

impl Group {
    /// How many places of the history are confirmed, as far as this peer knows.
    pub fn confirmed(&self) -> u64 {
        self.history.log().decided()
    }

    /// How many places are confirmed by what was learnt, or by what this peer was told when it joined.
    pub(super) fn known_decided(&self) -> (Lineage<PeerId>, u64) {
        let (log, confirmed) = (self.history.log(), &self.confirmed);
        // Until its log has them, the lines that a newcomer remembers stand where it was told.
        match self.is_catching_up() && !confirmed.is_refuted(log.lineage(), log.decided()) {
            true => (confirmed.told_in.clone(), confirmed.told_below),
            false => (log.lineage().clone(), log.decided()),
        }
    }

    /// Whether this newcomer was told of lines that its log does not have yet.
    pub fn is_catching_up(&self) -> bool {
        self.confirmed.untaught(self.history.log().decided()).next().is_some()
    }

    /// How many lines wait to be confirmed here.
    pub fn unconfirmed(&self) -> usize {
        self.history.pool().len()
    }

    /// How many members vote on what is confirmed.
    pub fn voters(&self) -> usize {
        self.history.log().voters().len()
    }

    /// Whether lines can be confirmed.
    pub fn has_quorum(&self) -> bool {
        self.confirmed.quorum
    }

    /// The voters that cannot be reached.
    pub fn missing_voters(&self) -> Vec<Name> {
        self.history.log().missing_voters().into_iter().map(|voter| self.voter_name(voter)).collect()
    }

    /// Looks up lines in memory, where a member without a disk has the last 100,000.
    ///
    /// # Errors
    ///
    /// What is searched for has no word.
    pub fn lines(&self, query: &HistoryQuery) -> Result<Page, HistoryError> {
        let places = || self.places().rev().filter_map(|(index, say)| line(Some(index), say));
        let waiting = || self.unconfirmed_lines();
        Ok(match query {
            HistoryQuery::Last(last) => {
                let waiting = waiting();
                let room = last.saturating_sub(waiting.len());
                let mut lines: Vec<_> = places().take(room + 1).collect();
                let more = lines.len() > room || waiting.len() > *last;
                lines.truncate(room);
                lines.reverse();
                let skipped = waiting.len().saturating_sub(*last);
                lines.extend(waiting.into_iter().skip(skipped));
                Page { lines, more }
            }
            HistoryQuery::From(from, most) => {
                let after = self.places().filter(|(index, _)| index >= from);
                let mut lines: Vec<_> =
                    after.filter_map(|(index, say)| line(Some(index), say)).take(most + 1).collect();
                if lines.len() <= *most {
                    lines.extend(waiting());
                }
                let more = lines.len() > *most;
                lines.truncate(*most);
                Page { lines, more }
            }
            HistoryQuery::Search(words, last) => self.searchable().search(words, *last)?,
        })
    }

    /// What a page has of the lines in memory, where a member with a disk has the last ones, and from which place on. A search finds
    /// what is on disk.
    pub(crate) fn lines_in_memory(&self, query: &HistoryQuery) -> (u64, Page) {
        let first = self.history.log().first_in_memory();
        let query = match query {
            HistoryQuery::From(from, most) => {
                HistoryQuery::From(Index::new(first).map_or(*from, |first| first.max(*from)), *most)
            }
            HistoryQuery::Last(_) => query.clone(),
            HistoryQuery::Search(..) => return (first, Page::default()),
        };
        (first, self.lines(&query).unwrap_or_default())
    }

    /// What there is of programs' own entries in memory, and from which place on: for a member with a disk.
    pub(crate) fn entries_in_memory(&self, from: Index, most: usize) -> (u64, Vec<event::Entry>) {
        let first = self.history.log().first_in_memory();
        let from = Index::new(first).map_or(from, |first| first.max(from));
        (first, self.entries(from, most).unwrap_or_default())
    }

    /// What is in memory, to be searched elsewhere: that takes a while.
    pub(crate) fn searchable(&self) -> Searchable {
        let log = self.history.log();
        let known = (log.first_in_memory()..log.decided() + 1).filter_map(|place| {
            let index = Index::new(place)?;
            Some((index, log.get(index)?.clone()))
        });
        let told = self.confirmed.untaught(log.decided());
        let told = told.map(|(index, say)| (index, Arc::new(Entry::Line(say.clone()))));
        Searchable(known.chain(told).collect())
    }

    /// The lines that are said and not confirmed, in the order they are to be confirmed in.
    pub fn unconfirmed_lines(&self) -> Vec<Line> {
        let told: BTreeSet<_> = self.confirmed.untaught(self.history.log().decided()).map(|(_, say)| say.id).collect();
        let waiting = self.history.pool().lines().filter(|say| !told.contains(&say.id));
        waiting.filter_map(|say| line(None, say)).collect()
    }

    /// Programs' own entries from a place on, this many at most.
    ///
    /// # Errors
    ///
    /// What stands there is no longer in memory: the first place that is.
    pub fn entries(&self, from: Index, most: usize) -> Result<Vec<event::Entry>, u64> {
        let first = self.history.log().first_in_memory();
        if from.number() < first {
            return Err(first);
        }
        let decided = self.history.log().decided();
        let after = self.places().filter(|(index, _)| *index >= from && index.number() <= decided);
        Ok(after.filter_map(|(index, say)| own_entry(index, say)).take(most).collect())
    }

    /// What was put into the history and is in memory, the oldest first.
    pub(super) fn places(&self) -> impl DoubleEndedIterator<Item = (Index, &Say)> {
        let log = self.history.log();
        let says = |place| {
            let index = Index::new(place)?;
            match &**log.get(index)? {
                Entry::Line(say) => Some((index, say)),
                _ => None,
            }
        };
        (log.first_in_memory()..log.decided() + 1).filter_map(says).chain(self.confirmed.untaught(log.decided()))
    }
}

/// A confirmed history as it was at some moment.
pub(crate) struct Searchable(Vec<(Index, Arc<Entry<PeerId>>)>);

impl Searchable {
    /// The last of the lines that have all these words.
    ///
    /// # Errors
    ///
    /// There is no word.
    pub(crate) fn search(&self, wanted_text: &str, last: usize) -> Result<Page, HistoryError> {
        let wanted: Vec<_> = words(wanted_text).collect();
        if wanted.is_empty() {
            return Err(HistoryError::Words(format!(
                "`{}` has no word to search for: give some letters or digits",
                text::escape(wanted_text)
            )));
        }
        let has_all = |line: &Line| {
            let found: BTreeSet<_> = words(&line.message.text).collect();
            wanted.iter().all(|word| found.contains(word))
        };
        let said = |(index, entry): &(Index, Arc<Entry<PeerId>>)| match &**entry {
            Entry::Line(say) => line(Some(*index), say),
            _ => None,
        };
        let mut lines: Vec<_> = self.0.iter().rev().filter_map(said).filter(has_all).take(last + 1).collect();
        let more = lines.len() > last;
        lines.truncate(last);
        lines.reverse();
        Ok(Page { lines, more })
    }
}

fn line(index: Option<Index>, say: &Say) -> Option<Line> {
    Some(Line { index, message: message_of(say, false)? })
}

/// A line, if that is what was put into the history.
pub(crate) fn message_of(say: &Say, earlier: bool) -> Option<event::Message> {
    match transport::decode::<Body>(&say.body) {
        Ok(Body::Line(line)) if text::check(&line.text).is_ok() => Some(event::Message {
            id: say.id,
            from: line.name,
            from_id: line.from,
            text: line.text,
            sent_at: line.sent_at,
            earlier,
        }),
        _ => None,
    }
}

/// A program's own entry, if that is what was put into the history.
pub(crate) fn own_entry(index: Index, say: &Say) -> Option<event::Entry> {
    match transport::decode::<Body>(&say.body) {
        Ok(Body::Entry { from, kind, bytes }) => {
            Some(event::Entry { index, id: say.id, from, kind, bytes: Bytes::copy_from_slice(&bytes) })
        }
        _ => None,
    }
}
