//! The example of a program's own log: a counter that every member has.

use std::process::Command;
use std::sync::Arc;

use mesh_tests::{Bell, PATIENCE, Process, ports, program, unique_group};
use rustix::process::Signal;

use mesh_tests::places::eventually;

#[test]
fn a_counter_stays_right_through_the_death_of_its_leader_and_a_newcomer_has_it_too() {
    let group = unique_group();
    let example = program::example("counter");
    let bell = Arc::<Bell>::default();
    let at = [ports::free(), ports::free(), ports::free(), ports::free()];
    let start = |name: &str, port: u16, through: &[u16]| {
        let mut command = Command::new(&example);
        command.args([&group, name, &port.to_string()]).args(through.iter().map(u16::to_string));
        Process::start(name, &mut command, Arc::clone(&bell), |_| ())
    };
    let shows = |process: &Process, value: i64| {
        let value = value.to_string();
        process.line(&format!("the value {value}"), |line| line.split(' ').next() == Some(&value));
    };
    let ann = start("ann", at[0], &[]);
    ann.write(b"1\n");
    shows(&ann, 1);
    let bob = start("bob", at[1], &at[..1]);
    let carol = start("carol", at[2], &at[..1]);
    // Who comes later reads it all.
    for process in [&bob, &carol] {
        shows(process, 1);
    }
    bob.write(b"10\n20\n");
    carol.write(b"-5\n100\n");
    for process in [&ann, &bob, &carol] {
        shows(process, 126);
    }
    // It takes a moment until a new group has more voters than its founder.
    eventually("three vote", || {
        let before = ann.stdout().len();
        ann.write(b"\n");
        bell.wait(PATIENCE, || ann.stdout().get(before).cloned()).as_deref() == Some("3 voters")
    });
    ann.signal(Signal::KILL);
    ann.exit_code();
    bob.write(b"1000\n");
    carol.write(b"2000\n");
    let dave = start("dave", at[3], &at[1..3]);
    for process in [&bob, &carol, &dave] {
        shows(process, 3126);
    }
}
