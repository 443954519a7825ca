//! Casts on their way from their callers to the links: framed by the caller, sent all at once.
//!
//! Two ways lead there. A caller that casts now and then sends by itself, which spares the cast the way through another
//! thread. While casts come faster than that, they gather, and the driver sends whatever has gathered: the fewer and longer
//! writes are what makes a flood fast.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use futures::task::AtomicWaker;
use transport::{Batch, Mesh, PeerId};

use crate::api::Ended;
use crate::wire::CAST;

/// How much waits to be sent before callers do, in bytes: two writes' worth for each link.
const FULL_BYTES: usize = 128 * 1024;

/// A cast this long after the one before is sent by its caller: several times what that takes.
const NOW_AND_THEN: Duration = Duration::from_micros(100);

/// See the module.
#[derive(Debug)]
pub(crate) struct Casts {
    mesh: Mesh,
    waiting: Mutex<Waiting>,
    /// To whom. Locked from the taking of a batch until it has been sent, so that casts keep their order.
    partners: Mutex<Vec<PeerId>>,
    filled: AtomicWaker,
}

#[derive(Debug, Default)]
struct Waiting {
    batch: Batch,
    callers: Vec<Waker>,
    /// When a cast last met an empty batch.
    begun: Option<Instant>,
    ended: bool,
}

impl Casts {
    pub(crate) fn new(mesh: Mesh) -> Self {
        Self { mesh, waiting: Mutex::default(), partners: Mutex::default(), filled: AtomicWaker::new() }
    }

    /// Casts bytes, of a length that was checked, as soon as there is room.
    pub(crate) async fn push(&self, bytes: &[u8]) -> Result<(), Ended> {
        poll_fn(|cx| {
            let mut waiting = lock(&self.waiting);
            if waiting.ended {
                return Poll::Ready(Err(Ended));
            }
            if waiting.batch.bytes() >= FULL_BYTES {
                if !waiting.callers.iter().any(|caller| caller.will_wake(cx.waker())) {
                    waiting.callers.push(cx.waker().clone());
                }
                return Poll::Pending;
            }
            let first = waiting.batch.is_empty();
            let pushed = waiting.batch.push(&[&[CAST], bytes]);
            debug_assert!(pushed.is_ok(), "a cast of checked length is too long");
            if first {
                let now = Instant::now();
                let before = waiting.begun.replace(now);
                drop(waiting);
                let rare = before.is_none_or(|before| now.saturating_duration_since(before) >= NOW_AND_THEN);
                if !(rare && self.send_if_free()) {
                    self.filled.wake();
                }
            }
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// Sends all that waits, unless links are behind. Whether there was anything to send.
    pub(crate) fn send(&self) -> bool {
        self.send_to(&lock(&self.partners))
    }

    /// The same, unless somebody else is sending.
    fn send_if_free(&self) -> bool {
        self.partners.try_lock().is_ok_and(|partners| self.send_to(&partners))
    }

    fn send_to(&self, partners: &[PeerId]) -> bool {
        if self.mesh.is_congested() {
            return false;
        }
        let batch = self.take();
        let any = batch.is_some();
        if let Some(batch) = batch {
            self.mesh.multicast_batch(partners, batch);
        }
        any
    }

    fn take(&self) -> Option<Batch> {
        let mut waiting = lock(&self.waiting);
        if waiting.batch.is_empty() {
            return None;
        }
        let batch = std::mem::take(&mut waiting.batch);
        let callers = std::mem::take(&mut waiting.callers);
        drop(waiting);
        callers.into_iter().for_each(Waker::wake);
        Some(batch)
    }

    /// From here on casts go to these.
    pub(crate) fn set_partners(&self, partners: Vec<PeerId>) {
        *lock(&self.partners) = partners;
    }

    /// Waits until there is something to send. For one waiter.
    pub(crate) async fn filled(&self) {
        poll_fn(|cx| {
            self.filled.register(cx.waker());
            if lock(&self.waiting).batch.is_empty() { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }

    /// Nothing is sent any longer.
    pub(crate) fn end(&self) {
        let mut waiting = lock(&self.waiting);
        waiting.ended = true;
        let callers = std::mem::take(&mut waiting.callers);
        drop(waiting);
        callers.into_iter().for_each(Waker::wake);
    }
}

/// A holder that panicked left what it guards whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use transport::{Config, runtime};

    use super::*;

    fn casts() -> Casts {
        let (mesh, _) = runtime::block_on(Mesh::listen(Config::new("a"))).unwrap();
        let casts = Casts::new(mesh);
        // As if one had been cast this very moment: the next ones gather.
        lock(&casts.waiting).begun = Some(Instant::now() + Duration::from_secs(60));
        casts
    }

    #[test]
    fn callers_wait_while_too_much_waits_and_go_on_when_it_is_sent() {
        let casts = casts();
        let bytes = vec![7; 60_000];
        for _ in 0..3 {
            assert_eq!(casts.push(&bytes).now_or_never(), Some(Ok(())));
        }
        let mut fourth = Box::pin(casts.push(&bytes));
        assert!((&mut fourth).now_or_never().is_none());
        assert!(casts.filled().now_or_never().is_some());
        assert!(casts.send() && !casts.send());
        assert_eq!(fourth.now_or_never(), Some(Ok(())));
    }

    #[test]
    fn a_cast_now_and_then_is_sent_by_its_caller() {
        let casts = casts();
        lock(&casts.waiting).begun = None;
        assert_eq!(casts.push(b"x").now_or_never(), Some(Ok(())));
        assert!(!casts.send(), "it has been sent");
        let sending = lock(&casts.partners);
        lock(&casts.waiting).begun = None;
        assert_eq!(casts.push(b"x").now_or_never(), Some(Ok(())));
        drop(sending);
        assert!(casts.send(), "somebody else was sending");
    }

    #[test]
    fn nobody_waits_for_a_member_that_has_left() {
        let casts = casts();
        while casts.push(&[7; 60_000]).now_or_never().is_some() {}
        let mut waiting = Box::pin(casts.push(b"x"));
        assert!((&mut waiting).now_or_never().is_none());
        casts.end();
        assert_eq!(waiting.now_or_never(), Some(Err(Ended)));
    }
}
