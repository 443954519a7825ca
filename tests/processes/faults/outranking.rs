//! Priorities: the higher leads.

use mesh_tests::{Cluster, Event};

#[test]
fn a_newcomer_with_a_higher_priority_takes_over_after_its_hold() {
    let mut mesh = Cluster::of(["alice", "bob"]);
    let carol = mesh.through_first("carol").with("--priority", 5);
    mesh.start(carol).ready();
    assert_eq!(mesh.agree().name, "alice", "at first it follows");
    for peer in mesh.live() {
        peer.wait("carol leads", leads("carol"));
    }
    assert_eq!(mesh.agree().name, "carol");
    for peer in mesh.live() {
        assert_eq!(peer.count(leads("carol")), 1, "at {}", peer.name());
    }
    let members = mesh.peer("bob").members();
    let carol = members.iter().find(|member| member["name"] == "carol").unwrap();
    assert_eq!((&carol["priority"], &carol["leader"]), (&5.into(), &true.into()));
}

#[test]
fn the_highest_priority_among_the_survivors_leads() {
    let mut mesh = Cluster::empty();
    for (name, priority) in [("alice", 9), ("bob", 1), ("carol", 3), ("dave", 2)] {
        let launch = mesh.through_first(name).with("--priority", priority);
        mesh.start(launch).ready();
    }
    assert_eq!(mesh.agree().name, "alice");
    mesh.all_linked();
    for successor in ["carol", "dave", "bob"] {
        let leader = mesh.agree().name;
        mesh.peer(&leader).kill();
        assert_eq!(mesh.agree().name, successor);
    }
}

#[test]
fn among_equals_nobody_takes_over() {
    let mut mesh = Cluster::of(["alice", "bob"]);
    mesh.peer("alice").kill();
    assert_eq!(mesh.agree().name, "bob");
    mesh.join("alice");
    mesh.join("carol");
    mesh.agree();
    // Longer than the hold, after which a higher rank would ask.
    std::thread::sleep(std::time::Duration::from_millis(2_500));
    assert_eq!(mesh.agree().name, "bob");
    assert_eq!(mesh.peer("carol").count(|event| event.is("leader")), 1);
}

#[test]
fn a_higher_rank_that_leaves_and_comes_back_leads_again() {
    let mut mesh = Cluster::of(["alice"]);
    for _ in 0..2 {
        let chief = mesh.through_first("chief").with("--priority", 7);
        mesh.start(chief).ready();
        for name in ["alice", "chief"] {
            mesh.peer(name).wait("chief leads", leads("chief"));
        }
        assert_eq!(mesh.agree().name, "chief");
        mesh.peer("chief").process().close_stdin();
        assert_eq!(mesh.peer("chief").process().exit_code(), 0);
        assert_eq!(mesh.agree().name, "alice");
    }
}

fn leads(name: &str) -> impl Fn(&Event) -> bool {
    move |event| event.is("leader") && event["name"] == name
}
