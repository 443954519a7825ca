//! Ports for peers that must be found at an address fixed beforehand. All others take any (`--port 0`).

use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the range from which the system takes ports for outgoing connections, so that none of those gets there first.
const FIRST: u16 = 10_000;
const COUNT: u16 = 22_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port of loopback on which nobody listens, given to no other caller in this process.
///
/// # Panics
///
/// If every port of the range is taken.
pub fn free() -> u16 {
    // Test programs that run at the same time begin at different places.
    let start = (process::id() as u16).wrapping_mul(211) % COUNT;
    let candidates = (0..COUNT).map(|_| FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT);
    candidates.into_iter().find(|port| is_free(*port)).expect("some port of loopback is free")
}

/// The first of `count` neighbouring ports on which nobody listens.
///
/// # Panics
///
/// If there is no such row.
pub fn free_row(count: u16) -> u16 {
    let rows = (0..COUNT).map(|_| free()).filter(|first| *first < FIRST + COUNT - count);
    rows.into_iter().find(|first| (1..count).all(|next| is_free(first + next))).expect("some row of ports is free")
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
