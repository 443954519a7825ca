//! Reads of the log, on a connection and a thread of their own.
//!
//! With a write-ahead log a reader sees the state as of one commit, waits for no writer and holds up none: a range for a peer
//! that catches up comes back while a long batch is being written. What a batch says is seen from its answer on.

use history::Index;
use rusqlite::{Connection, params};
use thiserror::Error;

use super::batch::Row;
use super::columns::{self, ENTRY, Unread};
use super::damage::Damage;
use crate::event::Message;

/// The most entries, or lines, that one answer has.
pub(crate) const MAX_ROWS: usize = 10_000;

/// Roughly the most bytes that one answer has. It has at least one row whatever that weighs.
pub(crate) const MAX_ANSWER_BYTES: usize = 8 << 20;

/// Why nothing was read.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub(crate) enum ReadError {
    /// So much is asked already.
    #[error("too many questions wait for the disk: ask again later")]
    Busy,
    /// The store is closed.
    #[error("the store is closed: open it again")]
    Ended,
    /// What is on disk is not what was written.
    #[error("the data directory is damaged ({0}): start again, which moves it aside and makes a new member")]
    Damaged(String),
    /// The system refused.
    #[error("cannot read the data directory: {0}: check the disk")]
    Disk(String),
    /// Nothing to look for.
    #[error("`{0}` has no word to search for: give some letters or digits")]
    NoWords(String),
    /// Too much to look for.
    #[error("{given} words are too many to search for: at most {max}")]
    TooManyWords {
        /// How many were given.
        given: usize,
        /// How many may be.
        max: usize,
    },
}

/// Lines that were said, in their order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Lines {
    /// Each with its place.
    pub(crate) lines: Vec<(Index, Message)>,
    /// Whether there are more: later ones where it was asked from a place on, otherwise earlier ones.
    pub(crate) more: bool,
}

/// What answers.
pub(super) struct Reader {
    pub(super) connection: Connection,
    pub(super) damage: Damage,
}

/// Counts what an answer holds.
#[derive(Default)]
pub(super) struct Budget {
    rows: usize,
    bytes: usize,
}

impl Budget {
    /// Whether a row of this weight may be added to `limit` at most.
    pub(super) fn takes(&mut self, weight: usize, limit: usize) -> bool {
        let takes = self.rows < limit.min(MAX_ROWS) && (self.rows == 0 || self.bytes + weight <= MAX_ANSWER_BYTES);
        (self.rows, self.bytes) = (self.rows + 1, self.bytes + weight);
        takes
    }
}

impl Reader {
    /// The entries from a place on: at most `limit`, and as many as fit an answer. They have no gaps; what is missing at
    /// the beginning is not there.
    pub(super) fn entries(&mut self, from: Index, limit: usize) -> Result<Vec<Row>, ReadError> {
        let read = self.read_entries(from, limit);
        self.damage.note(read)
    }

    /// The last lines, confirmed or not.
    pub(super) fn last_lines(&mut self, limit: usize) -> Result<Lines, ReadError> {
        let sql = format!("SELECT {ENTRY} FROM entries WHERE session IS NOT NULL ORDER BY idx DESC");
        let read = self.read_lines(&sql, None, limit);
        let mut lines = self.damage.note(read)?;
        lines.lines.reverse();
        Ok(lines)
    }

    /// The lines from a place on, confirmed or not.
    pub(super) fn lines_from(&mut self, from: Index, limit: usize) -> Result<Lines, ReadError> {
        let sql = format!("SELECT {ENTRY} FROM entries WHERE session IS NOT NULL AND idx >= ? ORDER BY idx");
        let read = self.read_lines(&sql, Some(from), limit);
        self.damage.note(read)
    }

    fn read_entries(&self, from: Index, limit: usize) -> columns::Result<Vec<Row>> {
        let sql = format!("SELECT {ENTRY} FROM entries WHERE idx >= ? ORDER BY idx");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let Ok(first) = i64::try_from(from.number()) else { return Ok(Vec::new()) };
        let mut rows = statement.query(params![first])?;
        let (mut entries, mut budget) = (Vec::<Row>::new(), Budget::default());
        while let Some(row) = rows.next()? {
            let entry = columns::entry(row)?;
            let follows = entries.last().is_none_or(|last| last.index.number() + 1 == entry.index.number());
            if !follows || !budget.takes(entry.weight(), limit) {
                break;
            }
            entries.push(entry);
        }
        Ok(entries)
    }

    fn read_lines(&self, sql: &str, from: Option<Index>, limit: usize) -> columns::Result<Lines> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let from = from.map(|from| i64::try_from(from.number()).unwrap_or(i64::MAX));
        let mut rows = match from {
            Some(from) => statement.query([from])?,
            None => statement.query([])?,
        };
        let (mut lines, mut budget) = (Lines::default(), Budget::default());
        while let Some(row) = rows.next()? {
            let entry = columns::entry(row)?;
            if !budget.takes(entry.weight(), limit) {
                lines.more = true;
                break;
            }
            lines.lines.extend(entry.line.map(|line| (entry.index, line)));
        }
        Ok(lines)
    }
}

impl From<Unread> for ReadError {
    fn from(error: Unread) -> Self {
        match error {
            Unread::Damaged(what) => Self::Damaged(what),
            Unread::Sql(error) => Self::Disk(error.to_string()),
        }
    }
}
