//! `scripts/spawn_mesh.sh`, as a person runs it.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mesh_tests::script::{is_node, run, spawn_mesh, table};
use mesh_tests::{Process, ports};
use rustix::process::{Pid, Signal, kill_process};

#[test]
fn it_starts_a_mesh_and_a_signal_to_it_alone_ends_all() {
    for signal in [Signal::TERM, Signal::INT] {
        let base = ports::free_row(3);
        let mesh = spawn_mesh(&["3", "--base-port", &base.to_string()]);
        mesh.line("how to join", |line| line.contains("--leader"));
        let peers = table(&mesh);
        assert_eq!(peers.iter().map(|peer| &*peer.name).collect::<Vec<_>>(), ["alice", "bob", "carol"]);
        assert!(peers.iter().all(|peer| peer.port >= base) && peers.is_sorted_by_key(|peer| peer.port), "{peers:?}");
        assert!(peers.iter().all(|peer| peer.leader == "alice" && is_node(peer.pid)), "{peers:?}");
        let began = Instant::now();
        mesh.signal(signal);
        assert_eq!(mesh.exit_code(), 0);
        assert!(began.elapsed() < Duration::from_secs(3), "it took {:?}", began.elapsed());
        assert!(peers.iter().all(|peer| !is_node(peer.pid)), "some peer is left: {peers:?}");
        assert_eq!(mesh.stderr(), [""; 0]);
    }
}

#[test]
fn the_line_it_prints_lets_somebody_join() {
    let mesh = spawn_mesh(&["2", "--base-port", &ports::free_row(2).to_string()]);
    let join = mesh.line("how to join", |line| line.contains("--leader"));
    let words = join.split_whitespace().skip_while(|word| !word.ends_with("/node"));
    let words: Vec<_> = words.map(|word| if word == "YOU" { "zoe" } else { word }).collect();
    let zoe = Process::start("zoe", Command::new(words[0]).args(&words[1..]).arg("--json"), Arc::default(), |_| ());
    zoe.line("ready", |line| line.contains(r#""ready""#) && line.contains("alice") && line.contains("bob"));
}

#[test]
fn a_port_that_is_taken_is_passed_over() {
    let base = ports::free_row(3);
    let _taken = std::net::TcpListener::bind(("127.0.0.1", base)).unwrap();
    let mesh = spawn_mesh(&["2", "--base-port", &base.to_string()]);
    mesh.line("how to join", |line| line.contains("--leader"));
    let peers = table(&mesh);
    assert_eq!(peers.len(), 2, "{peers:?}");
    assert!(peers.iter().all(|peer| peer.port > base), "{peers:?}");
}

#[test]
fn a_peer_that_is_killed_is_told_of_and_the_rest_stays() {
    let mesh = spawn_mesh(&["3", "--base-port", &ports::free_row(3).to_string()]);
    mesh.line("how to join", |line| line.contains("--leader"));
    let peers = table(&mesh);
    kill_process(Pid::from_raw(peers[0].pid).unwrap(), Signal::KILL).unwrap();
    mesh.line("the loss", |line| line.contains("alice") && line.contains("lost"));
    mesh.line("the new leader", |line| line.contains("bob leads"));
    assert!(mesh.is_running() && is_node(peers[1].pid) && is_node(peers[2].pid));
    mesh.signal(Signal::TERM);
    mesh.exit_code();
    assert_eq!(mesh.stderr(), [""; 0]);
}

#[test]
fn it_kills_the_leader_again_and_again_if_asked() {
    let base = ports::free_row(3).to_string();
    let mesh = spawn_mesh(&["3", "--base-port", &base, "--kill-leader", "1"]);
    mesh.line("bob's turn", |line| line.contains("bob leads"));
    mesh.line("alice again", |line| line.contains("alice") && line.contains("replaced"));
    mesh.line("carol's turn", |line| line.contains("carol leads"));
    mesh.signal(Signal::TERM);
    assert_eq!(mesh.exit_code(), 0);
    assert_eq!(mesh.stderr(), [""; 0]);
}

#[test]
fn it_says_how_it_is_used() {
    let outcome = run(&["--help"]);
    let text = outcome.stdout.join("\n");
    assert_eq!(outcome.code, 0);
    assert!(["--base-port", "--kill-leader", "--group"].iter().all(|option| text.contains(option)), "{text}");
}

#[test]
fn wrong_arguments_end_it_with_2_and_one_line() {
    let wrong: [&[&str]; 9] = [
        &[],
        &["0"],
        &["many"],
        &["3", "4"],
        &["3", "--base-port"],
        &["3", "--base-port", "70000"],
        &["3", "--kill-leader", "0"],
        &["3", "--nonsense"],
        &["-3"],
    ];
    for arguments in wrong {
        let outcome = run(arguments);
        assert_eq!((outcome.code, outcome.stdout.len(), outcome.stderr.len()), (2, 0, 1), "{arguments:?}: {outcome:?}");
    }
}

#[test]
fn when_the_ports_run_out_it_says_so_and_leaves_nothing_behind() {
    let outcome = run(&["3", "--base-port", "65535"]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(outcome.stderr.iter().any(|line| line.contains("65535")), "{outcome:?}");
}
