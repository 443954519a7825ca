//! A joke becomes the final joke when every peer consents, and only then.

use mesh_tests::places::until_voters;
use mesh_tests::votes::{is, is_put_to, list, propose, vote};
use mesh_tests::{Cluster, Peer};
use serde_json::json;

const JOKE: &str = "There are 10 kinds of people: those who read binary, and those who do not";

#[test]
fn a_joke_is_final_once_all_consent_and_fails_when_the_number_of_members_changes() {
    let mut mesh = Cluster::empty();
    let leader = mesh.launch("leader").with("--priority", 1);
    mesh.start(leader).ready();
    for pawn in ["pawn-1", "pawn-2", "pawn-3"] {
        mesh.join(pawn);
    }
    mesh.all_linked();
    until_voters(&mesh, 4);
    let joke = propose(mesh.peer("pawn-1"), JOKE);
    is_put_to(&mesh.live(), &joke);
    for peer in mesh.live().into_iter().filter(|peer| peer.name() != "pawn-1") {
        assert_eq!(mesh.peer("leader").count(|event| event["id"] == *joke && event["state"] == "accepted"), 0);
        assert!(vote(peer, "consent", &joke).is("reply"));
    }
    for peer in mesh.live() {
        assert_eq!(is(peer, &joke, "accepted")["text"], *JOKE, "the final joke is told to all");
    }
    let bad = propose(mesh.peer("leader"), "Knock, knock");
    is_put_to(&mesh.live(), &bad);
    assert_eq!(vote(mesh.peer("pawn-2"), "reject", &bad)["state"], "rejected");
    mesh.live().into_iter().for_each(|peer| _ = is(peer, &bad, "rejected"));
    it_fails_when_one_comes(&mut mesh);
    it_fails_when_one_goes(&mesh);
    inputs_are_checked(mesh.peer("leader"));
    for peer in mesh.live() {
        assert_eq!(list(peer), list(mesh.peer("leader")), "all know the same outcomes");
    }
}

fn it_fails_when_one_comes(mesh: &mut Cluster) {
    let id = propose(mesh.peer("pawn-1"), "nobody comes");
    is_put_to(&mesh.live(), &id);
    mesh.join("pawn-4");
    for name in ["leader", "pawn-1", "pawn-2", "pawn-3"] {
        assert_eq!(is(mesh.peer(name), &id, "failed")["reason"], "the number of members has changed: pawn-4 joined");
    }
}

fn it_fails_when_one_goes(mesh: &Cluster) {
    until_voters(mesh, 5);
    let id = propose(mesh.peer("pawn-1"), "nobody goes");
    is_put_to(&mesh.live(), &id);
    mesh.peer("pawn-4").kill();
    for peer in mesh.live() {
        assert_eq!(is(peer, &id, "failed")["reason"], "the number of members has changed: pawn-4 failed");
    }
}

fn inputs_are_checked(peer: &Peer) {
    for command in [
        json!({"do": "propose", "text": ""}),
        json!({"do": "propose"}),
        json!({"do": "consent", "proposal": "7"}),
        json!({"do": "reject", "proposal": format!("{}:1", peer.id())}),
    ] {
        let answer = peer.ask(command.clone());
        assert!(answer.is("error") && !answer.text("message").is_empty(), "{command}: {answer:?}");
    }
}
