//! All sessions known: which lines are kept, which are the oldest, which session is forgotten first.

use std::collections::{BTreeMap, BTreeSet};

use super::lane::{Lane, Line};
use super::limits::Limits;
use super::message::{Range, Say};
use crate::{MessageId, Session};

/// The session table. Nothing here is linear in the sessions except [`ranges`](Self::ranges) and
/// [`least_missed`](Self::least_missed).
#[derive(Clone, Debug, Default)]
pub(super) struct Lanes {
    lanes: BTreeMap<Session, Lane>,
    /// (Lamport time of the oldest line, session) of each lane that keeps lines.
    oldest: BTreeSet<(u64, Session)>,
    weight: usize,
    floor: u64,
}

impl Lanes {
    /// Adds a session that is not known.
    pub(super) fn open(&mut self, session: Session, lane: Lane) {
        let before = self.lanes.insert(session, lane);
        debug_assert!(before.is_none());
    }

    /// Appends a line to a known session, whose next it must be.
    pub(super) fn push(&mut self, line: Line) {
        let session = line.say.id.session;
        let Some(lane) = self.lanes.get_mut(&session) else {
            return;
        };
        if lane.len() == 0 {
            self.oldest.insert((line.say.lamport, session));
        }
        self.weight += line.say.weight();
        lane.push(line);
    }

    /// Counts the next line of a known session, which keeps none, as had.
    pub(super) fn pass_over(&mut self, session: Session, lamport: u64) {
        if let Some(lane) = self.lanes.get_mut(&session) {
            lane.pass_over(lamport);
        }
    }

    /// Counts the first line of `session` that is not shown as shown, and returns it.
    pub(super) fn show(&mut self, session: Session) -> Option<&Say> {
        self.lanes.get_mut(&session)?.show()
    }

    /// Lets the oldest line of `session` go. It must have been shown.
    pub(super) fn pop(&mut self, session: Session) {
        let Some(lane) = self.lanes.get_mut(&session) else {
            return;
        };
        let Some(line) = lane.pop() else {
            return;
        };
        self.weight -= line.say.weight();
        self.oldest.remove(&(line.say.lamport, session));
        if let Some(first) = lane.first() {
            self.oldest.insert((first.say.lamport, session));
        }
    }

    /// Removes a session that keeps no lines.
    pub(super) fn close(&mut self, session: Session) -> Option<Lane> {
        let lane = self.lanes.remove(&session)?;
        debug_assert_eq!(lane.len(), 0);
        Some(lane)
    }

    /// Removes a session that keeps no lines, and raises the floor to its last Lamport time.
    pub(super) fn forget(&mut self, session: Session) {
        if let Some(lane) = self.close(session) {
            self.raise_floor(lane.lamport());
        }
    }

    /// Counts unknown sessions as forgotten that said nothing later than `lamport`.
    pub(super) fn raise_floor(&mut self, lamport: u64) {
        self.floor = self.floor.max(lamport);
    }

    /// The session whose oldest line has to leave for the bounds to hold, after a line of `session` came.
    pub(super) fn overfull(&self, session: Session, limits: &Limits) -> Option<Session> {
        let lane = self.get(session)?;
        if lane.len() > limits.session_lines || lane.weight() > limits.session_bytes {
            return Some(session);
        }
        let (_, oldest) = self.oldest.first()?;
        (self.weight > limits.total_bytes).then_some(*oldest)
    }

    /// Whether a bound is reached: one more line of `session` might not fit.
    pub(super) fn is_full(&self, session: Session, limits: &Limits) -> bool {
        let room = |lane: &Lane| lane.len() < limits.session_lines && lane.weight() < limits.session_bytes;
        !self.get(session).is_none_or(room) || self.weight >= limits.total_bytes
    }

    /// Puts a line back in front of the oldest of its session, which follows it.
    pub(super) fn put_back(&mut self, line: Line) {
        let session = line.say.id.session;
        let weight = line.say.weight();
        let Some(lane) = self.lanes.get_mut(&session) else {
            return;
        };
        let first = lane.first().map(|first| first.say.lamport);
        let lamport = line.say.lamport;
        if lane.put_back(line) {
            self.weight += weight;
            if let Some(first) = first {
                self.oldest.remove(&(first, session));
            }
            self.oldest.insert((lamport, session));
        }
    }

    /// The session to forget first: without lines rather than with, then the longest silent. Never `own`.
    pub(super) fn least_missed(&self, own: Session) -> Option<Session> {
        self.lanes
            .iter()
            .filter(|(session, _)| **session != own)
            .min_by_key(|(_, lane)| (lane.len() > 0, lane.lamport()))
            .map(|(session, _)| *session)
    }

    pub(super) fn get(&self, session: Session) -> Option<&Lane> {
        self.lanes.get(&session)
    }

    /// The number of `session` to be taken next: 0 if it is not known.
    pub(super) fn next(&self, session: Session) -> u64 {
        self.get(session).map_or(0, Lane::next)
    }

    /// The number of `session` to be shown next: 0 if it is not known.
    pub(super) fn shown(&self, session: Session) -> u64 {
        self.get(session).map_or(0, Lane::shown)
    }

    /// Whether nothing has to wait for `id`: it was shown, or was before the pool began with its session.
    pub(super) fn is_shown(&self, id: MessageId) -> bool {
        id.number < self.shown(id.session)
    }

    /// What is kept of every session.
    pub(super) fn ranges(&self) -> Vec<Range> {
        self.iter().map(|(session, lane)| lane.range(session)).collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Session, &Lane)> {
        self.lanes.iter().map(|(session, lane)| (*session, lane))
    }

    /// The number of sessions known.
    pub(super) fn len(&self) -> usize {
        self.lanes.len()
    }

    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    /// The greatest last Lamport time of a session forgotten.
    pub(super) fn floor(&self) -> u64 {
        self.floor
    }
}
