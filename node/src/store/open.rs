//! Opening a data directory: everything that is checked before anything in it is believed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use history::{Durable, Entries, Say};
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use transport::{Address, Incarnation, PeerId};

use super::aside;
use super::columns::{self, ENTRY, Log, Unread};
use super::commit::Database;
use super::error::{Aside, OpenError};
use super::extent::Extent;
use super::mark::{Mark, MarkFile};
use super::schema;
use crate::lock::{DirectoryLock, LockError};

/// The files of a data directory.
#[derive(Clone, Debug)]
pub(super) struct Files {
    pub(super) directory: PathBuf,
}

impl Files {
    pub(super) fn lock(&self) -> PathBuf {
        self.directory.join("lock")
    }

    pub(super) fn history(&self) -> PathBuf {
        self.directory.join("history.db")
    }

    pub(super) fn search(&self) -> PathBuf {
        self.directory.join("search.db")
    }

    pub(super) fn mark(&self) -> PathBuf {
        self.directory.join("mark")
    }

    /// There if damage was found while running.
    pub(super) fn damaged(&self) -> PathBuf {
        self.directory.join("damaged")
    }
}

/// What was kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Found {
    /// Who this peer is.
    pub(crate) id: PeerId,
    /// Which run of it this is: on disk already.
    pub(crate) incarnation: Incarnation,
    /// What it promised, and its log: only the entries after the latest snapshot, which takes the place of those before.
    pub(crate) durable: Durable<PeerId>,
    /// The entries after this place are on disk, without a gap.
    pub(crate) first: u64,
    /// The lines that waited to be confirmed.
    pub(crate) pool: Vec<Say>,
    /// Who was a member.
    pub(crate) roster: Option<Bytes>,
    /// Where members were dialled.
    pub(crate) addresses: Vec<(PeerId, Address)>,
}

/// A directory that is this process's, checked, with the run counted.
pub(super) struct Unlocked {
    pub(super) files: Files,
    pub(super) lock: DirectoryLock,
    pub(super) database: Database,
    pub(super) mark: MarkFile,
    pub(super) found: Found,
}

/// Locks and checks a directory, and makes it and what is in it if need be.
pub(super) fn open(directory: &Path) -> Result<Unlocked, OpenError> {
    let unwritable = |error: io::Error| not_writable(directory, &error);
    make_directory(directory)?;
    let files = Files { directory: directory.to_owned() };
    let lock = DirectoryLock::take(&files.lock()).map_err(|error| match error {
        LockError::Held(by) => OpenError::Locked { path: directory.to_owned(), by },
        LockError::Io(error) => not_writable(directory, &error),
    })?;
    if !files.history().exists() {
        // Without it the rest is of no use, and not of this peer.
        if let Some(aside) = aside::move_aside(&files).map_err(unwritable)? {
            tracing::warn!(moved_to = %aside.display(), "the data directory has lost its history.db: this is a new peer");
        }
    }
    let (database, found) = load(&files).map_err(|trouble| trouble.explain(&files))?;
    let mark = MarkFile::open(&files.mark()).map_err(unwritable)?;
    mark.write(Mark { id: found.id, commits: database.log.commits }).map_err(unwritable)?;
    sync_directory(directory).map_err(unwritable)?;
    Ok(Unlocked { files, lock, database, mark, found })
}

fn make_directory(path: &Path) -> Result<(), OpenError> {
    use std::os::unix::fs::DirBuilderExt as _;
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => return Ok(()),
        Ok(_) => return Err(OpenError::NotADirectory(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(OpenError::NotADirectory(path.to_owned()));
        }
        Err(error) => return Err(not_writable(path, &error)),
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // What is said in a group is for its members' eyes.
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => sync_directory(parent).map_err(|error| not_writable(path, &error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(OpenError::NoParent { path: path.to_owned(), parent: parent.to_owned() })
        }
        Err(error) => Err(not_writable(path, &error)),
    }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

fn not_writable(path: &Path, error: &io::Error) -> OpenError {
    OpenError::NotWritable { path: path.to_owned(), why: error.to_string() }
}

/// What is wrong with what is in a directory.
enum Trouble {
    Unread(Unread),
    Newer(i64),
    Foreign,
    Unsuitable,
    ReadOnly,
    Io(io::Error),
}

impl<E: Into<Unread>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Unread(error.into())
    }
}

impl Trouble {
    fn explain(self, files: &Files) -> OpenError {
        use rusqlite::ErrorCode::{CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, PermissionDenied, ReadOnly};
        let path = files.directory.clone();
        match self {
            Self::Unread(Unread::Damaged(what)) => {
                let aside = match aside::move_aside(files) {
                    Ok(moved) => Aside::Moved(moved.unwrap_or_else(|| path.clone())),
                    Err(error) => Aside::Stuck(error),
                };
                OpenError::Damaged { path, what, aside }
            }
            Self::Unread(Unread::Sql(error)) => {
                let why = error.to_string();
                match error.sqlite_error_code() {
                    Some(CannotOpen | DiskFull | PermissionDenied | ReadOnly) => OpenError::NotWritable { path, why },
                    Some(DatabaseBusy | DatabaseLocked) => OpenError::Locked { path, by: None },
                    _ => OpenError::Disk { path, why },
                }
            }
            Self::Newer(found) => OpenError::Newer { path, found, known: schema::STEPS.len() },
            Self::Foreign => OpenError::Foreign(path),
            Self::Unsuitable => OpenError::Unsuitable(path),
            Self::ReadOnly => OpenError::NotWritable { path, why: "history.db is read-only".into() },
            Self::Io(error) => OpenError::Disk { path, why: error.to_string() },
        }
    }
}

fn load(files: &Files) -> Result<(Database, Found), Trouble> {
    if let Ok(what) = fs::read_to_string(files.damaged()) {
        return Err(Trouble::Unread(Unread::Damaged(what)));
    }
    let mark = Mark::read(&files.mark()).map_err(Trouble::Io)?;
    let mut connection = schema::connect(&files.history())?;
    // What turns out to be damaged is kept as it was found.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let version = schema::version(&connection)?;
    let is_new = is_new(&connection, version)?;
    if connection.is_readonly("main")? {
        return Err(Trouble::ReadOnly);
    }
    if !schema::use_write_ahead_log(&connection)? {
        return Err(Trouble::Unsuitable);
    }
    if !is_new {
        check_structure(&connection)?;
    }
    schema::migrate(&mut connection, schema::STEPS, |connection| {
        if is_new {
            columns::write_identity(connection, PeerId::random(), Incarnation(0))?;
            columns::write_log(connection, &Log::default())?;
        }
        Ok(())
    })?;
    let mut log = columns::log(&connection)?;
    let (id, incarnation) = columns::identity(&connection)?;
    check_mark(mark.filter(|_| !is_new), id, log.commits)?;
    let durable = load_log(&connection, &mut log)?;
    let (pool, roster) = (columns::pool(&connection)?, columns::roster(&connection)?);
    let addresses = addresses(&connection)?;
    // Durable before the first hello: of two runs that claim this id, the later is believed.
    let incarnation = Incarnation(incarnation.0 + 1);
    columns::write_identity(&connection, id, incarnation)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    let first = log.extent.base;
    let found = Found { id, incarnation, durable, first, pool, roster, addresses };
    Ok((Database::new(connection, log), found))
}

/// Whether the database is empty; refuses what is not for this program to touch.
fn is_new(connection: &Connection, version: i64) -> Result<bool, Trouble> {
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (schema::application_id(connection)?, version, tables) {
        (0, 0, 0) => Ok(true),
        (schema::APPLICATION_ID, version, _) if usize::try_from(version).is_ok_and(|v| v <= schema::STEPS.len()) => {
            Ok(false)
        }
        (schema::APPLICATION_ID, version, _) => Err(Trouble::Newer(version)),
        _ => Err(Trouble::Foreign),
    }
}

/// Whether the pages hang together.
fn check_structure(connection: &Connection) -> Result<(), Trouble> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(Trouble::Unread(Unread::Damaged(found.replace('\n', " ")))) }
}

fn check_mark(mark: Option<Mark>, id: PeerId, commits: u64) -> Result<(), Trouble> {
    let damaged = |what: String| Err(Trouble::Unread(Unread::Damaged(what)));
    match mark {
        Some(mark) if mark.id != id => damaged(format!("its history.db is of peer {id}, not of {}", mark.id)),
        Some(mark) if mark.commits > commits => {
            damaged(format!("the last {} commits to history.db are lost", mark.commits - commits))
        }
        _ => Ok(()),
    }
}

/// Reads everything that was not folded into a snapshot, entry by entry: it is what a member answers for.
fn load_log(connection: &Connection, log: &mut Log) -> Result<Durable<PeerId>, Trouble> {
    let mut snapshots = columns::snapshots(connection, log.regime)?;
    let Extent { last, decided, base, fork, aside, .. } = log.extent;
    if base > 0 && snapshots.first().is_none_or(|first| first.index != base) {
        return Err(Trouble::Unread(Unread::Damaged(format!("the snapshot at {base} is lost"))));
    }
    let snapshot = snapshots.pop().map(Box::new);
    let folded = snapshot.as_ref().map_or(0, |snapshot| snapshot.index);
    log.extent.folded = folded;
    Ok(Durable {
        promised: log.promised,
        accepted: log.accepted,
        left: log.left,
        // It is not waited for, so what is written of it may be late.
        decided: decided.max(folded),
        snapshot: snapshot.clone(),
        base: folded,
        entries: load_entries(connection, "entries", folded, last)?,
        fork,
        aside: load_entries(connection, "aside", fork.unwrap_or(0), fork.unwrap_or(0).saturating_add(aside))?,
        start: snapshot,
    })
}

/// All entries of a table after a place, the last of which is to be at `last`.
fn load_entries(connection: &Connection, table: &str, after: u64, last: u64) -> Result<Entries<PeerId>, Trouble> {
    let sql = format!("SELECT {ENTRY} FROM {table} WHERE idx > ? ORDER BY idx");
    let entries = columns::entries(connection, &sql, after, |_| true)?;
    let most: Option<i64> = connection.query_row(&format!("SELECT max(idx) FROM {table}"), [], |row| row.get(0))?;
    let end = after.saturating_add(entries.len() as u64);
    let damaged = |what: String| Err(Trouble::Unread(Unread::Damaged(what)));
    match most.map_or(after, i64::cast_unsigned).max(after) {
        most if most > end => damaged(format!("entry {} is lost", end + 1)),
        most if most != last => damaged(format!("the log ends at {most}, not at {last}")),
        _ => Ok(entries),
    }
}

/// Where members were dialled. What is not an address is left out: it is a hint, and nothing else.
fn addresses(connection: &Connection) -> Result<Vec<(PeerId, Address)>, Trouble> {
    let mut statement = connection.prepare("SELECT peer, address FROM addresses")?;
    let mut rows = statement.query([])?;
    let mut addresses = Vec::new();
    while let Some(row) = rows.next()? {
        let peer = PeerId::new(uuid::Uuid::from_bytes(row.get(0)?));
        addresses.extend(row.get::<_, String>(1)?.parse().ok().map(|address| (peer, address)));
    }
    Ok(addresses)
}
