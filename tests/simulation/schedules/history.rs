//! What is confirmed: with and without disks, when voters die, come back or leave.

use std::time::Duration;

use mesh_tests::sim::{Identity, Place, Rule, World};

use super::{confirmed, for_, group_with_disks, has_quorum, ms, must_confirm_all, must_end_well, secs, talk};

#[test]
fn kill_two_of_three_at_once_with_disks() {
    for seed in 0..5 {
        let (mut world, places) = group_with_disks(seed, 3);
        world.restart(places[0], Identity::Kept, secs(8));
        world.restart(places[1], Identity::Kept, secs(8));
        world.run(ms(500));
        let before = confirmed(&world, places[2]);
        assert!(world.say(places[2], 10).is_some(), "it chats on");
        world.run(secs(6));
        assert!(!has_quorum(&world, places[2]));
        assert_eq!(confirmed(&world, places[2]), before, "one of three confirms nothing");
        world.run(secs(5));
        must_end_well(&mut world);
        must_confirm_all(&mut world);
        assert!(confirmed(&world, places[2]) > before);
    }
}

#[test]
fn juniors_first_one_by_one_confirm_to_the_last() {
    for seed in 0..5 {
        let mut world = World::new(seed);
        let mut places = world.group_of(5);
        world.run(secs(20));
        while places.len() > 1 {
            world.crash(places.pop().expect("more than one"));
            // The other voter of two may come back: whoever is left is in no hurry.
            world.run(secs(12));
            world.say(places[0], 10);
            world.run(secs(1));
            must_confirm_all(&mut world);
            assert!(has_quorum(&world, places[0]));
        }
    }
}

#[test]
fn leader_first_the_last_chats_unconfirmed_until_a_takeover() {
    for seed in 0..5 {
        let mut world = World::new(seed);
        let mut places = world.group_of(4);
        world.run(secs(16));
        while places.len() > 1 {
            world.crash(places.remove(0));
            world.run(secs(12));
        }
        let last = places[0];
        assert!(!has_quorum(&world, last), "the tie-breaker of two is gone");
        let before = confirmed(&world, last);
        assert!(world.say(last, 10).is_some());
        world.run(secs(3));
        assert_eq!(confirmed(&world, last), before);
        assert!(world.takeover(last));
        world.run(secs(4));
        assert!(has_quorum(&world, last) && confirmed(&world, last) > before);
        must_confirm_all(&mut world);
        must_end_well(&mut world);
    }
}

#[test]
fn takeover_on_both_sides() {
    for seed in 0..5 {
        let mut world = World::new(seed);
        let places = world.group_of(4);
        world.run(secs(16));
        world.rules(Rule::split(&places[..2], &places[2..], for_(secs(30))));
        world.run(secs(3));
        for side in [places[0], places[2]] {
            world.takeover(side);
        }
        talk(&mut world, secs(10));
        let before = world.coverage().switches;
        world.run(secs(20));
        must_end_well(&mut world);
        must_confirm_all(&mut world);
        assert!(world.coverage().switches > before, "one side's places give way to the other's");
    }
}

#[test]
fn robustirc_raft503_disk_hang() {
    for seed in 0..5 {
        let (mut world, places) = group_with_disks(seed, 3);
        world.hang_disk(places[0], secs(20));
        world.say(places[1], 10);
        world.run(secs(4));
        assert_eq!(world.leader(), Some(places[1]), "whose disk hangs lets another lead");
        must_have_confirmed(&world, places[1]);
        world.run(secs(17));
        must_end_well(&mut world);
        must_confirm_all(&mut world);
    }
}

fn must_have_confirmed(world: &World, place: Place) {
    let waiting = world.mind(place).map_or(0, |mind| mind.unconfirmed());
    assert_eq!(waiting, 0, "the others confirm without it");
}

#[test]
fn shrink_with_lines_in_flight() {
    // Half of two goes on by the tie-breaker; of four both dead ones may also be seen one after the other.
    for (seed, size) in (0..20).flat_map(|seed| [(seed, 2), (seed, 4)]) {
        let mut world = World::new(seed);
        let places = world.group_of(size);
        world.run(secs(16));
        let (stay, die) = places.split_at(size / 2);
        for _ in 0..5 {
            world.say(stay[stay.len() - 1], 10);
        }
        die.iter().for_each(|place| world.crash(*place));
        for _ in 0..5 {
            world.say(places[0], 10);
            world.run(ms(100));
        }
        world.run(Duration::from_secs(12));
        must_confirm_all(&mut world);
        must_end_well(&mut world);
        assert!(size > 2 || world.coverage().tie_broken > 0);
    }
}

#[test]
fn leaving_tie_breaker_of_two() {
    for seed in 0..10 {
        let mut world = World::new(seed);
        let places = world.group_of(2);
        world.run(secs(3));
        world.leave(places[0]);
        world.run(secs(2));
        assert!(world.mind(places[0]).is_none(), "it is gone within two seconds");
        world.say(places[1], 10);
        world.run(secs(1));
        assert!(has_quorum(&world, places[1]), "it left the group to the other");
        must_confirm_all(&mut world);
    }
}

#[test]
fn openraft_wiped_voter() {
    for seed in 0..5 {
        let (mut world, places) = group_with_disks(seed, 3);
        talk(&mut world, secs(4));
        // Without its disk it is somebody else: it has promised nothing, and votes when it was made a voter.
        world.restart(places[2], Identity::Lost, ms(100));
        talk(&mut world, secs(10));
        must_end_well(&mut world);
        must_confirm_all(&mut world);
    }
}
