//! What every input leads to, and what leaves only once it is on the disk.

use std::sync::Arc;
use std::time::Instant;

use super::{
    Alarm, Asked, Beat, Entry, Learnt, Log, LogEvent, LogMessage, LogTransmit, Peer, PromisePiece, Role, SyncPiece,
    Theirs,
};
use crate::{Ballot, Index};

/// What waits for the disk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Gated<P> {
    Send(P, Box<LogMessage<P>>),
    Accepted(P, Ballot<P>, u64),
    OwnPromise(Ballot<P>),
}

impl<P: Peer> Log<P> {
    pub(super) fn step(&mut self, now: Instant, input: impl FnOnce(&mut Self)) {
        self.now = self.now.max(now);
        input(self);
        self.go_on();
    }

    /// Does what is due after any change.
    pub(super) fn go_on(&mut self) {
        if self.begins_at().is_some_and(|at| at <= self.now) {
            self.begin_here();
        }
        self.outbid();
        self.review_histories();
        let elected = self.leader == Some(self.me) && !self.stopped;
        let waits = self.retry_at.is_some_and(|at| self.now < at);
        match &self.role {
            Role::Following if elected && !waits => {
                self.retry_at = None;
                self.become_preparing(false);
            }
            Role::Preparing(preparing) if preparing.next_beat <= self.now => {
                self.send_prepare();
                self.try_establish();
            }
            _ => {}
        }
        self.review_voters();
        self.go_on_leaving();
        self.review_quorum();
        self.review_snapshot();
    }

    pub(super) fn receive(&mut self, from: P, message: LogMessage<P>) {
        match message {
            LogMessage::Prepare { ballot, person, chain, regime, config_index, decided, len, accepted } => {
                self.on_prepare(from, Theirs { ballot, person, chain, regime, config_index, decided, len, accepted });
            }
            LogMessage::Promise {
                ballot,
                chain,
                regime,
                withheld,
                left,
                accepted,
                decided,
                len,
                from: at,
                entries,
            } => {
                let piece = PromisePiece { chain, regime, withheld, left, accepted, decided, len, from: at, entries };
                self.on_promise(from, ballot, piece);
            }
            LogMessage::More { ballot, from: after } => self.on_more(from, ballot, after),
            LogMessage::Sync { ballot, regime, prior, start, hash, from: at, entries, len } => {
                self.on_sync(from, SyncPiece { ballot, regime, prior, start, hash, from: at, entries, len });
            }
            LogMessage::Accept { ballot, prev_len, entries, decided } => {
                self.on_accept(from, ballot, prev_len, entries, decided);
            }
            LogMessage::Accepted { ballot, len } => self.on_accepted(from, ballot, len),
            LogMessage::Beat { ballot, regime, len, decided, sync, sure } => {
                self.on_beat(from, Beat { ballot, regime, len, decided, sync, sure });
            }
            LogMessage::Ask { ballot, accepted, len, decided, hash } => {
                self.on_ask(from, ballot, Asked { accepted, len, decided, hash });
            }
            LogMessage::Nack { promised } => self.on_nack(promised),
            LogMessage::Stale { chain, decided } => self.on_stale(from, chain, decided),
            LogMessage::Fetch { regime, from: after, hash } => self.on_fetch(from, regime, after, hash),
            LogMessage::Learn { regime, from: at, hash, entries, decided } => {
                self.on_learn(from, Learnt { regime, from: at, hash, entries, decided });
            }
            LogMessage::Snapshot(piece) => self.on_snapshot(from, piece),
            LogMessage::Status(standing) => self.on_status(from, standing),
            LogMessage::Leaving => self.on_leaving(from),
        }
    }

    /// Puts the next decided entry into the chain, and into state.
    pub(super) fn settle(&mut self, entry: Arc<Entry<P>>) {
        let before = self.chain.regime();
        self.chain.push(Arc::clone(&entry));
        if before != self.chain.regime() {
            self.histories_changed = true;
            // Whatever was asked for on the way into another history rests on the one before.
            self.giving_way = None;
        }
        let decided = self.chain.decided();
        self.unsnapshot_bytes += entry.weight();
        self.disk.note_decided(decided);
        let applies = self.applied.fold(&entry, decided);
        if entry.config().is_some() {
            // Whoever restarts without knowing it needs the voters before it too, who may be gone.
            self.disk.write_decided();
            self.voters_changed = true;
            self.histories_changed = true;
        }
        if let Some(index) = Index::new(decided) {
            self.events.push_back(LogEvent::Decided { index, entry, applies });
        }
    }

    pub(super) fn alarm(&mut self, alarm: Alarm<P>) {
        self.events.push_back(LogEvent::Alarm(alarm));
    }

    pub(super) fn gate(&mut self, thing: Gated<P>) {
        if let Some(thing) = self.disk.after_writes(thing) {
            self.let_out(thing);
        }
    }

    pub(super) fn let_out(&mut self, thing: Gated<P>) {
        match thing {
            Gated::Send(to, message) => self.send(to, *message),
            // What was accepted has given way since, to another regime perhaps: it is not here any more.
            Gated::Accepted(_, ballot, _) if self.acceptor.accepted != Some(ballot) => {}
            Gated::Accepted(to, ballot, len) if to == self.me => self.on_accepted(to, ballot, len),
            Gated::Accepted(to, ballot, len) => match self.ack {
                Some((_, known, longest)) if (known, longest) >= (ballot, len) => {}
                _ => self.ack = Some((to, ballot, len)),
            },
            Gated::OwnPromise(ballot) => self.on_own_promise(ballot),
        }
    }

    pub(super) fn send(&mut self, to: P, message: LogMessage<P>) {
        self.send_all(vec![to], message);
    }

    pub(super) fn send_all(&mut self, to: Vec<P>, message: LogMessage<P>) {
        if !to.is_empty() {
            self.transmits.push_back(LogTransmit { to, message });
        }
    }
}
