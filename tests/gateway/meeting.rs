//! Two groups meet, and both have a Bob: as a peer and as a user of a gateway.

use std::collections::BTreeSet;

use mesh_tests::Cluster;
use mesh_tests::client::{Client, MESSAGE};

#[test]
fn of_two_with_one_name_one_is_renamed_and_everybody_hears_of_it() {
    let mut mesh = Cluster::empty();
    for [founder, second] in [["alice", "bob"], ["carol", "bob"]] {
        let launch = mesh.launch(founder).with("--gateway", 0);
        let address = mesh.start(launch).address();
        let launch = mesh.launch(second).leader(address).with("--gateway", 0);
        mesh.start(launch).ready();
    }
    let mut users = [mesh.peer("alice"), mesh.peer("carol")].map(|peer| Client::join(peer, "dora"));
    let mut emil = Client::join(mesh.peer("carol"), "emil");
    let bridge = mesh.launch("bridge").leader(mesh.peer("alice").address()).leader(mesh.peer("carol").address());
    mesh.start(bridge).ready();
    mesh.agree();
    let expected =
        BTreeSet::from(["alice", "bob", "bob-2", "bridge", "carol", "dora", "dora-2", "emil"].map(String::from));
    mesh.all("nobody is thrown out", |peer| {
        let view = peer.view();
        view.members.into_values().chain(view.guests.into_values()).collect::<BTreeSet<_>>() == expected
    });
    // The bridge may have joined what was one group already.
    for peer in mesh.live().into_iter().filter(|peer| peer.name() != "bridge") {
        for (from, to) in [("bob", "bob-2"), ("dora", "dora-2")] {
            let renamed = |event: &mesh_tests::Event| event.is("renamed") && event["from"] == from && event["to"] == to;
            peer.wait(&format!("{from} is now called {to}"), renamed);
            assert_eq!(peer.count(renamed), 1, "at {}", peer.name());
        }
    }
    emil.hears(MESSAGE, "**bob is now called bob-2**");
    // Of the two Doras one is told that she is, and the other that she is.
    let told = users.each_mut().map(|dora| {
        loop {
            let (_, text) = dora.next_frame().expect("the connection goes on");
            if text.contains("now called dora-2") {
                break text;
            }
        }
    });
    assert_eq!(
        BTreeSet::from(told),
        BTreeSet::from(["**You are now called dora-2**", "**dora is now called dora-2**"].map(String::from))
    );
    for dora in &mut users {
        dora.send(MESSAGE, "still here");
    }
    let mut heard = BTreeSet::new();
    while heard.len() < 2 {
        let (_, text) = emil.next_frame().expect("the connection goes on");
        heard.extend(text.strip_suffix(" still here").map(ToOwned::to_owned));
    }
    assert_eq!(heard, BTreeSet::from(["[dora]", "[dora-2]"].map(String::from)));
}
