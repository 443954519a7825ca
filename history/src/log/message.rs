//! What logs tell each other.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::entry::{Config, Entry, Peer, RunningHash};
use super::limits::{MESSAGE_ENTRIES, NUMBER_MAX, PROPOSED_MAX};
use super::lineage::Lineage;
use crate::apply::SessionRow;
use crate::{Ballot, Regime};

/// Entries, shared rather than copied wherever they go.
pub type Entries<P> = Vec<Arc<Entry<P>>>;

/// What one log tells another. Lengths and places are numbers of entries from the start of the log.
///
/// A regime in a message names the history that its sender's log is of; a ballot does not.
///
/// ```text
/// leader    ── Prepare ─────────────▶ voters of every live configuration, each heartbeat until answered
///           ◀─ Promise ──────────────  I follow you; my log, where it is ahead of yours   (or Nack, or Stale)
///           ── More ────────────────▶ the next piece of a long Promise
///           ── Sync ────────────────▶ my log; take it whole
///           ── Accept, Accept, … ───▶ more entries
///           ◀─ Accepted ─────────────  all up to here is on my disk                       (or Nack, or Ask)
///           ── Beat ────────────────▶ where the log is; each heartbeat, and when something is decided
///           ◀─ Ask ──────────────────  I am not where you say; Sync me
///           ── Learn ───────────────▶ everybody else: what was decided
///
/// anybody   ── Fetch ───────────────▶ anybody: what was decided after this?
///           ◀─ Learn, Snapshot ──────
/// anybody   ── Status ──────────────▶ whom it meets: what I hold decided, and who has to agree there
/// voter     ── Leaving ─────────────▶ leader: make a configuration without me
/// ```
///
/// Every message may be lost, repeated or late; a beat finds what is missing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LogMessage<P> {
    /// From an elected leader. The receiver promises if it follows the sender and promised nothing as high.
    Prepare {
        /// Above every ballot the sender has seen.
        ballot: Ballot<P>,
        /// Whether a person has said that the voters which cannot be reached are dead: then others than followers promise too.
        person: bool,
        /// The history of what the sender knows to be decided.
        chain: Option<Regime<P>>,
        /// The history of the sender's accepted log.
        regime: Option<Regime<P>>,
        /// Where the last configuration stands that the sender knows to be decided.
        config_index: u64,
        /// How much the sender knows to be decided.
        decided: u64,
        /// The length of the sender's accepted log.
        len: u64,
        /// Under which ballot it was accepted.
        accepted: Option<Ballot<P>>,
    },
    /// The answer: nothing lower will be accepted by the sender.
    Promise {
        /// The ballot promised.
        ballot: Ballot<P>,
        /// The history of what the sender knows to be decided.
        chain: Option<Regime<P>>,
        /// The history of the sender's accepted log.
        regime: Option<Regime<P>>,
        /// Whether the sender keeps that log back, because it is of no history that the leader's log is of.
        withheld: bool,
        /// Before this ballot the sender may have acknowledged entries of another history. Of it, it has nothing any more.
        left: Option<Ballot<P>>,
        /// The ballot of the sender's accepted log.
        accepted: Option<Ballot<P>>,
        /// How much the sender knows to be decided.
        decided: u64,
        /// The length of the sender's accepted log.
        len: u64,
        /// What `entries` come after.
        from: u64,
        /// A piece of the sender's log, none if the leader's is the greater or this one is withheld.
        entries: Entries<P>,
    },
    /// The leader lacks the rest of a promiser's log.
    More {
        /// The ballot promised.
        ballot: Ballot<P>,
        /// What the next piece comes after.
        from: u64,
    },
    /// A piece of the log of an established leader. When all are there the receiver takes them over at once.
    Sync {
        /// The leader's.
        ballot: Ballot<P>,
        /// The history of what is decided there.
        regime: Option<Regime<P>>,
        /// A follower whose log was accepted under this ballot has a log that agrees up to `start`.
        prior: Option<Ballot<P>>,
        /// What the log is replaced after.
        start: u64,
        /// The running hash there, if it is decided at the leader.
        hash: Option<RunningHash>,
        /// What `entries` come after.
        from: u64,
        /// This piece.
        entries: Entries<P>,
        /// The length of the log when all pieces are in.
        len: u64,
    },
    /// Entries to append. The receiver does if it is synced to `ballot` and exactly `prev_len` long.
    Accept {
        /// The leader's.
        ballot: Ballot<P>,
        /// What they come after.
        prev_len: u64,
        /// At least one.
        entries: Entries<P>,
        /// How much is decided.
        decided: u64,
    },
    /// The sender has the leader's log up to `len` on disk.
    Accepted {
        /// The leader's.
        ballot: Ballot<P>,
        /// How much of it.
        len: u64,
    },
    /// Where the leader's log is.
    Beat {
        /// The leader's.
        ballot: Ballot<P>,
        /// The history of what is decided there.
        regime: Option<Regime<P>>,
        /// How long the log is.
        len: u64,
        /// How much of it is decided.
        decided: u64,
        /// Whether the receiver is to hold what is not decided too.
        sync: bool,
        /// Whether a quorum has answered since anybody came in reach or was lost, and no other history in reach ought to stand:
        /// whoever is of another gives that up for this one.
        sure: bool,
    },
    /// The sender is not where the leader's beat says, and wants a [`Sync`](Self::Sync).
    Ask {
        /// The leader's.
        ballot: Ballot<P>,
        /// The ballot of the sender's accepted log.
        accepted: Option<Ballot<P>>,
        /// Its length.
        len: u64,
        /// How much the sender knows to be decided.
        decided: u64,
        /// The running hash there.
        hash: RunningHash,
    },
    /// The sender promised more than it was offered.
    Nack {
        /// What it promised.
        promised: Ballot<P>,
    },
    /// The leader that prepares has to catch up first: fetch from the sender.
    Stale {
        /// The history of what the sender knows to be decided.
        chain: Regime<P>,
        /// How much the sender knows to be decided.
        decided: u64,
    },
    /// The sender lacks what was decided after `from`.
    Fetch {
        /// Of which regime.
        regime: Regime<P>,
        /// What it has.
        from: u64,
        /// The running hash there.
        hash: RunningHash,
    },
    /// Decided entries.
    Learn {
        /// Of which regime.
        regime: Regime<P>,
        /// What they come after.
        from: u64,
        /// The running hash there, if the sender still has it.
        hash: Option<RunningHash>,
        /// The entries.
        entries: Entries<P>,
        /// How much the sender knows to be decided.
        decided: u64,
    },
    /// What stands for all entries up to its index, which the sender no longer has.
    Snapshot(SnapshotPiece<P>),
    /// What the sender holds; the receiver compares, and fetches if it has less of the same history.
    Status(Standing<P>),
    /// The sender, a voter, wants to leave.
    Leaving,
}

/// How a log stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Standing<P> {
    /// Of which history it is, and which led there. Empty while it knows of none.
    pub lineage: Lineage<P>,
    /// How much is decided.
    pub decided: u64,
    /// The running hash there.
    pub hash: RunningHash,
    /// Who has to agree to what follows.
    pub config: Option<Config<P>>,
    /// Under which ballot what it has accepted was accepted.
    pub accepted: Option<Ballot<P>>,
    /// The configurations that are accepted there and not known to be decided, each with its place: they have to agree too.
    pub proposed: Vec<(u64, Config<P>)>,
    /// The greatest ballot that it has seen of anybody.
    pub seen: Option<Ballot<P>>,
}

/// What the log amounts to at some place.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Snapshot<P> {
    /// The place.
    pub index: u64,
    /// The running hash there.
    pub hash: RunningHash,
    /// The histories that led there.
    pub lineage: Lineage<P>,
    /// The configuration in force there.
    pub config: Config<P>,
    /// Where it stands.
    pub config_index: u64,
    /// The exactly-once table.
    pub applied: crate::Applied,
    /// What a program above keeps, folded from the same entries: opaque here, [`STATE_BYTES`](crate::STATE_BYTES) at most.
    pub state: Bytes,
}

/// A part of a [`Snapshot`], which may be too long for one message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SnapshotPiece<P> {
    /// The history of the sender's log, which may have begun after the snapshot.
    pub regime: Regime<P>,
    /// See [`Snapshot`].
    pub index: u64,
    /// See [`Snapshot`].
    pub hash: RunningHash,
    /// See [`Snapshot`].
    pub lineage: Lineage<P>,
    /// See [`Snapshot`].
    pub config: Config<P>,
    /// See [`Snapshot`].
    pub config_index: u64,
    /// The floor of the exactly-once table.
    pub floor: u64,
    /// How many of its rows came before these.
    pub at: u64,
    /// The next rows.
    pub rows: Vec<SessionRow>,
    /// How many there are in all.
    pub of: u64,
    /// See [`Snapshot`]: in the first piece, and empty in the others.
    pub state: Bytes,
}

impl<P: Peer> Standing<P> {
    /// Of which history it is.
    pub fn regime(&self) -> Option<Regime<P>> {
        self.lineage.regime()
    }

    /// By which accepted logs are compared: the greatest is the one that a leader goes on with.
    pub(super) fn greatness(&self) -> (Option<Ballot<P>>, u64) {
        (self.accepted, self.proposed.last().map_or(0, |(at, _)| *at))
    }

    fn is_sound(&self) -> bool {
        let plausible = |ballot: &Ballot<P>| ballot.round < NUMBER_MAX && ballot.regime.number < NUMBER_MAX;
        self.lineage.is_sound()
            && self.config.iter().chain(self.proposed.iter().map(|(_, config)| config)).all(Config::is_sound)
            && self.proposed.len() <= PROPOSED_MAX
            && self.seen.iter().chain(&self.accepted).all(plausible)
    }
}

impl<P: Peer> LogMessage<P> {
    /// Its name in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Prepare { .. } => "Prepare",
            Self::Promise { .. } => "Promise",
            Self::More { .. } => "More",
            Self::Sync { .. } => "Sync",
            Self::Accept { .. } => "Accept",
            Self::Accepted { .. } => "Accepted",
            Self::Beat { .. } => "Beat",
            Self::Ask { .. } => "Ask",
            Self::Nack { .. } => "Nack",
            Self::Stale { .. } => "Stale",
            Self::Fetch { .. } => "Fetch",
            Self::Learn { .. } => "Learn",
            Self::Snapshot(_) => "Snapshot",
            Self::Status(_) => "LogStatus",
            Self::Leaving => "Leaving",
        }
    }

    /// Whether an honest log could have sent it: no length near the end of the number, no more entries than fit.
    pub(super) fn is_sound(&self) -> bool {
        let (lengths, entries): (Vec<u64>, usize) = match self {
            Self::Prepare { ballot, config_index, decided, len, .. } => {
                (vec![ballot.round, *config_index, *decided, *len], 0)
            }
            Self::Promise { ballot, decided, len, from, entries, left, .. } => {
                (vec![ballot.round, *decided, *len, *from, left.map_or(0, |left| left.round)], entries.len())
            }
            Self::More { ballot, from } => (vec![ballot.round, *from], 0),
            Self::Sync { ballot, start, from, entries, len, .. } => {
                (vec![ballot.round, *start, *from, *len], entries.len())
            }
            Self::Accept { ballot, prev_len, entries, decided } => {
                (vec![ballot.round, *prev_len, *decided], entries.len())
            }
            Self::Accepted { ballot, len } => (vec![ballot.round, *len], 0),
            Self::Beat { ballot, len, decided, .. } => (vec![ballot.round, *len, *decided], 0),
            Self::Ask { ballot, len, decided, .. } => (vec![ballot.round, *len, *decided], 0),
            Self::Nack { promised } => (vec![promised.round, promised.regime.number], 0),
            Self::Stale { chain, decided } => (vec![chain.number, *decided], 0),
            Self::Fetch { regime, from, .. } => (vec![regime.number, *from], 0),
            Self::Learn { regime, from, entries, decided, .. } => (vec![regime.number, *from, *decided], entries.len()),
            Self::Snapshot(piece) if !piece.lineage.is_sound() => return false,
            Self::Snapshot(piece) => (vec![piece.index, piece.at, piece.of], piece.rows.len().min(MESSAGE_ENTRIES)),
            Self::Status(standing) if !standing.is_sound() => return false,
            Self::Status(standing) => (vec![standing.decided], 0),
            Self::Leaving => (vec![], 0),
        };
        lengths.iter().all(|len| *len < NUMBER_MAX) && entries <= MESSAGE_ENTRIES
    }
}
