//! Networks in which not everybody is linked with everybody, though the group hangs together: nothing may change.

use mesh_tests::sim::{Place, Rule, Start, Verdict, Who, World};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::{Calm, for_, ms, must_end_well, secs, talk};

/// Cuts all pairs of these places but the given ones.
fn only(world: &mut World, places: &[Place], linked: &[(usize, usize)], time: std::time::Duration) {
    for (a, b) in pairs(places.len()) {
        if !linked.contains(&(a, b)) && !linked.contains(&(b, a)) {
            world.rules(Rule::cut(places[a], places[b], for_(time)));
        }
    }
}

fn pairs(count: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..count).flat_map(|a| (0..a).map(move |b| (a, b)))
}

/// A group of so many, the given one of which leads.
fn group_led_by(world: &mut World, count: usize, leader: usize) -> Vec<Place> {
    let oldest_first = world.group_of(count);
    let mut places = oldest_first[1..].to_vec();
    places.insert(leader, oldest_first[0]);
    places
}

/// With these links only, nobody notices anything, whoever leads; and all is well afterwards.
fn nobody_notices(count: usize, linked: &[(usize, usize)], time: std::time::Duration) {
    for leader in 0..count {
        let mut world = World::new(leader as u64);
        let places = group_led_by(&mut world, count, leader);
        let calm = Calm::of(&world);
        only(&mut world, &places, linked, time);
        talk(&mut world, time);
        calm.must_last(&world);
        must_end_well(&mut world);
        calm.must_last(&world);
        assert_eq!(world.leader(), Some(places[leader]));
        assert!(world.coverage().relayed > 0);
    }
}

#[test]
fn es_2488_intersecting_partition() {
    nobody_notices(3, &[(0, 1), (1, 2)], secs(60));
}

#[test]
fn ceph_28607_chain() {
    let mut world = World::new(1);
    let [a, c, b] = [0; 3].map(|_| world.place());
    world.rules(Rule::cut(a, b, for_(secs(40))));
    for (place, via) in [(a, vec![]), (c, vec![a]), (b, vec![c])] {
        world.start(&Start::joining(place, &via));
        world.run(secs(1));
    }
    let calm = Calm::of(&world);
    assert_eq!(world.leader(), Some(a), "who was never linked to the leader follows it");
    assert!(world.reaches(a, b) && world.reaches(b, a) && !world.is_linked(a, b));
    talk(&mut world, secs(30));
    calm.must_last(&world);
    must_end_well(&mut world);
    assert!(world.is_linked(a, b));
    calm.must_last(&world);
}

#[test]
fn omnipaxos_quorum_loss() {
    // Everybody is linked with one member only.
    nobody_notices(5, &[(0, 1), (0, 2), (0, 3), (0, 4)], secs(30));
}

#[test]
fn omnipaxos_constrained_election() {
    let mut world = World::new(1);
    let places = world.group_of(5);
    let (leader, hub) = (places[0], places[4]);
    // The leader is cut off, and the others are linked with the youngest only.
    only(&mut world, &places, &[(1, 4), (2, 4), (3, 4)], secs(30));
    talk(&mut world, secs(5));
    let calm = Calm::of(&world);
    for place in &places[1..] {
        assert_eq!(world.leader_of(*place), Some(places[1]), "of those that are left the oldest leads");
    }
    assert_eq!(world.leader_of(leader), Some(leader));
    assert!(!world.reaches(hub, leader));
    talk(&mut world, secs(20));
    calm.must_last(&world);
    must_end_well(&mut world);
    assert_eq!(world.leader(), Some(places[1]), "who was away for so long is the youngest");
}

#[test]
fn omnipaxos_chained() {
    nobody_notices(3, &[(0, 1), (1, 2)], secs(30));
    nobody_notices(5, &[(0, 1), (1, 2), (2, 3), (3, 4)], secs(30));
}

#[test]
fn howard_abraham_five_nodes() {
    nobody_notices(5, &[(0, 1), (1, 2), (0, 2), (3, 1), (4, 2)], secs(30));
}

#[test]
fn cloudflare_2020_half_dead_switch() {
    for (from, to) in [(0, 1), (1, 0), (1, 2)] {
        let mut world = World::new(1);
        let places = world.group_of(5);
        let calm = Calm::of(&world);
        let [from, to] = [from, to].map(|at| Who::One(places[at]));
        world.rule(Rule::new(from, to, for_(secs(360)), Verdict::Drop));
        talk(&mut world, secs(360));
        calm.must_last(&world);
        must_end_well(&mut world);
        calm.must_last(&world);
    }
}

#[test]
fn hazelcast_majorities_ring() {
    for seed in 0..3 {
        let mut world = World::new(seed);
        let places = world.group_of(5);
        let calm = Calm::of(&world);
        for _ in 0..3 {
            only(&mut world, &places, &[(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)], secs(20));
            talk(&mut world, secs(40));
        }
        calm.must_last(&world);
        must_end_well(&mut world);
        calm.must_last(&world);
    }
}

#[test]
fn jgroups_merge4_asymmetric_views() {
    for seed in 0..5 {
        let mut world = World::new(seed);
        let places = world.group_of(3);
        // Each hears one of the others, and is heard by the third.
        for (from, to) in [(0, 1), (1, 2), (2, 0)] {
            world.rule(Rule::new(Who::One(places[from]), Who::One(places[to]), for_(secs(20)), Verdict::Drop));
        }
        talk(&mut world, secs(10));
        for place in &places {
            assert_eq!(world.leader_of(*place), Some(*place), "a link that works one way only is none");
        }
        talk(&mut world, secs(11));
        must_end_well(&mut world);
        assert_eq!(world.leader(), Some(places[0]));
    }
}

#[test]
fn a_pair_that_comes_and_goes_is_noticed_by_nobody() {
    let mut world = World::new(1);
    let places = world.group_of(4);
    let calm = Calm::of(&world);
    for _ in 0..10 {
        world.rules(Rule::cut(places[0], places[1], for_(ms(1700))));
        talk(&mut world, secs(4));
    }
    calm.must_last(&world);
    must_end_well(&mut world);
    calm.must_last(&world);
}

#[test]
fn whatever_links_are_cut_at_once_nobody_notices() {
    for seed in 0..100 {
        for (peers, share) in [(5, 0.3), (5, 0.6), (9, 0.3), (9, 0.6), (9, 0.8)] {
            let mut world = World::new(seed);
            let mut dice = SmallRng::seed_from_u64(seed);
            let places = world.group_of(peers);
            // A random tree, and some links more.
            let mut linked: Vec<_> = (1..peers).map(|a| (a, dice.random_range(0..a))).collect();
            linked.extend(pairs(peers).filter(|_| dice.random_bool(1.0 - share)));
            world.run(ms(dice.random_range(0..1000)));
            let calm = Calm::of(&world);
            only(&mut world, &places, &linked, secs(10));
            world.run(secs(10));
            calm.must_last(&world);
        }
    }
}
