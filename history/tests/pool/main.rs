//! What a pool promises, as statements, in a simulated network, and on arbitrary input.

mod cluster;
mod hostile;
mod network;
mod statements;

use std::time::Instant;

use history::Session;
use uuid::Uuid;

/// An instant to count from. There is no other way to make one than to read the clock.
#[allow(clippy::disallowed_methods)]
fn start() -> Instant {
    Instant::now()
}

fn session(number: u128) -> Session {
    Session::new(Uuid::from_u128(number))
}
