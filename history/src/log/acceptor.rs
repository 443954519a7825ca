//! What this peer promised and accepted. Never asked who leads, never trusting it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::catch_up::Followed;
use super::chain::within_message;
use super::durable::Op;
use super::entry::{Config, Entry, Peer, RunningHash};
use super::message::{Entries, LogMessage};
use super::{Gated, Log, Role};
use crate::{Ballot, Regime};

/// The acceptor of whole-log Paxos.
///
/// Its log is what the chain has up to `fork`, and then `tail`. Usually `fork` is all that is decided (*aligned*). An
/// acceptor that learns what was decided without it does not take that for accepted: its log stays where it was while
/// the chain goes on, until a leader syncs it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Acceptor<P> {
    pub(super) promised: Option<Ballot<P>>,
    pub(super) accepted: Option<Ballot<P>>,
    /// Whatever was acknowledged of other histories than that of this log was acknowledged under lesser ballots.
    pub(super) left: Option<Ballot<P>>,
    pub(super) fork: u64,
    pub(super) aligned: bool,
    pub(super) tail: VecDeque<Arc<Entry<P>>>,
    pub(super) tail_weight: usize,
    /// The configurations in `tail`, by place.
    pub(super) configs: BTreeMap<u64, Config<P>>,
    /// A sync of which pieces are missing.
    pub(super) staged: Option<Staged<P>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Staged<P> {
    ballot: Ballot<P>,
    start: u64,
    entries: Entries<P>,
}

impl<P: Peer> Acceptor<P> {
    pub(super) fn new() -> Self {
        Self {
            promised: None,
            accepted: None,
            left: None,
            fork: 0,
            aligned: true,
            tail: VecDeque::new(),
            tail_weight: 0,
            configs: BTreeMap::new(),
            staged: None,
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.fork + self.tail.len() as u64
    }

    pub(super) fn push(&mut self, entry: Arc<Entry<P>>) {
        self.tail_weight += entry.weight();
        if let Some(config) = entry.config() {
            self.configs.insert(self.len() + 1, config.clone());
        }
        self.tail.push_back(entry);
    }

    /// Moves the first entry that is not decided out.
    pub(super) fn pop(&mut self) -> Option<Arc<Entry<P>>> {
        let entry = self.tail.pop_front()?;
        self.fork += 1;
        self.tail_weight -= entry.weight();
        self.configs.remove(&self.fork);
        Some(entry)
    }

    pub(super) fn cut(&mut self, len: u64) {
        while self.len() > len
            && let Some(entry) = self.tail.pop_back()
        {
            self.tail_weight -= entry.weight();
        }
        self.configs.split_off(&(len + 1));
    }

    /// Whether entries under `ballot` are appended.
    pub(super) fn is_synced(&self, ballot: Ballot<P>) -> bool {
        self.promised == Some(ballot) && self.accepted == Some(ballot)
    }
}

impl<P: Peer> Log<P> {
    /// Of which history the accepted log is; of one that has accepted nothing, what it knows to be decided.
    pub(super) fn accepted_regime(&self) -> Option<Regime<P>> {
        let Acceptor { fork, configs, tail, .. } = &self.acceptor;
        let taken_over = configs.values().rev().find_map(|config| config.fork).map(|fork| fork.regime);
        let founded = || tail.front().filter(|_| *fork == 0).and_then(|first| first.begins(1));
        taken_over.or_else(founded).or_else(|| self.chain.regime())
    }

    /// Of which history this log is: as far as it knows what is decided, or else what was accepted.
    pub(super) fn history(&self) -> Option<Regime<P>> {
        self.chain.regime().or_else(|| self.accepted_regime())
    }

    /// Answers nobody but the leader that the election names, save where a person has said that the missing are dead.
    pub(super) fn on_prepare(&mut self, from: P, theirs: Theirs<P>) {
        let Theirs { ballot, person, chain, regime, config_index, .. } = theirs;
        if ballot.peer != from || !(self.leader == Some(from) || person && self.members.is_reachable(from)) {
            return;
        }
        let known_there = |mine: Option<Regime<P>>| mine.is_some() && (mine == chain || mine == regime);
        let could_learn = known_there(self.chain.regime());
        let is_kin = could_learn || known_there(self.accepted_regime());
        match Some(ballot).cmp(&self.acceptor.promised) {
            Ordering::Less => return self.nack(from),
            Ordering::Equal if self.acceptor.accepted == Some(ballot) => return,
            _ if could_learn && config_index < self.chain.config_index() => return self.stale(from),
            Ordering::Equal => {}
            Ordering::Greater => self.promise(ballot),
        }
        // What the leader has accepted of another history says nothing about this log.
        let has = match regime == self.accepted_regime() {
            true => (theirs.accepted, theirs.len),
            false => (None, theirs.decided),
        };
        let ahead = is_kin && (self.acceptor.accepted, self.acceptor.len()) > has;
        // What the leader knows to be decided it does not need, as far as this log is known to have the same.
        let known = theirs.decided.min(self.acceptor.fork);
        let from_len = match ahead {
            false => self.acceptor.len(),
            true if self.acceptor.accepted == has.0 => has.1.max(known),
            true => known,
        };
        self.promise_piece(from, ballot, from_len, !is_kin);
    }

    pub(super) fn on_more(&mut self, from: P, ballot: Ballot<P>, after: u64) {
        if ballot.peer == from && self.acceptor.promised == Some(ballot) && self.acceptor.accepted != Some(ballot) {
            self.promise_piece(from, ballot, after, false);
        }
    }

    fn stale(&mut self, to: P) {
        if let Some(chain) = self.chain.regime() {
            self.send(to, LogMessage::Stale { chain, decided: self.chain.decided() });
        }
    }

    fn promise_piece(&mut self, to: P, ballot: Ballot<P>, from: u64, withheld: bool) {
        if from < self.chain.base() && from < self.acceptor.len() {
            return self.stale(to);
        }
        let entries = within_message(self.accepted_after(from));
        let (chain, regime) = (self.chain.regime(), self.accepted_regime());
        let Acceptor { accepted, left, .. } = self.acceptor;
        let (len, decided) = (self.acceptor.len(), self.chain.decided());
        let promise =
            LogMessage::Promise { ballot, chain, regime, withheld, left, accepted, decided, len, from, entries };
        self.gate(Gated::Send(to, Box::new(promise)));
    }

    pub(super) fn promise(&mut self, ballot: Ballot<P>) {
        self.acceptor.promised = Some(ballot);
        self.acceptor.staged = None;
        self.see(Some(ballot));
        self.disk.write(Op::Promised(ballot));
        if ballot.peer != self.me {
            self.role = Role::Following;
        }
    }

    pub(super) fn on_sync(&mut self, from: P, sync: SyncPiece<P>) {
        let SyncPiece { ballot, regime, prior, start, hash, from: at, entries, len } = sync;
        if ballot.peer != from || len < start {
            return;
        }
        if Some(ballot) < self.acceptor.promised {
            return self.nack(from);
        }
        if !self.agrees_at(regime, start, prior, hash) {
            let decided_at_both = start <= self.chain.decided() && hash.is_some();
            return match decided_at_both {
                // It is of another history, for which this one is given up only when that one's leader is sure.
                true if regime != self.chain.regime() => {}
                true => self.disagree(from, start),
                false => self.ask_whole(from, ballot),
            };
        }
        let staged = match self.acceptor.staged.take() {
            Some(staged) if staged.ballot == ballot && staged.start == start => staged,
            _ => Staged { ballot, start, entries: Vec::new() },
        };
        let mut staged = staged;
        let have = start + staged.entries.len() as u64;
        if at == have {
            staged.entries.extend(entries);
        } else if at == start {
            staged.entries = entries;
        }
        if !(start + 1..).zip(&staged.entries).all(|(place, entry)| entry.is_sound(place)) {
            return;
        }
        if start + (staged.entries.len() as u64) < len {
            self.acceptor.staged = Some(staged);
            return;
        }
        let beyond = self.beyond_memory(start, hash, staged.entries);
        if beyond.is_some_and(|(start, entries)| self.adopt(ballot, start, entries)) {
            self.gate(Gated::Accepted(from, ballot, self.acceptor.len()));
        } else {
            // It would change what is decided here: its leader was superseded, and does not know what was decided since.
            self.send_status(from);
        }
    }

    /// What of `entries` comes after the first place that is kept in memory, if they lead there.
    fn beyond_memory(
        &self,
        start: u64,
        hash: Option<RunningHash>,
        mut entries: Entries<P>,
    ) -> Option<(u64, Entries<P>)> {
        let base = self.chain.base();
        if base <= start {
            return Some((start, entries));
        }
        let skipped = usize::try_from(base - start).ok().filter(|skipped| *skipped <= entries.len())?;
        let hash = entries.drain(..skipped).fold(hash?, |hash, entry| hash.then(&entry));
        (self.chain.hash_at(base) == Some(hash)).then_some((base, entries))
    }

    /// Whether the log up to `start` is the leader's.
    fn agrees_at(
        &self,
        regime: Option<Regime<P>>,
        start: u64,
        prior: Option<Ballot<P>>,
        hash: Option<RunningHash>,
    ) -> bool {
        if start > self.chain.decided() {
            let accepted = self.acceptor.accepted;
            return self.acceptor.aligned && start <= self.acceptor.len() && accepted.is_some() && accepted == prior;
        }
        let same_regime = self.chain.regime() == regime;
        match (self.chain.hash_at(start), hash) {
            (Some(mine), Some(theirs)) => mine == theirs,
            // Not decided at the leader, which has the same log under the same ballot.
            // If what is decided here was learnt instead, it may be another.
            (_, None) => self.acceptor.aligned && self.acceptor.accepted == prior && start <= self.acceptor.len(),
            // Before what is kept in memory: whether it leads to what is kept is seen when all of it is there.
            (None, Some(_)) => start < self.chain.base() && same_regime,
        }
    }

    /// The log is what it was up to `start` and then `entries`, all under `ballot`, in one transaction; or, if that would
    /// cut what is decided, nothing. Returns which.
    pub(super) fn adopt(&mut self, ballot: Ballot<P>, start: u64, mut entries: Entries<P>) -> bool {
        let decided = self.chain.decided();
        let history = self.accepted_regime();
        if self.acceptor.is_synced(ballot) && start + entries.len() as u64 <= self.acceptor.len() {
            // A late one: what came since and was acknowledged must stay.
            return true;
        }
        if start < decided {
            let known = usize::try_from(decided - start).unwrap_or(usize::MAX);
            // What is no longer in memory was the same when the start was agreed on.
            let forgotten = usize::try_from(self.chain.base().saturating_sub(start)).unwrap_or(usize::MAX);
            let kept = known <= entries.len()
                && self.chain.after(start).zip(&entries[forgotten..known]).all(|(mine, theirs)| mine == theirs);
            if !kept {
                return false;
            }
            entries.drain(..known);
        }
        let start = start.max(decided);
        if !self.acceptor.aligned {
            self.acceptor.tail.clear();
            self.acceptor.tail_weight = 0;
            self.acceptor.configs.clear();
            self.acceptor.fork = decided;
            self.acceptor.aligned = true;
            self.disk.write(Op::DropAside);
        }
        if start < self.acceptor.len() {
            self.acceptor.cut(start);
            self.disk.write(Op::Truncate(start));
        }
        self.acceptor.staged = None;
        self.acceptor.promised = Some(ballot);
        self.acceptor.accepted = Some(ballot);
        self.see(Some(ballot));
        self.disk.write(Op::Promised(ballot));
        self.disk.write(Op::Accepted(Some(ballot)));
        if ballot.peer != self.me {
            self.role = Role::Following;
        }
        self.append(entries);
        if history.is_some() && history != self.accepted_regime() {
            self.acceptor.left = Some(ballot);
            self.disk.write(Op::Left(ballot));
        }
        true
    }

    /// Puts entries at the end of the accepted log.
    pub(super) fn append(&mut self, entries: Entries<P>) {
        debug_assert!(self.acceptor.aligned);
        if entries.is_empty() {
            return;
        }
        let after = self.acceptor.len();
        for entry in &entries {
            self.acceptor.push(Arc::clone(entry));
        }
        self.disk.write(Op::Append { after, entries });
    }

    pub(super) fn on_accept(&mut self, from: P, ballot: Ballot<P>, prev_len: u64, entries: Entries<P>, decided: u64) {
        if ballot.peer != from {
            return;
        }
        if Some(ballot) < self.acceptor.promised {
            return self.nack(from);
        }
        let sound = (prev_len + 1..).zip(&entries).all(|(place, entry)| entry.is_sound(place));
        if !self.acceptor.is_synced(ballot) || !self.acceptor.aligned || prev_len > self.acceptor.len() {
            return self.ask(from, ballot);
        }
        if prev_len < self.acceptor.len() || !sound {
            return;
        }
        self.append(entries);
        self.gate(Gated::Accepted(from, ballot, self.acceptor.len()));
        self.decide_to(decided.min(self.acceptor.len()));
    }

    pub(super) fn on_beat(&mut self, from: P, beat: Beat<P>) {
        let Beat { ballot, regime, len, decided, sync, sure } = beat;
        if ballot.peer != from {
            return;
        }
        if Some(ballot) < self.acceptor.promised.max(self.seen.filter(|_| self.leader == Some(from))) {
            return self.nack(from);
        }
        self.see(Some(ballot));
        if self.leader == Some(from) {
            self.follow(Followed { ballot, regime, sure });
        }
        if self.acceptor.is_synced(ballot) {
            self.decide_to(decided.min(self.acceptor.len()));
            if self.acceptor.len() != len || !self.acceptor.aligned {
                self.ask(from, ballot);
            } else {
                // Again, in case that the first was lost.
                self.gate(Gated::Accepted(from, ballot, len));
            }
        } else if sync {
            self.ask(from, ballot);
        }
        let Some(regime) = regime else {
            return;
        };
        let mine = self.chain.regime();
        if mine.is_some() && mine != Some(regime) && !self.acceptor.is_synced(ballot) {
            self.send_status(from);
            if self.leader == Some(from) {
                self.pursue_giving_way(from);
            }
            return;
        }
        // A leader that no longer has in memory what is missing here cannot sync: anybody's store may have it.
        let lacks = !self.acceptor.is_synced(ballot) || self.acceptor.len() < decided;
        if self.chain.decided() < decided && lacks {
            self.fetch(from, regime);
        }
    }

    fn follow(&mut self, followed: Followed<P>) {
        if self.followed.map(|before| before.regime) != Some(followed.regime) {
            self.histories_changed = true;
        }
        self.followed = Some(followed);
    }

    /// Moves what is decided from the accepted log to the chain.
    pub(super) fn decide_to(&mut self, len: u64) {
        while self.acceptor.aligned
            && self.chain.decided() < len
            && let Some(entry) = self.acceptor.pop()
        {
            self.settle(entry);
        }
    }

    /// The accepted entries after `from`, which is not below the chain's base.
    pub(super) fn accepted_after(&self, from: u64) -> impl Iterator<Item = &Arc<Entry<P>>> {
        let fork = self.acceptor.fork;
        let known = usize::try_from(fork.saturating_sub(from)).unwrap_or(usize::MAX);
        let skip = usize::try_from(from.saturating_sub(fork)).unwrap_or(usize::MAX).min(self.acceptor.tail.len());
        self.chain.after(from).take(known).chain(self.acceptor.tail.range(skip..))
    }

    fn ask(&mut self, to: P, ballot: Ballot<P>) {
        if self.asked.is_some_and(|until| self.now < until) {
            return;
        }
        self.asked = Some(self.now + self.config.heartbeat / 2);
        let Acceptor { accepted, aligned, .. } = self.acceptor;
        let (len, decided, hash) = (self.acceptor.len(), self.chain.decided(), self.chain.hash());
        let accepted = accepted.filter(|_| aligned);
        self.send(to, LogMessage::Ask { ballot, accepted, len, decided, hash });
    }

    fn ask_whole(&mut self, to: P, ballot: Ballot<P>) {
        let (len, decided, hash) = (self.acceptor.len(), self.chain.decided(), self.chain.hash());
        self.send(to, LogMessage::Ask { ballot, accepted: None, len, decided, hash });
    }

    /// Somebody has seen this ballot: whoever is to lead has to be above it.
    pub(super) fn see(&mut self, ballot: Option<Ballot<P>>) {
        self.seen = self.seen.max(ballot);
    }

    pub(super) fn nack(&mut self, to: P) {
        if let Some(promised) = self.acceptor.promised.max(self.seen) {
            self.send(to, LogMessage::Nack { promised });
        }
    }
}

/// The fields of a `Prepare`.
pub(super) struct Theirs<P> {
    pub(super) ballot: Ballot<P>,
    pub(super) person: bool,
    pub(super) chain: Option<Regime<P>>,
    pub(super) regime: Option<Regime<P>>,
    pub(super) config_index: u64,
    pub(super) decided: u64,
    pub(super) len: u64,
    pub(super) accepted: Option<Ballot<P>>,
}

/// The fields of a `Sync`.
pub(super) struct SyncPiece<P> {
    pub(super) ballot: Ballot<P>,
    pub(super) regime: Option<Regime<P>>,
    pub(super) prior: Option<Ballot<P>>,
    pub(super) start: u64,
    pub(super) hash: Option<RunningHash>,
    pub(super) from: u64,
    pub(super) entries: Entries<P>,
    pub(super) len: u64,
}

/// The fields of a `Beat`.
pub(super) struct Beat<P> {
    pub(super) ballot: Ballot<P>,
    pub(super) regime: Option<Regime<P>>,
    pub(super) len: u64,
    pub(super) decided: u64,
    pub(super) sync: bool,
    pub(super) sure: bool,
}
