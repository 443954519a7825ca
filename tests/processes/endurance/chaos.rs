//! Random faults on real processes, and what must hold all the same.
//!
//! Bursts of faults alternate with rest. A run follows from its seed, as far as processes can: `CHAOS_SEED` replays it,
//! `CHAOS_SECONDS` makes it longer.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::thread;
use std::time::{Duration, Instant};

use mesh_tests::{Peer, Seed};
use rand::RngExt as _;
use rand::rngs::SmallRng;

use super::guests::{self, Guests};
use super::monkey::Monkey;

/// How long a run is by default.
const SECONDS: u64 = 25;

/// The longest hold before a higher rank takes over (60 s), and the election around it.
const HOLD: Duration = Duration::from_secs(65);

/// More memory than a chatting peer could ever need.
const MOST_KIB: u64 = 64 << 10;

#[test]
fn whatever_is_killed_the_rest_agrees_and_the_chat_goes_on() {
    let _alone = super::alone();
    let seconds = env::var("CHAOS_SECONDS").map_or(SECONDS, |text| text.parse().expect("CHAOS_SECONDS is a number"));
    let seed = Seed::from_env("CHAOS_SEED");
    println!("CHAOS_SEED={} CHAOS_SECONDS={seconds}", seed.number());
    let until = Instant::now() + Duration::from_secs(seconds);

    let mut pace = seed.generator();
    let mut monkey = Monkey::new(seed.generator());
    let guests = Guests::arrive(seed, &monkey.gateways());
    let mut said_at_rest = Vec::new();
    while Instant::now() < until {
        guests.hurry(true);
        burst(&mut monkey, &mut pace);
        guests.hurry(false);
        survivors_agree(&monkey);
        guests.are_settled(&monkey.mesh);
        said_at_rest.extend(everyone_speaks(&mut monkey, &guests));
        memory_is_bounded(&monkey);
    }

    monkey.resume_all();
    monkey.restart_all();
    println!("at last: all five live");
    the_highest_rank_leads(&monkey);
    guests.are_settled(&monkey.mesh);
    said_at_rest.extend(guests.said_where_they_are());
    everyone_who_stayed_has_heard_all(&monkey, &said_at_rest);
    everyone_speaks(&mut monkey, &guests);
    guests.speak_to_each_other(&monkey.mesh);
    guests.are_settled(&monkey.mesh);
    guests.heard_all_rightly();
    for peer in monkey.mesh.peers() {
        guests::privates_are_right(peer);
        guests.are_heard_in_order(peer.name(), texts(peer).iter().map(String::as_str));
    }
    nothing_was_shown_twice(&monkey);
}

/// A few faults, some at once, some a moment apart.
fn burst(monkey: &mut Monkey, pace: &mut SmallRng) {
    for _ in 0..pace.random_range(2..9) {
        println!("{}", monkey.act());
        thread::sleep(Duration::from_millis(*[0, 20, 300, 1_200].get(pace.random_range(0..4)).unwrap_or(&0)));
    }
}

/// At rest those that live follow one leader, one of them, and list each other and nobody else.
fn survivors_agree(monkey: &Monkey) {
    for peer in monkey.mesh.live() {
        peer.ready();
    }
    let seat = monkey.mesh.agree();
    monkey.mesh.all_linked();
    println!("rest: {} agree on {}", monkey.mesh.live().len(), seat.name);
}

/// Among linked peers each line arrives at each, once, and at the users of their gateways. Gives the lines, with when they were said.
fn everyone_speaks(monkey: &mut Monkey, guests: &Guests) -> Vec<(Instant, String)> {
    let authors: Vec<_> = monkey.mesh.live().iter().map(|peer| peer.name().to_owned()).collect();
    let lines: Vec<_> = authors.iter().map(|author| (author, monkey.fresh_text())).collect();
    let said = Instant::now();
    for (author, text) in &lines {
        monkey.mesh.peer(author).say(text);
    }
    for peer in monkey.mesh.live() {
        for (_, text) in &lines {
            peer.hears(text);
            assert_eq!(peer.times_heard(text), 1, "{text} at {}", peer.name());
        }
    }
    lines.iter().for_each(|(author, text)| guests.hear(&monkey.mesh, author, text));
    let theirs = guests.speak(monkey);
    lines.into_iter().map(|(_, text)| text).chain(theirs).map(|text| (said, text)).collect()
}

fn memory_is_bounded(monkey: &Monkey) {
    for peer in monkey.mesh.live() {
        let kib = peer.resident_kib().unwrap_or(0);
        assert!(kib < MOST_KIB, "{} has {kib} KiB", peer.name());
    }
}

/// The leader's list is in the order of joining, and nobody has a priority: the first in it ranks highest.
fn the_highest_rank_leads(monkey: &Monkey) {
    let deadline = Instant::now() + HOLD;
    loop {
        let seat = monkey.mesh.agree();
        let members = monkey.mesh.peer(&seat.name).members();
        let oldest = members.iter().find(|member| member["via"] == "peer").expect("the leader is a peer");
        if oldest["id"] == *seat.id && oldest["leader"] == true {
            assert_eq!(members.iter().filter(|member| member["leader"] == true).count(), 1);
            println!("{} leads, the highest rank", seat.name);
            return;
        }
        assert!(Instant::now() < deadline, "{} leads, but {} ranks higher", seat.name, oldest["name"]);
        thread::sleep(Duration::from_millis(100));
    }
}

/// Also those that hung when it was said, unless everyone who had heard it died before they were back.
fn everyone_who_stayed_has_heard_all(monkey: &Monkey, said: &[(Instant, String)]) {
    let live = monkey.mesh.live();
    for (at, text) in said.iter().filter(|(_, text)| live.iter().any(|peer| peer.times_heard(text) > 0)) {
        for peer in live.iter().filter(|peer| peer.ready().seen < *at) {
            peer.hears(text);
        }
    }
}

/// By the id, and by the text, at everyone who ever lived.
fn nothing_was_shown_twice(monkey: &Monkey) {
    for peer in monkey.mesh.peers() {
        for field in ["id", "text"] {
            let twice = repeated(peer, field);
            assert!(twice.is_empty(), "shown more than once at {}: {twice:?}", peer.name());
        }
    }
}

fn texts(peer: &Peer) -> Vec<String> {
    peer.events().iter().filter(|event| event.is("message")).map(|event| event.text("text")).collect()
}

fn repeated(peer: &Peer, field: &str) -> BTreeSet<String> {
    let mut counts = BTreeMap::<String, u32>::new();
    for event in peer.events().iter().filter(|event| event.is("message")) {
        *counts.entry(event.text(field)).or_default() += 1;
    }
    counts.into_iter().filter(|(_, count)| *count > 1).map(|(value, _)| value).collect()
}
