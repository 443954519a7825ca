//! Every schedule of the protocol's section 7, by its name, which says what it comes from; `thousand_join_at_once` is among the
//! large runs.
//!
//! On top of what each expects, all [invariants](mesh_tests::invariants) are looked at after every step.

mod bounds;
mod deaths;
mod history;
mod joining;
mod meetings;
mod partial;
mod quorums;
mod snapshots;
mod takeovers;
mod time;

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use ::history::Regime;
use mesh_tests::sim::{Place, World};
use transport::PeerId;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// From this moment on.
fn for_(time: Duration) -> Range<Duration> {
    Duration::ZERO..time
}

/// Lets time pass, while everybody says a line every other second.
fn talk(world: &mut World, time: Duration) {
    let mut left = time;
    while !left.is_zero() {
        for place in world.running() {
            world.say(place, 10);
        }
        let pause = left.min(secs(2));
        world.run(pause);
        left -= pause;
    }
}

/// A group of which all have disks, and which has had the time to make voters of all.
fn group_with_disks(seed: u64, count: usize) -> (World, Vec<Place>) {
    let mut world = World::new(seed);
    world.give_disks(1.0);
    let places = world.group_of(count);
    world.run(secs(4) * u32::try_from(count).expect("a few"));
    (world, places)
}

fn confirmed(world: &World, place: Place) -> u64 {
    world.mind(place).map_or(0, |mind| mind.confirmed())
}

fn has_quorum(world: &World, place: Place) -> bool {
    world.mind(place).is_some_and(|mind| mind.has_quorum())
}

/// Which history somebody's log is of.
fn history_of(world: &World, place: Place) -> Option<Regime<PeerId>> {
    world.mind(place).and_then(|mind| mind.history().log().regime())
}

/// Everybody's log is of this history.
fn must_be_of(world: &World, history: Option<Regime<PeerId>>) {
    for place in world.running() {
        if history_of(world, place) != history {
            world.fail(&format!("{place} is not of {history:?}"));
        }
    }
}

/// None of these was told that a line lost its place.
fn must_keep_all(world: &World, places: &[Place]) {
    for place in places {
        if world.unconfirmed(*place) > 0 {
            world.fail(&format!("{place} was told of lines that lost their places"));
        }
    }
}

/// Nothing waits to be confirmed, and everybody has confirmed as much.
fn must_confirm_all(world: &mut World) {
    let all = |world: &World| {
        let places = world.running();
        places.iter().all(|place| {
            let waiting = world.mind(*place).map_or(0, |mind| mind.unconfirmed());
            waiting == 0 && confirmed(world, *place) == confirmed(world, places[0])
        })
    };
    if world.run_until(secs(20), ms(50), all).is_none() {
        world.fail("something is not confirmed everywhere");
    }
}

/// Whatever goes on in the network: nobody is told of another leader, nor that anybody leaves.
struct Calm(BTreeMap<Place, (u32, u32)>);

impl Calm {
    fn of(world: &World) -> Self {
        Self(world.commotion())
    }

    fn must_last(&self, world: &World) {
        let after = world.commotion();
        for (place, told) in &self.0 {
            if after.get(place) != Some(told) {
                world.fail(&format!(
                    "{place} was told of {told:?} departures and leaders, then of {:?}",
                    after.get(place)
                ));
            }
        }
    }
}

/// At the end of all: one group, which has heard everything.
fn must_end_well(world: &mut World) {
    world.heal();
    world.must_settle();
    if let Err(what) = world.all_heard() {
        world.fail(&what);
    }
}
