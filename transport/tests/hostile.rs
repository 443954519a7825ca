//! Whatever comes over a socket, two members go on talking, and nothing grows.

#![allow(clippy::unwrap_used)]

mod harness;

use std::cell::RefCell;
use std::time::{Duration, Instant};

use harness::chat::Chat;
use harness::raw::Raw;
use harness::wire::{self, Hello};
use harness::{Member, id, link};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use transport::{MAX_MESSAGE_BYTES, PIECE_BYTES, Unreachable};

/// How long a stranger may take for its hello.
const HELLO_LIMIT: Duration = Duration::from_secs(5);

const STRANGER: u128 = 0xbad;

/// Bytes that look like chance, the same every time.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

/// A figure of this process, in KiB.
fn status_kib(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// What a linked peer sends, and the member that it is linked to takes the link down as malformed.
fn is_malformed(bytes: &[u8]) {
    let chat = Chat::start(1, 2);
    let mut raw = Raw::link(&chat.target, &Hello::new(id(STRANGER)));
    raw.try_write(bytes);
    raw.until_closed();
    let mut a = chat.end();
    assert_eq!(a.lost(id(STRANGER)), Unreachable::Malformed);
}

/// What a stranger says instead of a hello closes its connection, and nothing else.
fn is_no_hello(bytes: &[u8]) {
    let chat = Chat::start(1, 2);
    let mut raw = Raw::connect(&chat.target);
    raw.try_write(bytes);
    raw.until_closed();
    assert_eq!(chat.end().linked(), [id(2)]);
}

#[test]
fn sixty_four_silent_connections_are_held_and_one_more_closes_the_oldest() {
    let chat = Chat::start(1, 2);
    let mut held: Vec<_> = (0..64).map(|_| Raw::connect(&chat.target)).collect();
    chat.goes_on();
    assert!(held.iter().all(Raw::is_open_and_silent));
    held.push(Raw::connect(&chat.target));
    let begun = Instant::now();
    held.remove(0).until_closed();
    assert!(begun.elapsed() < HELLO_LIMIT / 2, "it was closed for its own silence");
    assert!(held.iter().all(Raw::is_open_and_silent));
    // A member still comes in.
    let mut newcomer = Member::new(3);
    newcomer.mesh.add_seed(chat.target.clone());
    newcomer.until_reachable(id(1));
    chat.end();
}

#[test]
fn a_silent_connection_is_closed_after_five_seconds() {
    let chat = Chat::start(1, 2);
    let begun = Instant::now();
    Raw::connect(&chat.target).until_closed();
    let taken = begun.elapsed();
    assert!(taken > HELLO_LIMIT - Duration::from_millis(100) && taken < HELLO_LIMIT * 2, "after {taken:?}");
    chat.end();
}

#[test]
fn a_hello_that_is_dribbled_for_more_than_five_seconds_is_cut() {
    let chat = Chat::start(1, 2);
    let mut raw = Raw::connect(&chat.target);
    let (hello, begun) = (Hello::new(id(STRANGER)).to_frame(), Instant::now());
    for byte in &hello[..hello.len() - 1] {
        if !raw.try_write(&[*byte]) || begun.elapsed() > HELLO_LIMIT * 2 {
            break;
        }
        // The dribbler's pace; nothing waits for it.
        std::thread::sleep(Duration::from_millis(60));
    }
    raw.until_closed();
    assert!(begun.elapsed() < HELLO_LIMIT * 2);
    assert_eq!(chat.end().linked(), [id(2)]);
}

#[test]
fn a_hello_in_single_bytes_is_a_hello() {
    let mut a = Member::new(1);
    let mut raw = Raw::connect(&a.address());
    for byte in Hello::new(id(2)).to_frame() {
        raw.write(&[byte]);
    }
    raw.frame();
    let state = Hello::new(id(2)).state(1, &[id(1)]);
    for byte in [wire::up(), state, wire::frame(wire::BULK, b"Hi")].concat() {
        raw.write(&[byte]);
    }
    a.until_reachable(id(2));
    assert_eq!(a.messages_until(id(2), b"Hi"), [b"Hi"]);
}

#[test]
fn a_mebibyte_of_noise_instead_of_a_hello_is_cut() {
    is_no_hello(&noise(1024 * 1024));
}

#[test]
fn a_mebibyte_of_noise_on_a_link_is_malformed() {
    is_malformed(&noise(1024 * 1024));
}

#[test]
fn a_truncated_hello_is_no_hello() {
    let hello = Hello::new(id(STRANGER)).to_frame();
    let chat = Chat::start(1, 2);
    for length in [0, 1, 4, 5, 9, 17, hello.len() - 1] {
        let mut raw = Raw::connect(&chat.target);
        raw.write(&hello[..length]);
        raw.stream.shutdown(std::net::Shutdown::Write).unwrap();
        raw.until_closed();
    }
    assert_eq!(chat.end().linked(), [id(2)]);
}

#[test]
fn a_hello_that_claims_more_than_it_has_is_refused() {
    let mut hello = Hello::new(id(STRANGER)).to_frame();
    // The length of the group's name.
    hello[19..27].fill(0xff);
    let chat = Chat::start(1, 2);
    let mut raw = Raw::connect(&chat.target);
    raw.write(&hello);
    let golden = wire::refused(id(1), 6, &[]);
    assert_eq!(raw.read(golden.len()), golden);
    chat.end();
}

#[test]
fn a_length_of_four_gibibytes_is_cut_before_and_after_the_handshake() {
    let before = status_kib("VmPeak");
    is_no_hello(&[0xff; 64]);
    is_no_hello(&[0xff, 0xff, 0xff, 0xff, 0]);
    is_malformed(&[0xff, 0xff, 0xff, 0xff, 2]);
    is_malformed(&[wire::frame(wire::BULK, b"Hi"), vec![0xff; 4]].concat());
    let grown = status_kib("VmPeak").saturating_sub(before);
    assert!(grown < 3 * 1024 * 1024, "{grown} KiB of address space were taken");
}

#[test]
fn a_frame_without_even_a_kind_is_malformed() {
    is_no_hello(&[0; 16]);
    is_malformed(&[0; 16]);
}

#[test]
fn a_frame_longer_than_a_piece_is_malformed() {
    is_malformed(&wire::frame(wire::BULK, &vec![0; PIECE_BYTES + 1]));
}

#[test]
fn a_frame_of_an_unknown_kind_is_malformed() {
    is_malformed(&wire::frame(9, b"Hi"));
}

#[test]
fn pieces_without_end_are_malformed_and_are_not_kept() {
    let before = status_kib("VmRSS");
    is_malformed(&wire::frame(wire::PART, &vec![0; PIECE_BYTES]).repeat(1000));
    let grown = status_kib("VmRSS").saturating_sub(before);
    assert!(grown < 100 * 1024, "{grown} KiB were kept");
}

#[test]
fn a_message_one_byte_too_long_is_malformed() {
    let parts = wire::frame(wire::PART, &vec![0; PIECE_BYTES]).repeat(MAX_MESSAGE_BYTES / PIECE_BYTES);
    is_malformed(&[parts, wire::frame(wire::BULK, &[0])].concat());
}

#[test]
fn a_handshake_in_the_middle_of_a_link_is_malformed() {
    is_malformed(&wire::up());
    is_malformed(&Hello::new(id(STRANGER)).to_frame());
    is_malformed(&[wire::ping(1, 1), wire::up()].concat());
}

#[test]
fn a_refusal_in_the_middle_of_a_link_ends_it() {
    let mut a = Member::new(1);
    let mut raw = Raw::link(&a.address(), &Hello::new(id(2)));
    raw.write(&wire::refused(id(2), 5, &[]));
    assert_eq!(a.until_unreachable(id(2)), Unreachable::Ended);
}

#[test]
fn empty_frames_are_messages_and_empty_pieces_are_not() {
    let mut a = Member::new(1);
    let mut raw = Raw::link(&a.address(), &Hello::new(id(2)));
    let empty = [wire::PART, wire::PART, wire::BULK, wire::URGENT].map(|kind| wire::frame(kind, b"")).concat();
    raw.write(&[empty.repeat(3000), wire::frame(wire::BULK, b"end")].concat());
    assert_eq!(a.messages_until(id(2), b"end").len(), 6001);
}

#[test]
fn a_hundred_strangers_that_never_decide_do_not_keep_a_member_out() {
    let chat = Chat::start(1, 2);
    let strangers: Vec<_> = (0..100)
        .map(|n| {
            let mut raw = Raw::connect(&chat.target);
            raw.write(&Hello::new(id(1000 + n)).to_frame());
            raw.frame();
            raw
        })
        .collect();
    let mut newcomer = Member::new(3);
    newcomer.mesh.add_seed(chat.target.clone());
    newcomer.until_reachable(id(1));
    chat.goes_on();
    drop(strangers);
    chat.end();
}

/// What a linked peer may send: noise, or frames with noise in them.
fn sendings() -> impl Strategy<Value = Vec<u8>> {
    let frames = vec((0..6u8, vec(any::<u8>(), 0..64)), 0..20);
    let controls = vec((0..6u8, vec(any::<u8>(), 0..40)), 1..10);
    let framed = |frames: Vec<(u8, Vec<u8>)>| frames.iter().flat_map(|(kind, body)| wire::frame(*kind, body)).collect();
    let control = |messages: Vec<(u8, Vec<u8>)>| {
        let frame =
            |(tag, body): &(u8, Vec<u8>)| wire::frame(wire::CONTROL, &[&[0, 0, 0, *tag], body.as_slice()].concat());
        messages.iter().flat_map(frame).collect()
    };
    prop_oneof![vec(any::<u8>(), 0..500), frames.prop_map(framed), controls.prop_map(control)]
}

#[test]
fn no_bytes_on_a_link_do_more_than_end_it() {
    let (mut a, mut b) = (Member::new(1), Member::new(2));
    link(&mut b, &mut a);
    let cases = Cases { cases: 100, failure_persistence: None, ..Cases::default() };
    let attacked = RefCell::new((&mut a, STRANGER));
    TestRunner::new(cases)
        .run(&sendings(), |bytes| {
            let (a, number) = &mut *attacked.borrow_mut();
            *number += 1;
            let mut raw = Raw::link(&a.address(), &Hello::new(id(*number)));
            raw.try_write(&bytes);
            let _ = raw.stream.shutdown(std::net::Shutdown::Write);
            let reason = a.until_unreachable(id(*number));
            let known = [Unreachable::Malformed, Unreachable::Ended, Unreachable::Left];
            prop_assert!(known.contains(&reason), "{reason}");
            Ok(())
        })
        .unwrap();
    harness::exchange(&mut a, &mut b, b"afterwards");
    assert_eq!(a.changes(b.id()), (1, 0));
}
