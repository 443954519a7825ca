//! What stands for entries that are no longer kept: made when it is due, sent in pieces, taken in place of the entries.

use std::sync::Arc;

use bytes::Bytes;

use super::Log;
use super::chain::Chain;
use super::durable::Op;
use super::entry::Peer;
use super::limits::{SNAPSHOT_SESSIONS, STATE_BYTES};
use super::message::{LogMessage, Snapshot, SnapshotPiece};
use super::output::LogEvent;
use crate::apply::{APPLIED_SESSIONS, SessionRow};
use crate::{Applied, Index, Regime};

/// A snapshot of which rows are missing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Gathering<P> {
    regime: Regime<P>,
    index: u64,
    rows: Vec<SessionRow>,
    floor: u64,
    state: Bytes,
    peer: P,
}

impl<P: Peer> Log<P> {
    pub(super) fn send_snapshot(&mut self, to: P) {
        let (Some(regime), Some(snapshot)) = (self.chain.regime(), &self.snapshot) else {
            return;
        };
        let rows: Vec<SessionRow> = snapshot.applied.rows().collect();
        let of = rows.len() as u64;
        let piece = |at: usize, rows: &[SessionRow]| SnapshotPiece {
            regime,
            index: snapshot.index,
            hash: snapshot.hash,
            lineage: snapshot.lineage.clone(),
            config: snapshot.config.clone(),
            config_index: snapshot.config_index,
            floor: snapshot.applied.floor(),
            at: (at * SNAPSHOT_SESSIONS) as u64,
            rows: rows.to_vec(),
            of,
            state: if at == 0 { snapshot.state.clone() } else { Bytes::new() },
        };
        let mut pieces: Vec<_> = rows.chunks(SNAPSHOT_SESSIONS).enumerate().map(|(at, rows)| piece(at, rows)).collect();
        if pieces.is_empty() {
            pieces.push(piece(0, &[]));
        }
        for piece in pieces {
            self.send(to, LogMessage::Snapshot(piece));
        }
    }

    /// Takes a snapshot that is ahead of what is decided here; or of the history that this one is given up for.
    pub(super) fn on_snapshot(&mut self, from: P, piece: SnapshotPiece<P>) {
        let SnapshotPiece { regime, index, hash, lineage, config, config_index, floor, at, rows, of, state } = piece;
        let sound = of <= APPLIED_SESSIONS as u64 && config.is_sound() && config_index <= index && index > 0;
        let begun = lineage.at(index).is_some();
        if !self.may_skip_to(from, regime, index) || !sound || !begun || state.len() > STATE_BYTES {
            return;
        }
        let mut gathering = match self.gathering.take() {
            Some(gathering) if gathering.regime == regime && gathering.index == index && gathering.peer == from => {
                gathering
            }
            _ => Gathering { regime, index, rows: Vec::new(), floor, state, peer: from },
        };
        if at != gathering.rows.len() as u64 {
            return;
        }
        gathering.rows.extend(rows);
        if (gathering.rows.len() as u64) < of {
            self.gathering = Some(gathering);
            return;
        }
        let applied = Applied::from_rows(gathering.floor, gathering.rows);
        let snapshot = Snapshot { index, hash, lineage, config, config_index, applied, state: gathering.state };
        match &mut self.giving_way {
            Some(way) if way.regime == regime && way.peer == from => way.take_start(snapshot, &self.chain),
            _ => self.install(snapshot),
        }
        self.fetching = None;
        self.fetch(from, regime);
    }

    /// Whether a snapshot in a log of this history may take the place of what is here.
    fn may_skip_to(&self, from: P, regime: Regime<P>, index: u64) -> bool {
        match self.chain.regime() {
            None => self.may_enter(regime),
            // What was accepted of a takeover is not dropped for what it left, unless a leader has shown that.
            Some(mine) if mine == regime => {
                let shown = self.followed.is_some_and(|followed| Some(followed.ballot) > self.acceptor.accepted);
                index > self.chain.decided() && (self.accepted_regime() == Some(mine) || shown)
            }
            Some(_) => {
                let way = self.giving_way.as_ref();
                way.is_some_and(|way| way.regime == regime && way.peer == from) && self.may_give_way(regime)
            }
        }
    }

    fn install(&mut self, snapshot: Snapshot<P>) {
        self.leave_role();
        if self.accepted_regime() != self.chain.regime() && self.chain.regime().is_some() {
            self.leave_history();
        }
        // Whether what was accepted here is what the snapshot stands for, and more.
        let until = snapshot.index.saturating_sub(self.acceptor.fork);
        let until = usize::try_from(until).unwrap_or(usize::MAX).min(self.acceptor.tail.len());
        let hash = self.acceptor.tail.range(..until).fold(self.chain.hash(), |hash, entry| hash.then(entry));
        let leads_there = self.acceptor.aligned && hash == snapshot.hash;
        self.leaps += 1;
        self.chain = Chain::from_snapshot(&snapshot);
        self.acceptor.staged = None;
        if self.acceptor.len() <= snapshot.index {
            // All that this acceptor accepted is decided. Its promise stays.
            self.accept_nothing(snapshot.index);
            self.disk.write(Op::Restart(Box::new(snapshot.clone())));
        } else if leads_there {
            self.disk.write(Op::Restart(Box::new(snapshot.clone())));
            while self.acceptor.fork < snapshot.index && self.acceptor.pop().is_some() {}
            let entries = self.acceptor.tail.iter().map(Arc::clone).collect();
            self.disk.write(Op::Append { after: snapshot.index, entries });
        } else {
            // It may have helped to decide entries that it does not know to be decided: only a leader's sync may take
            // them away.
            if self.acceptor.aligned {
                self.disk.write(Op::SetAside(self.acceptor.fork));
                self.acceptor.aligned = false;
            }
            self.disk.write(Op::Restart(Box::new(snapshot.clone())));
        }
        self.tell_skipped(snapshot);
    }

    /// Begins the log anew with what stands for the beginning of another history.
    pub(super) fn begin_elsewhere(&mut self, snapshot: Snapshot<P>) {
        self.begin_anew(Some(&snapshot));
        self.leave_history();
        self.accept_nothing(snapshot.index);
        self.disk.write(Op::Restart(Box::new(snapshot.clone())));
        self.tell_skipped(snapshot);
    }

    /// Nothing is accepted here but what is decided up to a place.
    fn accept_nothing(&mut self, decided: u64) {
        self.acceptor.tail.clear();
        self.acceptor.tail_weight = 0;
        self.acceptor.configs.clear();
        self.acceptor.fork = decided;
        self.acceptor.aligned = true;
        self.acceptor.accepted = None;
        self.disk.write(Op::DropAside);
        self.disk.write(Op::Accepted(None));
    }

    fn tell_skipped(&mut self, snapshot: Snapshot<P>) {
        self.applied = snapshot.applied.clone();
        self.histories_changed = true;
        if let Some(index) = Index::new(snapshot.index) {
            self.events.push_back(LogEvent::Skipped { index, state: snapshot.state.clone() });
        }
        self.due = None;
        self.snapshot = Some(snapshot);
    }

    /// Takes a snapshot when one is due.
    pub(super) fn review_snapshot(&mut self) {
        let decided = self.chain.decided();
        let last = self.snapshot.as_ref().map_or(0, |snapshot| snapshot.index);
        let due = decided - last.min(decided) >= self.config.snapshot_entries
            || self.unsnapshot_bytes >= self.config.snapshot_bytes;
        if due
            && self.due.is_none()
            && let Some((config_index, config)) = self.chain.config_at(decided)
        {
            let config = config.clone();
            let (hash, lineage, applied) = (self.chain.hash(), self.chain.lineage().clone(), self.applied.clone());
            let state = Bytes::new();
            let snapshot = Snapshot { index: decided, hash, lineage, config, config_index, applied, state };
            self.unsnapshot_bytes = 0;
            match Index::new(decided).filter(|_| self.config.has_state) {
                Some(index) => {
                    self.due = Some(snapshot);
                    self.events.push_back(LogEvent::SnapshotDue { index });
                }
                None => self.take_snapshot(snapshot),
            }
        }
        self.let_go();
    }

    pub(super) fn take_snapshot(&mut self, snapshot: Snapshot<P>) {
        self.disk.write(Op::Snapshot(Box::new(snapshot.clone())));
        self.snapshot = Some(snapshot);
        self.let_go();
    }

    /// Lets go of the entries that a snapshot stands for, but for the last.
    fn let_go(&mut self) {
        let decided = self.chain.decided();
        let keep = self.config.keep_entries as u64;
        let last = self.snapshot.as_ref().map_or(0, |snapshot| snapshot.index);
        self.chain.trim(decided.saturating_sub(keep).min(last).min(self.acceptor.fork.max(self.trim_floor())));
    }

    /// An acceptor that is not aligned still refers to entries after its fork.
    fn trim_floor(&self) -> u64 {
        if self.acceptor.tail.is_empty() { u64::MAX } else { 0 }
    }
}
