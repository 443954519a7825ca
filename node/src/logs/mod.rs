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

use node::{Event, Name};
use thiserror::Error;
use tracing_appender::non_blocking::WorkerGuard;

pub(crate) use self::connections::layer;
use self::queue::Queue;

/// The open logs of this process.
static LOGS: OnceLock<Writers> = OnceLock::new();

#[derive(Debug)]
struct Writers {
    chat: Queue,
    connections: Queue,
    /// The first event is one's own arrival.
    me: OnceLock<Option<Name>>,
}

/// Keeps the logs open; dropped, it writes what is still to be written.
#[derive(Debug)]
pub(crate) struct Guard {
    _chat: WorkerGuard,
    _connections: WorkerGuard,
}

/// Why there are no logs.
#[derive(Debug, Error)]
#[error("cannot keep logs in {}: {source}: give a --log-dir that may be written to", directory.display())]
pub(crate) struct LogError {
    directory: PathBuf,
    source: io::Error,
}

/// Opens the logs in a directory, which is made if need be.
///
/// # Errors
///
/// They cannot be written there.
pub(crate) fn open(directory: &Path) -> Result<Guard, LogError> {
    let failed = |source| LogError { directory: directory.to_owned(), source };
    std::fs::create_dir_all(directory).map_err(failed)?;
    let (chat, chat_guard) = Queue::open(directory, "chat").map_err(failed)?;
    let (connections, connections_guard) = Queue::open(directory, "connections").map_err(failed)?;
    let _ = LOGS.set(Writers { chat, connections, me: OnceLock::new() });
    Ok(Guard { _chat: chat_guard, _connections: connections_guard })
}

/// Takes down what happened, if there is a log.
pub(crate) fn note(event: &Event) {
    if let Some(logs) = LOGS.get() {
        let me = logs.me.get_or_init(|| chat::who_joined(event));
        logs.chat.write(|now| chat::line(event, me.as_ref(), now));
    }
}
