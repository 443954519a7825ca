//! The production log under a model checker: every order of what may happen to two and three peers, within bounds.
//!
//! Each run begins when all are voters, 0 leads, and nothing is under way. Then anything happens in any order: the
//! oldest message of any link comes, the oldest write of any disk is durable, a process ends or comes back, the election
//! names another, the leader's pool has a line more, a peer's clock goes to its next deadline. Messages of one link
//! stay in order; those of different links, writes and faults do not. A crash loses what is not durable and all
//! messages from and to the one that crashed; what is durable it has when it comes back.
//!
//! Looked at after each step: that all agree on what is decided and nobody raises an alarm; that each ballot is
//! established once; and that what is established has all that was decided under a lesser ballot.
//!
//! # Bounds
//!
//! Crashes, elections, lines and deadlines are bounded as each test says, and the bounded space is gone through to its
//! end: nothing else is cut off. Without deadlines no message that a crash lost is sent again, so those runs may end with
//! nothing decided; that they do not all is what the `sometimes` properties say. The election is one for all: peers
//! that follow different leaders are left to the simulator, as are snapshots. Takeovers and foundations are in `regimes`.
//!
//! `MODEL_LARGE=1 cargo test --release -p history --test model` goes through millions of states.

mod broken;
mod facts;
mod group;
mod meeting;
mod regimes;
mod walks;

use group::Group;
use stateright::{Checker, HasDiscoveries, Model};

/// What has to be possible in a space, for it not to be empty.
const LINE_UNDER_ANOTHER: &str = "a line is decided after the leader changed";
const LINES_OF_TWO: &str = "lines of two leaders are decided";
const CUT: &str = "what was accepted and not decided is cut";
const VOTERS: &str = "the voters change";

/// What must not be, in any.
const UNBROKEN: &str = "nothing is broken";
const GOES_ON: &str = "a history can go on";

/// How often things may happen, by name.
struct Bounds {
    size: u8,
    crashes: u8,
    elections: u8,
    lines: u8,
    deadlines: u8,
}

impl Bounds {
    fn group(&self) -> Group {
        let Self { size, crashes, elections, lines, deadlines } = *self;
        Group { size, crashes, elections, lines, deadlines, no_fsync: false }
    }
}

/// Goes through all of a space, which has so many states, and in which each of `possible` happens.
fn explore(bounds: &Bounds, states: usize, possible: &[&'static str]) {
    let checker = bounds.group().checker().threads(2).spawn_bfs().join();
    let Bounds { size, crashes, elections, lines, deadlines } = bounds;
    println!(
        "{size} peers, {crashes} crashes, {elections} elections, {lines} lines, {deadlines} deadlines: {} states, {} steps, \
         {} deep",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth()
    );
    if let Some(path) = checker.discovery(UNBROKEN) {
        panic!("{:?}: {:#?}", path.last_state().broken, path.clone().into_actions());
    }
    for name in possible {
        assert!(checker.discovery(name).is_some(), "never: {name}");
    }
    // The log may do the same in more or fewer steps; a space that shrinks by far has lost something.
    assert!(checker.unique_state_count() >= states / 2, "{} states", checker.unique_state_count());
}

fn is_large() -> bool {
    std::env::var_os("MODEL_LARGE").is_some()
}

#[test]
fn two_peers_agree_through_crashes_and_a_change_of_leader() {
    let two = Bounds { size: 2, crashes: 1, elections: 1, lines: 2, deadlines: 0 };
    explore(&two, 284_366, &[LINE_UNDER_ANOTHER, LINES_OF_TWO, CUT]);
    explore(&Bounds { crashes: 2, lines: 1, ..two }, 757_568, &[LINE_UNDER_ANOTHER, CUT]);
}

#[test]
fn two_peers_agree_while_one_is_removed_and_comes_back() {
    let two = Bounds { size: 2, crashes: 1, elections: 1, lines: 1, deadlines: 2 };
    explore(&two, 921_468, &[LINE_UNDER_ANOTHER, CUT, VOTERS]);
}

#[test]
fn three_peers_agree_through_a_crash_or_a_change_of_leader() {
    let three = Bounds { size: 3, crashes: 0, elections: 1, lines: 1, deadlines: 0 };
    explore(&three, 464_753, &[LINE_UNDER_ANOTHER, CUT]);
    explore(&Bounds { crashes: 1, elections: 0, ..three }, 254_565, &[]);
    explore(&Bounds { crashes: 1, elections: 0, lines: 0, deadlines: 2, ..three }, 179_721, &[VOTERS]);
}

#[test]
fn larger_groups_of_events_change_nothing() {
    if !is_large() {
        return;
    }
    let two = Bounds { size: 2, crashes: 2, elections: 1, lines: 2, deadlines: 0 };
    explore(&two, 1_023_706, &[LINE_UNDER_ANOTHER, LINES_OF_TWO, CUT]);
    explore(&Bounds { crashes: 1, elections: 2, ..two }, 1_122_246, &[LINE_UNDER_ANOTHER, LINES_OF_TWO, CUT]);
    explore(&Bounds { crashes: 1, deadlines: 1, ..two }, 461_822, &[LINE_UNDER_ANOTHER, LINES_OF_TWO, CUT]);
    let three = Bounds { size: 3, crashes: 1, elections: 1, lines: 0, deadlines: 0 };
    explore(&three, 705_924, &[]);
}

#[test]
fn an_acknowledgement_before_the_disk_has_it_is_noticed() {
    let two = Bounds { size: 2, crashes: 1, elections: 1, lines: 2, deadlines: 0 };
    let group = Group { no_fsync: true, ..two.group() };
    let checker = group.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    assert!(checker.discovery(UNBROKEN).is_some());
}
