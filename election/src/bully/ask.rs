//! Asking around before acting on a silence, and asking to take over.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::{Duration, Instant};

use super::Bully;
use crate::config::ASKED_MAX;
use crate::state::{Asking, Contest, Reply, State, Then};
use crate::{Epoch, Rank, Reason};

impl<P: Copy + Ord + Debug> Bully<P> {
    /// The leader has been silent for too long: asks before acting.
    pub(super) fn doubt_leader(&mut self, now: Instant) {
        if let State::Following(following) = &self.state {
            let mut contest = following.contest(Reason::Silent(following.leader));
            contest.doubted = Some(following.leader);
            self.inquire(contest, now);
        }
    }

    /// This process was stopped or starved: it stops leading, believes nothing that it knew, and asks.
    ///
    /// The others have most likely taken down their links to it meanwhile. So that nobody is there to ask proves nothing
    /// before they had the time to come back.
    pub(super) fn suspect_self(&mut self, now: Instant) {
        let until = Some(now + self.config.timeout);
        let mut contest = Contest::new(Reason::Suspended);
        contest.alone_until = until;
        self.slept_until = until;
        match &self.state {
            State::Outside => return,
            State::Leading(_) => self.hold.fell(now),
            State::Following(following) => contest.doubted = Some(following.leader),
            State::Waiting(_) | State::Asking(_) => {}
        }
        self.hold.stop();
        self.become_asking(contest, now);
    }

    /// Asks if this peer is among the highest-ranked, and otherwise leaves them the time to settle it.
    pub(super) fn inquire(&mut self, contest: Contest<P>, now: Instant) {
        if self.highest(ASKED_MAX, &contest.excluded).contains(&self.me) {
            self.become_asking(contest, now);
        } else {
            let until = now + self.config.answer_timeout();
            self.become_waiting(contest, None, until, Then::Ask);
        }
    }

    /// Ends the round if it is over: everybody answered or had the time, and most of those asked hear no leader.
    ///
    /// Without such a majority this peer may be the one that is cut off, and asks again.
    pub(super) fn conclude(&mut self, now: Instant) {
        let State::Asking(asking) = &self.state else {
            return;
        };
        let alone = asking.asked.is_empty() && self.electorate.has_others(self.me);
        if let Some(until) = asking.contest.alone_until.filter(|until| alone && *until > now) {
            let asking = Asking { until, ..asking.clone() };
            return self.become_less_asking(asking);
        }
        let without = asking.without_leader();
        let is_majority = 2 * (without.len() + 1) > asking.asked.len() + 1;
        let is_due = asking.until <= now;
        if is_majority && (is_due || asking.is_complete()) {
            let contest = asking.contest.clone();
            let then = Then::Skip(without.clone());
            self.give_turn(contest, &without, then, now);
        } else if is_due {
            let contest = asking.contest.clone();
            self.become_asking(contest, now);
        }
    }

    /// Takes note of what a peer says of the leader it hears.
    pub(super) fn note_answer(
        &mut self,
        from: P,
        leader: Option<P>,
        epoch: Option<Epoch<P>>,
        age: Duration,
        now: Instant,
    ) {
        if self.is_leader() {
            if let Some(epoch) = epoch.filter(|epoch| self.lags(*epoch)) {
                self.is_shown(epoch, leader, age, now);
            }
            return;
        }
        if leader.is_none() && epoch == self.epoch {
            self.note_resignation(from, now);
        }
        let fresh = leader.filter(|&leader| leader != self.me && age <= self.config.fresh());
        if let (Some(leader), Some(epoch)) = (fresh, epoch)
            && self.may_follow(epoch, now)
            && self.electorate.reaches(leader)
        {
            let heard = now.checked_sub(age).unwrap_or(now);
            let reason = self.reason_for(leader, now);
            return self.become_follower(epoch, heard, reason, now);
        }
        if let State::Asking(asking) = &mut self.state
            && let Some(reply) = asking.asked.get_mut(&from)
        {
            *reply = if fresh.is_some() { Reply::HearsAnother } else { Reply::HearsNone };
            self.conclude(now);
        }
    }

    /// Keeps the wait of a peer that outranks its leader running, and of no other.
    ///
    /// While it is being settled who leads it runs on: the next leader may be outranked just as well.
    pub(super) fn watch_rank(&mut self, now: Instant) {
        if self.is_leader() || !self.is_ready() {
            return self.hold.stop();
        }
        let State::Following(following) = &self.state else { return };
        // A leader of unknown rank declares it with its next heartbeat.
        if let Some(rank) = self.electorate.rank(following.leader) {
            if self.rank > Some(rank) {
                self.hold.start(&self.config, now);
            } else {
                self.hold.stop();
            }
        }
    }

    /// When to ask the leader to be taken over.
    ///
    /// One of several that arrived together leaves those above it an answer's time to go first.
    pub(super) fn take_over_at(&self) -> Option<Instant> {
        let State::Following(following) = &self.state else {
            return None;
        };
        let ends = self.hold.ends(self.electorate.since(following.leader)?)?;
        let above = |rank: Rank<P>| Some(rank) > self.rank;
        let courtesy =
            if self.electorate.candidates().any(above) { self.config.answer_timeout() } else { Duration::ZERO };
        Some(ends + courtesy)
    }

    /// Asks the leader to be taken over, and again after a timeout if nothing comes of it.
    pub(super) fn ask_to_take_over(&mut self, now: Instant) {
        if let State::Following(following) = &self.state {
            self.send_election(following.leader, true);
            self.hold.ask_again(now + self.config.timeout);
        }
    }

    /// This peer and the others that can be reached and are not excluded, highest first, `count` at most.
    pub(super) fn highest(&self, count: usize, excluded: &BTreeSet<P>) -> Vec<P> {
        let others = self.electorate.candidates();
        let mut ranks: Vec<Rank<P>> = others.filter(|rank| !excluded.contains(&rank.peer)).chain(self.rank).collect();
        ranks.sort_unstable_by(|one, other| other.cmp(one));
        ranks.truncate(count);
        ranks.iter().map(|rank| rank.peer).collect()
    }
}
