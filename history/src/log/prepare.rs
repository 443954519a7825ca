//! Becoming leader: prepare, gather promises, establish.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use super::durable::Op;
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
    /// Of a takeover, how long members that do not answer are waited for.
    takeover: Option<Instant>,
    pub(super) next_beat: Instant,
}

/// What one peer promised with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Promised<P> {
    /// Of which history what it knows to be decided is.
    chain: Option<Regime<P>>,
    /// Of which history the accepted log is.
    regime: Option<Regime<P>>,
    /// Whether that log is kept back, for it has no place in common with this one.
    withheld: bool,
    left: Option<Ballot<P>>,
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

    /// The greatest log of each history among the promises, and whose it is: that of the latest takeover first, or, where a
    /// person takes over again, the one that was accepted last.
    fn candidates(&self, me: P) -> Vec<(P, &Promised<P>)> {
        let mut greatest: BTreeMap<Regime<P>, (P, &Promised<P>)> = BTreeMap::new();
        let weight = |peer: P, promised: &Promised<P>| (promised.accepted, promised.len, peer == me);
        for (peer, promised) in &self.promises {
            let Some(regime) = promised.regime.filter(|_| !promised.withheld) else { continue };
            let known = greatest.entry(regime).or_insert((*peer, promised));
            if weight(known.0, known.1) < weight(*peer, promised) {
                *known = (*peer, promised);
            }
        }
        let mut candidates: Vec<_> = greatest.into_values().rev().collect();
        if self.takeover.is_some() {
            candidates.sort_by_key(|(peer, promised)| std::cmp::Reverse(weight(*peer, promised)));
        }
        candidates
    }

    /// The promises that count in a history of which this is the greatest ballot under which anybody accepted. Whoever is of
    /// another counts as one that has nothing, if whatever it acknowledged of this one was acknowledged before that ballot:
    /// then it is in the log that was accepted under it. Otherwise only that one itself would know, and it has forgotten.
    fn counted(&self, regime: Option<Regime<P>>, accepted: Option<Ballot<P>>) -> BTreeSet<P> {
        let counts = |promised: &Promised<P>| match promised.regime == regime && promised.accepted.is_some() {
            true => !promised.withheld,
            false => promised.left.is_none() || promised.left < accepted,
        };
        self.promises.iter().filter(|(_, promised)| counts(promised)).map(|(peer, _)| *peer).collect()
    }
}

impl<P: Peer> Log<P> {
    /// Takes a higher ballot than any seen, and asks all voters of every live configuration once that is on disk: a
    /// ballot that a crash makes forgotten would be taken again, and what was promised to the one told to the other.
    pub(super) fn become_preparing(&mut self, is_takeover: bool) {
        let Some(history) = self.history() else {
            return;
        };
        let seen = self.acceptor.promised.max(self.seen).max(self.standings.seen());
        let highest = seen.map_or(history, |seen| seen.regime.max(history));
        let regime = if is_takeover { highest.taken_over(self.me) } else { highest };
        let round = seen.filter(|seen| seen.regime == regime).map_or(0, |seen| seen.round);
        let ballot = Ballot { regime, round: round.saturating_add(1), peer: self.me };
        let takeover = is_takeover.then(|| self.now + TAKEOVER);
        self.promise(ballot);
        self.retry_at = None;
        let next_beat = self.now + self.config.heartbeat;
        self.role = Role::Preparing(Preparing { ballot, promises: BTreeMap::new(), takeover, next_beat });
        self.gate(Gated::OwnPromise(ballot));
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
        let person = preparing.takeover.is_some();
        let mut asked: BTreeSet<P> = match preparing.takeover {
            Some(_) => self.members.reachable().collect(),
            None => self.live_voters(),
        };
        if let Role::Preparing(preparing) = &self.role {
            asked.extend(preparing.promised_voters());
            asked.retain(|peer| *peer != self.me && !preparing.promises.contains_key(peer));
        }
        let (decided, config_index) = (self.chain.decided(), self.chain.config_index());
        let (chain, regime) = (self.chain.regime(), self.accepted_regime());
        let (len, accepted) = (self.acceptor.len(), self.acceptor.accepted);
        let message = LogMessage::Prepare { ballot, person, chain, regime, config_index, decided, len, accepted };
        self.send_all(asked.into_iter().collect(), message);
        self.send_more();
    }

    /// Asks one for the rest of its promise.
    fn send_more_to(&mut self, peer: P) {
        if let Role::Preparing(preparing) = &self.role
            && let Some(known) = preparing.promises.get(&peer)
            && let from = known.from + known.entries.len() as u64
            && from < known.len
            && self.is_ahead(known)
        {
            let ballot = preparing.ballot;
            self.send(peer, LogMessage::More { ballot, from });
        }
    }

    /// Asks for the rest of promises that are ahead of the own log.
    fn send_more(&mut self) {
        if let Role::Preparing(preparing) = &self.role {
            let promisers: Vec<P> = preparing.promises.keys().copied().collect();
            promisers.into_iter().for_each(|peer| self.send_more_to(peer));
        }
    }

    pub(super) fn on_own_promise(&mut self, ballot: Ballot<P>) {
        let (decided, len) = (self.chain.decided(), self.acceptor.len());
        let (chain, regime) = (self.chain.regime(), self.accepted_regime());
        let (accepted, left) = (self.acceptor.accepted, self.acceptor.left);
        if let Role::Preparing(preparing) = &mut self.role
            && preparing.ballot == ballot
        {
            let entries = Vec::new();
            let own = Promised { chain, regime, withheld: false, left, accepted, decided, len, from: len, entries };
            preparing.promises.insert(self.me, own);
            self.send_prepare();
            self.try_establish();
        }
    }

    pub(super) fn on_promise(&mut self, from: P, ballot: Ballot<P>, theirs: PromisePiece<P>) {
        let PromisePiece { chain, regime, withheld, left, accepted, decided, len, from: at, entries } = theirs;
        let brings_config = entries.iter().any(|entry| entry.config().is_some());
        let mine = (self.acceptor.accepted, self.acceptor.len());
        let Role::Preparing(preparing) = &mut self.role else {
            return;
        };
        // What is ahead of the own log comes after something that is in it: this is what was asked for.
        let asked_for = at <= self.acceptor.len().max(self.chain.decided()) || (accepted, len) <= mine;
        let known_to_come = preparing.promises.contains_key(&from);
        if preparing.ballot != ballot || accepted >= Some(ballot) || !(withheld || asked_for || known_to_come) {
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
                let promised = Promised { chain, regime, withheld, left, accepted, decided, len, from: at, entries };
                preparing.promises.insert(from, promised);
            }
        }
        if brings_config {
            self.send_prepare();
        } else {
            self.send_more_to(from);
        }
        self.try_establish();
    }

    pub(super) fn on_nack(&mut self, promised: Ballot<P>) {
        self.see(Some(promised));
    }

    /// Whoever leads, or wants to, under a ballot that is not the greatest takes a greater one in a moment: what it gives its ballot
    /// for to the world outside must never be less than what anybody here has seen.
    pub(super) fn outbid(&mut self) {
        let own = match &self.role {
            Role::Preparing(Preparing { ballot, .. }) | Role::Leading(Leading { ballot, .. }) => *ballot,
            Role::Following => return,
        };
        if self.seen > Some(own) {
            self.role = Role::Following;
            self.retry_at = Some(self.now + self.config.heartbeat / 4);
        }
    }

    pub(super) fn on_stale(&mut self, from: P, chain: Regime<P>, decided: u64) {
        if matches!(self.role, Role::Preparing(_)) && self.chain.decided() < decided && self.leads_to(Some(chain)) {
            self.fetch(from, chain);
        }
    }

    /// Whether this log has its places of that history: what is decided, or, beyond that, what was accepted.
    fn leads_to(&self, regime: Option<Regime<P>>) -> bool {
        regime.is_some() && (regime == self.chain.regime() || regime == self.accepted_regime())
    }

    /// Establishes if the promises are a quorum of each configuration that is live in the greatest log among them: in the log of a
    /// takeover that was begun and may have been decided, or else in that of this peer's history.
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
        if let Some(until) = preparing.takeover
            && self.now < until
            && self.members.reachable().any(|peer| !preparing.promises.contains_key(&peer))
        {
            return;
        }
        let (ballot, takes_over) = (preparing.ballot, preparing.takeover.is_some());
        if let Some(log) =
            preparing.candidates(self.me).into_iter().find_map(|log| self.established_log(preparing, log))
        {
            self.establish(ballot, log, takes_over);
        }
    }

    /// The greatest log of a history among the promises, if enough have promised for it to be led.
    fn established_log(&self, preparing: &Preparing<P>, (best, greatest): (P, &Promised<P>)) -> Option<Established<P>> {
        let mine = best == self.me || !self.is_ahead(greatest);
        let complete = greatest.from + greatest.entries.len() as u64 >= greatest.len;
        if !mine && (!complete || !self.leads_on(greatest)) || mine && self.is_left_behind() {
            return None;
        }
        let start = if mine { self.acceptor.len() } else { greatest.from };
        let entries = if mine { Vec::new() } else { greatest.entries.clone() };
        if preparing.takeover.is_none() {
            let counted = preparing.counted(greatest.regime, greatest.accepted);
            let live = self.live_in(start, &entries);
            let carried = live.iter().all(|config| config.carries(Weight::TieBroken, |voter| counted.contains(&voter)));
            if live.is_empty() || !carried {
                return None;
            }
        }
        Some(Established { start, entries, mine, prior: greatest.accepted, prior_len: greatest.len })
    }

    /// Whether a promised log has what the own one lacks: of another history all of it does.
    fn is_ahead(&self, promised: &Promised<P>) -> bool {
        let own = (self.acceptor.accepted, self.acceptor.len());
        let other_history = promised.accepted.is_some() && promised.regime != self.accepted_regime();
        !promised.withheld && (other_history || (promised.accepted, promised.len) > own)
    }

    /// Whether a promised log has all that is decided here: it is of this history, or of a takeover that left it behind that.
    fn leads_on(&self, promised: &Promised<P>) -> bool {
        if promised.accepted.is_none() || self.leads_to(promised.regime) {
            return true;
        }
        let fork = promised.entries.iter().rev().find_map(|entry| entry.config().and_then(|config| config.fork));
        let (Some(fork), Some(hash)) = (fork, self.chain.hash_at(promised.from)) else {
            return false;
        };
        let common = usize::try_from(fork.index.saturating_sub(promised.from)).unwrap_or(usize::MAX);
        let there = promised.entries.iter().take(common).fold(hash, |hash, entry| hash.then(entry));
        self.chain.decided() <= fork.index && there == fork.hash
    }

    /// Whether the accepted log is of a takeover, and more is decided here of the history before than that has in common with
    /// it: nobody goes on with it, as nobody would whom this peer sent it.
    fn is_left_behind(&self) -> bool {
        let mut forks = self.acceptor.configs.values().filter_map(|config| config.fork);
        forks.any(|fork| fork.index < self.chain.decided())
    }

    /// Fetches what a promiser knows to be decided and this peer does not. Returns whether there is any.
    ///
    /// It need not be what either of them accepted, however long that is: others may have decided it since under a greater
    /// ballot. So it says which configurations are live, and a log is measured by it.
    fn fetch_decided(&mut self) -> bool {
        let Role::Preparing(preparing) = &self.role else {
            return false;
        };
        let known = self.chain.decided();
        let knows = |promised: &Promised<P>| {
            let chain = promised.chain.filter(|chain| !promised.withheld && self.leads_to(Some(*chain)));
            chain.filter(|_| promised.decided > known)
        };
        let ahead = preparing.promises.iter().find_map(|(peer, promised)| Some((*peer, knows(promised)?)));
        let Some((peer, chain)) = ahead else {
            return false;
        };
        if self.members.is_reachable(peer) {
            self.fetch(peer, chain);
        } else if let Role::Preparing(preparing) = &mut self.role {
            // One that cannot be fetched from might as well not have promised; it will be asked again.
            preparing.promises.remove(&peer);
            return self.fetch_decided();
        }
        true
    }

    fn establish(&mut self, ballot: Ballot<P>, log: Established<P>, takes_over: bool) {
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
            if !((takes_over || self.may_cut()) && self.adopt(ballot, own_decided, Vec::new())) {
                return self.give_up(ballot);
            }
            (prior, prior_len) = (None, 0);
        }
        let states = match std::mem::replace(&mut self.role, Role::Following) {
            Role::Preparing(preparing) => preparing.promises,
            _ => BTreeMap::new(),
        };
        self.voters_changed = true;
        if takes_over {
            // Whoever is of another history goes over to this one first.
            let kin = states.iter().filter(|(_, promised)| promised.regime.is_some() && !promised.withheld);
            let voters: Vec<P> = kin.map(|(peer, _)| *peer).collect();
            self.fork(&voters, ballot);
            (prior, prior_len) = (None, 0);
        }
        self.role = Role::Leading(Leading::new(ballot, (prior, prior_len), self.chain.decided(), self.now));
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

    /// Begins the history of a takeover, right behind what is decided: so whatever comes before it is what the history before
    /// has there too. What was accepted and is not decided comes after it.
    fn fork(&mut self, voters: &[P], ballot: Ballot<P>) {
        let mut ranked = self.members.in_rank(voters);
        ranked.truncate(super::VOTERS_MAX);
        if !ranked.contains(&self.me) {
            ranked.pop();
            ranked.push(self.me);
        }
        let Some(mut config) = Config::of(&ranked) else {
            return;
        };
        let decided = self.chain.decided();
        config.fork = Some(Fork { regime: ballot.regime, index: decided, hash: self.chain.hash() });
        let begins = [Arc::new(Entry::Config(config))];
        let rest = self.acceptor.tail.iter().filter(|entry| entry.config().is_none()).map(Arc::clone);
        let entries: Entries<P> = begins.into_iter().chain(rest).collect();
        if self.acceptor.len() > decided {
            self.acceptor.cut(decided);
            self.disk.write(Op::Truncate(decided));
        }
        self.append(entries);
        self.acceptor.left = Some(ballot);
        self.disk.write(Op::Left(ballot));
    }

    /// The configurations whose quorums a ballot needs, if the log is this peer's up to `from` and then `staged`: the one
    /// in force behind all that is known to be decided, and every later one. A takeover leaves those before it behind. What
    /// a log has at a place that was decided otherwise counts for nothing.
    fn live_in(&self, from: u64, staged: &Entries<P>) -> Vec<Config<P>> {
        let decided = self.chain.decided();
        let in_force = self.chain.config_at(decided).map(|(_, config)| config);
        let mut later: BTreeMap<u64, &Config<P>> = BTreeMap::new();
        if self.acceptor.aligned {
            later.extend(self.acceptor.configs.range(..=from).map(|(at, config)| (*at, config)));
        }
        let staged = (from + 1..).zip(staged).filter(|(at, _)| decided < *at);
        later.extend(staged.filter_map(|(at, entry)| entry.config().map(|config| (at, config))));
        let fork = later.iter().rev().find(|(_, config)| config.fork.is_some()).map(|(at, _)| *at);
        let later = later.range(fork.unwrap_or(0)..).map(|(_, config)| *config);
        in_force.filter(|_| fork.is_none()).into_iter().chain(later).cloned().collect()
    }

    /// The voters of every configuration that is live in the own log.
    pub(super) fn live_voters(&self) -> BTreeSet<P> {
        let live = self.live_in(self.acceptor.len(), &Vec::new());
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
    pub(super) chain: Option<Regime<P>>,
    pub(super) regime: Option<Regime<P>>,
    pub(super) withheld: bool,
    pub(super) left: Option<Ballot<P>>,
    pub(super) accepted: Option<Ballot<P>>,
    pub(super) decided: u64,
    pub(super) len: u64,
    pub(super) from: u64,
    pub(super) entries: Entries<P>,
}
