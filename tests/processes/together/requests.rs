//! What the leader calculates for all.

use std::time::{Duration, Instant};

use mesh_tests::{Cluster, Peer};
use serde_json::json;

fn calc(peer: &Peer, expression: &str) -> mesh_tests::Event {
    peer.ask(json!({"do": "calc", "expression": expression}))
}

#[test]
fn everybody_gets_the_value_from_the_leader() {
    let mesh = Cluster::of(["alice", "bob", "carol"]);
    for peer in mesh.live() {
        let reply = calc(peer, "2*(3+4)");
        assert_eq!((reply.is("reply"), &reply["value"]), (true, &json!(14)), "{reply:?}");
        assert_eq!(calc(peer, "7 / 2")["value"], 3.5);
    }
}

#[test]
fn what_has_no_value_is_a_bad_expression_and_says_why() {
    let mesh = Cluster::of(["alice", "bob"]);
    let long = "1+".repeat(500) + "1";
    let deep = "(".repeat(400) + "1" + &")".repeat(400);
    for name in ["alice", "bob"] {
        for (expression, why) in [
            ("1/0", "divided by zero"),
            ("2*", "not an expression"),
            ("", "empty"),
            ("foo + 1", "`foo` means nothing"),
            ("system('ls')", "`system` means nothing"),
            (&long, "too long"),
            (&deep, "parentheses"),
        ] {
            let refused = calc(mesh.peer(name), expression);
            assert_eq!((refused.is("error"), &refused["code"]), (true, &json!("bad_expression")), "{refused:?}");
            assert!(refused.text("message").contains(why), "{refused:?}");
        }
    }
}

#[test]
fn a_question_that_the_leader_takes_with_it_is_answered_by_the_next() {
    let mesh = Cluster::of(["alice", "bob", "carol"]);
    mesh.peer("alice").stop();
    // The group does not know yet that nobody answers.
    assert_eq!(calc(mesh.peer("carol"), "1+1")["value"], 2);
    mesh.peer("alice").kill();
    assert_eq!(calc(mesh.peer("carol"), "2+2")["value"], 4);
}

#[test]
fn a_question_that_nobody_answers_is_given_up_after_five_seconds() {
    let mesh = Cluster::empty();
    let mut mesh = mesh;
    let slow = |launch: mesh_tests::Launch| launch.with("--timeout", 30_000);
    let alice = slow(mesh.launch("alice"));
    mesh.start(alice).ready();
    let bob = slow(mesh.through_first("bob"));
    mesh.start(bob).ready();
    mesh.agree();
    mesh.peer("alice").stop();
    let began = Instant::now();
    let refused = calc(mesh.peer("bob"), "1+1");
    assert_eq!((refused.is("error"), &refused["code"]), (true, &json!("no_leader")), "{refused:?}");
    let took = began.elapsed();
    assert!(Duration::from_millis(4_900) < took && took < Duration::from_secs(9), "{took:?}");
}
