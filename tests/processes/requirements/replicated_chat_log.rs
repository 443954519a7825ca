//! The same lines in the same order everywhere, each once, whoever dies.

use mesh_tests::places::{eventually, history, place_of, until_voters};
use mesh_tests::{Cluster, Launch};
use serde_json::json;
use tempfile::TempDir;

#[test]
fn the_log_is_the_same_at_every_replica_when_its_primary_dies_before_all_have_started_and_again() {
    let disk = TempDir::new().unwrap();
    let keeps = |launch: Launch| {
        let directory = disk.path().join(launch.name());
        launch.with("--data-dir", directory.display())
    };
    let mut mesh = Cluster::empty();
    let alice = keeps(mesh.launch("alice"));
    mesh.start(alice).ready();
    for name in ["bob", "carol"] {
        let launch = keeps(mesh.through_first(name));
        mesh.start(launch).ready();
    }
    until_voters(&mesh, 3);
    let mut said = vec![("bob", mesh.peer("bob").say("before all have started"))];
    place_of(mesh.peer("bob"), &said[0].1);
    // The others know two, and the primary dies while they start.
    for name in ["dave", "emil"] {
        let launch = keeps(mesh.through_first(name)).leader(mesh.peer("bob").address());
        mesh.start(launch);
    }
    mesh.peer("alice").kill();
    assert_eq!(mesh.agree().name, "bob", "the view changes");
    until_voters(&mesh, 4);
    for (number, name) in ["bob", "carol", "dave", "emil", "carol"].into_iter().enumerate() {
        said.push((name, mesh.peer(name).say(&format!("line {number}"))));
    }
    lines_are_numbered_by_who_says_them(&said);
    are_confirmed(&mesh, &said);
    // A line on its way while the second primary dies is not lost, and not said twice.
    said.push(("emil", mesh.peer("emil").say("on its way")));
    mesh.peer("bob").kill();
    said.push(("dave", mesh.peer("dave").say("after the second")));
    assert_eq!(mesh.agree().name, "carol");
    are_confirmed(&mesh, &said);
    // Both come back with their disks, and have what was said without them.
    for name in ["alice", "bob"] {
        let again = mesh.peer(name).launch().clone().leader(mesh.peer("carol").address());
        mesh.start(again).ready();
    }
    mesh.agree();
    eventually("all have the same log", || {
        let logs: Vec<_> = mesh.live().into_iter().map(history).collect();
        logs.len() == 5 && logs.iter().all(|log| log.len() == said.len() && *log == logs[0])
    });
    for (_, id) in &said {
        let times = history(mesh.peer("emil")).iter().filter(|line| line["id"] == **id).count();
        assert_eq!(times, 1, "{id} is executed once");
    }
}

/// At the same places everywhere.
fn are_confirmed(mesh: &Cluster, said: &[(&str, String)]) {
    for (_, id) in said {
        let places: Vec<_> = mesh.live().into_iter().map(|peer| place_of(peer, id)).collect();
        assert!(places.iter().all(|place| *place == places[0]), "{id} is at {places:?}");
    }
}

/// Each sender counts its own: `<session>:<number>`.
fn lines_are_numbered_by_who_says_them(said: &[(&str, String)]) {
    let numbers = |of: &str| -> Vec<u64> {
        let ids = said
            .iter()
            .filter(|(name, _)| *name == of)
            .map(|(_, id)| id.split_once(':').expect("a session and a number").1);
        ids.map(|number| number.parse().expect("a number")).collect()
    };
    let carols = numbers("carol");
    assert!(carols.len() == 2 && carols.is_sorted() && carols[0] != carols[1], "{carols:?}");
    assert_ne!(json!(said[1].1), json!(said[2].1));
}
