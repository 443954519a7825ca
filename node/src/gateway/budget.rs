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
mod tests {
    use super::*;

    #[test]
    fn a_client_sends_a_little_at_once_and_so_much_a_second_after_that() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        budget.spend(AT_ONCE as usize, start);
        assert_eq!(budget.next_read(start), start);
        budget.spend(BYTES_A_SECOND as usize, start);
        assert_eq!(budget.next_read(start), start + Duration::from_secs(1));
        let later = start + Duration::from_secs(60);
        budget.spend(AT_ONCE as usize, later);
        assert_eq!(budget.next_read(later), later, "what was not used is not saved up");
    }

    #[test]
    fn the_smallest_frames_cost_something() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        (0..2 * AT_ONCE as usize / FRAME_COST).for_each(|_| budget.spend(3, start));
        let wait = budget.next_read(start) - start;
        assert!(wait > Duration::from_millis(990) && wait < Duration::from_millis(1010), "{wait:?}");
    }
}
