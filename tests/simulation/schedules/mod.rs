//! Every schedule of the protocol's section 7 that does not need the history, by its name, which says what it comes from.
//!
//! Those that wait for the log and the disk: `dlv_4_to_3_disjoint_quorums`, `rethinkdb_remove_wipe_readd`, `openraft_wiped_voter`,
//! `kafka_kip966_last_replica_power_loss`, `robustirc_raft503_disk_hang`, `mongodb_priority_takeover_stale_log`,
//! `shrink_with_lines_in_flight`, `leaving_tie_breaker_of_two`, `takeover_on_both_sides`, `skeen_last_to_fail`.
//! `thousand_join_at_once` is among the large runs.
//!
//! On top of what each expects, all [invariants](mesh_tests::invariants) are looked at after every step.

mod deaths;
mod history;
mod joining;
mod partial;
mod time;

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use mesh_tests::sim::{Place, World};

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
