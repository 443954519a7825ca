//! Values as they stand in the tables, each with a checksum, so that no rotten bit comes back as something that was said.
//!
//! SQLite checks the structure of its pages, not what is in them. The sum is FNV-1a over every column of the row, its place
//! included: each of its steps is a bijection, so that no change of a single byte goes unseen, and any other does once in
//! 2^64. It guards against worn disks, not against people.

use std::fmt;
use std::hash::Hasher as _;

use bytes::Bytes;
use fnv::FnvHasher;
use history::{Ballot, Entries, Index, MessageId, Regime, Say, Session, Snapshot};
use rusqlite::{Connection, OptionalExtension as _, Row as SqlRow, params};
use serde::{Deserialize, Serialize};
use transport::{DecodeError, Incarnation, PeerId};
use uuid::Uuid;

use super::extent::Extent;
use super::row::Row;
use super::snapshot;
use crate::event::Message;
use crate::timestamp::Timestamp;

/// The columns of an entry, in the order that [`entry`] reads them.
pub(super) const ENTRY: &str = "idx, kind, session, number, sent_at, from_id, from_name, text, entry, checksum";

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
    pub(super) promised: Option<Ballot<PeerId>>,
    pub(super) accepted: Option<Ballot<PeerId>>,
    pub(super) left: Option<Ballot<PeerId>>,
    /// Of which history the log was when a version wrote it whose snapshots did not say so; kept as it is.
    pub(super) regime: Option<Regime<PeerId>>,
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
    let Log { extent: Extent { last, decided, base, fork, aside, cuts, .. }, commits, .. } = log;
    let [promised, accepted, regime, left] = log.blobs()?;
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO log
         (one, promised, accepted, regime, last, decided, base, fork, aside, cuts, commits, checksum, left_under)
         VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    let sum = log.sum([&promised, &accepted, &regime], &left).finish();
    let [last, decided, base, aside, cuts, commits] =
        [last, decided, base, aside, cuts, commits].map(|n| n.cast_signed());
    let fork = fork.map(u64::cast_signed);
    statement
        .execute(params![promised, accepted, regime, last, decided, base, fork, aside, cuts, commits, sum, left])?;
    Ok(())
}

/// What the row of `log` says. Where the snapshot is stands elsewhere.
pub(super) fn log(connection: &Connection) -> Result<Log> {
    let mut statement = connection.prepare_cached(
        "SELECT promised, accepted, regime, last, decided, base, fork, aside, cuts, commits, checksum, left_under
         FROM log",
    )?;
    let mut rows = statement.query([])?;
    let row = rows.next()?.ok_or_else(|| Unread::Damaged("it does not say what was promised".into()))?;
    let blob = |column| row.get::<_, Option<Vec<u8>>>(column);
    let (promised, accepted, regime, left) = (blob(0)?, blob(1)?, blob(2)?, blob(11)?);
    let extent = Extent {
        last: unsigned(row, 3)?,
        decided: unsigned(row, 4)?,
        base: unsigned(row, 5)?,
        folded: 0,
        fork: row.get::<_, Option<i64>>(6)?.map(i64::cast_unsigned),
        aside: unsigned(row, 7)?,
        cuts: unsigned(row, 8)?,
    };
    let mut log = Log { extent, commits: unsigned(row, 9)?, ..Log::default() };
    log.sum([&promised, &accepted, &regime], &left).check(row.get(10)?, || "what was promised".into())?;
    log.promised = decode(promised, "what was promised")?;
    log.accepted = decode(accepted, "what was accepted")?;
    log.regime = decode(regime, "the regime")?;
    log.left = decode(left, "what was left")?;
    Ok(log)
}

fn decode<T: for<'a> Deserialize<'a>>(bytes: Option<Vec<u8>>, what: &str) -> Result<Option<T>> {
    bytes
        .map(|bytes| transport::decode(&bytes))
        .transpose()
        .map_err(|error| Unread::Damaged(format!("{what}: {error}")))
}

/// Fails for nothing that a batch was taken with.
fn encode<T: Serialize>(value: &T) -> rusqlite::Result<Vec<u8>> {
    transport::encode(value).map_err(unstorable)
}

fn unstorable(error: DecodeError) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}

/// Writes entries, which come after the place `after`.
pub(super) fn write_entries(connection: &Connection, after: u64, entries: &Entries<PeerId>) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare_cached(&format!("INSERT INTO entries ({ENTRY}) VALUES (?,?,?,?,?,?,?,?,?,?)"))?;
    for (index, entry) in (after + 1..).filter_map(Index::new).zip(entries) {
        let row = Row::new(index, entry).map_err(unstorable)?;
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
            &row.entry[..],
            row.sum().finish(),
        ])?;
    }
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
    let entry = Row { index, kind: row.get(1)?, entry: row.get::<_, Vec<u8>>(8)?.into(), line };
    entry.sum().check(row.get(9)?, || format!("entry {index}"))?;
    Ok(entry)
}

/// The entries that `sql` asks for after a place, each at the place after the one before, while there is `room` for them.
pub(super) fn entries(
    connection: &Connection,
    sql: &str,
    after: u64,
    mut room: impl FnMut(usize) -> bool,
) -> Result<Entries<PeerId>> {
    let mut entries = Entries::new();
    let Ok(first) = i64::try_from(after) else { return Ok(entries) };
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([first])?;
    while let Some(row) = rows.next()? {
        let row = entry(row)?;
        if row.index.number() != after + 1 + entries.len() as u64 {
            break;
        }
        let entry = row.decode().map_err(|error| Unread::Damaged(format!("entry {}: {error}", row.index)))?;
        if !room(entry.weight()) {
            break;
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// The place of an entry, from its first column.
pub(super) fn index(row: &SqlRow<'_>) -> Result<Index> {
    Index::new(unsigned(row, 0)?).ok_or_else(|| Unread::Damaged("an entry at place 0".into()))
}

pub(super) fn write_snapshot(connection: &Connection, snapshot: &Snapshot<PeerId>) -> rusqlite::Result<()> {
    let state = snapshot::encode(snapshot).map_err(unstorable)?;
    let sum = snapshot_sum(snapshot.index, &state, &snapshot.state).finish();
    let mut statement = connection
        .prepare_cached("INSERT OR REPLACE INTO snapshot (idx, state, program, checksum) VALUES (?, ?, ?, ?)")?;
    statement.execute(params![snapshot.index.cast_signed(), &state[..], &snapshot.state[..], sum])?;
    Ok(())
}

/// The snapshots, the earliest first. One that does not say of which history it is, is of this one.
pub(super) fn snapshots(connection: &Connection, regime: Option<Regime<PeerId>>) -> Result<Vec<Snapshot<PeerId>>> {
    let mut statement = connection.prepare("SELECT idx, state, program, checksum FROM snapshot ORDER BY idx")?;
    let mut rows = statement.query([])?;
    let mut snapshots = Vec::new();
    while let Some(row) = rows.next()? {
        let (index, state, program) = (index(row)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, Vec<u8>>(2)?);
        let sum = snapshot_sum(index.number(), &state, &program);
        sum.check(row.get(3)?, || format!("the snapshot at {index}"))?;
        let snapshot =
            snapshot::decode(&state, program.into(), regime).filter(|snapshot| snapshot.index == index.number());
        snapshots.push(snapshot.ok_or_else(|| Unread::Damaged(format!("the snapshot at {index} is none")))?);
    }
    Ok(snapshots)
}

/// One that a version without the column wrote is checked as that version did.
fn snapshot_sum(index: u64, state: &[u8], program: &[u8]) -> Sum {
    let sum = Sum::new().number(index).bytes(state);
    if program.is_empty() { sum } else { sum.bytes(program) }
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

pub(super) fn write_pool_line(connection: &Connection, say: &Say) -> rusqlite::Result<()> {
    let (id, line) = (say.id, encode(say)?);
    let sum = pool_sum(id, &line).finish();
    let mut statement = connection
        .prepare_cached("INSERT OR REPLACE INTO pool (session, number, line, checksum) VALUES (?, ?, ?, ?)")?;
    statement.execute(params![id.session.uuid().as_bytes(), id.number.cast_signed(), line, sum])?;
    Ok(())
}

pub(super) fn pool(connection: &Connection) -> Result<Vec<Say>> {
    let mut statement = connection.prepare("SELECT session, number, line, checksum FROM pool")?;
    let mut rows = statement.query([])?;
    let mut pool = Vec::new();
    while let Some(row) = rows.next()? {
        let session = Session::new(Uuid::from_bytes(row.get(0)?));
        let id = MessageId { session, number: unsigned(row, 1)? };
        let line: Vec<u8> = row.get(2)?;
        pool_sum(id, &line).check(row.get(3)?, || format!("the waiting line {id}"))?;
        pool.extend(decode::<Say>(Some(line), "a waiting line")?);
    }
    Ok(pool)
}

fn pool_sum(id: MessageId, line: &[u8]) -> Sum {
    Sum::new().bytes(id.session.uuid().as_bytes()).number(id.number).bytes(line)
}

impl Log {
    /// What was promised, what was accepted, the regime, and what was left, encoded.
    fn blobs(&self) -> rusqlite::Result<[Option<Vec<u8>>; 4]> {
        let Self { promised, accepted, left, regime, .. } = self;
        Ok([
            promised.as_ref().map(encode).transpose()?,
            accepted.as_ref().map(encode).transpose()?,
            regime.as_ref().map(encode).transpose()?,
            left.as_ref().map(encode).transpose()?,
        ])
    }

    /// One that a version without the last column wrote is checked as that version did.
    fn sum(&self, blobs: [&Option<Vec<u8>>; 3], left: &Option<Vec<u8>>) -> Sum {
        let Extent { last, decided, base, fork, aside, cuts, .. } = self.extent;
        let sum = blobs.into_iter().fold(Sum::new(), |sum, blob| sum.option(blob.as_deref()));
        let sum = sum.number(last).number(decided).number(base).number(u64::from(fork.is_some()));
        let sum = sum.number(fork.unwrap_or_default()).number(aside).number(cuts).number(self.commits);
        if let Some(left) = left { sum.bytes(left) } else { sum }
    }
}

impl Row {
    fn sum(&self) -> Sum {
        let sum = Sum::new().number(self.index.number()).bytes(self.kind.as_bytes());
        let sum = sum.bytes(&self.entry).number(u64::from(self.line.is_some()));
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
