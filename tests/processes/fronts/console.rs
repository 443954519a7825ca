//! The console through pipes: exact lines, no prompt.

use std::sync::Arc;

use mesh_tests::{Bell, Cluster, Launch, Process};

#[test]
fn a_chat_reads_as_it_should() {
    let mut mesh = Cluster::empty();
    let alice = console(&mesh.launch("Alice").port(0));
    alice.line("who leads", |line| line == "**You are now the leader**");
    let port = port_of(&alice);
    let bob = mesh.launch("Bob").leader(format!("127.0.0.1:{port}"));
    mesh.start(bob).ready();
    alice.line("Bob joins", |line| line == "**Bob is joining the chat**");
    alice.write(b"Hi\n@@at the beginning\n@msg Bob psst\n");
    mesh.peer("Bob").hears("@at the beginning");
    let private = mesh.peer("Bob").wait("private", |event| event.is("private"));
    assert_eq!(private.text("text"), "psst");
    mesh.peer("Bob").say("Hello\u{1b}[2J\nAlice");
    mesh.peer("Bob").ask(serde_json::json!({"do": "msg", "to": "alice", "text": "secret"}));
    alice.line("the secret", |line| line == "[Bob -> you] secret");
    mesh.peer("Bob").kill();
    alice.line("Bob leaves", |line| line == "**Bob is leaving the chat**");
    alice.write(b"@exit\n");
    assert_eq!(alice.exit_code(), 0);
    let lines = alice.stdout();
    let of_bob: Vec<_> = lines.iter().filter(|line| line.contains("Bob")).collect();
    assert_eq!(of_bob.iter().filter(|line| line.contains("is leaving")).count(), 1, "{lines:#?}");
    assert!(lines.iter().all(|line| !line.contains('\u{1b}') && !line.contains("Alice> ")), "no prompt: {lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with("[Bob] Hello") && line.ends_with("Alice")), "{lines:#?}");
    assert!(!lines.iter().any(|line| line == "[Alice] Hi"), "one's own lines are not echoed: {lines:#?}");
}

#[test]
fn a_newcomer_sees_itself_join_and_who_leads() {
    let mesh = Cluster::of(["Alice"]);
    let carol = console(&mesh.through_first("Carol"));
    carol.line("who leads", |line| line == "**Alice is now the leader**");
    assert!(carol.stdout().iter().any(|line| line == "**Carol is joining the chat**"), "{:?}", carol.stdout());
    mesh.peer("Alice").say("Hi");
    carol.line("Hi", |line| line == "[Alice] Hi");
    mesh.peer("Alice").kill();
    carol.line("the new leader", |line| line == "**You are now the leader**");
    carol.close_stdin();
    assert_eq!(carol.exit_code(), 0);
}

#[test]
fn commands_answer_and_unknown_ones_name_the_nearest() {
    let mesh = Cluster::of(["Alice"]);
    let bob = console(&mesh.through_first("Bob"));
    bob.line("who leads", |line| line.contains("is now the leader"));
    bob.write(b"@members\n");
    bob.line("Alice in the list", |line| line.contains("Alice") && line.contains(&mesh.peer("Alice").address()));
    bob.write(b"@leader\n");
    bob.line("the leader", |line| line.contains("Alice") && line.contains("epoch"));
    bob.write(b"@help\n");
    bob.line("help", |line| line.contains("@members"));
    bob.write(b"@status\n");
    bob.write(b"@membres\n");
    bob.complaint("the nearest command", |line| line.contains("@membres") && line.contains("@members"));
    bob.write(b"@gateway\n@msg\n@msg zoe psst\n");
    bob.complaint("zoe is unknown", |line| line.contains("zoe"));
    bob.write(b"@exit\n");
    assert_eq!(bob.exit_code(), 0);
    assert_eq!(mesh.peer("Alice").count(|event| event.is("message")), 0, "nothing was sent");
}

#[test]
fn empty_lines_and_bytes_that_are_no_text_send_nothing_wrong() {
    let mesh = Cluster::of(["Alice"]);
    let bob = console(&mesh.through_first("Bob"));
    bob.line("who leads", |line| line.contains("is now the leader"));
    bob.write(b"\n\n\xff\xfe\xfd\nHi\n");
    mesh.peer("Alice").hears("Hi");
    assert!(mesh.peer("Alice").count(|event| event.is("message")) <= 2);
}

fn console(launch: &Launch) -> Process {
    Process::start(launch.name(), &mut launch.command(), Arc::new(Bell::default()), |_| ())
}

/// Where a console's peer listens: `@members` says it.
fn port_of(console: &Process) -> u16 {
    console.write(b"@members\n");
    let line = console.line("with its address", |line| line.contains("127.0.0.1:"));
    let after = line.split("127.0.0.1:").nth(1).expect("the line has an address");
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("the address has a port")
}
