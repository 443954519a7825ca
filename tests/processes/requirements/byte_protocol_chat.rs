//! Clients in any language: seven bytes and a name, and one is in the chat.

use std::fs;
use std::path::Path;

use mesh_tests::client::{Client, DIRECT, ERROR, JOIN, LEAVE, MESSAGE};
use mesh_tests::{Cluster, PATIENCE};
use rexpect::session::spawn_command;
use tempfile::TempDir;

#[test]
fn a_client_joins_by_a_free_name_chats_and_leaves_and_the_logs_say_so() {
    let logs = TempDir::new().unwrap();
    let mut mesh = Cluster::empty();
    let alice = mesh.launch("Alice").with("--gateway", 0).with("--log-dir", logs.path().display());
    mesh.start(alice).ready();
    let carol = mesh.through_first("Carol").with("--gateway", 0);
    mesh.start(carol).ready();

    let mut bob = Client::connect_to(mesh.peer("Alice").gateway());
    let (kind, commands) = bob.next_frame().expect("a first frame");
    assert!(kind == MESSAGE && commands.lines().count() >= 5, "the commands: {commands}");
    bob.send(MESSAGE, "too early");
    bob.hears(ERROR, "you are not in the chat: join first");
    for (name, why) in [("alice", None), ("", Some("at least one")), ("Bob Bobson", Some("white space"))] {
        assert!(!bob.ask_to_join(name), "{name:?}");
        let explained = why.map(|_| bob.next_frame().expect("an explanation"));
        assert_eq!(explained.is_some_and(|(_, text)| text.contains(why.unwrap())), why.is_some(), "{name:?}");
    }
    bob.send(JOIN, "Bob");
    assert_eq!(bob.next_frame(), Some((JOIN, "\0".into())), "accepted, before anything is announced");
    bob.hears(MESSAGE, "**Bob is joining the chat**");

    let mut dora = Client::join(mesh.peer("Carol"), "Dora");
    bob.hears(MESSAGE, "**Dora is joining the chat**");
    bob.send(MESSAGE, "Hi");
    dora.hears(MESSAGE, "[Bob] Hi");
    mesh.peer("Carol").hears("Hi");
    dora.send(DIRECT, "bob psst");
    bob.hears(DIRECT, "[Dora -> you] psst");
    assert_eq!(dora.list(), ["Alice", "Carol", "Bob", "Dora"]);
    bob.send(9, "");
    bob.hears(ERROR, "there is no frame of type 9");
    a_person_at_a_terminal_is_in_the_same_chat(&mesh, &mut bob);
    bob.send(LEAVE, "");
    dora.hears(MESSAGE, "**Bob is leaving the chat**");
    mesh.peer("Alice").wait("Bob left", |event| event.is("left") && event["name"] == "Bob");
    mesh.peer("Alice").tell(r#"{"do":"leave"}"#);
    assert_eq!(mesh.peer("Alice").process().exit_code(), 0);
    the_logs_say_so(logs.path());
}

fn a_person_at_a_terminal_is_in_the_same_chat(mesh: &Cluster, bob: &mut Client) {
    let limit = Some(PATIENCE.as_millis() as u64);
    let mut eve = spawn_command(mesh.through_first("Eve").command(), limit).expect("a terminal");
    eve.exp_string("Eve> ").expect("a prompt");
    bob.send(MESSAGE, "Hi Eve");
    eve.exp_string("[Bob] Hi Eve").expect("what Bob said");
    eve.send_line("Hi Bob").expect("typed");
    bob.hears(MESSAGE, "[Eve] Hi Bob");
    eve.send_line("@exit").expect("typed");
    eve.exp_eof().expect("the end");
    bob.hears(MESSAGE, "**Eve is leaving the chat**");
}

/// As Alice's peer keeps them: who came from where, and all that was said to everybody, as one would see it who is nobody's user.
fn the_logs_say_so(directory: &Path) {
    let chat = fs::read_to_string(directory.join("chat.log")).expect("a log");
    let said: Vec<_> = chat.lines().map(|line| line.split_once(' ').expect("a time and the rest").1).collect();
    for line in ["**Bob is joining the chat**", "[Bob] Hi", "[Eve] Hi Bob", "**Bob is leaving the chat**"] {
        assert_eq!(said.iter().filter(|said| **said == line).count(), 1, "{line}: {said:#?}");
    }
    assert!(!chat.contains("psst"), "what is said to one is nobody else's: {chat}");
    let connections = fs::read_to_string(directory.join("connections.log")).expect("a log");
    let of_clients: Vec<_> = connections.lines().filter(|line| line.contains(" gateway ")).collect();
    let outcomes = [
        "gateway alice rejected: a member has it already",
        "gateway - rejected: a name has at least one character",
        "gateway Bob_Bobson rejected: a name has no white space",
        "gateway Bob accepted",
        "gateway Bob closed: it left",
    ];
    assert_eq!(of_clients.len(), outcomes.len(), "{connections}");
    for (line, outcome) in of_clients.iter().zip(outcomes) {
        assert!(line.contains(" 127.0.0.1 ") && line.ends_with(outcome), "{line}");
    }
}
