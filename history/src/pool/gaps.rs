//! What is missing below the oldest line that is kept: a leader has to have it before it can propose what follows.
//!
//! Usually nothing is: what leaves a pool is confirmed. But where a history was given up for another, what was confirmed in it
//! has to be confirmed anew, and its lines are wherever somebody has kept them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::lane::Line;
use super::limits::{GIVE_UP, PULL_PATIENCE};
use super::message::{Range, Want};
use crate::Session;

#[derive(Clone, Debug)]
pub(super) struct Gaps<P> {
    gaps: BTreeMap<Session, Gap<P>>,
}

#[derive(Clone, Debug)]
struct Gap<P> {
    since: Instant,
    /// The first number that is missing.
    from: u64,
    /// What came of it, without a gap.
    lines: Vec<Line>,
    /// Until when an answer is waited for.
    asked: Option<Instant>,
    /// Who has said that it has not got what is missing next.
    without: BTreeSet<P>,
}

impl<P: Copy + Ord> Gaps<P> {
    pub(super) fn new() -> Self {
        Self { gaps: BTreeMap::new() }
    }

    /// The numbers from here on are missing. Returns whether that is news.
    pub(super) fn open(&mut self, session: Session, from: u64, now: Instant) -> bool {
        let gap = Gap { since: now, from, lines: Vec::new(), asked: None, without: BTreeSet::new() };
        let is_known = self.gaps.get(&session).is_some_and(|known| known.from == from);
        if !is_known {
            self.gaps.insert(session, gap);
        }
        !is_known
    }

    pub(super) fn close(&mut self, session: Session) {
        self.gaps.remove(&session);
    }

    pub(super) fn close_all(&mut self) {
        self.gaps.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.gaps.is_empty()
    }

    /// A peer says what it has of all sessions. What to ask it for.
    pub(super) fn handle_offer(&mut self, peer: P, ranges: &[Range], now: Instant) -> Vec<Want> {
        let mut wants = Vec::new();
        for (session, gap) in &mut self.gaps {
            let next = gap.next();
            let has = |range: &&Range| range.session == *session && (range.lo..range.hi).contains(&next);
            if !ranges.iter().any(|range| has(&range)) {
                gap.without.insert(peer);
            } else if gap.asked.is_none_or(|until| until <= now) {
                gap.without.remove(&peer);
                gap.asked = Some(now + PULL_PATIENCE);
                wants.push(Want { session: *session, from: next });
            }
        }
        wants
    }

    /// Takes a line, if it is missing next. All lines that were missing, once they lead to `lo`.
    pub(super) fn take(&mut self, line: Line, lo: u64) -> Option<Vec<Line>> {
        let session = line.say.id.session;
        let gap = self.gaps.get_mut(&session)?;
        if line.say.id.number != gap.next() || gap.lines.last().is_some_and(|last| line.say.lamport <= last.say.lamport)
        {
            return None;
        }
        gap.lines.push(line);
        gap.without.clear();
        gap.asked = None;
        if gap.next() < lo {
            return None;
        }
        self.gaps.remove(&session).map(|gap| gap.lines)
    }

    /// A peer is out of reach.
    pub(super) fn forget_peer(&mut self, peer: P) {
        for gap in self.gaps.values_mut() {
            gap.without.remove(&peer);
        }
    }

    /// A session of which nobody among these has what is missing, and has not had it for long enough.
    pub(super) fn hopeless(&self, reachable: &BTreeSet<P>, now: Instant) -> Option<Session> {
        let is_hopeless = |gap: &Gap<P>| gap.since + GIVE_UP <= now && reachable.is_subset(&gap.without);
        self.gaps.iter().find(|(_, gap)| is_hopeless(gap)).map(|(session, _)| *session)
    }
}

impl<P> Gap<P> {
    fn next(&self) -> u64 {
        self.from + self.lines.len() as u64
    }
}
