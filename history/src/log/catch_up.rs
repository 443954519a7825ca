//! How what was decided reaches those that did not take part: fetched and learnt. None of it touches what an acceptor
//! promised or accepted, save where a history is given up for another.
//!
//! A log with something in it leaves its history in one way only: its elected leader shows that it is sure of another (a
//! [`Beat`](LogMessage::Beat)), and what is decided there is brought. No status, no answer and no snapshot of anybody else
//! does that.

use std::sync::Arc;
use std::time::Instant;

use super::chain::Chain;
use super::durable::Op;
use super::entry::{Entry, Peer, RunningHash};
use super::giving_way::{GivingWay, Piece, Way};
use super::limits::PROPOSED_MAX;
use super::message::{Entries, LogMessage, Snapshot, Standing};
use super::output::{Alarm, LogEvent, Read};
use super::{Log, Role};
use crate::{Ballot, Index, Regime};

/// One fetch is under way at a time; another peer is asked when it stays without an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Fetching<P> {
    peer: P,
    until: Instant,
}

/// What the elected leader showed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Followed<P> {
    pub(super) ballot: Ballot<P>,
    /// The history of what is decided there.
    pub(super) regime: Option<Regime<P>>,
    /// Whether others give up theirs for it.
    pub(super) sure: bool,
}

impl<P: Peer> Log<P> {
    /// How this log stands.
    pub fn standing(&self) -> Standing<P> {
        let Self { chain, seen, acceptor, .. } = self;
        let lineage = match self.history() {
            Some(regime) if chain.regime().is_none() => super::Lineage::known_from(1, regime),
            _ => chain.lineage().clone(),
        };
        let config = chain.config_at(chain.decided()).map(|(_, config)| config.clone());
        // Of a takeover that came to nothing, what was proposed in it is no part of this history.
        let is_of_this = self.accepted_regime() == self.history();
        let proposed = acceptor.configs.iter().filter(|(at, _)| is_of_this && chain.decided() < **at);
        let proposed: Vec<_> = proposed.take(PROPOSED_MAX).map(|(at, config)| (*at, config.clone())).collect();
        let accepted = acceptor.accepted.filter(|_| is_of_this);
        Standing { lineage, decided: chain.decided(), hash: chain.hash(), config, accepted, proposed, seen: *seen }
    }

    pub(super) fn send_status(&mut self, to: P) {
        let standing = self.standing();
        self.send(to, LogMessage::Status(standing));
    }

    /// Whoever leads from now on tells everybody of which history it is, for what it told before may be lost; and it may not know
    /// that a follower is of another.
    pub(super) fn show_history(&mut self, leader: Option<P>) {
        let regime = self.history();
        match leader {
            Some(leader) if leader == self.me => {
                let (everybody, standing) = (self.members.reachable().collect(), self.standing());
                self.send_all(everybody, LogMessage::Status(standing));
            }
            Some(leader) if self.standings.is_elsewhere(leader, regime) => self.send_status(leader),
            // Its ballot has to be above all that anybody here has seen.
            Some(leader) if self.standings.get(leader).is_some_and(|theirs| theirs.seen < self.seen) => {
                self.nack(leader)
            }
            _ => {}
        }
    }

    /// Compares what two peers hold: divergence is detected, not assumed away, and whoever lacks something fetches it.
    pub(super) fn on_status(&mut self, from: P, theirs: Standing<P>) {
        let (regime, decided, hash) = (theirs.regime(), theirs.decided, theirs.hash);
        self.see(theirs.seen);
        let is_reachable = self.members.is_reachable(from);
        let is_news = is_reachable && self.standings.get(from).and_then(Standing::regime) != regime;
        if is_reachable {
            self.standings.note(from, theirs);
            self.histories_changed = true;
        }
        let mine = self.chain.regime();
        let Some(regime) = regime else {
            // Of two that know nothing neither has anything to say.
            return if self.history().is_some() {
                self.send_status(from)
            };
        };
        if mine != Some(regime) {
            // A history in which nothing is known to be decided gives nobody a log.
            let enters = decided > 0 && self.may_enter(regime);
            if enters {
                self.fetch(from, regime);
            }
            if mine.is_some()
                && (is_news || !enters && self.leader == Some(self.me))
                && self.standings.answers(from, self.now, self.config.heartbeat / 2)
            {
                // What was said before the other had met this peer was lost on it.
                self.send_status(from);
            }
            return;
        }
        match self.chain.hash_at(decided) {
            Some(mine) if mine != hash => self.alarm(Alarm::Diverged { peer: from, index: decided }),
            _ if self.chain.decided() < decided => self.fetch(from, regime),
            _ if self.chain.decided() > decided => self.send_status(from),
            _ => {}
        }
    }

    /// Whether entries of another history may be learnt without anything being taken back: by a log that has accepted the
    /// beginning of it, or in which nothing is; or beyond its end, by one whose leader is of that history, if its vote
    /// counts for none, or the leader is sure.
    pub(super) fn may_enter(&self, regime: Regime<P>) -> bool {
        let votes = self.acceptor.accepted.is_some() || self.acceptor.left.is_some();
        match self.followed {
            _ if self.accepted_regime() == Some(regime) => true,
            Some(followed) if followed.regime.is_some() => followed.regime == Some(regime) && (followed.sure || !votes),
            _ => self.chain.regime().is_none() || !votes && self.acceptor.promised.is_none(),
        }
    }

    /// Of one history, a log has another hash here than a peer's.
    pub(super) fn disagree(&mut self, from: P, index: u64) {
        if self.chain.hash_at(index).is_some() {
            self.alarm(Alarm::Diverged { peer: from, index });
        }
    }

    pub(super) fn fetch(&mut self, peer: P, regime: Regime<P>) {
        let waits = self.fetching.as_ref().is_some_and(|fetching| self.now < fetching.until);
        if waits || !self.members.is_reachable(peer) {
            return;
        }
        self.fetching = Some(Fetching { peer, until: self.now + 4 * self.config.heartbeat });
        let way = self.giving_way.as_ref().filter(|way| way.regime == regime && way.peer == peer);
        let (from, hash) = match way {
            Some(way) => way.next(&self.chain),
            None => (self.chain.decided(), self.chain.hash()),
        };
        self.send(peer, LogMessage::Fetch { regime, from, hash });
    }

    /// What was asked of a peer that is gone may be asked of another.
    pub(super) fn fetch_elsewhere(&mut self, gone: P) {
        if self.fetching.as_ref().is_some_and(|fetching| fetching.peer == gone) {
            self.fetching = None;
        }
    }

    pub(super) fn on_fetch(&mut self, from: P, regime: Regime<P>, after: u64, hash: RunningHash) {
        if self.chain.regime() != Some(regime) {
            return;
        }
        let decided = self.chain.decided();
        match self.chain.hash_at(after.min(decided)) {
            Some(mine) if mine == hash && after <= decided => self.teach(vec![from], after),
            // The asker has another log, or a longer one: it is told where this one is, and looks for what they share.
            Some(mine) => {
                let (from_place, entries) = (after.min(decided), Vec::new());
                let learn = LogMessage::Learn { regime, from: from_place, hash: Some(mine), entries, decided };
                self.send(from, learn);
            }
            None if self.config.has_store => {
                if self.reads.len() < self.members.reachable().count().max(16) {
                    self.reads.push_back(Read { to: from, from: after, regime });
                }
            }
            None => self.send_snapshot(from),
        }
    }

    /// Sends decided entries after `from`.
    pub(super) fn teach(&mut self, to: Vec<P>, from: u64) {
        if let Some(regime) = self.chain.regime() {
            let (hash, entries, decided) = (self.chain.hash_at(from), self.chain.piece(from), self.chain.decided());
            self.send_all(to, LogMessage::Learn { regime, from, hash, entries, decided });
        }
    }

    pub(super) fn send_read(&mut self, read: Read<P>, mut entries: Entries<P>) {
        let Read { to, from, regime } = read;
        if self.chain.regime() != Some(regime) {
            return;
        }
        // A store that began with a snapshot has nothing before that.
        if entries.is_empty() && from < self.chain.base() {
            return self.send_snapshot(to);
        }
        // A store that reads too far would hand out what was only accepted.
        let decided = self.chain.decided();
        entries.truncate(usize::try_from(decided.saturating_sub(from)).unwrap_or(usize::MAX));
        self.send(to, LogMessage::Learn { regime, from, hash: None, entries, decided });
    }

    pub(super) fn on_learn(&mut self, from: P, learn: Learnt<P>) {
        if self.fetching.as_ref().is_some_and(|fetching| fetching.peer == from) {
            self.fetching = None;
        }
        if !(learn.from + 1..).zip(&learn.entries).all(|(place, entry)| entry.is_sound(place)) {
            return;
        }
        if self.giving_way.as_ref().is_some_and(|way| way.regime == learn.regime && way.peer == from) {
            return self.go_on_giving_way(learn);
        }
        let same = self.chain.regime() == Some(learn.regime);
        if !same && !self.may_enter(learn.regime) {
            return;
        }
        let before = self.chain.decided();
        if learn.from > before {
            return self.fetch(from, learn.regime);
        }
        if same {
            if let (Some(theirs), Some(mine)) = (learn.hash, self.chain.hash_at(learn.from))
                && theirs != mine
            {
                return self.alarm(Alarm::Diverged { peer: from, index: learn.from });
            }
        } else if !self.goes_on(&learn) {
            return;
        }
        let known = usize::try_from(before - learn.from).unwrap_or(usize::MAX);
        for entry in learn.entries.into_iter().skip(known) {
            if !self.learn(entry) {
                break;
            }
        }
        if before < self.chain.decided() && self.chain.decided() < learn.decided {
            self.fetch(from, learn.regime);
        }
        self.try_establish();
    }

    /// Whether what another history has there is all that is decided here, and more.
    fn goes_on(&self, learn: &Learnt<P>) -> bool {
        let known = usize::try_from(self.chain.decided() - learn.from).unwrap_or(usize::MAX);
        let start = learn.hash.or((learn.from == 0).then(RunningHash::default));
        let there = |hash: RunningHash| learn.entries.iter().take(known).fold(hash, |hash, entry| hash.then(entry));
        known <= learn.entries.len() && start.map(there) == Some(self.chain.hash())
    }

    /// Takes the next decided entry, whoever decided it. Not a takeover that left another place, or another log.
    fn learn(&mut self, entry: Arc<Entry<P>>) -> bool {
        let here = (self.chain.decided(), self.chain.hash());
        if entry.config().and_then(|config| config.fork).is_some_and(|fork| (fork.index, fork.hash) != here) {
            return false;
        }
        if self.acceptor.aligned && self.acceptor.tail.front() == Some(&entry) {
            self.acceptor.pop();
        } else {
            if self.chain.regime().is_some() && entry.begins(self.chain.decided() + 1).is_some() {
                // What was accepted is of the history that ends here.
                self.leave_history();
            } else if self.acceptor.aligned {
                self.acceptor.aligned = false;
                self.disk.write(Op::SetAside(self.chain.decided()));
                // Somebody decided what is not in this log: a leader's ballot is superseded, and what it appends would
                // stand nowhere.
                self.leave_role();
            }
            let after = self.chain.decided();
            self.disk.write(Op::Append { after, entries: vec![Arc::clone(&entry)] });
        }
        self.settle(entry);
        true
    }

    /// The elected leader shows its log, which is of another history than this one.
    pub(super) fn pursue_giving_way(&mut self, leader: P) {
        let target = self.followed.and_then(|followed| followed.regime);
        let Some(regime) = target.filter(|regime| self.may_give_way(*regime)) else {
            self.giving_way = None;
            return;
        };
        let known = self.giving_way.as_ref().is_some_and(|way| way.regime == regime && way.peer == leader);
        if !known {
            let Some(theirs) = self.standings.get(leader).filter(|theirs| theirs.regime() == Some(regime)) else {
                return;
            };
            let shared = self.chain.lineage().shared(&theirs.lineage);
            self.giving_way = Some(GivingWay::new(regime, leader, shared, &self.chain));
            self.fetching = None;
        }
        self.fetch(leader, regime);
    }

    fn go_on_giving_way(&mut self, learn: Learnt<P>) {
        let Some(mut way) = self.giving_way.take() else {
            return;
        };
        let Learnt { from, hash, entries, decided, .. } = learn;
        let leads_on = way.take(Piece { from, hash, entries, decided }, &self.chain);
        let (peer, regime) = (way.peer, way.regime);
        if way.is_ready() && self.leader == Some(peer) && self.may_give_way(regime) {
            return self.give_way(way);
        }
        let is_ready = way.is_ready();
        self.giving_way = Some(way);
        if leads_on && !is_ready {
            self.fetch(peer, regime);
        }
    }

    /// Leaves this history for another, in one transaction.
    fn give_way(&mut self, way: GivingWay<P>) {
        let Way { start, common, entries } = way.finish();
        match start {
            Some(snapshot) => self.begin_elsewhere(*snapshot),
            None if common < self.chain.decided() => self.take_back(common),
            None => {}
        }
        for entry in entries {
            if !self.learn(entry) {
                break;
            }
        }
        self.disk.write(Op::Decided(self.chain.decided()));
        self.histories_changed = true;
        self.leader.into_iter().for_each(|leader| self.send_status(leader));
    }

    /// What is decided here after a place is given up.
    fn take_back(&mut self, common: u64) {
        if common < self.chain.base() {
            // What is in common is no longer in memory; the log begins anew and is read from its start.
            self.begin_anew(None);
        }
        let dropped = self.chain.cut(common);
        self.tell_undecided(common, dropped);
        self.leave_history();
        self.applied = self.chain.fold();
        self.snapshot = None;
        self.due = None;
    }

    /// What was accepted is of a history that this log leaves: nothing of it is kept, and the vote counts for it no more, below
    /// the ballot of the leader that shows the other.
    pub(super) fn leave_history(&mut self) {
        self.leave_role();
        let acceptor = &mut self.acceptor;
        acceptor.tail.clear();
        acceptor.tail_weight = 0;
        acceptor.configs.clear();
        acceptor.fork = self.chain.decided();
        acceptor.aligned = false;
        acceptor.accepted = None;
        let ballot = self.followed.map(|followed| followed.ballot);
        let decided = self.chain.decided();
        for op in [Op::DropAside, Op::Truncate(decided), Op::SetAside(decided), Op::Accepted(None)] {
            self.disk.write(op);
        }
        if let Some(ballot) = ballot.max(self.acceptor.promised) {
            if self.acceptor.promised < Some(ballot) {
                self.acceptor.promised = Some(ballot);
                self.disk.write(Op::Promised(ballot));
            }
            self.acceptor.left = Some(ballot);
            self.disk.write(Op::Left(ballot));
        }
    }

    pub(super) fn begin_anew(&mut self, snapshot: Option<&Snapshot<P>>) {
        self.leaps += 1;
        let base = self.chain.base();
        // What both have in common stands in the snapshot, and keeps its places.
        let common = snapshot.map_or(0, |there| self.chain.lineage().shared(&there.lineage).min(there.index));
        let kept = usize::try_from(common.saturating_sub(base)).unwrap_or(usize::MAX);
        let dropped = self.chain.cut(base);
        self.tell_undecided(base.max(common), dropped.into_iter().skip(kept).collect());
        self.chain = snapshot.map_or_else(Chain::new, Chain::from_snapshot);
    }

    fn tell_undecided(&mut self, common: u64, dropped: Entries<P>) {
        for (at, entry) in (common + 1..).zip(dropped).collect::<Vec<_>>().into_iter().rev() {
            if let Some(index) = Index::new(at) {
                self.events.push_back(LogEvent::Undecided { index, entry });
            }
        }
    }

    pub(super) fn leave_role(&mut self) {
        self.role = Role::Following;
        self.acceptor.staged = None;
    }
}

/// The fields of a `Learn`.
pub(super) struct Learnt<P> {
    pub(super) regime: Regime<P>,
    pub(super) from: u64,
    pub(super) hash: Option<RunningHash>,
    pub(super) entries: Entries<P>,
    pub(super) decided: u64,
}
