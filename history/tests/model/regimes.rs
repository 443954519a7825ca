//! Where histories meet, under the model checker and in random walks: see the [spaces](spaces).

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
    let seeds = seeds.unwrap_or(if crate::is_large() { 1_000 } else { 60 });
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

#[test]
fn probe_mutations() {
    use Rule::*;
    let n = std::env::var("N").map_or(60, |n| n.parse().unwrap());
    for rule in [
        ForgetsAccepted,
        CountsLeft,
        CountsWithheld,
        SureAtOnce,
        TeachesFromStart,
    ] {
        let at = std::time::Instant::now();
        let mut all = Vec::new();
        for space in spaces().into_iter().flat_map(ways) {
            let space = Meeting { rule, ..space };
            if let Some((seed, walk)) = found(&space, 0..n, &mut BTreeMap::new()) {
                all.push((space.name, space.is_diskless, space.is_fine, seed, walk.broken.unwrap()));
            }
        }
        println!("{rule:?} {:?}: {all:#?}", at.elapsed());
    }
}

#[test]
fn probe_bfs() {
    let one = Meeting { lines: 1, ..Meeting::default() };
    let met = Often { cuts: 1, elections: 1, waits: 3, lines: 1, ..Often::default() };
    let t = |space: Meeting| {
        let at = std::time::Instant::now();
        explore(&space, 0, &[]);
        println!("   {:?}", at.elapsed());
    };
    t(Meeting { name: "three foundations", groups: &[&[0], &[1], &[2]], most: Often { cuts: 2, ..met }, ..one });
    t(Meeting { name: "two and one", groups: &[&[0, 1], &[2]], most: Often { crashes: 1, ..met }, ..one });
    t(Meeting {
        name: "two and one, without disks",
        groups: &[&[0, 1], &[2]],
        most: Often { crashes: 1, ..met },
        is_diskless: true,
        ..one
    });
    t(Meeting {
        name: "three, a takeover",
        groups: &[&[0, 1, 2]],
        most: Often { cuts: 2, takeovers: 1, waits: 2, ..met },
        ..one
    });
    t(Meeting {
        name: "sleeper",
        groups: &[&[0, 1], &[2, 3, 4]],
        gone: &[3, 4],
        parts: &[0, 0, 1, 2, 3],
        most: Often { crashes: 1, ..met },
        ..one
    });
    t(Meeting {
        name: "fine two and one",
        groups: &[&[0, 1], &[2]],
        parts: &[0, 0, 0],
        is_fine: true,
        most: Often { waits: 2, losses: 1, ..Often::default() },
        ..one
    });
}
