//! Streams that end, or that nobody reads.

use std::time::{Duration, Instant};

use mesh_tests::{Cluster, Process};
use rustix::process::Signal;
use serde_json::json;

#[test]
fn a_peer_whose_stdout_is_closed_leaves() {
    let mesh = Cluster::of(["alice"]);
    let bob = Process::start_unread("bob", &mut mesh.through_first("bob").json());
    // Input is acted on once it is ready.
    bob.write(b"{\"do\":\"say\",\"text\":\"ready\"}\n");
    mesh.peer("alice").hears("ready");
    bob.close_stdout();
    let left = mesh.peer("alice").wait("left", |event| event.is("left"));
    assert_eq!((left.text("name"), left.text("reason")), ("bob".to_owned(), "left".to_owned()));
    bob.exit_code();
}

#[test]
fn a_peer_whose_stdout_is_not_read_goes_on_until_16_mib_wait() {
    let mesh = Cluster::of(["alice"]);
    let bob = Process::start_unread("bob", &mut mesh.through_first("bob").json());
    mesh.peer("alice").wait("joined", |event| event.is("joined") && event["name"] == "bob");
    let long = "x".repeat(60_000);
    let say = |text: &str| bob.write(format!("{}\n", json!({"do": "say", "text": text})).as_bytes());
    for n in 0..100 {
        say(&format!("{n} {long}"));
    }
    say("I am fine");
    mesh.peer("alice").hears("I am fine");
    assert!(bob.is_running());
    for n in 0..250 {
        say(&format!("{n} {long}"));
    }
    assert_eq!(bob.exit_code(), 1);
    assert!(bob.stderr().iter().any(|line| line.contains("16")), "{:?}", bob.stderr());
}

#[test]
fn headless_takes_no_input_and_runs_until_a_signal() {
    let mut mesh = Cluster::of(["alice"]);
    let launch = mesh.through_first("bob").switch("--headless");
    let bob = mesh.start(launch);
    bob.ready();
    bob.tell(json!({"do": "leave"}));
    bob.process().close_stdin();
    mesh.say_to_all("alice", "still there?");
    mesh.peer("bob").process().signal(Signal::INT);
    assert_eq!(mesh.peer("bob").process().exit_code(), 0);
    let last = mesh.peer("bob").events().pop().unwrap();
    assert_eq!((last.text("event"), last.text("reason")), ("bye".to_owned(), "signal".to_owned()));
}

#[test]
fn headless_without_json_says_nothing_on_stdout() {
    let mesh = Cluster::of(["alice"]);
    let launch = mesh.through_first("bob").switch("--headless");
    let bob = Process::start("bob", &mut launch.command(), std::sync::Arc::default(), |_| ());
    mesh.peer("alice").wait("joined", |event| event.is("joined") && event["name"] == "bob");
    mesh.peer("alice").say("Hi");
    bob.signal(Signal::TERM);
    assert_eq!((bob.exit_code(), bob.stdout().len()), (0, 0), "{:?}", bob.stdout());
}

#[test]
fn a_signal_ends_a_peer_that_is_still_looking_for_a_group() {
    let mut mesh = Cluster::empty();
    let launch = mesh.launch("bob").leader(format!("127.0.0.1:{}", mesh_tests::ports::free()));
    let bob = mesh.start(launch.with("--join-timeout", 60));
    // It can be signalled only once it handles signals, and says nothing before it is ready: so it is asked until it goes.
    let began = Instant::now();
    while bob.process().is_running() && began.elapsed() < Duration::from_secs(5) {
        bob.process().signal(Signal::TERM);
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(began.elapsed() < Duration::from_secs(3), "it took {:?}", began.elapsed());
    assert!(bob.events().iter().all(|event| event.is("bye")), "nothing on stdout before `ready`");
}
