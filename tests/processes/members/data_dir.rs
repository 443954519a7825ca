//! With `--data-dir` a member that is started again is the same one, and the history is still there.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use mesh_tests::{Cluster, Launch, Outcome, ports, unique_group};
use rustix::process::Signal;

use mesh_tests::places::{history, place_of, until_voters};

const NAMES: [&str; 3] = ["alice", "bob", "carol"];

#[test]
fn all_are_killed_at_once_and_come_back_with_all_that_was_confirmed() {
    let home = Home::new();
    let mut mesh = Cluster::empty();
    let ports: Vec<_> = NAMES.iter().map(|_| ports::free()).collect();
    let launch = |mesh: &Cluster, n: usize| {
        let mut launch = mesh.launch(NAMES[n]).port(ports[n]).with("--data-dir", home.of(NAMES[n]).display());
        for port in ports.iter().take(n) {
            launch = launch.leader(format!("127.0.0.1:{port}"));
        }
        launch
    };
    for n in 0..NAMES.len() {
        let launch = launch(&mesh, n);
        mesh.start(launch).ready();
    }
    mesh.agree();
    let ids: Vec<_> = NAMES.iter().map(|name| mesh.peer(name).id()).collect();
    let lines: Vec<_> = (0..30).map(|n| mesh.peer(NAMES[n % 3]).say(&format!("line {n}"))).collect();
    for peer in mesh.peers() {
        lines.iter().for_each(|id| _ = place_of(peer, id));
    }
    let read = history(mesh.peer("alice"));
    NAMES.iter().for_each(|name| assert!(mesh.peer(name).process().signal(Signal::KILL)));
    NAMES.iter().for_each(|name| _ = mesh.peer(name).process().exit_code());
    for n in 0..NAMES.len() {
        let launch = launch(&mesh, n);
        mesh.start(launch);
    }
    for (name, id) in NAMES.iter().zip(&ids) {
        assert_eq!(mesh.peer(name).id(), *id, "{name} is the same");
    }
    mesh.agree();
    let after = mesh.peer("carol").say("we are back");
    for name in NAMES {
        let peer = mesh.peer(name);
        assert!(place_of(peer, &after) > read.last().unwrap()["index"].as_u64().unwrap());
        assert_eq!(history(peer)[..read.len()], read, "at {name}");
        assert_eq!(peer.count(|event| event.is("unconfirmed")), 0);
        for id in &lines {
            assert!(peer.count(|event| event.is("message") && event["id"] == **id) <= 1, "at {name}");
        }
    }
}

#[test]
fn lines_that_were_not_confirmed_are_confirmed_after_a_restart() {
    let home = Home::new();
    let mut mesh = Cluster::empty();
    let launch = |mesh: &Cluster, name: &str| mesh.through_first(name).with("--data-dir", home.of(name).display());
    for name in NAMES {
        let launch = launch(&mesh, name);
        mesh.start(launch).ready();
    }
    mesh.agree();
    until_voters(&mesh, 3);
    let known = mesh.peer("alice").say("known");
    NAMES.iter().for_each(|name| _ = place_of(mesh.peer(name), &known));
    for name in ["bob", "carol"] {
        mesh.peer(name).kill();
    }
    mesh.peer("alice").wait("no quorum", |event| event.is("quorum") && event["held"] == false);
    let waits = mesh.peer("alice").say("does anybody hear me?");
    mesh.peer("alice").hears("does anybody hear me?");
    let again = launch(&mesh, "bob");
    mesh.start(again).ready();
    assert_eq!(place_of(mesh.peer("bob"), &waits), place_of(mesh.peer("alice"), &waits));
}

#[test]
fn a_directory_in_use_ends_with_6() {
    let home = Home::new();
    let launch = |group: &str| Launch::new("alice", group).with("--data-dir", home.of("alice").display());
    let mut mesh = Cluster::empty();
    let alice = mesh.launch("alice").with("--data-dir", home.of("alice").display());
    mesh.start(alice).ready();
    let outcome = launch(&unique_group()).run();
    refused(&outcome, &home.of("alice"));
    assert!(outcome.stderr[0].contains("in use"), "{outcome:?}");
}

#[test]
fn what_is_no_directory_or_cannot_be_written_ends_with_6() {
    let home = Home::new();
    let file = home.of("file");
    fs::write(&file, "x").unwrap();
    let nowhere = home.of("no").join("such").join("directory");
    let mut unusable = vec![file, nowhere, PathBuf::from("/proc/node-data")];
    // The superuser writes everywhere.
    let locked = home.of("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(locked.join("probe"), "x").is_err() {
        unusable.push(locked);
    }
    for path in unusable {
        let outcome = Launch::new("alice", &unique_group()).with("--data-dir", path.display()).run();
        refused(&outcome, &path);
    }
}

fn refused(outcome: &Outcome, path: &Path) {
    assert_eq!((outcome.code, outcome.stdout.len(), outcome.stderr.len()), (6, 0, 1), "{outcome:?}");
    assert!(outcome.stderr[0].contains(&*path.to_string_lossy()), "{outcome:?}");
}

/// A place for data directories, removed with all that is in it.
struct Home(PathBuf);

impl Home {
    fn new() -> Self {
        let path = std::env::temp_dir().join(unique_group());
        fs::create_dir(&path).expect("the scratch directory is writable");
        Self(path)
    }

    fn of(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // What a test leaves behind is no reason for another failure.
        let _ = fs::remove_dir_all(&self.0);
    }
}
