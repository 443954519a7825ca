//! Proposals and votes without a quorum, after restarts, and at those that come later.

use std::time::Duration;

use mesh_tests::{Cluster, ports};
use rustix::process::Signal;
use serde_json::json;

use mesh_tests::places::{eventually, until_voters};
use mesh_tests::votes::{is, is_put_to, list, propose, vote};

#[test]
fn without_a_quorum_nothing_is_decided_and_whoever_asks_is_told_so() {
    let mesh = Cluster::of(["alice", "bob", "carol"]);
    until_voters(&mesh, 3);
    let id = propose(mesh.peer("alice"), "we go on");
    is_put_to(&mesh.live(), &id);
    for name in ["bob", "carol"] {
        mesh.peer(name).stop();
    }
    let alice = mesh.peer("alice");
    alice.wait("no quorum", |event| event.is("quorum") && event["held"] == false);
    let began = std::time::Instant::now();
    for answer in [
        alice.ask(json!({"do": "propose", "text": "and this?"})),
        vote(alice, "reject", &id),
        vote(alice, "consent", &id),
    ] {
        assert_eq!((answer.is("error"), &answer["code"]), (true, &json!("no_quorum")), "{answer:?}");
        assert!(answer.text("message").contains("waits"), "{answer:?}");
    }
    assert!(began.elapsed() >= Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(list(alice)[0]["state"], "open");
    for name in ["bob", "carol"] {
        mesh.peer(name).resume();
    }
    // What waited counts when there is a quorum again; the members have changed meanwhile, or the rejection was first.
    eventually("it is decided, as the same everywhere", || {
        let lists: Vec<_> = mesh.peers().iter().map(list).collect();
        let first = &lists[0];
        first.len() == 2 && first[0]["state"] != "open" && lists.iter().all(|list| list == first)
    });
}

#[test]
fn a_newcomer_reads_what_was_decided_before_it_came() {
    let mut mesh = Cluster::of(["alice", "bob"]);
    let accepted = propose(mesh.peer("alice"), "tea");
    is_put_to(&mesh.live(), &accepted);
    vote(mesh.peer("bob"), "consent", &accepted);
    let rejected = propose(mesh.peer("bob"), "coffee");
    is_put_to(&mesh.live(), &rejected);
    vote(mesh.peer("alice"), "reject", &rejected);
    mesh.join("carol");
    eventually("carol has read them", || list(mesh.peer("carol")) == list(mesh.peer("alice")));
    let states: Vec<_> = list(mesh.peer("carol")).iter().map(|proposal| proposal["state"].clone()).collect();
    assert_eq!(states, ["accepted", "rejected"]);
    assert_eq!(mesh.peer("carol").count(|event| event.is("proposal")), 0, "that was before its time");
    let next = propose(mesh.peer("carol"), "water");
    is_put_to(&mesh.live(), &next);
    vote(mesh.peer("alice"), "consent", &next);
    vote(mesh.peer("bob"), "consent", &next);
    assert_eq!(is(mesh.peer("carol"), &next, "accepted")["number"], 3);
}

#[test]
fn proposals_outlive_the_end_of_all_that_have_a_disk() {
    let names = ["alice", "bob"];
    let home = std::env::temp_dir().join(mesh_tests::unique_group());
    std::fs::create_dir(&home).unwrap();
    let mut mesh = Cluster::empty();
    let ports = names.map(|_| ports::free());
    let start = |mesh: &mut Cluster| {
        for n in 0..names.len() {
            let mut launch = mesh.launch(names[n]).port(ports[n]).with("--data-dir", home.join(names[n]).display());
            if n > 0 {
                launch = launch.leader(format!("127.0.0.1:{}", ports[0]));
            }
            mesh.start(launch);
        }
        names.iter().for_each(|name| _ = mesh.peer(name).ready());
    };
    start(&mut mesh);
    let accepted = propose(mesh.peer("alice"), "tea");
    is_put_to(&mesh.live(), &accepted);
    vote(mesh.peer("bob"), "consent", &accepted);
    is(mesh.peer("alice"), &accepted, "accepted");
    let open = propose(mesh.peer("alice"), "coffee");
    is_put_to(&mesh.live(), &open);
    names.iter().for_each(|name| assert!(mesh.peer(name).process().signal(Signal::KILL)));
    names.iter().for_each(|name| _ = mesh.peer(name).process().exit_code());
    start(&mut mesh);
    mesh.agree();
    eventually("both have both", || names.iter().all(|name| list(mesh.peer(name)).len() == 2));
    // Whether the second survives depends on who is back first; it is the same for both.
    eventually("both agree", || list(mesh.peer("alice")) == list(mesh.peer("bob")));
    assert_eq!(list(mesh.peer("bob"))[0]["state"], "accepted");
    drop(mesh);
    let _ = std::fs::remove_dir_all(home);
}
