//! The card: a workspace of these crates, a script that starts a mesh, a program that joins it, and a group that survives any of
//! its nodes.

use std::fs;

use mesh_tests::script::{is_node, spawn_mesh, table};
use mesh_tests::{Cluster, Seed, ports, program};
use rand::seq::SliceRandom;
use rustix::process::{Pid, Signal, kill_process};

#[test]
fn the_script_starts_five_others_join_and_all_five_are_killed_in_any_order() {
    for part in ["transport", "election", "node", "tests", "scripts", "README.md", "Cargo.toml"] {
        assert!(fs::metadata(program::root().join(part)).is_ok(), "{part} is part of the workspace");
    }
    let base = ports::free_row(5).to_string();
    let mut mesh = Cluster::empty();
    let script = spawn_mesh(&["5", "--base-port", &base, "--group", mesh.group()]);
    script.line("how to join", |line| line.contains("--leader"));
    let mut five = table(&script);
    assert_eq!(five.iter().map(|row| &*row.name).collect::<Vec<_>>(), ["alice", "bob", "carol", "dave", "erin"]);
    assert!(five.iter().all(|row| row.leader == "alice" && is_node(row.pid)), "{five:?}");
    // Any member serves, leader or not.
    for (name, through) in [("yan", 0), ("zoe", 3)] {
        let launch = mesh.launch(name).leader(format!("localhost:{}", five[through].port));
        mesh.start(launch).ready();
    }
    let seed = Seed::from_env("CARD_SEED");
    println!("CARD_SEED={}", seed.number());
    let mut by_age: Vec<_> = five.iter().map(|row| row.name.clone()).chain(["yan".into()]).collect();
    five.shuffle(&mut seed.generator());
    for row in five {
        kill_process(Pid::from_raw(row.pid).expect("a process id"), Signal::KILL).expect("it can be killed");
        by_age.retain(|name| *name != row.name);
        mesh.all(&format!("{} leads without {}", by_age[0], row.name), |peer| {
            let view = peer.view();
            let leads = view.leader.is_some_and(|leader| leader.name == by_age[0]);
            leads && !view.members.values().any(|name| *name == row.name)
        });
        mesh.say_to_all("yan", &format!("without {}", row.name));
        mesh.say_to_all("zoe", &format!("without {}, I said", row.name));
    }
    let names: Vec<_> = mesh.peer("yan").members().iter().map(|member| member["name"].to_string()).collect();
    assert_eq!(names, [r#""yan""#, r#""zoe""#]);
}
