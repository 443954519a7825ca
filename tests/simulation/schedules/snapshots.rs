//! Logs that nobody has whole any longer: what a snapshot carries to a member, and what becomes of it afterwards.

use mesh_tests::sim::{Place, Rule, Start, World};
use node::ProposalState;
use node::group::Memory;

use super::{confirmed, for_, ms, must_confirm_all, must_end_well, secs, talk};

/// So many members that keep next to nothing in memory.
fn forgetful(seed: u64, count: usize, disks: f64) -> (World, Vec<Place>) {
    let mut world = World::new(seed);
    world.give_disks(disks);
    world.set_memory(Memory { entries: 2, snapshot: 3 });
    let places = world.group_of(count);
    world.run(secs(8));
    (world, places)
}

fn joins(world: &mut World, via: Place) -> Place {
    let place = world.place();
    world.start(&Start::joining(place, &[via]));
    world.run(secs(3));
    place
}

/// How the first proposal stands, at everybody.
fn states(world: &World) -> Vec<Option<ProposalState>> {
    let minds = world.running().into_iter().filter_map(|place| world.mind(place));
    minds.map(|mind| mind.proposals().first().map(|proposal| proposal.state)).collect()
}

fn tables(world: &World) -> Vec<history::Applied> {
    let minds = world.running().into_iter().filter_map(|place| world.mind(place));
    minds.map(|mind| mind.history().log().applied().clone()).collect()
}

#[test]
fn a_newcomer_is_given_a_snapshot_with_proposals_and_the_exactly_once_table() {
    for seed in 0..5 {
        let (mut world, places) = forgetful(seed, 3, 0.0);
        world.propose(places[1]);
        world.run(secs(1));
        places.iter().for_each(|place| world.vote(*place, 1));
        talk(&mut world, secs(6));
        let before = world.coverage();
        let newcomer = joins(&mut world, places[1]);
        let after = world.coverage();
        assert!(after.snapshots > before.snapshots, "seed {seed}");
        assert!(after.snapshots_with_proposals > before.snapshots_with_proposals, "seed {seed}");
        must_end_well(&mut world);
        must_confirm_all(&mut world);
        assert_eq!(states(&world), [Some(ProposalState::Accepted); 4]);
        assert_eq!(tables(&world), vec![tables(&world)[0].clone(); 4]);
        assert_eq!(confirmed(&world, newcomer), confirmed(&world, places[0]));
    }
}

#[test]
fn whoever_was_away_finds_in_a_snapshot_what_became_of_a_proposal() {
    for seed in 0..5 {
        let (mut world, places) = forgetful(seed, 5, 0.0);
        world.propose(places[1]);
        world.run(secs(1));
        assert_eq!(states(&world), [Some(ProposalState::Open); 5]);
        // Silent for less than it takes to be dropped.
        let before = world.coverage().snapshots;
        world.rules(Rule::split(&places[4..], &places[..4], for_(ms(1800))));
        world.run(ms(1100));
        for place in &places[..4] {
            for _ in 0..3 {
                world.say(*place, 10);
            }
        }
        world.run(secs(6));
        assert!(world.coverage().snapshots > before, "seed {seed}");
        must_end_well(&mut world);
        must_confirm_all(&mut world);
        assert_eq!(tables(&world), vec![tables(&world)[0].clone(); 5]);
        assert_eq!(states(&world), vec![states(&world)[0]; 5]);
    }
}

#[test]
fn a_newcomer_of_members_whose_disks_began_with_a_snapshot_is_given_one() {
    for seed in 0..5 {
        let (mut world, places) = forgetful(seed, 2, 0.0);
        talk(&mut world, secs(6));
        world.give_disks(1.0);
        let kept = joins(&mut world, places[0]);
        assert!(world.has_disk(kept));
        talk(&mut world, secs(6));
        // Those that had no disks are gone: what the newcomer lacks, nobody has whole.
        places.iter().for_each(|place| world.leave(*place));
        world.run(secs(8));
        let newcomer = joins(&mut world, kept);
        must_end_well(&mut world);
        must_confirm_all(&mut world);
        assert!(confirmed(&world, newcomer) > 5, "seed {seed}");
        assert_eq!(tables(&world), vec![tables(&world)[0].clone(); 2]);
    }
}

#[test]
fn two_groups_that_were_founded_apart_and_have_forgotten_how_they_began_become_one() {
    for (seed, disks) in (0..10).flat_map(|seed| [(seed, 0.0), (seed, 1.0)]) {
        let mut world = World::new(seed);
        world.give_disks(disks);
        world.set_memory(Memory { entries: 2, snapshot: 3 });
        let sides: Vec<Vec<_>> = (0..2)
            .map(|_| {
                let places: Vec<_> = (0..2).map(|_| world.place()).collect();
                world.start(&Start::joining(places[0], &[]));
                world.run(ms(200));
                world.start(&Start::joining(places[1], &places[..1]));
                places
            })
            .collect();
        talk(&mut world, secs(12));
        let bridge = world.place();
        world.start(&Start::joining(bridge, &[sides[0][0], sides[1][0]]));
        must_end_well(&mut world);
        talk(&mut world, secs(4));
        must_end_well(&mut world);
        must_confirm_all(&mut world);
        assert_eq!(tables(&world), vec![tables(&world)[0].clone(); 5], "seed {seed}");
    }
}
