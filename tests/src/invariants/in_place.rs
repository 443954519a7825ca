//! A line loses its place only where the log changes (N5): it is never told unconfirmed and then confirmed where it was, behind
//! all that was before it.
//!
//! A log that begins anew is left out: it has no longer in memory what it has in common with the other.

use std::collections::BTreeMap;
use std::time::Instant;

use history::{Index, RunningHash};
use node::MessageId;

use super::Verdict;

/// A place, and the running hash there.
type Place = (Index, RunningHash);

/// What each owner was told.
#[derive(Debug, Default)]
pub struct InPlace {
    confirmed: BTreeMap<(u32, MessageId), Place>,
    taken_back: BTreeMap<(u32, MessageId), Place>,
    /// When the log of each process began anew.
    leapt: BTreeMap<u32, Instant>,
}

impl InPlace {
    /// A line has its place, at which the log has this hash.
    ///
    /// # Errors
    ///
    /// It lost that very place before.
    pub fn note_confirmed(&mut self, run: u32, id: MessageId, index: Index, hash: Option<RunningHash>) -> Verdict {
        let lost = self.taken_back.remove(&(run, id));
        self.confirmed.remove(&(run, id));
        let Some(hash) = hash else { return Ok(()) };
        if lost == Some((index, hash)) {
            return Err(format!("{id} is confirmed at {index}, where it stood before it was told unconfirmed"));
        }
        self.confirmed.insert((run, id), (index, hash));
        Ok(())
    }

    /// A line lost its place.
    pub fn note_unconfirmed(&mut self, run: u32, id: MessageId, now: Instant) {
        let lost = self.confirmed.remove(&(run, id));
        if let Some(lost) = lost.filter(|_| !self.begins_anew(run, now)) {
            self.taken_back.insert((run, id), lost);
        }
    }

    /// Whether the log of a process begins anew at this moment, and takes back what it may have again.
    pub fn begins_anew(&self, run: u32, now: Instant) -> bool {
        self.leapt.get(&run) == Some(&now)
    }

    /// The log of a process went on from a snapshot, or began anew.
    pub fn leapt(&mut self, run: u32, now: Instant) {
        self.leapt.insert(run, now);
        self.taken_back.retain(|(of, _), _| *of != run);
    }

    /// A process has ended.
    pub fn ended(&mut self, run: u32) {
        self.leapt.remove(&run);
        self.confirmed.retain(|(of, _), _| *of != run);
        self.taken_back.retain(|(of, _), _| *of != run);
    }
}

#[cfg(test)]
mod tests {
    use super::super::forged::{hash, line, start};
    use super::*;

    #[test]
    fn a_line_that_is_taken_back_and_stands_there_again_is_seen() {
        let (now, at) = (start(), |place| Index::new(place).unwrap());
        let story = || {
            let mut story = InPlace::default();
            story.note_confirmed(1, line(0), at(4), Some(hash(1))).unwrap();
            story.note_unconfirmed(1, line(0), now);
            story
        };
        assert!(story().note_confirmed(1, line(0), at(4), Some(hash(1))).is_err());
        story().note_confirmed(1, line(0), at(4), Some(hash(2))).unwrap();
        story().note_confirmed(1, line(0), at(5), Some(hash(1))).unwrap();
        story().note_confirmed(2, line(0), at(4), Some(hash(1))).unwrap();
    }

    #[test]
    fn a_log_that_begins_anew_may_have_the_same_again() {
        let (now, at) = (start(), Index::new(4).unwrap());
        let mut story = InPlace::default();
        story.note_confirmed(1, line(0), at, Some(hash(1))).unwrap();
        story.leapt(1, now);
        story.note_unconfirmed(1, line(0), now);
        story.note_confirmed(1, line(0), at, Some(hash(1))).unwrap();
    }
}
