//! A private message is shown once or not at all; its sender is told within five seconds, once, and the truth if it was delivered.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use node::MessageId;

use super::{ANSWERED, Verdict};

/// Private messages, and what became of them.
#[derive(Debug, Default)]
pub struct Privates {
    awaited: BTreeMap<MessageId, (u32, Instant)>,
    shown: BTreeSet<MessageId>,
    outcomes: BTreeMap<MessageId, bool>,
    paused: BTreeSet<u32>,
}

impl Privates {
    /// A process sent one.
    pub fn note_sent(&mut self, id: MessageId, by: u32, now: Instant) {
        if !self.outcomes.contains_key(&id) {
            self.awaited.insert(id, (by, now));
        }
    }

    /// It is shown to its recipient's owner.
    ///
    /// # Errors
    ///
    /// It was shown before.
    pub fn note_shown(&mut self, id: MessageId) -> Verdict {
        if self.shown.insert(id) { Ok(()) } else { Err(format!("private message {id} is shown twice")) }
    }

    /// Its sender is told what became of it.
    ///
    /// # Errors
    ///
    /// It was told before, or it is delivered and was not shown.
    pub fn note_outcome(&mut self, id: MessageId, delivered: bool) -> Verdict {
        self.awaited.remove(&id);
        if self.outcomes.insert(id, delivered).is_some() {
            return Err(format!("its owner is told twice of private message {id}"));
        }
        if delivered && !self.shown.contains(&id) {
            return Err(format!("private message {id} is delivered, and was not shown"));
        }
        Ok(())
    }

    /// A process has ended: nobody awaits its outcomes.
    pub fn ended(&mut self, run: u32) {
        self.awaited.retain(|_, (by, _)| *by != run);
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
            |by: u32, since: Instant| !self.paused.contains(&by) && now.saturating_duration_since(since) > ANSWERED;
        match self.awaited.iter().find(|(_, (by, since))| late(*by, *since)) {
            Some((id, (by, _))) => Err(format!("process {by} is not told what became of private message {id}")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::forged::{line, start};
    use super::*;

    #[test]
    fn a_private_message_that_is_shown_twice_or_untruly_delivered_is_seen() {
        let mut privates = Privates::default();
        privates.note_shown(line(0)).unwrap();
        assert!(privates.note_shown(line(0)).is_err());
        privates.note_outcome(line(0), true).unwrap();
        assert!(privates.note_outcome(line(0), false).is_err());
        assert!(privates.note_outcome(line(1), true).is_err());
    }

    #[test]
    fn an_outcome_that_is_not_told_in_time_is_seen() {
        let (mut privates, now) = (Privates::default(), start());
        privates.note_sent(line(0), 1, now);
        privates.check(now + ANSWERED).unwrap();
        assert!(privates.check(now + ANSWERED * 2).is_err());
        privates.ended(1);
        privates.check(now + ANSWERED * 2).unwrap();
    }
}
