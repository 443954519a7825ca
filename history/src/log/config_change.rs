//! Who is to vote: the leader and the next in rank, without those that are lost.

use std::sync::Arc;
use std::time::Instant;

use super::entry::{Config, Entry, Peer};
use super::limits::{LEAVE, VOTERS_MAX};
use super::message::LogMessage;
use super::output::LogEvent;
use super::quorum::Weight;
use super::{Leaving, Log, Role};

impl<P: Peer> Log<P> {
    /// Looks at who is to vote, if that may be others than when it was looked at last.
    pub(super) fn review_voters(&mut self) {
        let Role::Leading(leading) = &self.role else {
            return;
        };
        let is_due = self.review_at.is_some_and(|at| at <= self.now);
        if self.voters_changed || is_due || leading.candidate.is_some() {
            self.voters_changed = false;
            self.propose_voters();
            self.review_at = self.next_review();
        }
    }

    /// Proposes a configuration if one is due, none is undecided, and this one can be carried.
    fn propose_voters(&mut self) {
        let Role::Leading(leading) = &self.role else {
            return;
        };
        if !self.acceptor.configs.is_empty() || self.acceptor.promised != Some(leading.ballot) {
            return;
        }
        let Some((_, config)) = self.chain.config_at(self.chain.decided()) else {
            return;
        };
        let config = config.clone();
        let since = leading.since;
        let wants_out = |voter: P| self.members.is_leaving(voter) || voter == self.me && self.leaving.is_some();
        let overdue = |voter: P| {
            let at = self.members.remove_at(voter, config.voters.len(), since);
            at.is_some_and(|at| at <= self.now)
        };
        let stays = |voter: &P| !wants_out(*voter) && (*voter == self.me || !overdue(*voter));
        let mut wanted: Vec<P> = config.voters.iter().copied().filter(stays).collect();
        let candidate = self.next_voter(&wanted);
        let caught_up = candidate.filter(|candidate| {
            let progress = leading.progress.get(candidate).copied().unwrap_or_default();
            progress.acked >= self.chain.decided()
        });
        if let Some(candidate) = caught_up {
            wanted.push(candidate);
            if wanted.len() > VOTERS_MAX {
                let ranked = self.members.in_rank(&wanted);
                let lowest = ranked.into_iter().rev().find(|voter| *voter != self.me && *voter != candidate);
                wanted.retain(|voter| Some(*voter) != lowest);
            }
        }
        if let Role::Leading(leading) = &mut self.role {
            let other = candidate.filter(|candidate| *candidate != self.me);
            // Whoever is to become a voter is told so at once: it asks for what it lacks.
            leading.beat_due |= other.is_some() && other != leading.candidate;
            leading.candidate = other;
        }
        let reachable = |voter: P| voter == self.me || self.members.is_reachable(voter);
        let mut before = wanted.clone();
        before.sort_unstable();
        if wanted.is_empty() || before == config.voters || !config.carries(Weight::TieBroken, reachable) {
            return;
        }
        if let Some(next) = Config::of(&self.members.in_rank(&wanted)) {
            self.lead_entries(vec![Arc::new(Entry::Config(next))]);
        }
    }

    /// The highest-ranked member that should vote and does not: this peer, which leads; then whoever has been reachable
    /// for long enough, and either there is room or it outranks a voter. If nobody else is left, anybody reachable.
    fn next_voter(&self, voters: &[P]) -> Option<P> {
        if !voters.contains(&self.me) && self.leaving.is_none() {
            return Some(self.me);
        }
        let steady = |peer: &P| {
            let at = self.members.add_at(*peer, voters.len());
            at.is_some_and(|at| at <= self.now || voters.is_empty())
        };
        let ranked = self.members.ranked().iter().copied();
        let mut others = ranked
            .filter(|peer| *peer != self.me && !voters.contains(peer) && !self.members.is_leaving(*peer))
            .filter(steady);
        let first = others.next()?;
        if voters.len() < VOTERS_MAX {
            return Some(first);
        }
        let mut both = voters.to_vec();
        both.push(first);
        let lowest = self.members.in_rank(&both).into_iter().rev().find(|peer| *peer != self.me);
        (lowest != Some(first)).then_some(first)
    }

    fn next_review(&self) -> Option<Instant> {
        let Role::Leading(leading) = &self.role else {
            return None;
        };
        let (_, config) = self.chain.config_at(self.chain.decided())?;
        let voters = config.voters.len();
        let removals = config.voters.iter().filter_map(|voter| self.members.remove_at(*voter, voters, leading.since));
        let additions = self.members.ranked().iter().filter_map(|peer| self.members.add_at(*peer, voters));
        removals.chain(additions).filter(|at| *at > self.now).min()
    }

    /// Goes on with leaving: tells whoever may have to do without it, and ends when no configuration needs this peer, or after
    /// long enough.
    pub(super) fn go_on_leaving(&mut self) {
        let Some(Leaving { until, next_ask, told: false }) = self.leaving else {
            return;
        };
        if next_ask <= self.now {
            let mut others = self.live_voters();
            others.extend(self.members.ranked().iter().take(VOTERS_MAX));
            others.retain(|peer| *peer != self.me && self.members.is_reachable(*peer));
            self.send_all(others.into_iter().collect(), LogMessage::Leaving);
        }
        let needed = self.live_voters().contains(&self.me) || !self.is_taken_over();
        let told = !needed || until <= self.now;
        if told {
            self.events.push_back(LogEvent::Left);
        }
        let next_ask = if next_ask <= self.now { self.now + self.config.heartbeat } else { next_ask };
        self.leaving = Some(Leaving { until, next_ask, told });
    }

    /// Whether those that vote from here on have what a leader has decided. A tie-breaker decides by itself that it is no
    /// voter any more: if it left before the others had that, they would wait for its vote for ever.
    fn is_taken_over(&self) -> bool {
        let (Role::Leading(leading), Some((at, config))) = (&self.role, self.chain.config_at(self.chain.decided()))
        else {
            return true;
        };
        let has_it =
            |voter: P| voter == self.me || leading.progress.get(&voter).is_some_and(|progress| progress.acked >= at);
        config.carries(Weight::Strict, has_it)
    }

    pub(super) fn on_leaving(&mut self, from: P) {
        if self.members.leave(from) {
            self.voters_changed = true;
        }
    }

    /// Tells whether more than half of the voters in force can be reached, if that has changed.
    pub(super) fn review_quorum(&mut self) {
        let decided = self.chain.config_at(self.chain.decided()).map(|(_, config)| config);
        let Some(config) = decided.or_else(|| self.acceptor.configs.first_key_value().map(|(_, config)| config)) else {
            return;
        };
        let held = config.carries(Weight::Strict, |voter| self.is_present(voter));
        let missing: Vec<P> = config.voters.iter().copied().filter(|voter| !held && !self.is_present(*voter)).collect();
        if self.quorum.as_ref() != Some(&(held, missing.clone())) {
            self.quorum = Some((held, missing.clone()));
            self.events.push_back(LogEvent::Quorum { held, missing });
        }
    }

    pub(super) fn leave_until(&self) -> Instant {
        self.now + LEAVE
    }
}
