//! Groups through random faults, from a seed.
//!
//! Some seeds are the same each time, some come from the clock. `LOG_SEEDS=5000 cargo test -p history faults` runs more of the
//! former; `LOG_SEED=17` runs one again, and with `LOG_SEEDS` so many from there on.

use std::time::{Duration, SystemTime};

use history::LogConfig;
use rand::RngExt;

use crate::check::Seen;
use crate::sim::Sim;

/// How many seeds are played by default that are the same each time.
const SEEDS: u64 = 300;

/// How many that nobody has played before.
const FRESH: u64 = 100;

const REPLAY: &str = "cargo test -p history --test log faults -- --nocapture";

/// The seeds to play.
#[allow(clippy::disallowed_methods)]
fn seeds() -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let count = number("LOG_SEEDS");
    if let Some(first) = number("LOG_SEED") {
        return (first..first + count.unwrap_or(1)).collect();
    }
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let first = u64::try_from(since.as_millis()).unwrap_or_default();
    println!("fresh seeds, to replay: LOG_SEED={first} LOG_SEEDS={FRESH} {REPLAY}");
    (0..count.unwrap_or(SEEDS)).chain(first..first + FRESH).collect()
}

#[test]
fn a_group_agrees_after_any_faults() {
    let mut seen = Vec::new();
    for seed in seeds() {
        let run = std::panic::catch_unwind(|| run(seed));
        seen.push(run.unwrap_or_else(|_| panic!("to replay: LOG_SEED={seed} {REPLAY}")));
    }
    let sum = |of: fn(&Seen) -> u32| seen.iter().map(of).sum::<u32>();
    println!(
        "{} runs: {} lines, {} configurations, {} restarts, {} snapshots, {} truncating syncs, {} live in two",
        seen.len(),
        sum(|seen| seen.lines),
        sum(|seen| seen.configs),
        sum(|seen| seen.restarts),
        sum(|seen| seen.snapshots),
        sum(|seen| seen.truncating_syncs),
        sum(|seen| seen.two_configurations)
    );
    if seen.len() >= 100 {
        for count in [
            sum(|seen| seen.truncating_syncs),
            sum(|seen| seen.two_configurations),
            sum(|seen| seen.restarts),
            sum(|seen| seen.states),
        ] {
            assert!(count > 0, "something never happened");
        }
    }
}

/// A fourth of the runs keeps little in memory, and half of those has no store.
fn config(seed: u64) -> LogConfig {
    match seed % 8 {
        0 => LogConfig { keep_entries: 20, snapshot_entries: 10, has_state: true, ..LogConfig::default() },
        1 => LogConfig {
            keep_entries: 20,
            snapshot_entries: 10,
            has_store: true,
            has_state: true,
            ..LogConfig::default()
        },
        _ => LogConfig::default(),
    }
}

fn run(seed: u64) -> Seen {
    let size = 2 + (seed % 5) as u8;
    let mut sim = Sim::new(seed, size, config(seed));
    sim.pass(Duration::from_secs(2));
    for _ in 0..150 {
        fault(&mut sim);
        let pause = Duration::from_millis(sim.rng.random_range(0..400));
        sim.pass(pause);
        assert_eq!(sim.check.broken, None);
    }
    sim.heal();
    sim.pass(Duration::from_secs(30));
    assert_eq!(sim.check.broken, None);
    sim.assert_converged("healed");
    sim.check.seen
}

fn fault(sim: &mut Sim) {
    let id = sim.rng.random_range(0..sim.size());
    match sim.rng.random_range(0..100) {
        0..40 => {
            let (session, lines) = (sim.rng.random_range(1..5), sim.rng.random_range(1..6));
            sim.say(session, lines);
        }
        40..52 if sim.is_up(id) => sim.crash(id),
        52..70 => sim.restart(id),
        70..78 => {
            let parts: Vec<u8> = (0..sim.size()).map(|_| sim.rng.random_range(0..2)).collect();
            sim.cut(&parts);
        }
        78..86 => {
            let whole = vec![0; usize::from(sim.size())];
            sim.cut(&whole);
        }
        86..90 => {
            let percent = [0, 0, 5, 30][sim.rng.random_range(0..4)];
            sim.lose_messages(percent);
        }
        90..94 => {
            let millis = [3, 30, 400][sim.rng.random_range(0..3)];
            sim.slow_disk(id, millis);
        }
        _ => {}
    }
}
