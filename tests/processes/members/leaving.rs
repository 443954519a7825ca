//! Leaving on purpose.

use std::time::{Duration, Instant};

use mesh_tests::{Cluster, Peer};
use rustix::process::Signal;
use serde_json::json;

/// Leaving takes at most two seconds, whatever the others do; and what a busy machine adds.
const LEAVE: Duration = Duration::from_millis(2_500);

/// The reason in `bye`, and what makes a peer leave for it.
type Way = (&'static str, fn(&Peer));

#[test]
fn each_way_to_leave_says_bye_and_why() {
    let ways: [Way; 4] = [
        ("left", |peer| peer.tell(json!({"do": "leave"}))),
        ("end_of_input", |peer| peer.process().close_stdin()),
        ("signal", |peer| assert!(peer.process().signal(Signal::INT))),
        ("signal", |peer| assert!(peer.process().signal(Signal::TERM))),
    ];
    for (reason, leave) in ways {
        let mesh = Cluster::of(["alice", "bob", "carol"]);
        let bob = mesh.peer("bob");
        leave(bob);
        assert_eq!(bob.process().exit_code(), 0, "{reason}");
        let last = bob.events().pop().unwrap();
        assert_eq!((last.text("event"), last.text("reason")), ("bye".to_owned(), reason.to_owned()));
        assert_eq!(mesh.agree().name, "alice");
        for name in ["alice", "carol"] {
            let left = mesh.peer(name).wait("left", |event| event.is("left"));
            assert_eq!((left.text("name"), left.text("reason")), ("bob".to_owned(), "left".to_owned()));
            assert_eq!(mesh.peer(name).count(|event| event.is("left")), 1);
        }
    }
}

#[test]
fn leaving_takes_two_seconds_at_most_though_others_hang() {
    for leaver in ["alice", "carol"] {
        let mesh = Cluster::of(["alice", "bob", "carol"]);
        mesh.peer("bob").stop();
        // Fill what can be filled on the way to the one that hangs.
        let long = "x".repeat(60_000);
        for _ in 0..50 {
            mesh.peer(leaver).tell(json!({"do": "say", "text": long}));
        }
        let began = Instant::now();
        mesh.peer(leaver).process().signal(Signal::TERM);
        assert_eq!(mesh.peer(leaver).process().exit_code(), 0);
        assert!(began.elapsed() < LEAVE, "{leaver} took {:?}", began.elapsed());
    }
}

#[test]
fn a_leader_that_leaves_is_succeeded_by_the_next_oldest() {
    let mesh = Cluster::of(["alice", "bob", "carol"]);
    mesh.peer("alice").tell(json!({"do": "leave"}));
    assert_eq!(mesh.peer("alice").process().exit_code(), 0);
    assert_eq!(mesh.agree().name, "bob");
    for name in ["bob", "carol"] {
        let told = mesh.peer(name).count(|event| event.is("leader") && event["name"] == "bob");
        assert_eq!(told, 1, "at {name}");
    }
}

#[test]
fn what_was_said_before_leaving_arrives() {
    let mesh = Cluster::of(["alice", "bob"]);
    let bob = mesh.peer("bob");
    for n in 0..100 {
        bob.tell(json!({"do": "say", "text": format!("line {n}")}));
    }
    bob.process().close_stdin();
    assert_eq!(bob.process().exit_code(), 0);
    mesh.peer("alice").hears("line 99");
    assert_eq!(mesh.peer("alice").count(|event| event.is("message")), 100);
}

#[test]
fn input_given_before_the_peer_is_ready_is_acted_on_after() {
    let mut mesh = Cluster::of(["alice"]);
    let launch = mesh.through_first("bob");
    let bob = mesh.start(launch);
    bob.tell(json!({"do": "say", "text": "early"}));
    bob.process().close_stdin();
    assert_eq!(bob.process().exit_code(), 0);
    let kinds: Vec<_> = bob.events().iter().map(|event| event.text("event")).collect();
    assert_eq!((kinds.first().map(String::as_str), kinds.last().map(String::as_str)), (Some("ready"), Some("bye")));
    mesh.peer("alice").hears("early");
}

#[test]
fn the_last_member_leaves_too() {
    let mesh = Cluster::of(["alice"]);
    mesh.peer("alice").process().close_stdin();
    assert_eq!(mesh.peer("alice").process().exit_code(), 0);
}

#[test]
fn a_name_is_free_again_as_soon_as_its_holder_has_left() {
    let mut mesh = Cluster::of(["alice", "bob"]);
    mesh.peer("bob").tell(json!({"do": "leave"}));
    mesh.peer("bob").process().exit_code();
    mesh.peer("alice").wait("left", |event| event.is("left"));
    mesh.join("bob");
    assert_eq!(mesh.agree().name, "alice");
}
