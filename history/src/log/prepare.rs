//! Becoming leader: prepare, gather promises, establish.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use super::entry::{Config, Entry, Fork, Peer};
use super::leader::Leading;
use super::limits::TAKEOVER;
use super::message::{Entries, LogMessage};
use super::output::Alarm;
use super::quorum::Weight;
use super::{Gated, Log, Role};
use crate::{Ballot, Regime};

/// Between `Prepare` and enough promises.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Preparing<P> {
    pub(super) ballot: Ballot<P>,
    /// Own one included, once it is on disk.
    promises: BTreeMap<P, Promised<P>>,
    /// Whether a new regime begins.
    fork: Option<Forking>,
    pub(super) next_beat: Instant,
}

/// The beginning of a new regime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Forking {
    /// How long members that do not answer are waited for.
    until: Instant,
    /// Whether a person has said that the voters that are missing are dead. Otherwise a quorum has to agree.
    is_takeover: bool,
}

/// What one peer promised with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Promised<P> {
    accepted: Option<Ballot<P>>,
    decided: u64,
    len: u64,
    /// What `entries` come after.
    from: u64,
    entries: Entries<P>,
}

impl<P: Peer> Preparing<P> {
    /// The voters of the configurations that promises brought: those of the greatest log will be live.
    fn promised_voters(&self) -> impl Iterator<Item = P> {
        let entries = self.promises.values().flat_map(|promised| &promised.entries);
        entries.filter_map(|entry| entry.config()).flat_map(|config| config.voters.iter().copied())
    }
}

impl<P: Peer> Log<P> {
    /// Takes a higher round than any seen, and asks all voters of every live configuration once that is on disk: a
    /// ballot that a crash makes forgotten would be taken again, and what was promised to the one told to the other.
    ///
    /// Where somebody promised a takeover that came to nothing, nothing lower is accepted any more: then the leader, with a
    /// quorum, begins a regime of its own above that. It must not lead in that of the takeover, which may have been established
    /// where it cannot be seen from here.
    pub(super) fn become_preparing(&mut self, is_takeover: bool) {
        let promised = self.acceptor.promised.map(|ballot| ballot.regime).max(self.outbid);
        let Some(regime) = promised.max(self.chain.regime) else {
            return;
        };
        let forks = is_takeover || self.chain.regime.is_some_and(|mine| mine < regime);
        let ballot = match forks {
            false => Ballot { regime, round: self.round.saturating_add(1), peer: self.me },
            true => Ballot { regime: regime.taken_over(self.me), round: 1, peer: self.me },
        };
        let fork = forks.then(|| Forking { until: self.now + TAKEOVER, is_takeover });
        self.round = ballot.round;
        self.promise(ballot);
        self.retry_at = None;
        let next_beat = self.now + self.config.heartbeat;
        self.role = Role::Preparing(Preparing { ballot, promises: BTreeMap::new(), fork, next_beat });
        self.gate(Gated::OwnPromise(ballot));
    }

    /// A blank leader prepares in the regime that it has promised in, and may begin or learn a log of another before it has that one's: to
    /// lead with it, it takes it into a new regime.
    pub(super) fn prepare_anew(&mut self) {
        if let Role::Preparing(Preparing { ballot, fork: None, .. }) = &self.role
            && self.chain.regime.is_some_and(|regime| regime != ballot.regime)
        {
            self.role = Role::Following;
            self.retry_at = None;
        }
    }

    pub(super) fn send_prepare(&mut self) {
        let Role::Preparing(preparing) = &mut self.role else {
            return;
        };
        preparing.next_beat = self.now + self.config.heartbeat;
        if !preparing.promises.contains_key(&self.me) {
            return;
        }
        let ballot = preparing.ballot;
        let mut asked: BTreeSet<P> = match preparing.fork {
            Some(_) => self.members.reachable().collect(),
            None => self.live_voters(),
        };
        if let Role::Preparing(preparing) = &self.role {
            asked.extend(preparing.promised_voters());
            asked.retain(|peer| *peer != self.me && !preparing.promises.contains_key(peer));
        }
        let (decided, config_index) = (self.chain.decided(), self.chain.config_index());
        let (len, accepted) = (self.acceptor.len(), self.acceptor.accepted);
        let regime = self.chain.regime;
        let message = LogMessage::Prepare { ballot, regime, config_index, decided, len, accepted };
        self.send_all(asked.into_iter().collect(), message);
        self.send_more();
    }

    /// Asks for the rest of promises that are ahead of the own log.
    fn send_more(&mut self) {
        let mine = (self.acceptor.accepted, self.acceptor.len());
        let Role::Preparing(preparing) = &self.role else {
            return;
        };
        let ballot = preparing.ballot;
        let ahead = preparing.promises.iter().filter(|(_, known)| (known.accepted, known.len) > mine);
        let more = ahead.map(|(peer, known)| (*peer, known.from + known.entries.len() as u64, known.len));
        let more: Vec<(P, u64)> =
            more.filter(|(_, have, len)| have < len).map(|(peer, have, _)| (peer, have)).collect();
        for (peer, from) in more {
            self.send(peer, LogMessage::More { ballot, from });
        }
    }

    pub(super) fn on_own_promise(&mut self, ballot: Ballot<P>) {
        let (decided, len, accepted) = (self.chain.decided(), self.acceptor.len(), self.acceptor.accepted);
        if let Role::Preparing(preparing) = &mut self.role
            && preparing.ballot == ballot
        {
            let own = Promised { accepted, decided, len, from: len, entries: Vec::new() };
            preparing.promises.insert(self.me, own);
            self.send_prepare();
            self.try_establish();
        }
    }

    pub(super) fn on_promise(&mut self, from: P, ballot: Ballot<P>, theirs: PromisePiece<P>) {
        if theirs.regime > self.chain.regime {
            return self.give_way(from, theirs.regime);
        }
        // The log of a lesser regime gives way whole, whatever is in it.
        let PromisePiece { accepted, decided, len, from: at, entries, .. } =
            if theirs.regime == self.chain.regime { theirs } else { PromisePiece::empty() };
        let brings_config = entries.iter().any(|entry| entry.config().is_some());
        let mine = (self.acceptor.accepted, self.acceptor.len());
        let Role::Preparing(preparing) = &mut self.role else {
            return;
        };
        // What is ahead of the own log comes after something that is in it: this is what was asked for.
        let asked_for = at <= self.acceptor.len().max(self.chain.decided()) || (accepted, len) <= mine;
        let known_to_come = preparing.promises.contains_key(&from);
        if preparing.ballot != ballot || accepted >= Some(ballot) || !(asked_for || known_to_come) {
            return;
        }
        match preparing.promises.get_mut(&from) {
            Some(known) => {
                let have = known.from + known.entries.len() as u64;
                if at == have && accepted == known.accepted {
                    known.entries.extend(entries);
                }
            }
            None => {
                preparing.promises.insert(from, Promised { accepted, decided, len, from: at, entries });
            }
        }
        let Some(known) = preparing.promises.get(&from) else {
            return;
        };
        let have = known.from + known.entries.len() as u64;
        if have < known.len && (known.accepted, known.len) > mine {
            self.send(from, LogMessage::More { ballot, from: have });
        }
        if brings_config {
            self.send_prepare();
        }
        self.try_establish();
    }

    /// The log of a greater regime is taken over first; then this peer may lead.
    fn give_way(&mut self, to: P, regime: Option<Regime<P>>) {
        if let Role::Preparing(_) = &self.role
            && let Some(regime) = regime
        {
            self.role = Role::Following;
            self.retry_at = Some(self.now + self.config.heartbeat / 4);
            self.fetch(to, regime);
        }
    }

    pub(super) fn on_nack(&mut self, promised: Ballot<P>) {
        let own = match &self.role {
            Role::Preparing(Preparing { ballot, .. }) | Role::Leading(Leading { ballot, .. }) => *ballot,
            Role::Following => return,
        };
        if promised > own {
            if promised.regime == own.regime {
                self.round = self.round.max(promised.round);
            } else {
                self.outbid = self.outbid.max(Some(promised.regime));
            }
            self.role = Role::Following;
            self.retry_at = Some(self.now + self.config.heartbeat / 4);
        }
    }

    pub(super) fn on_stale(&mut self, from: P, decided: u64) {
        let Role::Preparing(Preparing { ballot, .. }) = &self.role else {
            return;
        };
        if let Some(regime) = self.chain.regime
            && regime <= ballot.regime
            && self.chain.decided() < decided
        {
            self.fetch(from, regime);
        }
    }

    /// Establishes if the promises are a quorum of each configuration that is live in the greatest log among them.
    pub(super) fn try_establish(&mut self) {
        if self.fetch_decided() {
            return;
        }
        let Role::Preparing(preparing) = &self.role else {
            return;
        };
        if !preparing.promises.contains_key(&self.me) {
            return;
        }
        if preparing.fork.is_none() && self.chain.regime != Some(preparing.ballot.regime) {
            return;
        }
        let decided = self.chain.decided();
        let Some((best, greatest)) = preparing
            .promises
            .iter()
            .max_by_key(|(peer, promised)| (promised.accepted, promised.len, **peer == self.me))
        else {
            return;
        };
        let mine =
            *best == self.me || (greatest.accepted, greatest.len) <= (self.acceptor.accepted, self.acceptor.len());
        let complete = greatest.from + greatest.entries.len() as u64 >= greatest.len;
        let (ballot, fork) = (preparing.ballot, preparing.fork);
        if !mine && !complete {
            return;
        }
        let from = if mine { self.acceptor.len() } else { greatest.from };
        let (staged, prior, prior_len) = (greatest.entries.clone(), greatest.accepted, greatest.len);
        let promised: BTreeSet<P> = preparing.promises.keys().copied().collect();
        if let Some(fork) = fork
            && self.now < fork.until
            && self.members.reachable().any(|peer| !promised.contains(&peer))
        {
            return;
        }
        if fork.is_none_or(|fork| !fork.is_takeover) {
            let live = self.live_in(from, &staged, decided);
            let carried =
                live.iter().all(|config| config.carries(Weight::TieBroken, |voter| promised.contains(&voter)));
            if live.is_empty() || !carried {
                return;
            }
        }
        let staged = if mine { Vec::new() } else { staged };
        let log = Established { start: from, entries: staged, mine, prior, prior_len };
        self.establish(ballot, log, fork.map(|_| promised));
    }

    /// Fetches what a promiser knows to be decided and this peer does not. Returns whether there is any.
    ///
    /// It need not be what either of them accepted, however long that is: others may have decided it since under a greater
    /// ballot. So it says which configurations are live, and a log is measured by it.
    fn fetch_decided(&mut self) -> bool {
        let known = self.chain.decided();
        let Role::Preparing(preparing) = &mut self.role else {
            return false;
        };
        // One that cannot be fetched from might as well not have promised; it will be asked again.
        preparing.promises.retain(|peer, promised| promised.decided <= known || self.members.is_reachable(*peer));
        let Some((ahead, _)) = preparing.promises.iter().find(|(_, promised)| promised.decided > known) else {
            return false;
        };
        let ahead = *ahead;
        if let Some(regime) = self.chain.regime {
            self.fetch(ahead, regime);
        }
        true
    }

    fn establish(&mut self, ballot: Ballot<P>, log: Established<P>, forks_from: Option<BTreeSet<P>>) {
        let Established { mine, prior, prior_len, .. } = log;
        let own_decided = self.chain.decided();
        let (start, entries) = match mine {
            true if self.acceptor.aligned => (self.acceptor.len(), Vec::new()),
            true => (own_decided, Vec::new()),
            // More was decided meanwhile than was promised.
            false if log.start + (log.entries.len() as u64) < own_decided => (own_decided, Vec::new()),
            false => (log.start, log.entries),
        };
        let aside = self.acceptor.len() > own_decided && !self.acceptor.aligned && mine;
        let (mut prior, mut prior_len) = (prior, prior_len);
        if aside || !self.adopt(ballot, start, entries) {
            if !(forks_from.is_none() && self.may_cut() && self.adopt(ballot, own_decided, Vec::new())) {
                return self.give_up(ballot);
            }
            (prior, prior_len) = (None, 0);
        }
        let states = match std::mem::replace(&mut self.role, Role::Following) {
            Role::Preparing(preparing) => preparing.promises,
            _ => BTreeMap::new(),
        };
        self.voters_changed = true;
        self.role = Role::Leading(Leading::new(ballot, (prior, prior_len), self.chain.decided(), self.now));
        if let Some(promised) = forks_from {
            self.fork(promised, ballot);
        }
        self.proposed = Some(self.table_of_accepted());
        for (peer, promised) in states {
            if peer != self.me {
                let Promised { accepted, len, decided, .. } = promised;
                let hash = self.chain.hash_at(decided);
                self.sync(peer, accepted, len, decided, hash);
            }
        }
        self.gate(Gated::Accepted(self.me, ballot, self.acceptor.len()));
    }

    /// Whether what is decided here may be in no log of the promises: a configuration that the voters before it decided, the
    /// tie-breaker of two alone perhaps, without any of those that vote from there on. They have decided nothing yet then:
    /// that would take a quorum of them, and the greatest log would have it, and this too.
    fn may_cut(&self) -> bool {
        !self.is_superseded() && self.chain.config_index() == self.chain.decided()
    }

    /// Whether more was learnt since the own promise: another leader has decided it under a greater ballot.
    fn is_superseded(&self) -> bool {
        let decided = self.chain.decided();
        match &self.role {
            Role::Preparing(preparing) => preparing.promises.get(&self.me).is_some_and(|own| own.decided < decided),
            Role::Following | Role::Leading(_) => false,
        }
    }

    /// The greatest log among the promises lacks what is decided here.
    fn give_up(&mut self, ballot: Ballot<P>) {
        let decided = self.chain.decided();
        let superseded = self.is_superseded();
        self.role = Role::Following;
        if superseded {
            self.retry_at = Some(self.now + self.config.heartbeat / 4);
        } else {
            self.stopped = true;
            self.alarm(Alarm::DecidedWouldChange { ballot, decided });
        }
    }

    /// The first entry of a takeover.
    fn fork(&mut self, promised: BTreeSet<P>, ballot: Ballot<P>) {
        let mut hash = self.chain.hash();
        for entry in &self.acceptor.tail {
            hash = hash.then(entry);
        }
        let voters: Vec<P> = promised.into_iter().collect();
        let mut ranked = self.members.in_rank(&voters);
        ranked.truncate(super::VOTERS_MAX);
        if !ranked.contains(&self.me) {
            ranked.pop();
            ranked.push(self.me);
        }
        if let Some(mut config) = Config::of(&ranked) {
            config.fork = Some(Fork { regime: ballot.regime, index: self.acceptor.len(), hash });
            self.append(vec![Arc::new(Entry::Config(config))]);
        }
    }

    /// The configurations whose quorums a ballot needs, if the log is this peer's up to `from` and then `staged`: the one
    /// in force at the greatest place known to be decided, and all after it. A takeover leaves those before it behind.
    fn live_in(&self, from: u64, staged: &Entries<P>, decided: u64) -> Vec<Config<P>> {
        let mut configs: BTreeMap<u64, &Config<P>> = BTreeMap::new();
        let known = self.chain.decided();
        configs.extend(self.chain.config_at(known.min(decided)));
        for (at, entry) in (known.min(decided) + 1..).zip(self.chain.after(known.min(decided))) {
            configs.extend(entry.config().map(|config| (at, config)));
        }
        if self.acceptor.aligned {
            configs.extend(self.acceptor.configs.range(..=from).map(|(at, config)| (*at, config)));
        }
        for (at, entry) in (from + 1..).zip(staged) {
            configs.extend(entry.config().map(|config| (at, config)));
        }
        let in_force = configs.range(..=decided).next_back().map_or(0, |(at, _)| *at);
        let fork = configs.iter().rev().find(|(at, config)| **at > decided && config.fork.is_some());
        let first = fork.map_or(in_force, |(at, _)| *at);
        configs.range(first..).map(|(_, config)| (*config).clone()).collect()
    }

    /// The voters of every configuration that is live in the own log.
    pub(super) fn live_voters(&self) -> BTreeSet<P> {
        let live = self.live_in(self.acceptor.len(), &Vec::new(), self.chain.decided());
        live.into_iter().flat_map(|config| config.voters).collect()
    }
}

/// The greatest log among the promises.
struct Established<P> {
    start: u64,
    entries: Entries<P>,
    mine: bool,
    prior: Option<Ballot<P>>,
    prior_len: u64,
}

/// The fields of a `Promise` beside its ballot.
pub(super) struct PromisePiece<P> {
    pub(super) regime: Option<Regime<P>>,
    pub(super) accepted: Option<Ballot<P>>,
    pub(super) decided: u64,
    pub(super) len: u64,
    pub(super) from: u64,
    pub(super) entries: Entries<P>,
}

impl<P> PromisePiece<P> {
    /// Of a log that has nothing.
    fn empty() -> Self {
        Self { regime: None, accepted: None, decided: 0, len: 0, from: 0, entries: Vec::new() }
    }
}
