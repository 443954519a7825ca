//! The lines of one session: a gapless range of numbers, the last of which may not be shown yet.

use std::collections::VecDeque;
use std::time::Instant;

use super::message::{Range, Say};
use crate::Session;

/// A line as it is kept.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) say: Say,
    /// When it came: it is held for what it follows no longer than [`HOLD`](super::limits::HOLD) from then.
    pub(super) came: Instant,
}

/// One session: `lo() <= shown() <= next()`. Lines are kept from `lo`, shown up to `shown`, taken up to `next`.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    lines: VecDeque<Line>,
    next: u64,
    shown: u64,
    /// Of the last line taken; of the last one heard of, while none was.
    lamport: u64,
    /// Whether a line was taken since the lane was opened.
    begun: bool,
    weight: usize,
}

impl Lane {
    /// A session of which everything below `next` counts as had.
    pub(super) fn starting_at(next: u64, lamport: u64) -> Self {
        Self { lines: VecDeque::new(), next, shown: next, lamport, begun: false, weight: 0 }
    }

    /// Takes the line numbered `next`.
    pub(super) fn push(&mut self, line: Line) {
        debug_assert_eq!(line.say.id.number, self.next);
        self.next += 1;
        self.lamport = line.say.lamport;
        self.begun = true;
        self.weight += line.say.weight();
        self.lines.push_back(line);
    }

    /// Counts the line numbered `next` as had without taking it.
    pub(super) fn pass_over(&mut self, lamport: u64) {
        debug_assert!(self.lines.is_empty() && !self.begun);
        self.next += 1;
        self.shown = self.next;
        self.lamport = self.lamport.max(lamport);
    }

    /// Puts the line before `lo` back, which was shown. Returns whether it was that one.
    pub(super) fn put_back(&mut self, line: Line) -> bool {
        if line.say.id.number.checked_add(1) != Some(self.lo()) {
            return false;
        }
        self.weight += line.say.weight();
        self.lines.push_front(line);
        true
    }

    /// Lets the oldest line go. It must have been shown.
    pub(super) fn pop(&mut self) -> Option<Line> {
        let line = self.lines.pop_front()?;
        debug_assert!(self.shown > line.say.id.number);
        self.weight -= line.say.weight();
        if self.lines.is_empty() {
            self.lines = VecDeque::new();
        }
        Some(line)
    }

    /// Counts the first line that is not shown as shown, and returns it.
    pub(super) fn show(&mut self) -> Option<&Say> {
        let at = self.unshown_at();
        let line = self.lines.get(at)?;
        self.shown += 1;
        Some(&line.say)
    }

    /// The first line that is not shown.
    pub(super) fn unshown(&self) -> Option<&Line> {
        self.lines.get(self.unshown_at())
    }

    /// The kept lines numbered `from` and above; all, if `from` is below `lo`.
    pub(super) fn lines_from(&self, from: u64) -> impl Iterator<Item = &Line> {
        let at = usize::try_from(from.saturating_sub(self.lo())).unwrap_or(usize::MAX);
        self.lines.range(at.min(self.lines.len())..)
    }

    /// The shown line that is `at` places from the oldest kept.
    pub(super) fn shown_line(&self, at: usize) -> Option<&Line> {
        self.lines.get(at).filter(|_| at < self.unshown_at())
    }

    /// The oldest line kept.
    pub(super) fn first(&self) -> Option<&Line> {
        self.lines.front()
    }

    /// The first number kept.
    pub(super) fn lo(&self) -> u64 {
        self.next - self.lines.len() as u64
    }

    /// The number to be taken next.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// The number to be shown next.
    pub(super) fn shown(&self) -> u64 {
        self.shown
    }

    pub(super) fn lamport(&self) -> u64 {
        self.lamport
    }

    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    pub(super) fn range(&self, session: Session) -> Range {
        Range { session, lo: self.lo(), hi: self.next, lamport: self.lamport }
    }

    fn unshown_at(&self) -> usize {
        // At most the number of lines kept, which is a `usize`.
        (self.shown - self.lo()) as usize
    }
}
