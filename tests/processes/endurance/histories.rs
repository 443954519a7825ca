//! Random faults on real processes with data directories, all of them killed at once among them; at the end every history is the
//! same, entry by entry, and has each confirmed line once, whether a peer said it or a user of a gateway.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use mesh_tests::{Peer, Seed};
use rand::RngExt as _;
use serde_json::{Value, json};

use super::guests::Guests;
use super::monkey::Monkey;

/// How long a run is by default.
const SECONDS: u64 = 15;

/// How long all that was said may take to be confirmed once everybody is back: a voter that was silent is waited for, and a
/// higher rank for its turn.
const CONFIRMED: Duration = Duration::from_secs(90);

/// A directory that is gone with this, unless the test failed.
struct Disks(PathBuf);

impl Drop for Disks {
    fn drop(&mut self) {
        if !thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// A line as a history has it.
type Line = (u64, String, String);

#[test]
fn whatever_is_killed_nothing_confirmed_is_lost_and_nothing_is_there_twice() {
    let _alone = super::alone();
    let seconds = env::var("CHAOS_SECONDS").map_or(SECONDS, |text| text.parse().expect("CHAOS_SECONDS is a number"));
    let seed = Seed::from_env("CHAOS_SEED");
    println!("CHAOS_SEED={} CHAOS_SECONDS={seconds}", seed.number());
    let disks = Disks(env::temp_dir().join(format!("mesh-histories-{}-{}", std::process::id(), seed.number())));
    fs::create_dir_all(&disks.0).unwrap_or_else(|error| panic!("{}: {error}", disks.0.display()));
    let mut pace = seed.generator();
    let mut monkey = Monkey::with_disks(seed.generator(), disks.0.clone());
    let guests = Guests::arrive(seed, &monkey.gateways());
    guests.hurry(true);
    let until = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < until {
        for _ in 0..pace.random_range(3..12) {
            println!("{}", monkey.act());
            thread::sleep(Duration::from_millis([0, 20, 200, 800][pace.random_range(0..4)]));
        }
        if pace.random_range(0..5) == 0 {
            println!("kill all");
            monkey.kill_all();
        }
        monkey.resume_all();
        monkey.restart_all();
        monkey.mesh.agree();
    }
    guests.hurry(false);
    guests.are_settled(&monkey.mesh);
    guests.hush();
    let last = guests.speak(&mut monkey);
    guests.are_settled(&monkey.mesh);
    let all = monkey.mesh.live();
    assert_eq!(all.len(), 5);
    let histories = confirmed_histories(&all);
    let first = &histories[0];
    for (peer, history) in all.iter().zip(&histories) {
        assert_eq!(history, first, "{} has another history than {}", peer.name(), all[0].name());
    }
    each_stands_once(first);
    what_was_confirmed_stands_where_it_was(&monkey, first);
    what_the_living_were_shown_is_there(&all, first);
    let said = guests.said_where_they_are();
    what_was_said_is_there(last.iter().chain(said.iter().map(|(_, text)| text)), first);
    guests.are_heard_in_order("every history", first.iter().map(|(_, _, text)| text.as_str()));
    guests.heard_all_rightly();
    println!("{} kills; {} lines in the history of each", monkey.kills, first.len());
}

/// What each has, once nothing waits to be confirmed anywhere and all have as much.
fn confirmed_histories(all: &[&Peer]) -> Vec<Vec<Line>> {
    let deadline = Instant::now() + CONFIRMED;
    loop {
        let stands: Vec<_> = all.iter().map(|peer| peer.ask(json!({"do": "status"}))).collect();
        let done =
            |stand: &mesh_tests::Event| stand["unconfirmed"] == 0 && stand["confirmed"] == stands[0]["confirmed"];
        if stands.iter().all(done) {
            return all.iter().map(|peer| history(peer)).collect();
        }
        assert!(Instant::now() < deadline, "not all is confirmed: {stands:#?}");
        thread::sleep(Duration::from_millis(100));
    }
}

fn history(peer: &Peer) -> Vec<Line> {
    let reply = peer.ask(json!({"do": "history", "from": 1}));
    assert_eq!(reply["more"], false);
    let entries = reply["entries"].as_array().unwrap_or_else(|| panic!("no entries in {reply:?}"));
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    entries
        .iter()
        .map(|entry| (entry["index"].as_u64().expect("it is confirmed"), text(entry, "id"), text(entry, "text")))
        .collect()
}

fn each_stands_once(history: &[Line]) {
    assert!(history.is_sorted_by(|one, next| one.0 < next.0), "places rise");
    for part in [|line: &Line| line.1.clone(), |line: &Line| line.2.clone()] {
        let mut seen = BTreeSet::new();
        let twice: Vec<_> = history.iter().map(part).filter(|part| !seen.insert(part.clone())).collect();
        assert!(twice.is_empty(), "there twice: {twice:?}");
    }
}

/// At everybody who ever lived.
fn what_was_confirmed_stands_where_it_was(monkey: &Monkey, history: &[Line]) {
    let places: BTreeMap<_, _> = history.iter().map(|(index, id, _)| (id.clone(), *index)).collect();
    let mut confirmations = 0;
    for peer in monkey.mesh.peers() {
        for event in peer.events().iter().filter(|event| event.is("confirmed")) {
            let place = places.get(&event.text("id")).copied();
            assert_eq!(place, event["index"].as_u64(), "{} told of {:?}", peer.name(), event.fields());
            confirmations += 1;
        }
        assert_eq!(peer.count(|event| event.is("unconfirmed")), 0, "nobody took over");
    }
    assert!(confirmations > 0, "something was confirmed");
}

/// A holder that lives to the end gets each line its place.
fn what_the_living_were_shown_is_there(all: &[&Peer], history: &[Line]) {
    let ids: BTreeSet<_> = history.iter().map(|(_, id, _)| id.clone()).collect();
    for peer in all {
        let shown: Vec<_> =
            peer.events().iter().filter(|event| event.is("message")).map(|event| event.text("id")).collect();
        let lost: Vec<_> = shown.iter().filter(|id| !ids.contains(*id)).collect();
        assert!(lost.is_empty(), "{} was shown what is in no history: {lost:?}", peer.name());
        let mut seen = BTreeSet::new();
        assert!(shown.iter().all(|id| seen.insert(id)), "{} was shown something twice", peer.name());
    }
}

/// What users said lives as long as the peers that took it.
fn what_was_said_is_there<'a>(lines: impl Iterator<Item = &'a String>, history: &[Line]) {
    let texts: BTreeSet<_> = history.iter().map(|(_, _, text)| text).collect();
    let lost: Vec<_> = lines.filter(|line| !texts.contains(line)).collect();
    assert!(lost.is_empty(), "said, and in no history: {lost:?}");
}
