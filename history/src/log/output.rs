//! What comes out of a log.

use std::sync::Arc;

use bytes::Bytes;

use super::entry::Entry;
use super::message::LogMessage;
use crate::{Ballot, Index, Regime};

/// A message to be sent, encoded once for all its receivers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogTransmit<P> {
    /// To whom; at least one.
    pub to: Vec<P>,
    /// What.
    pub message: LogMessage<P>,
}

/// Something the layer above wants to know.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LogEvent<P> {
    /// This is the next decided entry. Each place comes once and in order, save after [`Undecided`](Self::Undecided) and
    /// from the start again after a restart.
    Decided {
        /// Its place.
        index: Index,
        /// The entry.
        entry: Arc<Entry<P>>,
        /// Whether it counts: false for a line that was applied before, or whose session has expired.
        applies: bool,
    },
    /// This history was given up for another: the entries from here on lost their places, the last ones first.
    Undecided {
        /// The place.
        index: Index,
        /// What stood there.
        entry: Arc<Entry<P>>,
    },
    /// Everything up to here is as a snapshot says; the entries themselves are not told.
    Skipped {
        /// The place.
        index: Index,
        /// What the program above kept there: see [`SnapshotDue`](Self::SnapshotDue).
        state: Bytes,
    },
    /// A snapshot is due of everything up to here, all of which has been told: the program above is to say what it amounts to,
    /// by [`Log::keep_state`](crate::Log::keep_state). Only with [`LogConfig::has_state`](crate::LogConfig::has_state).
    SnapshotDue {
        /// The place.
        index: Index,
    },
    /// Whether lines can be confirmed has changed, or who is missing while they cannot.
    Quorum {
        /// Whether more than half of the voters can be reached.
        held: bool,
        /// The voters that cannot.
        missing: Vec<P>,
    },
    /// Something is wrong that must not be: somebody should look. This peer goes on only as far as that is safe.
    Alarm(Alarm<P>),
    /// Whether this peer's history ought to stand has changed: see [`Log::stands`](crate::Log::stands).
    Stands(bool),
    /// The election names this peer, and another history ought to stand: this member of that one is to lead.
    HandOver {
        /// The highest-ranked of them.
        to: P,
    },
    /// This peer may say good-bye: it is no voter any more, or has waited for long enough.
    Left,
}

/// What must not be, and is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Alarm<P> {
    /// A leader's log would change what is decided here. It was refused.
    DecidedWouldChange {
        /// Under which ballot.
        ballot: Ballot<P>,
        /// How much is decided here.
        decided: u64,
    },
    /// A peer has decided something else in the same regime.
    Diverged {
        /// Who.
        peer: P,
        /// At or before which place.
        index: u64,
    },
}

/// A wish to read decided entries that are no longer in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Read<P> {
    /// For whom.
    pub to: P,
    /// What they come after.
    pub from: u64,
    /// In which history: what is read is worth nothing once this peer has given that up.
    pub regime: Regime<P>,
}
