//! Proposals as peers report them.

use serde_json::{Value, json};

use crate::{Event, Peer};

/// Puts a proposal to all: its id.
pub fn propose(peer: &Peer, text: &str) -> String {
    let reply = peer.ask(json!({"do": "propose", "text": text}));
    assert!(reply.is("reply"), "{reply:?}");
    reply.text("proposal")
}

/// Votes, and gives what the peer answered.
pub fn vote(peer: &Peer, word: &str, id: &str) -> Event {
    peer.ask(json!({"do": word, "proposal": id}))
}

/// Waits until a peer has told of a proposal in that state.
pub fn is(peer: &Peer, id: &str, state: &str) -> Event {
    let so = |event: &Event| event.is("proposal") && event["id"] == *id && event["state"] == state;
    peer.wait(&format!("{id} is {state}"), so)
}

/// Waits until it is open for all of these, who are the members.
pub fn is_put_to(peers: &[&Peer], id: &str) {
    peers.iter().for_each(|peer| _ = is(peer, id, "open"));
}

/// The proposals as a peer lists them.
pub fn list(peer: &Peer) -> Vec<Value> {
    let reply = peer.ask(json!({"do": "proposals"}));
    reply["proposals"].as_array().unwrap_or_else(|| panic!("no list: {reply:?}")).clone()
}

/// The names in a list, in order.
pub fn names(list: &Value) -> Vec<&str> {
    let mut names: Vec<_> = list.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    names.sort_unstable();
    names
}
