//! A proposal is accepted when all consent, and rejected by the first that does not.

use std::sync::Arc;

use mesh_tests::{Bell, Cluster, Process};
use serde_json::{Value, json};

use mesh_tests::votes::{is, is_put_to, list, names, propose, vote};

#[test]
fn what_all_consent_to_is_accepted_everywhere() {
    let mesh = Cluster::of(["alice", "bob", "carol"]);
    let id = propose(mesh.peer("bob"), "tea at five?");
    is_put_to(&mesh.live(), &id);
    let put = is(mesh.peer("carol"), &id, "open");
    assert_eq!((&put["number"], &put["from"], &put["text"]), (&json!(1), &json!("bob"), &json!("tea at five?")));
    assert_eq!((names(&put["consents"]), names(&put["waiting"])), (vec!["bob"], vec!["alice", "carol"]));
    assert_eq!(put["reason"], Value::Null);
    assert_eq!(vote(mesh.peer("carol"), "consent", &id)["state"], "open");
    // A repeat does nothing, and neither does the author's own.
    assert_eq!(vote(mesh.peer("carol"), "consent", &id)["state"], "open");
    assert_eq!(vote(mesh.peer("bob"), "consent", &id)["state"], "open");
    assert_eq!(vote(mesh.peer("alice"), "consent", &id)["state"], "accepted");
    for peer in mesh.live() {
        let accepted = is(peer, &id, "accepted");
        assert_eq!(
            (names(&accepted["consents"]), names(&accepted["waiting"])),
            (vec!["alice", "bob", "carol"], vec![])
        );
        let told = |event: &mesh_tests::Event| event.is("proposal") && event["id"] == *id;
        assert_eq!(peer.count(told), 3, "put to all, one more consents, accepted");
        assert_eq!(list(peer), list(mesh.peer("alice")));
    }
    let late = vote(mesh.peer("alice"), "reject", &id);
    assert_eq!((late.is("reply"), &late["state"]), (true, &json!("accepted")), "it is decided for good");
}

#[test]
fn the_first_rejection_rejects_for_all() {
    let mesh = Cluster::of(["alice", "bob", "carol"]);
    let id = propose(mesh.peer("alice"), "no more jokes");
    is_put_to(&mesh.live(), &id);
    assert_eq!(vote(mesh.peer("bob"), "reject", &id)["state"], "rejected");
    for peer in mesh.live() {
        let rejected = is(peer, &id, "rejected");
        assert_eq!(rejected["reason"], "bob rejected it");
        assert_eq!(names(&rejected["waiting"]), ["bob", "carol"]);
    }
    let next = propose(mesh.peer("carol"), "more jokes");
    assert_eq!(is(mesh.peer("alice"), &next, "open")["number"], 2);
}

#[test]
fn whoever_is_alone_agrees_with_itself() {
    let mesh = Cluster::of(["alice"]);
    let id = propose(mesh.peer("alice"), "quiet!");
    is(mesh.peer("alice"), &id, "accepted");
}

#[test]
fn only_what_is_proposed_is_voted_on() {
    let mesh = Cluster::of(["alice", "bob"]);
    let alice = mesh.peer("alice");
    let unknown = vote(alice, "consent", "00000000-0000-0000-0000-0000000000ab:7");
    assert_eq!((unknown.is("error"), &unknown["code"]), (true, &json!("unknown_proposal")), "{unknown:?}");
    for (command, code) in [
        (json!({"do": "propose", "text": ""}), "empty"),
        (json!({"do": "propose", "text": "x".repeat(65_536)}), "too_long"),
        (json!({"do": "consent", "proposal": 1}), "bad_command"),
    ] {
        let refused = alice.ask(command);
        assert_eq!((refused.is("error"), &refused["code"]), (true, &json!(code)), "{refused:?}");
    }
    for n in 0..16 {
        propose(alice, &format!("proposal {n}"));
    }
    let refused = alice.ask(json!({"do": "propose", "text": "one too many"}));
    assert_eq!((refused.is("error"), &refused["code"]), (true, &json!("too_many_proposals")), "{refused:?}");
}

#[test]
fn a_person_proposes_and_votes_by_number() {
    let mesh = Cluster::of(["Alice"]);
    let mut command = mesh.through_first("Bob").command();
    let bob = Process::start("Bob", &mut command, Arc::new(Bell::default()), |_| ());
    bob.line("who leads", |line| line.contains("is now the leader"));
    let id = propose(mesh.peer("Alice"), "tea?");
    bob.line("the proposal", |line| line == "**Alice proposes #1: tea?** (type @consent 1 or @reject 1)");
    bob.write(b"@consent 7\n");
    bob.complaint("no seventh", |line| line.contains("there is no proposal #7"));
    bob.write(b"@consent 1\n");
    bob.line("the outcome", |line| line == "**proposal #1 is accepted: tea?**");
    is(mesh.peer("Alice"), &id, "accepted");
    bob.write(b"@reject 1\n");
    bob.complaint("too late", |line| line.contains("decided already: accepted"));
    bob.write(b"@propose coffee?\n");
    bob.line("his own", |line| line.starts_with("**Bob proposes #2: coffee?**"));
    bob.write(b"@proposals\n@calc 2*(3+4)\n@calc 1/0\n");
    bob.line("the first", |line| line == "#1 accepted: tea? [Alice] (by Alice, Bob)");
    bob.line("the second", |line| line == "#2 open: coffee? [Bob] (consent: Bob; to go: Alice)");
    bob.line("the value", |line| line == "14");
    bob.complaint("no value", |line| line.contains("divided by zero"));
}
