//! Whose word is needed: quorums that shrink, voters that come back, leaders whose log is behind.

use mesh_tests::sim::{Identity, Place, Rule, Start, World};

use super::{confirmed, for_, group_with_disks, has_quorum, ms, must_confirm_all, must_end_well, secs, talk};

#[test]
fn dlv_4_to_3_disjoint_quorums() {
    // The leader shrinks four voters to three while the other half elects a leader of its own. That both halves confirm, or that
    // what one has confirmed is missing where the other is established, is for the invariants to see.
    for seed in 0..10 {
        let (mut world, places) = group_with_disks(seed, 4);
        world.crash(places[1]);
        world.say(places[2], 10);
        world.run(ms(300 + seed * 20));
        world.rules(Rule::split(&[places[0]], &places[2..], for_(secs(20))));
        for _ in 0..8 {
            for place in &places {
                world.say(*place, 10);
            }
            world.run(secs(1));
        }
        let halves = [places[0], places[2]].map(|place| has_quorum(&world, place));
        assert!(halves != [true; 2], "seed {seed}: one side at most");
        world.run(secs(13));
        must_end_well(&mut world);
        must_confirm_all(&mut world);
    }
}

#[test]
fn rethinkdb_remove_wipe_readd() {
    for seed in 0..5 {
        let (mut world, places) = group_with_disks(seed, 3);
        for round in 0..3 {
            // It is removed, comes back without what it promised, and is made a voter again, while another is out of reach.
            let wiped = places[2 - round % 2];
            world.restart(wiped, Identity::Lost, secs(7));
            talk(&mut world, secs(8));
            let other = places[1 + round % 2];
            world.rules(Rule::split(&[other], &[places[0], wiped], for_(secs(6))));
            talk(&mut world, secs(12));
        }
        must_end_well(&mut world);
        must_confirm_all(&mut world);
    }
}

#[test]
fn kafka_kip966_last_replica_power_loss() {
    for seed in 0..10 {
        let (mut world, places) = group_with_disks(seed, 3);
        world.restart(places[2], Identity::Kept, secs(30));
        world.run(secs(12));
        world.restart(places[1], Identity::Kept, secs(18));
        world.run(secs(12));
        world.say(places[0], 10);
        world.run(ms(100));
        let last = confirmed(&world, places[0]);
        world.restart_after_power_cut(places[0], Identity::Kept, secs(14));
        world.run(secs(13));
        // Two of the three that once voted are back; what the last one confirmed alone they do not have.
        assert!(places[1..].iter().all(|place| confirmed(&world, *place) < last), "seed {seed}");
        world.run(secs(4));
        must_end_well(&mut world);
        must_confirm_all(&mut world);
        assert!(confirmed(&world, places[1]) >= last, "seed {seed}: what was confirmed by one alone is on its disk");
    }
}

#[test]
fn mongodb_priority_takeover_stale_log() {
    for seed in 0..5 {
        let (mut world, places) = group_with_disks(seed, 3);
        let first = world.place();
        world.start(&Start { priority: 9, ..Start::joining(first, &places[..1]) });
        world.run(secs(10));
        assert_eq!(world.leader(), Some(first));
        world.rules(Rule::split(&[first], &places, for_(secs(8))));
        for _ in 0..200 {
            world.say(places[0], 1000);
            world.run(ms(30));
        }
        world.run(secs(2));
        let before = confirmed(&world, places[0]);
        world.run_until(secs(20), ms(50), |world| world.leader() == Some(first)).expect("it leads again");
        must_confirm_all(&mut world);
        assert!(confirmed(&world, first) >= before, "seed {seed}: it leads with what was confirmed without it");
        must_end_well(&mut world);
    }
}

#[test]
fn skeen_last_to_fail() {
    // Whoever failed last knows what was confirmed; the others wait for enough of those that voted to the end.
    for (seed, order) in orders(5).into_iter().enumerate() {
        let mut world = World::new(seed as u64);
        world.give_disks(1.0);
        let places = world.group_of(5);
        world.run(secs(16));
        for (at, place) in places.iter().rev().enumerate() {
            let back = order.iter().position(|one| *one == at).expect("all come back");
            let left = 4 - at as u64;
            world.restart(*place, Identity::Kept, secs(7 * left + 2 + back as u64));
            world.say(places[0], 10);
            world.run(secs(7));
        }
        world.run(secs(8));
        must_end_well(&mut world);
        must_confirm_all(&mut world);
        assert_eq!(world.running().len(), 5);
        assert!(has_quorum(&world, places[0]));
    }
}

/// Every order of so many things.
fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(count - 1);
    let inserted = |order: &Vec<usize>, at: usize| {
        let mut order = order.clone();
        order.insert(at, count - 1);
        order
    };
    shorter.iter().flat_map(|order| (0..count).map(|at| inserted(order, at)).collect::<Vec<_>>()).collect()
}

#[test]
fn a_learner_leads_after_a_tie_breaker_that_left_while_the_other_voters_disk_hung() {
    for seed in 0..10 {
        let mut world = World::new(seed);
        world.give_disks(1.0);
        let places: Vec<Place> = world.group_of(2);
        world.run(secs(4));
        let third = world.place();
        world.hang_disk(places[1], secs(6));
        world.start(&Start { priority: 9, ..Start::joining(third, &places[..1]) });
        world.run(ms(200 + seed * 20));
        world.say(places[0], 10);
        world.leave(places[0]);
        world.run(secs(8));
        assert!(world.mind(places[0]).is_none());
        let before = confirmed(&world, third);
        assert!(world.say(third, 10).is_some());
        world.run(secs(4));
        assert_eq!(world.leader(), Some(third));
        must_confirm_all(&mut world);
        assert!(confirmed(&world, third) > before, "seed {seed}: confirming resumes");
        must_end_well(&mut world);
    }
}
