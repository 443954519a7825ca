//! Races that a random schedule meets seldom.

use super::*;

/// A change of leader to `heir`, as the peers that it reaches hear of it.
fn coordinator(heir: &Group, counter: u64) -> Message {
    let epoch = election::Epoch { counter, leader: heir.me.id };
    let rank = heir.bully.rank().unwrap();
    Message::Election(election::Message::Coordinator { epoch, rank })
}

#[test]
fn what_a_leader_decided_and_has_not_told_is_no_part_of_the_next_leaders_roster() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob", "carol"]);
    net.minds.get_mut(&ids[2]).unwrap().paused = true;
    net.unreachable(ids[0], ids[2], Unreachable::Ended);
    net.now.instant += Duration::from_secs(1);
    net.unreachable(ids[0], ids[2], Unreachable::Gone);
    net.now.instant += Duration::from_millis(400);
    let now = net.now;
    let mut bob = net.minds[&ids[1]].group.clone();
    let epoch = election::Epoch { counter: 2, leader: ids[1] };
    let mut theirs = bob.roster.take().unwrap();
    theirs.begin_epoch(epoch, now.wall);
    // One turn: it drops carol, and before that is told, it reads that bob leads.
    let alice = &mut net.minds.get_mut(&ids[0]).unwrap().group;
    alice.bully.handle_timeout(now.instant);
    alice.drop_overdue(now);
    assert_eq!(alice.edits.len(), 1);
    let frames = [coordinator(&bob, 2), Message::Roster(theirs.clone())];
    alice.handle_frames(ids[1], frames.iter().map(|frame| frame.to_frame().unwrap().into()).collect(), now);
    while alice.poll_output().is_some() {}
    assert_eq!(alice.roster, Some(theirs));
}

#[test]
fn who_restarts_at_its_address_before_its_end_is_noticed_has_its_name_at_once() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob"]);
    // The machine lost its power: nobody says that the link ended.
    let before = net.minds.remove(&ids[1]).unwrap();
    let again = net.start_at("bob", before.group.me.address.clone(), &ids[..1]);
    net.run(500);
    assert_eq!(net.names(again), ["alice", "bob"]);
    assert!(net.told(ids[0], |event| matches!(event, Event::Joined { id, .. } if *id == again)) == 1);
}

#[test]
fn a_newcomer_forgets_a_group_that_vanishes_before_it_is_admitted() {
    let mut net = Net::new();
    let ours = net.start("alice", 0, &[]);
    let (far, near) = (net.start("dave", 0, &[]), net.start("erin", 0, &[PeerId::new(Uuid::from_u128(2))]));
    net.run(500);
    // A group of a greater epoch, whose leader the newcomer never reaches.
    net.kill(far, Unreachable::Ended);
    net.run(500);
    let bob = net.start("bob", 0, &[near]);
    net.cut.insert(pair(bob, near));
    let now = net.now;
    let theirs = net.minds[&near].group.roster.clone().unwrap();
    let info = net.minds[&near].group.me.clone();
    let mind = &mut net.minds.get_mut(&bob).unwrap().group;
    let mut of_another = theirs;
    of_another.begin_epoch(election::Epoch { counter: 9, leader: far }, now.wall);
    mind.handle_reachable(info, true, now);
    mind.handle_roster(near, of_another, now);
    net.kill(near, Unreachable::Ended);
    net.unreachable(bob, near, Unreachable::Ended);
    net.minds.get_mut(&bob).unwrap().dials.insert(ours);
    net.run(1000);
    assert_eq!(net.names(bob), ["alice", "bob"]);
}

#[test]
fn one_of_several_newcomers_that_does_not_found_waits_quietly() {
    let mut net = Net::new();
    let ids: Vec<_> = (1..=2).map(|n| PeerId::new(Uuid::from_u128(n))).collect();
    let first = net.start("alice", 0, &ids[1..]);
    let second = net.start("bob", 0, &ids[..1]);
    net.run(1000);
    // The one that would found is stopped: the other waits for it, and is not woken all the time.
    net.minds.get_mut(&first).unwrap().paused = true;
    net.run(1500);
    let mind = &net.minds[&second].group;
    assert!(matches!(mind.stage, Stage::Joining(_)));
    assert!(mind.poll_timeout().is_some_and(|due| due > net.now.instant));
}

#[test]
fn a_member_that_is_away_is_renamed_without_a_word() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob", "carol"]);
    net.kill(ids[2], Unreachable::Ended);
    let now = net.now;
    let mind = &mut net.minds.get_mut(&ids[1]).unwrap().group;
    let mut roster = mind.roster.clone().unwrap();
    let mut entry = roster.entry(ids[2]).unwrap().clone();
    entry.name = "carol-2".parse().unwrap();
    let edits = vec![Edit::Admit(ids[2], entry)];
    edits.iter().for_each(|edit| roster.make(edit));
    let change = roster.commit(edits);
    mind.handle_change(ids[0], &change, now);
    net.run_outputs(ids[1]);
    assert_eq!(net.told(ids[1], |event| matches!(event, Event::Renamed { .. })), 0);
}

#[test]
fn an_unlisted_member_that_leaves_and_is_taken_in_later_joins_anew() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob", "carol"]);
    let now = net.now;
    let mind = &mut net.minds.get_mut(&ids[1]).unwrap().group;
    let entry = mind.roster.as_ref().unwrap().entry(ids[2]).unwrap().clone();
    let mut roster = mind.roster.clone().unwrap();
    let mut change = |edit: Edit| {
        roster.make(&edit);
        roster.commit(vec![edit])
    };
    let (drop, admit) = (change(Edit::Drop(ids[2])), change(Edit::Admit(ids[2], entry)));
    mind.handle_change(ids[0], &drop, now);
    let info = mind.reachable[&ids[2]].clone();
    mind.handle_unreachable(ids[2], Unreachable::Ended, now);
    mind.handle_reachable(info, true, now);
    mind.handle_change(ids[0], &admit, now);
    net.run_outputs(ids[1]);
    let of_carol = |event: &Event| match event {
        Event::Joined { id, .. } | Event::Left { id, .. } => *id == ids[2],
        _ => false,
    };
    // Joined, left and joined again.
    assert_eq!(net.told(ids[1], of_carol), 3);
}

#[test]
fn a_newcomer_between_two_groups_and_a_member_of_the_lesser_do_not_answer_each_other_for_ever() {
    let mut net = Net::new();
    let ours = net.start("alice", 0, &[]);
    let bob = net.start("bob", 0, &[ours]);
    let mut newer = net.minds[&ours].group.roster.clone().unwrap();
    newer.begin_epoch(election::Epoch { counter: 9, leader: PeerId::new(Uuid::from_u128(99)) }, net.now.wall);
    let (info, now) = (net.minds[&ours].group.me.clone(), net.now);
    let mine = net.minds[&ours].group.roster.as_ref().map(|roster| roster.version);
    let mind = &mut net.minds.get_mut(&bob).unwrap().group;
    mind.handle_reachable(info, true, now);
    mind.handle_roster(ours, newer, now);
    while mind.poll_output().is_some() {}
    mind.handle_have(ours, mine, now);
    assert!(!std::iter::from_fn(|| mind.poll_output()).any(|output| matches!(output, Output::Send(..))));
}

#[test]
fn a_newcomer_asks_for_one_roster_and_once_to_be_admitted_however_often_the_roster_changes_meanwhile() {
    let mut net = Net::new();
    let ours = net.start("alice", 0, &[]);
    let bob = net.start("bob", 0, &[PeerId::new(Uuid::from_u128(99))]);
    let (info, now) = (net.minds[&ours].group.me.clone(), net.now);
    let mut theirs = net.minds[&ours].group.roster.clone().unwrap();
    let mind = &mut net.minds.get_mut(&bob).unwrap().group;
    mind.handle_reachable(info, true, now);
    let mut sent = Vec::new();
    let mut poll = |mind: &mut Group| {
        sent.extend(std::iter::from_fn(|| mind.poll_output()).filter_map(|output| match output {
            Output::Send(_, message) => Some(message.kind()),
            _ => None,
        }));
    };
    let changes: Vec<_> = (0..3).map(|_| theirs.commit(Vec::new())).collect();
    for change in &changes {
        mind.handle_change(ours, change, now);
        mind.settle(now);
        poll(mind);
    }
    mind.handle_roster(ours, theirs.clone(), now);
    for _ in 0..3 {
        mind.handle_change(ours, &theirs.commit(Vec::new()), now);
        mind.settle(now);
        poll(mind);
    }
    let count = |kind| sent.iter().filter(|sent| **sent == kind).count();
    assert_eq!((count("Pull"), count("Join")), (1, 1), "{sent:?}");
}
