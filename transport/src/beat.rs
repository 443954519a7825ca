//! One rhythm for the whole mesh.
//!
//! Each member proves its links each heartbeat. If every pair did so in its own time, a member of n would be woken n times a heartbeat for its own
//! pings' answers and n times for those of the others. So a ping that comes when one's own are half a heartbeat old is a beat: all of
//! one's own go out at once, and the members' rhythms fall into one. An idle member is then woken once a heartbeat.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures::task::AtomicWaker;

/// A beat, struck by a link's reader and heard by the pulse.
#[derive(Debug)]
pub(crate) struct Beat {
    /// Half a heartbeat: how old one's own pings are when another's is a beat.
    pub(crate) half: Duration,
    struck: AtomicBool,
    waiting: AtomicWaker,
}

impl Beat {
    pub(crate) fn new(heartbeat: Duration) -> Self {
        Self { half: heartbeat / 2, struck: AtomicBool::new(false), waiting: AtomicWaker::new() }
    }

    pub(crate) fn strike(&self) {
        self.struck.store(true, Ordering::SeqCst);
        self.waiting.wake();
    }

    /// Waits for the next beat. For one waiter.
    pub(crate) async fn heard(&self) {
        poll_fn(|cx| {
            self.waiting.register(cx.waker());
            if self.struck.swap(false, Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}
