//! The example of a job that only the leader does.

use std::process::Command;
use std::sync::Arc;

use mesh_tests::{Bell, PATIENCE, Process, ports, program, unique_group};
use rustix::process::Signal;

use mesh_tests::places::eventually;

#[test]
fn a_job_runs_on_the_leader_alone_and_on_the_next_when_it_dies() {
    let group = unique_group();
    let example = program::example("leader_job");
    let bell = Arc::<Bell>::default();
    let at = [ports::free(), ports::free(), ports::free()];
    let start = |name: &str, port: u16, through: &[u16]| {
        let mut command = Command::new(&example);
        command.args([&group, name, &port.to_string()]).args(through.iter().map(u16::to_string));
        let process = Process::start(name, &mut command, Arc::clone(&bell), |_| ());
        process.line("ready", |line| line == "ready");
        process
    };
    let does = |process: &Process, what: &str| {
        let start = format!("doing {what} ");
        process.stdout().iter().filter(|line| line.starts_with(&start)).count()
    };
    let ann = start("ann", at[0], &[]);
    let bob = start("bob", at[1], &at[..1]);
    let carol = start("carol", at[2], &at[..1]);
    eventually("three vote", || {
        let before = ann.stdout().len();
        ann.write(b"\n");
        bell.wait(PATIENCE, || ann.stdout().get(before).cloned()).as_deref() == Some("3 voters")
    });
    for (n, process) in [&ann, &bob, &carol].into_iter().enumerate() {
        process.write(format!("job{n}\n").as_bytes());
        process.line("the answer", |line| line == format!("job{n}: done by ann"));
        assert_eq!([&ann, &bob, &carol].map(|process| does(process, &format!("job{n}"))), [1, 0, 0]);
    }
    bob.write(b"nothing\n");
    bob.line("the failure", |line| line == "nothing: the request failed: there is nothing to do");
    let fence = |process: &Process, what: &str| {
        let line = process.line(what, |line| line.starts_with(&format!("doing {what} under ")));
        line.rsplit(' ').next().unwrap().to_owned()
    };
    let before = fence(&ann, "job0");
    ann.signal(Signal::KILL);
    ann.exit_code();
    for (n, process) in [&bob, &carol].into_iter().enumerate() {
        process.write(format!("later{n}\n").as_bytes());
        process.line("the answer", |line| line == format!("later{n}: done by bob"));
        assert_eq!([&bob, &carol].map(|process| does(process, &format!("later{n}"))), [1, 0]);
    }
    assert!(fence(&bob, "later0") > before, "the fence of a later leader is the greater");
}
