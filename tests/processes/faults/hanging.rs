//! Members stopped with SIGSTOP: their connections stay, and they say nothing.

use std::thread;
use std::time::{Duration, Instant};

use mesh_tests::{Cluster, PATIENCE};

/// The default `--timeout`, the 300 ms after it in which a hung leader is replaced, and what a busy machine adds.
const REPLACED: Duration = Duration::from_millis(1_000 + 300 + 1_000);

#[test]
fn a_hung_leader_is_replaced_then_follows_and_shows_once_what_it_missed() {
    let mesh = Cluster::of(["alice", "bob", "carol", "dave", "erin"]);
    mesh.say_to_all("alice", "before");
    let began = Instant::now();
    mesh.peer("alice").stop();
    for name in ["bob", "carol", "dave", "erin"] {
        mesh.peer(name).wait("bob leads", |event| event.is("leader") && event["name"] == "bob");
    }
    let took = began.elapsed();
    eprintln!("a stopped leader was replaced after {took:?}");
    assert!(took < REPLACED, "it took {took:?}");
    for n in 0..50 {
        mesh.peer("carol").say(&format!("meanwhile {n}"));
    }
    mesh.peer("erin").hears("meanwhile 49");
    // After twice the timeout it must find out by itself that it was away.
    thread::sleep(Duration::from_secs(2).saturating_sub(began.elapsed()));
    let alice = mesh.peer("alice");
    let before = alice.events().len();
    alice.resume();
    alice.wait_after(before, PATIENCE, "bob leads", |event| event.is("leader") && event["name"] == "bob");
    alice.hears("meanwhile 49");
    mesh.agree();
    mesh.say_to_all("alice", "after");
    let texts: Vec<_> =
        alice.events().iter().filter(|event| event.is("message")).map(|event| event.text("text")).collect();
    let meanwhile = (0..50).map(|n| format!("meanwhile {n}"));
    let expected: Vec<_> = ["before".to_owned()].into_iter().chain(meanwhile).chain(["after".to_owned()]).collect();
    assert_eq!(texts, expected);
}

#[test]
fn a_leader_that_hung_for_a_moment_leads_again_after_its_hold() {
    let mesh = Cluster::of(["alice", "bob", "carol"]);
    mesh.peer("alice").stop();
    mesh.peer("bob").wait("bob leads", |event| event.is("leader") && event["name"] == "bob");
    mesh.peer("alice").resume();
    let again = |event: &mesh_tests::Event| event.is("leader") && event["name"] == "alice";
    let before = mesh.peer("carol").count(again);
    let limit = PATIENCE;
    let wanted = mesh.peer("carol").events().len();
    if before < 2 {
        mesh.peer("carol").wait_after(wanted, limit, "alice leads again", again);
    }
    assert_eq!(mesh.agree().name, "alice", "the oldest member ranks highest");
}

#[test]
fn a_hung_member_is_told_of_as_failed_and_comes_back() {
    let mesh = Cluster::of(["alice", "bob", "carol"]);
    mesh.peer("carol").stop();
    for name in ["alice", "bob"] {
        let left = mesh.peer(name).wait("left", |event| event.is("left"));
        assert_eq!((left.text("name"), left.text("reason")), ("carol".to_owned(), "failed".to_owned()));
    }
    let names: Vec<_> = mesh.peer("bob").members().iter().map(|member| member["name"].clone()).collect();
    assert_eq!(names, ["alice", "bob"]);
    mesh.peer("alice").say("where is carol?");
    mesh.peer("carol").resume();
    mesh.peer("carol").hears("where is carol?");
    assert_eq!(mesh.agree().name, "alice");
    mesh.say_to_all("carol", "here");
}

#[test]
fn a_member_away_for_so_long_that_it_was_dropped_is_a_member_again() {
    let mesh = Cluster::of(["alice", "bob", "carol"]);
    mesh.peer("alice").stop();
    mesh.peer("bob").wait("alice left", |event| event.is("left") && event["name"] == "alice");
    // Five seconds of silence cost the seniority: there is no event for it.
    thread::sleep(Duration::from_millis(6_500));
    mesh.peer("carol").say("it took you long");
    mesh.peer("alice").resume();
    assert_eq!(mesh.agree().name, "bob", "it lost its seniority");
    assert_eq!(mesh.peer("alice").hears("it took you long").text("from"), "carol");
    mesh.all_linked();
    mesh.say_to_all("alice", "sorry");
}

#[test]
fn a_slow_reader_does_not_hold_up_the_others() {
    let mesh = Cluster::of(["alice", "bob", "carol"]);
    mesh.peer("carol").stop();
    let long = "x".repeat(50_000);
    let began = Instant::now();
    for n in 0..200 {
        mesh.peer("alice").tell(serde_json::json!({"do": "say", "text": format!("{n} {long}")}));
    }
    mesh.peer("bob").hears(&format!("199 {long}"));
    eprintln!("10 MB reached bob after {:?}, beside carol who hangs", began.elapsed());
    mesh.peer("carol").resume();
    mesh.agree();
    mesh.say_to_all("carol", "back");
}
