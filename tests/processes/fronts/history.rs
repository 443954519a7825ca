//! What a person reads of the history, through pipes and in a terminal.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use mesh_tests::{Bell, Cluster, Launch, PATIENCE, Process};
use rexpect::session::spawn_command;
use rustix::process::Signal;
use serde_json::json;

#[test]
fn a_newcomer_reads_what_was_said_before_between_two_heads() {
    let mesh = Cluster::of(["Alice"]);
    for text in ["one", "two\u{1b}[2J"] {
        confirmed(&mesh, "Alice", text);
    }
    let bob = console(&mesh.through_first("Bob"));
    bob.line("the end of what was said before", |line| line == "**now:**");
    mesh.peer("Alice").say("three");
    bob.line("three", |line| line == "[Alice] three");
    let lines = bob.stdout();
    let read: Vec<_> = lines.iter().skip_while(|line| *line != "**earlier:**").map(String::as_str).collect();
    assert_eq!(read, ["**earlier:**", "[Alice] one", "[Alice] two\\u{1b}[2J", "**now:**", "[Alice] three"]);
}

#[test]
fn the_last_lines_and_those_with_a_word_are_shown_with_their_places() {
    let mesh = Cluster::of(["Alice"]);
    let place = confirmed(&mesh, "Alice", "The deploy failed");
    confirmed(&mesh, "Alice", "never mind");
    let bob = console(&mesh.through_first("Bob"));
    bob.line("who leads", |line| line.contains("is now the leader"));
    bob.write(b"@history 2\n@search DEPLOY\n@search nonsense\n@history x\n");
    bob.line("none", |line| line == "no confirmed line has all these words");
    let is_it =
        |line: &&String| line.starts_with(&format!("#{place}  20")) && line.ends_with("Z  [Alice] The deploy failed");
    // A search is answered when it is done, whatever was asked after it.
    let began = Instant::now();
    while bob.stdout().iter().filter(is_it).count() < 2 {
        assert!(began.elapsed() < PATIENCE, "{:#?}", bob.stdout());
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(bob.stdout().iter().filter(is_it).count(), 2, "{:#?}", bob.stdout());
    assert_eq!(bob.stdout().iter().filter(|line| line.ends_with("Z  [Alice] never mind")).count(), 1);
    bob.complaint("how it is typed", |line| line.contains("@history [N]"));
}

#[test]
fn without_a_quorum_it_is_said_and_a_person_takes_over_in_two_steps() {
    let mut mesh = Cluster::empty();
    let alice = console(&mesh.launch("Alice"));
    alice.write(b"@members\n");
    let address = alice.line("with its address", |line| line.contains("127.0.0.1:"));
    let address = address.split_whitespace().find(|word| word.starts_with("127.0.0.1:")).unwrap().to_owned();
    for name in ["Bob", "Carol"] {
        let launch = mesh.launch(name).leader(&*address);
        mesh.start(launch).ready();
    }
    until_three_vote(&mesh);
    alice.write(b"@takeover\nbefore\n");
    alice.complaint("nothing to take over", |line| line.contains("nothing to take over"));
    mesh.peer("Bob").hears("before");
    for name in ["Bob", "Carol"] {
        mesh.peer(name).stop();
        mesh.peer(name).process().signal(Signal::KILL);
    }
    alice.write(b"is anybody there?\n@takeover yes\n");
    alice.line("no quorum", |line| {
        line == "**no quorum: lines are shown but not confirmed (Bob, Carol cannot be reached)**"
            || line == "**no quorum: lines are shown but not confirmed (Carol, Bob cannot be reached)**"
    });
    alice.line("a line waits", |line| line == "**not confirmed yet: 1 line**");
    alice.complaint("not asked yet", |line| line.contains("type @takeover alone first"));
    alice.write(b"@history 1\n@status\n@takeover\n\n@takeover yes\n@takeover\n@takeover YES\n");
    alice.line("it waits", |line| line.starts_with('·') && line.ends_with("[Alice] is anybody there?"));
    alice.line("who is missing", |line| line.starts_with("quorum     no: ") && line.contains("Carol"));
    alice.line("what may be lost", |line| line.contains("lost"));
    alice.line("taken over", |line| line.starts_with("going on without"));
    alice.line("the quorum is back", |line| line == "**quorum again: lines are confirmed**");
    alice.line("it is confirmed", |line| line.starts_with("**confirmed up to #"));
    let refused = alice.stderr().iter().filter(|line| line.contains("type @takeover alone first")).count();
    assert_eq!(refused, 2, "Enter alone leaves it: {:#?}", alice.stderr());
    alice.write(b"@exit\n");
    assert_eq!(alice.exit_code(), 0);
    let of_ticks: Vec<_> = alice.stdout().into_iter().filter(|line| line.contains("confirmed up to #")).collect();
    assert_eq!(of_ticks.len(), 1 + usize::from(of_ticks[0].starts_with("confirmed")), "{of_ticks:#?}");
}

#[test]
fn in_a_terminal_a_notice_does_not_tear_the_line_being_typed() {
    let mesh = Cluster::of(["Alice", "Carol"]);
    let mut command = mesh.through_first("Bob").command();
    command.env("TERM", "xterm");
    let mut bob = spawn_command(command, Some(PATIENCE.as_millis() as u64)).expect("a terminal can be had");
    bob.exp_string("Bob> ").unwrap();
    mesh.peer("Alice").wait("joined", |event| event.is("joined") && event["name"] == "Bob");
    until_three_vote(&mesh);
    bob.send("half a li").unwrap();
    bob.flush().unwrap();
    bob.exp_string("half a li").unwrap();
    for name in ["Alice", "Carol"] {
        mesh.peer(name).stop();
        mesh.peer(name).process().signal(Signal::KILL);
    }
    bob.exp_string("**no quorum: lines are shown but not confirmed (").unwrap();
    bob.exp_string("Bob> half a li").unwrap();
    bob.send_line("ne").unwrap();
    bob.exp_string("**not confirmed yet: 1 line**").unwrap();
    bob.send_line("@takeover").unwrap();
    bob.exp_string("Take over only if you know").unwrap();
    bob.send_line("@takeover yes").unwrap();
    bob.exp_string("**confirmed up to #").unwrap();
    bob.send_line("@exit").unwrap();
    bob.exp_eof().unwrap();
}

fn console(launch: &Launch) -> Process {
    Process::start(launch.name(), &mut launch.command(), Arc::new(Bell::default()), |_| ())
}

/// Says a line and waits until it has its place.
fn confirmed(mesh: &Cluster, name: &str, text: &str) -> u64 {
    let id = mesh.peer(name).say(text);
    let confirmed = mesh.peer(name).wait("confirmed", |event| event.is("confirmed") && event["id"] == *id);
    confirmed["index"].as_u64().expect("an index is a number")
}

/// Waits until three vote: where nobody has said anything, each place of the history is one voter more.
fn until_three_vote(mesh: &Cluster) {
    let began = Instant::now();
    while mesh.live()[0].ask(json!({"do": "status"}))["confirmed"].as_u64() < Some(3) {
        assert!(began.elapsed() < PATIENCE, "they are no three voters");
        thread::sleep(Duration::from_millis(50));
    }
}
