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
        let (Some(regime), Some(snapshot)) = (self.chain.regime, &self.snapshot) else {
            return;
        };
        let rows: Vec<SessionRow> = snapshot.applied.rows().collect();
        let of = rows.len() as u64;
        let piece = |at: usize, rows: &[SessionRow]| SnapshotPiece {
            regime,
            index: snapshot.index,
            hash: snapshot.hash,
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

    /// Takes a snapshot that is ahead of what is decided here, or of a greater regime.
    pub(super) fn on_snapshot(&mut self, from: P, piece: SnapshotPiece<P>) {
        let SnapshotPiece { regime, index, hash, config, config_index, floor, at, rows, of, state } = piece;
        let ahead =
            Some(regime) > self.chain.regime || Some(regime) == self.chain.regime && index > self.chain.decided();
        let sound = of <= APPLIED_SESSIONS as u64 && config.is_sound() && config_index <= index && index > 0;
        if !ahead || !sound || state.len() > STATE_BYTES {
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
        self.install(regime, Snapshot { index, hash, config, config_index, applied, state: gathering.state });
        self.fetching = None;
        self.fetch(from, regime);
    }

    fn install(&mut self, regime: Regime<P>, snapshot: Snapshot<P>) {
        self.leave_role();
        let other_regime = self.chain.regime.is_some_and(|mine| mine < regime);
        // Whether what was accepted here is what the snapshot stands for, and more.
        let until = snapshot.index.saturating_sub(self.acceptor.fork);
        let until = usize::try_from(until).unwrap_or(usize::MAX).min(self.acceptor.tail.len());
        let hash = self.acceptor.tail.range(..until).fold(self.chain.hash(), |hash, entry| hash.then(entry));
        let leads_there = self.acceptor.aligned && hash == snapshot.hash;
        if other_regime {
            self.begin_anew(regime, Some(&snapshot));
        } else {
            self.leaps += 1;
            self.chain = Chain::from_snapshot(Some(regime), &snapshot);
        }
        let keeps_more = !other_regime && self.acceptor.len() > snapshot.index;
        self.acceptor.staged = None;
        self.applied = snapshot.applied.clone();
        if !keeps_more {
            // All that this acceptor accepted is decided, or of a regime that is left. Its promise stays.
            self.acceptor.tail.clear();
            self.acceptor.tail_weight = 0;
            self.acceptor.configs.clear();
            self.acceptor.fork = snapshot.index;
            self.acceptor.aligned = true;
            self.acceptor.accepted = None;
            self.disk.write(Op::DropAside);
            self.disk.write(Op::Accepted(None));
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
        self.disk.write(Op::Regime(regime));
        if let Some(index) = Index::new(snapshot.index) {
            self.events.push_back(LogEvent::Skipped { index, state: snapshot.state.clone() });
        }
        self.switch = None;
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
            let (hash, applied) = (self.chain.hash(), self.applied.clone());
            let snapshot = Snapshot { index: decided, hash, config, config_index, applied, state: Bytes::new() };
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
