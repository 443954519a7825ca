//! How far each group is followed, and how much that is.
//!
//! The numbers of states are those of docs/election.md: a run that sees fewer fails, so that neither can shrink unseen.
//! `MODEL_LARGE=1` adds the long runs, of some minutes; `--nocapture` shows the exact numbers.

use std::num::NonZero;
use std::thread::available_parallelism;

use stateright::{Checker, Model};

use crate::group::{Bounds, Group};
use crate::properties::{
    ALWAYS, CALMED, DECLINED, GAVE_WAY, HANDED_OVER, LEADERLESS, RELAYED, RENEWED, RIVALS, SILENCED, SLEPT, SUCCEEDED,
    SUPERSEDED, TOOK_OVER,
};
use crate::start::{Start, wall_clock};

const THREE: Bounds = Bounds { peers: 3, epochs: 6, moments: 2, faults: 1, mends: 1, flapping: false };
const FOUR: Bounds = Bounds { peers: 4, epochs: 6, moments: 1, faults: 1, mends: 0, flapping: false };

/// What happens to any group that something happens to.
const ANYWHERE: [&str; 12] = [
    SUCCEEDED,
    RIVALS,
    GAVE_WAY,
    SILENCED,
    CALMED,
    RELAYED,
    TOOK_OVER,
    HANDED_OVER,
    DECLINED,
    SLEPT,
    SUPERSEDED,
    RENEWED,
];

/// Follows a group to its bounds: nothing is wrong, what is expected happens, and there are so many states.
fn explore(group: Group, expected: &[&'static str], states_min: usize) {
    let (start, bounds, began) = (group.start, group.bounds, wall_clock());
    let threads = available_parallelism().map_or(1, NonZero::get);
    let checker = group.checker().threads(threads).spawn_dfs().join();
    let states = checker.unique_state_count();
    println!("{states} states, {} steps, in {:.1?}: {start:?}, {bounds:?}", checker.state_count(), began.elapsed());

    let found = checker.discoveries();
    for name in ALWAYS {
        if let Some(path) = found.get(name) {
            panic!("not so: {name}\n{:#?}\n{:#?}", path.clone().into_actions(), path.last_state());
        }
    }
    for name in expected {
        assert!(found.contains_key(name), "never seen: {name}");
    }
    assert!(states >= states_min, "{states} states are fewer than the {states_min} of the documents");
}

fn group(start: Start, bounds: Bounds) -> Group {
    Group::new(start, bounds)
}

/// A group that is also left alone in each of its states.
fn settling(start: Start, bounds: Bounds) -> Group {
    Group { settles: true, ..group(start, bounds) }
}

fn is_large() -> bool {
    std::env::var_os("MODEL_LARGE").is_some()
}

#[test]
fn three_peers_that_follow_the_highest_ranked() {
    explore(group(Start::Settled, THREE), &ANYWHERE, 490_000);
}

#[test]
fn three_peers_of_which_the_highest_ranked_has_just_arrived() {
    explore(group(Start::Outranked, THREE), &[TOOK_OVER], 580_000);
}

#[test]
fn three_peers_that_nobody_leads() {
    explore(group(Start::Leaderless, THREE), &[LEADERLESS], 130_000);
}

#[test]
fn two_groups_of_three_peers_that_meet() {
    explore(group(Start::Apart, Bounds { faults: 0, ..THREE }), &[RIVALS, GAVE_WAY], 130_000);
}

#[test]
fn three_peers_through_three_deadlines() {
    explore(group(Start::Settled, Bounds { moments: 3, mends: 0, ..THREE }), &[DECLINED, SLEPT], 450_000);
}

#[test]
fn three_peers_settle_whatever_happened_to_them() {
    let bounds = Bounds { moments: 1, ..THREE };
    explore(settling(Start::Settled, Bounds { flapping: true, ..bounds }), &[RIVALS], 100_000);
    explore(settling(Start::Outranked, bounds), &[TOOK_OVER], 21_000);
    explore(settling(Start::Leaderless, bounds), &[], 5_700);
}

#[test]
fn four_peers() {
    explore(group(Start::Settled, FOUR), &[SUCCEEDED, HANDED_OVER], 88_000);
    explore(group(Start::Outranked, FOUR), &[SUCCEEDED, TOOK_OVER], 99_000);
    explore(group(Start::Leaderless, FOUR), &[], 120_000);
}

#[test]
fn four_peers_that_meet() {
    explore(group(Start::Settled, Bounds { moments: 0, mends: 1, ..FOUR }), &[RIVALS, GAVE_WAY], 50_000);
    explore(group(Start::Apart, Bounds { faults: 0, mends: 1, ..FOUR }), &[RIVALS, GAVE_WAY], 210_000);
}

#[test]
fn the_large_campaign() {
    if !is_large() {
        return;
    }
    explore(group(Start::Outranked, Bounds { moments: 3, mends: 0, ..THREE }), &[TOOK_OVER], 810_000);
    explore(group(Start::Settled, Bounds { faults: 2, mends: 0, ..THREE }), &[], 2_800_000);
    explore(group(Start::Outranked, Bounds { faults: 2, mends: 0, ..THREE }), &[TOOK_OVER], 3_500_000);
    explore(group(Start::Settled, Bounds { flapping: true, ..THREE }), &ANYWHERE, 3_400_000);
    explore(group(Start::Apart, Bounds { moments: 1, ..THREE }), &[RIVALS, GAVE_WAY], 1_600_000);
    explore(settling(Start::Settled, THREE), &ANYWHERE, 490_000);
    explore(settling(Start::Outranked, THREE), &[TOOK_OVER], 580_000);
    explore(settling(Start::Settled, FOUR), &[SUCCEEDED], 88_000);
    explore(group(Start::Settled, Bounds { moments: 2, ..FOUR }), &[SUCCEEDED], 3_300_000);
    explore(group(Start::Settled, Bounds { mends: 1, ..FOUR }), &[RIVALS, GAVE_WAY], 7_800_000);
}
