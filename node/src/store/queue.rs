//! Batches on their way to the disk: bounded, and never forgotten before they are written.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::batch::{Batch, Refusal};
use super::extent::Extent;

/// How much may wait for the disk, what is being written included; or else one batch, whatever it weighs: a log that is taken
/// over is written whole.
const MAX_QUEUE_BYTES: usize = 32 << 20;

/// How many batches may wait: a thousand in flight, and room for those that promise nothing.
const MAX_QUEUE_BATCHES: usize = 4096;

/// How much is written in one transaction once more than one batch waits: beyond that, waiting costs more than another sync.
const MAX_GROUP_BYTES: usize = 4 << 20;

/// A batch that is not taken, handed back, and why.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub(crate) struct Refused {
    /// The batch.
    pub(crate) batch: Box<Batch>,
    /// Why it is not taken.
    pub(crate) why: Refusal,
}

/// What the owner hands in and the writer takes.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    waiting: VecDeque<Batch>,
    /// Handed in and not written, in the same order: when, and how heavy.
    outstanding: VecDeque<Outstanding>,
    bytes: usize,
    /// The log once everything handed in is written.
    extent: Extent,
    last_ticket: u64,
    /// No more is taken; what was is written.
    closed: bool,
    /// What was taken is not written either: stands in for the end of the process.
    abandoned: bool,
}

#[derive(Clone, Copy, Debug)]
struct Outstanding {
    since: Instant,
    weight: usize,
}

impl Queue {
    pub(super) fn new(extent: Extent) -> Self {
        let state = State {
            waiting: VecDeque::new(),
            outstanding: VecDeque::new(),
            bytes: 0,
            extent,
            last_ticket: 0,
            closed: false,
            abandoned: false,
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Takes a batch, or hands it back. Never waits.
    pub(super) fn push(&self, batch: Batch, now: Instant) -> Result<(), Refused> {
        let mut state = self.lock();
        match state.check(&batch) {
            Ok((extent, weight)) => {
                state.extent = extent;
                state.last_ticket = batch.ticket;
                state.bytes += weight;
                state.outstanding.push_back(Outstanding { since: now, weight });
                state.waiting.push_back(batch);
                self.changed.notify_one();
                Ok(())
            }
            Err(why) => Err(Refused { batch: Box::new(batch), why }),
        }
    }

    /// Waits for batches and takes all that have gathered, up to a bound. Nothing: it is closed, and empty.
    pub(super) fn take(&self) -> Option<Vec<Batch>> {
        let idle = |state: &mut State| state.waiting.is_empty() && !state.closed;
        let mut state = self.changed.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        let first = state.waiting.pop_front().filter(|_| !state.abandoned)?;
        let mut weight = first.weight();
        let mut group = vec![first];
        while let Some(next) = state.waiting.front() {
            weight += next.weight();
            if weight > MAX_GROUP_BYTES {
                break;
            }
            group.extend(state.waiting.pop_front());
        }
        Some(group)
    }

    /// So many of the batches that were taken are written.
    pub(super) fn done(&self, count: usize) {
        let mut state = self.lock();
        let weight = state.outstanding.drain(..count).map(|written| written.weight).sum::<usize>();
        state.bytes -= weight;
    }

    /// When the oldest batch that is not written was handed in.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.lock().outstanding.front().map(|oldest| oldest.since)
    }

    /// Takes nothing more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Forgets what is not being written, as the end of the process would.
    #[cfg(test)]
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        (state.closed, state.abandoned) = (true, true);
        self.changed.notify_all();
    }

    /// Waits before another attempt. False: it is closed, and there is to be none.
    pub(super) fn pause(&self, wait: Duration) -> bool {
        let (state, _) = self
            .changed
            .wait_timeout_while(self.lock(), wait, |state| !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        !state.closed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The log after the batch, and what the batch weighs.
    fn check(&self, batch: &Batch) -> Result<(Extent, usize), Refusal> {
        let weight = batch.weight();
        if self.closed {
            return Err(Refusal::Closed);
        }
        let has_room = self.bytes + weight <= MAX_QUEUE_BYTES && self.outstanding.len() < MAX_QUEUE_BATCHES;
        if !has_room && !self.outstanding.is_empty() {
            return Err(Refusal::Full(self.bytes));
        }
        if batch.ticket < self.last_ticket {
            return Err(Refusal::Ticket { given: batch.ticket, last: self.last_ticket });
        }
        Ok((self.extent.after(&batch.ops)?, weight))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn batch(ticket: u64, bytes: usize) -> Batch {
        Batch { ticket, roster: Some(Bytes::from(vec![0; bytes])), ..Batch::default() }
    }

    fn queue() -> Queue {
        Queue::new(Extent::default())
    }

    #[test]
    fn what_has_gathered_is_taken_together() {
        let queue = queue();
        for ticket in 1..=3 {
            queue.push(batch(ticket, 10), Instant::now()).unwrap();
        }
        assert_eq!(queue.take().unwrap().len(), 3);
    }

    #[test]
    fn a_group_is_bounded_but_never_empty() {
        let queue = queue();
        for ticket in 1..=3 {
            queue.push(batch(ticket, MAX_GROUP_BYTES), Instant::now()).unwrap();
        }
        assert_eq!(queue.take().unwrap().len(), 1);
    }

    #[test]
    fn a_full_queue_hands_the_batch_back_until_something_is_written() {
        let queue = queue();
        let large = batch(2, MAX_QUEUE_BYTES / 2);
        queue.push(batch(1, MAX_QUEUE_BYTES / 2), Instant::now()).unwrap();
        let refused = queue.push(large.clone(), Instant::now()).unwrap_err();
        assert!(matches!(refused.why, Refusal::Full(_)), "{refused}");
        assert_eq!(*refused.batch, large);
        queue.take().unwrap();
        assert!(queue.push(large.clone(), Instant::now()).is_err(), "what is being written counts");
        queue.done(1);
        queue.push(large, Instant::now()).unwrap();
    }

    #[test]
    fn a_batch_heavier_than_the_queue_is_taken_once_nothing_waits() {
        let queue = queue();
        queue.push(batch(1, 1), Instant::now()).unwrap();
        let huge = batch(2, 2 * MAX_QUEUE_BYTES);
        assert!(matches!(queue.push(huge.clone(), Instant::now()).unwrap_err().why, Refusal::Full(_)));
        queue.take().unwrap();
        queue.done(1);
        queue.push(huge, Instant::now()).unwrap();
        assert!(matches!(queue.push(batch(3, 1), Instant::now()).unwrap_err().why, Refusal::Full(_)));
    }

    #[test]
    fn the_number_of_batches_is_bounded() {
        let queue = queue();
        let refused = (1..).find_map(|ticket| queue.push(batch(ticket, 1), Instant::now()).err()).unwrap();
        assert_eq!(refused.batch.ticket, MAX_QUEUE_BATCHES as u64 + 1);
    }

    #[test]
    fn the_oldest_batch_that_is_not_written_is_known() {
        let (queue, start) = (queue(), Instant::now());
        assert_eq!(queue.oldest(), None);
        for (ticket, ms) in [(1, 0), (2, 5), (3, 9)] {
            queue.push(batch(ticket, 1), start + Duration::from_millis(ms)).unwrap();
        }
        queue.take().unwrap();
        assert_eq!(queue.oldest(), Some(start));
        queue.done(2);
        assert_eq!(queue.oldest(), Some(start + Duration::from_millis(9)));
    }

    #[test]
    fn a_closed_queue_takes_nothing_and_gives_what_it_has() {
        let queue = queue();
        queue.push(batch(1, 1), Instant::now()).unwrap();
        queue.close();
        assert_eq!(queue.push(batch(2, 1), Instant::now()).unwrap_err().why, Refusal::Closed);
        assert_eq!(queue.take().map(|group| group.len()), Some(1));
        assert_eq!(queue.take(), None);
    }

    #[test]
    fn tickets_never_fall() {
        let queue = queue();
        queue.push(batch(5, 1), Instant::now()).unwrap();
        queue.push(batch(5, 1), Instant::now()).unwrap();
        assert_eq!(queue.push(batch(4, 1), Instant::now()).unwrap_err().why, Refusal::Ticket { given: 4, last: 5 });
    }
}
