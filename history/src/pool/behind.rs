//! Sessions whose next line nobody seems to have any more.
//!
//! A peer that was away while more was said than anyone keeps finds every neighbour's range beginning above its own
//! end. It has to skip, but not at the first such range: a newcomer's range is short, and an older neighbour may
//! still have the rest. So it waits until nobody has offered its next number for [`GIVE_UP`], then goes to the lowest
//! number offered.
//!
//! While a fast talker's oldest lines keep leaving, the number it skips to is gone when its pull arrives. The peer it
//! asked then offers a higher one, and the skip goes on to the middle of that range: half of what is kept is lost,
//! and the pull has the time of the other half to arrive. (Going to each new beginning never ends; going to the end
//! loses more.)

use std::collections::BTreeMap;
use std::time::Instant;

use super::limits::GIVE_UP;
use super::message::Range;
use crate::Session;

/// The sessions behind, each with the lowest range offered.
#[derive(Clone, Debug)]
pub(super) struct Behind<P> {
    sessions: BTreeMap<Session, Wait<P>>,
    /// The most sessions noted. Above it an offer is not noted: the next digest repeats it.
    limit: usize,
}

#[derive(Clone, Copy, Debug)]
struct Wait<P> {
    /// Since when the next number was not offered; or when it was skipped.
    since: Instant,
    /// Who offers `range`.
    peer: P,
    range: Range,
    /// Whether the next number was skipped and no line came since.
    skipped: bool,
}

/// To which number to skip, and whom to ask for what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Skip<P> {
    pub(super) to: u64,
    pub(super) peer: P,
    pub(super) range: Range,
}

impl<P: Copy + Ord> Behind<P> {
    pub(super) fn new(limit: usize) -> Self {
        Self { sessions: BTreeMap::new(), limit }
    }

    /// Notes that `peer` offers a range that begins above the next number. Returns where to skip to, if this is the
    /// range skipped to before, moved on.
    pub(super) fn offer(&mut self, peer: P, range: Range, now: Instant) -> Option<Skip<P>> {
        let full = self.sessions.len() >= self.limit;
        let Some(wait) = self.sessions.get_mut(&range.session) else {
            if !full {
                self.sessions.insert(range.session, Wait::new(peer, range, now));
            }
            return None;
        };
        if wait.skipped {
            let to = range.lo + (range.hi - range.lo) / 2;
            return (peer == wait.peer).then_some(Skip { to, peer, range });
        }
        if peer == wait.peer || range.lo < wait.range.lo {
            wait.peer = peer;
            wait.range = range;
        }
        None
    }

    /// Notes that somebody offers the next number of `session`.
    pub(super) fn met(&mut self, session: Session) {
        if self.sessions.get(&session).is_some_and(|wait| !wait.skipped) {
            self.sessions.remove(&session);
        }
    }

    /// The sessions to be given up. Each is asked for once, and remembered as skipped until a line comes or as long
    /// again.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Skip<P>> {
        self.sessions.retain(|_, wait| !(wait.skipped && wait.is_over(now)));
        let over = self.sessions.values_mut().filter(|wait| wait.is_over(now));
        over.map(|wait| {
            wait.skipped = true;
            wait.since = now;
            Skip { to: wait.range.lo, peer: wait.peer, range: wait.range }
        })
        .collect()
    }

    /// When the next is to be given up.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.sessions.values().filter(|wait| !wait.skipped).map(|wait| wait.since + GIVE_UP).min()
    }

    /// Forgets `session`: a line of it came.
    pub(super) fn forget(&mut self, session: Session) {
        if !self.sessions.is_empty() {
            self.sessions.remove(&session);
        }
    }

    /// Forgets what `peer` offered: the wait begins anew with another's offer.
    pub(super) fn forget_peer(&mut self, peer: P) {
        self.sessions.retain(|_, wait| wait.peer != peer);
    }

    pub(super) fn contains(&self, session: Session) -> bool {
        self.sessions.contains_key(&session)
    }
}

impl<P> Wait<P> {
    fn new(peer: P, range: Range, now: Instant) -> Self {
        Self { since: now, peer, range, skipped: false }
    }

    fn is_over(&self, now: Instant) -> bool {
        self.since + GIVE_UP <= now
    }
}
