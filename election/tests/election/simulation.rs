//! Whole groups through random faults: what is promised holds in every run.
//!
//! `ELECTION_SEEDS=100000 cargo test -p election --release --test election` runs more of them, and
//! `ELECTION_SEED=17` the one that failed, with all that happened in it.

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use crate::sim::{Id, MS, VIEW_DELAY, World};
use election::{Config, Message, Rank};
use rand::RngExt;

/// Enough to meet each kind of fault some dozens of times, in a few seconds unoptimized.
const SEEDS: u64 = 100;

/// Not more than the messages, timers and views of a run are late, together.
const SLACK: u64 = 200 * MS;

#[test]
fn a_component_that_stays_the_same_follows_its_highest_ready_member_within_the_promised_time() {
    for_each_seed(|world| {
        let end = world.now + world.rng.random_range(2_000 * MS..15_000 * MS);
        world.suffer_until(end);
        world.recover();
        world.run_for(VIEW_DELAY + promised(&world.config) + SLACK);
        assert_agreed(world);
        assert_stays_so(world);
    });
}

#[test]
fn a_group_that_members_join_settles_too() {
    for_each_seed(|world| {
        world.admits = true;
        let end = world.now + world.rng.random_range(2_000 * MS..15_000 * MS);
        world.suffer_until(end);
        world.recover();
        // Peers admitted again have other ranks, and must catch up: the time is counted from then.
        for _ in 0..20 {
            world.run_for(100 * MS);
            world.admit();
        }
        world.run_for(promised(&world.config));
        world.admit();
        world.run_for(1_000 * MS + promised(&world.config) + SLACK);
        assert_agreed(world);
        assert_stays_so(world);
    });
}

#[test]
fn an_uncontested_election_costs_n_minus_1_messages_whatever_the_delays() {
    for_each_seed(|world| {
        world.run_for(promised(&world.config));
        let leader = world.alive().into_iter().find(|id| world.peers[id].bully.is_leader());
        world.sent.clear();
        world.crash(leader.expect("the group is at rest"));
        world.run_for(2 * VIEW_DELAY);
        assert_agreed(world);
        // A beat of the dead leader that was under way may still be answered.
        let is_apart = |message: &Message<Id>| matches!(message, Message::Heartbeat { .. } | Message::Answer { .. });
        let sent = world.sent.iter().filter(|(_, _, message)| !is_apart(message));
        assert_eq!(sent.count(), world.alive().len() - 1);
    });
}

fn promised(config: &Config) -> u64 {
    let time = config.timeout + config.heartbeat + 3 * config.answer_timeout() + config.hold_max;
    u64::try_from(time.as_micros()).expect("a short time")
}

fn assert_agreed(world: &World) {
    for id in world.alive() {
        let island = world.peers[&id].island;
        let ready: Vec<Rank<Id>> = world
            .peers
            .values()
            .filter(|peer| peer.alive && peer.island == island)
            .filter(|peer| peer.fit && peer.caught_up && !peer.leaving)
            .filter_map(|peer| peer.bully.rank())
            .collect();
        let peer = &world.peers[&id];
        if let Some(highest) = ready.iter().max()
            && peer.bully.rank().is_some()
        {
            assert_eq!(peer.bully.leader(), Some(highest.peer), "as {id} sees it");
        }
    }
}

fn assert_stays_so(world: &mut World) {
    let ready = |world: &World, id: Id| {
        let peer = &world.peers[&id];
        peer.fit && peer.caught_up && !peer.leaving && peer.bully.rank().is_some()
    };
    let led: Vec<u32> =
        world.alive().into_iter().filter(|&id| ready(world, id)).map(|id| world.peers[&id].island).collect();
    let before: Vec<_> =
        world.alive().iter().map(|id| (*id, world.peers[id].bully.leader(), world.peers[id].bully.epoch())).collect();
    world.run_for(15_000 * MS);
    for (id, leader, epoch) in before {
        let peer = &world.peers[&id];
        if led.contains(&peer.island) {
            assert_eq!((peer.bully.leader(), peer.bully.epoch()), (leader, epoch), "as {id} saw it");
        }
    }
}

fn for_each_seed(run: impl Fn(&mut World)) {
    let number = |name| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("ELECTION_SEED") {
        let mut world = group(seed);
        world.log = Some(Vec::new());
        let outcome = catch_unwind(AssertUnwindSafe(|| run(&mut world)));
        world.log.iter().flatten().for_each(|line| println!("{line}"));
        outcome.unwrap_or_else(|panic| resume_unwind(panic));
        return;
    }
    for seed in 0..number("ELECTION_SEEDS").unwrap_or(SEEDS) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(&mut group(seed)))) {
            eprintln!("the run with ELECTION_SEED={seed} failed");
            resume_unwind(panic);
        }
    }
}

/// A group of two to nine members, some with a priority.
fn group(seed: u64) -> World {
    let config = if seed.is_multiple_of(2) {
        // The longest hold is the shortest, so the promised time has nothing to spare.
        Config { hold_max: Config::default().hold, ..Config::default() }
    } else {
        Config {
            heartbeat: Duration::from_millis(100),
            timeout: Duration::from_millis(500),
            hold: Duration::from_secs(1),
            hold_max: Duration::from_secs(8),
        }
    };
    let mut sizes = World::new(seed, config.clone());
    let size = sizes.rng.random_range(2..=9);
    let priorities: Vec<u16> = (0..size).map(|_| [0, 0, 0, 1, 2][sizes.rng.random_range(0..5)]).collect();
    World::founded(seed, config, &priorities, 3_000 * MS)
}
