//! Random schedules for whole groups: processes that start, end, stop and leave, links that break, and what is said
//! meanwhile. When the faults are over, everything must come to rest as promised.
//!
//! `GROUP_SEEDS` is how many seeds are run, `GROUP_SEED` the first of them, by itself the only one; with `GROUP_TRACE`
//! what happens is written out.

mod checks;
mod network;
mod plan;
mod process;
mod record;
mod world;

use std::time::Duration;

use self::plan::Plan;
use self::world::World;

/// How many seeds are run by default: a few seconds in a debug build.
const SEEDS: u64 = 40;

/// Says which seed failed.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed with GROUP_SEED={}", self.0);
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn whatever_happens_a_group_comes_to_rest_as_one() {
    let first = number("GROUP_SEED");
    let seeds = number("GROUP_SEEDS").unwrap_or(if first.is_some() { 1 } else { SEEDS });
    for seed in first.unwrap_or(0)..first.unwrap_or(0) + seeds {
        let _seed = Seed(seed);
        let mut world = World::new(seed);
        let mut plan = Plan::new(&mut world);
        plan.faults(&mut world);
        plan.peace(&mut world);
        world.run(Duration::from_secs(10));
        plan.newcomer(&mut world);
        world.run(Duration::from_secs(10));
        world.record.unanswered = 0;
        plan.everybody_speaks_and_asks(&mut world);
        let frames = world.frames;
        world.run(Duration::from_secs(10));
        checks::few_frames(&world, world.frames - frames, 10);
        checks::all(&mut world);
    }
}
