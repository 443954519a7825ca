//! How lines leave a pool that feeds a log: by being confirmed, and in no other way.

use std::collections::BTreeMap;
use std::time::Instant;

use super::Pool;
use super::lane::{Lane, Line};
use super::limits::Limits;
use super::message::{Message, Say, Want};
use super::output::{To, Transmit};
use crate::{Index, Session};

impl<P: Copy + Ord + std::fmt::Debug> Pool<P> {
    /// A pool whose lines leave by being confirmed.
    pub(crate) fn confirmed(session: Session, limits: Limits, seed: u64, now: Instant) -> Self {
        Self { is_confirmed: true, ..Self::new(session, limits, seed, now) }
    }

    /// Whether another line can be said before one of those said here is confirmed.
    pub fn has_room(&self) -> bool {
        !self.lanes.is_full(self.session, &self.limits)
    }

    /// The number of lines kept.
    pub fn len(&self) -> usize {
        self.lanes.iter().map(|(_, lane)| lane.len()).sum()
    }

    /// Whether no line is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A line has its place: it is shown if it was not, and leaves with all of its session before it.
    pub(crate) fn confirm(&mut self, say: &Say, index: Index, now: Instant) {
        let (session, number) = (say.id.session, say.id.number);
        self.after = Some(index);
        self.lamport = self.lamport.max(say.lamport);
        if self.lanes.get(session).is_none() && !self.admit(session, Lane::starting_at(number, 0), now) {
            return;
        }
        if self.lanes.next(session) == number {
            self.lanes.push(Line { say: say.clone(), came: now });
        }
        self.pulls.advance(session, self.lanes.next(session), now);
        self.behind.forget(session);
        self.gaps.close(session);
        self.leave_below(session, number + 1, now);
    }

    /// All of a session below `next` is confirmed, and what of it was not here is not shown. From which number on that is, if something
    /// of the session was here.
    pub(crate) fn confirmed_below(&mut self, session: Session, next: u64, lamport: u64, now: Instant) -> Option<u64> {
        self.leave_below(session, next, now);
        let from = self.lanes.next(session);
        let known = self.lanes.get(session).is_some();
        if from < next {
            self.skip_confirmed(session, next, lamport, now);
        }
        (known && from < next).then_some(from)
    }

    /// A line lost its place. It is kept again, if the line after it is the oldest that is kept.
    pub(crate) fn take_back(&mut self, say: &Say, now: Instant) {
        self.lanes.put_back(Line { say: say.clone(), came: now });
        self.touched.push(say.id.session);
    }

    /// The next of the sessions of which lines were shown since this was last asked.
    pub(crate) fn pop_shown(&mut self) -> Option<Session> {
        self.touched.pop()
    }

    /// Nobody asks which lines were shown.
    pub(crate) fn forget_shown(&mut self) {
        self.touched.clear();
    }

    /// The sessions of which lines are kept.
    pub(crate) fn with_lines(&self) -> Vec<Session> {
        self.lanes.iter().filter(|(_, lane)| lane.len() > 0).map(|(session, _)| session).collect()
    }

    /// The line of `session` with this number, if it is kept and was shown.
    pub(crate) fn shown_line(&self, session: Session, number: u64) -> Option<&Say> {
        let lane = self.lanes.get(session)?;
        let at = usize::try_from(number.checked_sub(lane.lo())?).ok()?;
        lane.shown_line(at).map(|line| &line.say)
    }

    /// Of what is pulled, the numbers that have left because they are confirmed: those of each session from the first that is wanted.
    pub(crate) fn wanted_of_log(&mut self, wants: &[Want]) -> BTreeMap<Session, std::ops::Range<u64>> {
        let wants = self.within_table(wants).iter();
        let below = wants.filter_map(|want| Some((want.session, want.from..self.lanes.get(want.session)?.lo())));
        below.filter(|(_, numbers)| !numbers.is_empty()).collect()
    }

    /// A message came from a peer whose log is of another history: what is confirmed there does not come with the log.
    pub(crate) fn handle_message_from_elsewhere(&mut self, from: P, message: Message, now: Instant) {
        self.from_elsewhere = true;
        self.handle_message(from, message, now);
        self.from_elsewhere = false;
    }

    /// The number of a session that this pool takes next.
    pub(crate) fn next(&self, session: Session) -> u64 {
        self.lanes.next(session)
    }

    /// A peer in reach is of another history, or of this one again: both compare what they keep.
    pub(crate) fn meet(&mut self, peer: P) {
        if self.reachable.contains(&peer) {
            self.send_digest(peer, true);
        }
    }

    /// What the log has to have next of a session is below what is kept: it is looked for at everybody.
    pub(crate) fn want_below(&mut self, session: Session, from: u64, now: Instant) {
        if self.gaps.open(session, from, now) {
            let everybody: Vec<P> = self.reachable.iter().copied().collect();
            everybody.into_iter().for_each(|peer| self.send_digest(peer, true));
        }
    }

    /// A session of which nobody in reach has what is missing below what is kept, and the first number that is kept.
    pub(crate) fn lacking(&self, now: Instant) -> Option<(Session, u64)> {
        let session = self.gaps.hopeless(&self.reachable, now)?;
        Some((session, self.lanes.get(session)?.lo()))
    }

    /// Nothing below what is kept of a session is looked for any longer.
    pub(crate) fn close_gap(&mut self, session: Session) {
        self.gaps.close(session);
    }

    /// Nothing below what is kept is looked for any longer.
    pub(crate) fn close_gaps(&mut self) {
        self.gaps.close_all();
    }

    /// The oldest line of a session that is kept.
    pub(crate) fn oldest(&self, session: Session) -> Option<&Say> {
        Some(&self.lanes.get(session)?.first()?.say)
    }

    /// Answers a pull with lines that have left the pool.
    pub(crate) fn send_line(&mut self, peer: P, say: Say) {
        self.transmits.push_back(Transmit { to: To::One(peer), message: Message::Say(say) });
    }

    fn leave_below(&mut self, session: Session, next: u64, now: Instant) {
        let left = self.counts.left;
        while self.lanes.get(session).is_some_and(|lane| lane.len() > 0 && lane.lo() < next) {
            self.let_go(session);
        }
        self.counts.left = left;
        self.settle(session, now);
    }

    fn skip_confirmed(&mut self, session: Session, next: u64, lamport: u64, now: Instant) {
        if self.lanes.get(session).is_some() {
            self.lanes.close(session);
        }
        if self.admit(session, Lane::starting_at(next, lamport), now) {
            self.settle(session, now);
        }
    }
}
