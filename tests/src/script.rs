//! `scripts/spawn_mesh.sh`, run and read.

use std::ops::Deref;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::{Bell, Outcome, PATIENCE, Process, program};

/// A row of the table it prints.
#[derive(Debug)]
pub struct Row {
    /// Who.
    pub name: String,
    /// Where it listens.
    pub port: u16,
    /// Its process.
    pub pid: i32,
    /// Who leads, as it says.
    pub leader: String,
}

/// The rows printed so far.
pub fn table(mesh: &Process) -> Vec<Row> {
    let row = |line: &String| {
        let words: Vec<_> = line.split_whitespace().collect();
        let [name, port, pid, leader] = words[..] else { return None };
        let (port, pid) = (port.parse().ok()?, pid.parse().ok()?);
        Some(Row { name: name.to_owned(), port, pid, leader: leader.to_owned() })
    };
    mesh.stdout().iter().filter_map(row).collect()
}

fn script(arguments: &[&str]) -> Command {
    let mut command = Command::new(program::root().join("scripts/spawn_mesh.sh"));
    // Built already, and in the profile of this test.
    command.args(arguments).env("MESH_NODE", program::node());
    command
}

/// A running script. Killed outright it could not end its peers, so it is asked first.
pub struct Script(Process);

impl Deref for Script {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.0
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.0.signal(Signal::TERM);
        let began = Instant::now();
        while self.0.is_running() && began.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Starts it.
pub fn spawn_mesh(arguments: &[&str]) -> Script {
    Script(Process::start("spawn_mesh.sh", &mut script(arguments), Arc::new(Bell::default()), |_| ()))
}

/// Runs it to its end.
pub fn run(arguments: &[&str]) -> Outcome {
    Outcome::of("spawn_mesh.sh", &mut script(arguments))
}

/// Whether this process is a peer.
pub fn is_node(pid: i32) -> bool {
    let program = std::fs::read_link(format!("/proc/{pid}/exe"));
    program.is_ok_and(|program| program.file_name() == Path::new("node").file_name())
}
