//! A quorum that is gone for good, and a person's word that it is.

use mesh_tests::{Cluster, Event};
use rustix::process::Signal;
use serde_json::{Value, json};

use mesh_tests::places::{place_of, until_voters};

#[test]
fn two_of_three_die_at_once_and_the_third_talks_on_and_takes_over() {
    for (dead, survivor) in [(["bob", "carol"], "alice"), (["alice", "bob"], "carol")] {
        let mut mesh = Cluster::of(["alice", "bob", "carol"]);
        until_voters(&mesh, 3);
        let before = mesh.peer("carol").say("before");
        let place = place_of(mesh.peer(survivor), &before);
        kill_at_once(&mesh, &dead);
        let left = mesh.peer(survivor);
        let lost =
            left.wait("no quorum", |event| event.is("quorum") && event["held"] == false && missing(event) == dead);
        assert_eq!(mesh.agree().name, survivor);
        let id = left.say("anybody?");
        left.hears("anybody?");
        let status = left.ask(json!({"do": "status"}));
        assert_eq!(
            (&status["quorum"], &status["unconfirmed"], &status["missing"]),
            (&json!(false), &json!(1), &lost["missing"])
        );
        for wrong in [json!([]), json!([dead[0]]), json!([dead[0], survivor]), json!([dead[0], dead[1], "dave"])] {
            let refused = left.ask(json!({"do": "takeover", "lost": wrong}));
            assert_eq!((refused.is("error"), &refused["code"]), (true, &json!("wrong_lost")), "{refused:?}");
            assert!(dead.iter().all(|name| refused.text("message").contains(name)), "{refused:?}");
        }
        assert_eq!(left.count(|event| event.is("confirmed") && event["id"] == *id), 0);
        let taken = left.ask(json!({"do": "takeover", "lost": [dead[1].to_uppercase(), dead[0]]}));
        assert!(taken.is("reply"), "{taken:?}");
        left.wait("a quorum", |event| event.is("quorum") && event["held"] == true);
        assert!(place_of(left, &id) > place);
        assert_eq!(left.count(|event| event.is("unconfirmed")), 0);
        mesh.join("dave");
        let new = mesh.peer("dave").say("two again");
        assert_eq!(place_of(mesh.peer("dave"), &new), place_of(mesh.peer(survivor), &new));
        assert_eq!(place_of(mesh.peer("dave"), &before), place);
    }
}

#[test]
fn nothing_is_taken_over_while_there_is_a_quorum() {
    let mesh = Cluster::of(["alice", "bob"]);
    for name in ["alice", "bob"] {
        let refused = mesh.peer(name).ask(json!({"do": "takeover", "lost": ["bob"]}));
        assert_eq!((refused.is("error"), &refused["code"]), (true, &json!("quorum_held")), "{refused:?}");
    }
}

#[test]
fn only_the_leader_takes_over_and_the_others_follow() {
    let mesh = Cluster::of(["alice", "bob", "carol", "dave", "erin"]);
    until_voters(&mesh, 5);
    kill_at_once(&mesh, &["alice", "bob", "carol"]);
    assert_eq!(mesh.agree().name, "dave");
    for peer in mesh.live() {
        peer.wait("no quorum", |event| event.is("quorum") && missing(event) == ["alice", "bob", "carol"]);
    }
    let waits = mesh.peer("erin").say("who decides?");
    let lost = json!({"do": "takeover", "lost": ["alice", "bob", "carol"]});
    let refused = mesh.peer("erin").ask(lost.clone());
    assert_eq!((refused.is("error"), &refused["code"]), (true, &json!("not_leader")), "{refused:?}");
    assert!(refused.text("message").contains("dave"), "{refused:?}");
    assert!(mesh.peer("dave").ask(lost).is("reply"));
    let place = place_of(mesh.peer("dave"), &waits);
    assert_eq!(place_of(mesh.peer("erin"), &waits), place);
}

fn kill_at_once(mesh: &Cluster, names: &[&str]) {
    // Stopped first: none of them sees another die.
    names.iter().for_each(|name| mesh.peer(name).stop());
    names.iter().for_each(|name| assert!(mesh.peer(name).process().signal(Signal::KILL)));
    names.iter().for_each(|name| _ = mesh.peer(name).process().exit_code());
}

fn missing(event: &Event) -> Vec<&str> {
    let mut missing: Vec<_> = event["missing"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    missing.sort_unstable();
    missing
}
