//! Random schedules: whatever happens to a group, it comes to rest as one.
//!
//! Some seeds are the same each time, some come from the clock and were never played before. `SIM_SEEDS` is how many of the
//! former are played, and `SIM_FRESH` how many of the latter. `SIM_SEED` is the first of the only ones that are played, by itself
//! the only one. `SIM_TRACE=1` writes out what happens as it does.

use std::collections::BTreeMap;
use std::env;
use std::panic::catch_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use mesh_tests::invariants::{Coverage, rest};
use mesh_tests::sim::{Act, Place, Plan, Start, Whom, World};

/// How many seeds are played by default that are the same each time.
const SEEDS: u64 = 2000;

/// How many that nobody has played before.
const FRESH: u64 = 100;

const REPLAY: &str = "cargo test -p mesh-tests --test simulation random -- --nocapture";

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}

/// The seeds to play.
fn seeds() -> Vec<u64> {
    let count = number("SIM_SEEDS");
    if let Some(first) = number("SIM_SEED") {
        return (first..first + count.unwrap_or(1)).collect();
    }
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let first = u64::try_from(since.as_millis()).unwrap_or_default();
    let fresh = number("SIM_FRESH").unwrap_or(FRESH);
    println!("fresh seeds, to replay: SIM_SEED={first} SIM_SEEDS={fresh} {REPLAY}");
    (0..count.unwrap_or(SEEDS)).chain(first..first + fresh).collect()
}

#[test]
fn whatever_happens_a_group_comes_to_rest_as_one() {
    let seeds = seeds();
    let next = AtomicUsize::new(0);
    let outcome = Mutex::new((Coverage::default(), BTreeMap::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let played = played(*seed);
                    let (coverage, failures) = &mut *outcome.lock().expect("nobody panics with it");
                    match played {
                        Ok(covered) => *coverage += covered,
                        Err(story) => drop(failures.insert(*seed, story)),
                    }
                }
            });
        }
    });
    let (coverage, failures) = outcome.into_inner().expect("nobody panics with it");
    if let Some((seed, story)) = failures.first_key_value() {
        let last = |(seed, story): (&u64, &String)| {
            format!("SIM_SEED={seed}: {}\n", story.trim_end().lines().last().unwrap_or_default())
        };
        let all: String = failures.iter().map(last).collect();
        let count = (failures.len(), seeds.len());
        panic!("{story}\n{} of {} seeds failed:\n{all}\nto replay: SIM_SEED={seed} {REPLAY}", count.0, count.1);
    }
    println!("{} seeds: {coverage:?}", seeds.len());
    if seeds.len() as u64 >= SEEDS {
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
