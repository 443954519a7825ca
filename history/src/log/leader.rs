//! Leading: sync, accept, decide.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::chain::within_message;
use super::entry::{Peer, RunningHash};
use super::limits::{SYNC_BYTES, UNDECIDED_BYTES};
use super::message::{Entries, LogMessage};
use super::quorum::Weight;
use super::{Gated, Log, Role};
use crate::Ballot;

/// Established.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Leading<P> {
    pub(super) ballot: Ballot<P>,
    /// Under which ballot the log was accepted that this one began with, and how long that was.
    prior: Option<Ballot<P>>,
    prior_len: u64,
    pub(super) progress: BTreeMap<P, Progress>,
    /// How much the learners were told.
    taught: u64,
    /// Whether somebody does not know yet how much is decided.
    pub(super) beat_due: bool,
    pub(super) next_beat: Instant,
    pub(super) since: Instant,
    /// Who is synced in order to become a voter.
    pub(super) candidate: Option<P>,
}

/// How far a follower is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Progress {
    /// What it was sent, once it is being synced.
    sent: Option<u64>,
    /// What it has on disk under this ballot.
    pub(super) acked: u64,
    /// When it last said so.
    acked_at: Option<Instant>,
}

impl<P: Peer> Leading<P> {
    /// Of a log that was accepted under `prior.0` and so long then, of which `decided` is known to be decided.
    pub(super) fn new(ballot: Ballot<P>, prior: (Option<Ballot<P>>, u64), decided: u64, now: Instant) -> Self {
        Self {
            ballot,
            prior: prior.0,
            prior_len: prior.1,
            progress: BTreeMap::new(),
            taught: decided,
            beat_due: true,
            next_beat: now,
            since: now,
            candidate: None,
        }
    }
}

impl<P: Peer> Log<P> {
    /// Puts entries at the end of the log, if this peer leads and there is room. Returns whether it did.
    pub(super) fn lead_entries(&mut self, entries: Entries<P>) -> bool {
        let Role::Leading(Leading { ballot, .. }) = &self.role else {
            return false;
        };
        let ballot = *ballot;
        debug_assert!(self.acceptor.is_synced(ballot));
        self.append(entries);
        self.gate(Gated::Accepted(self.me, ballot, self.acceptor.len()));
        true
    }

    pub(super) fn has_room(&self) -> bool {
        matches!(self.role, Role::Leading(_)) && self.acceptor.tail_weight < UNDECIDED_BYTES
    }

    pub(super) fn on_ask(&mut self, from: P, ballot: Ballot<P>, ask: Asked<P>) {
        let Role::Leading(leading) = &self.role else {
            return;
        };
        if leading.ballot == ballot && self.targets().contains(&from) {
            self.sync(from, ask.accepted, ask.len, ask.decided, Some(ask.hash));
        }
    }

    /// Sends a follower what its log lacks, unless that is so much that it has to fetch first.
    pub(super) fn sync(
        &mut self,
        to: P,
        accepted: Option<Ballot<P>>,
        len: u64,
        decided: u64,
        hash: Option<RunningHash>,
    ) {
        let Role::Leading(leading) = &self.role else {
            return;
        };
        let (ballot, prior_len) = (leading.ballot, leading.prior_len);
        let (prior, start) = if accepted == Some(ballot) {
            (accepted, len.min(self.acceptor.len()))
        } else if accepted.is_some() && accepted == leading.prior {
            (accepted, len.min(prior_len))
        } else {
            (None, decided.min(self.chain.decided()))
        };
        let known = self.chain.hash_at(start);
        let agreed = start != decided || hash.is_none() || known.is_none() || known == hash;
        if start < self.chain.base() || !agreed {
            return;
        }
        let total = self.acceptor.len();
        let lacks: usize = self
            .chain
            .after(start)
            .map(|entry| entry.weight())
            .scan(0, |sum, weight| {
                *sum += weight;
                (*sum <= 2 * SYNC_BYTES).then_some(*sum)
            })
            .last()
            .unwrap_or(0);
        if lacks > SYNC_BYTES {
            return;
        }
        let (regime, hash) = (self.chain.regime(), self.chain.hash_at(start));
        let mut from = start;
        loop {
            let entries = within_message(self.accepted_after(from));
            let next = from + entries.len() as u64;
            self.send(to, LogMessage::Sync { ballot, regime, prior, start, hash, from, entries, len: total });
            if next >= total || next == from {
                break;
            }
            from = next;
        }
        if let Role::Leading(leading) = &mut self.role {
            leading.progress.entry(to).or_default().sent = Some(total);
        }
    }

    /// Counts an acknowledgement: what it is worth is decided by the configuration in force.
    pub(super) fn on_accepted(&mut self, from: P, ballot: Ballot<P>, len: u64) {
        let (longest, now) = (self.acceptor.len(), self.now);
        let Role::Leading(leading) = &mut self.role else {
            return;
        };
        if leading.ballot == ballot && len <= longest {
            let progress = leading.progress.entry(from).or_default();
            progress.acked = progress.acked.max(len);
            progress.acked_at = Some(now);
            self.decide();
        }
    }

    /// Decides in order, as far as the configuration that governs each place carries it.
    fn decide(&mut self) {
        loop {
            let Role::Leading(leading) = &self.role else {
                return;
            };
            let decided = self.chain.decided();
            let acked = |voter: P| leading.progress.get(&voter).map_or(0, |progress| progress.acked);
            let fork = self.acceptor.configs.iter().rev().find(|(_, config)| config.fork.is_some());
            let (config, next) = match (fork, self.chain.config_at(decided)) {
                (Some((at, config)), _) => (config, Some(*at)),
                (None, Some((_, config))) => (config, self.acceptor.configs.first_key_value().map(|(at, _)| *at)),
                (None, None) => return,
            };
            let carried = match next {
                Some(at) if config.carried(Weight::TieBroken, acked) >= at => at,
                Some(_) if fork.is_some() => return,
                Some(at) => config.carried(Weight::Strict, acked).min(at - 1),
                None => config.carried(Weight::Strict, acked),
            };
            if carried <= decided {
                return;
            }
            self.decide_to(carried);
            if let Role::Leading(leading) = &mut self.role {
                leading.beat_due = true;
            }
        }
    }

    /// Sends what followers and learners were not sent yet.
    pub(super) fn flush_leader(&mut self) {
        let Role::Leading(leading) = &self.role else {
            return;
        };
        let (ballot, decided, len) = (leading.ballot, self.chain.decided(), self.acceptor.len());
        let targets = self.targets();
        let beats = self.now >= leading.next_beat;
        let mut behind: BTreeMap<u64, Vec<P>> = BTreeMap::new();
        for peer in &targets {
            if let Some(sent) = leading.progress.get(peer).and_then(|progress| progress.sent)
                && sent < len
            {
                behind.entry(sent).or_default().push(*peer);
            }
        }
        let told: BTreeSet<P> = behind.values().flatten().copied().collect();
        for (sent, peers) in behind {
            self.send_accepts(ballot, sent, peers, decided);
        }
        let Role::Leading(leading) = &mut self.role else {
            return;
        };
        let due = std::mem::take(&mut leading.beat_due);
        if beats {
            leading.next_beat = self.now + self.config.heartbeat;
        }
        let synced: Vec<P> = targets.iter().copied().filter(|peer| beats || due && !told.contains(peer)).collect();
        let learners: Vec<P> = self.members.reachable().filter(|peer| !targets.contains(peer)).collect();
        let taught = leading.taught;
        leading.taught = decided;
        let (regime, sure) = (self.chain.regime(), self.is_sure());
        self.send_all(synced, LogMessage::Beat { ballot, regime, len, decided, sync: true, sure });
        if taught < decided && taught >= self.chain.base() {
            self.teach(learners.clone(), taught);
        }
        if beats {
            self.send_all(learners, LogMessage::Beat { ballot, regime, len, decided, sync: false, sure });
        }
    }

    /// Whether others are to give up their history for this one: a quorum, or half of one with the tie-breaker, has answered since anybody came in reach or was lost,
    /// and of all histories in reach this is the one that ought to stand.
    fn is_sure(&self) -> bool {
        let (Role::Leading(leading), Some((_, config))) = (&self.role, self.chain.config_at(self.chain.decided()))
        else {
            return false;
        };
        let since = self.members.changed_at();
        let answered = |voter: P| {
            let acked_at = || leading.progress.get(&voter).and_then(|progress| progress.acked_at);
            voter == self.me || self.members.is_reachable(voter) && acked_at() >= Some(since)
        };
        self.is_view_settled()
            && self.best == self.chain.regime()
            && self.accepted_regime() == self.chain.regime()
            && config.carries(Weight::TieBroken, answered)
    }

    fn send_accepts(&mut self, ballot: Ballot<P>, mut sent: u64, peers: Vec<P>, decided: u64) {
        let len = self.acceptor.len();
        if sent < self.chain.base() {
            sent = len;
        }
        while sent < len {
            let entries = within_message(self.accepted_after(sent));
            let next = sent + entries.len() as u64;
            self.send_all(peers.clone(), LogMessage::Accept { ballot, prev_len: sent, entries, decided });
            sent = next;
        }
        if let Role::Leading(leading) = &mut self.role {
            for peer in peers {
                leading.progress.entry(peer).or_default().sent = Some(len);
            }
        }
    }

    /// Who is to hold the whole log: the live voters and whoever is to become one.
    fn targets(&self) -> BTreeSet<P> {
        let mut targets = self.live_voters();
        if let Role::Leading(leading) = &self.role {
            targets.extend(leading.candidate);
        }
        targets.retain(|peer| *peer != self.me && self.members.is_reachable(*peer));
        targets
    }
}

/// The fields of an `Ask` beside its ballot.
pub(super) struct Asked<P> {
    pub(super) accepted: Option<Ballot<P>>,
    pub(super) len: u64,
    pub(super) decided: u64,
    pub(super) hash: RunningHash,
}
