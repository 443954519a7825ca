//! Peers die under their clients.

use std::thread;
use std::time::{Duration, Instant};

use mesh_tests::client::{Client, ERROR, JOIN, MESSAGE};
use mesh_tests::{Cluster, ports};

use crate::{guests_are, mesh};

#[test]
fn users_are_gone_with_their_peer_and_come_back_elsewhere_with_the_same_name_at_once() {
    for victim in ["alice", "bob", "carol"] {
        let mesh = mesh(&["alice", "bob", "carol"]);
        let mut dora = Client::join(mesh.peer(victim), "dora");
        let survivor = if victim == "alice" { "bob" } else { "alice" };
        let mut emil = Client::join(mesh.peer(survivor), "emil");
        guests_are(&mesh, &["dora", "emil"]);
        mesh.peer(victim).kill();
        while dora.next_frame().is_some() {}
        let mut dora = Client::connect(mesh.peer(survivor));
        assert!(dora.ask_to_join("dora"), "when {victim} died");
        emil.hears(MESSAGE, "**dora is leaving the chat**");
        emil.hears(MESSAGE, "**dora is joining the chat**");
        guests_are(&mesh, &["dora", "emil"]);
        for peer in mesh.live() {
            let left = peer.wait("dora left", |event| event.is("left") && event["name"] == "dora");
            assert_eq!(left["reason"], "failed");
        }
        mesh.agree();
        dora.send(MESSAGE, "here again");
        emil.hears(MESSAGE, "[dora] here again");
        said_once(&mesh, "here again");
    }
}

#[test]
fn users_stay_when_the_leader_dies_and_the_next_one_is() {
    let mesh = mesh(&["alice", "bob", "carol", "dave"]);
    let mut erna = Client::join(mesh.peer("carol"), "erna");
    let mut fritz = Client::join(mesh.peer("dave"), "fritz");
    guests_are(&mesh, &["erna", "fritz"]);
    for leader in ["alice", "bob"] {
        mesh.peer(leader).kill();
        erna.hears(MESSAGE, &format!("**{leader} is leaving the chat**"));
        mesh.agree();
        let text = format!("without {leader}");
        fritz.send(MESSAGE, &text);
        erna.hears(MESSAGE, &format!("[fritz] {text}"));
        guests_are(&mesh, &["erna", "fritz"]);
        assert!(!mesh.peer("carol").events().iter().any(|event| event.is("left") && event["name"] == "fritz"));
    }
}

#[test]
fn a_peer_that_leaves_tells_its_clients() {
    let mesh = mesh(&["alice", "bob"]);
    let mut dora = Client::join(mesh.peer("bob"), "dora");
    guests_are(&mesh, &["dora"]);
    mesh.peer("bob").tell(r#"{"do":"leave"}"#);
    dora.hears(ERROR, "this peer leaves the chat: connect to another");
    dora.ends("after the last word");
    guests_are(&mesh, &[]);
}

fn said_once(mesh: &Cluster, text: &str) {
    for peer in mesh.live() {
        peer.hears(text);
        assert_eq!(peer.times_heard(text), 1, "at {}", peer.name());
    }
}

#[test]
fn a_peer_that_is_still_joining_greets_its_clients_and_tells_them_that_they_cannot_join_yet() {
    let mut mesh = Cluster::empty();
    let (nobody, gateway) = (ports::free(), ports::free());
    let launch = mesh.launch("alice").leader(format!("127.0.0.1:{nobody}")).with("--gateway", gateway);
    mesh.start(launch.with("--join-timeout", 30));
    let mut early = eventually_connect(gateway);
    early.hears_something(Duration::from_secs(5));
    early.send(JOIN, "dora");
    assert_eq!(early.answer_within(Duration::from_secs(10), JOIN).as_deref(), Some("\u{1}"));
    let why = early.answer_within(Duration::from_secs(5), ERROR).unwrap();
    assert!(why.contains("no leader answered within 5 s"), "{why}");
}

/// A connection to a peer that may not listen yet.
fn eventually_connect(port: u16) -> Client {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match Client::try_connect_to(port) {
            Ok(client) => return client,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        thread::sleep(Duration::from_millis(20));
    }
}
