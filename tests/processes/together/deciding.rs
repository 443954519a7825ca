//! A proposal fails when the members are others than those it was put to.

use mesh_tests::Cluster;
use serde_json::json;

use mesh_tests::places::until_voters;
use mesh_tests::votes::{is, is_put_to, list, propose, vote};

const CHANGED: &str = "the number of members has changed:";

#[test]
fn a_join_before_the_last_vote_fails_it() {
    let mut mesh = Cluster::of(["alice", "bob"]);
    let id = propose(mesh.peer("alice"), "nobody else comes in");
    is_put_to(&mesh.live(), &id);
    mesh.join("carol");
    for name in ["alice", "bob"] {
        assert_eq!(is(mesh.peer(name), &id, "failed")["reason"], format!("{CHANGED} carol joined"));
    }
    assert_eq!(vote(mesh.peer("bob"), "consent", &id)["state"], "failed", "too late");
}

#[test]
fn a_leave_before_the_last_vote_fails_it() {
    let mesh = Cluster::of(["alice", "bob", "carol"]);
    until_voters(&mesh, 3);
    let id = propose(mesh.peer("bob"), "all stay");
    is_put_to(&mesh.live(), &id);
    mesh.peer("carol").tell(json!({"do": "leave"}));
    for name in ["alice", "bob"] {
        assert_eq!(is(mesh.peer(name), &id, "failed")["reason"], format!("{CHANGED} carol left"));
    }
}

#[test]
fn a_kill_before_the_last_vote_fails_it() {
    let mesh = Cluster::of(["alice", "bob", "carol"]);
    until_voters(&mesh, 3);
    let id = propose(mesh.peer("bob"), "all live");
    is_put_to(&mesh.live(), &id);
    mesh.peer("carol").kill();
    for name in ["alice", "bob"] {
        assert_eq!(is(mesh.peer(name), &id, "failed")["reason"], format!("{CHANGED} carol failed"));
    }
}

#[test]
fn when_its_leader_dies_the_next_one_carries_a_proposal_to_its_end() {
    let mesh = Cluster::of(["alice", "bob", "carol", "dave"]);
    until_voters(&mesh, 4);
    let open = propose(mesh.peer("bob"), "alice leads for ever");
    is_put_to(&mesh.live(), &open);
    vote(mesh.peer("carol"), "consent", &open);
    mesh.peer("alice").kill();
    for name in ["bob", "carol", "dave"] {
        assert_eq!(is(mesh.peer(name), &open, "failed")["reason"], format!("{CHANGED} alice failed"));
    }
    let next = propose(mesh.peer("dave"), "bob leads");
    for name in ["bob", "carol"] {
        is(mesh.peer(name), &next, "open");
        vote(mesh.peer(name), "consent", &next);
    }
    for peer in mesh.live() {
        assert_eq!(is(peer, &next, "accepted")["number"], 2);
        assert_eq!(list(peer), list(mesh.peer("bob")));
    }
}

#[test]
fn a_leader_that_leaves_hands_on_what_is_open() {
    let mesh = Cluster::of(["alice", "bob", "carol"]);
    until_voters(&mesh, 3);
    let id = propose(mesh.peer("carol"), "alice stays");
    is_put_to(&mesh.live(), &id);
    mesh.peer("alice").tell(json!({"do": "leave"}));
    for name in ["bob", "carol"] {
        assert_eq!(is(mesh.peer(name), &id, "failed")["reason"], format!("{CHANGED} alice left"));
    }
}
