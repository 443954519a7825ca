//! A private message is shown once or not at all by each run of its recipient's peer: one that ended may have ended before it was
//! heard that it had. Its sender is told within five seconds, once, and the truth if it was delivered. That
//! it was not is told only for a reason: time is up, its recipient's peer was lost, its recipient has left, or the user of one's own gateway did not take it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use node::MessageId;
use transport::PeerId;

use super::{ANSWERED, Verdict};

/// How long an acknowledgement is waited for.
const LIMIT: Duration = Duration::from_secs(5);

/// One whose sender awaits its outcome.
#[derive(Clone, Copy, Debug)]
struct Awaited {
    /// Which process sent it.
    by: u32,
    /// The peer of its recipient.
    host: PeerId,
    since: Instant,
}

/// Private messages, and what became of them.
#[derive(Debug, Default)]
pub struct Privates {
    awaited: BTreeMap<MessageId, Awaited>,
    /// By which processes.
    shown: BTreeSet<(MessageId, u32)>,
    outcomes: BTreeMap<MessageId, bool>,
    paused: BTreeSet<u32>,
    /// When each process last lost each peer.
    lost: BTreeMap<(u32, PeerId), Instant>,
    /// What the sender's own gateway could not hand over.
    untaken: BTreeSet<MessageId>,
    /// How many were not delivered.
    pub undelivered: u64,
}

impl Privates {
    /// A process sent one to somebody at that peer.
    pub fn note_sent(&mut self, id: MessageId, by: u32, host: PeerId, now: Instant) {
        self.awaited.insert(id, Awaited { by, host, since: now });
    }

    /// A process cannot reach a peer any longer.
    pub fn note_lost(&mut self, run: u32, peer: PeerId, now: Instant) {
        self.lost.insert((run, peer), now);
    }

    /// Those of which a process is not told yet what became of them.
    pub fn awaited_by(&self, run: u32) -> Vec<MessageId> {
        self.awaited.iter().filter(|(_, awaited)| awaited.by == run).map(|(id, _)| *id).collect()
    }

    /// A gateway's user did not take one, or has left by what its sender was told.
    pub fn note_untaken(&mut self, id: MessageId) {
        self.untaken.insert(id);
    }

    /// A process shows it to its owner, or to a user of its gateway.
    ///
    /// # Errors
    ///
    /// It showed it before.
    pub fn note_shown(&mut self, id: MessageId, run: u32) -> Verdict {
        if self.shown.insert((id, run)) { Ok(()) } else { Err(format!("private message {id} is shown twice")) }
    }

    fn is_shown(&self, id: MessageId) -> bool {
        self.shown.range((id, 0)..=(id, u32::MAX)).next().is_some()
    }

    /// Its sender is told what became of it.
    ///
    /// # Errors
    ///
    /// It was told before; it is delivered and was not shown; or it is not delivered, and nothing was in the way.
    pub fn note_outcome(&mut self, id: MessageId, delivered: bool, now: Instant) -> Verdict {
        let awaited = self.awaited.remove(&id);
        if self.outcomes.insert(id, delivered).is_some() {
            return Err(format!("its owner is told twice of private message {id}"));
        }
        if delivered && !self.is_shown(id) {
            return Err(format!("private message {id} is delivered, and was not shown"));
        }
        self.undelivered += u64::from(!delivered);
        if let Some(Awaited { by, host, since }) = awaited.filter(|_| !delivered) {
            let is_late = now.saturating_duration_since(since) >= LIMIT;
            let is_lost = self.lost.get(&(by, host)).is_some_and(|at| *at >= since);
            if !is_late && !is_lost && !self.untaken.contains(&id) {
                return Err(format!("private message {id} is said not to be delivered, and nothing was in the way"));
            }
        }
        Ok(())
    }

    /// A process has ended: nobody awaits its outcomes.
    pub fn ended(&mut self, run: u32) {
        self.awaited.retain(|_, awaited| awaited.by != run);
        self.lost.retain(|(by, _), _| *by != run);
        self.paused.remove(&run);
    }

    /// A process that is stopped tells nothing in time.
    pub fn paused(&mut self, run: u32, paused: bool) {
        if paused {
            self.paused.insert(run)
        } else {
            self.paused.remove(&run)
        };
    }

    /// Looks whether any outcome is awaited for too long.
    ///
    /// # Errors
    ///
    /// One is.
    pub fn check(&self, now: Instant) -> Verdict {
        let late =
            |one: &Awaited| !self.paused.contains(&one.by) && now.saturating_duration_since(one.since) > ANSWERED;
        match self.awaited.iter().find(|(_, one)| late(one)) {
            Some((id, Awaited { by, .. })) => {
                Err(format!("process {by} is not told what became of private message {id}"))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::forged::{line, peer, start};
    use super::*;

    #[test]
    fn a_private_message_that_is_shown_twice_or_untruly_delivered_is_seen() {
        let (mut privates, now) = (Privates::default(), start());
        privates.note_shown(line(0), 2).unwrap();
        assert!(privates.note_shown(line(0), 2).is_err());
        privates.note_shown(line(0), 3).unwrap();
        privates.note_outcome(line(0), true, now).unwrap();
        assert!(privates.note_outcome(line(0), false, now).is_err());
        assert!(privates.note_outcome(line(1), true, now).is_err());
    }

    #[test]
    fn one_that_is_not_delivered_for_no_reason_is_seen() {
        let story = || {
            let (mut privates, now) = (Privates::default(), start());
            privates.note_lost(1, peer(2), now);
            let now = now + LIMIT;
            privates.note_sent(line(0), 1, peer(2), now);
            (privates, now)
        };
        let (mut privates, now) = story();
        assert!(privates.note_outcome(line(0), false, now + LIMIT / 2).is_err(), "it was lost before");
        let (mut privates, now) = story();
        privates.note_outcome(line(0), false, now + LIMIT).unwrap();
        let (mut privates, now) = story();
        privates.note_lost(1, peer(2), now + LIMIT / 4);
        privates.note_outcome(line(0), false, now + LIMIT / 2).unwrap();
        let (mut privates, now) = story();
        privates.note_untaken(line(0));
        privates.note_outcome(line(0), false, now).unwrap();
        assert_eq!(privates.undelivered, 1);
    }

    #[test]
    fn an_outcome_that_is_not_told_in_time_is_seen() {
        let (mut privates, now) = (Privates::default(), start());
        privates.note_sent(line(0), 1, peer(2), now);
        privates.check(now + ANSWERED).unwrap();
        assert!(privates.check(now + ANSWERED * 2).is_err());
        privates.ended(1);
        privates.check(now + ANSWERED * 2).unwrap();
    }
}
