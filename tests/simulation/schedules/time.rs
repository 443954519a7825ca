//! Processes that are stopped or slow, links that are, and clocks that are wrong.

use mesh_tests::sim::{Rule, TIMEOUT, Verdict, Who, World};

use super::{Calm, for_, ms, must_end_well, secs, talk};

#[test]
fn stop_leader_then_continue() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        let places = world.group_of(5);
        world.pause(places[0]);
        world.run(TIMEOUT * 2);
        assert!(places[1..].iter().all(|place| world.leader_of(*place) == Some(places[1])));
        let epoch = world.epoch(places[1]);
        world.resume(places[0]);
        assert!(!world.mind(places[0]).expect("it runs").believes_to_lead(), "it suspects itself before anything else");
        let mut claimed = false;
        world.run_until(secs(1), ms(5), |world| world.leader_of(places[0]) == Some(places[1]));
        for _ in 0..200 {
            world.run(ms(5));
            claimed |= world.epoch(places[0]) > epoch;
        }
        assert!(!claimed, "seed {seed}: it follows whoever leads, until it has been back for a while");
        must_end_well(&mut world);
        assert_eq!(world.leader(), Some(places[0]));
    }
}

#[test]
fn leader_stopped_beside_killed_bystander() {
    for seed in 0..10 {
        let mut world = World::new(seed);
        let places = world.group_of(5);
        world.pause(places[0]);
        world.crash(places[3]);
        world.run(secs(3));
        for place in [1, 2, 4] {
            assert_eq!(world.leader_of(places[place]), Some(places[1]));
        }
        world.resume(places[0]);
        must_end_well(&mut world);
    }
}

#[test]
fn consul_916_overloaded_observer() {
    for seed in 0..5 {
        let mut world = World::new(seed);
        let places = world.group_of(5);
        let (calm, epoch) = (Calm::of(&world), world.epoch(places[0]));
        for _ in 0..30 {
            world.pause(places[4]);
            world.run(ms(700));
            world.resume(places[4]);
            world.run(ms(50));
        }
        calm.must_last(&world);
        assert_eq!(world.epoch(places[0]), epoch, "who is slow makes no other look dead");
        must_end_well(&mut world);
    }
}

#[test]
fn etcd_3777_snapshot_starves_heartbeat() {
    // Half a megabyte a second towards two members, and twice as much said at once as is taken in a timeout.
    let mut world = World::new(1);
    let places = world.group_of(4);
    let calm = Calm::of(&world);
    let slow = Who::Of(places[2..].to_vec());
    world.rule(Rule::new(Who::All, slow, for_(secs(30)), Verdict::Throttle(512 << 10)));
    for _ in 0..18 {
        world.say(places[0], 60_000);
    }
    world.run(secs(20));
    calm.must_last(&world);
    must_end_well(&mut world);
    calm.must_last(&world);
}

#[test]
fn a_link_that_takes_too_little_is_taken_down_and_what_it_did_not_take_comes_round() {
    let mut world = World::new(1);
    let places = world.group_of(4);
    let calm = Calm::of(&world);
    world.rule(Rule::new(Who::One(places[0]), Who::One(places[3]), for_(secs(4)), Verdict::Throttle(20_000)));
    for _ in 0..10 {
        world.say(places[0], 60_000);
    }
    let ended = |world: &World| !world.is_linked(places[0], places[3]);
    let took = world.run_until(secs(3), ms(5), ended).expect("its queue is behind for the timeout");
    assert!(took >= TIMEOUT, "{took:?}");
    world.run(secs(6));
    must_end_well(&mut world);
    calm.must_last(&world);
}

#[test]
fn flapping_top_rank() {
    let mut world = World::new(1);
    let places = world.group_of(5);
    let calm = Calm::of(&world);
    for _ in 0..100 {
        let others = Who::But(vec![places[0]]);
        world.rule(Rule::new(Who::One(places[0]), others.clone(), for_(ms(300)), Verdict::Drop));
        world.rule(Rule::new(others, Who::One(places[0]), for_(ms(300)), Verdict::Drop));
        world.run(ms(600));
    }
    calm.must_last(&world);
    must_end_well(&mut world);
}

#[test]
fn a_top_rank_that_is_lost_again_and_again_moves_the_lead_seldom() {
    let mut world = World::new(1);
    let places = world.group_of(5);
    let (mut leader, mut moves) = (world.leader_of(places[2]), 0);
    for _ in 0..20 {
        world.rules(Rule::split(&places[..1], &places[1..], for_(ms(1500))));
        for _ in 0..300 {
            world.run(ms(10));
            let now = world.leader_of(places[2]);
            moves += u32::from(now.is_some() && now != leader);
            leader = now.or(leader);
        }
    }
    assert!(moves <= 3, "{moves} moves of the lead in a minute");
    must_end_well(&mut world);
    assert_eq!(world.leader(), Some(places[0]));
}

#[test]
fn clock_jump() {
    let mut world = World::new(1);
    let places = world.group_of(5);
    let calm = Calm::of(&world);
    for (at, hours) in [(0, 24 * 365), (0, -48 * 365), (1, -24), (2, 24), (0, 1)] {
        world.jump_clock(places[at], hours * 3_600_000);
        talk(&mut world, secs(6));
    }
    calm.must_last(&world);
    must_end_well(&mut world);
    calm.must_last(&world);
}
