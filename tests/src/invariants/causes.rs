//! A line loses its place only where the history of that place is another (N3): for a takeover or a meeting, and never for a
//! change of leader or of ballot alone.

use std::collections::{BTreeMap, BTreeSet};

use history::{Index, Regime};
use node::MessageId;
use transport::PeerId;

use super::Verdict;

/// In which histories each line was decided, and at which places.
#[derive(Debug, Default)]
pub struct Causes {
    decided: BTreeMap<MessageId, BTreeSet<(Regime<PeerId>, u64)>>,
    /// In which history each owner was told of a line's place.
    told: BTreeMap<(u32, MessageId), Regime<PeerId>>,
}

impl Causes {
    /// Somebody has decided a line.
    pub fn note_decided(&mut self, id: MessageId, regime: Regime<PeerId>, place: u64) {
        self.decided.entry(id).or_default().insert((regime, place));
    }

    /// An owner is told that a line has a place, where the log is of this history: none, if the log is not that long.
    pub fn note_confirmed(&mut self, run: u32, id: MessageId, regime: Option<Regime<PeerId>>) {
        match regime {
            Some(regime) => self.told.insert((run, id), regime),
            None => self.told.remove(&(run, id)),
        };
    }

    /// An owner is told that a line lost its place, where the log is of this history now.
    ///
    /// # Errors
    ///
    /// It is still the history in which the line has that place.
    pub fn note_unconfirmed(&mut self, run: u32, id: MessageId, was: Index, now: Option<Regime<PeerId>>) -> Verdict {
        let told = self.told.remove(&(run, id)).or_else(|| self.only_history(id, was));
        if told.is_some() && told == now {
            return Err(format!("{id} loses its place at {was} in {now:?}, of which the log still is"));
        }
        Ok(())
    }

    /// The history in which a line has a place, if it has that in no other.
    fn only_history(&self, id: MessageId, was: Index) -> Option<Regime<PeerId>> {
        let mut there = self.decided.get(&id)?.iter().filter(|(_, place)| *place == was.number());
        let (only, _) = there.next()?;
        there.next().is_none().then_some(*only)
    }

    /// A process has ended.
    pub fn ended(&mut self, run: u32) {
        self.told.retain(|(of, _), _| *of != run);
    }
}

#[cfg(test)]
mod tests {
    use super::super::forged::{line, regime};
    use super::*;

    #[test]
    fn a_line_that_loses_its_place_in_a_history_that_goes_on_is_seen() {
        let was = Index::new(4).unwrap();
        let lost = |causes: &mut Causes, now: u128| causes.note_unconfirmed(1, line(0), was, Some(regime(now)));
        let mut causes = Causes::default();
        causes.note_confirmed(1, line(0), Some(regime(1)));
        assert!(lost(&mut causes, 1).is_err());
        causes.note_confirmed(1, line(0), Some(regime(1)));
        causes.note_decided(line(0), regime(2), 4);
        lost(&mut causes, 2).unwrap();
    }

    #[test]
    fn a_line_that_a_newcomer_was_told_of_and_that_stands_there_is_seen() {
        let was = Index::new(4).unwrap();
        let lost = |causes: &mut Causes, now| causes.note_unconfirmed(1, line(0), was, Some(now));
        let mut causes = Causes::default();
        causes.note_decided(line(0), regime(1), 4);
        lost(&mut causes, regime(2)).unwrap();
        assert!(lost(&mut causes, regime(1)).is_err());
        causes.note_decided(line(0), regime(2), 4);
        lost(&mut causes, regime(1)).unwrap();
    }
}
