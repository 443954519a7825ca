//! What a log promises: through random faults, and when one of its rules is broken.

mod beginning;
mod check;
mod faults;
mod mutations;
mod promises;
mod regimes;
mod sim;
mod statements;
mod stores;

use std::time::Instant;

use bytes::Bytes;
use history::{MessageId, Say, Session};
use uuid::Uuid;

/// An instant to count from. There is no other way to make one than to read the clock.
#[allow(clippy::disallowed_methods)]
fn start() -> Instant {
    Instant::now()
}

fn line(session: u64, number: u64) -> Say {
    let id = MessageId { session: Session::new(Uuid::from_u128(u128::from(session))), number };
    Say { id, lamport: number + 1, after: None, heads: Vec::new(), body: Bytes::from_static(b"a line") }
}
