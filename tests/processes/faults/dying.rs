//! Members killed with SIGKILL.

use std::time::Instant;

use mesh_tests::{Cluster, Peer};

#[test]
fn kill_the_leader_again_and_again_down_to_the_last_survivor() {
    let names = ["alice", "bob", "carol", "dave", "erin"];
    let mut mesh = Cluster::of(names);
    for pair in names.windows(2) {
        let epoch = mesh.agree().epoch;
        let began = Instant::now();
        mesh.peer(pair[0]).kill();
        let seat = mesh.agree();
        eprintln!("{} killed, {} agree on {} after {:?}", pair[0], mesh.live().len(), seat.name, began.elapsed());
        assert_eq!(seat.name, pair[1], "the oldest survivor leads");
        assert!(seat.epoch > epoch);
        mesh.say_to_all(pair[1], &format!("{} is dead", pair[0]));
    }
    let zoe = mesh.join("zoe");
    zoe.say("anybody?");
    assert_eq!(mesh.agree().name, "erin");
    mesh.peer("erin").hears("anybody?");
}

#[test]
fn a_death_is_told_once_with_its_reason_and_so_is_the_succession() {
    let mesh = Cluster::of(["alice", "bob", "carol"]);
    mesh.peer("alice").kill();
    assert_eq!(mesh.agree().name, "bob");
    mesh.say_to_all("carol", "done");
    for name in ["bob", "carol"] {
        let events = mesh.peer(name).events();
        let left: Vec<_> = events.iter().filter(|event| event.is("left")).collect();
        assert_eq!(left.len(), 1, "at {name}");
        assert_eq!((left[0].text("name"), left[0].text("reason")), ("alice".to_owned(), "failed".to_owned()));
        let leaders = events.iter().filter(|event| event.is("leader") && event["id"].is_string());
        let names: Vec<_> = leaders.map(|event| event.text("name")).collect();
        assert_eq!(names, ["alice", "bob"], "at {name}");
    }
}

#[test]
fn two_that_die_at_once_are_both_noticed() {
    let mesh = Cluster::of(["alice", "bob", "carol", "dave", "erin"]);
    mesh.peer("alice").kill();
    mesh.peer("bob").kill();
    assert_eq!(mesh.agree().name, "carol");
    mesh.say_to_all("erin", "we are three");
}

#[test]
fn a_member_that_dies_is_gone_from_the_leaders_list() {
    let mesh = Cluster::of(["alice", "bob", "carol"]);
    mesh.peer("bob").kill();
    mesh.agree();
    let names: Vec<_> = mesh.peer("carol").members().iter().map(|member| member["name"].clone()).collect();
    assert_eq!(names, ["alice", "carol"]);
}

#[test]
fn restarted_under_the_same_name_and_port_it_is_a_newcomer() {
    let mut mesh = Cluster::of(["alice", "bob", "carol"]);
    let (port, id) = (mesh.peer("alice").port(), mesh.peer("alice").id());
    mesh.peer("alice").kill();
    assert_eq!(mesh.agree().name, "bob");
    let again = mesh.through_first("alice").port(port);
    mesh.start(again).ready();
    assert_ne!(mesh.peer("alice").id(), id);
    assert_eq!(mesh.agree().name, "bob", "whoever comes last ranks last");
    mesh.all_linked();
    mesh.say_to_all("alice", "back again");
}

#[test]
fn a_restart_before_anybody_noticed_the_death_is_sorted_out() {
    let mut mesh = Cluster::of(["alice", "bob", "carol"]);
    // Whoever hangs does not notice; it goes on when the dead one is back already.
    let (port, carol) = (mesh.peer("bob").port(), mesh.peer("carol"));
    carol.stop();
    mesh.peer("bob").kill();
    mesh.peer("alice").wait("left", |event| event.is("left") && event["name"] == "bob");
    let again = mesh.through_first("bob").port(port);
    mesh.start(again).ready();
    mesh.peer("carol").resume();
    mesh.agree();
    mesh.all_linked();
    mesh.say_to_all("bob", "all is well");
}

#[test]
fn a_leader_that_dies_while_others_join_does_not_lose_them() {
    let mut mesh = Cluster::of(["alice", "bob"]);
    let through_bob = |mesh: &Cluster, name: &str| mesh.launch(name).leader(mesh.peer("bob").address());
    for name in ["carol", "dave", "erin"] {
        let launch = through_bob(&mesh, name);
        mesh.start(launch);
    }
    mesh.peer("alice").kill();
    for name in ["carol", "dave", "erin"] {
        mesh.peer(name).ready();
    }
    assert_eq!(mesh.agree().name, "bob");
    mesh.all("alice is nobody's member", |peer: &Peer| !peer.view().members.values().any(|name| name == "alice"));
}
