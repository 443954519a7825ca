//! The confirmed log: Paxos over the whole log, led by whomever the election names and never trusting it.
//!
//! # The story
//!
//! A [`Log`] is one sequence of [`Entry`] that all members share. The elected leader *prepares*: it takes a ballot above
//! every one it has seen and asks the voters to promise that nothing lower will be accepted. Each promise brings what the
//! promiser's log has beyond the leader's, so a leader may be elected whatever its own log lacks. When the promises are
//! a quorum of each configuration that may be in force, the greatest log among them, by (ballot, length), is the
//! leader's: it has *established* it. It *syncs* the voters, each of which takes the whole log over at once, and from then
//! on appends: *accept* and *accepted*. What a quorum has on disk is *decided*. Nothing that was decided can be missing
//! from a log established later, because each quorum shares a voter with each other, and that voter's promise brings it.
//!
//! Who votes is an entry itself, a [`Config`], in force for what comes after it. It may be carried by exactly half of
//! the voters before, if the tie-breaker that they name is among them; so a group shrinks with its members, down to one.
//! A quorum of *each* configuration that is live in the established log has promised, or two halves might not meet.
//!
//! # Data flow
//!
//! ```text
//!            handle_message ─▶ acceptor ── Op ──▶ disk ── poll_write ─▶
//!   leader: lead_entries ────▶   │ tail           │ handle_written
//!                                ▼ decided        ▼
//!            Learn ───────────▶ chain         what waited: Promise, Accepted, own vote ── poll_transmit ─▶
//!                                │
//!                                ▼ poll_event: Decided, in order
//! ```
//!
//! The *tail* is what this peer accepted and does not know to be decided; the *chain* is what is decided. Nothing that
//! rests on a write leaves before the write is durable. A `Learn` fills the chain and never an acceptor's state.
//!
//! # Invariants
//!
//! 1. Any two members of a regime agree on every place that both have decided.
//! 2. What is promised never goes back, across crashes too, nor does what is accepted while the history is the same; the
//!    chain only grows, save when a history is given up for another.
//! 3. A ballot has one leader, and logs accepted under the same ballot are prefixes of each other.
//! 4. What a quorum ever acknowledged is in every log established later in the regime.
//! 5. No ballot, no promise and no acknowledgement leaves before what it says is on disk.
//! 6. At most one configuration is proposed that is not decided.

mod acceptor;
mod arbitration;
mod catch_up;
mod chain;
mod config_change;
mod durable;
mod entry;
mod giving_way;
mod leader;
mod limits;
mod lineage;
mod members;
mod message;
mod output;
mod prepare;
mod quorum;
mod snapshot;
mod standings;
mod start;
mod step;
mod view;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::{Applied, Ballot, Index, Regime, Say, Session, Verdict};
use acceptor::{Acceptor, Beat, SyncPiece, Theirs};
use catch_up::{Fetching, Followed, Learnt};
use chain::Chain;
use durable::Disk;
use giving_way::GivingWay;
use leader::{Asked, Leading};
use members::Members;
use prepare::{Preparing, PromisePiece};
use snapshot::Gathering;
use standings::Standings;
use step::Gated;

pub use durable::{Durable, Op, Write};
pub use entry::{Config, Entry, Fork, Peer, RunningHash};
pub use limits::{LogConfig, MESSAGE_BYTES, MESSAGE_ENTRIES, STATE_BYTES, VOTERS_MAX};
pub use lineage::Lineage;
pub use members::Loss;
pub use message::{Entries, LogMessage, Snapshot, SnapshotPiece, Standing};
pub use output::{Alarm, LogEvent, LogTransmit, Read};

/// One member's part in the confirmed log.
///
/// # Driving it
///
/// After each `handle_*` take all there is from [`poll_write`](Self::poll_write), [`poll_transmit`](Self::poll_transmit),
/// [`poll_event`](Self::poll_event) and, with a store, [`poll_read`](Self::poll_read); then wait for the next input or
/// until [`poll_timeout`](Self::poll_timeout). More inputs before the next poll make larger batches. Whoever has no
/// disk calls [`handle_written`](Self::handle_written) with each ticket at once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Log<P> {
    me: P,
    config: LogConfig,
    /// The time of the last input.
    now: Instant,
    /// When this run began.
    started: Instant,
    members: Members<P>,
    /// What those in reach hold.
    standings: Standings<P>,
    /// Whether something has changed that decides which history ought to stand.
    histories_changed: bool,
    /// When that has to be looked at again, should nothing change.
    look_at: Option<Instant>,
    /// Of which history this log is, as those in reach were told.
    told: Option<Regime<P>>,
    /// The history that ought to stand: none, if none in reach has a quorum.
    best: Option<Regime<P>>,
    /// Whether that is this peer's, as far as was told.
    stands: bool,
    /// For which history the lead was handed over last, and when.
    handed_over: Option<(Regime<P>, Instant)>,
    /// Whom the election names.
    leader: Option<P>,
    /// What that one showed last.
    followed: Option<Followed<P>>,
    /// The greatest ballot seen of anybody.
    seen: Option<Ballot<P>>,
    chain: Chain<P>,
    acceptor: Acceptor<P>,
    applied: Applied,
    role: Role<P>,
    /// After an alarm this peer does not lead until it is elected anew.
    stopped: bool,
    /// When to prepare again after a refusal.
    retry_at: Option<Instant>,
    disk: Disk<P, Gated<P>>,
    /// When a leader may be asked for a sync again.
    asked: Option<Instant>,
    fetching: Option<Fetching<P>>,
    giving_way: Option<GivingWay<P>>,
    gathering: Option<Gathering<P>>,
    snapshot: Option<Snapshot<P>>,
    /// A snapshot that lacks only what the program above keeps.
    due: Option<Snapshot<P>>,
    unsnapshot_bytes: usize,
    quorum: Option<(bool, Vec<P>)>,
    /// Whether something has changed that decides who is to vote.
    voters_changed: bool,
    /// When the voters have to be looked at again, should nothing change.
    review_at: Option<Instant>,
    leaving: Option<Leaving>,
    /// Since when the election names this peer.
    leads_since: Option<Instant>,
    /// The exactly-once table after the whole log, decided or not, while this peer leads.
    proposed: Option<Applied>,
    /// The acknowledgement to send next: a greater length replaces a lesser.
    ack: Option<(P, Ballot<P>, u64)>,
    /// See [`leaps`](Self::leaps).
    leaps: u64,
    reads: VecDeque<Read<P>>,
    transmits: VecDeque<LogTransmit<P>>,
    events: VecDeque<LogEvent<P>>,
}

/// What this peer does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Role<P> {
    Following,
    Preparing(Preparing<P>),
    Leading(Leading<P>),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Leaving {
    until: Instant,
    next_ask: Instant,
    told: bool,
}

impl<P: Peer> Log<P> {
    /// Whom the election follows; oneself, if elected.
    pub fn handle_leader(&mut self, leader: Option<P>, now: Instant) {
        self.step(now, |log| {
            if log.leader != leader {
                log.followed = None;
                log.giving_way = None;
                log.histories_changed = true;
                log.show_history(leader);
            }
            log.leader = leader;
            log.stopped = false;
            log.retry_at = None;
            if leader == Some(log.me) {
                log.leads_since.get_or_insert(now);
            } else {
                log.leads_since = None;
                log.role = Role::Following;
            }
        });
    }

    /// A peer can be reached: they compare what they have decided.
    pub fn handle_reachable(&mut self, peer: P, now: Instant) {
        self.step(now, |log| {
            if peer != log.me {
                log.members.reach(peer, now);
                log.voters_changed = true;
                log.send_status(peer);
            }
        });
    }

    /// Compares what is decided here with what a peer has: to be called now and then with one that is reachable, by lot. While
    /// somebody leads that can decide, its beats do more.
    pub fn compare(&mut self, peer: P, now: Instant) {
        self.step(now, |log| {
            if log.members.is_reachable(peer) {
                log.send_status(peer);
            }
        });
    }

    /// A peer can no longer be reached. May be called again when more is known of why.
    pub fn handle_unreachable(&mut self, peer: P, loss: Loss, now: Instant) {
        self.step(now, |log| {
            log.members.lose(peer, loss, now);
            log.standings.forget(peer);
            log.voters_changed = true;
            log.histories_changed = true;
            log.fetch_elsewhere(peer);
        });
    }

    /// The members, the highest-ranked first, this peer among them.
    pub fn handle_members(&mut self, ranked: &[P], now: Instant) {
        self.step(now, |log| {
            let voters = log.live_voters();
            log.members.rank(ranked, &voters);
            log.voters_changed = true;
        });
    }

    /// A message came.
    pub fn handle_message(&mut self, from: P, message: LogMessage<P>, now: Instant) {
        self.step(now, |log| {
            if from != log.me && message.is_sound() {
                log.receive(from, message);
            }
        });
    }

    /// All up to the write with this ticket would survive a crash.
    pub fn handle_written(&mut self, ticket: u64, now: Instant) {
        self.step(now, |log| {
            log.disk.written(ticket);
            while let Some(thing) = log.disk.pop_ready() {
                log.let_out(thing);
            }
        });
    }

    /// What was asked for by [`poll_read`](Self::poll_read): entries after `read.from`, no more than [`MESSAGE_BYTES`] and
    /// [`MESSAGE_ENTRIES`] of them, read after all writes that were polled before it.
    pub fn handle_read(&mut self, read: Read<P>, entries: Entries<P>, now: Instant) {
        self.step(now, |log| log.send_read(read, entries));
    }

    /// The time is `now`. Early, this changes nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.step(now, |_| {});
    }

    /// Puts a line at the end of the log. Returns whether this peer leads, has room, and the line is the next of its
    /// session there; if not, nothing has changed.
    pub fn propose(&mut self, say: &Say) -> bool {
        if !self.has_room() {
            return false;
        }
        let index = self.acceptor.len() + 1;
        let is_next = self.proposed.as_mut().is_some_and(|table| table.apply(say, index) == Verdict::Applied);
        is_next && self.lead_entries(vec![Arc::new(Entry::Line(say.clone()))])
    }

    /// The exactly-once table after all that is accepted, decided or not: what a leader proposes comes after that.
    pub(super) fn table_of_accepted(&self) -> Applied {
        let mut table = self.applied.clone();
        for (at, entry) in (self.acceptor.fork + 1..).zip(&self.acceptor.tail) {
            table.fold(entry, at);
        }
        table
    }

    /// Puts down at the end of the log that the lines of a session below `next` are not to be had: see [`Entry::Skip`]. Returns
    /// whether this peer leads, has room, and lines below that are awaited there.
    pub fn skip(&mut self, session: Session, next: u64) -> bool {
        let index = self.acceptor.len() + 1;
        let entry = Arc::new(Entry::Skip { session, next });
        let is_awaited = self.proposed.as_ref().is_some_and(|table| table.next(session) < next);
        if !self.has_room() || !is_awaited {
            return false;
        }
        self.proposed.iter_mut().for_each(|table| _ = table.fold(&entry, index));
        self.lead_entries(vec![entry])
    }

    /// Puts a note at the end of the log. Returns whether this peer leads and has room.
    pub fn note(&mut self, tag: u16, body: Bytes) -> bool {
        self.has_room() && self.lead_entries(vec![Arc::new(Entry::Note { tag, body })])
    }

    /// What the program above amounts to at a place, as [`LogEvent::SnapshotDue`] asked. Returns whether the snapshot is made: not if
    /// that is longer than [`STATE_BYTES`], or the place is no longer decided.
    pub fn keep_state(&mut self, index: Index, state: Bytes) -> bool {
        match self.due.take_if(|due| due.index == index.number()) {
            Some(due) if state.len() <= STATE_BYTES => {
                self.take_snapshot(Snapshot { state, ..due });
                true
            }
            _ => false,
        }
    }

    /// A person's word that the voters which cannot be reached, or have gone over to another history, exactly `lost`, are dead:
    /// the reachable members go on without them, in a new regime. Only at the elected leader. Returns whether it began.
    pub fn takeover(&mut self, lost: &[P], now: Instant) -> bool {
        let missing = self.missing_voters();
        let mut lost = lost.to_vec();
        lost.sort_unstable();
        let may = self.leader == Some(self.me) && !missing.is_empty() && missing == lost;
        if may {
            self.step(now, |log| log.become_preparing(true));
        }
        may
    }

    /// This peer wants to leave; [`LogEvent::Left`] says when it may, in 2 s at most.
    pub fn leave(&mut self, now: Instant) {
        self.step(now, |log| {
            let until = log.leave_until();
            log.voters_changed = true;
            log.leaving.get_or_insert(Leaving { until, next_ask: now, told: false });
        });
    }

    /// The next batch for the disk.
    pub fn poll_write(&mut self) -> Option<Write<P>> {
        self.disk.poll()
    }

    /// The next message to send, in the order to send them.
    pub fn poll_transmit(&mut self) -> Option<LogTransmit<P>> {
        if self.transmits.is_empty() {
            if let Some((to, ballot, len)) = self.ack.take() {
                self.send(to, LogMessage::Accepted { ballot, len });
            }
            self.flush_leader();
        }
        self.transmits.pop_front()
    }

    /// The next event, in the order they happened.
    pub fn poll_event(&mut self) -> Option<LogEvent<P>> {
        self.events.pop_front()
    }

    /// What to read from the store, and hand to [`handle_read`](Self::handle_read).
    pub fn poll_read(&mut self) -> Option<Read<P>> {
        self.reads.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) next has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let beat = match &self.role {
            Role::Following => None,
            Role::Preparing(preparing) => Some(preparing.next_beat),
            Role::Leading(leading) => Some(leading.next_beat),
        };
        let review = self.review_at.filter(|_| matches!(self.role, Role::Leading(_)));
        let leaving = self.leaving.as_ref().filter(|leaving| !leaving.told);
        let leaving = leaving.map(|leaving| leaving.next_ask.min(leaving.until));
        let may_retry = self.leader == Some(self.me) && !self.stopped && self.role == Role::Following;
        let retry = self.retry_at.filter(|_| may_retry);
        let next = [beat, review, retry, leaving, self.look_at, self.begins_at()].into_iter().flatten().min();
        next.map(|at| at.max(self.now))
    }
}
