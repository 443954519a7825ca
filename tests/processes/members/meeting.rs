//! Two groups of the same name that were founded apart meet.

use mesh_tests::{Cluster, Peer};

#[test]
fn they_become_one_with_one_leader_and_nobody_is_thrown_out() {
    let mut mesh = two_groups(["alice", "bob"], ["carol", "dave"]);
    mesh.start(bridge(&mesh, "alice", "carol"));
    mesh.peer("bridge").ready();
    mesh.agree();
    mesh.all_linked();
    mesh.say_to_all("bob", "from one side");
    mesh.say_to_all("dave", "from the other");
    assert_eq!(mesh.live().len(), 5);
}

#[test]
fn of_two_members_with_one_name_one_is_renamed() {
    let mut mesh = two_groups(["alice", "bob"], ["carol", "bob"]);
    mesh.start(bridge(&mesh, "alice", "carol"));
    mesh.peer("bridge").ready();
    mesh.agree();
    mesh.all("bob and bob-2 are listed", |peer| names(peer) == ["alice", "bob", "bob-2", "bridge", "carol"]);
    let renamed = mesh.peer("bridge").view();
    let (id, _) = renamed.members.iter().find(|(_, name)| *name == "bob-2").unwrap();
    let who = mesh.peers().iter().find(|peer| peer.id() == *id).unwrap();
    let event = who.wait("renamed", |event| event.is("renamed"));
    assert_eq!((event.text("from"), event.text("to")), ("bob".to_owned(), "bob-2".to_owned()));
    assert!(who.is_live() && who.name() == "bob");
    who.say("still here");
    for peer in mesh.live() {
        assert_eq!(peer.hears("still here").text("from"), "bob-2");
    }
}

/// Two groups of two, each founded by its first.
fn two_groups(one: [&str; 2], other: [&str; 2]) -> Cluster {
    let mut mesh = Cluster::empty();
    for [founder, second] in [one, other] {
        let launch = mesh.launch(founder);
        let address = mesh.start(launch).address();
        let launch = mesh.launch(second).leader(address);
        mesh.start(launch).ready();
    }
    mesh
}

/// A peer that reaches both.
fn bridge(mesh: &Cluster, one: &str, other: &str) -> mesh_tests::Launch {
    mesh.launch("bridge").leader(mesh.peer(one).address()).leader(mesh.peer(other).address())
}

fn names(peer: &Peer) -> Vec<String> {
    let mut names: Vec<_> = peer.view().members.into_values().collect();
    names.sort_unstable();
    names
}
