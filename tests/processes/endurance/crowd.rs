//! A large mesh: 20 peers, or as many as `MESH_LARGE` says.

use std::env;
use std::time::{Duration, Instant};

use mesh_tests::Cluster;

/// That many processes of a debug build share two cores here; how quick they are is for the benchmarks.
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_large_mesh_is_full_and_survives_its_leader() {
    let _alone = super::alone();
    let count: usize = env::var("MESH_LARGE").map_or(20, |text| text.parse().expect("MESH_LARGE is a number"));
    let names: Vec<_> = (0..count).map(|n| format!("peer-{n}")).collect();

    let began = Instant::now();
    let mut mesh = Cluster::empty();
    mesh.join(&names[0]);
    for name in &names[1..] {
        let launch = mesh.through_first(name);
        mesh.start(launch);
    }
    for peer in mesh.peers() {
        peer.wait_within(LIMIT, "ready", |event| event.is("ready"));
    }
    assert_eq!(mesh.agree_within(LIMIT).name, names[0]);
    mesh.all_linked_within(LIMIT);
    eprintln!("{count} peers linked and agreed after {:?}", began.elapsed());

    let began = Instant::now();
    mesh.peer(&names[0]).kill();
    let seat = mesh.agree();
    eprintln!("leader killed, {} survivors agree after {:?}", count - 1, began.elapsed());
    let members = mesh.peer(&seat.name).members();
    assert_eq!(members[0]["name"], seat.name, "the oldest survivor leads");

    let began = Instant::now();
    mesh.say_to_all(&seat.name, "we are many");
    eprintln!("a line reached all after {:?}", began.elapsed());
    assert!(mesh.live().iter().all(|peer| peer.times_heard("we are many") == 1));
}
