//! When a line is shown, and which line leaves to make room. A line leaves in one place only: `let_go`.

use std::time::Instant;

use super::lane::Lane;
use super::limits::HOLD;
use super::output::Event;
use super::{Pool, lane::Line};
use crate::Session;

impl<P: Copy + Ord> Pool<P> {
    /// Takes a line that is the next of its known session, shows what can be shown, and lets the oldest go.
    pub(super) fn keep(&mut self, line: Line, now: Instant) {
        let session = line.say.id.session;
        self.lanes.push(line);
        self.settle(session, now);
        self.make_room(session, now);
    }

    /// Shows all that can be shown after a change in `session`, there and in the sessions that waited for it.
    pub(super) fn settle(&mut self, session: Session, now: Instant) {
        let mut settled = session;
        let mut woken = Vec::new();
        loop {
            self.show_ready(settled, now);
            let shown = self.lanes.shown(settled);
            while let Some(session) = self.holds.pop_woken(settled, shown) {
                woken.push(session);
            }
            match woken.pop() {
                Some(session) => settled = session,
                None => return,
            }
        }
    }

    /// Adds a session, forgetting others if the table is full. Returns whether there was room.
    pub(super) fn admit(&mut self, session: Session, lane: Lane, now: Instant) -> bool {
        while self.lanes.len() >= self.limits.sessions {
            let Some(least) = self.lanes.least_missed(self.session) else {
                return false;
            };
            self.forget(least, now);
        }
        self.lanes.open(session, lane);
        true
    }

    /// Gives up the numbers of `session` below `to` and what is kept of it: its range could not be gapless otherwise.
    pub(super) fn skip(&mut self, session: Session, to: u64, lamport: u64, now: Instant) {
        let from = self.lanes.next(session);
        if to <= from {
            return;
        }
        let lamport = match self.lanes.get(session) {
            Some(lane) => {
                let lamport = lamport.max(lane.lamport());
                self.clear(session, now);
                self.lanes.close(session);
                lamport
            }
            None => lamport,
        };
        if self.admit(session, Lane::starting_at(to, lamport), now) {
            self.counts.skipped += to - from;
            self.events.push_back(Event::Skipped { session, from, to });
            self.settle(session, now);
        }
    }

    /// Shows lines of `session` up to the first that has to wait.
    fn show_ready(&mut self, session: Session, now: Instant) {
        if self.holds.contains(session) {
            return;
        }
        while let Some(line) = self.lanes.get(session).and_then(Lane::unshown) {
            let until = line.came + HOLD;
            let missing = line.say.heads.iter().find(|id| !self.lanes.is_shown(**id));
            match missing {
                Some(head) if now < until => return self.holds.hold(session, *head, until),
                _ => self.show(session),
            }
        }
    }

    /// Shows the next line of `session`, whatever it follows.
    fn show(&mut self, session: Session) {
        if self.is_confirmed && self.touched.last() != Some(&session) {
            self.touched.push(session);
        }
        if let Some(say) = self.lanes.show(session) {
            self.frontier.show(say);
            self.events.push_back(Event::Shown(say.clone()));
        }
    }

    /// Lets the oldest lines go until the bounds hold again after a line of `session` came.
    fn make_room(&mut self, session: Session, now: Instant) {
        if self.is_confirmed {
            // Nothing is taken that does not fit, and nothing leaves before it is confirmed.
            return;
        }
        while let Some(oldest) = self.lanes.overfull(session, &self.limits) {
            self.let_go(oldest);
            self.settle(oldest, now);
        }
    }

    /// Lets the oldest line of `session` go. If it was held it is shown as it leaves: late is better than never.
    pub(super) fn let_go(&mut self, session: Session) {
        let Some(lane) = self.lanes.get(session) else {
            return;
        };
        if lane.shown() == lane.lo() {
            self.holds.release(session);
            self.show(session);
        }
        self.lanes.pop(session);
        self.counts.left += 1;
    }

    /// Lets all lines of `session` go.
    fn clear(&mut self, session: Session, now: Instant) {
        while self.lanes.get(session).is_some_and(|lane| lane.len() > 0) {
            self.let_go(session);
        }
        self.settle(session, now);
    }

    /// Forgets `session` and all that refers to it.
    pub(super) fn forget(&mut self, session: Session, now: Instant) {
        self.clear(session, now);
        self.lanes.forget(session);
        self.frontier.forget(session);
        self.pulls.forget(session);
        self.behind.forget(session);
    }
}
