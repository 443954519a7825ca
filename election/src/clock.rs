//! Where the tests' time begins.

use std::time::Instant;

/// The one instant that is read: time can only be counted from some real one.
#[expect(clippy::disallowed_methods, reason = "an Instant can be had from nowhere else")]
pub(crate) fn start() -> Instant {
    Instant::now()
}
