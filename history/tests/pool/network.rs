//! Pools in a network that loses, delays, cuts, pauses and restarts, from a seed.
//!
//! `POOL_SEEDS=5000 cargo test -p history network` runs more; `POOL_SEED=17` runs one again.

mod check;
mod sim;

use std::time::Duration;

use sim::Sim;

const SEEDS: u64 = 150;

#[test]
fn pools_agree_after_any_faults() {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let seeds = match number("POOL_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("POOL_SEEDS").unwrap_or(SEEDS),
    };
    for seed in seeds {
        let run = std::panic::catch_unwind(|| run(seed));
        assert!(run.is_ok(), "again with POOL_SEED={seed}");
    }
}

fn run(seed: u64) {
    let mut sim = Sim::new(seed);
    for _ in 0..250 {
        sim.fault();
        sim.talk();
        sim.step();
    }
    sim.heal();
    sim.pass(Duration::from_secs(60));
    let lines = sim.lines_delivered();
    sim.pass(Duration::from_secs(5));
    if !sim.table_overflows() {
        sim.assert_converged();
        assert_eq!(sim.lines_delivered(), lines, "equal pools send only digests");
    }
}
