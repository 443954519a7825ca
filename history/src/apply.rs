//! Confirmed entries into state: each line at most once, whatever stands in the log.
//!
//! A function of the log alone: every member that has folded the same entries has the same table, whatever it saw on
//! the way. What a program above makes of the same entries is its own fold, beside this one.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::log::{Entry, Peer};
use crate::{Say, Session};

/// The most sessions remembered: some 8 MiB. Above it the one that was silent for the longest is forgotten.
pub const APPLIED_SESSIONS: usize = 65_536;

/// The exactly-once table: of each session the number that is to be applied next.
///
/// Above [`APPLIED_SESSIONS`] the session whose last line stands lowest goes and raises the floor to its last Lamport
/// time. A line of an unknown session at or below the floor is expired: it may have been applied before, so it never is
/// again. Lamport times rather than the time in the session's id, because a clock may be wrong by decades.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Applied {
    limit: usize,
    floor: u64,
    sessions: BTreeMap<Session, Row>,
    /// The same by the place of the last line, kept while the table is full: it says who goes next.
    by_last: BTreeSet<(u64, Session)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Row {
    next: u64,
    last: u64,
    lamport: u64,
}

/// What became of a line in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was the next of its session.
    Applied,
    /// It was applied before.
    Repeated,
    /// It is not the next of its session, which no honest leader proposes.
    Early,
    /// Its session is unknown, and older than those forgotten.
    Expired,
}

/// One row of the table, as it travels in a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SessionRow {
    /// Whose.
    pub session: Session,
    /// The number to be applied next.
    pub next: u64,
    /// The place of its last line.
    pub last: u64,
    /// The Lamport time of its last line.
    pub lamport: u64,
}

impl Default for Applied {
    fn default() -> Self {
        Self::with_limit(APPLIED_SESSIONS)
    }
}

impl Applied {
    /// An empty table of at most `limit` sessions. All members of a group must have the same.
    pub fn with_limit(limit: usize) -> Self {
        Self { limit: limit.max(1), floor: 0, sessions: BTreeMap::new(), by_last: BTreeSet::new() }
    }

    /// The table of a snapshot.
    pub(crate) fn from_rows(floor: u64, rows: impl IntoIterator<Item = SessionRow>) -> Self {
        let mut table = Self { floor, ..Self::default() };
        for SessionRow { session, next, last, lamport } in rows.into_iter().take(APPLIED_SESSIONS) {
            table.sessions.insert(session, Row { next, last, lamport });
        }
        table.make_room();
        table
    }

    /// Folds the line at `index` into the table.
    pub fn apply(&mut self, say: &Say, index: u64) -> Verdict {
        let verdict = self.verdict(say);
        if verdict == Verdict::Applied {
            let row = Row { next: say.id.number.saturating_add(1), last: index, lamport: say.lamport };
            self.put(say.id.session, row);
        }
        verdict
    }

    /// Folds whatever stands at `index` into the table. Whether it counts: not a line that is not applied.
    pub(crate) fn fold<P: Peer>(&mut self, entry: &Entry<P>, index: u64) -> bool {
        match entry {
            Entry::Line(say) => self.apply(say, index) == Verdict::Applied,
            Entry::Skip { session, next } => {
                self.skip(*session, *next, index);
                true
            }
            Entry::Config(_) | Entry::Note { .. } => true,
        }
    }

    /// The lines of a session below `next` count as applied.
    fn skip(&mut self, session: Session, next: u64, index: u64) {
        let known = self.sessions.get(&session).copied();
        if known.is_none_or(|row| row.next < next) {
            let lamport = known.map_or(0, |row| row.lamport);
            self.put(session, Row { next, last: index, lamport });
        }
    }

    /// What would become of a line.
    pub fn verdict(&self, say: &Say) -> Verdict {
        let known = self.sessions.get(&say.id.session);
        match known.map_or(0, |row| row.next) {
            _ if known.is_none() && say.lamport <= self.floor => Verdict::Expired,
            next if say.id.number == next => Verdict::Applied,
            next if say.id.number < next => Verdict::Repeated,
            _ => Verdict::Early,
        }
    }

    /// The number of `session` to be applied next: 0 if it is not known.
    pub fn next(&self, session: Session) -> u64 {
        self.sessions.get(&session).map_or(0, |row| row.next)
    }

    /// The greatest last Lamport time of a session forgotten.
    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// The number of sessions remembered.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether nothing was applied yet.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Every session, in order.
    pub fn rows(&self) -> impl Iterator<Item = SessionRow> {
        let row = |(session, row): (&Session, &Row)| SessionRow {
            session: *session,
            next: row.next,
            last: row.last,
            lamport: row.lamport,
        };
        self.sessions.iter().map(row)
    }

    fn put(&mut self, session: Session, row: Row) {
        let before = self.sessions.insert(session, row);
        if !self.by_last.is_empty() {
            if let Some(before) = before {
                self.by_last.remove(&(before.last, session));
            }
            self.by_last.insert((row.last, session));
        }
        self.make_room();
    }

    fn make_room(&mut self) {
        if self.sessions.len() >= self.limit && self.by_last.is_empty() {
            self.by_last = self.sessions.iter().map(|(session, row)| (row.last, *session)).collect();
        }
        while self.sessions.len() > self.limit {
            let Some((_, session)) = self.by_last.pop_first() else {
                return;
            };
            if let Some(row) = self.sessions.remove(&session) {
                self.floor = self.floor.max(row.lamport);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use uuid::Uuid;

    use super::*;
    use crate::MessageId;

    fn line(session: u128, number: u64, lamport: u64) -> Say {
        let id = MessageId { session: Session::new(Uuid::from_u128(session)), number };
        Say { id, lamport, after: None, heads: Vec::new(), body: Bytes::new() }
    }

    #[test]
    fn a_session_is_applied_in_order_and_each_line_once() {
        let mut table = Applied::default();
        let verdicts = [(0, 1), (0, 1), (2, 3), (1, 2), (1, 2)].map(|(n, t)| table.apply(&line(1, n, t), t));
        use Verdict::{Applied as Yes, Early, Repeated};
        assert_eq!(verdicts, [Yes, Repeated, Early, Yes, Repeated]);
    }

    #[test]
    fn what_was_forgotten_is_never_applied_again() {
        let mut table = Applied::with_limit(2);
        for (session, lamport) in [(1, 10), (2, 20), (3, 30)] {
            assert_eq!(table.apply(&line(session, 0, lamport), lamport), Verdict::Applied);
        }
        assert_eq!((table.len(), table.floor()), (2, 10));
        assert_eq!(table.apply(&line(1, 0, 10), 31), Verdict::Expired);
        assert_eq!(
            table.apply(&line(4, 0, 11), 32),
            Verdict::Applied,
            "a later session is not taken for the forgotten"
        );
    }

    #[test]
    fn without_a_floor_a_forgotten_line_would_be_applied_twice() {
        let mut broken = Applied::with_limit(1);
        assert_eq!(broken.apply(&line(1, 0, 1), 1), Verdict::Applied);
        assert_eq!(broken.apply(&line(2, 0, 2), 2), Verdict::Applied);
        broken.floor = 0;
        assert_eq!(broken.apply(&line(1, 0, 1), 3), Verdict::Applied, "this is what the floor prevents");
    }

    #[test]
    fn a_snapshot_is_the_same_table() {
        let mut table = Applied::default();
        for n in 0..5 {
            table.apply(&line(u128::from(n % 2), n / 2, n + 1), n + 1);
        }
        assert_eq!(Applied::from_rows(table.floor(), table.rows()), table);
    }
}
