//! Large groups: a crowd that joins at once, and its leader killed.
//!
//! `SIM_LARGE` is how many peers the largest has.

use std::time::Duration;

use mesh_tests::sim::Scale;

fn run(peers: usize) {
    let scale = Scale::run(peers, 1);
    println!("{scale}");
    assert!(scale.agree < Duration::from_secs(1), "{:?} to agree on the next leader", scale.agree);
    assert_eq!(scale.agree_messages.elections, peers as u64 - 2);
}

#[test]
fn hundred_join_at_once_and_lose_their_leader() {
    run(100);
}

#[test]
fn thousand_join_at_once() {
    run(std::env::var("SIM_LARGE").map_or(200, |peers| peers.parse().expect("SIM_LARGE is a number")));
}
