//! Sessions whose next line waits for a line that it follows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use uuid::Uuid;

use crate::{MessageId, Session};

/// At most one hold for each session: that of its first line not shown, on the first of its heads that is missing.
#[derive(Clone, Debug, Default)]
pub(super) struct Holds {
    held: BTreeMap<Session, Hold>,
    /// The same, by what is waited for.
    waiting: BTreeSet<(MessageId, Session)>,
    /// The same, by when the wait ends.
    ending: BTreeSet<(Instant, Session)>,
}

#[derive(Clone, Copy, Debug)]
struct Hold {
    head: MessageId,
    until: Instant,
}

impl Holds {
    /// Makes `session`, which is not held, wait for `head` until `until`.
    pub(super) fn hold(&mut self, session: Session, head: MessageId, until: Instant) {
        debug_assert!(!self.contains(session));
        self.held.insert(session, Hold { head, until });
        self.waiting.insert((head, session));
        self.ending.insert((until, session));
    }

    /// Ends the hold of `session`, if it has one.
    pub(super) fn release(&mut self, session: Session) {
        if let Some(hold) = self.held.remove(&session) {
            self.waiting.remove(&(hold.head, session));
            self.ending.remove(&(hold.until, session));
        }
    }

    /// Releases one session that waited for a line of `shown` numbered below `below`.
    pub(super) fn pop_woken(&mut self, shown: Session, below: u64) -> Option<Session> {
        if self.waiting.is_empty() {
            return None;
        }
        let id = |number| MessageId { session: shown, number };
        let least = Session::new(Uuid::nil());
        let mut woken = self.waiting.range((id(0), least)..(id(below), least));
        let (_, session) = *woken.next()?;
        self.release(session);
        Some(session)
    }

    /// Releases one session whose wait is over.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Session> {
        let (until, session) = *self.ending.first()?;
        if now < until {
            return None;
        }
        self.release(session);
        Some(session)
    }

    /// When the first wait is over.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.ending.first().map(|(until, _)| *until)
    }

    pub(super) fn contains(&self, session: Session) -> bool {
        self.held.contains_key(&session)
    }
}
