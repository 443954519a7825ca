//! Where histories meet, under the model checker and in random walks.
//!
//! A run begins with groups that were founded apart and have not met, or with one group. Then peers crash and come back
//! with their disks, or never; the network is parted anew; any part elects any of its members, or the one to which its
//! leader hands over; a person takes over; lines are said; a heartbeat passes, or eleven seconds. Messages on a link
//! that is held come late, or are lost.
//!
//! Looked at after each step: N1, all of one history agree on each place, and each ballot is established once; N2, what
//! was decided in a history under a lesser ballot is in each log established there and in what descends from it; N3,
//! no place is taken back but for another history; N5, none is taken back that has the same entry there again; and that
//! some history still has a quorum among those who hold it. After each walk all comes back, and one log has to remain (N7).
//!
//! # Spaces
//!
//! In the exhausted spaces all that is under way comes before anything else happens: three foundations, 18,339 states;
//! a pair and one, without disks and with a crash, 26,264; a takeover of three, 12,187; a sleeper of a dead group and a
//! healthy pair, 3,986. With `MODEL_LARGE=1`, more of each: 140,709, 361,635 and 783,660.
//!
//! The walks go through eleven spaces of three to five peers, with disks, without, and one message or write at a time: 30
//! walks each, 1,000 with `MODEL_LARGE=1`, or as many as `MODEL_WALKS` says. `MODEL_TRACE=1` prints what happens.
//!
//! Peers are parted into groups that reach each other fully. All in a part hear of an election at once.

use std::collections::BTreeMap;
use std::ops::Range;

use stateright::{Checker, HasDiscoveries, Model};

use crate::broken::Rule;
use crate::facts::Seen;
use crate::meeting::{Meeting, Often};
use crate::walks::{Walk, reduce, walk};

const SEEN: [(&str, Seen); 8] = Seen::ALL;

/// Goes through all of a space, which has so many states, and in which each of `possible` happens.
fn explore(space: &Meeting, states: usize, possible: &[Seen]) {
    let checker = space.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    println!(
        "{}, {:?}: {} states, {} steps, {} deep",
        space.name,
        space.most,
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth()
    );
    for name in [crate::UNBROKEN, crate::GOES_ON] {
        if let Some(path) = checker.discovery(name) {
            panic!("{name}: {:?}: {:#?}", path.last_state().facts.broken, path.clone().into_actions());
        }
    }
    for (name, _) in SEEN.iter().filter(|(_, what)| possible.contains(what)) {
        assert!(checker.discovery(name).is_some(), "never: {name}");
    }
    assert!(checker.unique_state_count() >= states / 2, "{} states", checker.unique_state_count());
}

/// How often things may happen in a walk.
fn many() -> Often {
    Often { crashes: 4, cuts: 8, elections: 6, takeovers: 1, lines: 5, waits: 20, sleeps: 2, holds: 3, losses: 3 }
}

/// Groups that have not met, and groups in which somebody may take over.
fn spaces() -> Vec<Meeting> {
    let one = Meeting { lines: 1, most: many(), ..Meeting::default() };
    vec![
        Meeting { name: "three foundations", groups: &[&[0], &[1], &[2]], ..one },
        Meeting { name: "two and one", groups: &[&[0, 1], &[2]], ..one },
        Meeting { name: "three", groups: &[&[0, 1, 2]], ..one },
        Meeting { name: "three and one", groups: &[&[0, 1, 2], &[3]], ..one },
        Meeting { name: "two and two", groups: &[&[0, 1], &[2, 3]], ..one },
        Meeting { name: "three of four", groups: &[&[0, 1, 2, 3]], gone: &[3], ..one },
        Meeting { name: "four", groups: &[&[0, 1, 2, 3]], ..one },
        Meeting { name: "five", groups: &[&[0, 1, 2, 3, 4]], ..one },
        Meeting { name: "three and two", groups: &[&[0, 1, 2], &[3, 4]], ..one },
        Meeting { name: "a sleeper of a dead group", groups: &[&[0, 1], &[2, 3, 4]], gone: &[3, 4], ..one },
        Meeting { name: "an older sleeper", groups: &[&[2, 3], &[0, 1, 4]], gone: &[1, 4], ..one },
    ]
}

/// The first walk of these that finds something, if any does.
fn found(space: &Meeting, seeds: Range<u64>, seen: &mut BTreeMap<Seen, u32>) -> Option<(u64, Walk)> {
    let (start, most) = (space.start(), if space.is_fine { 200 } else { 60 });
    seeds.into_iter().find_map(|seed| {
        let walk = walk(space, &start, seed, most);
        walk.last.facts.seen.iter().for_each(|what| *seen.entry(*what).or_default() += 1);
        walk.broken.is_some().then_some((seed, walk))
    })
}

/// Three ways to walk: with disks, without, and one message or write at a time.
fn ways(space: Meeting) -> [Meeting; 3] {
    [space, Meeting { is_diskless: true, ..space }, Meeting { is_fine: true, is_slow: true, ..space }]
}

#[test]
fn walks_through_larger_groups_break_nothing() {
    let seeds = std::env::var("MODEL_WALKS").ok().and_then(|seeds| seeds.parse().ok());
    let seeds = seeds.unwrap_or(if crate::is_large() { 1_000 } else { 30 });
    let mut seen = BTreeMap::new();
    for space in spaces().into_iter().flat_map(ways) {
        let Meeting { name, is_diskless, is_fine, .. } = space;
        if let Some((seed, walk)) = found(&space, 0..seeds, &mut seen) {
            let broken = walk.broken.unwrap_or_default();
            let steps = reduce(&space, &space.start(), &walk.steps, broken);
            panic!("{name}, diskless: {is_diskless}, fine: {is_fine}, seed {seed}: {broken}: {steps:?}");
        }
    }
    println!("{} ways, {seeds} walks of each: {seen:?}", 3 * spaces().len());
    for (name, what) in SEEN {
        assert!(seen.contains_key(&what), "never: {name}");
    }
}

/// Walks that find nothing while all rules hold find this one broken, as `finds` says.
fn is_caught(rule: Rule, (space, way): (&str, usize), finds: &str) {
    let space = spaces().into_iter().find(|of| of.name == space).expect("a space");
    let whole = ways(space)[way];
    let broken = Meeting { rule, ..whole };
    let Some((seed, walk)) = found(&broken, 0..250, &mut BTreeMap::new()) else {
        panic!("{rule:?} is not noticed");
    };
    let what = walk.broken.unwrap_or_default();
    println!("{rule:?}, {}, seed {seed}: {what}", space.name);
    assert!(what.starts_with(finds), "{rule:?}: {what}");
    if let Some((seed, walk)) = found(&whole, seed..seed + 1, &mut BTreeMap::new()) {
        panic!("seed {seed}, with all rules: {:?}", walk.broken);
    }
}

const WITH_DISKS: usize = 0;
const DISKLESS: usize = 1;

#[test]
fn a_history_ranked_by_its_age_is_noticed() {
    is_caught(Rule::RanksByAge, ("two and one", WITH_DISKS), "N7");
}

#[test]
fn a_follower_that_switches_on_a_status_is_noticed() {
    is_caught(Rule::SwitchesOnStatus, ("two and one", WITH_DISKS), "N7");
}

#[test]
fn a_takeover_without_a_persons_word_is_noticed() {
    is_caught(Rule::RaisesByItself, ("five", WITH_DISKS), "N3");
}

/// A log knows from its entries of which history it is: a wrong name in a message misleads nobody for good.
#[test]
fn a_log_named_by_what_it_accepted_does_no_harm() {
    for whole in spaces() {
        let named = Meeting { rule: Rule::NamedByAccepted, ..whole };
        if let Some((seed, walk)) = found(&named, 0..20, &mut BTreeMap::new()) {
            panic!("{}, seed {seed}: {:?}", whole.name, walk.broken);
        }
    }
}

#[test]
fn a_log_that_forgets_what_it_accepted_in_a_takeover_is_noticed() {
    is_caught(Rule::ForgetsAccepted, ("four", DISKLESS), "N7");
}

#[test]
fn a_promise_of_one_that_left_its_history_is_noticed_where_it_counts() {
    is_caught(Rule::CountsLeft, ("three", WITH_DISKS), "N2");
}

#[test]
fn a_promise_that_keeps_its_log_back_is_noticed_where_it_counts() {
    is_caught(Rule::CountsWithheld, ("three", WITH_DISKS), "N2");
}

#[test]
fn a_leader_that_is_sure_at_once_is_noticed() {
    is_caught(Rule::SureAtOnce, ("an older sleeper", WITH_DISKS), crate::GOES_ON);
}

#[test]
fn a_history_taught_from_its_start_is_noticed() {
    is_caught(Rule::TeachesFromStart, ("three and two", WITH_DISKS), "N5");
}

#[test]
fn all_that_may_happen_where_foundations_meet_breaks_nothing() {
    let one = Meeting { lines: 1, ..Meeting::default() };
    let met = Often { cuts: 1, elections: 1, waits: 3, lines: 1, ..Often::default() };
    let three = Meeting { name: "three foundations", groups: &[&[0], &[1], &[2]], most: met, ..one };
    explore(&Meeting { most: Often { cuts: 2, ..met }, ..three }, 18_339, &[]);
    let two = Meeting { name: "two and one", groups: &[&[0, 1], &[2]], most: met, ..one };
    let crash = Often { crashes: 1, ..met };
    explore(&Meeting { is_diskless: true, most: crash, ..two }, 26_264, &[]);
    if crate::is_large() {
        explore(&Meeting { most: crash, ..two }, 109_900, &[]);
        let given_up = [Seen::GivenUp, Seen::TakenBack, Seen::HandedOver, Seen::LeftCounted];
        let most = Often { cuts: 2, sleeps: 1, ..met };
        explore(&Meeting { most, ..three }, 140_709, &given_up);
        explore(&Meeting { most, ..two }, 361_635, &given_up);
    }
}

#[test]
fn all_that_may_happen_around_a_takeover_breaks_nothing() {
    let most = Often { cuts: 2, elections: 1, takeovers: 1, waits: 1, lines: 1, ..Often::default() };
    let three = Meeting { name: "a takeover of three", groups: &[&[0, 1, 2]], lines: 1, most, ..Meeting::default() };
    explore(&three, 10_000, &[Seen::TakenOver]);
    if crate::is_large() {
        let most = Often { waits: 3, sleeps: 1, ..most };
        let possible = [Seen::TakenOver, Seen::GivenUp, Seen::TakenBack, Seen::LeftCounted, Seen::OldAgain];
        explore(&Meeting { most, ..three }, 783_660, &possible);
    }
}

#[test]
fn all_that_may_happen_to_a_sleeper_and_a_healthy_pair_breaks_nothing() {
    let most = Often { cuts: 1, elections: 1, waits: 1, lines: 1, ..Often::default() };
    let groups: &[&[u8]] = &[&[0, 1], &[2, 3, 4]];
    let sleeper = Meeting { name: "a sleeper", groups, gone: &[3, 4], lines: 1, most, ..Meeting::default() };
    explore(&sleeper, 1_000, &[]);
    if crate::is_large() {
        explore(&Meeting { most: Often { waits: 2, crashes: 1, ..most }, ..sleeper }, 1_000, &[]);
    }
}
