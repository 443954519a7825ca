//! What a member has on disk, beside its loop: batches go out, answers come back, and nobody waits for either.

mod joined;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::time::{Duration, Instant};

use async_channel::Receiver;
use bytes::Bytes;
use election::Epoch;
use history::{Entries, Entry, Index, MESSAGE_BYTES, MESSAGE_ENTRIES, MessageId, Read, Say, Write};
use tracing::warn;
use transport::{Address, Incarnation, PeerId};

use crate::api::{HistoryError, Page};
use crate::event;
use crate::group::{Group, HistoryQuery, Restored, own_entry};
use crate::store::{Batch, Event, Found, OpenError, Opened, ReadError, Refusal, Store};
use crate::wire::Body;

/// How long a line may wait to be kept. Most are confirmed sooner, and need not be.
const KEEP_AFTER: Duration = Duration::from_millis(50);

/// How many of the last entries are looked through for the lines that are shown again after a restart.
const LOOK_BACK: u64 = 400;

/// A data directory in use.
#[derive(Debug)]
pub(crate) struct Disk {
    store: Store,
    events: Receiver<Event>,
    /// The last ticket that the log gave out.
    ticket: u64,
    /// What did not fit, in order.
    waiting: VecDeque<Batch>,
    /// Lines to be kept, if they are not confirmed soon.
    keep: BTreeMap<MessageId, Say>,
    keep_at: Option<Instant>,
    kept: BTreeSet<MessageId>,
    forget: Vec<MessageId>,
    /// Of which roster the addresses were kept.
    roster: Option<(Epoch<PeerId>, u64)>,
    /// What others lack, and is read once this ticket is written: a write before it may be what they lack.
    reads: VecDeque<(u64, Read<PeerId>)>,
    written: u64,
    /// Why nothing more is handed in: what was refused must not seem written by what follows it.
    refused: Option<String>,
    /// Whether a write has failed and is tried again.
    failed: bool,
    /// What the group was told: whether the disk keeps up.
    fit: bool,
    timeout: Duration,
}

/// Who a member was, and what it goes on with.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) id: PeerId,
    pub(crate) incarnation: Incarnation,
    /// Where the others were dialled.
    pub(crate) addresses: Vec<Address>,
    pub(crate) restored: Restored,
}

/// What the disk has to say to a member.
#[derive(Debug)]
pub(crate) enum Word {
    /// What was handed in up to this ticket is written.
    Written(u64),
    /// It takes nothing any more, and why; `None`: it does again.
    Trouble(Option<String>),
    /// It is damaged: this member must not go on.
    Damaged(String),
}

impl Disk {
    /// Opens a data directory. Blocks.
    ///
    /// # Errors
    ///
    /// It cannot be used.
    pub(crate) async fn open(path: &Path, timeout: Duration) -> Result<(Self, Kept), OpenError> {
        let Opened { store, events, found } = Store::open(path)?;
        let Found { id, incarnation, durable, first, pool, roster, addresses } = found;
        let decided = durable.decided;
        let from = first.max(decided.saturating_sub(LOOK_BACK));
        let recent = match store.entries_after(from, LOOK_BACK as usize, MESSAGE_BYTES).await {
            Ok(entries) => (from + 1..=decided).filter_map(Index::new).zip(entries).filter_map(recent_line).collect(),
            Err(error) => {
                warn!(%error, "the last lines are not shown again");
                Vec::new()
            }
        };
        let epoch = roster.and_then(|bytes| transport::decode(&bytes).ok());
        let kept = pool.iter().map(|say| say.id).collect();
        let disk = Self {
            store,
            events,
            ticket: 0,
            waiting: VecDeque::new(),
            keep: BTreeMap::new(),
            keep_at: None,
            kept,
            forget: Vec::new(),
            roster: None,
            reads: VecDeque::new(),
            written: 0,
            refused: None,
            failed: false,
            fit: true,
            timeout,
        };
        let addresses = addresses.into_iter().filter(|(peer, _)| *peer != id).map(|(_, address)| address).collect();
        Ok((disk, Kept { id, incarnation, addresses, restored: Restored { log: durable, pool, recent, epoch } }))
    }

    /// Writes what the log wants written.
    pub(crate) fn write(&mut self, write: Write<PeerId>) {
        self.ticket = write.ticket;
        self.hand_in(Batch::from(write));
    }

    /// Keeps a line until it is confirmed.
    pub(crate) fn keep(&mut self, say: Say, now: Instant) {
        self.keep_at.get_or_insert(now + KEEP_AFTER);
        self.keep.insert(say.id, say);
    }

    /// A line is confirmed.
    pub(crate) fn forget(&mut self, id: MessageId) {
        if self.keep.remove(&id).is_none() && self.kept.remove(&id) {
            self.forget.push(id);
        }
    }

    /// When [`tend`](Self::tend) has something to do.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let late = self.store.oldest_unwritten().filter(|_| self.fit).map(|oldest| oldest + self.timeout);
        self.keep_at.into_iter().chain(late).min()
    }

    /// Does what nobody waits for: keeps lines that are not confirmed soon, and where members are dialled. Whether the disk keeps
    /// up is returned when that has changed.
    pub(crate) fn tend(&mut self, group: &Group, now: Instant) -> Option<bool> {
        let roster = group.roster_version();
        let due = self.keep_at.is_some_and(|at| at <= now);
        let another = group.is_member() && roster != self.roster;
        if due || another {
            self.keep_at = None;
            let pool_add: Vec<Say> = std::mem::take(&mut self.keep).into_values().collect();
            self.kept.extend(pool_add.iter().map(|say| say.id));
            let pool_remove = std::mem::take(&mut self.forget);
            let (mut addresses, mut epoch) = (None, None);
            if another {
                self.roster = roster;
                addresses = Some(group.roster().map(|member| (member.rank.peer, member.address.clone())).collect());
                epoch = group.newest_epoch().and_then(|epoch| transport::encode(&epoch).ok()).map(Bytes::from);
            }
            let ticket = self.ticket;
            self.hand_in(Batch { ticket, pool_add, pool_remove, roster: epoch, addresses, ..Batch::default() });
        }
        let late = self.store.oldest_unwritten().is_some_and(|oldest| oldest + self.timeout <= now);
        let fit = !self.failed && !late;
        let changed = fit != self.fit;
        self.fit = fit;
        changed.then_some(fit)
    }

    /// Waits for what the disk has to say.
    pub(crate) async fn next(&self) -> Word {
        match self.events.recv().await {
            Ok(event) => Self::word(event),
            Err(_) => Word::Damaged("its writer has ended".into()),
        }
    }

    /// What the disk has to say by now.
    pub(crate) fn ready(&mut self) -> Option<Word> {
        let refused = self.refused.take().map(|why| Word::Damaged(format!("it does not take what it is given: {why}")));
        refused.or_else(|| self.events.try_recv().ok().map(Self::word))
    }

    /// Notes what the disk said, and hands in what did not fit before.
    pub(crate) fn note(&mut self, word: &Word) {
        match word {
            Word::Trouble(trouble) => self.failed = trouble.is_some(),
            Word::Written(ticket) => self.written = *ticket,
            Word::Damaged(_) => {}
        }
        while let Some(batch) = self.waiting.pop_front() {
            if let Some(batch) = self.offer(batch) {
                self.waiting.push_front(batch);
                break;
            }
        }
    }

    /// Notes what another member lacks: [`next_read`](Self::next_read) gives it when it can be read.
    pub(crate) fn read(&mut self, read: Read<PeerId>) {
        self.reads.push_back((self.ticket, read));
    }

    /// Reads what another member lacks, if all is written that was to be when it was asked for. Without an answer if that fails:
    /// it will ask again.
    pub(crate) fn next_read(&mut self) -> Option<impl Future<Output = (Read<PeerId>, Entries<PeerId>)> + Send + use<>> {
        let (_, read) = *self.reads.front().filter(|(ticket, _)| *ticket <= self.written)?;
        self.reads.pop_front();
        let entries = self.store.entries_after(read.from, MESSAGE_ENTRIES, MESSAGE_BYTES);
        Some(async move {
            let entries = entries.await.unwrap_or_else(|error| {
                warn!(%error, "what another member lacks cannot be read");
                Vec::new()
            });
            (read, entries)
        })
    }

    /// Looks up lines. The last are in memory, from the place `memory` on, and given as a page: what is confirmed may not be on disk
    /// yet, and what stands there instead may be overruled. The disk has those before them.
    pub(crate) fn lines(
        &self,
        query: HistoryQuery,
        memory: u64,
        last: Page,
    ) -> impl Future<Output = Result<Page, HistoryError>> + Send + use<> {
        let found = match query.clone() {
            HistoryQuery::Last(last) => Asked::Last(self.store.last_lines(last.max(1))),
            HistoryQuery::From(from, most) => Asked::From(self.store.lines_from(from, most.max(1))),
            HistoryQuery::Search(words, last) => Asked::Search(self.store.search(words, last.max(1))),
        };
        async move {
            let lines = match found {
                Asked::Last(lines) => lines.await?,
                Asked::From(lines) => lines.await?,
                Asked::Search(lines) => lines.await?,
            };
            Ok(joined::page(&query, memory, last, lines))
        }
    }

    /// Programs' own entries from a place on. The last are in memory and given, as for [`lines`](Self::lines).
    pub(crate) fn own_entries(
        &self,
        from: Index,
        most: usize,
        memory: u64,
        last: Vec<event::Entry>,
    ) -> impl Future<Output = Result<Vec<event::Entry>, HistoryError>> + Send + use<> {
        let pick = |index, entry: &Entry<PeerId>| match entry {
            Entry::Line(say) => own_entry(index, say),
            _ => None,
        };
        let picked = self.store.pick(from.number() - 1, memory.saturating_sub(1), most, pick);
        async move {
            let (found, reached) = picked.await?;
            Ok(joined::entries(most, memory, last, found, reached))
        }
    }

    /// Writes what was handed in, and lets go of the directory.
    pub(crate) async fn close(self) {
        self.store.close().await;
    }

    fn word(event: Event) -> Word {
        match event {
            Event::Written { ticket } => Word::Written(ticket),
            Event::Unfit { reason } => Word::Trouble(Some(reason)),
            Event::Fit => Word::Trouble(None),
            Event::Damaged { what } => Word::Damaged(what),
        }
    }

    fn hand_in(&mut self, batch: Batch) {
        if self.refused.is_some() {
            return;
        }
        if !self.waiting.is_empty() {
            self.waiting.push_back(batch);
        } else if let Some(batch) = self.offer(batch) {
            self.waiting.push_back(batch);
        }
    }

    /// Hands a batch in, or gives it back if it does not fit yet.
    fn offer(&mut self, batch: Batch) -> Option<Batch> {
        let refused = self.store.hand_in(batch).err()?;
        match refused.why {
            Refusal::Full(_) => Some(*refused.batch),
            why => {
                self.refused = Some(why.to_string());
                self.waiting.clear();
                None
            }
        }
    }
}

/// A question, as each of them is asked.
enum Asked<L, F, S> {
    Last(L),
    From(F),
    Search(S),
}

fn recent_line((index, entry): (Index, std::sync::Arc<Entry<PeerId>>)) -> Option<(Index, Say)> {
    match &*entry {
        Entry::Line(say) => Body::is_line(&say.body).then(|| (index, say.clone())),
        _ => None,
    }
}

impl From<ReadError> for HistoryError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NoWords(_) | ReadError::TooManyWords { .. } => Self::Words(error.to_string()),
            error => Self::Disk(error.to_string()),
        }
    }
}
