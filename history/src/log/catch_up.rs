//! How what was decided reaches those that did not take part: fetched and learnt; and how the log of a
//! lesser regime gives way to that of a greater one. None of it touches what an acceptor promised or accepted.

use std::sync::Arc;
use std::time::Instant;

use super::chain::Chain;
use super::durable::Op;
use super::entry::{Entry, Peer, RunningHash};
use super::message::{Entries, LogMessage, Snapshot};
use super::output::{Alarm, LogEvent, Read};
use super::{Log, Role};
use crate::{Index, Regime};

/// One fetch is under way at a time; another peer is asked when it stays without an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Fetching<P> {
    peer: P,
    until: Instant,
}

/// The log of a greater regime, gathered until there is enough to switch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Switch<P> {
    regime: Regime<P>,
    /// The place up to which both logs are the same, and the hash there.
    common: u64,
    hash: RunningHash,
    entries: Entries<P>,
    /// Whether the places that were expected to be in common were not: begin at the start.
    afresh: bool,
}

impl<P: Peer> Log<P> {
    pub(super) fn send_status(&mut self, to: P) {
        let (regime, decided, hash) = (self.chain.regime, self.chain.decided(), self.chain.hash());
        self.send(to, LogMessage::Status { regime, decided, hash });
    }

    /// Compares what two peers hold: divergence is detected, not assumed away, and whoever lacks something fetches it.
    pub(super) fn on_status(&mut self, from: P, regime: Option<Regime<P>>, decided: u64, hash: RunningHash) {
        let Some(theirs) = regime.filter(|regime| Some(*regime) >= self.chain.regime) else {
            // Of two that know nothing neither has anything to say.
            return if self.chain.regime.is_some() {
                self.send_status(from)
            };
        };
        if regime > self.chain.regime {
            // A regime in which nothing is known to be decided gives nobody a log.
            return if decided > 0 {
                self.fetch(from, theirs)
            };
        }
        match self.chain.hash_at(decided) {
            Some(mine) if mine != hash => self.alarm(Alarm::Diverged { peer: from, index: decided }),
            _ if self.chain.decided() < decided => self.fetch(from, theirs),
            _ if self.chain.decided() > decided => self.send_status(from),
            _ => {}
        }
    }

    /// A leader's log of the regime that this peer is in has another hash; or it is of a greater one.
    pub(super) fn disagree(&mut self, from: P, regime: Regime<P>, index: u64) {
        if Some(regime) > self.chain.regime {
            self.fetch(from, regime);
        } else if self.chain.hash_at(index).is_some() {
            self.alarm(Alarm::Diverged { peer: from, index });
        }
    }

    pub(super) fn fetch(&mut self, peer: P, regime: Regime<P>) {
        let waits = self.fetching.as_ref().is_some_and(|fetching| self.now < fetching.until);
        if waits || !self.members.is_reachable(peer) {
            return;
        }
        self.fetching = Some(Fetching { peer, until: self.now + 4 * self.config.heartbeat });
        let (mut from, mut hash) = (self.chain.decided(), self.chain.hash());
        if Some(regime) > self.chain.regime
            && let Some(switch) = self.switch.as_ref().filter(|switch| switch.regime == regime)
        {
            from = switch.common + switch.entries.len() as u64;
            hash = switch.entries.iter().fold(switch.hash, |hash, entry| hash.then(entry));
            if switch.afresh && from == 0 {
                hash = RunningHash::default();
            }
        }
        self.send(peer, LogMessage::Fetch { regime, from, hash });
    }

    /// What was asked of a peer that is gone may be asked of another.
    pub(super) fn fetch_elsewhere(&mut self, gone: P) {
        if self.fetching.as_ref().is_some_and(|fetching| fetching.peer == gone) {
            self.fetching = None;
        }
    }

    pub(super) fn on_fetch(&mut self, from: P, regime: Regime<P>, after: u64, hash: RunningHash) {
        if self.chain.regime != Some(regime) {
            return;
        }
        let decided = self.chain.decided();
        if after > decided {
            // The asker comes from another regime whose log is longer than this.
            return self.teach(vec![from], self.chain.fork().unwrap_or(0).max(self.chain.base()));
        }
        match self.chain.hash_at(after) {
            Some(mine) if mine == hash => self.teach(vec![from], after),
            Some(_) => self.teach(vec![from], self.chain.fork().unwrap_or(0).min(after).max(self.chain.base())),
            None if self.config.has_store => {
                if self.reads.len() < self.members.reachable().count().max(16) {
                    self.reads.push_back(Read { to: from, from: after, hash });
                }
            }
            None => self.send_snapshot(from),
        }
    }

    /// Sends decided entries after `from`.
    pub(super) fn teach(&mut self, to: Vec<P>, from: u64) {
        if let Some(regime) = self.chain.regime {
            let (hash, entries, decided) = (self.chain.hash_at(from), self.chain.piece(from), self.chain.decided());
            self.send_all(to, LogMessage::Learn { regime, from, hash, entries, decided });
        }
    }

    pub(super) fn send_read(&mut self, read: Read<P>, mut entries: Entries<P>) {
        // A store that began with a snapshot has nothing before that.
        if entries.is_empty() && read.from < self.chain.base() {
            return self.send_snapshot(read.to);
        }
        // A store that reads too far would hand out what was only accepted.
        let decided = self.chain.decided().saturating_sub(read.from);
        entries.truncate(usize::try_from(decided).unwrap_or(usize::MAX));
        if let Some(regime) = self.chain.regime {
            let decided = self.chain.decided();
            let Read { to, from, .. } = read;
            self.send(to, LogMessage::Learn { regime, from, hash: None, entries, decided });
        }
    }

    pub(super) fn on_learn(&mut self, from: P, learn: Learnt<P>) {
        if Some(learn.regime) < self.chain.regime {
            return self.send_status(from);
        }
        if self.fetching.as_ref().is_some_and(|fetching| fetching.peer == from) {
            self.fetching = None;
        }
        let sound = |entry: &Arc<Entry<P>>| entry.config().is_none_or(|config| config.is_sound());
        if !learn.entries.iter().all(sound) {
            return;
        }
        if learn.entries.is_empty() && Some(learn.regime) > self.chain.regime && learn.decided == 0 {
            return;
        }
        let nothing = self.chain.decided() == 0 && self.chain.regime.is_none();
        if nothing && learn.from == 0 {
            self.enter(learn.regime);
        }
        if Some(learn.regime) > self.chain.regime {
            return self.stage_switch(from, learn);
        }
        let before = self.chain.decided();
        if learn.from > before {
            return self.fetch(from, learn.regime);
        }
        if let (Some(theirs), Some(mine)) = (learn.hash, self.chain.hash_at(learn.from))
            && theirs != mine
        {
            return self.alarm(Alarm::Diverged { peer: from, index: learn.from });
        }
        let known = usize::try_from(before - learn.from).unwrap_or(usize::MAX);
        for entry in learn.entries.into_iter().skip(known) {
            self.learn(entry);
        }
        if before < self.chain.decided() && self.chain.decided() < learn.decided {
            self.fetch(from, learn.regime);
        }
        self.try_establish();
    }

    /// Takes the next decided entry, whoever decided it.
    fn learn(&mut self, entry: Arc<Entry<P>>) {
        if self.acceptor.aligned && self.acceptor.tail.front() == Some(&entry) {
            self.acceptor.pop();
        } else {
            if self.acceptor.aligned {
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
    }

    fn enter(&mut self, regime: Regime<P>) {
        self.chain.regime = Some(regime);
        self.disk.write(Op::Regime(regime));
    }

    /// Gathers the log of a greater regime.
    fn stage_switch(&mut self, from: P, learn: Learnt<P>) {
        let Learnt { regime, from: at, hash, entries, decided } = learn;
        let mut switch = match self.switch.take() {
            Some(switch) if switch.regime == regime => switch,
            _ => Switch {
                regime,
                common: self.chain.decided(),
                hash: self.chain.hash(),
                entries: Vec::new(),
                afresh: false,
            },
        };
        let have = switch.common + switch.entries.len() as u64;
        let (brings, before) = (!entries.is_empty(), (switch.common, switch.afresh));
        // Without a hash, as from a store, nobody has said that what is here was the same there.
        let is_common = at == 0 || hash.is_some() && hash == self.chain.hash_at(at);
        if at == have && (is_common || !switch.entries.is_empty()) {
            switch.entries.extend(entries);
        } else if at < have && hash.is_some() && hash == self.chain.hash_at(at) {
            switch = Switch { regime, common: at, hash: hash.unwrap_or_default(), entries, afresh: false };
        } else if switch.common > 0 {
            switch = Switch { regime, common: 0, hash: RunningHash::default(), entries: Vec::new(), afresh: true };
        }
        let have = switch.common + switch.entries.len() as u64;
        let moves = brings || before != (switch.common, switch.afresh);
        let whole = have >= decided && have > 0 && (have > switch.common || !switch.afresh);
        self.switch = Some(switch);
        if whole {
            self.switch_regime();
        } else if moves {
            self.fetching = None;
            self.fetch(from, regime);
        }
    }

    /// Leaves the lesser regime for the greater, in one transaction.
    fn switch_regime(&mut self) {
        let Some(Switch { regime, common, entries, .. }) = self.switch.take() else {
            return;
        };
        if common < self.chain.base() {
            // What is in common is no longer in memory; the log begins anew and is read from its start.
            if common > 0 {
                return;
            }
            self.begin_anew(regime, None);
        }
        self.leave_role();
        let dropped = self.chain.cut(common);
        self.tell_undecided(common, dropped);
        self.acceptor.tail.clear();
        self.acceptor.tail_weight = 0;
        self.acceptor.configs.clear();
        self.acceptor.fork = 0;
        self.acceptor.aligned = false;
        self.acceptor.accepted = None;
        self.applied = self.chain.fold();
        self.snapshot = None;
        self.due = None;
        for op in [Op::DropAside, Op::Truncate(common), Op::SetAside(common), Op::Accepted(None)] {
            self.disk.write(op);
        }
        self.acceptor.fork = common;
        self.enter(regime);
        for entry in entries {
            self.learn(entry);
        }
        self.disk.write(Op::Decided(self.chain.decided()));
    }

    pub(super) fn begin_anew(&mut self, regime: Regime<P>, snapshot: Option<&Snapshot<P>>) {
        self.leaps += 1;
        let dropped = self.chain.cut(self.chain.base());
        let base = self.chain.base();
        self.tell_undecided(base, dropped);
        self.chain = match snapshot {
            Some(snapshot) => Chain::from_snapshot(Some(regime), snapshot),
            None => Chain::new(),
        };
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
