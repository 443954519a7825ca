//! What is asked of a leader and put to a vote while a group is in two.

use mesh_tests::Peer;
use mesh_tests::places::{eventually, until_voters};
use mesh_tests::votes::{is, is_put_to, list, propose, vote};
use serde_json::json;

use crate::site::{NAMES, Site};

const FEW: [&str; 2] = ["alice", "bob"];
const MANY: [&str; 3] = ["carol", "dave", "erin"];

#[test]
fn each_side_calculates_the_one_with_a_quorum_decides_and_after_the_heal_all_know_the_same() {
    let Some(site) = Site::of(&NAMES) else { return };
    let mesh = &site.mesh;
    until_voters(mesh, 5);
    let open = propose(mesh.peer("carol"), "we stay together");
    is_put_to(&mesh.live(), &open);
    site.network.split(&FEW, &MANY);
    mesh.agree_among(&FEW);
    mesh.agree_among(&MANY);
    for name in NAMES {
        assert_eq!(mesh.peer(name).ask(json!({"do": "calc", "expression": "6*7"}))["value"], 42, "at {name}");
    }
    // Alice and Bob are two of five.
    let refused = mesh.peer("bob").ask(json!({"do": "propose", "text": "we two are all"}));
    assert_eq!(refused["code"], "no_quorum", "{refused:?}");
    assert_eq!(vote(mesh.peer("alice"), "reject", &open)["code"], "no_quorum");
    for name in MANY {
        let failed = is(mesh.peer(name), &open, "failed");
        assert!(failed.text("reason").starts_with("the number of members has changed: "), "{failed:?}");
    }
    for name in FEW {
        assert_eq!(mesh.peer(name).count(|event| event["id"] == *open && event["state"] != "open"), 0, "at {name}");
    }
    site.network.mend();
    site.all_direct();
    mesh.agree();
    for name in FEW {
        is(mesh.peer(name), &open, "failed");
    }
    until_voters(mesh, 5);
    all_consent(&mesh.live(), "we are together again");
    let lists = || -> Vec<_> { mesh.live().into_iter().map(list).collect() };
    eventually("all list the same", || lists().windows(2).all(|two| two[0] == two[1]));
}

fn all_consent(peers: &[&Peer], text: &str) {
    let id = propose(peers[0], text);
    is_put_to(peers, &id);
    for peer in &peers[1..] {
        let state = vote(peer, "consent", &id);
        assert!(state.is("reply"), "{state:?}");
    }
    for peer in peers {
        is(peer, &id, "accepted");
    }
}
