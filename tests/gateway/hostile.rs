//! Clients that do what they should not.

use std::env;
use std::time::{Duration, Instant};

use mesh_tests::Seed;
use rand::RngExt;
use rand::rngs::SmallRng;

use crate::client::{Client, ERROR, MESSAGE, frame, guests_are, mesh};

/// More than a queue and the buffers of both kernels hold.
const LINES: usize = 400;

#[test]
fn a_slow_reader_is_disconnected_with_an_error_and_nobody_waits() {
    let mesh = mesh(&["alice", "bob"]);
    let mut slow = Client::join(mesh.peer("bob"), "slow");
    let mut quick = Client::join(mesh.peer("bob"), "quick");
    guests_are(&mesh, &["quick", "slow"]);
    let line = "x".repeat(60_000);
    let mut longest = Duration::ZERO;
    for count in 0..LINES {
        let text = format!("{count} {line}");
        let began = Instant::now();
        mesh.peer("alice").say(&text);
        quick.hears(MESSAGE, &format!("[alice] {text}"));
        longest = longest.max(began.elapsed());
        if mesh.peer("alice").view().guests.len() < 2 {
            break;
        }
    }
    eprintln!("the longest that one line took to somebody who reads: {longest:?}");
    assert!(longest < Duration::from_secs(5), "somebody waited: {longest:?}");
    guests_are(&mesh, &["quick"]);
    // It reads on in time: the last that it finds is why.
    let mut last = None;
    while let Some(frame) = slow.next() {
        last = Some(frame);
    }
    let (kind, why) = last.expect("there was much to read");
    assert!(kind == ERROR && why.contains("too slowly"), "{why:.100}");
}

#[test]
fn one_client_too_many_is_told_so() {
    let mesh = mesh(&["alice"]);
    let port = mesh.peer("alice").gateway();
    let mut held: Vec<_> = (0..1_000).map(|_| Client::connect_to(port)).collect();
    for client in &mut held {
        assert!(client.next().is_some_and(|(kind, _)| kind == MESSAGE));
    }
    let mut refused = Client::connect_to(port);
    let (kind, why) = refused.next().expect("a word");
    assert!(kind == ERROR && why.contains("1000 clients"), "{why}");
    refused.ends("after that word");
    drop(held.pop());
    // That one is gone is seen in a moment.
    let began = Instant::now();
    while Client::connect_to(port).next().is_none_or(|(kind, _)| kind != MESSAGE) {
        assert!(began.elapsed() < mesh_tests::PATIENCE, "there is room again");
    }
}

#[test]
fn whatever_clients_send_no_member_is_lost_and_no_memory() {
    let frames: usize = env::var("FUZZ_FRAMES").ok().and_then(|frames| frames.parse().ok()).unwrap_or(20_000);
    let seed = Seed::from_env("FUZZ_SEED");
    let mut random = seed.generator();
    let mesh = mesh(&["alice", "bob"]);
    let bob = mesh.peer("bob");
    let mut witness = Client::join(bob, "witness");
    let epoch = mesh.agree().epoch;
    let mut noisy: Vec<_> = (0..32).map(|_| Client::connect_to(bob.gateway())).collect();
    // What the first half takes once, as any program does, is no leak.
    let mut after_half = None;
    let mut sent = 0;
    while sent < frames {
        let chosen = random.random_range(0..noisy.len());
        let count = random.random_range(1..20);
        let bytes: Vec<u8> = (0..count).flat_map(|_| noise(&mut random)).collect();
        noisy[chosen].send_bytes(&bytes);
        sent += count;
        // One that must not send any faster is not waited for.
        let another = random.random_bool(0.005);
        if !noisy[chosen].drain() || another {
            noisy[chosen] = Client::connect_to(bob.gateway());
        }
        witness.drain();
        if sent >= frames / 2 && after_half.is_none() {
            after_half = bob.resident_kib();
        }
    }
    for client in &mut noisy {
        client.drain();
    }
    drop(noisy);
    guests_are(&mesh, &["witness"]);
    assert_eq!(witness.list(), ["alice", "bob", "witness"]);
    mesh.say_to_all("alice", "still here");
    assert_eq!(mesh.agree().epoch, epoch, "nobody was replaced");
    let (before, after) = (after_half.expect("it runs"), bob.resident_kib().expect("it runs"));
    eprintln!("{frames} frames, seed {}: {before} KiB after half of them, {after} KiB after all", seed.number());
    // The history keeps what was said: the last 100,000 lines in memory. That is no leak either.
    assert!(after < before + 32 * 1024 + frames as u64 / 10, "{before} KiB, then {after} KiB");
}

/// A frame, or what looks like one.
fn noise(random: &mut SmallRng) -> Vec<u8> {
    let kind = match random.random_range(0..20) {
        0 => random.random(),
        1..9 => 3,
        9..11 => 0,
        11 => 2,
        12..17 => 4,
        17 if random.random_bool(0.1) => 1,
        _ => 6,
    };
    let length = if random.random_bool(0.002) { random.random_range(0..65_536) } else { random.random_range(0..24) };
    let mut payload: Vec<u8> = (0..length).map(|_| random.random_range(b' '..b'~')).collect();
    match random.random_range(0..4) {
        0 => payload = format!("fuzz{}", random.random_range(0..100)).into_bytes(),
        1 => payload = format!("fuzz{} psst", random.random_range(0..100)).into_bytes(),
        2 => payload.iter_mut().for_each(|byte| *byte = random.random()),
        _ => {}
    }
    frame(kind, &payload)
}
