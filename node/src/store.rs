//! The disk: what a member keeps in its data directory, so that after a restart it is the same member.
//!
//! # The promise
//!
//! A [`Batch`] is written whole or not at all. Once [`Event::Written`] has named its ticket, what it promises survives a loss
//! of power; batches become durable in the order handed in, so what is found at the next start is everything up to some
//! ticket at or after the last one answered. Whatever cannot be kept is said: a full disk as [`Event::Unfit`] (the writes are
//! tried again, nothing is lost), damage as [`OpenError::Damaged`] or [`Event::Damaged`]. A store that is damaged is moved
//! aside, never deleted and never believed, and the next start makes a peer with another id: one that forgot what it promised
//! must not come back under the name that promised it.
//!
//! # Threads
//!
//! SQLite blocks, so it has threads of its own. One writes: it takes all batches that have gathered, writes them in one
//! transaction with one `fdatasync`, and answers. One reads ranges, one searches; with a write-ahead log neither waits for
//! the writer or holds it up. The owner waits for none of them: [`Store::hand_in`] puts a batch into a bounded queue or
//! hands it back.
//!
//! # Where to look
//!
//! `docs/store.md` tells people what each file is and how to query the history; `schema.rs` has the tables and how the
//! database is set, `extent.rs` says which changes fit the log and `commit.rs` makes them, `columns.rs` has the checksums,
//! `mark.rs` how loss below the last sync is found.

mod aside;
mod batch;
mod columns;
mod commit;
mod damage;
mod error;
mod extent;
mod mark;
mod open;
mod queue;
mod reader;
mod row;
mod schema;
mod search;
mod snapshot;
pub(crate) mod words;
mod worker;
mod writer;

#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use async_channel::Receiver;
use history::{Entries, Entry, Index, MESSAGE_BYTES, MESSAGE_ENTRIES};
use transport::PeerId;

pub(crate) use self::batch::{Batch, Refusal};
pub use self::error::{Aside, OpenError};
pub(crate) use self::open::Found;
pub(crate) use self::queue::Refused;
pub(crate) use self::reader::{Lines, ReadError};
pub(crate) use self::writer::Event;

use self::damage::Damage;
use self::open::Unlocked;
use self::queue::Queue;
use self::reader::Reader;
use self::search::Searcher;
use self::worker::Worker;
use self::writer::Writer;

/// How many events may wait for the owner before the writer does: it takes them in each of its turns.
const MAX_EVENTS: usize = 1024;

/// A data directory in use. Dropped, it still writes what was handed in, and then lets go of the directory.
#[derive(Debug)]
pub(crate) struct Store {
    queue: Arc<Queue>,
    reader: Worker<Reader>,
    searcher: Worker<Searcher>,
    ending: Arc<AtomicBool>,
    /// Closed by the writer's end.
    ended: Receiver<()>,
    #[cfg(test)]
    max_pages: Arc<std::sync::atomic::AtomicU32>,
}

/// A data directory that was just opened.
#[derive(Debug)]
pub(crate) struct Opened {
    /// What to write to and to read from.
    pub(crate) store: Store,
    /// What the disk has to say.
    pub(crate) events: Receiver<Event>,
    /// What was kept.
    pub(crate) found: Found,
}

impl Store {
    /// Opens a data directory, and makes it if need be; its parent must be there. Blocks: everything is checked.
    ///
    /// When it returns, the incarnation is counted up on disk.
    ///
    /// # Errors
    ///
    /// The directory is not this process's to use, or what is in it is not to be believed: see [`OpenError`]. Only if it is
    /// damaged was anything changed.
    pub(crate) fn open(directory: &Path) -> Result<Opened, OpenError> {
        let Unlocked { files, lock, database, mark, found } = open::open(directory)?;
        let disk = |why: String| OpenError::Disk { path: directory.to_owned(), why };
        let connect = || schema::connect_to_read(&files.history()).map_err(|error| disk(error.to_string()));
        let (sender, events) = async_channel::bounded(MAX_EVENTS);
        let (ended_sender, ended) = async_channel::bounded(1);
        let (open, readers) = async_channel::bounded(1);
        let damage = Damage { note: files.damaged(), events: sender.clone() };
        let queue = Arc::new(Queue::new(database.log.extent));
        let ending = Arc::new(AtomicBool::new(false));
        let reader = Reader { connection: connect()?, damage: damage.clone() };
        let searcher = Searcher {
            path: files.search(),
            peer: found.id,
            history: connect()?,
            damage,
            index: None,
            ending: ending.clone(),
        };
        #[cfg(test)]
        let max_pages = Arc::new(std::sync::atomic::AtomicU32::new(u32::MAX - 1));
        let writer = Writer {
            id: found.id,
            database,
            mark,
            queue: queue.clone(),
            events: sender,
            readers,
            lock,
            #[cfg(test)]
            max_pages: max_pages.clone(),
        };
        let store = Self {
            reader: Worker::start("store-read", reader, ending.clone(), open.clone())
                .map_err(|error| disk(error.to_string()))?,
            searcher: Worker::start("store-search", searcher, ending.clone(), open)
                .map_err(|error| disk(error.to_string()))?,
            queue,
            ending,
            ended,
            #[cfg(test)]
            max_pages,
        };
        start(writer, ended_sender).map_err(|error| disk(error.to_string()))?;
        Ok(Opened { store, events, found })
    }

    /// Hands in a batch. Never waits.
    ///
    /// # Errors
    ///
    /// The batch is handed back: too much waits for the disk ([`Refusal::Full`]: hand it in again after the next
    /// [`Event::Written`]), or it does not fit the log. One that fits is taken in the end, whatever it weighs.
    pub(crate) fn hand_in(&self, batch: Batch) -> Result<(), Refused> {
        self.queue.push(batch, Instant::now())
    }

    /// When the oldest batch that is not written was handed in. A leader whose disk has not finished a write for `timeout`
    /// yields.
    pub(crate) fn oldest_unwritten(&self) -> Option<Instant> {
        self.queue.oldest()
    }

    /// The entries after a place, decided or not, without a gap: at most so many, and of so much weight
    /// ([`Entry::weight`](history::Entry::weight)), but one in any case. None if the entry right after it is not there.
    ///
    /// What is written when it is asked is read: of what was handed in later nothing is known.
    ///
    /// # Errors
    ///
    /// They cannot be read, or too many questions wait.
    pub(crate) fn entries_after(
        &self,
        after: u64,
        max_entries: usize,
        max_bytes: usize,
    ) -> impl Future<Output = Result<Entries<PeerId>, ReadError>> + Send + use<> {
        self.reader.ask(move |reader| reader.entries_after(after, max_entries, max_bytes))
    }

    /// What `pick` makes of the entries after a place, up to `until` and `most` of them, and the place up to which it has looked.
    ///
    /// # Errors
    ///
    /// They cannot be read, or too many questions wait.
    pub(crate) fn pick<T, F>(
        &self,
        mut after: u64,
        until: u64,
        most: usize,
        pick: F,
    ) -> impl Future<Output = Result<(Vec<T>, u64), ReadError>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: Fn(Index, &Entry<PeerId>) -> Option<T> + Send + 'static,
    {
        self.reader.ask(move |reader| {
            let mut picked = Vec::new();
            while after < until && picked.len() < most {
                let entries = reader.entries_after(after, MESSAGE_ENTRIES, MESSAGE_BYTES)?;
                if entries.is_empty() {
                    break;
                }
                let places = (after + 1..=until).filter_map(Index::new).zip(&entries);
                picked.extend(places.filter_map(|(index, entry)| pick(index, entry)).take(most - picked.len()));
                after += entries.len() as u64;
            }
            Ok((picked, after))
        })
    }

    /// The last lines that were said and are in the log, confirmed or not, in their order: at most `limit` or 10,000, and
    /// about 8 MiB.
    ///
    /// # Errors
    ///
    /// They cannot be read, or too many questions wait.
    pub(crate) fn last_lines(&self, limit: usize) -> impl Future<Output = Result<Lines, ReadError>> + Send + use<> {
        self.reader.ask(move |reader| reader.last_lines(limit))
    }

    /// The lines from a place on, likewise.
    ///
    /// # Errors
    ///
    /// They cannot be read, or too many questions wait.
    pub(crate) fn lines_from(
        &self,
        from: Index,
        limit: usize,
    ) -> impl Future<Output = Result<Lines, ReadError>> + Send + use<> {
        self.reader.ask(move |reader| reader.lines_from(from, limit))
    }

    /// The newest confirmed lines that have all the words of `text`, in their order: at most `limit` or 10,000, and about
    /// 8 MiB. What is written when it is asked is searched.
    ///
    /// # Errors
    ///
    /// There is no word in it or more than 32, or the lines cannot be read, or too many questions wait.
    pub(crate) fn search(
        &self,
        text: String,
        limit: usize,
    ) -> impl Future<Output = Result<Lines, ReadError>> + Send + use<> {
        self.searcher.ask(move |searcher| searcher.search(&text, limit))
    }

    /// Writes what was handed in and lets go of the directory. What a full disk keeps from being written is left out:
    /// nobody was told that it is.
    pub(crate) async fn close(self) {
        let ended = self.ended.clone();
        drop(self);
        // An error is what is waited for: the writer's end of the channel is gone.
        let _ = ended.recv().await;
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        self.queue.close();
    }
}

/// Starts the writer; `ended` is dropped with it.
fn start(writer: Writer, ended: async_channel::Sender<()>) -> io::Result<()> {
    let run = move || {
        writer.run();
        drop(ended);
    };
    thread::Builder::new().name("store-write".into()).spawn(run).map(drop)
}
