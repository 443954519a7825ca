//! Where simulated time begins: the only look at a clock in the tests of a mind.

use std::time::Instant;

pub(in crate::group) fn start() -> Instant {
    Instant::now()
}
