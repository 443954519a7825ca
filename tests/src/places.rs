//! Where lines stand in the history, as peers report it.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{Cluster, PATIENCE, Peer};

/// How long to wait before asking again for what is reported by no event.
const POLL: Duration = Duration::from_millis(50);

/// Where a line stands, once this peer has said so.
pub fn place_of(peer: &Peer, id: &str) -> u64 {
    let confirmed = peer.wait(&format!("confirmed {id}"), |event| event.is("confirmed") && event["id"] == *id);
    confirmed["index"].as_u64().expect("an index is a number")
}

/// All the confirmed lines that a peer has.
pub fn history(peer: &Peer) -> Vec<Value> {
    let page = peer.ask(json!({"do": "history", "from": 1}));
    let entries = page["entries"].as_array().unwrap_or_else(|| panic!("no entries: {page:?}"));
    entries.iter().filter(|entry| entry["index"].is_u64()).cloned().collect()
}

/// Waits until so many vote, as far as each knows.
pub fn until_voters(mesh: &Cluster, voters: u64) {
    let knows = |peer: &&Peer| peer.ask(json!({"do": "status"}))["voters"].as_u64() == Some(voters);
    eventually(&format!("{voters} vote"), || mesh.live().iter().all(knows));
}

/// Waits until no voter is missing any more.
pub fn until_nobody_misses(mesh: &Cluster) {
    let misses_nobody = |peer: &&Peer| {
        let status = peer.ask(json!({"do": "status"}));
        status["quorum"] == true && status["missing"] == json!([])
    };
    eventually("no voter is missing", || mesh.live().iter().all(misses_nobody));
}

/// Asks again and again, for what no event reports.
///
/// # Panics
///
/// If it is not so in time.
pub fn eventually(what: &str, so: impl Fn() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < PATIENCE, "not so within {PATIENCE:?}: {what}");
        thread::sleep(POLL);
    }
}
