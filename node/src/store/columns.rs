//! Values as they stand in the tables, each with a checksum, so that no rotten bit comes back as something that was said.
//!
//! SQLite checks the structure of its pages, not what is in them. The sum is FNV-1a over every column of the row, its place
//! included: each of its steps is a bijection, so that no change of a single byte goes unseen, and any other does once in
//! 2^64. It guards against worn disks, not against people.

use std::fmt;
use std::hash::Hasher as _;

use bytes::Bytes;
use fnv::FnvHasher;
use history::{Index, MessageId, Session};
use rusqlite::{Connection, OptionalExtension as _, Row as SqlRow, params};
use transport::{Incarnation, PeerId};
use uuid::Uuid;

use super::batch::{Extent, PoolLine, Row, Snapshot};
use crate::event::Message;
use crate::timestamp::Timestamp;

/// The columns of an entry, in the order that [`entry`] reads them.
pub(super) const ENTRY: &str = "idx, kind, session, number, sent_at, from_id, from_name, text, meta, entry, checksum";

/// Why something was not read.
#[derive(Debug)]
pub(super) enum Unread {
    /// It is not what was written.
    Damaged(String),
    /// SQLite could not.
    Sql(rusqlite::Error),
}

pub(super) type Result<T> = std::result::Result<T, Unread>;

impl From<rusqlite::Error> for Unread {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, SqlInputError};
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        let damaged = match &error {
            InvalidColumnType(..) | IntegralValueOutOfRange(..) | FromSqlConversionFailure(..) => true,
            // A constant statement that is not understood: the tables are not those that were made.
            SqlInputError { .. } => true,
            _ => matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase)),
        };
        if damaged { Self::Damaged(error.to_string()) } else { Self::Sql(error) }
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(what) => write!(f, "damaged: {what}"),
            Self::Sql(error) => error.fmt(f),
        }
    }
}

/// What the row of `log` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Log {
    pub(super) promised: Option<Bytes>,
    pub(super) accepted: Option<Bytes>,
    pub(super) extent: Extent,
    /// How many commits were waited for.
    pub(super) commits: u64,
}

pub(super) fn write_identity(connection: &Connection, id: PeerId, incarnation: Incarnation) -> rusqlite::Result<()> {
    let sum = Sum::new().bytes(id.uuid().as_bytes()).number(incarnation.0).finish();
    let mut statement =
        connection.prepare("INSERT OR REPLACE INTO identity (one, id, incarnation, checksum) VALUES (1, ?, ?, ?)")?;
    statement.execute(params![id.uuid().as_bytes(), incarnation.0.cast_signed(), sum])?;
    Ok(())
}

pub(super) fn identity(connection: &Connection) -> Result<(PeerId, Incarnation)> {
    let row = connection
        .query_row("SELECT id, incarnation, checksum FROM identity", [], |row| {
            Ok((row.get::<_, [u8; 16]>(0)?, unsigned(row, 1)?, row.get(2)?))
        })
        .optional()?;
    let (id, incarnation, sum) = row.ok_or_else(|| Unread::Damaged("it has no identity".into()))?;
    Sum::new().bytes(&id).number(incarnation).check(sum, || "the identity".into())?;
    Ok((PeerId::new(Uuid::from_bytes(id)), Incarnation(incarnation)))
}

pub(super) fn write_log(connection: &Connection, log: &Log) -> rusqlite::Result<()> {
    let Log { promised, accepted, extent: Extent { last, decided, base, cuts, .. }, commits } = log;
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO log (one, promised, accepted, last, decided, base, cuts, commits, checksum)
         VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    let (promised, accepted) = (promised.as_deref(), accepted.as_deref());
    let numbers = [last, decided, base, cuts, commits].map(|number| number.cast_signed());
    let [last, decided, base, cuts, commits] = numbers;
    statement.execute(params![promised, accepted, last, decided, base, cuts, commits, log.sum().finish()])?;
    Ok(())
}

/// What the row of `log` says. Where the snapshot is stands elsewhere.
pub(super) fn log(connection: &Connection) -> Result<Log> {
    let mut statement = connection
        .prepare_cached("SELECT promised, accepted, last, decided, base, cuts, commits, checksum FROM log")?;
    let row = statement.query_row([], |row| {
        let (last, decided) = (unsigned(row, 2)?, unsigned(row, 3)?);
        let extent = Extent { last, decided, base: unsigned(row, 4)?, folded: 0, cuts: unsigned(row, 5)? };
        let log = Log {
            promised: row.get::<_, Option<Vec<u8>>>(0)?.map(Bytes::from),
            accepted: row.get::<_, Option<Vec<u8>>>(1)?.map(Bytes::from),
            extent,
            commits: unsigned(row, 6)?,
        };
        Ok((log, row.get(7)?))
    });
    let (log, sum) = row.optional()?.ok_or_else(|| Unread::Damaged("it does not say what was promised".into()))?;
    log.sum().check(sum, || "what was promised".into())?;
    Ok(log)
}

pub(super) fn write_entry(connection: &Connection, row: &Row) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare_cached(&format!("INSERT INTO entries ({ENTRY}) VALUES (?,?,?,?,?,?,?,?,?,?,?)"))?;
    let line = row.line.as_ref();
    statement.execute(params![
        row.index.number(),
        row.kind,
        line.map(|line| *line.id.session.uuid().as_bytes()),
        line.map(|line| line.id.number.cast_signed()),
        line.map(|line| line.sent_at.as_millis().cast_signed()),
        line.map(|line| *line.from_id.uuid().as_bytes()),
        line.map(|line| line.from.as_str()),
        line.map(|line| line.text.as_str()),
        &row.meta[..],
        &row.entry[..],
        row.sum().finish(),
    ])?;
    Ok(())
}

/// An entry, from the columns [`ENTRY`].
pub(super) fn entry(row: &SqlRow<'_>) -> Result<Row> {
    let index = index(row)?;
    let damaged = |what: &str| Unread::Damaged(format!("entry {index}: {what}"));
    let line = match row.get::<_, Option<[u8; 16]>>(2)? {
        None => None,
        Some(session) => {
            let name: String = row.get(6)?;
            Some(Message {
                id: MessageId { session: Session::new(Uuid::from_bytes(session)), number: unsigned(row, 3)? },
                sent_at: Timestamp::from_millis(unsigned(row, 4)?),
                from_id: PeerId::new(Uuid::from_bytes(row.get(5)?)),
                from: name.parse().map_err(|_| damaged("its author's name is none"))?,
                text: row.get(7)?,
                earlier: false,
            })
        }
    };
    let (meta, bytes) = (row.get::<_, Vec<u8>>(8)?.into(), row.get::<_, Vec<u8>>(9)?.into());
    let entry = Row { index, kind: row.get(1)?, meta, entry: bytes, line };
    entry.sum().check(row.get(10)?, || format!("entry {index}"))?;
    Ok(entry)
}

/// The place of an entry, from its first column.
pub(super) fn index(row: &SqlRow<'_>) -> Result<Index> {
    Index::new(unsigned(row, 0)?).ok_or_else(|| Unread::Damaged("an entry at place 0".into()))
}

pub(super) fn write_snapshot(connection: &Connection, snapshot: &Snapshot) -> rusqlite::Result<()> {
    let Snapshot { index, state } = snapshot;
    let sum = Sum::new().number(index.number()).bytes(state).finish();
    let mut statement =
        connection.prepare_cached("INSERT OR REPLACE INTO snapshot (one, idx, state, checksum) VALUES (1, ?, ?, ?)")?;
    statement.execute(params![index.number(), &state[..], sum])?;
    Ok(())
}

pub(super) fn snapshot(connection: &Connection) -> Result<Option<Snapshot>> {
    let mut statement = connection.prepare("SELECT idx, state, checksum FROM snapshot")?;
    let mut rows = statement.query([])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (index, state) = (index(row)?, row.get::<_, Vec<u8>>(1)?);
    Sum::new().number(index.number()).bytes(&state).check(row.get(2)?, || format!("the snapshot at {index}"))?;
    Ok(Some(Snapshot { index, state: state.into() }))
}

pub(super) fn write_roster(connection: &Connection, roster: &[u8]) -> rusqlite::Result<()> {
    let sum = Sum::new().bytes(roster).finish();
    let mut statement =
        connection.prepare_cached("INSERT OR REPLACE INTO roster (one, bytes, checksum) VALUES (1, ?, ?)")?;
    statement.execute(params![roster, sum])?;
    Ok(())
}

pub(super) fn roster(connection: &Connection) -> Result<Option<Bytes>> {
    let row = connection
        .query_row("SELECT bytes, checksum FROM roster", [], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get(1)?)));
    let Some((bytes, sum)) = row.optional()? else { return Ok(None) };
    Sum::new().bytes(&bytes).check(sum, || "the roster".into())?;
    Ok(Some(bytes.into()))
}

pub(super) fn write_pool_line(connection: &Connection, line: &PoolLine) -> rusqlite::Result<()> {
    let PoolLine { id, bytes } = line;
    let sum = pool_sum(*id, bytes).finish();
    let mut statement = connection
        .prepare_cached("INSERT OR REPLACE INTO pool (session, number, bytes, checksum) VALUES (?, ?, ?, ?)")?;
    statement.execute(params![id.session.uuid().as_bytes(), id.number.cast_signed(), &bytes[..], sum])?;
    Ok(())
}

pub(super) fn pool(connection: &Connection) -> Result<Vec<PoolLine>> {
    let mut statement = connection.prepare("SELECT session, number, bytes, checksum FROM pool")?;
    let mut rows = statement.query([])?;
    let mut pool = Vec::new();
    while let Some(row) = rows.next()? {
        let session = Session::new(Uuid::from_bytes(row.get(0)?));
        let id = MessageId { session, number: unsigned(row, 1)? };
        let bytes: Vec<u8> = row.get(2)?;
        pool_sum(id, &bytes).check(row.get(3)?, || format!("the waiting line {id}"))?;
        pool.push(PoolLine { id, bytes: bytes.into() });
    }
    Ok(pool)
}

fn pool_sum(id: MessageId, bytes: &[u8]) -> Sum {
    Sum::new().bytes(id.session.uuid().as_bytes()).number(id.number).bytes(bytes)
}

impl Log {
    fn sum(&self) -> Sum {
        let Extent { last, decided, base, cuts, .. } = self.extent;
        let ballots = Sum::new().option(self.promised.as_deref()).option(self.accepted.as_deref());
        ballots.number(last).number(decided).number(base).number(cuts).number(self.commits)
    }
}

impl Row {
    fn sum(&self) -> Sum {
        let sum = Sum::new().number(self.index.number()).bytes(self.kind.as_bytes());
        let sum = sum.bytes(&self.meta).bytes(&self.entry).number(u64::from(self.line.is_some()));
        let Some(line) = &self.line else { return sum };
        let sum = sum.bytes(line.id.session.uuid().as_bytes()).number(line.id.number).number(line.sent_at.as_millis());
        sum.bytes(line.from_id.uuid().as_bytes()).bytes(line.from.as_str().as_bytes()).bytes(line.text.as_bytes())
    }
}

/// Numbers keep their bits: those of others may be beyond 2^63, and SQLite's have a sign.
fn unsigned(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

/// A checksum in the making. Lengths are part of it, so that no byte can pass from one column to the next.
struct Sum(FnvHasher);

impl Sum {
    fn new() -> Self {
        Self(FnvHasher::default())
    }

    fn number(mut self, number: u64) -> Self {
        self.0.write(&number.to_be_bytes());
        self
    }

    fn bytes(self, bytes: &[u8]) -> Self {
        let mut sum = self.number(bytes.len() as u64);
        sum.0.write(bytes);
        sum
    }

    fn option(self, bytes: Option<&[u8]>) -> Self {
        match bytes {
            Some(bytes) => self.number(1).bytes(bytes),
            None => self.number(0),
        }
    }

    fn finish(self) -> i64 {
        self.0.finish().cast_signed()
    }

    fn check(self, stored: i64, what: impl FnOnce() -> String) -> Result<()> {
        if self.finish() == stored {
            Ok(())
        } else {
            Err(Unread::Damaged(format!("{} is not what was written", what())))
        }
    }
}
