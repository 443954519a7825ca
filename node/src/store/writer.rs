//! The thread that writes: everything that has gathered, in one transaction, with one sync.

use std::sync::Arc;
use std::time::Duration;

use async_channel::{Receiver, Sender};
use transport::PeerId;

use super::batch::Batch;
use super::commit::Database;
use super::mark::{Mark, MarkFile};
use super::queue::Queue;
use crate::lock::DirectoryLock;

/// How soon a write that failed is tried again: a disk with some room again should be noticed while somebody watches.
const FIRST_RETRY: Duration = Duration::from_millis(100);

/// How seldom it is tried at the slowest.
const LAST_RETRY: Duration = Duration::from_secs(5);

/// How much is written ahead before it is moved to its place: enough that what is often changed is moved seldom, and little
/// enough that moving it holds up the next batch for milliseconds, and opening after a crash too.
const CHECKPOINT_BYTES: usize = 4 << 20;

/// What a commit adds to the write-ahead log beside what is in it: the pages that it changes are written whole.
const COMMIT_OVERHEAD: usize = 4 * 4096;

/// What the disk has to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    /// All batches up to this ticket are written; those that promise something are on disk.
    Written {
        /// The last of them.
        ticket: u64,
    },
    /// A write failed and is tried again and again; nothing is lost. Until [`Event::Fit`] nothing more can be promised.
    Unfit {
        /// What failed and what to do, on one line.
        reason: String,
    },
    /// The write that failed is done.
    Fit,
    /// Something that was on disk is not what was written: nothing may be promised from here on. The next start finds it,
    /// moves everything aside and makes a new peer.
    Damaged {
        /// What, on one line.
        what: String,
    },
}

/// Everything that the thread owns.
pub(super) struct Writer {
    pub(super) id: PeerId,
    pub(super) database: Database,
    pub(super) mark: MarkFile,
    pub(super) queue: Arc<Queue>,
    pub(super) events: Sender<Event>,
    /// Closed when the connections of the readers are.
    pub(super) readers: Receiver<()>,
    /// Given up when the last connection is closed.
    pub(super) lock: DirectoryLock,
    /// How many pages the database may have: stands in for a full disk.
    #[cfg(test)]
    pub(super) max_pages: Arc<std::sync::atomic::AtomicU32>,
}

/// Says so if the thread ends otherwise than by being told to.
struct Panicked(Sender<Event>);

impl Drop for Panicked {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let reason = "the thread that writes to the disk ended by a fault: start again".into();
            let _ = self.0.send_blocking(Event::Unfit { reason });
        }
    }
}

impl Writer {
    /// Writes until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let _unless_ended = Panicked(self.events.clone());
        let mut ahead = 0;
        while let Some(batches) = self.queue.take() {
            let Some(last) = batches.last().map(|batch| batch.ticket) else { continue };
            if !self.write(&batches) {
                break;
            }
            self.queue.done(batches.len());
            self.tell(Event::Written { ticket: last });
            ahead += COMMIT_OVERHEAD + batches.iter().map(Batch::weight).sum::<usize>();
            if ahead >= CHECKPOINT_BYTES {
                // Only after the answer: nobody waits for it. One that fails is made up for by the next.
                if let Err(error) = self.database.checkpoint() {
                    tracing::debug!(%error, "the write-ahead log was not moved to its place");
                }
                ahead = 0;
            }
        }
        // The last connection to be closed tidies up, and only this one can write: what is left is one file.
        let _ = self.readers.recv_blocking();
        drop(self.database);
        drop(self.lock);
    }

    /// Writes the batches, however often that takes. False: the store was closed before it could be done.
    fn write(&mut self, batches: &[Batch]) -> bool {
        let mut wait = FIRST_RETRY;
        let mut failed = false;
        loop {
            match self.attempt(batches, failed) {
                Ok(()) => break,
                Err(error) => {
                    if !failed {
                        tracing::warn!(%error, "a write failed");
                        self.tell(Event::Unfit { reason: reason(&error) });
                    }
                    failed = true;
                }
            }
            if !self.queue.pause(wait) {
                return false;
            }
            wait = (wait * 2).min(LAST_RETRY);
        }
        if failed {
            tracing::info!("the disk takes writes again");
            self.tell(Event::Fit);
        }
        true
    }

    fn attempt(&mut self, batches: &[Batch], again: bool) -> rusqlite::Result<()> {
        #[cfg(test)]
        self.limit_pages()?;
        if again && !self.database.rewrite()? {
            return Err(busy());
        }
        if self.database.commit(batches)? {
            let mark = Mark { id: self.id, commits: self.database.log.commits };
            // It is a second witness, and being behind is no harm.
            if let Err(error) = self.mark.write(mark) {
                tracing::debug!(%error, "the mark beside the database was not written");
            }
        }
        Ok(())
    }

    fn tell(&self, event: Event) {
        // Nobody listens while the store is being closed.
        let _ = self.events.send_blocking(event);
    }

    #[cfg(test)]
    fn limit_pages(&self) -> rusqlite::Result<()> {
        let pages = self.max_pages.load(std::sync::atomic::Ordering::SeqCst);
        self.database.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
    }
}

fn busy() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY), None)
}

/// What a person can do about it.
fn reason(error: &rusqlite::Error) -> String {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked, DiskFull, ReadOnly, SystemIoFailure};
    let advice = match error.sqlite_error_code() {
        Some(DiskFull) => "make room on the disk",
        Some(DatabaseBusy | DatabaseLocked) => "end the program that holds history.db, perhaps an open sqlite3",
        Some(ReadOnly) => "make the data directory writable",
        Some(SystemIoFailure) => "check the disk",
        _ => "start again, which checks everything",
    };
    format!("cannot write to the data directory: {error}: {advice}")
}
