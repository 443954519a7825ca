//! Arbitrary messages: nothing panics, bounds hold, and an honest line still comes through.

use std::time::Duration;

use bytes::Bytes;
use history::{Limits, MAX_BODY, Message, MessageId, Pool, Range, Say, Want};
use proptest::prelude::*;

use crate::cluster::{id, line, range};
use crate::{session, start};

const LIMITS: Limits = Limits { session_lines: 5, session_bytes: 4_000, total_bytes: 10_000, sessions: 4 };

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        8 => 0..8_u64,
        1 => any::<u64>(),
        1 => (0..3_u64).prop_map(|n| u64::MAX - n),
        1 => (0..3_u64).prop_map(|n| (1 << 40) + n),
    ]
}

prop_compose! {
    fn any_id()(author in 0..6_u128, number in number()) -> MessageId {
        id(author, number)
    }
}

prop_compose! {
    fn any_say()(
        id in any_id(),
        lamport in number(),
        heads in prop::collection::vec(any_id(), 0..10),
        len in prop_oneof![8 => 0..2_000_usize, 1 => Just(MAX_BODY + 1)],
    ) -> Say {
        Say { body: Bytes::from(vec![0; len]), ..line(id, lamport, &heads) }
    }
}

prop_compose! {
    fn any_range()(author in 0..6_u128, lo in number(), hi in number(), lamport in number()) -> Range {
        range(author, lo, hi, lamport)
    }
}

fn any_message() -> impl Strategy<Value = Message> {
    let ranges = || prop::collection::vec(any_range(), 0..6);
    let want = any_id().prop_map(|MessageId { session, number }| Want { session, from: number });
    prop_oneof![
        4 => any_say().prop_map(Message::Say),
        1 => (ranges(), any::<bool>()).prop_map(|(ranges, reply)| Message::Digest { ranges, reply }),
        1 => ranges().prop_map(|ranges| Message::Rest { ranges }),
        1 => prop::collection::vec(want, 0..6).prop_map(|wants| Message::Pull { wants }),
    ]
}

proptest! {
    #[test]
    fn nothing_a_peer_sends_breaks_a_pool(
        messages in prop::collection::vec((0..3_u8, any_message(), 0..3_000_u64), 0..60),
    ) {
        let mut now = start();
        let mut pool = Pool::new(session(0), LIMITS, 1, now);
        for peer in 0..2 {
            pool.handle_reachable(peer, now);
        }
        for (from, message, pause) in messages {
            pool.handle_message(from, message, now);
            now += Duration::from_millis(pause);
            pool.handle_timeout(now);
            prop_assert!(pool.weight() <= LIMITS.total_bytes);
            prop_assert!(pool.sessions() <= LIMITS.sessions);
            prop_assert!(pool.lines().map(|say| say.lamport).is_sorted());
            while pool.poll_transmit().is_some() {}
            while pool.poll_event().is_some() {}
        }
        let said = pool.say("still here".into(), now).unwrap();
        prop_assert_eq!(pool.lines().last().map(|say| say.id), Some(said));
    }
}

#[test]
fn what_no_honest_pool_sends_is_counted_and_ignored() {
    let now = start();
    let mut pool = Pool::new(session(0), Limits::default(), 1, now);
    pool.handle_reachable(1, now);
    let long = Say { body: Bytes::from(vec![0; MAX_BODY + 1]), ..line(id(1, 0), 1, &[]) };
    let lines = [
        long,
        line(id(1, 0), u64::MAX, &[]),
        line(id(1, 0), 0, &[]),
        line(id(1, 5), 5, &[]),
        line(id(1, 0), 1, &[id(2, 0); 9]),
        line(id(0, 0), 1, &[]),
    ];
    for say in lines {
        pool.handle_message(1, Message::Say(say), now);
    }
    assert_eq!(pool.counts().malformed, 6);
    let ranges = vec![range(1, 2, 1, 9), range(1, 0, 9, 8), range(1, 0, 1, u64::MAX)];
    let reply = false;
    pool.handle_message(1, Message::Digest { ranges, reply }, now);
    assert_eq!(pool.counts().malformed, 9);
    assert_eq!(pool.sessions(), 1);
    assert_eq!(pool.poll_event(), None);
}

#[test]
fn a_digest_of_a_million_ranges_costs_its_reading() {
    let now = start();
    let mut pool = Pool::new(session(0), Limits::default(), 1, now);
    pool.handle_reachable(1, now);
    while pool.poll_transmit().is_some() {}
    let ranges = (1..1_000_000).map(|author| range(author, 0, 1, 1)).collect();
    let reply = false;
    pool.handle_message(1, Message::Digest { ranges, reply }, now);
    let Some(Message::Pull { wants }) = pool.poll_transmit().map(|sent| sent.message) else {
        panic!("it pulls");
    };
    assert_eq!(wants.len(), Limits::default().sessions);
}
