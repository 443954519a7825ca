//! One peer: the production mind, and a clock of its own.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::time::Instant;

use election::{Bully, Event, Reason, Transmit};

use crate::Id;
use crate::relative::digest;
use crate::start::CONFIG;

/// A mind at its own present.
///
/// No clock is compared with another: messages carry ages, not instants. So each moves by itself, and only when
/// the checker says so.
#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) mind: Bully<Id>,
    pub(crate) now: Instant,
    /// Why its present leader is its leader, or the one before while there is none.
    pub(crate) reason: Option<Reason<Id>>,
    /// What stands for all of this; reckoned once for each change, because it is asked for much more often.
    digest: u64,
}

/// What one input brought about.
pub(crate) struct Outcome {
    pub(crate) peer: Peer,
    pub(crate) transmits: Vec<Transmit<Id>>,
    pub(crate) events: Vec<Event<Id>>,
}

impl Peer {
    pub(crate) fn new(mind: Bully<Id>, now: Instant) -> Self {
        let mut peer = Self { mind, now, reason: None, digest: 0 };
        peer.digest = peer.reckon();
        peer
    }

    /// This peer after an input at `now`.
    pub(crate) fn after(&self, now: Instant, input: impl FnOnce(&mut Bully<Id>)) -> Outcome {
        let mut peer = Self { now, ..self.clone() };
        input(&mut peer.mind);
        let transmits = std::iter::from_fn(|| peer.mind.poll_transmit()).collect();
        let events: Vec<Event<Id>> = std::iter::from_fn(|| peer.mind.poll_event()).collect();
        for Event::Leader { leader, reason, .. } in &events {
            if leader.is_some() {
                peer.reason = Some(*reason);
            }
        }
        peer.digest = peer.reckon();
        Outcome { peer, transmits, events }
    }

    /// An answer's time before the deadline, when what was heard last is old and still believed.
    pub(crate) fn shortly_before_deadline(&self) -> Option<Instant> {
        let shortly = self.mind.poll_timeout()?.checked_sub(CONFIG.answer_timeout())?;
        (shortly > self.now).then_some(shortly)
    }

    /// So long after the deadline that the process must have been stopped.
    pub(crate) fn long_after_deadline(&self) -> Option<Instant> {
        Some(self.mind.poll_timeout()? + CONFIG.timeout + CONFIG.answer_timeout())
    }

    fn reckon(&self) -> u64 {
        digest(&(&self.mind, self.reason), self.now)
    }
}

impl PartialEq for Peer {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Hash for Peer {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.digest.hash(hasher);
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {:?} because {:?}", self.mind.leader(), self.mind.epoch(), self.reason)
    }
}
