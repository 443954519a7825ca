//! What happens to messages: order, length, urgency, goodbyes, and members that do not listen.

#![allow(clippy::unwrap_used)]

mod harness;

use std::time::{Duration, Instant};

use harness::raw::Raw;
use harness::wire::{self, Hello};
use harness::{DEADLINE, Member, config, eventually, id, link, pair};
use transport::runtime::{block_on, timeout};
use transport::{Batch, Class, Config, Event, Farewell, MAX_MESSAGE_BYTES, Mesh, PIECE_BYTES, SendError, Unreachable};

const KIB: usize = 1024;

#[test]
fn messages_arrive_in_the_order_sent() {
    let (a, mut b) = pair(1, 2);
    for n in 0..10_000u32 {
        a.send(b.id(), &n.to_be_bytes());
    }
    let messages = b.messages_until(a.id(), &9_999u32.to_be_bytes());
    let sent: Vec<_> = (0..10_000u32).map(|n| n.to_be_bytes().to_vec()).collect();
    assert_eq!(messages, sent);
}

#[test]
fn messages_of_any_length_arrive_whole() {
    let (a, mut b) = pair(1, 2);
    let lengths = [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES, 300_001, MAX_MESSAGE_BYTES];
    let sent: Vec<Vec<u8>> = lengths.iter().map(|length| (0..*length).map(|n| (n % 251) as u8).collect()).collect();
    for message in &sent {
        a.send(b.id(), message);
    }
    assert!(b.messages_until(a.id(), sent.last().unwrap()) == sent);
    let long = vec![0; MAX_MESSAGE_BYTES + 1];
    assert_eq!(a.mesh.send(b.id(), Class::Bulk, &long), Err(SendError::TooLong(long.len())));
}

#[test]
fn a_multicast_reaches_everybody_it_names() {
    let (mut a, mut b) = pair(1, 2);
    let mut c = Member::new(3);
    link(&mut c, &mut a);
    a.mesh.multicast(&[b.id(), c.id(), id(9)], Class::Bulk, &[b"one", b"two"]);
    for member in [&mut b, &mut c] {
        assert_eq!(member.messages_until(a.id(), b"two"), [b"one", b"two"]);
    }
}

#[test]
fn batches_of_any_length_keep_their_order_among_single_messages() {
    let (a, mut b) = pair(1, 2);
    let (from, to) = (a.id(), b.id());
    let reader = std::thread::spawn(move || b.messages_until(from, b"the end"));
    let mut sent = Vec::new();
    for round in 0..600usize {
        // Small ones are written in place, unless something else waits; 40 KiB go through the queue.
        let length = if round % 7 == 0 { 40 * KIB } else { round % 300 };
        let messages: Vec<Vec<u8>> = (0..3).map(|n| [vec![n; length], round.to_be_bytes().to_vec()].concat()).collect();
        let mut batch = Batch::default();
        messages.iter().for_each(|message| batch.push(&[&message[..length], &message[length..]]).unwrap());
        block_on(a.mesh.uncongested());
        a.mesh.multicast_batch(&[to], batch);
        a.mesh.send(to, Class::Bulk, &round.to_be_bytes()).unwrap();
        sent.extend(messages);
        sent.push(round.to_be_bytes().to_vec());
    }
    a.send(to, b"the end");
    sent.push(b"the end".to_vec());
    assert!(reader.join().unwrap() == sent);
}

#[test]
fn a_batch_written_in_place_to_a_reader_that_is_stuck_is_finished_later() {
    let mut a = Member::new(1);
    let mut raw = Raw::link(&a.address(), &Hello::new(id(2)));
    a.until_reachable(id(2));
    // Batches of up to 8 KiB, each alone, until the kernel takes no more and the rest waits in the queue.
    let mut sent = 0u64;
    while !a.mesh.is_congested() {
        let mut batch = Batch::default();
        batch.push(&[&[7; 7 * KIB], &sent.to_be_bytes()]).unwrap();
        a.mesh.multicast_batch(&[id(2)], batch);
        sent += 1;
    }
    for n in 0..sent {
        let mut frame = raw.frame();
        while frame.0 != wire::BULK {
            frame = raw.frame();
        }
        assert_eq!((frame.1.len(), &frame.1[7 * KIB..]), (7 * KIB + 8, &n.to_be_bytes()[..]));
    }
}

#[test]
fn an_urgent_message_overtakes_bulk_even_where_the_other_end_reads_nothing_for_a_while() {
    let mut a = Member::new(1);
    let mut raw = Raw::link(&a.address(), &Hello::new(id(2)));
    a.until_reachable(id(2));
    let queued = harness::fill(&a, id(2));
    a.mesh.send(id(2), Class::Urgent, b"vote").unwrap();
    let (mut ahead, mut frame) = (0, raw.frame());
    while frame.0 != wire::URGENT {
        ahead += frame.1.len();
        frame = raw.frame();
    }
    assert_eq!(frame.1, b"vote");
    assert!(ahead < MAX_MESSAGE_BYTES, "{ahead} bytes of {queued} came first");
}

#[test]
fn closing_writes_all_that_is_queued_before_the_goodbye() {
    let (a, mut b) = pair(1, 2);
    let message = vec![1; 100 * KIB];
    for _ in 0..30 {
        a.send(b.id(), &message);
    }
    a.send(b.id(), b"last");
    let closing = std::thread::spawn(move || a.close());
    let messages = b.messages_until(id(1), b"last");
    assert_eq!(messages.len(), 31);
    assert_eq!(b.next(), Some(Event::Unreachable { peer: id(1), reason: Unreachable::Left }));
    closing.join().unwrap();
}

#[test]
fn after_closing_the_port_is_free_the_events_end_and_nothing_is_sent() {
    let (mut a, b) = pair(1, 2);
    a.close();
    assert_eq!(a.mesh.send(b.id(), Class::Bulk, b"late"), Err(SendError::NotLinked));
    assert!(a.linked().is_empty());
    while a.next().is_some() {}
    drop(std::net::TcpListener::bind(a.address().as_str()).unwrap());
}

#[test]
fn whoever_is_leaving_accepts_and_dials_nobody() {
    let a = Member::new(1);
    a.close();
    let b = Member::new(2);
    a.mesh.add_seed(b.address());
    a.mesh.add_member(b.id(), b.address(), true);
    let mut b = b;
    b.mesh.add_seed(a.address());
    b.until(|event| matches!(event, Event::SeedFailed { .. }).then_some(()));
    assert!(a.linked().is_empty() && b.linked().is_empty());
}

#[test]
fn closing_waits_for_an_end_that_is_silent_no_longer_than_the_timeout() {
    let mut a = Member::brisk(1);
    let _raw = Raw::link(&a.address(), &Hello::new(id(2)));
    a.until_reachable(id(2));
    let begun = Instant::now();
    a.close();
    assert!(begun.elapsed() < DEADLINE / 2);
    assert_eq!(a.until_unreachable(id(2)), Unreachable::Silent);
}

#[test]
fn a_member_that_does_not_read_its_events_holds_nobody_up() {
    let (a, mut idle) = pair(1, 2);
    let (mut c, message) = (Member::new(3), vec![1; 10 * KIB]);
    link(&mut c, &mut idle);
    let mut a = a;
    link(&mut c, &mut a);
    while a.mesh.send(idle.id(), Class::Bulk, &message).is_ok() {}
    harness::exchange(&mut a, &mut c, b"meanwhile");
    let begun = Instant::now();
    idle.close();
    assert!(begun.elapsed() < DEADLINE, "closing waited for its own events to be read");
    assert!(matches!(a.until_unreachable(id(2)), Unreachable::Left | Unreachable::Ended));
}

#[test]
fn a_member_that_reads_its_events_late_finds_them_all() {
    let (mut a, mut late) = pair(1, 2);
    for n in 0..400u32 {
        a.send(late.id(), &[&n.to_be_bytes()[..], &[0; 5 * KIB]].concat());
    }
    let mut other = Member::new(3);
    link(&mut other, &mut a);
    harness::exchange(&mut a, &mut other, b"meanwhile");
    a.send(late.id(), b"last");
    let messages = late.messages_until(a.id(), b"last");
    let numbers = messages.iter().take(400).map(|message| u32::from_be_bytes(*message.first_chunk().unwrap()));
    assert!(numbers.eq(0..400) && messages.len() == 401);
}

#[test]
fn closing_returns_within_its_limit_when_the_other_end_reads_nothing() {
    let mut a = Member::new(1);
    let _raw = Raw::link(&a.address(), &Hello::new(id(2)));
    a.until_reachable(id(2));
    while a.mesh.send(id(2), Class::Bulk, &vec![7; MAX_MESSAGE_BYTES]).is_ok() {}
    let limit = std::time::Duration::from_millis(200);
    let closed = block_on(timeout(DEADLINE, a.mesh.close(Farewell::Left, limit)));
    assert!(closed.is_some());
    eventually("no link is left", || a.linked().is_empty());
    eventually("no queue is behind", || !a.mesh.is_congested());
}

fn fill_until_unlinked(mesh: &Mesh) {
    let message = vec![7; 600 * KIB];
    while mesh.send(id(2), Class::Bulk, &message) != Err(SendError::NotLinked) {}
}

#[test]
fn a_queue_whose_link_ends_while_it_is_filled_is_not_behind_for_ever() {
    let mut a = Member::new(1);
    for _ in 0..30 {
        let raw = Raw::link(&a.address(), &Hello::new(id(2)));
        a.until_reachable(id(2));
        // Several at once: whoever waits for the queue while its writer ends comes too late.
        let filling = [(); 4].map(|()| {
            let mesh = a.mesh.clone();
            std::thread::spawn(move || fill_until_unlinked(&mesh))
        });
        drop(raw);
        a.until_unreachable(id(2));
        for thread in filling {
            thread.join().unwrap();
        }
        let cleared = block_on(timeout(DEADLINE, a.mesh.uncongested()));
        assert!(cleared.is_some() && !a.mesh.is_congested());
    }
}

#[test]
fn dropping_the_events_takes_the_links_down_at_the_next_message() {
    let (a, mut b) = pair(1, 2);
    let (mesh, events) = block_on(Mesh::listen(harness::config(3))).unwrap();
    mesh.add_seed(b.address());
    b.until_reachable(id(3));
    drop((a, events));
    b.send(id(3), b"anybody?");
    b.until_unreachable(id(3));
}

#[test]
fn a_batch_that_does_not_fit_is_refused_whole() {
    let a = Member::start(Config { timeout: DEADLINE, ..config(1) });
    let mut raw = Raw::link(&a.address(), &Hello::new(id(2)));
    eventually("linked", || a.linked() == [id(2)]);
    let mut batch = Batch::default();
    for n in 0..180 {
        // A message across two chunks, of which the second would not fit, must not be sent in part.
        batch.push(&[&vec![n; 40_000]]).unwrap();
    }
    a.mesh.multicast_batch(&[id(2)], batch);
    a.send(id(2), b"after");
    let body = std::iter::repeat_with(|| raw.frame()).find(|(kind, _)| *kind != wire::CONTROL).unwrap();
    assert_eq!(body, (wire::BULK, b"after".to_vec()));
}

#[test]
fn a_slow_link_holds_up_senders_for_the_timeout_at_most() {
    let limit = Duration::from_millis(500);
    let a = Member::start(Config { timeout: limit, heartbeat: limit / 10, ..config(1) });
    let raw = Raw::link(&a.address(), &Hello::new(id(2)));
    eventually("linked", || a.linked() == [id(2)]);
    // It takes some 1.3 MB a second: of a full queue more than the high water in each timeout.
    let reader = std::thread::spawn(move || raw.sip(5 * KIB, Duration::from_millis(4)));
    let message = vec![7; 64 * KIB];
    while a.mesh.send(id(2), Class::Bulk, &message) != Err(SendError::Full) {}
    assert!(a.mesh.is_congested());
    let begun = Instant::now();
    while begun.elapsed() < limit * 3 {
        // Somebody who does not wait keeps the queue full.
        while a.mesh.send(id(2), Class::Bulk, &message).is_ok() {}
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(!a.mesh.is_congested(), "senders wait on");
    assert_eq!(a.linked(), [id(2)], "a link that makes progress stays");
    drop(a);
    reader.join().unwrap();
}
