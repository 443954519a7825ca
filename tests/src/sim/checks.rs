//! What must hold, and what is told of a run in which it does not.

use std::fmt;

use super::trace::Entry;
use super::world::World;
use super::{HEARTBEAT, Place};
use crate::invariants::equivalence;

/// How many entries of the trace are printed with a failure.
const STORY: usize = 120;

impl World {
    /// The cheap part of what must hold of the whole world, now and then.
    pub(super) fn check_some(&mut self) {
        if self.next_check <= self.clock.now {
            self.next_check = self.clock.now + HEARTBEAT * 2;
            self.check_all();
        }
    }

    pub(super) fn check_all(&mut self) {
        let now = self.clock.now;
        let spread = self.invariants.spread.check(now);
        self.must_all(spread);
        let answers = self.invariants.check_answers(now);
        self.must_all(answers);
        if self.links_are_quiet() {
            let reach = self.reach();
            self.must_all(equivalence::check(&reach));
        }
    }

    pub(super) fn must(&self, place: Place, holds: Result<(), String>) {
        if let Err(what) = holds {
            self.fail(&format!("{place}: {what}"));
        }
    }

    pub(super) fn must_all(&self, holds: Result<(), String>) {
        if let Err(what) = holds {
            self.fail(&what);
        }
    }

    /// Ends the run: something that must hold does not.
    ///
    /// # Panics
    ///
    /// Always, with the seed and the end of the story.
    pub fn fail(&self, what: &str) -> ! {
        let story = self.trace.tail(STORY);
        let what = self.trace.readable(what);
        let what = format!("{story}\nseed {} after {:.4} s: {what}\n", self.seed, self.elapsed().as_secs_f64());
        if self.is_quiet {
            std::panic::resume_unwind(Box::new(what));
        }
        panic!("{what}");
    }

    pub(super) fn note(&mut self, entry: Entry) {
        self.trace.note(self.clock.elapsed(), entry);
    }

    /// Writes down that something was done to the world.
    pub(super) fn act(&mut self, what: fmt::Arguments<'_>) {
        self.note(Entry::Act(what.to_string()));
    }

    pub(super) fn count(&mut self, kind: &'static str, messages: usize) {
        *self.counters.messages.entry(kind).or_default() += messages as u64;
    }
}
