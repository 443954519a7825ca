//! Becoming a member.

use mesh_tests::{Cluster, Launch, Peer, unique_group};
use serde_json::json;

#[test]
fn the_founder_is_ready_then_joined_then_led_by_itself() {
    let mut mesh = Cluster::empty();
    let alice = mesh.join("alice");
    alice.wait("leader", |event| event.is("leader"));
    let events = alice.events();
    assert_eq!(kinds(alice), ["ready", "joined", "leader"]);
    assert_eq!(events[0]["members"].as_array().map(Vec::len), Some(1));
    assert_eq!((&events[1]["id"], &events[1]["via"]), (&events[0]["id"], &json!("peer")));
    assert_eq!((&events[2]["id"], &events[2]["me"]), (&events[0]["id"], &json!(true)));
    assert!(events[0]["version"].is_string() && events[0]["group"].is_string());
    for event in &events {
        let at = event.text("at");
        assert!(at.len() == "2026-08-01T12:00:00.000Z".len() && at.ends_with('Z'), "{at}");
    }
}

#[test]
fn a_newcomer_is_told_who_is_there_and_who_leads() {
    let mut mesh = Cluster::of(["alice", "bob"]);
    let carol = mesh.join("carol");
    carol.wait("leader", |event| event.is("leader"));
    assert_eq!(kinds(carol)[..3], ["ready", "joined", "leader"]);
    let ready = carol.ready();
    let listed: Vec<_> = ready["members"].as_array().unwrap().iter().map(|member| member["name"].clone()).collect();
    assert_eq!(listed, ["alice", "bob", "carol"]);
    let leader = carol.wait("leader", |event| event.is("leader"));
    assert_eq!((&leader["name"], &leader["me"]), (&json!("alice"), &json!(false)));
    assert!(leader["reason"].is_string() && leader["since"].is_string() && leader["epoch"].is_u64());
}

#[test]
fn joining_through_any_member_makes_the_mesh_full() {
    let mut mesh = Cluster::of(["alice", "bob"]);
    let through_bob = mesh.launch("carol").leader(mesh.peer("bob").address());
    mesh.start(through_bob).ready();
    let through_carol = mesh.launch("dave").leader(mesh.peer("carol").address());
    mesh.start(through_carol).ready();
    assert_eq!(mesh.agree().name, "alice");
    mesh.all_linked();
}

#[test]
fn every_member_hears_of_each_newcomer_once() {
    let mesh = Cluster::of(["alice", "bob", "carol", "dave"]);
    mesh.say_to_all("dave", "all is settled");
    for (oldest, name) in ["alice", "bob", "carol", "dave"].into_iter().enumerate() {
        let joined: Vec<_> = mesh.peer(name).events().into_iter().filter(|event| event.is("joined")).collect();
        let names: Vec<_> = joined.iter().map(|event| event.text("name")).collect();
        assert_eq!(names, ["alice", "bob", "carol", "dave"][oldest..], "at {name}");
    }
}

#[test]
fn two_commands_make_a_chat() {
    let mut mesh = Cluster::empty();
    let port = mesh_tests::ports::free();
    let alice = mesh.launch("alice").port(port);
    mesh.start(alice).ready();
    let bob = mesh.launch("bob").leader(format!("localhost:{port}"));
    mesh.start(bob).ready();
    mesh.say_to_all("alice", "Hi");
    mesh.say_to_all("bob", "Hello");
}

#[test]
fn an_address_that_is_dead_does_not_hinder_one_that_lives() {
    let mut mesh = Cluster::of(["alice"]);
    let dead = format!("127.0.0.1:{}", mesh_tests::ports::free());
    let bob = mesh.launch("bob").leader(dead).leader(mesh.peer("alice").address());
    mesh.start(bob).ready();
    assert_eq!(mesh.agree().name, "alice");
}

#[test]
fn a_peer_waits_for_somebody_to_join_through() {
    let mut mesh = Cluster::empty();
    let port = mesh_tests::ports::free();
    let early = mesh.launch("early").leader(format!("127.0.0.1:{port}"));
    mesh.start(early);
    let founder = mesh.launch("founder").port(port);
    mesh.start(founder).ready();
    mesh.peer("early").ready();
    assert_eq!(mesh.agree().name, "founder");
}

#[test]
fn those_that_all_point_at_each_other_elect_one_leader() {
    let mut mesh = Cluster::empty();
    let ports: Vec<_> = (0..4).map(|_| mesh_tests::ports::free()).collect();
    for (own, name) in ports.iter().zip(["alice", "bob", "carol", "dave"]) {
        // Oneself included: that address is skipped.
        let launch = mesh.launch(name).port(*own);
        let launch = ports.iter().fold(launch, |launch, port| launch.leader(format!("127.0.0.1:{port}")));
        mesh.start(launch);
    }
    for peer in mesh.peers() {
        peer.ready();
    }
    mesh.agree();
    mesh.all_linked();
}

#[test]
fn groups_with_different_names_never_see_each_other() {
    let mesh = Cluster::of(["alice"]);
    let stranger = Launch::new("bob", &unique_group()).leader(mesh.peer("alice").address());
    let outcome = stranger.run();
    assert_eq!((outcome.code, outcome.stdout.len()), (4, 0), "{outcome:?}");
    assert_eq!(kinds(mesh.peer("alice")), ["ready", "joined", "leader"]);
}

/// What it reported without being asked.
fn kinds(peer: &Peer) -> Vec<String> {
    let events = peer.events();
    events.iter().filter(|event| !event.is("reply")).map(|event| event.text("event")).collect()
}
