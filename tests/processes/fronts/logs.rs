//! What `--log-dir` leaves behind.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use mesh_tests::client::{Client, ERROR, JOIN, frame};
use mesh_tests::{Cluster, Launch, PATIENCE, unique_group};
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

#[test]
fn the_links_lead_to_their_files_wherever_the_directory_is() {
    // As most people type it: below where one is.
    let directory = TempDir::new_in(".").unwrap();
    let relative = Path::new(directory.path().file_name().unwrap());
    let mut mesh = Cluster::empty();
    mesh.start(mesh.launch("Alice").with("--log-dir", relative.display()));
    leave(&mesh);
    let elsewhere = TempDir::new().unwrap();
    for name in ["chat", "connections"] {
        let target = fs::read_link(directory.path().join(format!("{name}.log"))).unwrap();
        assert!(target.components().count() == 1 && target.to_string_lossy().starts_with(name), "{target:?}");
        std::os::unix::fs::symlink(&target, elsewhere.path().join(format!("{name}.log"))).unwrap();
        fs::copy(directory.path().join(&target), elsewhere.path().join(&target)).unwrap();
    }
    assert_eq!(lines(directory.path(), "chat.log").len(), 3);
    assert_eq!(lines(elsewhere.path(), "chat.log").len(), 3);
}

#[test]
fn a_file_in_the_place_of_a_link_is_left_alone_and_ends_with_2() {
    let directory = TempDir::new().unwrap();
    let mine = directory.path().join("chat.log");
    fs::write(&mine, "mine").unwrap();
    let outcome = Launch::new("Alice", &unique_group()).with("--log-dir", directory.path().display()).run();
    assert_eq!((outcome.code, fs::read_to_string(&mine).unwrap()), (2, "mine".into()));
    assert!(outcome.stderr[0].contains("chat.log is there already"), "{:?}", outcome.stderr);
}

#[test]
fn two_members_do_not_keep_their_logs_in_one_directory() {
    let directory = TempDir::new().unwrap();
    let mut mesh = Cluster::empty();
    mesh.start(mesh.launch("Alice").with("--log-dir", directory.path().display())).ready();
    let outcome = Launch::new("Bob", &unique_group()).with("--log-dir", directory.path().display()).run();
    assert_eq!(outcome.code, 2);
    assert!(
        outcome.stderr[0].contains("another process (") && outcome.stderr[0].contains("--log-dir"),
        "{:?}",
        outcome.stderr
    );
    leave(&mesh);
    assert_eq!(lines(directory.path(), "chat.log").len(), 3);
}

#[test]
fn a_log_that_is_removed_begins_anew_and_says_so() {
    let directory = TempDir::new().unwrap();
    let logs = directory.path().join("logs");
    let mut mesh = Cluster::empty();
    mesh.start(mesh.launch("Alice").with("--log-dir", logs.display()));
    mesh.peer("Alice").wait("its arrival is written", |_| lines(&logs, "chat.log").len() == 2);
    fs::remove_dir_all(&logs).unwrap();
    mesh.peer("Alice").say("still here");
    leave(&mesh);
    assert_eq!(lines(&logs, "chat.log"), ["[Alice] still here", "**Alice is leaving the chat**"]);
    let stderr = mesh.peer("Alice").process().stderr();
    assert!(stderr.iter().any(|line| line.contains("chat.log was removed")), "{stderr:?}");
}

#[test]
fn a_stranger_with_an_endless_name_fills_no_disk() {
    let directory = TempDir::new().unwrap();
    let mut mesh = Cluster::empty();
    mesh.start(mesh.launch("Alice").with("--log-dir", directory.path().display()).with("--gateway", 0));
    let mut stranger = Client::connect_to(mesh.peer("Alice").gateway());
    stranger.send_bytes(&frame(JOIN, &[1; 65_535]));
    stranger.answer_within(PATIENCE, ERROR).expect("that it is no name");
    leave(&mesh);
    let lines = lines(directory.path(), "connections.log");
    assert!(lines[0].contains("\\u{1}") && lines[0].contains("… rejected: a name has at most"), "{lines:?}");
    assert!(lines[0].len() < 500, "{} bytes", lines[0].len());
}

/// The name of a day's file, of this day and the next: midnight may come.
fn days_of(directory: &Path, name: &str) -> Vec<PathBuf> {
    let now = SystemTime::now();
    let of = |time: SystemTime| {
        let time = node::Timestamp::from(time).to_string();
        directory.join(format!("{name}.{}.log", &time[..10]))
    };
    vec![of(now), of(now + Duration::from_secs(24 * 60 * 60))]
}

#[test]
fn a_disk_that_hangs_takes_neither_memory_nor_anybodys_time() {
    let directory = TempDir::new().unwrap();
    // A pipe that somebody holds open and nobody reads.
    let held = days_of(directory.path(), "chat").into_iter().map(|path| {
        assert!(Command::new("mkfifo").arg(&path).status().is_ok_and(|made| made.success()));
        File::options().read(true).write(true).open(path).unwrap()
    });
    let held: Vec<_> = held.collect();
    let mut mesh = Cluster::empty();
    mesh.start(mesh.launch("Alice").with("--log-dir", directory.path().display()));
    let line = "x".repeat(60_000);
    // More than the pipe and what may wait have room for.
    for _ in 0..80 {
        mesh.peer("Alice").say(&line);
    }
    let stderr = || mesh.peer("Alice").process().stderr();
    mesh.peer("Alice").wait("it is said that lines are missing", |_| {
        stderr().iter().any(|line| line.contains("chat.log takes nothing"))
    });
    assert_eq!(stderr().len(), 1, "once: {:?}", stderr());
    mesh.peer("Alice").tell(json!({"do": "leave"}));
    assert_eq!(mesh.peer("Alice").process().exit_code(), 0);
    drop(held);
}
