//! What `--log-dir` leaves behind.

use std::fs;
use std::path::Path;

use mesh_tests::{Cluster, Launch, unique_group};
use serde_json::json;
use tempfile::TempDir;

/// The lines of a log without their times, each of which must be one.
fn lines(directory: &Path, name: &str) -> Vec<String> {
    let text = fs::read_to_string(directory.join(name)).expect("a log that can be read");
    let without_time = |line: &str| {
        let (time, rest) = line.split_once(' ').expect("a time and the rest");
        assert!(time.len() == 24 && time.ends_with('Z') && time.starts_with("20"), "{line}");
        rest.to_owned()
    };
    text.lines().map(without_time).collect()
}

/// What is written is on the disk when the program has ended.
fn leave(mesh: &Cluster) {
    mesh.peer("Alice").tell(json!({"do": "leave"}));
    assert_eq!(mesh.peer("Alice").process().exit_code(), 0);
}

#[test]
fn the_chat_log_is_what_one_sees_who_is_none_of_the_members() {
    let directory = TempDir::new().unwrap();
    let logs = directory.path().join("logs");
    let mut mesh = Cluster::empty();
    mesh.start(mesh.launch("Alice").with("--log-dir", logs.display()));
    for name in ["Bob", "Carol"] {
        mesh.join(name);
    }
    mesh.say_to_all("Bob", "Hi\u{7}");
    mesh.peer("Bob").ask(json!({"do": "msg", "to": "Alice", "text": "psst"}));
    mesh.peer("Bob").kill();
    mesh.peer("Alice").wait("Bob is gone", |event| event.is("left"));
    leave(&mesh);
    assert_eq!(
        lines(&logs, "chat.log"),
        [
            "**Alice is joining the chat**",
            "**Alice is now the leader**",
            "**Bob is joining the chat**",
            "**Carol is joining the chat**",
            "[Bob] Hi\\u{7}",
            "**Bob is leaving the chat**",
            "**Carol is now the leader**",
            "**Alice is leaving the chat**",
        ]
    );
}

#[test]
fn the_connections_log_says_who_came_from_where_and_what_became_of_it() {
    let directory = TempDir::new().unwrap();
    let mut mesh = Cluster::empty();
    mesh.start(mesh.launch("Alice").with("--log-dir", directory.path().display()));
    mesh.join("Bob");
    let stranger = Launch::new("Eve", &unique_group()).leader(mesh.peer("Alice").address()).run();
    assert_eq!(stranger.code, 4);
    let namesake = mesh.launch("Bob").leader(mesh.peer("Alice").address()).run();
    assert_eq!(namesake.code, 3);
    mesh.peer("Bob").kill();
    mesh.peer("Alice").wait("Bob is gone", |event| event.is("left"));
    leave(&mesh);
    let lines = lines(directory.path(), "connections.log");
    let told: Vec<_> = lines.iter().map(|line| line.splitn(5, ' ').collect::<Vec<_>>()).collect();
    for line in &told {
        assert!(line[0] == "127.0.0.1" && line[1].parse::<u16>().is_ok() && line[2] == "peer", "{line:?}");
    }
    let of = |name: &str| -> Vec<&str> { told.iter().filter(|line| line[3] == name).map(|line| line[4]).collect() };
    let bobs = of("Bob");
    let count = |outcome: &str| bobs.iter().filter(|told| told.split(':').next() == Some(outcome)).count();
    assert_eq!((count("accepted"), count("closed")), (2, 2), "{lines:#?}");
    assert!(bobs.contains(&"rejected: a member has it already"), "{lines:#?}");
    assert!(!of("Eve").is_empty() && of("Eve").iter().all(|line| line.starts_with("rejected: ")), "{lines:#?}");
}

#[test]
fn logs_go_on_in_the_same_file_when_the_program_starts_again() {
    let directory = TempDir::new().unwrap();
    for run in 1..=2 {
        let mut mesh = Cluster::empty();
        mesh.start(mesh.launch("Alice").with("--log-dir", directory.path().display()));
        leave(&mesh);
        assert_eq!(lines(directory.path(), "chat.log").len(), 3 * run);
    }
}

#[test]
fn a_directory_that_takes_no_logs_ends_with_2() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let outcome = Launch::new("Alice", &unique_group()).with("--log-dir", file.display()).run();
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr[0].contains(&*file.to_string_lossy()), "{:?}", outcome.stderr);
}
