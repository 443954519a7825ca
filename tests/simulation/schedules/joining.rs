//! Peers that join, come back, or start all at once.

use mesh_tests::sim::{Identity, Rule, Start, Who, World};

use super::{for_, ms, must_end_well, secs, talk};

#[test]
fn iwant_1_rejoiner_elects_itself() {
    let mut world = World::new(1);
    let places = world.group_of(3);
    world.crash(places[0]);
    world.run(secs(1));
    world.rules(Rule::split(&places[..1], &places[1..], for_(secs(6))));
    world.start(&Start::joining(places[0], &places[1..]));
    for _ in 0..50 {
        world.run(ms(100));
        let mind = world.mind(places[0]).expect("it goes on trying");
        assert!(!mind.is_member() && !mind.believes_to_lead(), "nobody leads before it has reached somebody");
    }
    world.run(secs(4));
    must_end_well(&mut world);
    assert_eq!(world.leader(), Some(places[1]));
}

#[test]
fn a_rejoiner_that_reaches_nobody_gives_up() {
    let mut world = World::new(1);
    let places = world.group_of(2);
    world.crash(places[0]);
    world.rules(Rule::split(&places[..1], &places[1..], for_(secs(60))));
    world.start(&Start::joining(places[0], &places[1..]));
    world.run(secs(11));
    assert!(world.mind(places[0]).is_none());
    must_end_well(&mut world);
}

#[test]
fn jgroups_1032_restart_before_loss_is_noticed() {
    for (seed, identity) in (0..10).flat_map(|seed| [Identity::Kept, Identity::Lost].map(|identity| (seed, identity))) {
        let mut world = World::new(seed);
        world.give_disks(1.0);
        let places = world.group_of(4);
        let before = world.commotion();
        // Nobody hears of the end, and the address answers again before the timeout.
        world.restart_after_power_cut(places[2], identity, ms(300));
        talk(&mut world, secs(4));
        must_end_well(&mut world);
        let name = world.mind(places[2]).expect("it is back").name().to_string();
        assert_eq!((name.as_str(), world.leader()), ("p2", Some(places[0])), "seed {seed}, {identity:?}");
        for place in [0, 1, 3].map(|at| places[at]) {
            let left = world.commotion()[&place].0 - before[&place].0;
            // While links come and go in the same instant a third peer may see one of them for a moment.
            assert!((1..=2).contains(&left), "seed {seed}, {identity:?}: {place} is told {left} times that it ended");
        }
    }
}

#[test]
fn leader_dies_while_members_join() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        let places = world.group_of(3);
        let joiners: Vec<_> = (0..6).map(|_| world.place()).collect();
        for (at, place) in joiners.iter().enumerate() {
            world.start(&Start::joining(*place, &places[at % 3..]));
            world.run(ms(2));
        }
        world.crash(places[0]);
        world.run(secs(2));
        must_end_well(&mut world);
        assert_eq!(world.leader(), Some(places[1]));
        assert_eq!(world.running().len(), 8, "seed {seed}: all joiners are admitted");
    }
}

#[test]
fn everyone_restarts_pointing_at_everyone() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        let places = world.group_of(7);
        places.iter().for_each(|place| world.crash(*place));
        for place in &places {
            let mut via = places.clone();
            via.retain(|other| other != place);
            world.start(&Start::joining(*place, &via));
            world.run(ms(7));
        }
        world.run(secs(1));
        assert!(
            places.iter().all(|place| world.leader_of(*place).is_none()),
            "a group that exists has time to show itself"
        );
        must_end_well(&mut world);
        assert_eq!(world.running().len(), 7);
        assert!(world.elapsed() < secs(20));
    }
}

#[test]
fn two_groups_that_a_newcomer_reaches_become_one() {
    for seed in 0..10 {
        let mut world = World::new(seed);
        let ours = world.group_of(3);
        let theirs = [0; 3].map(|_| world.place());
        for (at, place) in theirs.iter().enumerate() {
            // Each name is in use in the other group.
            let start = Start::joining(*place, &theirs[..at.min(1)]);
            world.start(&Start { name: Some(format!("p{at}")), ..start });
            world.run(ms(200));
        }
        let bridge = world.place();
        world.start(&Start::joining(bridge, &[ours[1], theirs[1]]));
        talk(&mut world, secs(4));
        must_end_well(&mut world);
        assert_eq!(world.running().len(), 7);
        assert!(world.coverage().renames > 0);
    }
}

#[test]
fn a_crowd_behind_a_bridge_joins_through_it() {
    let mut world = World::new(1);
    let places = world.group_of(2);
    let crowd: Vec<_> = (0..6).map(|_| world.place()).collect();
    world.rule(Rule::new(Who::One(places[0]), Who::Of(crowd.clone()), for_(secs(20)), mesh_tests::sim::Verdict::Drop));
    for place in &crowd {
        world.start(&Start::joining(*place, &places));
    }
    talk(&mut world, secs(10));
    assert_eq!(world.leader(), Some(places[0]));
    assert!(crowd.iter().all(|place| world.mind(*place).is_some_and(|mind| mind.is_member())));
    must_end_well(&mut world);
}
