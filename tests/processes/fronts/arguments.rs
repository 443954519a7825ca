//! Every failure is one line on stderr, nothing on stdout, and its own exit code.

use std::net::TcpListener;
use std::process::Command;
use std::thread;

use mesh_tests::{Cluster, Launch, Outcome, ports, program, unique_group};

#[test]
fn arguments_that_cannot_be_used_end_with_2() {
    let wrong = [
        vec!["--gateway", "70000"],
        vec!["--data-dir", ""],
        vec!["--log-dir", ""],
        vec!["--secret-file", "/dev/null"],
        vec!["--nonsense"],
        vec!["stray"],
        vec!["--port", "70000"],
        vec!["--port", "eight"],
        vec!["--priority", "65536"],
        vec!["--priority", "-1"],
        vec!["--leader", "nowhere"],
        vec!["--leader", "localhost:99999"],
        vec!["--leader", ""],
        vec!["--bind", "here"],
        vec!["--bind", "0.0.0.0"],
        vec!["--heartbeat", "0"],
        vec!["--heartbeat", "1000", "--timeout", "100"],
        vec!["--timeout", "soon"],
        vec!["--join-timeout", "never"],
        vec!["--group", ""],
    ];
    for arguments in wrong {
        let mut command = Launch::new("alice", &unique_group()).json();
        if arguments[0] == "--port" || arguments[0] == "--group" {
            command = Command::new(program::node());
            command.args(["--name", "alice", "--json"]);
        }
        refused(2, &format!("{arguments:?}"), &Outcome::of("node", command.args(&arguments)));
    }
}

#[test]
fn without_a_terminal_a_name_is_required() {
    let mut command = Command::new(program::node());
    refused(2, "no name", &Outcome::of("node", command.args(["--port", "0"])));
}

#[test]
fn what_is_no_name_ends_with_3() {
    for name in ["", "a b", "@alice", "a\u{7}", "tab\there", &*"x".repeat(33)] {
        refused(3, name, &Launch::new(name, &unique_group()).run());
    }
}

#[test]
fn a_name_in_use_ends_with_3_whatever_its_case() {
    let mesh = Cluster::of(["alice", "Bob"]);
    for name in ["alice", "ALICE", "bOB"] {
        refused(3, name, &mesh.through_first(name).run());
    }
    assert_eq!(mesh.agree().name, "alice");
    assert_eq!(mesh.peer("alice").count(|event| event.is("joined")), 2);
}

#[test]
fn who_cannot_join_ends_with_4() {
    let mesh = Cluster::of(["alice"]);
    let nobody = format!("127.0.0.1:{}", ports::free());
    let other_group = Launch::new("bob", &unique_group()).leader(mesh.peer("alice").address());
    let no_name = Launch::new("bob", &unique_group()).leader("no.such.host.invalid:8000");
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = mesh.launch("bob").leader(silent.local_addr().unwrap().to_string());
    let cases =
        [("nobody there", mesh.launch("bob").leader(nobody)), ("a host without address", no_name), ("silence", silent)];
    thread::scope(|scope| {
        for (what, launch) in cases {
            scope.spawn(move || refused(4, what, &launch.with("--join-timeout", 2).run()));
        }
        scope.spawn(|| refused(4, "another group", &other_group.run()));
    });
}

#[test]
fn the_line_for_another_group_names_the_trouble() {
    let mesh = Cluster::of(["alice"]);
    let address = mesh.peer("alice").address();
    let outcome = Launch::new("bob", &unique_group()).leader(&*address).run();
    let line = outcome.stderr.join("\n");
    assert!(line.contains("group") && line.contains(&address), "{line}");
}

#[test]
fn a_port_that_is_taken_ends_with_5() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let outcome = Launch::new("alice", &unique_group()).port(port).run();
    refused(5, "taken", &outcome);
    assert!(outcome.stderr[0].contains(&port.to_string()), "{outcome:?}");
}

#[test]
fn an_address_that_is_not_ours_ends_with_5() {
    let launch = Launch::new("alice", &unique_group()).with("--bind", "192.0.2.1").switch("--insecure");
    refused(5, "foreign address", &launch.run());
}

#[test]
fn every_address_can_be_listened_on_if_that_is_meant() {
    let mut mesh = Cluster::empty();
    let port = ports::free();
    let alice = mesh.launch("alice").port(port).with("--bind", "0.0.0.0").switch("--insecure");
    mesh.start(alice.with("--advertise", format!("127.0.0.1:{port}"))).ready();
    mesh.join("bob");
    assert_eq!(mesh.agree().name, "alice");
}

#[test]
fn help_and_version_are_printed() {
    for (switch, words) in [("--help", ["--leader", "--join-timeout"]), ("--version", ["node", "0."])] {
        let outcome = Outcome::of("node", Command::new(program::node()).arg(switch));
        let text = outcome.stdout.join("\n");
        assert_eq!(outcome.code, 0);
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    }
}

fn refused(code: i32, what: &str, outcome: &Outcome) {
    assert_eq!((outcome.code, outcome.stdout.len(), outcome.stderr.len()), (code, 0, 1), "{what}: {outcome:?}");
    assert!(outcome.stderr[0].len() > 10, "{what}: {outcome:?}");
}
