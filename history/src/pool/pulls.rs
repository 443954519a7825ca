//! Whom each missing range was asked of.

use std::collections::BTreeMap;
use std::time::Instant;

use super::limits::PULL_PATIENCE;
use crate::Session;

/// At most one pull a session is under way, so a peer that comes back to many neighbours fetches nothing twice.
#[derive(Clone, Debug)]
pub(super) struct Pulls<P> {
    asked: BTreeMap<Session, Pull<P>>,
    /// The most pulls at once. Above it nothing is asked: a later digest offers the same again.
    limit: usize,
}

#[derive(Clone, Copy, Debug)]
struct Pull<P> {
    peer: P,
    /// The number that ends it.
    hi: u64,
    /// When another peer may be asked.
    expires: Instant,
    /// Another peer that has more, and up to where: asked when this pull has ended.
    more: Option<(P, u64)>,
}

impl<P: Copy + Ord> Pulls<P> {
    pub(super) fn new(limit: usize) -> Self {
        Self { asked: BTreeMap::new(), limit }
    }

    /// Notes that `peer` has the lines of `session` that are lacked, up to `hi`. Returns whether to ask for them.
    pub(super) fn ask(&mut self, session: Session, peer: P, hi: u64, now: Instant) -> bool {
        let full = self.asked.len() >= self.limit;
        match self.asked.get_mut(&session) {
            Some(pull) if now < pull.expires => {
                pull.note(peer, hi);
                return false;
            }
            None if full => return false,
            _ => {}
        }
        let pull = Pull { peer, hi, expires: now + PULL_PATIENCE, more: None };
        self.asked.insert(session, pull);
        true
    }

    /// Notes that `session` now lacks `next`. Returns whom to ask for more, and up to where, if the pull has ended.
    pub(super) fn advance(&mut self, session: Session, next: u64, now: Instant) -> Option<(P, u64)> {
        let pull = self.asked.get_mut(&session)?;
        if next < pull.hi {
            pull.expires = now + PULL_PATIENCE;
            return None;
        }
        let more = pull.more;
        self.asked.remove(&session);
        more.filter(|(_, hi)| next < *hi)
    }

    /// Ends the pull of `session` if it was asked of `peer`, who has answered.
    pub(super) fn answered(&mut self, session: Session, peer: P) {
        if self.asked.get(&session).is_some_and(|pull| pull.peer == peer) {
            self.asked.remove(&session);
        }
    }

    /// Ends the pull of `session`.
    pub(super) fn forget(&mut self, session: Session) {
        self.asked.remove(&session);
    }

    /// Ends all pulls asked of `peer`. Returns whether there were any.
    pub(super) fn forget_peer(&mut self, peer: P) -> bool {
        let before = self.asked.len();
        self.asked.retain(|_, pull| pull.peer != peer);
        for pull in self.asked.values_mut() {
            pull.more = pull.more.filter(|(other, _)| *other != peer);
        }
        self.asked.len() < before
    }

    /// Ends the pulls that were not answered in time. Returns one of those who did not answer.
    pub(super) fn expire(&mut self, now: Instant) -> Option<P> {
        let late = self.asked.values().find(|pull| pull.expires <= now).map(|pull| pull.peer);
        self.asked.retain(|_, pull| now < pull.expires);
        late
    }
}

impl<P: Copy + Ord> Pull<P> {
    fn note(&mut self, peer: P, hi: u64) {
        if peer == self.peer {
            self.hi = self.hi.max(hi);
        } else if self.more.is_none_or(|(_, best)| best < hi) {
            self.more = Some((peer, hi));
        }
    }
}
