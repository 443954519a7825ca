//! How pools become equal: lines taken, gaps pulled, digests compared.

use std::cmp::Ordering;
use std::time::Instant;

use bytes::Bytes;
use rand::RngExt;

use super::Pool;
use super::behind::Skip;
use super::lane::{Lane, Line};
use super::limits::{LAMPORT_JUMP, PULL_ANSWER};
use super::message::{Message, Range, Say, Want};
use super::output::{To, Transmit};
use crate::Session;

impl<P: Copy + Ord> Pool<P> {
    /// Takes a line if it is the next of its session.
    pub(super) fn handle_say(&mut self, from: P, say: Say, now: Instant) {
        let session = say.id.session;
        if !say.is_sound(self.horizon()) {
            self.counts.malformed += 1;
            return;
        }
        match say.id.number.cmp(&self.lanes.next(session)) {
            Ordering::Less if !self.gaps.is_empty() => self.take_below(say, now),
            Ordering::Less => self.counts.duplicates += 1,
            // Nobody has lines of this session that this pool has not said.
            _ if session == self.session => self.counts.malformed += 1,
            // Offered again by each digest, until what is kept is confirmed.
            _ if self.is_confirmed && self.lanes.is_full(session, &self.limits) => self.counts.refused += 1,
            Ordering::Equal => self.take(say, now),
            Ordering::Greater => self.pull_gap(from, &say, now),
        }
    }

    /// Pulls what a digest or a rest offers and this pool lacks.
    pub(super) fn compare(&mut self, peer: P, ranges: &[Range], now: Instant) {
        let ranges = self.within_table(ranges);
        let wants = ranges.iter().filter_map(|range| self.handle_offer(peer, *range, now)).collect();
        self.pull(peer, wants);
    }

    /// Pulls what a digest offers of what is missing below what is kept.
    pub(super) fn fill_gaps(&mut self, peer: P, ranges: &[Range], now: Instant) {
        if !self.gaps.is_empty() {
            let ranges = self.within_table(ranges);
            let wants = self.gaps.handle_offer(peer, ranges, now);
            self.pull(peer, wants);
        }
    }

    /// Answers a pull: lines up to a bound, then what is left of the sessions not finished.
    pub(super) fn answer(&mut self, peer: P, wants: &[Want]) {
        let wants = self.within_table(wants);
        let mut room = PULL_ANSWER;
        let mut ranges = Vec::new();
        for Want { session, from } in wants.iter().copied() {
            let Some(lane) = self.lanes.get(session) else {
                continue;
            };
            if from < lane.lo() {
                // What is confirmed stands in the log, which answers for it: not to one that has another log.
                if !self.is_confirmed || self.from_elsewhere {
                    ranges.push(lane.range(session));
                }
                continue;
            }
            for line in lane.lines_from(from) {
                let Some(left) = room.checked_sub(line.say.weight()) else {
                    ranges.push(lane.range(session));
                    break;
                };
                room = left;
                self.transmits.push_back(Transmit { to: To::One(peer), message: Message::Say(line.say.clone()) });
            }
        }
        if !ranges.is_empty() {
            self.send(peer, Message::Rest { ranges });
        }
    }

    /// Goes on after a pull that was answered in part.
    pub(super) fn handle_rest(&mut self, peer: P, ranges: &[Range], now: Instant) {
        let ranges = self.within_table(ranges);
        ranges.iter().for_each(|range| self.pulls.answered(range.session, peer));
        // What is confirmed, and not there any more, is not asked for again.
        let is_there = |range: &&Range| !self.is_confirmed || range.lo <= self.lanes.next(range.session);
        let there: Vec<Range> = ranges.iter().filter(is_there).copied().collect();
        self.compare(peer, &there, now);
    }

    /// Exchanges digests with one reachable peer, drawn by lot.
    pub(super) fn exchange(&mut self) {
        if self.reachable.is_empty() {
            return;
        }
        let at = self.rng.random_range(0..self.reachable.len());
        if let Some(peer) = self.reachable.iter().nth(at).copied() {
            self.send_digest(peer, true);
        }
    }

    /// Sends what this pool has.
    pub(super) fn send_digest(&mut self, peer: P, reply: bool) {
        let ranges = self.lanes.ranges();
        self.send(peer, Message::Digest { ranges, reply });
    }

    /// Skips what nobody reachable has had for long enough.
    pub(super) fn give_up(&mut self, now: Instant) {
        for skip in self.behind.due(now) {
            let want = self.skip_to(skip, now);
            self.pull(skip.peer, want.into_iter().collect());
        }
    }

    /// Takes a line that is the next of its session.
    fn take(&mut self, mut say: Say, now: Instant) {
        let session = say.id.session;
        let floor = self.lanes.floor();
        let lane = self.lanes.get(session);
        if lane.is_some_and(|lane| lane.has_begun() && say.lamport <= lane.lamport()) {
            self.counts.malformed += 1;
            return;
        }
        let begun = lane.is_some_and(Lane::has_begun);
        if lane.is_none() && !self.admit(session, Lane::starting_at(0, 0), now) {
            self.counts.refused += 1;
            return;
        }
        self.lamport = self.lamport.max(say.lamport);
        self.behind.forget(session);
        if !begun && say.lamport <= floor {
            self.counts.refused += 1;
            self.lanes.pass_over(session, say.lamport);
        } else {
            // The decoder may have cut the body out of a large receive buffer, which it would keep alive.
            say.body = Bytes::copy_from_slice(&say.body);
            self.keep(Line { say, came: now }, now);
        }
        self.pull_more(session, now);
    }

    /// Takes a line that is missing below what is kept.
    fn take_below(&mut self, say: Say, now: Instant) {
        let session = say.id.session;
        let lo = self.lanes.get(session).map_or(0, Lane::lo);
        let body = Bytes::copy_from_slice(&say.body);
        for line in self.gaps.take(Line { say: Say { body, ..say }, came: now }, lo).into_iter().flatten().rev() {
            self.lanes.put_back(line);
            self.touched.push(session);
        }
    }

    /// Asks whoever else has more of `session`, if a line has just ended its pull.
    fn pull_more(&mut self, session: Session, now: Instant) {
        let next = self.lanes.next(session);
        if let Some((peer, hi)) = self.pulls.advance(session, next, now) {
            let want = self.want(session, peer, hi, now);
            self.pull(peer, want.into_iter().collect());
        }
    }

    /// Pulls what is missing before `say` from its sender, unless it has said that it lacks it too.
    fn pull_gap(&mut self, from: P, say: &Say, now: Instant) {
        let session = say.id.session;
        let expired = self.lanes.get(session).is_none() && say.lamport <= self.lanes.floor();
        if expired {
            self.counts.refused += 1;
        } else if (self.is_confirmed || !self.behind.contains(session)) && self.reachable.contains(&from) {
            let want = self.want(session, from, say.id.number + 1, now);
            self.pull(from, want.into_iter().collect());
        }
    }

    /// Notes what `peer` has of one session. Returns what to ask for.
    fn handle_offer(&mut self, peer: P, range: Range, now: Instant) -> Option<Want> {
        if !range.is_sound(self.horizon()) {
            self.counts.malformed += 1;
            return None;
        }
        self.lamport = self.lamport.max(range.lamport);
        let lane = self.lanes.get(range.session);
        let next = lane.map_or(0, Lane::next);
        let expired = lane.is_none() && range.lamport <= self.lanes.floor();
        if range.hi <= next || expired || range.session == self.session {
            return None;
        }
        if range.lo > next && range.lo == range.hi && !self.from_elsewhere {
            // Nothing follows what is missing: a newcomer's range, that says nothing of who else has it.
            return None;
        }
        if range.lo > next && self.is_confirmed {
            // What is missing is confirmed there: it comes with the log, or, if that is of another history, for the asking. There it may
            // be in nobody's memory any more.
            if self.from_elsewhere {
                _ = self.behind.offer(peer, range, now);
            }
            return self.want(range.session, peer, range.hi, now);
        }
        if range.lo > next {
            let skip = self.behind.offer(peer, range, now)?;
            return self.skip_to(skip, now);
        }
        self.behind.met(range.session);
        self.want(range.session, peer, range.hi, now)
    }

    fn skip_to(&mut self, skip: Skip<P>, now: Instant) -> Option<Want> {
        let Range { session, hi, lamport, .. } = skip.range;
        self.pulls.forget(session);
        self.skip(session, skip.to, lamport, now);
        (skip.to < hi).then(|| self.want(session, skip.peer, hi, now))?
    }

    /// What to ask `peer` for, who has `session` up to `hi`, unless somebody is asked already.
    fn want(&mut self, session: Session, peer: P, hi: u64, now: Instant) -> Option<Want> {
        let from = self.lanes.next(session);
        self.pulls.ask(session, peer, hi, now).then_some(Want { session, from })
    }

    fn pull(&mut self, peer: P, wants: Vec<Want>) {
        if !wants.is_empty() {
            self.send(peer, Message::Pull { wants });
        }
    }

    fn send(&mut self, peer: P, message: Message) {
        let to = To::One(peer);
        self.transmits.push_back(Transmit { to, message });
    }

    /// As many of `items` as the session table has places; an honest peer sends no more.
    pub(super) fn within_table<'a, T>(&mut self, items: &'a [T]) -> &'a [T] {
        let (within, beyond) = items.split_at(items.len().min(self.limits.sessions));
        self.counts.malformed += beyond.len() as u64;
        within
    }

    /// The greatest Lamport time that is believed.
    pub(super) fn horizon(&self) -> u64 {
        self.lamport.saturating_add(LAMPORT_JUMP)
    }
}
