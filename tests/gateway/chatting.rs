//! Members that use a gateway are members.

use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_tests::client::{Client, DIRECT, ERROR, LEAVE, MESSAGE, frame};
use mesh_tests::{Bell, Launch, PATIENCE, Process, unique_group};
use serde_json::json;

use crate::{guests_are, mesh};

#[test]
fn a_user_is_in_every_list_and_announced_and_heard_everywhere() {
    let mesh = mesh(&["alice", "bob"]);
    let mut dora = Client::join(mesh.peer("bob"), "dora");
    let mut emil = Client::join(mesh.peer("alice"), "emil");
    dora.hears(MESSAGE, "**emil is joining the chat**");
    guests_are(&mesh, &["dora", "emil"]);
    assert_eq!(dora.list(), ["alice", "bob", "dora", "emil"]);
    for peer in mesh.live() {
        let vias: BTreeMap<_, _> =
            peer.members().iter().map(|one| (one["name"].to_string(), one["via"].clone())).collect();
        assert_eq!((&vias["\"alice\""], &vias["\"dora\""]), (&json!("peer"), &json!("gateway")));
        let joined = peer.wait("dora joined", |event| event.is("joined") && event["name"] == "dora");
        assert_eq!(joined["via"], "gateway");
    }
    dora.send(MESSAGE, "Hi all");
    emil.hears(MESSAGE, "[dora] Hi all");
    for peer in mesh.live() {
        let heard = peer.hears("Hi all");
        assert_eq!(heard.text("from"), "dora");
        let is_its_place = |event: &mesh_tests::Event| event.is("confirmed") && event["id"] == heard["id"];
        peer.wait("its place", is_its_place);
    }
    mesh.peer("alice").say("Hi dora");
    dora.hears(MESSAGE, "[alice] Hi dora");
    emil.send(LEAVE, "");
    dora.hears(MESSAGE, "**emil is leaving the chat**");
    drop(dora);
    guests_are(&mesh, &[]);
}

#[test]
fn private_messages_reach_users_from_peers_and_from_users_of_other_peers() {
    let mesh = mesh(&["alice", "bob"]);
    let mut dora = Client::join(mesh.peer("bob"), "dora");
    let mut emil = Client::join(mesh.peer("alice"), "emil");
    guests_are(&mesh, &["dora", "emil"]);
    for peer in mesh.live() {
        let text = format!("psst from {}", peer.name());
        let reply = peer.ask(json!({"do": "msg", "to": "DORA", "text": text}));
        assert_eq!(reply["delivered"], true);
        dora.hears(DIRECT, &format!("[{} -> you] {text}", peer.name()));
    }
    emil.send(DIRECT, "dora psst");
    dora.hears(DIRECT, "[emil -> you] psst");
    dora.send(DIRECT, "dora to myself");
    dora.hears(DIRECT, "[dora -> you] to myself");
    for name in ["alice", "bob"] {
        dora.send(DIRECT, &format!("{name} psst, peer"));
        let private = mesh.peer(name).wait("private", |event| event.is("private"));
        assert_eq!((private.text("from"), private.text("text")), ("dora".into(), "psst, peer".into()));
    }
    dora.send(DIRECT, "nobody psst");
    dora.hears(ERROR, "there is no member `nobody`");
}

#[test]
fn a_name_is_unique_in_the_whole_group() {
    let mut mesh = mesh(&["alice", "bob"]);
    let _dora = Client::join(mesh.peer("bob"), "dora");
    guests_are(&mesh, &["dora"]);
    let mut other = Client::connect(mesh.peer("alice"));
    for taken in ["alice", "BOB", "Dora"] {
        assert!(!other.ask_to_join(taken), "{taken}");
    }
    assert!(other.ask_to_join("dora-2"));
    let refused = mesh.through_first("dora").run();
    assert_eq!(refused.code, 3, "{refused:?}");
    let carol = mesh.through_first("carol");
    mesh.start(carol).ready();
    let view = mesh.peer("carol").view();
    assert_eq!(view.guests.into_values().collect::<Vec<_>>().len(), 2, "a newcomer knows the users");
}

#[test]
fn all_that_a_script_sends_at_once_is_done_in_order_before_it_ends() {
    let mesh = mesh(&["alice", "bob"]);
    let mut script = Client::connect(mesh.peer("bob"));
    let lines = (0..50).flat_map(|n| frame(MESSAGE, format!("line {n}").as_bytes()));
    let bytes: Vec<u8> = frame(0, b"script").into_iter().chain(lines).chain(frame(3, b"")).collect();
    script.send_bytes(&bytes);
    script.end();
    let mut last = None;
    while let Some(frame) = script.next_frame() {
        last = Some(frame);
    }
    assert_eq!(last, Some((3, "alice\nbob\nscript".into())));
    let alice = mesh.peer("alice");
    alice.hears("line 49");
    let heard: Vec<_> =
        alice.events().iter().filter(|event| event.is("message")).map(|event| event.text("text")).collect();
    assert_eq!(heard, (0..50).map(|n| format!("line {n}")).collect::<Vec<_>>());
    alice.wait("the script left", |event| event.is("left") && event["name"] == "script");
}

#[test]
fn users_are_lines_of_the_console_like_any_other_member() {
    let mesh = mesh(&["alice"]);
    let console = mesh.through_first("carol");
    let bell = Arc::<Bell>::default();
    let console = Process::start("carol", &mut console.command(), Arc::clone(&bell), |_| ());
    let mut dora = Client::join(mesh.peer("alice"), "dora");
    let shows = |line: &str| {
        let look = || console.stdout().iter().any(|shown| shown == line).then_some(());
        bell.wait(PATIENCE, look).unwrap_or_else(|| panic!("no `{line}` in {:?}", console.stdout()));
    };
    dora.hears(MESSAGE, "**carol is joining the chat**");
    dora.send(MESSAGE, "Hi");
    shows("[dora] Hi");
    console.write(b"@msg dora psst\n@members\n");
    dora.hears(DIRECT, "[carol -> you] psst");
    let listed =
        || console.stdout().iter().any(|line| line.starts_with("dora ") && line.contains("gateway")).then_some(());
    bell.wait(PATIENCE, listed).unwrap_or_else(|| panic!("no dora via gateway in {:?}", console.stdout()));
    drop(dora);
    shows("**dora is leaving the chat**");
    console.close_stdin();
    assert_eq!(console.exit_code(), 0);
}

#[test]
fn a_port_that_is_taken_is_one_line_and_exit_code_5() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let outcome = Launch::new("alice", &unique_group()).with("--gateway", port).run();
    assert_eq!((outcome.code, outcome.stderr.len()), (5, 1), "{outcome:?}");
    assert!(outcome.stderr[0].contains(&port.to_string()) && outcome.stderr[0].contains("--gateway"), "{outcome:?}");
}
