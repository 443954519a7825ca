//! Members that end, by themselves or not, and groups that fall apart.

use mesh_tests::invariants::cost;
use mesh_tests::sim::{Rule, World};

use super::{for_, ms, must_end_well, secs, talk};

#[test]
fn kill_leader_until_one() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        let mut places = world.group_of(9);
        while places.len() > 1 {
            world.run(secs(2));
            world.forget_counts();
            world.crash(places.remove(0));
            world.say(places[places.len() - 1], 10);
            let led = |world: &World| world.leader() == Some(places[0]);
            let took = world.run_until(secs(1), ms(10), led).expect("somebody leads");
            assert!(took < ms(500), "with {} left it took {took:?}", places.len());
            world.settle().expect("what was said is confirmed, where it can be");
            assert_eq!(world.leader(), Some(places[0]), "of those that are left the oldest");
            if let Err(what) = cost::check(&world.counters().messages, places.len()) {
                world.fail(&what);
            }
        }
        must_end_well(&mut world);
    }
}

#[test]
fn kill_two_of_three_at_once() {
    // They must keep chatting; that they stop confirming waits for the log.
    let mut world = World::new(1);
    let places = world.group_of(3);
    world.crash(places[0]);
    world.crash(places[1]);
    world.run(ms(100));
    assert_eq!(world.leader(), Some(places[2]));
    assert!(world.say(places[2], 10).is_some());
    let again = [0; 2].map(|_| world.place());
    for place in again {
        world.start(&mesh_tests::sim::Start::joining(place, &[places[2]]));
    }
    talk(&mut world, secs(4));
    must_end_well(&mut world);
    assert_eq!(world.leader(), Some(places[2]));
}

#[test]
fn a_leader_that_leaves_hands_over_first() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        let places = world.group_of(5);
        // The founder alone votes at first, and later all five.
        world.run(secs(seed % 4 * 6));
        let before = world.commotion();
        world.leave(places[0]);
        let took = world.run_until(ms(200), ms(1), |world| world.mind(places[0]).is_none()).expect("it leaves at once");
        assert!(took < ms(150), "{took:?}");
        world.run(ms(150));
        for (place, (left, leaders)) in world.commotion() {
            assert_eq!(world.leader_of(place), Some(places[1]));
            let told = before[&place];
            assert_eq!((left - told.0, leaders - told.1), (1, 1), "{place} is told of one departure and one leader");
        }
        must_end_well(&mut world);
    }
}

#[test]
fn redis_sentinel_minority_primary() {
    for seed in 0..5 {
        let mut world = World::new(seed);
        let places = world.group_of(5);
        world.rules(Rule::split(&places[..2], &places[2..], for_(secs(20))));
        talk(&mut world, secs(19));
        assert!(places[..2].iter().all(|place| world.leader_of(*place) == Some(places[0])));
        assert!(places[2..].iter().all(|place| world.leader_of(*place) == Some(places[2])));
        world.run(secs(1));
        let met = world.run_until(secs(10), ms(10), |world| world.leader().is_some()).expect("they become one");
        assert!(met < secs(7), "{met:?}");
        must_end_well(&mut world);
        assert_eq!(
            world.leader(),
            Some(places[2]),
            "the minority was away for too long to keep its place in the order"
        );
    }
}

#[test]
fn a_power_cut_of_the_leader_is_noticed_by_its_silence() {
    let mut world = World::new(1);
    let places = world.group_of(5);
    world.power_off(places[0]);
    let took = world.settle().expect("somebody leads");
    assert_eq!(world.leader(), Some(places[1]));
    assert!(took < secs(8), "{took:?}: its silence is borne, and then its place kept for a while");
    must_end_well(&mut world);
}
