//! Random schedules: whatever happens to a group, it comes to rest as one.
//!
//! `SIM_SEEDS` is how many are played, `SIM_SEED` the first of them, by itself the only one; `SIM_TRACE=1` writes out what
//! happens as it does.

use std::collections::BTreeMap;
use std::env;
use std::panic::catch_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mesh_tests::invariants::{Coverage, rest};
use mesh_tests::sim::{Act, Place, Plan, Start, Whom, World};

/// How many seeds are played by default.
const SEEDS: u64 = 2000;

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}

#[test]
fn whatever_happens_a_group_comes_to_rest_as_one() {
    let first = number("SIM_SEED");
    let seeds = number("SIM_SEEDS").unwrap_or(if first.is_some() { 1 } else { SEEDS });
    let begin = first.unwrap_or(0);
    let next = AtomicU64::new(begin);
    let outcome = Mutex::new((Coverage::default(), BTreeMap::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= begin + seeds {
                        break;
                    }
                    let played = played(seed);
                    let (coverage, failures) = &mut *outcome.lock().expect("nobody panics with it");
                    match played {
                        Ok(covered) => *coverage += covered,
                        Err(story) => drop(failures.insert(seed, story)),
                    }
                }
            });
        }
    });
    let (coverage, failures) = outcome.into_inner().expect("nobody panics with it");
    if let Some((seed, story)) = failures.first_key_value() {
        let last = |story: &String| story.trim_end().lines().last().unwrap_or_default().to_owned() + "\n";
        let all: String = failures.values().map(last).collect();
        let replay = "cargo test -p mesh-tests --test simulation random -- --nocapture";
        panic!("{story}\n{} of {seeds} seeds failed:\n{all}\nto replay: SIM_SEED={seed} {replay}", failures.len());
    }
    println!("{seeds} seeds: {coverage:?}");
    if seeds >= SEEDS {
        coverage.check().unwrap();
    }
}

/// Plays a seed. What it covered, or the story of its failure.
fn played(seed: u64) -> Result<Coverage, String> {
    catch_unwind(|| play(seed)).map_err(|panic| match panic.downcast::<String>() {
        Ok(story) => *story,
        Err(_) => "it panicked as printed above".into(),
    })
}

fn play(seed: u64) -> Coverage {
    let plan = Plan::random(seed);
    let mut world = World::new(seed);
    world.fail_quietly();
    world.play(&plan);
    world.peace();
    world.must_settle();
    newcomer(&mut world, &plan);
    world.forget_counts();
    let everybody = world.running();
    for place in &everybody {
        world.say(*place, 10);
        world.ask(*place);
    }
    let unanswered = world.invariants().requests.answers.1;
    let undelivered = world.invariants().privates.undelivered;
    world.guests_talk();
    world.must_settle();
    let sent = world.counters().messages.values().sum();
    must(&world, rest::check(sent, everybody.len(), 5));
    if world.invariants().requests.answers.1 != unanswered {
        world.fail("a request without an answer in peace");
    }
    if world.invariants().privates.undelivered != undelivered {
        world.fail("a private message that is not delivered in peace");
    }
    must(&world, world.all_heard());
    world.coverage()
}

/// Somebody joins through any one member, under a name that nobody has.
fn newcomer(world: &mut World, plan: &Plan) {
    let member = world.running().into_iter().find(|place| world.mind(*place).is_some_and(|mind| mind.is_member()));
    let Some(member) = member else { return };
    let place = Place::at(plan.places - 1);
    world.perform(&Act::Start(Start { name: Some("newcomer".into()), ..Start::joining(place, &[member]) }));
    world.run(Duration::from_secs(3));
    if !world.mind(place).is_some_and(|mind| mind.is_member()) {
        world.fail("a newcomer is not admitted within seconds");
    }
    world.perform(&Act::Say(Whom::At(place), 10));
}

fn must(world: &World, holds: Result<(), String>) {
    if let Err(what) = holds {
        world.fail(&what);
    }
}
