//! A person's word that others are dead, when they are not; and takeovers that come to nothing.

use mesh_tests::sim::{Mutation, Place, Rule, Start, World};
use node::group::Memory;

use super::{
    confirmed, for_, has_quorum, history_of, ms, must_be_of, must_confirm_all, must_end_well, must_keep_all, secs, talk,
};

type Ballot = Option<history::Ballot<transport::PeerId>>;

fn promised(world: &World, place: Place) -> Ballot {
    world.mind(place).and_then(|mind| mind.history().log().promised())
}

fn established(world: &World, place: Place) -> Ballot {
    world.mind(place).and_then(|mind| mind.history().log().established())
}

/// A group of so many that all vote.
fn voters(seed: u64, count: usize) -> (World, Vec<Place>) {
    let mut world = World::new(seed);
    let places = world.group_of(count);
    talk(&mut world, secs(4) * u32::try_from(count).expect("a few"));
    (world, places)
}

/// Two are apart from the others. The one takes over, and ends as soon as the other has promised.
fn dead_takeover(world: &mut World, others: &[Place], [taker, promiser]: [Place; 2]) -> Ballot {
    world.rules(Rule::split(others, &[taker, promiser], for_(secs(60))));
    let is_alone = |world: &World| {
        let led = [taker, promiser].iter().all(|place| world.leader_of(*place) == Some(taker));
        led && !has_quorum(world, taker)
    };
    world.run_until(secs(4), ms(10), is_alone).expect("they are apart");
    world.run(ms(300));
    let before = promised(world, promiser);
    assert!(world.takeover(taker));
    let step = ms(1) / 10;
    world.run_until(ms(100), step, |world| promised(world, promiser) > before).expect("it promises");
    world.crash(taker);
    let dead = promised(world, promiser);
    world.heal();
    dead
}

#[test]
fn raise_leader_cut_after_promises() {
    type Moment = fn(&World, Place) -> Ballot;
    for (seed, moment) in (0..5).flat_map(|seed| [(seed, promised as Moment), (seed, established)]) {
        let (mut world, places) = voters(seed, 5);
        let stands = history_of(&world, places[0]);
        let dead = dead_takeover(&mut world, &places[..3], [places[3], places[4]]);
        let step = ms(1) / 10;
        let above = |world: &World| moment(world, places[0]) > dead;
        world.run_until(secs(4), step, above).expect("it takes a ballot above that of the takeover");
        world.rules(Rule::split(&places[..1], &[places[1], places[2], places[4]], for_(secs(12))));
        let before = confirmed(&world, places[0]);
        talk(&mut world, secs(10));
        assert!(confirmed(&world, places[1]) > before + 3, "seed {seed}: three of five confirm");
        assert!(confirmed(&world, places[0]) <= before + 3, "seed {seed}: one alone does not");
        world.run(secs(3));
        must_end_well(&mut world);
        must_confirm_all(&mut world);
        must_be_of(&world, stands);
        must_keep_all(&world, &world.running());
    }
}

#[test]
fn sync_lost_status_arrives() {
    for seed in 0..5 {
        let (mut world, places) = voters(seed, 4);
        let stands = history_of(&world, places[0]);
        let dead = dead_takeover(&mut world, &places[..2], [places[2], places[3]]);
        world.mutate(Mutation::Swallow("Sync"));
        talk(&mut world, secs(3));
        assert!(established(&world, places[0]) > dead, "seed {seed}: it leads above the takeover");
        let waits = world.mind(places[0]).map_or(0, |mind| mind.unconfirmed());
        assert!(waits > 0, "seed {seed}: nobody has its log");
        world.mend();
        world.rules(Rule::split(&places[..1], &places[3..], for_(secs(4))));
        talk(&mut world, secs(5));
        must_end_well(&mut world);
        must_confirm_all(&mut world);
        must_be_of(&world, stands);
        must_keep_all(&world, &world.running());
    }
}

#[test]
fn takeover_then_old_quorum() {
    for (seed, dies) in (0..5).flat_map(|seed| [(seed, false), (seed, true)]) {
        let (mut world, places) = voters(seed, 5);
        let (old, taken) = places.split_at(3);
        let before = history_of(&world, places[0]);
        world.rules(Rule::split(old, taken, for_(secs(20))));
        world.run(secs(3));
        assert!(world.takeover(taken[0]));
        talk(&mut world, secs(10));
        let after = history_of(&world, taken[1]);
        assert_ne!(after, before, "seed {seed}");
        if dies {
            // Its tie-breaker is gone, and the other alone is no quorum.
            world.crash(taken[0]);
        }
        world.heal();
        talk(&mut world, secs(8));
        must_end_well(&mut world);
        must_confirm_all(&mut world);
        let (stands, keeps, loses) = if dies { (before, old, &taken[1..]) } else { (after, taken, old) };
        must_be_of(&world, stands);
        must_keep_all(&world, keeps);
        assert!(loses.iter().all(|place| world.unconfirmed(*place) > 0), "seed {seed}");
    }
}

#[test]
fn two_leaders_raise_at_once() {
    for seed in 0..10 {
        let (mut world, places) = voters(seed, 4);
        let sides = [&places[..2], &places[2..]];
        let before = history_of(&world, places[0]);
        world.rules(Rule::split(sides[0], sides[1], for_(secs(14))));
        world.run(secs(3));
        assert!(sides.iter().all(|side| world.takeover(side[0])), "seed {seed}");
        world.run(secs(1));
        let histories = sides.map(|side| history_of(&world, side[0]));
        assert!(histories[0] != histories[1] && !histories.contains(&before), "seed {seed}");
        talk(&mut world, secs(10));
        must_end_well(&mut world);
        must_confirm_all(&mut world);
        let stood = histories.iter().position(|history| *history == history_of(&world, places[0]));
        let stood = stood.expect("one of the two stands");
        must_keep_all(&world, sides[stood]);
        assert!(sides[1 - stood].iter().all(|place| world.unconfirmed(*place) > 0), "seed {seed}");
    }
}

#[test]
fn snapshot_older_than_the_fork() {
    let mut snapshots = 0;
    for (seed, long) in (0..5).flat_map(|seed| [(seed, 1), (seed, 12)]) {
        let mut world = World::new(seed);
        world.set_memory(Memory { entries: 2, snapshot: 8 });
        let places = world.group_of(4);
        talk(&mut world, secs(16));
        world.rules(Rule::split(&places[..2], &places[2..], for_(secs(40))));
        world.run(secs(3));
        talk(&mut world, secs(long));
        assert!(world.takeover(places[2]));
        world.run(secs(1));
        let stands = history_of(&world, places[2]);
        let before = world.coverage().snapshots;
        world.heal();
        talk(&mut world, secs(6));
        must_end_well(&mut world);
        must_confirm_all(&mut world);
        must_be_of(&world, stands);
        must_keep_all(&world, &places[2..]);
        let tables = |place: &Place| world.mind(*place).map(|mind| mind.history().log().applied().clone());
        assert!(places.iter().all(|place| tables(place) == tables(&places[2])), "seed {seed}");
        snapshots += world.coverage().snapshots - before;
    }
    assert!(snapshots > 0, "nobody needed a snapshot");
}

#[test]
fn welcome_just_before_a_raise() {
    for (seed, before) in (0..5).flat_map(|seed| [0, 2, 5, 20, 100].map(|before| (seed, before))) {
        let (mut world, places) = voters(seed, 4);
        let next = world.place();
        world.rules(Rule::split(&places[..2], &[places[2], places[3], next], for_(secs(20))));
        world.run(secs(3));
        world.start(&Start::joining(next, &places[2..3]));
        let is_member = |world: &World| world.mind(next).is_some_and(|mind| mind.is_member());
        world.run_until(secs(4), ms(1), is_member).expect("it is welcomed");
        world.run(ms(before));
        assert!(world.takeover(places[2]));
        talk(&mut world, secs(8));
        assert_eq!(history_of(&world, next), history_of(&world, places[2]));
        must_keep_all(&world, &[next, places[2], places[3]]);
        assert_eq!(confirmed(&world, next), confirmed(&world, places[2]), "seed {seed}");
        world.run(secs(12));
        must_end_well(&mut world);
        must_confirm_all(&mut world);
        must_keep_all(&world, &[next, places[2], places[3]]);
    }
}
