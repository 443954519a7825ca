//! The first member coordinates; whoever leaves or dies, somebody does, and everybody knows who.

use std::collections::BTreeSet;
use std::time::Duration;

use mesh_tests::{Cluster, Peer};
use rustix::process::Signal;
use serde_json::json;

#[test]
fn everyone_knows_the_coordinator_and_is_heard_until_the_last_leaves() {
    let mut mesh = Cluster::empty();
    let alice = mesh.launch("alice");
    leads(mesh.start(alice), "alice");
    for name in ["bob", "carol", "dave", "emil"] {
        leads(mesh.join(name), "alice");
    }
    any_member_has_everyones_details(&mesh);
    messages_reach_all_or_one(&mesh);
    what_makes_no_sense_is_answered_as_invalid(mesh.peer("dave"));
    one_that_says_nothing_is_noticed_by_the_coordinator(&mesh);
    mesh.peer("alice").tell(json!({"do": "leave"}));
    assert_eq!(mesh.peer("alice").process().exit_code(), 0);
    for name in ["bob", "carol", "dave"] {
        leads(mesh.peer(name), "bob");
        left(mesh.peer(name), "alice", "left");
    }
    mesh.peer("bob").kill();
    for name in ["carol", "dave"] {
        leads(mesh.peer(name), "carol");
        left(mesh.peer(name), "bob", "failed");
    }
    mesh.say_to_all("dave", "still here");
    mesh.peer("carol").process().signal(Signal::INT);
    assert_eq!(mesh.peer("carol").process().exit_code(), 0, "Ctrl-C leaves");
    left(mesh.peer("dave"), "carol", "left");
    leads(mesh.peer("dave"), "dave");
}

/// Waits until a peer was told who coordinates, and whether it is itself.
fn leads(peer: &Peer, leader: &str) {
    let told = peer.wait(&format!("{leader} leads"), |event| event.is("leader") && event["name"] == *leader);
    assert_eq!(told["me"], json!(peer.name() == leader));
    assert!(!told.text("reason").is_empty() && !told.text("since").is_empty(), "{told:?}");
}

fn left(peer: &Peer, who: &str, reason: &str) {
    let told = peer.wait(&format!("{who} left"), |event| event.is("left") && event["name"] == *who);
    assert_eq!(told["reason"], *reason, "{told:?}");
    assert_eq!(peer.count(|event| event.is("left") && event["name"] == *who), 1);
}

fn any_member_has_everyones_details(mesh: &Cluster) {
    for peer in mesh.live() {
        let members = peer.members();
        let names: Vec<_> = members.iter().map(|member| member["name"].as_str().expect("a name")).collect();
        assert_eq!(names, ["alice", "bob", "carol", "dave", "emil"]);
        let ids: BTreeSet<_> = members.iter().map(|member| member["id"].as_str().expect("an id")).collect();
        assert_eq!(ids.len(), 5, "ids are unique");
        for (member, of) in members.iter().zip(mesh.peers()) {
            assert_eq!((&member["id"], &member["address"]), (&json!(of.id()), &json!(of.address())));
            assert_eq!(member["leader"], json!(of.name() == "alice"), "one coordinator: {members:?}");
        }
    }
}

fn messages_reach_all_or_one(mesh: &Cluster) {
    mesh.say_to_all("bob", "to everybody");
    let sent = mesh.peer("bob").ask(json!({"do": "msg", "to": "carol", "text": "to one"}));
    assert_eq!(sent["delivered"], true);
    mesh.peer("carol").wait("it", |event| event.is("private") && event["from"] == "bob");
    for peer in mesh.live() {
        let privates = peer.count(|event| event.is("private") && event["text"] == "to one");
        assert_eq!(privates, usize::from(peer.name() == "carol"), "at {}", peer.name());
    }
}

fn what_makes_no_sense_is_answered_as_invalid(peer: &Peer) {
    for (ref_, line) in
        [r#"{"do":"dance","ref":1}"#, r#"{"do":"msg","to":"nobody","text":"x","ref":2}"#].iter().enumerate()
    {
        peer.tell(line);
        let answer = peer.wait("an answer", |event| event.is("error") && event["ref"] == json!(ref_ + 1));
        assert!(!answer.text("message").is_empty(), "{answer:?}");
    }
    peer.tell("no JSON at all");
    peer.wait("an answer", |event| event.is("error") && event["code"] == "bad_command" && event["ref"].is_null());
}

/// The coordinator looks after the others all the time: no person has to.
fn one_that_says_nothing_is_noticed_by_the_coordinator(mesh: &Cluster) {
    mesh.peer("emil").stop();
    for name in ["alice", "bob", "carol", "dave"] {
        let limit = Duration::from_secs(20);
        mesh.peer(name).wait_within(limit, "emil is missed", |event| event.is("left") && event["name"] == "emil");
    }
    mesh.peer("emil").resume();
    assert_eq!(mesh.agree().name, "alice");
    mesh.all("emil is back", |peer| peer.view().members.len() == 5);
    mesh.peer("emil").tell(json!({"do": "leave"}));
    assert_eq!(mesh.peer("emil").process().exit_code(), 0);
}
