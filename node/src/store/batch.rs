//! What is handed to the disk (pure).

use bytes::Bytes;
use history::{Entry, MessageId, Op, Say, Snapshot, Write};
use thiserror::Error;
use transport::{Address, MAX_MESSAGE_BYTES, PeerId};

/// The most that one entry may weigh: encoded it is smaller, and no peer could be sent more.
pub(crate) const MAX_ENTRY_BYTES: usize = MAX_MESSAGE_BYTES - 1024;

/// What a row takes beside what is in it, near enough for a bound.
pub(super) const ROW_OVERHEAD: usize = 128;

/// What a session takes in a snapshot.
const SESSION_BYTES: usize = 40;

/// Changes that become durable together or not at all.
///
/// They happen in the order of the fields. A batch that promises nothing to anybody (what is decided, a snapshot of what is
/// there, the pool, the roster and addresses) is written without waiting for the disk: it survives the end of the process at
/// once, and a loss of power as soon as a later batch that promises something has been answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Answered when the batch is written; not below that of the batch before. What has none of its own repeats it.
    pub(crate) ticket: u64,
    /// Changes of the log: [`history::Durable`] says what each of them means.
    pub(crate) ops: Vec<Op<PeerId>>,
    /// Lines on their way to be confirmed, to be kept.
    pub(crate) pool_add: Vec<Say>,
    /// Lines that need not be kept any longer.
    pub(crate) pool_remove: Vec<MessageId>,
    /// Who was a member, opaque here.
    pub(crate) roster: Option<Bytes>,
    /// Where members are dialled: all of them.
    pub(crate) addresses: Option<Vec<(PeerId, Address)>>,
}

/// Why a batch is not taken. Nothing of it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Refusal {
    /// So much waits for the disk already: hand it in again when something was written.
    #[error("{0} bytes wait for the disk already: hand the batch in again when some are written")]
    Full(usize),
    /// It can never be taken.
    #[error("entry {place} of {weight} bytes is too large: at most {MAX_ENTRY_BYTES}; say less in one")]
    TooLarge {
        /// Its place.
        place: u64,
        /// The bytes it takes.
        weight: usize,
    },
    /// Its place is not the one after the entry before.
    #[error("entry {given} does not follow entry {last}: append them in order, or truncate first")]
    Gap {
        /// Its place.
        given: u64,
        /// The last place taken.
        last: u64,
    },
    /// No snapshot can be of entries that are not there.
    #[error("no snapshot can be at {given}: the log ends at {last}; append first, or restart the log from it")]
    Undecidable {
        /// Its place.
        given: u64,
        /// The last place taken.
        last: u64,
    },
    /// There is no such place.
    #[error("place {0} cannot be stored: from 1 to {max}", max = i64::MAX)]
    Place(u64),
    /// What is truncated was built upon.
    #[error("the log begins after the snapshot at {0}: nothing before it can be changed, save that all of it goes")]
    Baseless(u64),
    /// Tickets never fall.
    #[error("ticket {given} does not follow ticket {last}: number batches upwards")]
    Ticket {
        /// The ticket of the batch.
        given: u64,
        /// That of the batch before.
        last: u64,
    },
    /// The store is being closed.
    #[error("the store is closed: open it again")]
    Closed,
}

impl From<Write<PeerId>> for Batch {
    fn from(write: Write<PeerId>) -> Self {
        Self { ticket: write.ticket, ops: write.ops, ..Self::default() }
    }
}

impl Batch {
    /// The bytes it takes to hold and write it, near enough for a bound.
    pub(crate) fn weight(&self) -> usize {
        let ops = self.ops.iter().map(op_weight).sum::<usize>();
        let pool = self.pool_add.iter().map(say_weight).sum::<usize>();
        let gone = self.pool_remove.len() * size_of::<MessageId>();
        let roster = self.roster.as_ref().map_or(0, Bytes::len);
        let addresses = self.addresses.iter().flatten().map(|(_, address)| ROW_OVERHEAD + address.as_str().len());
        ROW_OVERHEAD + ops + pool + gone + roster + addresses.sum::<usize>()
    }

    /// Whether somebody is promised something by its ticket, so that it must be on disk before that is answered.
    pub(super) fn promises(&self) -> bool {
        self.ops.iter().any(|op| !matches!(op, Op::Decided(_) | Op::Snapshot(_)))
    }
}

fn op_weight(op: &Op<PeerId>) -> usize {
    match op {
        Op::Append { entries, .. } => entries.iter().map(|entry| entry_weight(entry)).sum(),
        Op::Snapshot(snapshot) | Op::Restart(snapshot) => snapshot_weight(snapshot),
        _ => ROW_OVERHEAD,
    }
}

fn entry_weight(entry: &Entry<PeerId>) -> usize {
    // What was said stands in a column of its own too.
    let text = if let Entry::Line(say) = entry { say.body.len() } else { 0 };
    entry.weight() + text
}

fn say_weight(say: &Say) -> usize {
    ROW_OVERHEAD + say.heads.len() * size_of::<MessageId>() + say.body.len()
}

fn snapshot_weight(snapshot: &Snapshot<PeerId>) -> usize {
    ROW_OVERHEAD + snapshot.applied.len() * SESSION_BYTES + snapshot.state.len()
}

#[cfg(test)]
mod tests {
    use history::{Ballot, Regime};

    use super::*;

    fn batch(op: Op<PeerId>) -> Batch {
        Batch::from(Write { ticket: 1, ops: vec![op] })
    }

    #[test]
    fn only_what_is_promised_to_somebody_waits_for_the_disk() {
        let peer = PeerId::random();
        let ballot = Ballot { regime: Regime::founded(peer), round: 1, peer };
        let lazy = Batch { roster: Some(Bytes::new()), ..batch(Op::Decided(1)) };
        assert!(!lazy.promises());
        for op in [
            Op::Accepted(None),
            Op::Left(ballot),
            Op::Truncate(1),
            Op::Append { after: 0, entries: Vec::new() },
            Op::SetAside(1),
            Op::DropAside,
        ] {
            assert!(batch(op.clone()).promises(), "{op:?}");
        }
    }
}
