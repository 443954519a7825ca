//! The loop's one timer.

use std::future::pending;
use std::pin::Pin;
use std::time::Instant;

use transport::runtime;

/// A timer that is kept while its deadline stays the same: setting one costs system calls.
pub(super) struct Alarm {
    pub(super) due: Option<Instant>,
    pub(super) sleep: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Alarm {
    pub(super) fn new() -> Self {
        Self { due: None, sleep: Box::pin(pending()) }
    }

    pub(super) fn set(&mut self, due: Option<Instant>) {
        if self.due != due {
            self.due = due;
            self.sleep = match due {
                Some(due) => Box::pin(runtime::sleep_until(due)),
                None => Box::pin(pending()),
            };
        }
    }
}
