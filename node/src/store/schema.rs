//! The tables, version by version, and how the database is spoken to.
//!
//! The write-ahead log with `synchronous = FULL` is one `fdatasync` a commit: the changed pages are appended to the log, and
//! the log is synced. (The rollback journal takes three or four: journal, its header, database, directory.) `NORMAL` would
//! sync at checkpoints only, and what was promised since the last one would be gone after a loss of power; commits that
//! promise nothing to anybody are made so. Readers see the state as of one commit and hold up nobody.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Result, TransactionBehavior};

/// Says to whom a database belongs, in its header: `mesh`.
pub(super) const APPLICATION_ID: i32 = 0x6d65_7368;

/// The steps from an empty database to the tables of this program: version n has taken the first n. A step that was
/// released is never changed.
pub(super) const STEPS: &[&str] =
    &[include_str!("schema/1.sql"), include_str!("schema/2.sql"), include_str!("schema/3.sql")];

/// How long a person with `sqlite3` may hold the lock of writers before a batch counts as not written.
const BUSY: Duration = Duration::from_secs(1);

/// Pages kept in memory by each connection, in KiB: the log is appended to at its end and read in ranges.
const CACHE_KIB: i32 = 1024;

/// Opens a database to write it, and makes it if need be. Nothing in it is changed.
pub(super) fn connect(path: &Path) -> Result<Connection> {
    connect_with(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)
}

/// Opens a database that is there, to read it.
pub(super) fn connect_to_read(path: &Path) -> Result<Connection> {
    connect_with(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

fn connect_with(path: &Path, flags: OpenFlags) -> Result<Connection> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    // What stands in the file is not believed: neither code in its schema nor what a page says of itself.
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(connection)
}

/// Whether the database works with a write-ahead log from here on: some network file systems have no room for one.
pub(super) fn use_write_ahead_log(connection: &Connection) -> Result<bool> {
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    set_synchronous(connection, true)?;
    Ok(mode == "wal")
}

/// Whether each commit waits until it is on disk. Not to be called within a transaction.
pub(super) fn set_synchronous(connection: &Connection, full: bool) -> Result<()> {
    connection.pragma_update(None, "synchronous", if full { "FULL" } else { "NORMAL" })
}

/// The version of the tables; 0 for a database without any.
pub(super) fn version(connection: &Connection) -> Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Whose database it is; 0 for nobody's.
pub(super) fn application_id(connection: &Connection) -> Result<i32> {
    connection.pragma_query_value(None, "application_id", |row| row.get(0))
}

/// Takes the steps that are not taken yet, then `fill`: all or nothing.
pub(super) fn migrate<T>(
    connection: &mut Connection,
    steps: &[&str],
    fill: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    let from = usize::try_from(version(connection)?).unwrap_or(usize::MAX);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in steps.iter().skip(from) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", steps.len().max(from))?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    let filled = fill(&transaction)?;
    transaction.commit()?;
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_is_taken_once_and_keeps_what_is_there() {
        let mut connection = Connection::open_in_memory().unwrap();
        let steps = ["CREATE TABLE a (x)", "ALTER TABLE a ADD COLUMN y DEFAULT 7"];
        migrate(&mut connection, &steps[..1], |c| c.execute("INSERT INTO a VALUES (1)", [])).unwrap();
        assert_eq!(version(&connection).unwrap(), 1);
        for _ in 0..2 {
            migrate(&mut connection, &steps, |_| Ok(())).unwrap();
            assert_eq!(version(&connection).unwrap(), 2);
        }
        let kept = connection.query_row("SELECT x, y FROM a", [], |row| Ok((row.get(0)?, row.get(1)?)));
        assert_eq!(kept, Ok((1, 7)));
    }

    #[test]
    fn a_step_that_fails_changes_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &["CREATE TABLE a (x)", "nonsense"], |_| Ok(())).unwrap_err();
        assert_eq!(version(&connection).unwrap(), 0);
        connection.execute("SELECT x FROM a", []).unwrap_err();
    }
}
