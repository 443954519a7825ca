//! The logs that `--log-dir` asks for: `chat.log` and `connections.log`, a file a day each.
//!
//! `chat.log` is what a client that is none of the members would see; `connections.log` is what became of every connection. A line
//! is written by a thread of its own: a disk that hangs stops nobody, and what waits for it beyond a bound is dropped.

mod chat;
mod connections;
mod file;
mod queue;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use node::lock::{DirectoryLock, LockError};
use node::{Event, Name};
use thiserror::Error;
use tracing_appender::non_blocking::WorkerGuard;

pub(crate) use self::connections::layer;
use self::queue::Queue;

/// Another name than that in a data directory, which may be the same directory.
const LOCK: &str = "logs.lock";

/// The open logs of this process.
static LOGS: OnceLock<Writers> = OnceLock::new();

#[derive(Debug)]
struct Writers {
    chat: Queue,
    connections: Queue,
    /// The first event is one's own arrival.
    me: OnceLock<Option<Name>>,
}

/// Keeps the logs open, and this process's; dropped, it writes what is still to be written.
#[derive(Debug)]
pub(crate) struct Guard {
    _chat: WorkerGuard,
    _connections: WorkerGuard,
    _lock: DirectoryLock,
}

/// Why there are no logs.
#[derive(Debug, Error)]
pub(crate) enum LogError {
    /// Two members' lines in one log could not be told apart.
    #[error("cannot keep logs in {}: {source}: give another --log-dir", directory.display())]
    Locked { directory: PathBuf, source: LockError },
    #[error("cannot keep logs in {}: {source}: give a --log-dir that may be written to", directory.display())]
    Unwritable { directory: PathBuf, source: io::Error },
}

/// Opens the logs in a directory, which is made if need be.
///
/// # Errors
///
/// They cannot be written there, or another process writes its own there.
pub(crate) fn open(directory: &Path) -> Result<Guard, LogError> {
    let failed = |source| LogError::Unwritable { directory: directory.to_owned(), source };
    std::fs::create_dir_all(directory).map_err(failed)?;
    let lock = DirectoryLock::take(&directory.join(LOCK)).map_err(|error| match error {
        LockError::Io(source) => failed(source),
        held => LogError::Locked { directory: directory.to_owned(), source: held },
    })?;
    let (chat, chat_guard) = Queue::open(directory, "chat").map_err(failed)?;
    let (connections, connections_guard) = Queue::open(directory, "connections").map_err(failed)?;
    let _ = LOGS.set(Writers { chat, connections, me: OnceLock::new() });
    Ok(Guard { _chat: chat_guard, _connections: connections_guard, _lock: lock })
}

/// Takes down what happened, if there is a log.
pub(crate) fn note(event: &Event) {
    if let Some(logs) = LOGS.get() {
        let me = logs.me.get_or_init(|| chat::who_joined(event));
        logs.chat.write(|now| chat::line(event, me.as_ref(), now));
    }
}
