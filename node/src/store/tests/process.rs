//! Other processes: one that has the directory, and one that is killed.
//!
//! The other process is this test program, told by its environment what to do.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use super::*;

const DIRECTORY: &str = "STORE_TEST_DIRECTORY";

/// Not a test: what the other process does. It writes line after line, and prints how many were answered.
#[test]
#[ignore = "run by the tests below in a process of its own"]
fn other_process() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let opened = Store::open(Path::new(&directory)).unwrap();
    println!("opened {}", opened.found.durable.len());
    for place in opened.found.durable.len() + 1.. {
        write(&opened, lines(place, place, &[&format!("line {place}")]));
        println!("answered {place}");
    }
}

/// Ends with the test, however that ends.
struct Other(Child, BufReader<ChildStdout>);

impl Other {
    fn start(directory: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::tests::process::other_process", "--ignored", "--nocapture"])
            .env(DIRECTORY, directory)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self(child, output)
    }

    /// The number in the next line that begins with `word`.
    fn number(&mut self, word: &str) -> Option<u64> {
        loop {
            let mut line = String::new();
            if self.1.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            // The test harness prints on the same line.
            if let Some((_, number)) = line.split_once(&format!("{word} ")) {
                // A line may be torn by the end of the process.
                return line.ends_with('\n').then(|| number.trim().parse().ok()).flatten();
            }
        }
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_directory_that_another_process_has_is_refused_with_its_number() {
    let directory = tempfile::tempdir().unwrap();
    let mut other = Other::start(directory.path());
    other.number("opened").unwrap();
    let error = Store::open(directory.path()).unwrap_err();
    assert!(matches!(error, OpenError::Locked { by: Some(by), .. } if by == other.0.id()), "{error}");
    drop(other);
    Store::open(directory.path()).unwrap();
}

#[test]
fn a_process_that_is_killed_loses_nothing_that_was_answered() {
    let directory = tempfile::tempdir().unwrap();
    let mut last = 0;
    for round in 1..=5 {
        let mut other = Other::start(directory.path());
        assert!(other.number("opened").unwrap() >= last);
        while last % 100 != round * 7 {
            last = other.number("answered").unwrap();
        }
        other.0.kill().unwrap();
        while let Some(answered) = other.number("answered") {
            last = answered;
        }
    }
    let opened = Store::open(directory.path()).unwrap();
    assert_eq!(opened.found.incarnation.0, 6);
    assert!(opened.found.durable.len() >= last, "{} of {last}", opened.found.durable.len());
    let all = entries(&opened.store, 0);
    assert_eq!(all.len() as u64, opened.found.durable.len());
    assert!((1..).zip(&all).all(|(place, entry)| *entry == said(place, &format!("line {place}"))));
}
