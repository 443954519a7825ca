//! How much one client may send (pure).

use std::time::{Duration, Instant};

/// Bytes a second that a client may send in the long run: far more than anybody types, and little beside what a peer can carry.
const BYTES_A_SECOND: u32 = 256 * 1024;

/// How much it may send at once after it was silent.
const AT_ONCE: u32 = 256 * 1024;

/// What a frame costs at least, in bytes: the smallest ones are work all the same.
const FRAME_COST: usize = 64;

/// What a client has used of what it may. Who is over it is not read until it is not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// All that was used is paid for at that moment.
    paid_at: Instant,
}

impl Budget {
    pub(crate) fn new(now: Instant) -> Self {
        Self { paid_at: now }
    }

    /// A frame came in, or an answer of that length goes out.
    pub(crate) fn spend(&mut self, bytes: usize, now: Instant) {
        let price = Duration::from_secs_f64(bytes.max(FRAME_COST) as f64 / f64::from(BYTES_A_SECOND));
        self.paid_at = self.paid_at.max(now) + price;
    }

    /// From when on the client is read again.
    pub(crate) fn next_read(&self, now: Instant) -> Instant {
        let allowed = Duration::from_secs_f64(f64::from(AT_ONCE) / f64::from(BYTES_A_SECOND));
        let at = self.paid_at.checked_sub(allowed).unwrap_or(now);
        at.max(now)
    }
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
