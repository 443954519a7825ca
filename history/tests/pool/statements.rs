//! One promise a test.

use std::time::{Duration, Instant};

use bytes::Bytes;
use history::{Event, Limits, MAX_BODY, Message, Pool, SayError, To};

use crate::cluster::{Cluster, id, line, range};
use crate::{session, start};

const SECOND: Duration = Duration::from_secs(1);

fn few_lines() -> Limits {
    Limits { session_lines: 10, ..Limits::default() }
}

#[test]
fn a_line_is_shown_at_its_author_at_once_and_alone() {
    let mut cluster = Cluster::new(1, Limits::default());
    let said = cluster.say(0, "Hi");
    assert_eq!(said, id(0, 0));
    assert_eq!(cluster.shown(0), [said]);
    assert_eq!(cluster.pools[0].poll_transmit(), None);
}

#[test]
fn a_line_goes_to_all_reachable_peers_as_one_transmit() {
    let mut cluster = Cluster::linked(3, Limits::default());
    cluster.take_sent();
    let said = cluster.say(0, "Hi");
    assert_eq!(cluster.take_sent().len(), 2);
    assert_eq!(cluster.shown(1), [said]);
    assert_eq!(cluster.shown(2), [said]);
}

#[test]
fn numbers_begin_at_0_and_are_not_reused() {
    let mut cluster = Cluster::new(1, few_lines());
    let said: Vec<_> = (0..30).map(|_| cluster.say(0, "Hi").number).collect();
    assert_eq!(said, Vec::from_iter(0..30));
}

#[test]
fn a_body_may_be_as_long_as_stated_and_comes_back_if_it_is_longer() {
    let mut cluster = Cluster::linked(2, Limits::default());
    cluster.say(0, vec![7; MAX_BODY]);
    assert_eq!(cluster.shown(1).len(), 1);
    let long = Bytes::from(vec![7; MAX_BODY + 1]);
    let now = cluster.now;
    let error = cluster.pools[0].say(long.clone(), now).unwrap_err();
    assert_eq!(error.to_string(), "a line of 70001 bytes is longer than 70000");
    assert_eq!(error, SayError::TooLong(long));
    assert_eq!(cluster.say(0, "next").number, 1);
}

#[test]
fn a_kept_body_does_not_keep_the_buffer_it_was_cut_from_alive() {
    let mut cluster = Cluster::new(1, Limits::default());
    let frame = Bytes::from(vec![b'x'; 1000]);
    let mut say = line(id(1, 0), 1, &[]);
    say.body = frame.slice(10..20);
    cluster.receive(0, 1, Message::Say(say));
    assert_eq!(cluster.pools[0].lines().count(), 1);
    assert!(frame.is_unique());
}

#[test]
fn peers_that_meet_learn_what_the_other_said_before() {
    let mut cluster = Cluster::new(2, Limits::default());
    let (mine, yours) = (cluster.say(0, "mine"), cluster.say(1, "yours"));
    cluster.link(0, 1);
    assert_eq!(cluster.shown(0), [mine, yours]);
    assert_eq!(cluster.shown(1), [yours, mine]);
}

#[test]
fn a_line_outlives_its_author_once_another_has_it() {
    let mut cluster = Cluster::new(3, Limits::default());
    let said = cluster.say(0, "remember me");
    cluster.link(0, 1);
    cluster.cut(0, 1);
    cluster.link(1, 2);
    assert_eq!(cluster.shown(2), [said]);
}

#[test]
fn a_line_that_comes_twice_is_shown_once_and_counted() {
    let mut cluster = Cluster::new(1, Limits::default());
    for _ in 0..2 {
        cluster.receive(0, 1, Message::Say(line(id(1, 0), 1, &[])));
    }
    assert_eq!(cluster.shown(0), [id(1, 0)]);
    assert_eq!(cluster.pools[0].counts().duplicates, 1);
}

#[test]
fn a_lost_line_is_pulled_when_the_next_one_comes() {
    let mut cluster = Cluster::linked(2, Limits::default());
    cluster.say_unheard(0, "lost");
    cluster.say(0, "heard");
    assert_eq!(cluster.shown(1), [id(0, 0), id(0, 1)]);
}

#[test]
fn a_lost_last_line_is_pulled_within_about_a_second() {
    let mut cluster = Cluster::linked(2, Limits::default());
    let said = cluster.say_unheard(0, "lost");
    cluster.pass(SECOND);
    assert_eq!(cluster.shown(1), [said]);
}

#[test]
fn a_peer_that_returns_to_four_neighbours_fetches_each_line_once() {
    let mut cluster = Cluster::linked(5, Limits::default());
    cluster.cut_off(4);
    for n in 0..400 {
        cluster.say(n % 4, vec![0; 2000]);
    }
    cluster.take_sent();
    for neighbour in 0..4 {
        cluster.join(4, neighbour);
    }
    cluster.pass(Duration::ZERO);
    assert_eq!(cluster.shown(4).len(), 400);
    assert_eq!(cluster.lines_sent_to(4), 400);
}

#[test]
fn an_answer_to_a_pull_is_bounded_and_the_rest_is_pulled_at_once() {
    let mut cluster = Cluster::new(2, Limits::default());
    for _ in 0..10 {
        cluster.say(0, vec![0; 60_000]);
    }
    cluster.link(0, 1);
    assert_eq!(cluster.shown(1).len(), 10);
    let pulls = |sent: &[(usize, usize, Message)]| {
        let pulls = sent.iter().filter(|(_, _, m)| matches!(m, Message::Pull { .. }));
        pulls.count()
    };
    assert_eq!(pulls(&cluster.take_sent()), 3);
}

#[test]
fn a_pull_that_is_not_answered_is_asked_of_another_after_a_second() {
    let (mut pool, now) = between_two_peers();
    let offer = || Message::Rest { ranges: vec![range(9, 0, 1, 1)] };
    pool.handle_message(1, offer(), now);
    assert_eq!(pulls(&mut pool), [(1, 0)]);
    pool.handle_message(2, offer(), now + SECOND / 2);
    assert_eq!(pulls(&mut pool), []);
    pool.handle_message(2, offer(), now + SECOND);
    assert_eq!(pulls(&mut pool), [(2, 0)]);
}

#[test]
fn who_does_not_answer_a_pull_is_soon_met_again_however_many_others_there_are() {
    let mut pool = Pool::new(session(1), Limits::default(), 7, start());
    for peer in 0..100 {
        pool.handle_reachable(peer, start());
    }
    pool.handle_message(0, Message::Digest { ranges: vec![range(0, 0, 1, 1)], reply: false }, start());
    while pool.poll_transmit().is_some() {}
    let mut met = false;
    for _ in 0..3 {
        let due = pool.poll_timeout().unwrap();
        pool.handle_timeout(due);
        while let Some(transmit) = pool.poll_transmit() {
            met |= transmit.to == To::One(0) && matches!(transmit.message, Message::Digest { reply: true, .. });
        }
    }
    assert!(met);
}

#[test]
fn when_a_pull_has_ended_another_peer_that_has_more_is_asked_at_once() {
    let (mut pool, now) = between_two_peers();
    pool.handle_message(1, Message::Rest { ranges: vec![range(9, 0, 1, 1)] }, now);
    assert_eq!(pulls(&mut pool), [(1, 0)]);
    pool.handle_message(2, Message::Say(line(id(9, 1), 2, &[])), now);
    assert_eq!(pulls(&mut pool), []);
    pool.handle_message(1, Message::Say(line(id(9, 0), 1, &[])), now);
    assert_eq!(pulls(&mut pool), [(2, 1)]);
}

#[test]
fn what_was_pulled_from_a_peer_that_vanishes_is_looked_for_elsewhere_at_once() {
    let mut cluster = Cluster::new(3, Limits::default());
    let said = cluster.say(0, "Hi");
    cluster.link(0, 2);
    cluster.pools[1].handle_reachable(9, cluster.now);
    let offer = Message::Digest { ranges: vec![range(0, 0, 1, 1)], reply: false };
    cluster.receive(1, 9, offer);
    cluster.link(1, 2);
    assert_eq!(cluster.shown(1), []);
    cluster.pools[1].handle_unreachable(9, cluster.now);
    cluster.pass(Duration::ZERO);
    assert_eq!(cluster.shown(1), [said]);
}

#[test]
fn a_line_is_held_until_what_it_follows_is_shown() {
    let mut cluster = Cluster::new(1, Limits::default());
    let (question, answer) = (id(1, 0), id(2, 0));
    cluster.receive(0, 2, Message::Say(line(answer, 2, &[question])));
    cluster.receive(0, 2, Message::Say(line(id(2, 1), 3, &[])));
    cluster.pass(4 * SECOND);
    assert_eq!(cluster.shown(0), []);
    cluster.receive(0, 1, Message::Say(line(question, 1, &[])));
    assert_eq!(cluster.shown(0), [question, answer, id(2, 1)]);
}

#[test]
fn a_line_is_held_no_longer_than_five_seconds() {
    let mut cluster = Cluster::new(1, Limits::default());
    cluster.receive(0, 2, Message::Say(line(id(2, 0), 2, &[id(1, 0)])));
    cluster.pass(5 * SECOND - Duration::from_millis(1));
    assert_eq!(cluster.shown(0), []);
    cluster.pass(Duration::from_millis(1));
    assert_eq!(cluster.shown(0), [id(2, 0)]);
}

#[test]
fn an_answer_names_what_it_answers() {
    let mut cluster = Cluster::linked(3, Limits::default());
    cluster.say(0, "one");
    cluster.say(1, "two");
    cluster.say(1, "three");
    cluster.say(2, "four");
    let heads: Vec<_> = cluster.pools[0].lines().map(|say| say.heads.clone()).collect();
    assert_eq!(heads, [vec![], vec![id(0, 0)], vec![], vec![id(1, 1)]]);
}

#[test]
fn a_line_names_the_eight_lines_last_shown_when_more_were_said_at_once() {
    let mut cluster = Cluster::new(1, Limits::default());
    for author in 1..=10 {
        cluster.receive(0, 1, Message::Say(line(id(author, 0), 1, &[])));
    }
    cluster.say(0, "all of you");
    let own = cluster.pools[0].lines().last().unwrap();
    assert_eq!(own.heads, Vec::from_iter((3..=10).map(|author| id(author, 0))));
}

#[test]
fn lines_are_kept_in_one_order_everywhere() {
    let mut cluster = Cluster::new(2, Limits::default());
    for n in 0..6 {
        cluster.say(n % 2, "at once");
    }
    cluster.link(0, 1);
    cluster.say(1, "after all of them");
    let order = |peer: usize| Vec::from_iter(cluster.pools[peer].lines().map(|say| say.id));
    assert_eq!(order(0), order(1));
    assert_eq!(order(0).last(), Some(&id(1, 3)));
}

#[test]
fn of_a_session_the_lowest_number_leaves_first() {
    let mut cluster = Cluster::new(1, few_lines());
    for _ in 0..13 {
        cluster.say(0, "Hi");
    }
    let kept = Vec::from_iter(cluster.pools[0].lines().map(|say| say.id.number));
    assert_eq!(kept, Vec::from_iter(3..13));
    assert_eq!(cluster.pools[0].counts().left, 3);
}

#[test]
fn of_all_lines_the_oldest_leaves_first() {
    let limits = Limits { total_bytes: 10_000, ..Limits::default() };
    let mut cluster = Cluster::linked(2, limits);
    for n in 0..20 {
        cluster.say(n % 2, vec![0; 1000]);
    }
    let kept = Vec::from_iter(cluster.pools[0].lines().map(|say| say.lamport));
    assert_eq!(kept, Vec::from_iter(13..=20));
    assert!(cluster.pools[0].weight() <= 10_000);
}

#[test]
fn a_line_that_leaves_while_it_is_held_is_shown() {
    let mut cluster = Cluster::new(1, few_lines());
    for number in 0..11 {
        let heads: &[_] = if number == 0 { &[id(2, 0)] } else { &[] };
        cluster.receive(0, 1, Message::Say(line(id(1, number), number + 2, heads)));
    }
    assert_eq!(cluster.shown(0), Vec::from_iter((0..11).map(|n| id(1, n))));
}

#[test]
fn a_peer_that_was_away_too_long_is_told_what_it_missed() {
    let mut cluster = Cluster::linked(3, few_lines());
    cluster.say(0, "before");
    cluster.cut_off(2);
    for _ in 0..50 {
        cluster.say(0, "while away");
    }
    cluster.events(2);
    cluster.link(2, 1);
    cluster.pass(2 * SECOND);
    assert_eq!(cluster.events(2), []);
    cluster.pass(3 * SECOND);
    let events = cluster.events(2);
    let skipped = Event::Skipped { session: session(0), from: 1, to: 41 };
    assert_eq!(events[0], skipped);
    assert_eq!(events.len(), 11);
    assert_eq!(cluster.pools[2].counts().skipped, 40);
}

#[test]
fn a_newcomers_short_range_does_not_hide_what_an_older_neighbour_has() {
    let mut cluster = Cluster::new(3, Limits::default());
    cluster.say(0, "old");
    let baseline = cluster.pools[0].baseline();
    cluster.adopt(1, baseline);
    cluster.link(0, 1);
    cluster.say(0, "fresh");
    cluster.link(1, 2);
    cluster.pass(2 * SECOND);
    cluster.link(0, 2);
    assert_eq!(cluster.shown(2), [id(0, 0), id(0, 1)]);
    assert_eq!(cluster.pools[2].counts().skipped, 0);
}

#[test]
fn nothing_is_given_up_because_a_newcomer_never_had_it() {
    let mut cluster = Cluster::new(4, Limits::default());
    cluster.link(0, 1);
    cluster.say_unheard(0, "missed by 1");
    let baseline = cluster.pools[0].baseline();
    cluster.adopt(2, baseline);
    // The author is out of reach while the newcomer, which keeps nothing of it, is in reach for long.
    cluster.cut(0, 1);
    cluster.link(1, 2);
    cluster.pass(Duration::from_secs(60));
    assert_eq!(cluster.events(1), []);
    cluster.link(0, 1);
    assert_eq!(cluster.shown(1), [id(0, 0)]);
}

#[test]
fn a_range_that_moves_on_while_it_is_skipped_to_is_met_in_its_middle() {
    let (mut pool, mut now) = between_two_peers();
    pool.handle_message(1, Message::Rest { ranges: vec![range(9, 10, 20, 20)] }, now);
    for _ in 0..5 {
        now += SECOND;
        pool.handle_timeout(now);
    }
    assert_eq!(pulls(&mut pool), [(1, 10)]);
    pool.handle_message(1, Message::Rest { ranges: vec![range(9, 12, 22, 22)] }, now);
    assert_eq!(pulls(&mut pool), [(1, 17)]);
    assert_eq!(pool.counts().skipped, 17);
}

#[test]
fn a_newcomer_that_adopts_a_baseline_gets_only_what_is_said_after() {
    let mut cluster = Cluster::new(2, Limits::default());
    cluster.say(0, "before");
    let baseline = cluster.pools[0].baseline();
    cluster.adopt(1, baseline);
    cluster.link(0, 1);
    let after = cluster.say(0, "after");
    cluster.pass(10 * SECOND);
    assert_eq!(cluster.events(1).len(), 1);
    assert_eq!(cluster.pools[1].lines().next().unwrap().id, after);
    let reply = cluster.say(1, "hello");
    assert_eq!(cluster.pools[0].lines().last().unwrap().id, reply);
}

#[test]
fn a_baseline_changes_nothing_about_a_session_that_is_known() {
    let mut cluster = Cluster::linked(2, Limits::default());
    cluster.say(0, "known");
    cluster.say_unheard(0, "missing");
    let baseline = cluster.pools[0].baseline();
    cluster.adopt(1, baseline);
    cluster.pass(SECOND);
    assert_eq!(cluster.shown(1), [id(0, 0), id(0, 1)]);
}

#[test]
fn a_line_does_not_wait_for_what_lies_below_a_baseline() {
    let mut cluster = Cluster::new(3, Limits::default());
    cluster.say(0, "before");
    let baseline = cluster.pools[0].baseline();
    cluster.adopt(1, baseline);
    cluster.receive(1, 2, Message::Say(line(id(2, 0), 2, &[id(0, 0)])));
    assert_eq!(cluster.shown(1), [id(2, 0)]);
}

#[test]
fn above_the_table_bound_the_longest_silent_session_is_forgotten_and_never_shown_again() {
    let limits = Limits { sessions: 3, ..Limits::default() };
    let mut cluster = Cluster::new(1, limits);
    for author in 1..=3 {
        let lamport = u64::try_from(author).unwrap();
        cluster.receive(0, 1, Message::Say(line(id(author, 0), lamport, &[])));
    }
    assert_eq!(cluster.pools[0].sessions(), 3);
    assert_eq!(cluster.shown(0).len(), 3);
    cluster.receive(0, 1, Message::Say(line(id(1, 0), 1, &[])));
    assert_eq!(cluster.shown(0), []);
    assert_eq!(cluster.pools[0].counts().refused, 1);
    cluster.receive(0, 1, Message::Say(line(id(1, 1), 4, &[])));
    assert_eq!(cluster.shown(0), [id(1, 1)]);
}

#[test]
fn a_timeout_that_comes_early_changes_nothing() {
    let mut cluster = Cluster::linked(2, Limits::default());
    cluster.receive(0, 1, Message::Say(line(id(5, 0), 2, &[id(6, 0)])));
    let due = cluster.pools[0].poll_timeout();
    let before = due.unwrap() - Duration::from_nanos(1);
    cluster.pools[0].handle_timeout(before);
    assert_eq!(cluster.pools[0].poll_transmit(), None);
    assert_eq!(cluster.pools[0].poll_timeout(), due);
}

/// A pool that can reach the peers 1 and 2, which the test speaks for.
fn between_two_peers() -> (Pool<usize>, Instant) {
    let now = start();
    let mut pool = Pool::new(session(0), Limits::default(), 1, now);
    for peer in [1, 2] {
        pool.handle_reachable(peer, now);
    }
    (pool, now)
}

/// Whom the pool has pulled from since the last call, and from which number on.
fn pulls(pool: &mut Pool<usize>) -> Vec<(usize, u64)> {
    let sent = std::iter::from_fn(|| pool.poll_transmit());
    sent.filter_map(|transmit| match (transmit.to, transmit.message) {
        (To::One(peer), Message::Pull { wants }) => Some((peer, wants[0].from)),
        _ => None,
    })
    .collect()
}
