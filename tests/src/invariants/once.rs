//! Each line is confirmed once, a session's in the order said, and places in order (I6, by the log).

use std::collections::{BTreeMap, BTreeSet};

use history::{Index, Session};
use node::MessageId;

use super::Verdict;

/// What the owner of each process was told is confirmed.
#[derive(Debug, Default)]
pub struct Once {
    told: BTreeMap<u32, Told>,
    /// Every line that was said. What else a session says, a vote, has a number and is not told.
    lines: BTreeSet<MessageId>,
}

#[derive(Debug, Default)]
struct Told {
    /// The places of the lines that have one.
    places: Vec<Index>,
    /// The places of those that were shown as earlier ones: they are told at any time.
    aside: BTreeSet<Index>,
    /// The number of the last line of each session.
    sessions: BTreeMap<Session, u64>,
    /// The number of the first line of each session: a newcomer was told of none before, and may be told of them in another history.
    firsts: BTreeMap<Session, u64>,
    /// How often its log went on from a snapshot, or began anew.
    leaps: u64,
    /// What was shown as said earlier, and may have had its place before the process was there.
    earlier: BTreeSet<MessageId>,
    /// All that ever was: what loses the place that a newcomer was told of may have another before it.
    welcomed: BTreeSet<MessageId>,
}

impl Once {
    /// A line is said.
    pub fn note_said(&mut self, id: MessageId) {
        self.lines.insert(id);
    }

    /// A line was shown as said earlier: which place it has is told at any time, once.
    pub fn note_earlier(&mut self, run: u32, id: MessageId) {
        let told = self.told.entry(run).or_default();
        told.earlier.insert(id);
        told.welcomed.insert(id);
    }

    /// Notes how often the log of a process went on from a snapshot, or began anew; whether that is more often than before.
    pub fn leapt(&mut self, run: u32, leaps: u64) -> bool {
        let told = self.told.entry(run).or_default();
        let more = leaps > told.leaps;
        if more {
            told.leaps = leaps;
            // What comes next may be anything.
            told.places.clear();
            told.aside.clear();
            told.sessions.clear();
            told.firsts.clear();
        }
        more
    }

    /// A line has its place, as the owner of a process is told.
    ///
    /// # Errors
    ///
    /// It had one, or another does not have its own yet.
    pub fn note_confirmed(&mut self, run: u32, id: MessageId, index: Index) -> Verdict {
        let told = self.told.entry(run).or_default();
        let first = told.firsts.entry(id.session).or_insert(id.number);
        *first = id.number.min(*first);
        if told.earlier.remove(&id) {
            let last = told.sessions.entry(id.session).or_default();
            *last = id.number.max(*last);
            if told.places.binary_search(&index).is_ok() || !told.aside.insert(index) {
                return Err(format!("{id} is confirmed at {index}, as another is"));
            }
            return Ok(());
        }
        if told.aside.contains(&index) {
            return Err(format!("{id} is confirmed at {index}, as another is"));
        }
        let last = told.places.last().copied();
        told.places.push(index);
        if last.is_some_and(|last| last >= index) {
            return Err(format!("{id} is confirmed at {index}, after a later place"));
        }
        match told.sessions.insert(id.session, id.number) {
            Some(last) if last >= id.number || lies_between(&self.lines, last, id) => {
                Err(format!("{id} is confirmed after number {last}"))
            }
            _ => Ok(()),
        }
    }

    /// A line lost its place.
    ///
    /// # Errors
    ///
    /// It had none.
    pub fn note_unconfirmed(&mut self, run: u32, id: MessageId, was: Index) -> Verdict {
        let told = self.told.entry(run).or_default();
        told.places.retain(|place| *place < was);
        told.aside.retain(|place| *place < was);
        if told.welcomed.contains(&id) {
            told.earlier.insert(id);
        }
        match told.sessions.remove(&id.session) {
            Some(last)
                if last == id.number || last > id.number && !lies_between(&self.lines, id.number, next(id, last)) =>
            {
                let first = told.firsts.remove(&id.session).unwrap_or_default();
                if let Some(before) = id.number.checked_sub(1).filter(|before| first <= *before) {
                    told.sessions.insert(id.session, before);
                    told.firsts.insert(id.session, first);
                }
                Ok(())
            }
            // It was confirmed before this process was there.
            None => Ok(()),
            Some(last) if last < id.number => {
                told.sessions.insert(id.session, last);
                Ok(())
            }
            Some(last) => Err(format!("{id} loses its place after number {last}")),
        }
    }

    /// A process has ended.
    pub fn ended(&mut self, run: u32) {
        self.told.remove(&run);
    }
}

/// Whether a line stands after number `last` of its session and before `id`.
fn lies_between(lines: &BTreeSet<MessageId>, last: u64, id: MessageId) -> bool {
    lines.range(MessageId { number: last + 1, ..id }..id).next().is_some()
}

/// What follows number `last` in the session of `id`.
fn next(id: MessageId, last: u64) -> MessageId {
    MessageId { number: last + 1, ..id }
}

#[cfg(test)]
mod tests {
    use super::super::forged::line;
    use super::*;

    fn at(place: u64) -> Index {
        Index::new(place).unwrap()
    }

    #[test]
    fn a_line_that_is_confirmed_twice_or_out_of_order_is_seen() {
        let story = || {
            let mut once = Once::default();
            (0..4).for_each(|number| once.note_said(line(number)));
            once.note_confirmed(1, line(0), at(2)).unwrap();
            once.note_confirmed(1, line(1), at(4)).unwrap();
            once
        };
        assert!(story().note_confirmed(1, line(1), at(5)).is_err(), "twice");
        assert!(story().note_confirmed(1, line(3), at(5)).is_err(), "one is left out");
        assert!(story().note_confirmed(1, line(2), at(3)).is_err(), "places go back");
        story().note_confirmed(1, line(2), at(9)).unwrap();
    }

    #[test]
    fn a_line_that_was_shown_as_earlier_may_be_confirmed_after_later_ones_but_once() {
        let mut once = Once::default();
        once.note_earlier(1, line(0));
        once.note_confirmed(1, line(1), at(4)).unwrap();
        once.note_confirmed(1, line(0), at(2)).unwrap();
        assert!(once.note_confirmed(1, line(0), at(5)).is_err());
    }

    #[test]
    fn a_line_that_a_newcomer_was_told_of_may_have_an_earlier_place_once_it_lost_that() {
        let mut once = Once::default();
        once.note_earlier(1, line(0));
        once.note_confirmed(1, line(0), at(10)).unwrap();
        once.note_confirmed(1, MessageId { number: 5, ..line(0) }, at(11)).unwrap();
        once.note_unconfirmed(1, MessageId { number: 5, ..line(0) }, at(11)).unwrap();
        once.note_unconfirmed(1, line(0), at(10)).unwrap();
        once.note_confirmed(1, line(1), at(4)).unwrap();
        once.note_confirmed(1, line(0), at(3)).unwrap();
        assert!(once.note_confirmed(1, line(0), at(2)).is_err(), "once");
    }

    #[test]
    fn a_line_that_lost_its_place_may_have_another() {
        let mut once = Once::default();
        (0..2).for_each(|number| once.note_said(line(number)));
        once.note_confirmed(1, line(0), at(2)).unwrap();
        once.note_confirmed(1, line(1), at(4)).unwrap();
        assert!(Once::note_unconfirmed(&mut once, 1, line(0), at(2)).is_err(), "the last ones go first");
        let mut once = Once::default();
        once.note_confirmed(1, line(0), at(2)).unwrap();
        once.note_confirmed(1, line(1), at(4)).unwrap();
        once.note_unconfirmed(1, line(1), at(4)).unwrap();
        once.note_confirmed(1, line(1), at(7)).unwrap();
    }

    #[test]
    fn a_log_that_went_on_from_a_snapshot_may_leave_lines_out_once() {
        let mut once = Once::default();
        (0..9).for_each(|number| once.note_said(line(number)));
        once.note_confirmed(1, line(0), at(2)).unwrap();
        assert!(once.leapt(1, 1));
        once.note_confirmed(1, line(4), at(7)).unwrap();
        assert!(!once.leapt(1, 1));
        assert!(once.note_confirmed(1, line(8), at(9)).is_err());
    }

    #[test]
    fn a_number_that_is_no_line_is_not_missed() {
        let mut once = Once::default();
        [0, 2].into_iter().for_each(|number| once.note_said(line(number)));
        once.note_confirmed(1, line(0), at(2)).unwrap();
        once.note_confirmed(1, line(2), at(4)).unwrap();
        once.note_unconfirmed(1, line(2), at(4)).unwrap();
        once.note_unconfirmed(1, line(0), at(2)).unwrap();
        once.note_confirmed(1, line(0), at(3)).unwrap();
    }
}
