//! What each message does.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use super::Bully;
use crate::state::{Asking, Contest, State, Waiting};
use crate::{Epoch, Message, Rank, Reason};

impl<P: Copy + Ord + Debug> Bully<P> {
    /// Takes a message; drops one that cannot be true.
    pub(super) fn receive(&mut self, from: P, message: Message<P>, now: Instant) {
        if from == self.me || !message.is_sound(from) {
            return;
        }
        let shown = message.epoch().map_or(0, |epoch| epoch.counter);
        self.counter = self.counter.max(shown);
        if self.state == State::Outside {
            return;
        }
        if let Some(rank) = message.rank() {
            self.electorate.declare(rank);
        }
        match message {
            Message::Election { take_over, .. } => self.answer(from, take_over, now),
            Message::Answer { leader, epoch, age, .. } => self.note_answer(from, leader, epoch, age, now),
            Message::Coordinator { epoch, rank } => self.note_claim(epoch, rank, now),
            Message::Heartbeat { epoch, rank, weight, .. } => self.note_heartbeat(epoch, (weight, rank), now),
            Message::Yield { epoch } => self.accept(from, epoch, now),
        }
    }

    /// Answers a peer that asks.
    fn answer(&mut self, from: P, take_over: bool, now: Instant) {
        if take_over && self.should_yield_to(from) {
            let contest = Contest::new(Reason::Outranked(self.me));
            return self.yield_to(from, contest, now);
        }
        self.send_answer(from, now);
        if !take_over
            && let State::Following(following) = &self.state
            && now.saturating_duration_since(following.heard) > self.config.fresh()
        {
            self.doubt_leader(now);
        }
    }

    /// Whether to yield to a member that asks: it outranks this leader.
    ///
    /// One that has yielded already does not yield again: of two that claim at once the lower-ranked may stay.
    fn should_yield_to(&self, from: P) -> bool {
        let rank = self.electorate.rank(from);
        self.is_leader() && self.electorate.reaches(from) && rank.is_some() && rank > self.rank
    }

    /// A peer claims to lead.
    fn note_claim(&mut self, epoch: Epoch<P>, rank: Rank<P>, now: Instant) {
        // A leader that is out of reach cannot be followed; it introduces itself again when it is back.
        if !self.electorate.reaches(rank.peer) {
            return;
        }
        self.electorate.take_in(rank);
        if self.lags(epoch) {
            let reason = self.reason_for(epoch.leader, now);
            self.become_follower(epoch, now, reason, now);
        } else if self.epoch != Some(epoch) {
            self.show_newer(epoch.leader, now);
        }
    }

    /// A peer shows that it leads.
    ///
    /// A follower whose own leader is well does not change sides: the two leaders hear each other too, and one of them
    /// will claim. Else a group that meets a lone peer of a greater epoch would follow it for an instant.
    fn note_heartbeat(&mut self, epoch: Epoch<P>, standing: (u32, Rank<P>), now: Instant) {
        let from = epoch.leader;
        if !self.electorate.reaches(from) {
            return;
        }
        self.electorate.take_in(standing.1);
        let limit = self.silence_borne(from);
        let is_older = self.epoch.is_some_and(|known| epoch < known);
        let may_follow = self.may_follow(epoch, now);
        match &mut self.state {
            State::Leading(_) => self.meet(epoch, standing, now),
            State::Following(following) if self.epoch == Some(epoch) => {
                following.heard = now;
                following.passed.clear();
                following.silent_at = now + limit;
            }
            _ if is_older => self.show_newer(from, now),
            _ if may_follow => {
                let reason = self.reason_for(from, now);
                self.become_follower(epoch, now, reason, now);
            }
            _ => {}
        }
    }

    /// Tells a peer that knows an older epoch what this one knows.
    pub(super) fn show_newer(&mut self, to: P, now: Instant) {
        if self.is_leader() {
            self.send_heartbeat(to, now);
        } else {
            self.send_answer(to, now);
        }
    }

    fn send_answer(&mut self, to: P, now: Instant) {
        let Some(rank) = self.rank else { return };
        let (leader, age) = match &self.state {
            State::Leading(_) => (Some(self.me), Duration::ZERO),
            State::Following(following) => {
                let age = now.saturating_duration_since(following.heard);
                (Some(following.leader), age)
            }
            State::Outside | State::Waiting(_) | State::Asking(_) => (None, Duration::ZERO),
        };
        let epoch = self.epoch;
        let answer = Message::Answer { rank, leader, epoch, age };
        self.send(to, answer);
    }

    /// Whether to follow the leader of `epoch`, which is alive but does not claim at this moment.
    pub(super) fn may_follow(&self, epoch: Epoch<P>, now: Instant) -> bool {
        match &self.state {
            State::Outside | State::Leading(_) => false,
            State::Following(following) => {
                let is_other = following.leader != epoch.leader;
                self.lags(epoch) && !(is_other && self.hears_leader(now))
            }
            State::Waiting(_) | State::Asking(_) => self.epoch.is_none_or(|known| known <= epoch),
        }
    }

    /// Whether this peer follows a leader that has not missed two beats.
    pub(super) fn hears_leader(&self, now: Instant) -> bool {
        let State::Following(following) = &self.state else {
            return false;
        };
        let age = now.saturating_duration_since(following.heard);
        self.electorate.reaches(following.leader) && age <= self.config.two_heartbeats()
    }

    /// Why `leader` is the leader from now on.
    pub(super) fn reason_for(&self, leader: P, now: Instant) -> Reason<P> {
        let before = match &self.state {
            State::Outside => return Reason::Leaderless,
            State::Waiting(Waiting { contest, .. }) | State::Asking(Asking { contest, .. }) => {
                return contest.reason.to_follow(leader);
            }
            State::Following(following) if following.leader == leader => return Reason::Renewed,
            State::Following(following) => following.leader,
            State::Leading(_) if self.was_apart(leader, now) => return Reason::Merged(self.me),
            State::Leading(_) => self.me,
        };
        let rank_before = if before == self.me { self.rank } else { self.electorate.rank(before) };
        if self.electorate.rank(leader) > rank_before { Reason::Outranked(before) } else { Reason::Superseded(before) }
    }
}
