//! How many links hold up senders, and who waits for them.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use futures::task::AtomicWaker;

/// A count of the queues that senders wait for.
#[derive(Debug, Default)]
pub(crate) struct Congestion {
    holding: AtomicUsize,
    waiting: AtomicWaker,
}

impl Congestion {
    /// A queue held up senders, and does, or not.
    pub(crate) fn note(&self, was: bool, is: bool) {
        match (was, is) {
            (false, true) => {
                self.holding.fetch_add(1, Ordering::SeqCst);
            }
            (true, false) if self.holding.fetch_sub(1, Ordering::SeqCst) == 1 => self.waiting.wake(),
            _ => {}
        }
    }

    /// Whether any queue does.
    pub(crate) fn any(&self) -> bool {
        self.holding.load(Ordering::SeqCst) > 0
    }

    /// Waits until none is. One task at a time may wait; a second takes the first one's place.
    pub(crate) async fn cleared(&self) {
        poll_fn(|cx| {
            self.waiting.register(cx.waker());
            if self.any() { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }
}
