//! Reads of the log, on a connection and a thread of their own.
//!
//! With a write-ahead log a reader sees the state as of one commit, waits for no writer and holds up none: a range for a peer
//! that catches up comes back while a long batch is being written. What a batch says is seen from its answer on.

use history::{Entries, Index};
use rusqlite::Connection;
use thiserror::Error;
use transport::PeerId;

use super::columns::{self, ENTRY, Unread};
use super::damage::Damage;
use crate::event::Message;

/// The most lines that one answer has.
pub(crate) const MAX_ROWS: usize = 10_000;

/// Roughly the most bytes that one answer has. It has at least one line whatever that weighs.
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
pub(super) struct Budget {
    rows: usize,
    bytes: usize,
    max_rows: usize,
    max_bytes: usize,
}

impl Budget {
    /// Of an answer that has `limit` lines at most.
    pub(super) fn lines(limit: usize) -> Self {
        Self { rows: 0, bytes: 0, max_rows: limit.min(MAX_ROWS), max_bytes: MAX_ANSWER_BYTES }
    }

    /// Of an answer that has so many entries and so much weight at most, but one entry in any case.
    fn entries(max_entries: usize, max_bytes: usize) -> Self {
        Self { rows: 0, bytes: 0, max_rows: max_entries.max(1), max_bytes }
    }

    /// Whether a row of this weight may be added.
    pub(super) fn takes(&mut self, weight: usize) -> bool {
        let takes = self.rows < self.max_rows && (self.rows == 0 || self.bytes + weight <= self.max_bytes);
        (self.rows, self.bytes) = (self.rows + 1, self.bytes + weight);
        takes
    }
}

impl Reader {
    /// The entries after a place; none if the one right after it is not there.
    pub(super) fn entries_after(
        &mut self,
        after: u64,
        max_entries: usize,
        max_bytes: usize,
    ) -> Result<Entries<PeerId>, ReadError> {
        let sql = format!("SELECT {ENTRY} FROM entries WHERE idx > ? ORDER BY idx");
        let mut budget = Budget::entries(max_entries, max_bytes);
        let read = columns::entries(&self.connection, &sql, after, |weight| budget.takes(weight));
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

    fn read_lines(&self, sql: &str, from: Option<Index>, limit: usize) -> columns::Result<Lines> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let from = from.map(|from| i64::try_from(from.number()).unwrap_or(i64::MAX));
        let mut rows = match from {
            Some(from) => statement.query([from])?,
            None => statement.query([])?,
        };
        let (mut lines, mut budget) = (Lines::default(), Budget::lines(limit));
        while let Some(row) = rows.next()? {
            let entry = columns::entry(row)?;
            if !budget.takes(entry.weight()) {
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
