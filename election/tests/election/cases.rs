//! The cases of the election, one by one: a group at rest, one fault, what follows.
//!
//! Members are numbered by rank: 0 founded the group and leads, 1 outranks 2, and so on.

use election::{Config, Message};

use crate::sim::{Id, Input, MS, World};

/// More than a message and a reaction to it take on all ways at once.
const MOMENT: u64 = 50 * MS;

// The leader is unreachable.

#[test]
fn a_dead_leader_is_replaced_by_the_next_in_rank_with_n_minus_1_messages() {
    for n in 2..=30u16 {
        let mut group = at_rest(n);
        group.crash(0);
        group.run_for(MOMENT + 30 * MS);
        assert_all_follow(&group, 1);
        let sent = elected_with(&group);
        assert_eq!(sent, usize::from(n) - 2, "to each survivor but the claimer");
    }
}

#[test]
fn a_successor_that_does_not_claim_is_passed_over_after_asking_around() {
    let mut group = at_rest(5);
    group.pause(1, 5_000 * MS);
    group.crash(0);
    group.run_for(190 * MS);
    assert!(leaders(&group).is_empty(), "the successor has its time");
    group.run_for(400 * MS);
    assert_eq!(group.peers[&4].bully.leader(), Some(2));
    assert!(elected_with(&group) <= 4 + 2 * 7 * 6);
}

#[test]
fn the_last_one_left_leads() {
    let mut group = at_rest(4);
    for id in 0..3 {
        group.crash(id);
        group.run_for(MOMENT);
    }
    assert_all_follow(&group, 3);
}

// The leader is silent.

#[test]
fn a_silent_leader_is_asked_about_before_anybody_claims() {
    let mut group = at_rest(5);
    mute(&mut group, 0);
    group.run_for(2_000 * MS);
    assert!((1..5).all(|id| group.peers[&id].bully.leader() == Some(1)));
    let first_claim = position(&group, |message| matches!(message, Message::Coordinator { .. }));
    let first_question = position(&group, |message| matches!(message, Message::Election { .. }));
    assert!(first_question < first_claim);
}

#[test]
fn a_round_of_questions_costs_at_most_84_messages_in_a_group_of_any_size() {
    for n in [3, 8, 9, 30] {
        let mut group = at_rest(n);
        mute(&mut group, 0);
        group.run_for(1_300 * MS);
        assert!((1..u32::from(n)).all(|id| group.peers[&id].bully.leader() == Some(1)));
        assert!(elected_with(&group) <= usize::from(n) + 2 * 7 * 6);
    }
}

#[test]
fn one_who_alone_misses_the_leader_is_told_that_it_lives_and_claims_nothing() {
    let mut group = at_rest(4);
    group.blocked.insert((0, 1));
    group.run_for(5_000 * MS);
    assert_all_follow(&group, 0);
    assert_eq!(group.checks.changes, 0);
}

#[test]
fn a_silent_leader_without_a_link_of_ones_own_is_doubted_after_two_heartbeats() {
    let mut group = at_rest(3);
    mute(&mut group, 0);
    group.apply(2, Input::Link(0, false));
    group.run_for(520 * MS);
    let asks = |(from, _, message): &(Id, Id, Message<Id>)| *from == 2 && matches!(message, Message::Election { .. });
    assert!(group.sent.iter().any(asks));
}

// Two leaders meet.

#[test]
fn of_two_leaders_that_meet_the_better_connected_one_stays() {
    let mut group = at_rest(5);
    split(&mut group, &[0]);
    group.run_for(500 * MS);
    assert_eq!(leaders(&group), [0, 1]);
    split(&mut group, &[]);
    group.run_for(400 * MS);
    assert_all_follow(&group, 1);
    group.run_for(4_000 * MS);
    assert_all_follow(&group, 0);
}

#[test]
fn of_two_equally_connected_leaders_the_higher_ranked_stays_above_both_epochs() {
    let mut group = at_rest(2);
    split(&mut group, &[0]);
    group.run_for(3_000 * MS);
    let newer = group.peers[&1].bully.epoch();
    split(&mut group, &[]);
    group.run_for(400 * MS);
    assert_all_follow(&group, 0);
    assert!(group.peers[&0].bully.epoch() > newer);
}

#[test]
fn a_leader_that_was_in_reach_all_along_gives_way_to_the_newer_epoch() {
    let mut group = at_rest(4);
    mute(&mut group, 0);
    group.run_for(1_500 * MS);
    assert_all_follow(&group, 1);
}

// A higher-ranked peer arrives.

#[test]
fn a_yielder_claims_again_if_nobody_takes_over() {
    let mut group = at_rest(3);
    group.apply(0, Input::Fit(false));
    group.run_for(MOMENT);
    assert_all_follow(&group, 1);
    group.apply(0, Input::Fit(true));
    group.run_for(1_900 * MS);
    mute(&mut group, 0);
    group.peers.get_mut(&0).unwrap().muted = false;
    group.blocked.insert((1, 0));
    group.run_for(600 * MS);
    assert_eq!(group.peers[&2].bully.leader(), Some(1), "its yield was lost");
    assert!(group.peers[&1].bully.is_leader());
}

#[test]
fn each_fall_lengthens_the_hold() {
    let mut group = at_rest(4);
    for _ in 0..3 {
        split(&mut group, &[0]);
        group.run_for(300 * MS);
        split(&mut group, &[]);
        group.run_for(400 * MS);
    }
    group.run_for(6_000 * MS);
    assert_all_follow(&group, 1);
    group.run_for(3_000 * MS);
    assert_all_follow(&group, 0);
}

// A leader leaves, or is unfit.

#[test]
fn a_leaving_leader_yields_to_the_next_in_rank_and_never_claims_again() {
    let mut group = at_rest(4);
    group.apply(0, Input::Leave);
    group.run_for(MOMENT);
    assert_all_follow(&group, 1);
    assert_eq!(elected_with(&group), 1 + 3);
    group.run_for(10_000 * MS);
    assert_all_follow(&group, 1);
}

#[test]
fn a_leader_whose_disk_hangs_yields() {
    let mut group = at_rest(4);
    group.apply(0, Input::Fit(false));
    group.run_for(MOMENT);
    assert_all_follow(&group, 1);
}

#[test]
fn an_unfit_peer_whose_turn_it_is_passes_it_on_at_once() {
    let mut group = at_rest(4);
    group.apply(1, Input::Fit(false));
    group.crash(0);
    group.run_for(30 * MS + MOMENT);
    assert_all_follow(&group, 2);
}

#[test]
fn a_turn_that_a_yielding_leaders_heir_passes_on_is_taken_at_once() {
    let mut group = at_rest(4);
    group.apply(1, Input::Fit(false));
    group.apply(0, Input::Leave);
    group.run_for(80 * MS);
    assert_all_follow(&group, 2);
}

#[test]
fn a_group_in_which_nobody_is_fit_has_no_leader_until_somebody_is() {
    let mut group = at_rest(3);
    for id in 0..3 {
        group.apply(id, Input::Fit(false));
    }
    group.run_for(5_000 * MS);
    assert!(leaders(&group).is_empty());
    group.apply(1, Input::Fit(true));
    group.run_for(2_000 * MS);
    assert_all_follow(&group, 1);
}

// Self-suspicion.

#[test]
fn a_leader_that_was_stopped_for_long_follows_the_one_that_was_elected() {
    let mut group = at_rest(4);
    group.pause(0, 3_000 * MS);
    group.run_for(3_500 * MS);
    assert_all_follow(&group, 1);
}

#[test]
fn a_follower_that_was_stopped_does_not_claim_from_stale_silence() {
    let mut group = at_rest(4);
    group.pause(1, 3_000 * MS);
    group.run_for(4_000 * MS);
    assert_all_follow(&group, 0);
    assert_eq!(group.checks.changes, 0);
}

#[test]
fn a_peer_that_is_no_member_is_not_elected() {
    let mut group = at_rest(3);
    group.add(9, 7, 0);
    group.settle_views();
    group.crash(0);
    group.run_for(30 * MS + MOMENT);
    assert_eq!(leaders(&group), [1]);
}

// The harness.

/// A group of `n` members that has been together for long enough to count for each other.
fn at_rest(n: u16) -> World {
    let mut world = World::founded(1, Config::default(), &vec![0; n.into()], 3_000 * MS);
    world.sent.clear();
    world.checks.changes = 0;
    world
}

fn mute(world: &mut World, id: Id) {
    world.peers.get_mut(&id).expect("it is in the group").muted = true;
}

/// Puts `apart` on an island of their own, and the others on one.
fn split(world: &mut World, apart: &[Id]) {
    for (id, peer) in &mut world.peers {
        peer.island = u32::from(apart.contains(id));
    }
    world.settle_views();
}

fn leaders(world: &World) -> Vec<Id> {
    let alive = world.peers.iter().filter(|(_, peer)| peer.alive);
    alive.filter(|(_, peer)| peer.bully.is_leader()).map(|(&id, _)| id).collect()
}

fn assert_all_follow(world: &World, leader: Id) {
    for id in world.alive() {
        assert_eq!(world.peers[&id].bully.leader(), Some(leader), "as {id} sees it");
    }
}

/// How many messages were sent since the group was at rest, heartbeats apart.
fn elected_with(world: &World) -> usize {
    let is_election = |message: &Message<Id>| !matches!(message, Message::Heartbeat { .. });
    world.sent.iter().filter(|(_, _, message)| is_election(message)).count()
}

fn position(world: &World, is: impl Fn(&Message<Id>) -> bool) -> usize {
    let found = world.sent.iter().position(|(_, _, message)| is(message));
    found.expect("it was sent")
}
