//! What is handed to the disk, and comes back from it (pure).

use bytes::Bytes;
use history::{Index, MessageId};
use thiserror::Error;
use transport::{Address, PeerId};

use crate::event::Message;

/// The most that one batch may weigh: a follower takes over a leader's log in one transaction, and that must fit.
pub(crate) const MAX_BATCH_BYTES: usize = 32 << 20;

/// The longest name of a kind of entries, in bytes.
pub(crate) const MAX_KIND_BYTES: usize = 32;

/// What a row takes beside what is in it, near enough for a bound.
const ROW_OVERHEAD: usize = 128;

/// Changes that become durable together or not at all.
///
/// They happen in the order of the fields. A batch that promises nothing to anybody (only `decided`, the pool, the roster
/// and addresses) is written without waiting for the disk: it survives the end of the process at once, and a loss of power
/// as soon as a later batch that promises something has been answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Answered when the batch is written; greater than that of the batch before.
    pub(crate) ticket: u64,
    /// The ballot promised, opaque here.
    pub(crate) promised: Option<Bytes>,
    /// The ballot under which the log was accepted, opaque here.
    pub(crate) accepted: Option<Bytes>,
    /// Entries at this place and above go first.
    pub(crate) truncate: Option<Index>,
    /// The state up to a place: of entries that are there or in this batch, or from elsewhere and beyond the end of the log.
    /// Then it replaces what was not decided, and the log goes on behind it.
    pub(crate) snapshot: Option<Snapshot>,
    /// Entries, each at the place after the one before.
    pub(crate) append: Vec<Row>,
    /// Up to where entries are decided.
    pub(crate) decided: Option<Index>,
    /// Lines on their way to be confirmed, to be kept.
    pub(crate) pool_add: Vec<PoolLine>,
    /// Lines that need not be kept any longer.
    pub(crate) pool_remove: Vec<MessageId>,
    /// Who was a member, opaque here.
    pub(crate) roster: Option<Bytes>,
    /// Where members are dialled: all of them.
    pub(crate) addresses: Option<Vec<(PeerId, Address)>>,
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Its place.
    pub(crate) index: Index,
    /// What sort of entry it is, for people who query: `line`, `join`, ... At most [`MAX_KIND_BYTES`].
    pub(crate) kind: String,
    /// What the log keeps about it, opaque here.
    pub(crate) meta: Bytes,
    /// The entry itself, opaque here.
    pub(crate) entry: Bytes,
    /// What was said, if that is what it is: for people who query, and for the search.
    pub(crate) line: Option<Message>,
}

/// The state that the entries up to a place lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// The last entry that is in it.
    pub(crate) index: Index,
    /// The state, opaque here.
    pub(crate) state: Bytes,
}

/// One line of the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PoolLine {
    /// Its id.
    pub(crate) id: MessageId,
    /// The line with its stamp, opaque here.
    pub(crate) bytes: Bytes,
}

/// Why a batch is not taken. Nothing of it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Refusal {
    /// So much waits for the disk already: hand it in again when something was written.
    #[error("{0} bytes wait for the disk already: hand the batch in again when some are written")]
    Full(usize),
    /// It can never be taken.
    #[error("a batch of {0} bytes is too large: at most {MAX_BATCH_BYTES}; divide it")]
    TooLarge(usize),
    /// Its place is not the one after the entry before.
    #[error("entry {given} does not follow entry {last}: append them in order, or truncate first")]
    Gap {
        /// Its place.
        given: u64,
        /// The last place taken.
        last: u64,
    },
    /// What is not there cannot be decided.
    #[error("entry {given} cannot be decided: the log ends at {last}; append it first")]
    Undecidable {
        /// The place said to be decided.
        given: u64,
        /// The last place taken.
        last: u64,
    },
    /// No place can be so high.
    #[error("place {0} is beyond what can be stored: at most {max}", max = i64::MAX)]
    Place(u64),
    /// What is truncated was built upon.
    #[error("the log rests on the snapshot at {0}: truncate below it only together with another snapshot")]
    Baseless(u64),
    /// Tickets rise.
    #[error("ticket {given} does not follow ticket {last}: number batches upwards")]
    Ticket {
        /// The ticket of the batch.
        given: u64,
        /// That of the batch before.
        last: u64,
    },
    /// The name of its kind is too long.
    #[error("the kind of entry {0} has a name of more than {MAX_KIND_BYTES} bytes: choose a shorter one")]
    Kind(u64),
    /// The store is being closed.
    #[error("the store is closed: open it again")]
    Closed,
}

/// Where the log ends, and up to where it is decided; 0 stands before the first place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) last: u64,
    pub(super) decided: u64,
    /// Entries are there without a gap from the place after this one: a snapshot from elsewhere leaves a gap below itself.
    pub(super) base: u64,
    /// The place of the snapshot that is kept; 0 if there is none. At least `base`.
    pub(super) folded: u64,
    /// How often decided entries left the log: what was derived from them is to be made again.
    pub(super) cuts: u64,
}

impl Batch {
    /// The bytes it takes to hold and write it, near enough for a bound.
    pub(crate) fn weight(&self) -> usize {
        let ballots = self.promised.iter().chain(&self.accepted).chain(&self.roster).map(Bytes::len).sum::<usize>();
        let pool = self.pool_add.iter().map(|line| ROW_OVERHEAD + line.bytes.len()).sum::<usize>();
        let gone = self.pool_remove.len() * size_of::<MessageId>();
        let addresses = self.addresses.iter().flatten().map(|(_, address)| ROW_OVERHEAD + address.as_str().len());
        let snapshot = self.snapshot.as_ref().map_or(0, |snapshot| snapshot.state.len());
        let rows = self.append.iter().map(Row::weight).sum::<usize>();
        ROW_OVERHEAD + ballots + pool + gone + addresses.sum::<usize>() + snapshot + rows
    }

    /// Whether somebody is promised something by its ticket, so that it must be on disk before that is answered.
    pub(super) fn promises(&self) -> bool {
        self.promised.is_some()
            || self.accepted.is_some()
            || self.truncate.is_some()
            || self.snapshot.is_some()
            || !self.append.is_empty()
    }

    /// Whether its snapshot is from elsewhere, beyond the end of a log that ends at `last`, rather than of entries that are
    /// there or in the batch.
    pub(super) fn leaps(&self, last: u64) -> bool {
        let Some(base) = self.snapshot.as_ref().map(|snapshot| snapshot.index) else { return false };
        base.number() > last && self.append.first().is_none_or(|first| first.index > base)
    }
}

impl Row {
    /// The bytes it takes to hold and write it, near enough for a bound.
    pub(super) fn weight(&self) -> usize {
        let line = self.line.as_ref().map_or(0, |line| line.text.len() + line.from.as_str().len());
        ROW_OVERHEAD + self.kind.len() + self.meta.len() + self.entry.len() + line
    }
}

impl Extent {
    /// The extent after a batch.
    pub(super) fn after(mut self, batch: &Batch) -> Result<Self, Refusal> {
        if let Some(from) = batch.truncate {
            let kept = from.number() - 1;
            self.last = self.last.min(kept);
            self.cuts += u64::from(self.decided > kept);
            self.decided = self.decided.min(kept);
            self.folded = if self.folded > kept { 0 } else { self.folded };
        }
        if let Some(snapshot) = &batch.snapshot {
            self.folded = storable(snapshot.index.number())?;
            if batch.leaps(self.last) {
                (self.last, self.decided, self.base) = (self.folded, self.folded, self.folded);
            }
        }
        if self.folded < self.base {
            return Err(Refusal::Baseless(self.base));
        }
        for row in &batch.append {
            let given = storable(row.index.number())?;
            if given != self.last + 1 {
                return Err(Refusal::Gap { given, last: self.last });
            }
            if row.kind.len() > MAX_KIND_BYTES {
                return Err(Refusal::Kind(given));
            }
            self.last = given;
        }
        if let Some(given) = batch.decided.map(Index::number) {
            if given > self.last {
                return Err(Refusal::Undecidable { given, last: self.last });
            }
            self.decided = self.decided.max(given);
        }
        if self.folded > self.last {
            return Err(Refusal::Undecidable { given: self.folded, last: self.last });
        }
        Ok(self)
    }
}

/// SQLite's numbers end at 2^63 - 1.
fn storable(place: u64) -> Result<u64, Refusal> {
    if i64::try_from(place).is_ok() { Ok(place) } else { Err(Refusal::Place(place)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(number: u64) -> Index {
        Index::new(number).unwrap()
    }

    fn row(number: u64) -> Row {
        Row { index: index(number), kind: "line".into(), meta: Bytes::new(), entry: Bytes::new(), line: None }
    }

    fn extent(last: u64, decided: u64) -> Extent {
        Extent { last, decided, ..Extent::default() }
    }

    #[test]
    fn entries_follow_each_other() {
        let batch = Batch { append: vec![row(4), row(5)], decided: Some(index(4)), ..Batch::default() };
        assert_eq!(extent(3, 2).after(&batch), Ok(extent(5, 4)));
        assert_eq!(extent(2, 2).after(&batch), Err(Refusal::Gap { given: 4, last: 2 }));
        assert_eq!(extent(4, 2).after(&batch), Err(Refusal::Gap { given: 4, last: 4 }));
    }

    #[test]
    fn what_is_truncated_is_replaced_in_the_same_batch() {
        let batch = Batch { truncate: Some(index(3)), append: vec![row(3)], ..Batch::default() };
        assert_eq!(extent(9, 2).after(&batch), Ok(extent(3, 2)));
    }

    #[test]
    fn truncating_decided_entries_is_counted() {
        let batch = Batch { truncate: Some(index(3)), ..Batch::default() };
        assert_eq!(extent(9, 8).after(&batch), Ok(Extent { cuts: 1, ..extent(2, 2) }));
    }

    #[test]
    fn a_log_goes_on_behind_a_snapshot_beyond_its_end() {
        let snapshot = Some(Snapshot { index: index(100), state: Bytes::new() });
        let batch = Batch { snapshot: snapshot.clone(), append: vec![row(101)], ..Batch::default() };
        let after = extent(9, 8).after(&batch).unwrap();
        assert_eq!(after, Extent { base: 100, folded: 100, ..extent(101, 100) });
        let baseless = Batch { truncate: Some(index(50)), ..Batch::default() };
        assert_eq!(after.after(&baseless), Err(Refusal::Baseless(100)));
        assert_eq!(
            extent(100, 8).after(&batch),
            Ok(Extent { folded: 100, ..extent(101, 8) }),
            "one of its own leaves the log as it is"
        );
    }

    #[test]
    fn a_snapshot_of_entries_in_the_same_batch_leaves_the_log_as_it_is() {
        let snapshot = Some(Snapshot { index: index(2), state: Bytes::new() });
        let batch = Batch { snapshot, append: vec![row(1), row(2), row(3)], ..Batch::default() };
        assert_eq!(extent(0, 0).after(&batch), Ok(Extent { folded: 2, ..extent(3, 0) }));
        let snapshot = Some(Snapshot { index: index(9), state: Bytes::new() });
        let batch = Batch { snapshot, append: vec![row(1)], ..Batch::default() };
        assert_eq!(extent(0, 0).after(&batch), Err(Refusal::Undecidable { given: 9, last: 1 }));
    }

    #[test]
    fn no_entry_is_decided_that_is_not_there() {
        let batch = Batch { decided: Some(index(4)), ..Batch::default() };
        assert_eq!(extent(3, 2).after(&batch), Err(Refusal::Undecidable { given: 4, last: 3 }));
    }

    #[test]
    fn no_place_is_beyond_what_can_be_stored() {
        let snapshot = Some(Snapshot { index: index(u64::MAX), state: Bytes::new() });
        let batch = Batch { snapshot, ..Batch::default() };
        assert_eq!(extent(0, 0).after(&batch), Err(Refusal::Place(u64::MAX)));
    }

    #[test]
    fn only_what_is_promised_to_somebody_waits_for_the_disk() {
        assert!(!Batch { decided: Some(index(1)), roster: Some(Bytes::new()), ..Batch::default() }.promises());
        assert!(Batch { append: vec![row(1)], ..Batch::default() }.promises());
        assert!(Batch { promised: Some(Bytes::new()), ..Batch::default() }.promises());
    }
}
