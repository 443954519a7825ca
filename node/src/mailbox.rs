//! The events on their way to the member's owner: a bounded queue that can be waited for at both ends.
//!
//! The owner may be slow, or not look at all. The member first waits a little, so that a flood is not lost to an owner that does
//! read; then the oldest events give way, and the owner is told how many.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures::Stream;
use futures::task::AtomicWaker;

use crate::event::Event;

/// How many events may wait for the owner before the member reads no more from its links: a hundred kilobytes of
/// lines of usual length.
const FULL: usize = 1024;

/// How many bytes of text and casts may wait before it does likewise.
const FULL_BYTES: usize = 4 * 1024 * 1024;

/// How many of them may still wait when there is room again: waking the member for each one taken costs more than it gains.
const ROOM: usize = FULL / 2;

/// How many wait at the very most. What one read gave is handled whole, and tiny frames are many.
const MOST: usize = FULL + 16_384;

/// How many bytes wait at the very most.
const MOST_BYTES: usize = 32 * 1024 * 1024;

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    filled: AtomicWaker,
    drained: AtomicWaker,
}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<Event>,
    /// Of text and casts in them.
    bytes: usize,
    discarded: u64,
    /// No more events come.
    ended: bool,
    /// Nobody takes them.
    abandoned: bool,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // A holder that panicked left a queue that is whole.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn push(&mut self, event: Event) {
        self.bytes += event.bytes();
        self.events.push_back(event);
        while self.events.len() > MOST || self.bytes > MOST_BYTES {
            let Some(oldest) = self.events.pop_front() else { return };
            self.bytes -= oldest.bytes();
            self.discarded += 1;
        }
    }

    fn is_full(&self) -> bool {
        self.events.len() >= FULL || self.bytes >= FULL_BYTES
    }

    fn has_room(&self) -> bool {
        self.events.len() <= ROOM && self.bytes <= FULL_BYTES / 2
    }
}

/// The member's end.
#[derive(Debug)]
pub(crate) struct Outbox {
    shared: Arc<Shared>,
}

/// What a member hears of its group, in order: a stream that ends after [`Event::Bye`].
///
/// Taken in a task of the member's own runtime ([`runtime::spawn`](crate::runtime::spawn)), an event is there some ten
/// microseconds sooner than on a thread that has to be woken for it.
///
/// When it holds 1,024 events, or 4 MiB of what was said and cast, the member stops reading from its links until some are taken,
/// for a fifth of its `timeout` at most; then the oldest above 17,408, or 32 MiB, are discarded, and the next event taken is
/// [`Event::Lagged`].
#[derive(Debug)]
pub struct Events {
    shared: Arc<Shared>,
    /// Taken from the queue, all at once.
    taken: VecDeque<Event>,
}

/// Both ends of a new mailbox.
pub(crate) fn mailbox() -> (Outbox, Events) {
    let shared = Arc::<Shared>::default();
    (Outbox { shared: shared.clone() }, Events { shared, taken: VecDeque::new() })
}

impl Outbox {
    /// Moves events into the mailbox. Above its bound the oldest are discarded.
    pub(crate) fn push(&self, events: &mut Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let mut queue = self.shared.queue();
        if queue.abandoned {
            events.clear();
            return;
        }
        events.drain(..).for_each(|event| queue.push(event));
        drop(queue);
        self.shared.filled.wake();
    }

    pub(crate) fn is_full(&self) -> bool {
        self.shared.queue().is_full()
    }

    /// Waits until there is room again.
    pub(crate) async fn room(&self) {
        poll_fn(|cx| {
            self.shared.drained.register(cx.waker());
            let queue = self.shared.queue();
            if queue.abandoned || queue.has_room() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.shared.queue().ended = true;
        self.shared.filled.wake();
    }
}

impl Events {
    /// The next event if one is there already.
    ///
    /// Taking many at once costs less than waiting for each.
    pub fn ready(&mut self) -> Option<Event> {
        if self.taken.is_empty() {
            self.refill();
        }
        self.taken.pop_front()
    }

    /// Takes all that waits; whether more may come.
    fn refill(&mut self) -> bool {
        if self.taken.capacity() > FULL {
            // A flood is over, or pauses: its memory is given back.
            self.taken = VecDeque::new();
        }
        let mut queue = self.shared.queue();
        std::mem::swap(&mut queue.events, &mut self.taken);
        queue.bytes = 0;
        let discarded = std::mem::take(&mut queue.discarded);
        let ended = queue.ended;
        drop(queue);
        if discarded > 0 {
            self.taken.push_front(Event::Lagged { events: discarded });
        }
        self.shared.drained.wake();
        !ended
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if let Some(event) = self.taken.pop_front() {
            return Poll::Ready(Some(event));
        }
        self.shared.filled.register(cx.waker());
        let more = self.refill();
        match self.taken.pop_front() {
            Some(event) => Poll::Ready(Some(event)),
            None if more => Poll::Pending,
            None => Poll::Ready(None),
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        queue.abandoned = true;
        queue.events = VecDeque::new();
        queue.bytes = 0;
        drop(queue);
        self.shared.drained.wake();
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, StreamExt};

    use super::*;

    fn lines(range: std::ops::Range<u64>) -> Vec<Event> {
        range.map(|lines| Event::Skipped { lines }).collect()
    }

    #[test]
    fn events_come_out_in_order_and_the_stream_ends_with_the_member() {
        let (outbox, mut events) = mailbox();
        outbox.push(&mut lines(0..3));
        outbox.push(&mut lines(3..5));
        drop(outbox);
        let all: Vec<_> = transport::runtime::block_on(events.by_ref().collect());
        assert_eq!(all, lines(0..5));
    }

    #[test]
    fn a_full_mailbox_has_room_again_when_it_is_emptied() {
        let (outbox, mut events) = mailbox();
        outbox.push(&mut lines(0..FULL as u64));
        assert!(outbox.is_full() && outbox.room().now_or_never().is_none());
        assert!(events.ready().is_some());
        assert!(outbox.room().now_or_never().is_some());
    }

    #[test]
    fn above_the_bound_the_oldest_are_discarded_and_counted() {
        let (outbox, mut events) = mailbox();
        outbox.push(&mut lines(0..MOST as u64 + 7));
        assert_eq!(events.ready(), Some(Event::Lagged { events: 7 }));
        assert_eq!(events.ready(), Some(Event::Skipped { lines: 7 }));
    }

    #[test]
    fn long_events_fill_a_mailbox_sooner() {
        let (outbox, mut events) = mailbox();
        let from = transport::PeerId::random();
        let long = |count: usize| -> Vec<Event> {
            (0..count).map(|_| Event::Cast { from, bytes: vec![7; 64 * 1024].into() }).collect()
        };
        outbox.push(&mut long(FULL_BYTES / (64 * 1024)));
        assert!(outbox.is_full() && outbox.room().now_or_never().is_none());
        outbox.push(&mut long(MOST_BYTES / (64 * 1024)));
        assert_eq!(events.ready(), Some(Event::Lagged { events: (FULL_BYTES / (64 * 1024)) as u64 }));
        assert!(!outbox.is_full() && outbox.room().now_or_never().is_some());
    }

    #[test]
    fn a_mailbox_that_nobody_reads_any_longer_is_never_full() {
        let (outbox, events) = mailbox();
        drop(events);
        outbox.push(&mut lines(0..2 * MOST as u64));
        assert!(!outbox.is_full() && outbox.room().now_or_never().is_some());
    }
}
