//! Waiting for something to be so, without sleeping and without missing it.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a test waits for anything that has no tighter limit of its own. Whether it was quick is for the benchmarks.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Rung whenever a watched process says or does something.
#[derive(Debug, Default)]
pub struct Bell {
    rings: Mutex<u64>,
    rung: Condvar,
}

impl Bell {
    /// Wakes everyone who waits.
    pub fn ring(&self) {
        *self.rings.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.rung.notify_all();
    }

    /// Looks at once and after every ring, until there is something to see or `limit` is over: then a last time.
    pub fn wait<T>(&self, limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + limit;
        loop {
            let rings = *self.rings.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(found) = look() {
                return Some(found);
            }
            if !self.wait_past(rings, deadline) {
                return look();
            }
        }
    }

    /// Whether it rang again before the deadline.
    fn wait_past(&self, rings: u64, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let guard = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.rung.wait_timeout_while(guard, left, |now| *now == rings);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn what_happens_in_another_thread_is_seen() {
        let (bell, done) = (Bell::default(), AtomicBool::new(false));
        let seen = thread::scope(|scope| {
            scope.spawn(|| {
                done.store(true, Ordering::SeqCst);
                bell.ring();
            });
            bell.wait(PATIENCE, || done.load(Ordering::SeqCst).then_some(()))
        });
        assert_eq!(seen, Some(()));
    }

    #[test]
    fn what_never_happens_is_waited_for_until_the_limit() {
        let began = Instant::now();
        assert_eq!(Bell::default().wait(Duration::from_millis(20), || None::<()>), None);
        assert!(began.elapsed() >= Duration::from_millis(20));
    }
}
