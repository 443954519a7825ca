//! Clients in the peer's `connections.log`.

use std::fs;

use mesh_tests::Cluster;
use mesh_tests::client::{Client, ERROR, LEAVE, MESSAGE};
use serde_json::json;
use tempfile::TempDir;

use crate::guests_are;

#[test]
fn the_connections_log_has_each_client_by_the_names_that_it_asked_for() {
    let directory = TempDir::new().unwrap();
    let mut mesh = Cluster::empty();
    let launch = mesh.launch("Alice").with("--gateway", 0);
    mesh.start(launch.with("--log-dir", directory.path().display())).ready();
    let alice = mesh.peer("Alice");
    let mut stranger = Client::connect(alice);
    stranger.end();
    stranger.ends("after its end");
    let mut dora = Client::connect(alice);
    assert!(!dora.ask_to_join("alice"));
    assert!(!dora.ask_to_join("two words"));
    dora.hears(ERROR, "a name has no white space");
    assert!(dora.ask_to_join("dora"));
    dora.send(LEAVE, "");
    dora.hears(MESSAGE, "**dora is leaving the chat**");
    dora.ends("after leaving");
    let mut emil = Client::join(alice, "emil");
    guests_are(&mesh, &["emil"]);
    alice.tell(json!({"do": "leave"}));
    emil.hears(ERROR, "this peer leaves the chat: connect to another");
    emil.ends("with its peer");
    assert_eq!(alice.process().exit_code(), 0);
    let log = fs::read_to_string(directory.path().join("connections.log")).unwrap();
    let mut ports = Vec::new();
    let told = log.lines().map(|line| {
        let [_, ip, port, rest] = line.splitn(4, ' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        assert_eq!(ip, "127.0.0.1");
        ports.push(port.parse::<u16>().unwrap());
        rest
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            "gateway - closed: its connection ended",
            "gateway alice rejected: a member has it already",
            "gateway two_words rejected: a name has no white space",
            "gateway dora accepted",
            "gateway dora closed: it left",
            "gateway emil accepted",
            "gateway emil closed: this peer left",
        ]
    );
    ports.dedup();
    assert_eq!(ports.len(), 3, "one port a client");
}

#[test]
fn a_peer_that_leaves_says_so_of_its_links_in_its_connections_log() {
    let directory = TempDir::new().unwrap();
    let mut mesh = Cluster::of(["Alice", "Bob"]);
    let launch = mesh.through_first("Carol").with("--log-dir", directory.path().display());
    mesh.start(launch).ready();
    let carol = mesh.peer("Carol");
    mesh.all_linked();
    carol.tell(json!({"do": "leave"}));
    assert_eq!(carol.process().exit_code(), 0);
    let log = fs::read_to_string(directory.path().join("connections.log")).unwrap();
    let closed = log.lines().filter(|line| line.contains(" closed: ")).collect::<Vec<_>>();
    assert!(!closed.is_empty() && closed.iter().all(|line| line.ends_with("closed: this peer left")), "{log}");
}
