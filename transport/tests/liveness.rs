//! When a link is lost, and what is said of why.

#![allow(clippy::unwrap_used)]

mod harness;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use harness::chat::Chat;
use harness::raw::{Raw, RawListener};
use harness::wire::{self, Hello};
use harness::{BRISK, DEADLINE, HEARTBEAT, Member, PATIENT, eventually, exchange, id, link};
use transport::runtime::{self, block_on, timeout};
use transport::{Event, MAX_MESSAGE_BYTES, Unreachable};

/// What a noisy machine may add to a time limit.
const SLACK: Duration = Duration::from_secs(4);

/// Sends pings with growing echoes until told to stop, without reading anything.
fn ping_blindly(raw: &Raw, echoes: bool) -> Arc<AtomicBool> {
    let (over, mut raw) = (Arc::new(AtomicBool::new(false)), Raw::over(raw.stream.try_clone().unwrap()));
    let stop = over.clone();
    std::thread::spawn(move || {
        for n in 1.. {
            let alive = raw.try_write(&wire::ping(n, if echoes { n } else { 0 }));
            if !alive || stop.load(SeqCst) {
                break;
            }
            // A peer's own pace; nothing waits for it.
            std::thread::sleep(HEARTBEAT + HEARTBEAT / 10);
        }
    });
    over
}

#[test]
fn a_killed_peer_is_unreachable_at_once_and_gone_when_its_port_refuses() {
    let (mut a, fake) = (Member::new(1), RawListener::new());
    a.mesh.add_member(id(2), fake.address(), true);
    let raw = fake.accept_as(id(2));
    a.until_reachable(id(2));
    drop((raw, fake));
    assert_eq!(a.next(), Some(Event::Unreachable { peer: id(2), reason: Unreachable::Ended }));
    assert_eq!(a.next(), Some(Event::Unreachable { peer: id(2), reason: Unreachable::Gone }));
}

#[test]
fn a_killed_peer_is_gone_when_its_address_answers_as_another() {
    let (mut a, fake) = (Member::new(1), RawListener::new());
    a.mesh.add_member(id(2), fake.address(), true);
    drop(fake.accept_as(id(2)));
    assert_eq!(a.until_unreachable(id(2)), Unreachable::Ended);
    let _other = fake.accept_as(id(3));
    assert_eq!(a.until_unreachable(id(2)), Unreachable::Gone);
}

#[test]
fn a_killed_peer_is_gone_when_another_that_is_linked_already_answers_for_it() {
    let (mut a, mut b) = (Member::new(1), Member::new(2));
    link(&mut a, &mut b);
    a.mesh.add_member(id(3), b.address(), true);
    // Not only once their link is old enough for another one to replace it.
    let begun = Instant::now();
    assert_eq!(a.until_unreachable(id(3)), Unreachable::Gone);
    assert!(begun.elapsed() < PATIENT / 2);
    exchange(&mut a, &mut b, b"hello");
    assert_eq!((a.changes(b.id()), a.changes(id(3))), ((1, 0), (0, 1)));
}

#[test]
fn a_peer_that_moved_while_it_was_dialled_is_dialled_at_its_new_address() {
    let (mut a, old, new) = (Member::new(1), RawListener::new(), RawListener::new());
    a.mesh.add_member(id(2), old.address(), true);
    let mut raw = old.accept();
    a.mesh.add_member(id(2), new.address(), true);
    raw.write(&Hello::new(id(3)).at(&old.address()).to_frame());
    assert_eq!(raw.read(9), wire::up());
    let _moved = new.accept_as(id(2));
    a.until_reachable(id(2));
    assert_eq!(a.changes(id(2)), (1, 0));
}

#[test]
fn a_peer_that_is_killed_and_comes_back_is_dialled_until_it_is_linked() {
    let (mut a, fake) = (Member::new(1), RawListener::new());
    a.mesh.add_member(id(2), fake.address(), true);
    drop(fake.accept_as(id(2)));
    assert_eq!(a.until_unreachable(id(2)), Unreachable::Ended);
    let _back = fake.accept_as(id(2));
    a.until_reachable(id(2));
    assert_eq!(a.changes(id(2)), (2, 1));
}

#[test]
fn a_seed_is_dialled_again_when_the_peer_that_it_led_to_is_lost() {
    let (mut a, fake) = (Member::new(1), RawListener::new());
    a.mesh.add_seed(fake.address());
    drop(fake.accept_as(id(2)));
    assert_eq!(a.until_unreachable(id(2)), Unreachable::Ended);
    let _another = fake.accept_as(id(3));
    a.until_reachable(id(3));
}

#[test]
fn a_peer_that_left_is_not_dialled_again() {
    let (mut a, fake) = (Member::new(1), RawListener::new());
    a.mesh.add_member(id(2), fake.address(), true);
    let mut raw = fake.accept_as(id(2));
    a.until_reachable(id(2));
    raw.write(&wire::bye());
    raw.until_closed();
    assert_eq!(a.next(), Some(Event::Unreachable { peer: id(2), reason: Unreachable::Left }));
    drop(fake);
    let mut b = Member::new(4);
    link(&mut b, &mut a);
    exchange(&mut a, &mut b, b"meanwhile");
    assert_eq!(a.changes(id(2)), (1, 1));
}

#[test]
fn a_peer_that_is_heard_but_does_not_hear_is_silent_after_the_timeout() {
    let mut a = Member::brisk(1);
    let mut b = Member::brisk(3);
    link(&mut b, &mut a);
    let mut raw = Raw::link(&a.address(), &Hello::new(id(2)));
    let begun = Instant::now();
    ping_blindly(&raw, false);
    assert_eq!(a.until_unreachable(id(2)), Unreachable::Silent);
    let taken = begun.elapsed();
    assert!(taken > BRISK - HEARTBEAT && taken < BRISK + SLACK, "after {taken:?}");
    raw.until_closed();
}

#[test]
fn a_link_on_which_nothing_is_said_stays() {
    let (mut a, mut b) = (Member::brisk(1), Member::brisk(2));
    link(&mut a, &mut b);
    let mut fake = Raw::link(&a.address(), &Hello::new(id(3)));
    ping_blindly(&fake, false);
    // By the time that this one has fallen silent, the other two have proved their link about ten times.
    assert_eq!(a.until_unreachable(id(3)), Unreachable::Silent);
    fake.until_closed();
    harness::eventually("measured", || a.mesh.links().iter().all(|link| link.round_trip.is_some()));
    assert_eq!(a.linked(), [b.id()]);
}

fn a_peer_that_stops_reading(echoes: bool) -> Unreachable {
    let mut a = Member::brisk(1);
    let (mut b, mut c) = (Member::brisk(3), Member::brisk(4));
    link(&mut b, &mut a);
    link(&mut c, &mut a);
    let raw = Raw::link(&a.address(), &Hello::new(id(2)));
    a.until_reachable(id(2));
    let pinging = ping_blindly(&raw, echoes);
    let begun = Instant::now();
    let sent = harness::fill(&a, id(2));
    assert!(sent < 16 * MAX_MESSAGE_BYTES, "{sent} bytes were taken in");
    assert!(a.mesh.is_congested());
    a.send(b.id(), b"meanwhile");
    a.send(c.id(), b"meanwhile");
    b.messages_until(a.id(), b"meanwhile");
    c.messages_until(a.id(), b"meanwhile");
    let reason = a.until_unreachable(id(2));
    let taken = begun.elapsed();
    assert!(taken < BRISK + HEARTBEAT + SLACK, "after {taken:?}");
    assert!(block_on(timeout(DEADLINE, a.mesh.uncongested())).is_some() && !a.mesh.is_congested());
    pinging.store(true, SeqCst);
    exchange(&mut a, &mut b, b"afterwards");
    exchange(&mut a, &mut c, b"afterwards");
    reason
}

#[test]
fn a_peer_that_stops_reading_and_echoing_is_taken_down_and_the_others_do_not_notice() {
    assert!(matches!(a_peer_that_stops_reading(false), Unreachable::Silent | Unreachable::Slow));
}

#[test]
fn a_peer_that_proves_its_life_but_takes_nothing_is_slow() {
    assert_eq!(a_peer_that_stops_reading(true), Unreachable::Slow);
}

#[test]
fn a_peer_whose_connections_end_again_and_again_harms_nobody_else() {
    let chat = Chat::start(1, 2);
    for n in 0..50 {
        let mut raw = Raw::link(&chat.target, &Hello::new(id(100 + n)));
        raw.write(&wire::frame(wire::BULK, b"Hi"));
    }
    let mut a = chat.end();
    for n in 0..50 {
        harness::eventually("each came and went", || a.changes(id(100 + n)) == (1, 1));
    }
}

#[test]
fn a_flood_of_pings_leaves_everybody_else_their_turn() {
    let a = Member::new(1);
    let raw = Raw::link(&a.address(), &Hello::new(id(2)));
    eventually("linked", || a.linked() == [id(2)]);
    let (mut flood, stop) = (raw, Arc::new(AtomicBool::new(false)));
    let flooder = std::thread::spawn({
        let (pings, stop) = (wire::ping(1, 0).repeat(5_000), stop.clone());
        move || while !stop.load(SeqCst) && flood.try_write(&pings) {}
    });
    let (count, counted) = std::sync::mpsc::channel();
    runtime::spawn(async move {
        let begun = Instant::now();
        let mut ticks = 0;
        while begun.elapsed() < HEARTBEAT * 8 {
            runtime::sleep(Duration::from_millis(5)).await;
            ticks += 1;
        }
        let _ = count.send(ticks);
    });
    // Waited for outside of the runtime, which the flood would have to itself.
    let ticks: u32 = counted.recv_timeout(DEADLINE).unwrap_or_default();
    stop.store(true, SeqCst);
    flooder.join().unwrap();
    assert!(ticks > 5, "only {ticks} turns for others");
}
