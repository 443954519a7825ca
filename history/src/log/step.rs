//! What every input leads to, and what leaves only once it is on the disk.

use std::sync::Arc;
use std::time::Instant;

use super::{
    Alarm, Asked, Entry, Learnt, Log, LogEvent, LogMessage, LogTransmit, Peer, PromisePiece, Role, SyncPiece, Theirs,
};
use crate::{Ballot, Index, Verdict};

/// What waits for the disk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Gated<P> {
    Send(P, LogMessage<P>),
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
        self.prepare_anew();
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
            LogMessage::Prepare { ballot, regime, config_index, decided, len, accepted } => {
                self.on_prepare(from, Theirs { ballot, regime, config_index, decided, len, accepted });
            }
            LogMessage::Promise { ballot, regime, accepted, decided, len, from: at, entries } => {
                self.on_promise(from, ballot, PromisePiece { regime, accepted, decided, len, from: at, entries });
            }
            LogMessage::More { ballot, from: after } => self.on_more(from, ballot, after),
            LogMessage::Sync { ballot, prior, start, hash, from: at, entries, len } => {
                self.on_sync(from, SyncPiece { ballot, prior, start, hash, from: at, entries, len });
            }
            LogMessage::Accept { ballot, prev_len, entries, decided } => {
                self.on_accept(from, ballot, prev_len, entries, decided);
            }
            LogMessage::Accepted { ballot, len } => self.on_accepted(from, ballot, len),
            LogMessage::Beat { ballot, len, decided, sync } => self.on_beat(from, ballot, len, decided, sync),
            LogMessage::Ask { ballot, accepted, len, decided, hash } => {
                self.on_ask(from, ballot, Asked { accepted, len, decided, hash });
            }
            LogMessage::Nack { promised } => self.on_nack(promised),
            LogMessage::Stale { decided } => self.on_stale(from, decided),
            LogMessage::Fetch { regime, from: after, hash } => self.on_fetch(from, regime, after, hash),
            LogMessage::Learn { regime, from: at, hash, entries, decided } => {
                self.on_learn(from, Learnt { regime, from: at, hash, entries, decided });
            }
            LogMessage::Snapshot(piece) => self.on_snapshot(from, piece),
            LogMessage::Status { regime, decided, hash } => self.on_status(from, regime, decided, hash),
            LogMessage::Leaving => self.on_leaving(from),
        }
    }

    /// Puts the next decided entry into the chain, and into state.
    pub(super) fn settle(&mut self, entry: Arc<Entry<P>>) {
        self.chain.push(Arc::clone(&entry));
        let decided = self.chain.decided();
        self.unsnapshot_bytes += entry.weight();
        self.disk.note_decided(decided);
        let applies = match &*entry {
            Entry::Line(say) => self.applied.apply(say, decided) == Verdict::Applied,
            Entry::Config(_) => {
                // Whoever restarts without knowing it needs the voters before it too, who may be gone.
                self.disk.write_decided();
                self.voters_changed = true;
                true
            }
            Entry::Note { .. } => true,
        };
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
            Gated::Send(to, message) => self.send(to, message),
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
