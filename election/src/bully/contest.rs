//! Whose turn it is when there is no leader, and what to do with one's own.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Instant;

use super::Bully;
use crate::state::{Contest, State, Then};
use crate::{Epoch, Message, Rank, Reason};

impl<P: Copy + Ord + Debug> Bully<P> {
    /// Draws the consequences of a peer's being out of reach.
    pub(super) fn unreachable(&mut self, peer: P, now: Instant) {
        match self.state.clone() {
            State::Following(following) if following.leader == peer => {
                self.elect(following.contest(Reason::Unreachable(peer)), now);
            }
            State::Waiting(waiting) if waiting.contest.doubted == Some(peer) => {
                let mut contest = waiting.contest;
                contest.reason = Reason::Unreachable(peer);
                self.elect(contest, now);
            }
            State::Waiting(waiting) if waiting.awaited == Some(peer) => {
                if waiting.then == Then::Inquire {
                    self.elect(waiting.contest, now);
                } else {
                    self.wait_no_longer(now);
                }
            }
            State::Asking(mut asking) => {
                asking.asked.remove(&peer);
                if asking.contest.doubted == Some(peer) {
                    asking.contest.give_up();
                }
                self.become_less_asking(asking);
                self.conclude(now);
            }
            _ => {}
        }
    }

    /// The leader is lost: the highest-ranked that can be reached claims at once, and the others wait for it.
    ///
    /// Who has just woken up finds all its links ended, one after the other: it asks those that are left, or that come back.
    fn elect(&mut self, mut contest: Contest<P>, now: Instant) {
        if let Some(until) = self.slept_until.filter(|until| now < *until) {
            contest.give_up();
            contest.alone_until = Some(until);
            return self.become_asking(contest, now);
        }
        let among = self.electorate.candidates().map(|rank| rank.peer).collect();
        self.give_turn(contest, &among, Then::Inquire, now);
    }

    /// Waits for the highest-ranked of `among`, or, if that is this peer, takes the turn.
    pub(super) fn give_turn(&mut self, mut contest: Contest<P>, among: &BTreeSet<P>, then: Then<P>, now: Instant) {
        contest.give_up();
        let may_come = |peer: P| among.contains(&peer) && !contest.excluded.contains(&peer);
        let highest = self.electorate.candidates().filter(|rank| may_come(rank.peer) && Some(*rank) > self.rank).max();
        match highest {
            Some(highest) => {
                let until = now + self.config.answer_timeout();
                self.become_waiting(contest, Some(highest.peer), until, then);
            }
            None => self.take_turn(contest, now),
        }
    }

    /// It is this peer's turn: it claims, or, if the group should not be led by it, passes the turn on.
    ///
    /// The turn is passed down the ranks only, so it ends somewhere. At the end, a peer that merely lacks some history
    /// leads after all: nobody who has more of it is left.
    pub(super) fn take_turn(&mut self, contest: Contest<P>, now: Instant) {
        let next = self.next_below(&contest.excluded);
        match next {
            Some(next) if !self.is_ready() => {
                let epoch = self.epoch.unwrap_or(Epoch { counter: self.counter, leader: self.me });
                self.send(next, Message::Yield { epoch });
                let until = now + self.config.answer_timeout();
                self.become_waiting(contest, Some(next), until, Then::Inquire);
            }
            None if !self.may_lead() => self.rest(contest.reason, now),
            _ => self.become_leader(contest.reason, now),
        }
    }

    /// Nobody came forward in time.
    pub(super) fn wait_no_longer(&mut self, now: Instant) {
        let State::Waiting(waiting) = self.state.clone() else {
            return;
        };
        let mut contest = waiting.contest;
        contest.excluded.extend(waiting.awaited);
        match waiting.then {
            Then::Inquire => self.inquire(contest, now),
            Then::Ask => self.become_asking(contest, now),
            Then::Skip(among) => {
                self.give_turn(contest, &among, Then::Skip(among.clone()), now);
            }
            Then::Reclaim => self.reclaim(waiting.awaited, contest, now),
        }
    }

    /// The peer that this one had yielded to did not take over.
    fn reclaim(&mut self, declined: Option<P>, contest: Contest<P>, now: Instant) {
        if self.may_lead() {
            let reason = declined.map_or(Reason::Leaderless, Reason::Declined);
            return self.become_leader(reason, now);
        }
        let heir = self.electorate.candidates().filter(|rank| !contest.excluded.contains(&rank.peer)).max();
        match heir {
            Some(heir) => self.yield_to(heir.peer, contest, now),
            None => self.rest(contest.reason, now),
        }
    }

    /// Somebody hands this peer the turn.
    ///
    /// Who hands on a turn that was not its own may have lost the leader from sight while it leads on. So if this peer
    /// hears that leader, it asks it first, and remembers not to wait for the one who passed.
    pub(super) fn accept(&mut self, from: P, epoch: Epoch<P>, now: Instant) {
        if self.epoch.is_some_and(|known| epoch < known) {
            return self.show_newer(from, now);
        }
        let hears_leader = self.hears_leader(now);
        let contest = match &mut self.state {
            State::Outside => return,
            State::Leading(_) if self.epoch == Some(epoch) => return,
            State::Leading(_) => Contest::new(Reason::Yielded(from)),
            State::Following(following) if following.leader == from => Contest::new(self.handed_over_by(from)),
            State::Following(following) => {
                if self.electorate.rank(from).is_some() {
                    following.passed.insert(from);
                }
                if hears_leader {
                    let leader = following.leader;
                    return self.send_election(leader, false);
                }
                following.contest(Reason::Unreachable(following.leader))
            }
            State::Waiting(waiting) => waiting.contest.clone(),
            State::Asking(asking) => asking.contest.clone(),
        };
        self.take_turn(contest, now);
    }

    /// A peer says that it hears no leader. If it is the leader, and was asked because a turn was passed, the turn
    /// counts.
    pub(super) fn note_resignation(&mut self, from: P, now: Instant) {
        if let State::Following(following) = &self.state
            && following.leader == from
            && !following.passed.is_empty()
        {
            self.elect(following.contest(Reason::Yielded(from)), now);
        }
    }

    /// Asks one peer whether it hears a leader, or, if it leads, to be taken over.
    pub(super) fn send_election(&mut self, to: P, take_over: bool) {
        if let Some(rank) = self.rank {
            self.send(to, Message::Election { rank, take_over });
        }
    }

    /// Why a leader handed over to this peer.
    fn handed_over_by(&self, leader: P) -> Reason<P> {
        if self.rank > self.electorate.rank(leader) { Reason::Outranked(leader) } else { Reason::Yielded(leader) }
    }

    /// Nobody can lead, this peer included: it looks again after a timeout.
    fn rest(&mut self, reason: Reason<P>, now: Instant) {
        let until = now + self.config.timeout;
        self.become_waiting(Contest::new(reason), None, until, Then::Inquire);
    }

    /// The highest-ranked peer below this one that can be reached and is not excluded.
    fn next_below(&self, excluded: &BTreeSet<P>) -> Option<P> {
        let below = |rank: &Rank<P>| Some(*rank) < self.rank && !excluded.contains(&rank.peer);
        let next = self.electorate.candidates().filter(below).max();
        next.map(|rank| rank.peer)
    }
}
