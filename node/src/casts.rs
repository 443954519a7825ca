//! Casts on their way from their callers to the links: framed by the caller, taken all at once.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use futures::task::AtomicWaker;
use transport::Batch;

use crate::api::Ended;
use crate::wire::CAST;

/// How much waits to be taken before callers do, in bytes: two writes' worth for each link.
const FULL_BYTES: usize = 128 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Casts {
    waiting: Mutex<Waiting>,
    filled: AtomicWaker,
}

#[derive(Debug, Default)]
struct Waiting {
    batch: Batch,
    callers: Vec<Waker>,
    ended: bool,
}

impl Casts {
    /// Adds bytes, of a length that was checked, as soon as there is room.
    pub(crate) async fn push(&self, bytes: &[u8]) -> Result<(), Ended> {
        poll_fn(|cx| {
            let mut waiting = self.waiting();
            if waiting.ended {
                return Poll::Ready(Err(Ended));
            }
            if waiting.batch.bytes() >= FULL_BYTES {
                waiting.callers.push(cx.waker().clone());
                return Poll::Pending;
            }
            let first = waiting.batch.is_empty();
            let pushed = waiting.batch.push(&[&[CAST], bytes]);
            debug_assert!(pushed.is_ok(), "a cast of checked length is too long");
            drop(waiting);
            if first {
                self.filled.wake();
            }
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// Takes all that waits.
    pub(crate) fn take(&self) -> Option<Batch> {
        let mut waiting = self.waiting();
        if waiting.batch.is_empty() {
            return None;
        }
        let batch = std::mem::take(&mut waiting.batch);
        let callers = std::mem::take(&mut waiting.callers);
        drop(waiting);
        callers.into_iter().for_each(Waker::wake);
        Some(batch)
    }

    /// Waits until there is something to take. For one waiter.
    pub(crate) async fn filled(&self) {
        poll_fn(|cx| {
            self.filled.register(cx.waker());
            if self.waiting().batch.is_empty() { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }

    /// Nothing is taken any longer.
    pub(crate) fn end(&self) {
        let mut waiting = self.waiting();
        waiting.ended = true;
        let callers = std::mem::take(&mut waiting.callers);
        drop(waiting);
        callers.into_iter().for_each(Waker::wake);
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // A holder that panicked left a batch that is whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn callers_wait_while_too_much_waits_and_go_on_when_it_is_taken() {
        let casts = Casts::default();
        let bytes = vec![7; 60_000];
        for _ in 0..3 {
            assert_eq!(casts.push(&bytes).now_or_never(), Some(Ok(())));
        }
        let mut fourth = Box::pin(casts.push(&bytes));
        assert!((&mut fourth).now_or_never().is_none());
        assert!(casts.filled().now_or_never().is_some());
        assert!(casts.take().is_some_and(|batch| batch.bytes() > 180_000) && casts.take().is_none());
        assert_eq!(fourth.now_or_never(), Some(Ok(())));
    }

    #[test]
    fn nobody_waits_for_a_member_that_has_left() {
        let casts = Casts::default();
        while casts.push(&[7; 60_000]).now_or_never().is_some() {}
        let mut waiting = Box::pin(casts.push(b"x"));
        assert!((&mut waiting).now_or_never().is_none());
        casts.end();
        assert_eq!(waiting.now_or_never(), Some(Err(Ended)));
    }
}
