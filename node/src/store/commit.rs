//! A group of batches becomes one transaction.

use history::Op;
use rusqlite::{Connection, Result, Transaction, TransactionBehavior, params};
use transport::PeerId;

use super::batch::Batch;
use super::columns::{self, Log};
use super::schema;

/// The database, as its one writer knows it.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) connection: Connection,
    /// What the row of `log` says.
    pub(super) log: Log,
    /// Whether a commit waits for the disk, as the connection is set.
    synchronous: bool,
}

impl Database {
    /// Takes over a connection whose commits wait for the disk.
    pub(super) fn new(connection: Connection, log: Log) -> Self {
        Self { connection, log, synchronous: true }
    }

    /// Writes all of them or none. Returns whether they are on disk, rather than merely on the way there.
    pub(super) fn commit(&mut self, batches: &[Batch]) -> Result<bool> {
        let synchronous = batches.iter().any(Batch::promises);
        if self.synchronous != synchronous {
            schema::set_synchronous(&self.connection, synchronous)?;
            self.synchronous = synchronous;
        }
        let mut log = self.log.clone();
        log.commits += u64::from(synchronous);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for batch in batches {
            apply(&transaction, batch, &mut log)?;
        }
        if log != self.log {
            columns::write_log(&transaction, &log)?;
        }
        transaction.commit()?;
        self.log = log;
        Ok(synchronous)
    }

    /// Moves what is committed from the write-ahead log to its place, so that the log can begin again at its start.
    pub(super) fn checkpoint(&self) -> Result<()> {
        self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
    }

    /// The same, and leaves nothing in the write-ahead log. Fails while a reader is in it.
    ///
    /// After a failed sync the system forgets that pages are not on disk, and the next sync succeeds without them: what
    /// was committed without waiting may be lost below what would be appended next. This reads all of it back from memory
    /// and writes it elsewhere.
    pub(super) fn rewrite(&self) -> Result<bool> {
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| Ok(row.get::<_, i64>(0)? == 0))
    }
}

fn apply(transaction: &Transaction<'_>, batch: &Batch, log: &mut Log) -> Result<()> {
    for op in &batch.ops {
        let before = log.extent;
        log.extent.apply(op).expect("a batch is checked when it is handed in");
        if before.cuts < log.extent.cuts {
            let kept = if matches!(op, Op::Restart(_)) { 0 } else { log.extent.decided };
            keep_former(transaction, kept, before.decided)?;
        }
        apply_op(transaction, op, log)?;
    }
    apply_pool(transaction, batch)?;
    if let Some(roster) = &batch.roster {
        columns::write_roster(transaction, roster)?;
    }
    if let Some(addresses) = &batch.addresses {
        transaction.prepare_cached("DELETE FROM addresses")?.execute([])?;
        let mut add = transaction.prepare_cached("INSERT OR REPLACE INTO addresses (peer, address) VALUES (?, ?)")?;
        for (peer, address) in addresses {
            add.execute(params![peer.uuid().as_bytes(), address.as_str()])?;
        }
    }
    Ok(())
}

/// Makes one change of the log; its extent says so already.
fn apply_op(transaction: &Transaction<'_>, op: &Op<PeerId>, log: &mut Log) -> Result<()> {
    match op {
        Op::Promised(ballot) => log.promised = Some(*ballot),
        Op::Accepted(ballot) => log.accepted = *ballot,
        Op::Left(ballot) => log.left = Some(*ballot),
        Op::Decided(_) => {}
        Op::Truncate(len) => cut(transaction, *len)?,
        Op::Append { after, entries } => columns::write_entries(transaction, *after, entries)?,
        Op::SetAside(fork) => {
            after(transaction, "DELETE FROM aside WHERE idx > ?", 0)?;
            let columns = columns::ENTRY;
            let copy = format!("INSERT INTO aside ({columns}) SELECT {columns} FROM entries WHERE idx > ?");
            after(transaction, &copy, *fork)?;
            cut(transaction, *fork)?;
        }
        Op::DropAside => after(transaction, "DELETE FROM aside WHERE idx > ?", 0)?,
        Op::Snapshot(snapshot) => {
            // What the log began after stays, should it come to that again.
            after(transaction, "DELETE FROM snapshot WHERE idx > ?", log.extent.base)?;
            columns::write_snapshot(transaction, snapshot)?;
        }
        Op::Restart(snapshot) => {
            cut(transaction, 0)?;
            columns::write_snapshot(transaction, snapshot)?;
        }
    }
    Ok(())
}

fn apply_pool(transaction: &Transaction<'_>, batch: &Batch) -> Result<()> {
    for say in &batch.pool_add {
        columns::write_pool_line(transaction, say)?;
    }
    let mut remove = transaction.prepare_cached("DELETE FROM pool WHERE session = ? AND number = ?")?;
    for id in &batch.pool_remove {
        remove.execute(params![id.session.uuid().as_bytes(), id.number.cast_signed()])?;
    }
    Ok(())
}

/// Keeps what was said at the places after `kept`, up to `decided`, for people to read: the log has it no more.
fn keep_former(transaction: &Transaction<'_>, kept: u64, decided: u64) -> Result<()> {
    let mut keep = transaction.prepare_cached(
        "INSERT OR REPLACE INTO former (session, number, idx, sent_at, from_id, from_name, text)
         SELECT session, number, idx, sent_at, from_id, from_name, text FROM entries
         WHERE idx > ? AND idx <= ? AND session IS NOT NULL",
    )?;
    keep.execute([kept.cast_signed(), decided.cast_signed()])?;
    Ok(())
}

/// Takes away the entries after a place, and what rests on them.
fn cut(transaction: &Transaction<'_>, place: u64) -> Result<()> {
    after(transaction, "DELETE FROM entries WHERE idx > ?", place)?;
    after(transaction, "DELETE FROM snapshot WHERE idx > ?", place)
}

/// Does what `sql` says with all places after this one.
fn after(transaction: &Transaction<'_>, sql: &str, place: u64) -> Result<()> {
    // Nothing stands beyond.
    let place = i64::try_from(place).unwrap_or(i64::MAX);
    transaction.prepare_cached(sql)?.execute([place])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_commit_waits_for_the_disk_exactly_if_it_promises_something() {
        let directory = tempfile::tempdir().unwrap();
        let mut connection = schema::connect(&directory.path().join("history.db")).unwrap();
        assert!(schema::use_write_ahead_log(&connection).unwrap());
        schema::migrate(&mut connection, schema::STEPS, |c| columns::write_log(c, &Log::default())).unwrap();
        let mut database = Database::new(connection, Log::default());
        let lazy = Batch { roster: Some(Bytes::new()), ..Batch::default() };
        let promise = Batch { ops: vec![Op::Accepted(None)], ..Batch::default() };
        let mut commits = 0;
        for (batches, waits) in [
            (vec![promise.clone()], true),
            (vec![lazy.clone()], false),
            (vec![lazy.clone(), promise.clone()], true),
            (vec![lazy.clone(), lazy], false),
            (vec![promise], true),
        ] {
            assert_eq!(database.commit(&batches), Ok(waits));
            let level: i64 = database.connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
            assert_eq!(level, if waits { 2 } else { 1 }, "2 is FULL, 1 is NORMAL");
            commits += u64::from(waits);
            assert_eq!(columns::log(&database.connection).unwrap().commits, commits);
        }
    }
}
