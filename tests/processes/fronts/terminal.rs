//! The console in a real terminal.

use mesh_tests::{Cluster, Launch, PATIENCE};
use rexpect::session::{PtySession, spawn_command};

const PATIENCE_MS: Option<u64> = Some(PATIENCE.as_millis() as u64);

#[test]
fn the_prompt_is_the_name() {
    let mesh = Cluster::of(["Alice"]);
    let mut bob = terminal(&mesh.through_first("Bob"));
    bob.exp_string("**Alice is now the leader**").unwrap();
    bob.exp_string("Bob> ").unwrap();
    bob.send_line("Hi").unwrap();
    mesh.peer("Alice").hears("Hi");
    bob.send_line("@exit").unwrap();
    bob.exp_eof().unwrap();
}

#[test]
fn a_line_being_typed_is_not_torn() {
    let mesh = Cluster::of(["Alice"]);
    let mut bob = terminal(&mesh.through_first("Bob"));
    bob.exp_string("**Alice is now the leader**").unwrap();
    bob.exp_string("Bob> ").unwrap();
    bob.send("half a li").unwrap();
    bob.flush().unwrap();
    bob.exp_string("half a li").unwrap();
    mesh.peer("Alice").say("in between");
    bob.exp_string("[Alice] in between").unwrap();
    bob.exp_string("Bob> half a li").unwrap();
    bob.send_line("ne").unwrap();
    mesh.peer("Alice").hears("half a line");
}

#[test]
fn ctrl_c_and_ctrl_d_leave() {
    for key in ['c', 'd'] {
        let mesh = Cluster::of(["Alice"]);
        let mut bob = terminal(&mesh.through_first("Bob"));
        bob.exp_string("Bob> ").unwrap();
        bob.send_control(key).unwrap();
        bob.exp_eof().unwrap();
        let left = mesh.peer("Alice").wait("left", |event| event.is("left"));
        assert_eq!(left.text("reason"), "left", "Ctrl-{key}");
    }
}

#[test]
fn a_name_that_is_refused_is_asked_for_again() {
    let mesh = Cluster::of(["Alice"]);
    let mut bob = terminal(&mesh.through_first("alice"));
    bob.exp_string("name").unwrap();
    bob.send_line("not a name").unwrap();
    bob.exp_string("white space").unwrap();
    bob.send_line("Bob").unwrap();
    bob.exp_string("Bob> ").unwrap();
    mesh.peer("Alice").wait("joined", |event| event.is("joined") && event["name"] == "Bob");
}

#[test]
fn without_a_name_the_person_is_asked_for_one() {
    let mesh = Cluster::of(["Alice"]);
    let mut command = std::process::Command::new(mesh_tests::program::node());
    let launch = mesh.through_first("unused").command();
    let arguments: Vec<_> = launch.get_args().skip(2).map(ToOwned::to_owned).collect();
    command.args(arguments);
    let mut bob = spawn_command(command, PATIENCE_MS).unwrap();
    bob.exp_string("ame").unwrap();
    bob.send_line("Bob").unwrap();
    bob.exp_string("Bob> ").unwrap();
    mesh.peer("Alice").wait("joined", |event| event.is("joined") && event["name"] == "Bob");
}

fn terminal(launch: &Launch) -> PtySession {
    let mut command = launch.command();
    command.env("TERM", "xterm");
    spawn_command(command, PATIENCE_MS).expect("a terminal can be had")
}
