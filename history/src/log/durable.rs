//! What has to be on disk, and what waits for it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::message::{Entries, Snapshot};
use crate::Ballot;

/// One transaction for the disk. Batches are written in the order of their tickets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Write<P> {
    /// To be named in [`Log::handle_written`](crate::Log::handle_written) when all of it would survive a crash.
    pub ticket: u64,
    /// The changes, in this order.
    pub ops: Vec<Op<P>>,
}

/// One change of what is durable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op<P> {
    /// Nothing below this is to be accepted any more.
    Promised(Ballot<P>),
    /// The ballot under which the log was accepted.
    Accepted(Option<Ballot<P>>),
    /// Before this ballot entries of another history may have been acknowledged, of which nothing is kept any more.
    Left(Ballot<P>),
    /// The entries after this place go.
    Truncate(u64),
    /// These come after the entry at `after`, the last one there is.
    Append {
        /// The place of the last entry before.
        after: u64,
        /// The entries.
        entries: Entries<P>,
    },
    /// What was accepted after this place is kept aside: what was learnt takes its place in the log.
    SetAside(u64),
    /// What was kept aside goes.
    DropAside,
    /// So much is decided. Nothing waits for it: lost, a restart is slower; and should it pass over a configuration, those
    /// that restart need the voters before it too.
    Decided(u64),
    /// What the log amounts to at some place, for a quick start. All entries are kept.
    Snapshot(Box<Snapshot<P>>),
    /// All entries go, and the log begins after this snapshot.
    Restart(Box<Snapshot<P>>),
}

/// All that is on disk: what [`Log::restore`](crate::Log::restore) begins with.
///
/// [`apply`](Self::apply) says what each [`Op`] means; it is the model of every store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Durable<P> {
    /// See [`Op::Promised`].
    pub promised: Option<Ballot<P>>,
    /// See [`Op::Accepted`].
    pub accepted: Option<Ballot<P>>,
    /// See [`Op::Left`].
    pub left: Option<Ballot<P>>,
    /// See [`Op::Decided`].
    pub decided: u64,
    /// The latest, if it is the start of `entries` or within them.
    pub snapshot: Option<Box<Snapshot<P>>>,
    /// How many entries came before the first of `entries`.
    pub base: u64,
    /// The log.
    pub entries: Entries<P>,
    /// See [`Op::SetAside`].
    pub fork: Option<u64>,
    /// What is kept aside.
    pub aside: Entries<P>,
    /// What the log amounts to at `base`, if that is not 0.
    pub start: Option<Box<Snapshot<P>>>,
}

impl<P> Default for Durable<P> {
    fn default() -> Self {
        Self {
            promised: None,
            accepted: None,
            left: None,
            decided: 0,
            snapshot: None,
            base: 0,
            entries: Vec::new(),
            fork: None,
            aside: Vec::new(),
            start: None,
        }
    }
}

impl<P: Clone> Durable<P> {
    /// What is on disk after a batch.
    pub fn apply(&mut self, write: &Write<P>) {
        for op in &write.ops {
            self.apply_one(op);
        }
    }

    /// The length of the log.
    pub fn len(&self) -> u64 {
        self.base + self.entries.len() as u64
    }

    /// The length of the log that was accepted.
    pub fn accepted_len(&self) -> u64 {
        self.fork.map_or(self.len(), |fork| fork + self.aside.len() as u64)
    }

    /// Whether there is no log.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn apply_one(&mut self, op: &Op<P>) {
        match op {
            Op::Promised(ballot) => self.promised = Some(ballot.clone()),
            Op::Accepted(ballot) => self.accepted = ballot.clone(),
            Op::Left(ballot) => self.left = Some(ballot.clone()),
            // All that is known goes, the start with it: the log begins anew.
            Op::Truncate(len) if *len < self.base => {
                (self.base, self.start, self.snapshot, self.decided) = (*len, None, None, *len);
                self.entries.clear();
            }
            Op::Truncate(len) => {
                self.entries.truncate(self.offset(*len));
                self.decided = self.decided.min(*len);
                if self.snapshot.as_ref().is_some_and(|snapshot| snapshot.index > *len) {
                    self.snapshot = self.start.clone();
                }
            }
            Op::Append { after, entries } => {
                self.entries.truncate(self.offset(*after));
                self.entries.extend(entries.iter().map(Arc::clone));
            }
            Op::SetAside(fork) => {
                self.aside = self.entries.split_off(self.offset(*fork));
                self.fork = Some(*fork);
            }
            Op::DropAside => {
                self.aside.clear();
                self.fork = None;
            }
            Op::Decided(decided) => self.decided = *decided,
            Op::Snapshot(snapshot) => self.snapshot = Some(snapshot.clone()),
            Op::Restart(snapshot) => {
                self.base = snapshot.index;
                self.entries.clear();
                self.decided = snapshot.index;
                self.start = Some(snapshot.clone());
                self.snapshot = Some(snapshot.clone());
            }
        }
    }

    fn offset(&self, len: u64) -> usize {
        usize::try_from(len.saturating_sub(self.base)).unwrap_or(usize::MAX).min(self.entries.len())
    }
}

/// The batch that gathers, and what waits for batches: a thing is let out when all that it rests on is on disk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Disk<P, T> {
    /// The last ticket given out.
    issued: u64,
    written: u64,
    ops: Vec<Op<P>>,
    /// Told along with whatever is written next.
    decided: Option<u64>,
    /// Whether that is worth a write of its own, for which nothing waits.
    is_due: bool,
    waiting: VecDeque<(u64, T)>,
}

impl<P: Copy, T> Disk<P, T> {
    pub(super) fn new() -> Self {
        Self { issued: 0, written: 0, ops: Vec::new(), decided: None, is_due: false, waiting: VecDeque::new() }
    }

    pub(super) fn write(&mut self, op: Op<P>) {
        if let (Op::Append { after, entries }, Some(Op::Append { after: first, entries: before })) =
            (&op, self.ops.last_mut())
            && *after == *first + before.len() as u64
        {
            before.extend(entries.iter().map(Arc::clone));
            return;
        }
        self.ops.push(op);
    }

    pub(super) fn note_decided(&mut self, decided: u64) {
        self.decided = Some(decided);
    }

    /// What is decided is to be written soon, whether or not there is anything else.
    pub(super) fn write_decided(&mut self) {
        self.is_due = true;
    }

    /// Keeps `thing` until all that was written so far is on disk. Returns it if that is so already.
    pub(super) fn after_writes(&mut self, thing: T) -> Option<T> {
        let ticket = self.issued + u64::from(!self.ops.is_empty());
        if ticket <= self.written {
            return Some(thing);
        }
        self.waiting.push_back((ticket, thing));
        None
    }

    pub(super) fn poll(&mut self) -> Option<Write<P>> {
        if self.ops.is_empty() && !self.is_due {
            return None;
        }
        self.is_due = false;
        if let Some(decided) = self.decided.take() {
            self.ops.push(Op::Decided(decided));
        }
        self.issued += 1;
        Some(Write { ticket: self.issued, ops: std::mem::take(&mut self.ops) })
    }

    pub(super) fn written(&mut self, ticket: u64) {
        self.written = self.written.max(ticket.min(self.issued));
    }

    pub(super) fn pop_ready(&mut self) -> Option<T> {
        let (ticket, _) = self.waiting.front()?;
        if *ticket > self.written {
            return None;
        }
        self.waiting.pop_front().map(|(_, thing)| thing)
    }
}
