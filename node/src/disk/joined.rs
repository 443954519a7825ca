//! What the disk has, and what stands behind it in memory, as one.
//!
//! The last places are looked up in memory, from the place `memory` on: what is confirmed may not be on disk yet, and what stands there
//! instead may be overruled.

use history::Index;

use crate::api::{Line, Page};
use crate::event;
use crate::group::HistoryQuery;
use crate::store::Lines;

/// A page of what the disk has of the places before those in memory, and of these.
pub(super) fn page(query: &HistoryQuery, memory: u64, last: Page, found: Lines) -> Page {
    let before = |(index, _): &(Index, _)| index.number() < memory;
    // Of a search the disk has the answer.
    let is_search = matches!(query, HistoryQuery::Search(..));
    let is_cut = found.more && found.lines.last().is_some_and(before);
    let older = found.lines.into_iter().filter(|line| is_search || before(line));
    let mut lines: Vec<_> = older.map(|(index, message)| Line { index: Some(index), message }).collect();
    match query {
        HistoryQuery::From(_, most) => {
            let mut more = is_cut;
            if !is_cut {
                lines.extend(last.lines);
                more = last.more || lines.len() > *most;
            }
            lines.truncate(*most);
            Page { lines, more }
        }
        HistoryQuery::Last(most) | HistoryQuery::Search(_, most) => {
            lines.extend(last.lines);
            let more = found.more || last.more || lines.len() > *most;
            lines.drain(..lines.len().saturating_sub(*most));
            Page { lines, more }
        }
    }
}

/// Programs' own entries: those `found` on the disk, which was looked through up to the place `reached`, and the last.
pub(super) fn entries(
    most: usize,
    memory: u64,
    last: Vec<event::Entry>,
    mut found: Vec<event::Entry>,
    reached: u64,
) -> Vec<event::Entry> {
    // A disk that hangs may not have all that memory has let go of: what follows a gap is left to the next question.
    if reached + 1 >= memory {
        found.extend(last);
    }
    found.truncate(most);
    found
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use history::{MessageId, Session};
    use transport::PeerId;
    use uuid::Uuid;

    use super::*;
    use crate::event::Message;
    use crate::timestamp::Timestamp;

    fn at(place: u64) -> (Index, Message) {
        let message = Message {
            id: MessageId { session: Session::new(Uuid::nil()), number: place },
            from: "alice".parse().unwrap(),
            from_id: PeerId::new(Uuid::nil()),
            text: format!("line {place}"),
            sent_at: Timestamp::default(),
            earlier: false,
        };
        (Index::new(place).unwrap(), message)
    }

    fn on_disk(places: &[u64], more: bool) -> Lines {
        Lines { lines: places.iter().copied().map(at).collect(), more }
    }

    /// The last one waits to be confirmed.
    fn in_memory(places: &[u64], more: bool) -> Page {
        let line = |place: u64| Line { index: Some(at(place).0), message: at(place).1 };
        let mut lines: Vec<_> = places.iter().copied().map(line).collect();
        lines.push(Line { index: None, message: at(99).1 });
        Page { lines, more }
    }

    fn entry(place: u64) -> event::Entry {
        let (index, Message { id, from_id: from, .. }) = at(place);
        event::Entry { index, id, from, kind: 1, bytes: Bytes::new() }
    }

    fn places(page: &Page) -> Vec<Option<u64>> {
        page.lines.iter().map(|line| line.index.map(Index::number)).collect()
    }

    #[test]
    fn a_line_that_is_confirmed_and_not_on_disk_yet_is_in_the_page() {
        let all = [Some(3), Some(4), Some(5), Some(6), None];
        for query in [HistoryQuery::From(at(3).0, 10), HistoryQuery::Last(10)] {
            let page = page(&query, 5, in_memory(&[5, 6], false), on_disk(&[3, 4, 5], false));
            assert_eq!((places(&page), page.more), (all.to_vec(), false), "{query:?}");
        }
    }

    #[test]
    fn what_the_disk_has_where_something_else_is_confirmed_is_not_in_the_page() {
        // At 6 nobody said anything; the line that stood there lost its place.
        let page = page(&HistoryQuery::Last(10), 5, in_memory(&[5, 7], false), on_disk(&[4, 5, 6], false));
        assert_eq!(places(&page), [Some(4), Some(5), Some(7), None]);
    }

    #[test]
    fn a_page_that_the_disk_could_not_fill_to_what_is_in_memory_says_that_there_is_more() {
        let page = page(&HistoryQuery::From(at(1).0, 10), 5, in_memory(&[5, 6], false), on_disk(&[1, 2], true));
        assert_eq!((places(&page), page.more), (vec![Some(1), Some(2)], true));
    }

    #[test]
    fn a_page_has_no_more_lines_than_were_asked_for() {
        let from = page(&HistoryQuery::From(at(3).0, 3), 5, in_memory(&[5, 6], false), on_disk(&[3, 4, 5], true));
        assert_eq!((places(&from), from.more), (vec![Some(3), Some(4), Some(5)], true));
        let last = page(&HistoryQuery::Last(3), 5, in_memory(&[5, 6], false), on_disk(&[3, 4, 5], true));
        assert_eq!((places(&last), last.more), (vec![Some(5), Some(6), None], true));
    }

    #[test]
    fn entries_on_disk_are_followed_by_those_in_memory_unless_some_between_them_are_missing() {
        let read = |most, found: &[u64], reached| {
            let all = entries(most, 5, vec![entry(5), entry(7)], found.iter().copied().map(entry).collect(), reached);
            all.iter().map(|entry| entry.index.number()).collect::<Vec<_>>()
        };
        assert_eq!(read(10, &[2, 4], 4), [2, 4, 5, 7]);
        assert_eq!(read(3, &[2, 4], 4), [2, 4, 5]);
        assert_eq!(read(2, &[2, 4], 4), [2, 4]);
        assert_eq!(read(10, &[2], 3), [2], "the disk has not written place 4 yet");
    }
}
