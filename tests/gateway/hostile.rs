//! Clients that do what they should not.

use std::env;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mesh_tests::Seed;
use mesh_tests::client::{Client, ERROR, MESSAGE, frame};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::{guests_are, mesh};

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
    while let Some(frame) = slow.next_frame() {
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
        assert!(client.next_frame().is_some_and(|(kind, _)| kind == MESSAGE));
    }
    let mut refused = Client::connect_to(port);
    let (kind, why) = refused.next_frame().expect("a word");
    assert!(kind == ERROR && why.contains("1000 clients"), "{why}");
    refused.ends("after that word");
    drop(held.pop());
    // That one is gone is seen in a moment.
    let began = Instant::now();
    while Client::connect_to(port).next_frame().is_none_or(|(kind, _)| kind != MESSAGE) {
        assert!(began.elapsed() < mesh_tests::PATIENCE, "there is room again");
    }
}

/// How many send at the same time.
const NOISY: usize = 64;

/// How many frames each sends before it waits until they were handled.
const BATCH: usize = 100;

/// A frame of this type is answered by an error that nothing else is answered by: all before it has been handled then.
const MARK: u8 = 200;

#[test]
fn whatever_clients_send_no_member_is_lost_and_no_memory() {
    let frames: usize = env::var("FUZZ_FRAMES").ok().and_then(|frames| frames.parse().ok()).unwrap_or(20_000);
    let seed = Seed::from_env("FUZZ_SEED");
    let mesh = mesh(&["alice", "bob"]);
    let bob = mesh.peer("bob");
    let mut witness = Client::join(bob, "witness");
    let epoch = mesh.agree().epoch;
    // What the first half takes once, as any program does, is no leak.
    make_noise(&mut witness, bob.gateway(), frames / 2, seed.number());
    let before = bob.resident_kib().expect("it runs");
    make_noise(&mut witness, bob.gateway(), frames / 2, !seed.number());
    let after = bob.resident_kib().expect("it runs");
    eprintln!("{frames} frames, seed {}: {before} KiB after half of them, {after} KiB after all", seed.number());
    guests_are(&mesh, &["witness"]);
    assert_eq!(witness.list(), ["alice", "bob", "witness"]);
    mesh.say_to_all("alice", "still here");
    assert_eq!(mesh.agree().epoch, epoch, "nobody was replaced");
    // The history keeps what was said: the last 100,000 lines in memory, of which there is one in some hundred frames.
    assert!(after < before + 16 * 1024 + frames as u64 / 50, "{before} KiB, then {after} KiB");
}

/// So many frames are sent and handled, and the connections end.
fn make_noise(witness: &mut Client, port: u16, frames: usize, seed: u64) {
    let done = AtomicUsize::new(0);
    thread::scope(|scope| {
        for one in 0..NOISY {
            let done = &done;
            scope.spawn(move || {
                let mut random = SmallRng::seed_from_u64(seed.wrapping_add(one as u64));
                let mut client = Client::connect_to(port);
                for _ in 0..frames / NOISY / BATCH + 1 {
                    let mut bytes: Vec<u8> = (0..BATCH).flat_map(|_| noise(&mut random)).collect();
                    bytes.extend(frame(MARK, b""));
                    for part in bytes.chunks(random.random_range(1..3_000)) {
                        client.send_bytes(part);
                    }
                    if random.random_bool(0.02) || !is_through(&mut client) {
                        // Some end in the middle of a frame.
                        client.send_bytes(&[MESSAGE, 0xff]);
                        client = Client::connect_to(port);
                    }
                }
                done.fetch_add(1, Ordering::Relaxed);
            });
        }
        while done.load(Ordering::Relaxed) < NOISY {
            // Somebody who reads what all of them say.
            witness.hears_something(Duration::from_millis(100));
        }
    });
}

/// Reads until the mark is answered, or the connection ends: whether it goes on.
fn is_through(client: &mut Client) -> bool {
    let answer = format!("there is no frame of type {MARK}");
    loop {
        match client.next_frame() {
            Some((ERROR, text)) if text == answer => return true,
            Some(_) => {}
            None => return false,
        }
    }
}

/// A frame, or what looks like one.
fn noise(random: &mut SmallRng) -> Vec<u8> {
    let kind = match random.random_range(0..20) {
        0 => random.random(),
        1..7 => 3,
        7..11 => 0,
        11 if random.random_bool(0.2) => 2,
        12..17 => 4,
        17 if random.random_bool(0.02) => 1,
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
