//! One peer by itself, fed by hand.

use std::time::{Duration, Instant};

use election::{Bully, Config, Epoch, Event, Message, Rank, Reason};

use crate::sim::{Id, start};

#[test]
fn a_higher_ranked_arrival_waits_until_it_has_caught_up_and_the_hold_is_over() {
    let hold = Config::default().hold;
    let (mut peer, now) = follower_of_a_lesser();
    let now = hear_for(&mut peer, hold, now);
    assert_eq!(peer.poll_transmit(), None, "it has not caught up");
    peer.handle_caught_up(true, now);
    let now = hear_for(&mut peer, hold - Duration::from_millis(250), now);
    assert_eq!(peer.poll_transmit(), None, "the hold is not over");
    let now = hear_for(&mut peer, Duration::from_millis(250), now);
    let asked = peer.poll_transmit().expect("the hold is over").message;
    assert!(matches!(asked, Message::Election { take_over: true, .. }));

    let epoch = peer.epoch().expect("it follows");
    peer.handle_message(2, Message::Yield { epoch }, now);
    assert!(peer.is_leader());
    assert_eq!(last_reason(&mut peer), Some(Reason::Outranked(2)));
}

#[test]
fn a_successor_that_dies_with_the_leader_is_not_waited_for() {
    let now = start();
    let mut peer = Bully::new(2, Config::default(), now);
    peer.handle_members(&[rank(0), rank(1), rank(2)], now);
    peer.handle_reachable(0, now);
    peer.handle_reachable(1, now);
    peer.handle_admitted(rank(2), Some(Epoch { counter: 4, leader: 0 }), now);
    peer.handle_caught_up(true, now);

    peer.handle_unreachable(0, now);
    assert_eq!(peer.leader(), None, "it is the other's turn");
    peer.handle_unreachable(1, now);
    assert!(peer.is_leader());
    assert_eq!(last_reason(&mut peer), Some(Reason::Unreachable(0)));
}

#[test]
fn nobody_claims_over_a_silent_leader_unless_most_of_those_asked_miss_it_too() {
    let config = Config::default();
    let (mut peer, now) = follower_of_a_lesser();
    peer.handle_caught_up(true, now);
    peer.handle_reachable(1, now);
    peer.handle_reachable(3, now);

    let silent = now + config.timeout + config.heartbeat;
    peer.handle_timeout(silent);
    let nobody_answered = silent + config.answer_timeout();
    peer.handle_timeout(nobody_answered);
    assert!(!peer.is_leader(), "one of three misses it");

    let (leader, epoch, age) = (None, peer.epoch(), Duration::ZERO);
    peer.handle_message(1, Message::Answer { rank: rank(1), leader, epoch, age }, nobody_answered);
    assert!(!peer.is_leader(), "the third has its time");
    peer.handle_timeout(nobody_answered + config.answer_timeout());
    assert!(peer.is_leader(), "two of three miss it");
}

#[test]
fn a_leader_that_was_out_of_sight_and_is_heard_again_does_not_lead_because_it_cannot_be_reached() {
    let (mut peer, now) = follower_of_a_lesser();
    let epoch = peer.epoch().expect("it follows");
    let heartbeat = Message::Heartbeat { epoch, rank: rank(2), weight: 0, sequence: 9 };
    // It was stopped: it reads a beat from before, and then finds that its links have ended.
    let back = now + Config::default().timeout * 3;
    peer.handle_timeout(back);
    peer.handle_message(2, heartbeat.clone(), back);
    peer.handle_unreachable(2, back);
    assert_eq!(peer.leader(), None);
    let soon = back + Duration::from_millis(50);
    peer.handle_reachable(2, soon);
    peer.handle_message(2, heartbeat, soon);
    assert_eq!((peer.leader(), last_reason(&mut peer)), (Some(2), Some(Reason::Heard(2))));
}

#[test]
fn a_leader_that_was_stopped_asks_before_it_goes_on() {
    let now = start();
    let mut peer = Bully::new(0, Config::default(), now);
    peer.handle_members(&[rank(0), rank(1)], now);
    peer.handle_founded(rank(0), now);
    peer.handle_reachable(1, now);
    while peer.poll_transmit().is_some() {}

    let config = Config::default();
    let late = config.heartbeat + config.timeout + Duration::from_millis(1);
    peer.handle_message(1, Message::Election { rank: rank(1), take_over: false }, now + late);
    assert!(!peer.is_leader());
    assert_eq!(last_reason(&mut peer), Some(Reason::Suspended));
    let asked = peer.poll_transmit().expect("it asks first").message;
    assert!(matches!(asked, Message::Election { take_over: false, .. }));
    let answer = peer.poll_transmit().expect("it answers then").message;
    assert!(matches!(answer, Message::Answer { leader: None, .. }));
}

#[test]
fn a_leader_that_was_stopped_and_lost_everybody_waits_for_them_before_it_leads_alone() {
    let now = start();
    let config = Config::default();
    let stopped = || {
        let mut peer = Bully::new(0, config.clone(), now);
        peer.handle_members(&[rank(0), rank(1)], now);
        peer.handle_founded(rank(0), now);
        peer.handle_reachable(1, now);
        let back = now + config.heartbeat + config.timeout * 2;
        peer.handle_timeout(back);
        peer.handle_unreachable(1, back);
        (peer, back)
    };
    let (mut peer, back) = stopped();
    assert!(!peer.is_leader());
    peer.handle_timeout(back + config.timeout);
    assert!(peer.is_leader(), "nobody came back");

    let (mut peer, back) = stopped();
    let soon = back + Duration::from_millis(50);
    peer.handle_reachable(1, soon);
    let epoch = Epoch { counter: 2, leader: 1 };
    peer.handle_message(1, Message::Heartbeat { epoch, rank: rank(1), weight: 0, sequence: 9 }, soon);
    assert_eq!(peer.leader(), Some(1), "one came back and leads");
}

#[test]
fn who_was_stopped_does_not_claim_while_it_finds_its_links_ended_one_after_the_other() {
    let now = start();
    let config = Config::default();
    let mut peer = Bully::new(0, config.clone(), now);
    peer.handle_members(&[rank(0), rank(1), rank(2)], now);
    peer.handle_founded(rank(0), now);
    peer.handle_reachable(1, now);
    peer.handle_reachable(2, now);
    let back = now + config.heartbeat + config.timeout * 2;
    peer.handle_timeout(back);
    // What waited to be read: a claim that is old, and the ends of the links.
    let epoch = Epoch { counter: 2, leader: 1 };
    peer.handle_message(1, Message::Coordinator { epoch, rank: rank(1) }, back);
    assert_eq!(peer.leader(), Some(1));
    for other in [1, 2] {
        peer.handle_unreachable(other, back);
        assert!(!peer.is_leader(), "the others lost their links to it, and live");
    }
    let mut alone = peer.clone();
    alone.handle_timeout(back + config.timeout);
    assert!(alone.is_leader(), "nobody came back");

    let soon = back + Duration::from_millis(50);
    peer.handle_reachable(1, soon);
    peer.handle_message(1, Message::Heartbeat { epoch, rank: rank(1), weight: 1, sequence: 9 }, soon);
    assert_eq!((peer.leader(), peer.epoch()), (Some(1), Some(epoch)));
}

#[test]
fn what_is_older_than_the_known_epoch_is_ignored_and_answered_with_the_newer() {
    let (mut peer, now) = follower_of_a_lesser();
    peer.handle_reachable(3, now);
    let epoch = Epoch { counter: 1, leader: 3 };
    let late = Message::Coordinator { epoch, rank: rank(3) };
    peer.handle_message(3, late, now);
    assert_eq!(peer.leader(), Some(2));
    let answer = peer.poll_transmit().expect("it is answered").message;
    assert!(matches!(answer, Message::Answer { leader: Some(2), .. }));

    peer.handle_message(3, Message::Yield { epoch }, now);
    assert_eq!(peer.leader(), Some(2));
    peer.poll_transmit().expect("it is answered");
    let epoch = Some(epoch);
    let age = Duration::ZERO;
    let answer = Message::Answer { rank: rank(3), leader: Some(3), epoch, age };
    peer.handle_message(3, answer, now);
    assert_eq!(peer.poll_transmit(), None, "an answer is never answered");
}

#[test]
fn of_equal_counters_the_greater_leader_stands() {
    let (mut peer, now) = follower_of_a_lesser();
    for leader in [1, 3] {
        peer.handle_reachable(leader, now);
        let epoch = Epoch { counter: 5, leader };
        peer.handle_message(leader, Message::Coordinator { epoch, rank: rank(leader) }, now);
    }
    assert_eq!(peer.leader(), Some(3));
}

#[test]
fn a_claim_repeated_changes_nothing() {
    let (mut peer, now) = follower_of_a_lesser();
    let before = peer.clone();
    let epoch = peer.epoch().expect("it follows");
    peer.handle_message(2, Message::Coordinator { epoch, rank: rank(2) }, now);
    assert_eq!(peer, before);
}

#[test]
fn a_peer_that_is_not_admitted_sends_nothing_and_remembers_the_greatest_counter() {
    let now = start();
    let mut peer = Bully::new(0, Config::default(), now);
    peer.handle_reachable(2, now);
    let epoch = Epoch { counter: 41, leader: 2 };
    peer.handle_message(2, Message::Coordinator { epoch, rank: rank(2) }, now);
    peer.handle_message(2, Message::Election { rank: rank(2), take_over: false }, now);
    assert_eq!((peer.poll_transmit(), peer.poll_timeout(), peer.leader()), (None, None, None));
    peer.handle_founded(rank(0), now);
    assert_eq!(peer.epoch(), Some(Epoch { counter: 42, leader: 0 }));
}

#[test]
fn a_message_that_names_another_sender_is_dropped() {
    let (mut peer, now) = follower_of_a_lesser();
    peer.handle_reachable(3, now);
    let before = peer.clone();
    let epoch = Epoch { counter: 9, leader: 2 };
    peer.handle_message(3, Message::Coordinator { epoch, rank: rank(2) }, now);
    assert_eq!(peer, before);
}

#[test]
fn a_timer_that_is_called_early_changes_nothing() {
    let (mut peer, now) = follower_of_a_lesser();
    let before = peer.clone();
    peer.handle_timeout(now);
    peer.handle_timeout(peer.poll_timeout().unwrap() - Duration::from_nanos(1));
    assert_eq!(peer, before);
}

#[test]
fn a_member_that_knows_no_leader_listens_and_then_elects() {
    let now = start();
    let mut peer = Bully::new(0, Config::default(), now);
    peer.handle_admitted(rank(0), None, now);
    assert_eq!(peer.poll_timeout(), Some(now + Config::default().timeout));
    peer.handle_timeout(now + Config::default().timeout);
    assert!(peer.is_leader());
}

// The harness.

/// Peer 0, which follows peer 2 although it outranks it, and has not caught up.
fn follower_of_a_lesser() -> (Bully<Id>, Instant) {
    let now = start();
    let mut peer = Bully::new(0, Config::default(), now);
    peer.handle_members(&[rank(0), rank(1), rank(2), rank(3)], now);
    peer.handle_reachable(2, now);
    peer.handle_admitted(rank(0), Some(Epoch { counter: 4, leader: 2 }), now);
    while peer.poll_event().is_some() {}
    (peer, now)
}

/// Lets peer 2's beats be heard for `time`.
fn hear_for(peer: &mut Bully<Id>, time: Duration, mut now: Instant) -> Instant {
    let end = now + time;
    while now < end {
        now += Duration::from_millis(250);
        let epoch = peer.epoch().expect("it follows");
        let (rank, weight, sequence) = (rank(2), 1, 0);
        let beat = Message::Heartbeat { epoch, rank, weight, sequence };
        peer.handle_message(2, beat, now);
        peer.handle_timeout(now);
    }
    now
}

fn rank(peer: Id) -> Rank<Id> {
    let seniority = u64::from(peer);
    Rank { priority: 0, seniority, peer }
}

fn last_reason(peer: &mut Bully<Id>) -> Option<Reason<Id>> {
    let events = std::iter::from_fn(|| peer.poll_event());
    events.last().map(|Event::Leader { reason, .. }| reason)
}

#[test]
fn a_leader_whose_link_ends_has_two_beats_over_the_new_way() {
    let config = Config::default();
    let (mut peer, now) = follower_of_a_lesser();
    let lost = now + config.timeout;
    peer.handle_link_lost(2, lost);
    assert_eq!(peer.poll_timeout(), Some(lost + config.heartbeat * 2));

    // The link and the beats are lost at the same moment, and which is noticed first is chance.
    let (mut doubting, now) = follower_of_a_lesser();
    doubting.handle_reachable(1, now);
    let silent = now + config.timeout + config.heartbeat;
    doubting.handle_timeout(silent);
    assert!(
        std::iter::from_fn(|| doubting.poll_transmit()).any(|sent| matches!(sent.message, Message::Election { .. }))
    );
    doubting.handle_link_lost(2, silent);
    assert_eq!((doubting.leader(), doubting.poll_timeout()), (Some(2), Some(silent + config.heartbeat * 2)));
    doubting.handle_message(1, Message::Election { rank: rank(1), take_over: false }, silent);
    let answers = std::iter::from_fn(|| doubting.poll_transmit()).find_map(|sent| match sent.message {
        Message::Answer { age, .. } => Some(age),
        _ => None,
    });
    assert_eq!(answers, Some(config.timeout), "nobody is told that it is heard");
}

#[test]
fn a_leader_beats_at_once_where_the_way_changes() {
    let now = start();
    let mut leader = Bully::new(0, Config::default(), now);
    leader.handle_founded(rank(0), now);
    leader.handle_members(&[rank(0), rank(1)], now);
    leader.handle_reachable(1, now);
    while leader.poll_transmit().is_some() {}
    leader.handle_link_lost(1, now);
    assert!(matches!(leader.poll_transmit().map(|sent| (sent.to, sent.message)), Some((1, Message::Heartbeat { .. }))));
}
