//! What a group does, one statement a test.

use super::*;

fn joined(of: PeerId) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::Joined { id, .. } if *id == of)
}

fn left(of: PeerId) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::Left { id, .. } if *id == of)
}

#[test]
fn the_first_member_leads_and_everybody_is_told_once_who_joins() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob", "carol", "dave"]);
    net.assert_agreed(ids[0], &["alice", "bob", "carol", "dave"]);
    match &net.minds[&ids[3]].outputs[..] {
        [Output::Admitted(members)] => {
            let leaders: Vec<_> = members.iter().filter(|member| member.leader).map(|member| member.id).collect();
            assert_eq!((members.len(), leaders), (4, vec![ids[0]]));
        }
        other => panic!("{other:?}"),
    }
    for (at, id) in ids.iter().enumerate() {
        for (of, other) in ids.iter().enumerate() {
            assert_eq!(net.told(*id, joined(*other)), usize::from(of >= at), "{other} at {id}");
        }
        assert!(matches!(net.minds[id].events[0], Event::Joined { id: me, .. } if me == *id));
        assert!(matches!(&net.minds[id].events[1], Event::Leader(Some(leader)) if leader.id == ids[0]));
    }
}

#[test]
fn any_member_serves_to_join_through() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob"]);
    let carol = net.start("carol", 0, &ids[1..]);
    net.run(500);
    net.assert_agreed(ids[0], &["alice", "bob", "carol"]);
    assert!(net.links.contains(&pair(carol, ids[0])));
}

#[test]
fn a_killed_leader_is_replaced_by_the_oldest_and_announced_once() {
    let mut net = Net::new();
    let mut ids = net.founder_and(&["bob", "carol", "dave", "erin"]);
    let mut names = vec!["alice", "bob", "carol", "dave", "erin"];
    while ids.len() > 1 {
        let dead = ids.remove(0);
        names.remove(0);
        net.kill(dead, Unreachable::Ended);
        net.run(50);
        net.assert_agreed(ids[0], &names);
        for id in &ids {
            assert_eq!(net.told(*id, left(dead)), 1);
            net.unreachable(*id, dead, Unreachable::Gone);
        }
        net.run(400);
        assert!(!net.minds[&ids[0]].group.roster.as_ref().unwrap().contains(dead), "dropped after its grace");
    }
    net.start("frank", 0, &ids);
    net.run(500);
    net.assert_agreed(ids[0], &["erin", "frank"]);
}

#[test]
fn a_name_in_use_is_refused_whatever_its_case() {
    let mut net = Net::new();
    let ids = net.founder_and(&["Bob"]);
    let other = net.start("bOB", 0, &ids[..1]);
    net.run(500);
    assert!(matches!(net.minds[&other].outputs[..], [Output::Refused(NameRefusal::InUse)]));
    assert_eq!(net.names(ids[0]), ["alice", "Bob"]);
}

#[test]
fn a_name_is_free_again_once_its_holder_is_known_to_be_gone() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob"]);
    net.kill(ids[1], Unreachable::Ended);
    let again = net.start("bob", 0, &ids[..1]);
    net.run(1000);
    assert!(net.minds[&again].outputs.is_empty(), "neither admitted nor refused while it may come back");
    net.unreachable(ids[0], ids[1], Unreachable::Gone);
    net.run(1000);
    net.assert_agreed(ids[0], &["alice", "bob"]);
}

#[test]
fn a_newcomer_is_shown_what_was_said_before_once_and_hears_all_that_follows() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob"]);
    net.say(ids[0], "before");
    net.run(100);
    let carol = net.start("carol", 0, &ids[..1]);
    net.run(500);
    net.say(ids[0], "after");
    net.say(carol, "hello");
    net.run(100);
    assert_eq!(net.heard(carol), ["before", "hello", "after"], "one's own at once");
    assert_eq!(net.heard(ids[1]), ["before", "after", "hello"]);
}

#[test]
fn a_stopped_leader_is_replaced_follows_when_it_is_back_and_is_shown_once_what_it_missed() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob", "carol"]);
    net.minds.get_mut(&ids[0]).unwrap().paused = true;
    net.run(1300);
    assert_eq!((net.leader(ids[1]), net.leader(ids[2])), (Some(ids[1]), Some(ids[1])));
    net.say(ids[1], "meanwhile");
    net.run(1000);
    net.minds.get_mut(&ids[0]).unwrap().paused = false;
    net.run(10_000);
    assert_eq!(net.heard(ids[0]), ["meanwhile"]);
    let leader = net.leader(ids[0]);
    assert!(ids.iter().all(|id| net.leader(*id) == leader));
}

#[test]
fn two_halves_of_a_group_become_one_again_and_hear_each_others_lines_once() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob", "carol", "dave", "erin"]);
    net.split(&ids[..2], &ids[2..]);
    net.run(8000);
    assert_eq!(net.names(ids[0]), ["alice", "bob"]);
    assert_eq!(net.names(ids[2]), ["carol", "dave", "erin"]);
    net.say(ids[0], "left");
    net.say(ids[4], "right");
    net.run(100);
    net.heal();
    net.run(20_000);
    let leader = net.leader(ids[0]).unwrap();
    let mut names = net.names(ids[0]);
    names.sort();
    assert_eq!(names, ["alice", "bob", "carol", "dave", "erin"]);
    for id in &ids {
        assert_eq!(net.leader(*id), Some(leader));
        let mut heard = net.heard(*id);
        heard.sort_unstable();
        assert_eq!(heard, ["left", "right"], "at {id}");
    }
}

#[test]
fn where_two_groups_meet_a_name_that_both_have_is_numbered_and_nobody_is_thrown_out() {
    let mut net = Net::new();
    let ours = net.founder_and(&["Bob", "carol"]);
    let theirs = net.start("dave", 0, &[]);
    let bob = net.start("bob", 0, &[theirs]);
    net.run(3000);
    net.minds.get_mut(&theirs).unwrap().dials.insert(ours[0]);
    net.run(20_000);
    let leader = net.leader(ours[0]).unwrap();
    let mut names = net.names(leader);
    names.sort();
    assert_eq!(names, ["Bob", "alice", "bob-2", "carol", "dave"]);
    for id in ours.iter().chain([&theirs, &bob]) {
        assert_eq!((net.leader(*id), net.names(*id).len()), (Some(leader), 5));
    }
    assert_eq!(net.told(bob, |event| matches!(event, Event::Renamed { id, .. } if *id == bob)), 1);
    net.say(bob, "Hi");
    net.run(100);
    let signed = |event: &Event| matches!(event, Event::Message(message) if message.from.as_str() == "bob-2");
    assert_eq!(net.told(ours[0], signed), 1);
}

#[test]
fn peers_that_all_point_at_each_other_make_one_group() {
    let mut net = Net::new();
    let ids: Vec<_> = (1..=5).map(|n| PeerId::new(Uuid::from_u128(n))).collect();
    for n in 1..=5 {
        net.start(&format!("peer{n}"), 0, &ids);
    }
    net.run(1500);
    assert!(ids.iter().all(|id| net.leader(*id).is_none()), "a group that exists has time to show itself");
    net.run(3500);
    let leader = net.leader(ids[0]).unwrap();
    assert!(ids.iter().all(|id| net.leader(*id) == Some(leader) && net.names(*id).len() == 5));
    assert_eq!(leader, ids[0], "of equals the lowest id founds");
}

#[test]
fn who_reaches_nobody_gives_up_and_says_what_became_of_each_address() {
    let mut net = Net::new();
    let nobody = PeerId::new(Uuid::from_u128(99));
    let id = net.start("bob", 0, &[nobody]);
    let now = net.now;
    let group = &mut net.minds.get_mut(&id).unwrap().group;
    group.handle_seed_failed("seed:1".parse().unwrap(), DialError::NobodyThere, now);
    net.run(10_100);
    match &net.minds[&id].outputs[..] {
        [Output::NotJoined(attempts)] => {
            assert_eq!(attempts[..], [("seed:1".parse().unwrap(), Some(DialError::NobodyThere))]);
        }
        other => panic!("{other:?}"),
    }
    assert!(net.leader(id).is_none() && net.minds[&id].events.is_empty());
}

#[test]
fn a_leader_that_leaves_hands_over_first() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob", "carol"]);
    let now = net.now;
    net.minds.get_mut(&ids[0]).unwrap().group.leave(now);
    net.run_outputs(ids[0]);
    net.run(50);
    assert!(matches!(net.minds[&ids[0]].outputs[..], [Output::Admitted(_), Output::Depart]));
    assert_eq!((net.leader(ids[1]), net.leader(ids[2])), (Some(ids[1]), Some(ids[1])));
    net.kill(ids[0], Unreachable::Left);
    net.run(50);
    net.assert_agreed(ids[1], &["bob", "carol"]);
    let gone = |event: &Event| matches!(event, Event::Left { reason: LeftReason::Left, .. });
    assert_eq!(net.told(ids[2], gone), 1);
}

#[test]
fn private_messages_are_acknowledged_or_known_not_to_have_arrived() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob"]);
    let send = |net: &mut Net, to: &str| {
        let now = net.now;
        let sent = net.minds.get_mut(&ids[0]).unwrap().group.msg(to, "psst".into(), now);
        net.run_outputs(ids[0]);
        sent
    };
    let first = send(&mut net, "BOB").unwrap();
    net.run(50);
    let to_bob = |event: &Event| matches!(event, Event::Private(private) if private.id == first);
    assert_eq!((net.told(ids[1], to_bob), net.told(ids[0], to_bob)), (1, 0));
    net.minds.get_mut(&ids[1]).unwrap().paused = true;
    let second = send(&mut net, "bob").unwrap();
    net.run(5100);
    let outcome = |id| {
        let found = |output: &Output| match output {
            Output::Delivered(of, delivered) if *of == id => Some(*delivered),
            _ => None,
        };
        net.minds[&ids[0]].outputs.iter().find_map(found)
    };
    assert_eq!((outcome(first), outcome(second)), (Some(true), Some(false)));
    assert_eq!(send(&mut net, "nobody"), Err(crate::api::MsgError::UnknownMember("nobody".into())));
}

#[test]
fn the_members_are_asked_of_the_leader_and_of_the_next_one_if_it_dies() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob", "carol"]);
    net.minds.get_mut(&ids[0]).unwrap().paused = true;
    let now = net.now;
    net.minds.get_mut(&ids[2]).unwrap().group.request_members(7, now);
    net.run_outputs(ids[2]);
    net.run(20);
    net.kill(ids[0], Unreachable::Ended);
    net.run(50);
    match &net.minds[&ids[2]].outputs[..] {
        [Output::Admitted(_), Output::Members(7, Ok(members))] => {
            assert_eq!((members.leader, members.members.len()), (ids[1], 2));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn two_groups_that_a_third_peer_reaches_become_one() {
    let mut net = Net::new();
    let ours = net.founder_and(&["bob"]);
    let carol = net.start("carol", 0, &[]);
    let dave = net.start("dave", 0, &[carol]);
    net.run(3000);
    let bridge = net.start("erin", 0, &[ours[0], carol]);
    net.run(20_000);
    let leader = net.leader(bridge).unwrap();
    for id in [ours[0], ours[1], carol, dave, bridge] {
        assert_eq!((net.leader(id), net.names(id).len()), (Some(leader), 5), "at {id}");
    }
}
