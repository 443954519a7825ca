//! Full text search over confirmed lines, in a database of its own.
//!
//! `search.db` is derived and may be deleted at any time. It stands apart from `history.db` because a database has one
//! writer: this way, bringing the index up to date never holds up a batch, and nothing about it is ever synced on the path
//! of confirmation. A search first indexes what was confirmed since the one before, so that lines cost nothing until
//! somebody searches.
//!
//! The index is given words that are already taken apart and in lower case (`words.rs`), and so is what is searched for:
//! one rule for both, which a search in memory shares. What a person types reaches SQLite as letters and digits only, each
//! word in quotes, and cannot be read as an operator.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::{Connection, OptionalExtension as _, params};
use transport::PeerId;

use super::columns::{self, ENTRY, Unread};
use super::damage::Damage;
use super::extent::Extent;
use super::reader::{Budget, Lines, MAX_ROWS, ReadError};
use super::schema;
use super::words::words;

/// The most words that are searched for at once.
pub(crate) const MAX_WORDS: usize = 32;

/// Raised when what is indexed changes: an index of another version is made again.
const VERSION: i64 = 1;

/// How many lines are indexed in one transaction: enough for speed, and few enough that closing the store does not wait.
const CHUNK: usize = 5_000;

const TABLES: &str = "
    -- Which lines have which words; no text, and nothing about where in a line.
    CREATE VIRTUAL TABLE words USING fts5 (said, content = '', detail = none, columnsize = 0, tokenize = 'ascii');
    CREATE TABLE covered (one INTEGER PRIMARY KEY CHECK (one = 1), peer BLOB NOT NULL, cuts INTEGER NOT NULL, upto INTEGER NOT NULL) STRICT;
";

/// What answers.
pub(super) struct Searcher {
    /// Where the index is.
    pub(super) path: PathBuf,
    /// The history that it is made of: one of another peer is made again.
    pub(super) peer: PeerId,
    /// A connection of its own to `history.db`.
    pub(super) history: Connection,
    pub(super) damage: Damage,
    /// Opened by the first search.
    pub(super) index: Option<Connection>,
    /// The store is being closed: a long indexing ends early.
    pub(super) ending: Arc<AtomicBool>,
}

impl Searcher {
    /// The newest confirmed lines that have all the words, at most `limit`.
    pub(super) fn search(&mut self, text: &str, limit: usize) -> Result<Lines, ReadError> {
        let query = query(text)?;
        let read = self.search_words(&query, limit);
        self.damage.note(read?)
    }

    /// Tells damage of the history, which is grave, from damage of the index, which is made again.
    fn search_words(&mut self, query: &str, limit: usize) -> Result<columns::Result<Lines>, ReadError> {
        let found = match self.indexed(query, limit) {
            Err(Failure::Index(error)) => {
                tracing::warn!(%error, "the search index is made again");
                self.index = None;
                remove(&self.path).map_err(|error| ReadError::Disk(error.to_string()))?;
                self.indexed(query, limit)
            }
            found => found,
        };
        match found {
            Ok(lines) => Ok(Ok(lines)),
            Err(Failure::History(error)) => Ok(Err(error)),
            Err(Failure::Index(error)) => Err(ReadError::Disk(error.to_string())),
            Err(Failure::Ended) => Err(ReadError::Ended),
        }
    }

    fn indexed(&mut self, query: &str, limit: usize) -> Result<Lines, Failure> {
        if self.index.is_none() {
            self.index = Some(open(&self.path, self.peer).map_err(Failure::Index)?);
        }
        let Some(index) = &mut self.index else { return Err(Failure::Ended) };
        // One transaction over everything: the lines found are those that were indexed.
        let history = self.history.transaction().map_err(|error| Failure::History(error.into()))?;
        update(index, &history, self.peer, &self.ending)?;
        let places = find(index, query, limit).map_err(Failure::Index)?;
        lines(&history, &places, limit).map_err(Failure::History)
    }
}

#[derive(Debug)]
enum Failure {
    Index(rusqlite::Error),
    History(Unread),
    Ended,
}

/// What is asked of the index: every word, in quotes.
fn query(text: &str) -> Result<String, ReadError> {
    let mut distinct = std::collections::BTreeSet::new();
    for word in words(text) {
        distinct.insert(word);
        if distinct.len() > MAX_WORDS {
            return Err(ReadError::TooManyWords { given: words(text).count(), max: MAX_WORDS });
        }
    }
    if distinct.is_empty() {
        return Err(ReadError::NoWords(text.chars().take(100).collect()));
    }
    Ok(distinct.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" "))
}

/// Opens the index, and makes an empty one if there is none that is of use.
fn open(path: &Path, peer: PeerId) -> rusqlite::Result<Connection> {
    let connection = schema::connect(path)?;
    if schema::version(&connection)? != VERSION {
        drop(connection);
        // What cannot be removed cannot be made again either, which says what is wrong.
        let _ = remove(path);
        return create(path, peer);
    }
    schema::use_write_ahead_log(&connection)?;
    // Whatever a loss of power takes away is indexed again.
    schema::set_synchronous(&connection, false)?;
    Ok(connection)
}

fn create(path: &Path, peer: PeerId) -> rusqlite::Result<Connection> {
    let mut connection = schema::connect(path)?;
    schema::use_write_ahead_log(&connection)?;
    schema::set_synchronous(&connection, false)?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    cover(&transaction, peer, 0, 0)?;
    transaction.commit()?;
    Ok(connection)
}

fn cover(connection: &Connection, peer: PeerId, cuts: u64, upto: u64) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare_cached("INSERT OR REPLACE INTO covered (one, peer, cuts, upto) VALUES (1, ?, ?, ?)")?;
    statement.execute(params![peer.uuid().as_bytes(), cuts.cast_signed(), upto.cast_signed()])?;
    Ok(())
}

/// Indexes what was confirmed since the last time; everything, if confirmed lines left the history since.
fn update(index: &mut Connection, history: &Connection, peer: PeerId, ending: &AtomicBool) -> Result<(), Failure> {
    let Extent { decided, cuts, .. } = columns::log(history).map_err(Failure::History)?.extent;
    let mut upto = covered(index, peer, cuts).map_err(Failure::Index)?;
    while upto < decided {
        if ending.load(Ordering::Relaxed) {
            return Err(Failure::Ended);
        }
        upto = update_chunk(index, history, peer, cuts, upto..decided)?;
    }
    Ok(())
}

/// Up to where the lines of this history are indexed; 0 after the index of another was emptied.
fn covered(index: &Connection, peer: PeerId, cuts: u64) -> rusqlite::Result<u64> {
    let row = index
        .query_row("SELECT peer, cuts, upto FROM covered", [], |row| {
            Ok((
                row.get::<_, [u8; 16]>(0)?,
                row.get::<_, i64>(1)?.cast_unsigned(),
                row.get::<_, i64>(2)?.cast_unsigned(),
            ))
        })
        .optional()?;
    match row {
        Some((of, then, upto)) if of == *peer.uuid().as_bytes() && then == cuts => Ok(upto),
        _ => {
            let transaction = index.unchecked_transaction()?;
            transaction.execute("INSERT INTO words (words) VALUES ('delete-all')", [])?;
            cover(&transaction, peer, cuts, 0)?;
            transaction.commit()?;
            Ok(0)
        }
    }
}

fn update_chunk(
    index: &mut Connection,
    history: &Connection,
    peer: PeerId,
    cuts: u64,
    places: std::ops::Range<u64>,
) -> Result<u64, Failure> {
    let unread = |error: rusqlite::Error| Failure::History(error.into());
    let sql = "SELECT idx, text FROM entries WHERE idx > ? AND idx <= ? AND session IS NOT NULL ORDER BY idx LIMIT ?";
    let mut statement = history.prepare_cached(sql).map_err(unread)?;
    let mut rows = statement.query(params![places.start, places.end, CHUNK]).map_err(unread)?;
    let transaction = index.transaction().map_err(Failure::Index)?;
    let (mut upto, mut taken) = (places.end, 0);
    while let Some(row) = rows.next().map_err(unread)? {
        let place = columns::index(row).map_err(Failure::History)?.number();
        let text: String = row.get(1).map_err(unread)?;
        let said = words(&text).collect::<Vec<_>>().join(" ");
        let mut add =
            transaction.prepare_cached("INSERT INTO words (rowid, said) VALUES (?, ?)").map_err(Failure::Index)?;
        add.execute(params![place, said]).map_err(Failure::Index)?;
        taken += 1;
        if taken == CHUNK {
            upto = place;
        }
    }
    cover(&transaction, peer, cuts, upto).map_err(Failure::Index)?;
    transaction.commit().map_err(Failure::Index)?;
    Ok(upto)
}

/// Where lines with all the words are, the newest first, and one more than asked for.
fn find(index: &Connection, query: &str, limit: usize) -> rusqlite::Result<Vec<i64>> {
    let mut statement =
        index.prepare_cached("SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT ?")?;
    let places = statement.query_map(params![query, limit.min(MAX_ROWS) + 1], |row| row.get(0))?;
    places.collect()
}

fn lines(history: &Connection, places: &[i64], limit: usize) -> columns::Result<Lines> {
    let mut statement = history.prepare_cached(&format!("SELECT {ENTRY} FROM entries WHERE idx = ?"))?;
    let (mut lines, mut budget) = (Lines::default(), Budget::lines(limit));
    for place in places {
        let mut rows = statement.query([place])?;
        let Some(row) = rows.next()? else { continue };
        let entry = columns::entry(row)?;
        if !budget.takes(entry.weight()) {
            lines.more = true;
            break;
        }
        lines.lines.extend(entry.line.map(|line| (entry.index, line)));
    }
    lines.lines.reverse();
    Ok(lines)
}

/// Removes the index, which anybody can make again.
fn remove(path: &Path) -> io::Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match fs::remove_file(&name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
