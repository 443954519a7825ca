//! Groups that were founded apart, and meet.

use mesh_tests::sim::{Place, Rule, Start, World};
use node::group::Memory;

use super::{confirmed, for_, history_of, must_be_of, must_confirm_all, must_end_well, must_keep_all, secs, talk};

/// Groups that know nothing of each other, each of so many members; the first is the oldest.
fn founded(world: &mut World, sizes: &[usize]) -> Vec<Vec<Place>> {
    let groups: Vec<Vec<Place>> = sizes.iter().map(|size| (0..*size).map(|_| world.place()).collect()).collect();
    for group in &groups {
        found(world, group, &[]);
    }
    talk(world, secs(12));
    groups
}

/// Starts a group at these places; all but its founder dial others too.
fn found(world: &mut World, group: &[Place], others: &[Place]) {
    for (at, place) in group.iter().enumerate() {
        let via: Vec<Place> = group[..at.min(1)].iter().chain(&others[..others.len() * at.min(1)]).copied().collect();
        world.start(&Start::joining(*place, &via));
        world.run(secs(1));
    }
}

/// Somebody new, who reaches all of these.
fn bridge(world: &mut World, via: &[Place]) -> Place {
    let place = world.place();
    world.start(&Start::joining(place, via));
    place
}

#[test]
fn hazelcast_16732_freeze() {
    for (seed, (sleeper, disks)) in [(0, 0.0), (2, 0.0), (0, 1.0), (2, 1.0)].into_iter().enumerate() {
        let mut world = World::new(seed as u64);
        world.give_disks(disks);
        let mut others = world.group_of(3);
        talk(&mut world, secs(12));
        let sleeper = others.remove(sleeper);
        world.pause(sleeper);
        others.iter().for_each(|place| world.crash(*place));
        found(&mut world, &others, &[sleeper]);
        talk(&mut world, secs(12));
        let stands = history_of(&world, others[0]);
        let before = confirmed(&world, others[0]);
        world.resume(sleeper);
        talk(&mut world, secs(6));
        assert!(confirmed(&world, others[0]) > before, "the healthy two go on");
        must_end_well(&mut world);
        must_confirm_all(&mut world);
        must_be_of(&world, stands);
        must_keep_all(&world, &others);
        assert!(world.unconfirmed(sleeper) > 0, "it is told what it alone remembers as confirmed");
    }
}

#[test]
fn three_foundations() {
    for seed in 0..5 {
        let mut world = World::new(seed);
        let groups = founded(&mut world, &[3, 3, 2]);
        // Of the oldest one member is left.
        groups[0][1..].iter().for_each(|place| world.crash(*place));
        let stands = history_of(&world, groups[1][0]);
        bridge(&mut world, &[groups[0][0], groups[1][0], groups[2][0]]);
        talk(&mut world, secs(10));
        must_end_well(&mut world);
        must_confirm_all(&mut world);
        must_be_of(&world, stands);
        must_keep_all(&world, &groups[1]);
        assert!(world.unconfirmed(groups[2][0]) > 0, "seed {seed}");
        assert!(world.coverage().given_up >= 3, "the dead, and the smaller");
    }
}

#[test]
fn loser_quorum_returns() {
    for (seed, away) in [1, 6, 60].into_iter().enumerate() {
        let mut world = World::new(seed as u64);
        let groups = founded(&mut world, &[3, 4]);
        let (away_from, third) = (&groups[0][..2], groups[0][2]);
        let [theirs, ours] = [0, 1].map(|at| history_of(&world, groups[at][0]));
        let next = world.place();
        let others: Vec<_> = groups[1].iter().copied().chain([third, next]).collect();
        world.rules(Rule::split(away_from, &others, for_(secs(away))));
        world.start(&Start::joining(next, &[third, groups[1][0]]));
        talk(&mut world, secs(away));
        let now = history_of(&world, third);
        match away {
            1 => assert_eq!(now, theirs, "its voters may come back"),
            60 => assert_eq!(now, ours, "they do not"),
            _ => {}
        }
        talk(&mut world, secs(10));
        must_end_well(&mut world);
        must_confirm_all(&mut world);
        must_be_of(&world, ours);
        must_keep_all(&world, &groups[1]);
    }
}

#[test]
fn both_halves_meet_a_third() {
    for seed in 0..5 {
        let mut world = World::new(seed);
        let groups = founded(&mut world, &[4, 3]);
        let (first, second) = groups[0].split_at(2);
        let [theirs, ours] = [0, 1].map(|at| history_of(&world, groups[at][0]));
        let next = world.place();
        let others: Vec<_> = second.iter().chain(&groups[1]).copied().chain([next]).collect();
        world.rules(Rule::split(first, &others, for_(secs(20))));
        world.start(&Start::joining(next, &[second[0], groups[1][0]]));
        let before = confirmed(&world, first[0]);
        talk(&mut world, secs(18));
        assert_eq!((history_of(&world, second[0]), history_of(&world, second[1])), (ours, ours), "seed {seed}");
        assert_eq!(history_of(&world, first[0]), theirs);
        assert!(confirmed(&world, first[0]) > before, "the half with the tie-breaker goes on by itself");
        talk(&mut world, secs(10));
        must_end_well(&mut world);
        must_confirm_all(&mut world);
        must_be_of(&world, ours);
        must_keep_all(&world, &groups[1]);
    }
}

#[test]
fn minority_meets_minority_then_heals() {
    for seed in 0..5 {
        let mut world = World::new(seed);
        let groups = founded(&mut world, &[3, 3]);
        groups[0][1..].iter().for_each(|place| world.crash(*place));
        let (dead, healthy) = (groups[0][0], &groups[1]);
        let ours = history_of(&world, healthy[0]);
        let next = world.place();
        world.rules(Rule::split(&healthy[..2], &[healthy[2], dead, next], for_(secs(4))));
        world.start(&Start::joining(next, &[healthy[2], dead]));
        talk(&mut world, secs(4));
        assert_eq!(history_of(&world, healthy[2]), ours, "seed {seed}: it may yet have a quorum");
        world.run(secs(2));
        // What these two have confirmed without the third, it helps to keep.
        world.crash(healthy[0]);
        talk(&mut world, secs(8));
        must_end_well(&mut world);
        must_confirm_all(&mut world);
        must_be_of(&world, ours);
        must_keep_all(&world, &healthy[1..]);
    }
}

#[test]
fn roamer_between_two_quorums() {
    for seed in 0..5 {
        let mut world = World::new(seed);
        let groups = founded(&mut world, &[3, 3]);
        let roamer = world.place();
        world.rules(Rule::split(&groups[0], &groups[1], for_(secs(40))));
        let histories = [0, 1].map(|at| history_of(&world, groups[at][0]));
        for round in 0..4 {
            world.rules(Rule::split(&groups[1 - round % 2], &[roamer], for_(secs(10))));
            world.start(&Start::joining(roamer, &[groups[0][0], groups[1][0]]));
            let before = confirmed(&world, groups[round % 2][0]);
            talk(&mut world, secs(10));
            assert!(confirmed(&world, groups[round % 2][0]) > before);
            let now = [0, 1].map(|at| history_of(&world, groups[at][0]));
            assert_eq!(now, histories, "seed {seed}: both have a quorum, and know nothing of each other");
            groups.iter().for_each(|group| must_keep_all(&world, group));
        }
        talk(&mut world, secs(8));
        must_end_well(&mut world);
        must_confirm_all(&mut world);
        let stood = histories.iter().position(|history| *history == history_of(&world, roamer));
        must_keep_all(&world, &groups[stood.expect("one of the two stands")]);
    }
}

#[test]
fn session_half_in_the_loser() {
    for seed in 0..5 {
        let mut world = World::new(seed);
        world.set_memory(Memory { entries: 2, snapshot: 3 });
        let groups = founded(&mut world, &[2, 4]);
        for _ in 0..150 {
            world.say(groups[0][1], 10);
            world.run(secs(1) / 20);
        }
        bridge(&mut world, &[groups[0][0], groups[1][0]]);
        talk(&mut world, secs(8));
        must_end_well(&mut world);
        let before = confirmed(&world, groups[1][0]);
        assert!(world.say(groups[0][1], 10).is_some());
        world.run(secs(3));
        assert!(confirmed(&world, groups[1][0]) > before, "seed {seed}: its lines do not wait for what nobody has");
        must_confirm_all(&mut world);
        assert!(world.coverage().skips > 0, "seed {seed}");
        must_keep_all(&world, &groups[1]);
    }
}

#[test]
fn consent_decided_in_the_loser() {
    for seed in 0..5 {
        let mut world = World::new(seed);
        let groups = founded(&mut world, &[2, 3]);
        world.propose(groups[0][0]);
        world.run(secs(1));
        groups[0].iter().for_each(|place| world.vote(*place, 1));
        world.run(secs(2));
        let accepted = node::ProposalState::Accepted;
        let states = |world: &World, place: Place| {
            let proposals = world.mind(place).map(|mind| mind.proposals()).unwrap_or_default();
            proposals.into_iter().map(|proposal| (proposal.id, proposal.state)).collect::<Vec<_>>()
        };
        assert!(states(&world, groups[0][1]).iter().all(|(_, state)| *state == accepted));
        assert_eq!(states(&world, groups[0][1]).len(), 1, "seed {seed}");
        bridge(&mut world, &[groups[0][0], groups[1][0]]);
        talk(&mut world, secs(8));
        must_end_well(&mut world);
        must_confirm_all(&mut world);
        must_keep_all(&world, &groups[1]);
        for place in world.running() {
            assert_eq!(states(&world, place), states(&world, groups[1][0]), "seed {seed}: all say the same of it");
        }
    }
}
